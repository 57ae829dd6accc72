// The editor of the book's cells: what tools/vendor.py bundles into one file, website/assets/vendor.
import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { localCompletionSource, globalCompletion, python } from "@codemirror/lang-python";
import { bracketMatching, HighlightStyle, indentUnit, syntaxHighlighting } from "@codemirror/language";
import { EditorState, Prec } from "@codemirror/state";
import { drawSelection, EditorView, keymap } from "@codemirror/view";
import { tags } from "@lezer/highlight";

// Colors come from the page's style, which has one for each of its modes.
const colors = HighlightStyle.define([
  { tag: [tags.keyword, tags.operatorKeyword], class: "ed-keyword" },
  { tag: [tags.string, tags.special(tags.string)], class: "ed-string" },
  { tag: [tags.number, tags.bool, tags.null], class: "ed-number" },
  { tag: tags.comment, class: "ed-comment" },
  { tag: [tags.definition(tags.variableName), tags.function(tags.variableName)], class: "ed-name" },
]);

// An editor in `parent`. `keys` are bindings that come first; `complete`, given a name with dots
// as far as it is written, promises the names that go on from there.
export function open(parent, { text, label, keys, changed, complete }) {
  const names = async (context) => {
    const before = context.matchBefore(/[\w.]+/);
    if (!before || (!context.explicit && !before.text.includes("."))) return null;
    const found = await complete(before.text);
    const from = before.from + before.text.lastIndexOf(".") + 1;
    return found.length ? { from, options: found.map((name) => ({ label: name })) } : null;
  };
  const view = new EditorView({
    parent,
    state: EditorState.create({
      doc: text,
      extensions: [
        // Escape leaves the editor, but first closes a list of completions.
        keymap.of(completionKeymap),
        Prec.high(keymap.of(keys)),
        history(),
        drawSelection(),
        bracketMatching(),
        closeBrackets(),
        python(),
        EditorState.tabSize.of(4),
        indentUnit.of("    "),
        autocompletion({ override: [names, localCompletionSource, globalCompletion] }),
        syntaxHighlighting(colors),
        keymap.of([...closeBracketsKeymap, ...historyKeymap, indentWithTab, ...defaultKeymap]),
        EditorView.contentAttributes.of({ "aria-label": label, spellcheck: "false" }),
        EditorView.updateListener.of((update) => update.docChanged && changed()),
      ],
    }),
  });
  return {
    focus: () => view.focus(),
    text: () => view.state.doc.toString(),
    replace: (doc) => view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: doc } }),
    close: () => view.destroy(),
  };
}
