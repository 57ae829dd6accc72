// A place for the answer below each exercise. Python says what is wrong with it, and not what is right.
import { element } from "./outputs.js";
import * as progress from "./progress.js";

const HERE = new URL(".", import.meta.url);
const RIGHT = "Right. Solved.";

class Exercise {
  constructor(cells, box) {
    this.cells = cells;
    this.label = box.id;
    this.title = box.querySelector(".admonition-title").textContent;
    this.input = element("input", { autocomplete: "off", spellcheck: false, required: true });
    this.input.setAttribute("autocapitalize", "off");
    this.said = element("output");
    this.form = element(
      "form",
      { className: "cell-bar answer" },
      element("label", {}, "Your answer ", this.input),
      element("button", { textContent: "Check" }),
      this.said
    );
    this.form.setAttribute("aria-label", this.title);
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.check();
    });
    box.append(this.form);
    progress.follow(() => this.mark());
  }

  // What is shown as solved follows the list; what was said of an answer stays.
  mark() {
    const solved = progress.solved(this.label);
    const { verdict = "solved" } = this.said.dataset;
    if (verdict === "solved") this.say(solved ? "solved" : undefined, solved ? "Solved." : "");
    else if (verdict === "right" && !solved) this.say("right", "Right.");
  }

  say(verdict, words, trace) {
    this.said.textContent = words;
    if (verdict) this.said.dataset.verdict = verdict;
    else delete this.said.dataset.verdict;
    this.trace?.remove();
    this.trace = trace && element("pre", { textContent: trace, tabIndex: 0 });
    if (!trace) return;
    this.trace.setAttribute("role", "group");
    this.trace.setAttribute("aria-label", "Traceback");
    this.form.append(this.trace);
  }

  async check() {
    if (this.busy) return;
    this.busy = true;
    this.say("busy", "Checking …");
    try {
      const page = await import(new URL("page.js", HERE));
      const told = await page.judged(this.cells, this.label, this.input.value);
      if (told) this.tell(told);
      else this.say("unknown", "Not checked.");
    } catch (error) {
      this.say("error", `This answer could not be checked: ${error.message}`);
    } finally {
      this.busy = false;
    }
  }

  tell({ kind, words }) {
    if (kind === "right") {
      this.say(kind, RIGHT);
      progress.add(this.label);
    } else if (kind === "error") {
      const [last] = words.match(/^\w+Error: .*$/m) ?? ["it fails"];
      this.say(kind, `Python cannot compute this. ${last}`, words.trimEnd());
    } else {
      this.say(kind, `Not yet. ${words}`);
    }
  }
}

// Once for each exercise of a page with these cells.
export function offer(cells, boxes) {
  const style = element("link", { rel: "stylesheet", href: String(new URL("exercises.css", HERE)) });
  document.head.append(style);
  const all = [...boxes].filter((box) => !box.querySelector("form"));
  all.forEach((box) => new Exercise(cells, box));
  const labels = all.map((box) => box.id);
  if (all.length) all[0].closest("section").append(progress.line(labels));
}
