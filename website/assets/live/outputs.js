// What a run prints and draws, in place of what the book printed and drew.

const ALLOWED_URL = /^(#|data:image\/(png|jpeg|gif|webp);)/;
const FORBIDDEN =
  "script, style, link, meta, base, iframe, frame, object, embed, form, template, foreignObject, animate, set";

// Markup that a reader's code made, without what could act on the page or ask for anything.
export function sanitized(markup) {
  const { body } = new DOMParser().parseFromString(markup, "text/html");
  body.querySelectorAll(FORBIDDEN).forEach((part) => part.remove());
  for (const part of body.querySelectorAll("*")) {
    for (const { name, value } of [...part.attributes]) {
      const address = /^(xlink:)?href$|^src$|^action$|^srcset$|^poster$/i.test(name);
      const asks = name === "style" && /url|image|position/i.test(value);
      if (name.startsWith("on") || asks || (address && !ALLOWED_URL.test(value.trim()))) {
        part.removeAttribute(name);
      }
    }
  }
  const fragment = document.createDocumentFragment();
  fragment.append(...body.childNodes);
  return fragment;
}

export function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

export class Outputs {
  // `draw(prefix, chosen)` promises a frame of a figure with sliders.
  constructor(cell, draw) {
    this.cell = cell;
    this.draw = draw;
    this.built = cell.querySelector("div.cell_output");
  }

  // Empty, and marked as the reader's own.
  begin(edited) {
    this.restore();
    const words = edited ? "Output of your code" : "Output of your run";
    this.own = element("div", { className: "cell_output own" });
    this.own.append(element("p", { className: "own-mark", textContent: words }));
    this.built?.classList.add("replaced");
    // Captions stay, below what they speak of.
    if (this.built) this.built.prepend(this.own);
    else this.cell.append(this.own);
  }

  add({ kind, text, name }) {
    if (kind === "html" || kind === "sliders") {
      const box = element("div", { className: "output text_html" });
      box.append(sanitized(text));
      this.own.append(box);
      if (kind === "sliders") this.slide(box, name);
      return;
    }
    const last = this.own.lastElementChild;
    if (last.dataset.kind === kind && kind.startsWith("std")) {
      last.querySelector("pre").append(text);
      return;
    }
    const pre = element("pre", { textContent: text, tabIndex: kind === "error" ? 0 : -1 });
    const box = element("div", { className: `output ${kind}` });
    box.dataset.kind = kind;
    box.append(kind === "failed" ? element("p", { textContent: text }) : element("div", { className: "highlight" }, pre));
    this.own.append(box);
  }

  // The sliders of a figure ask Python for their frames; a reader may also write a value.
  slide(box, prefix) {
    const stage = box.querySelector(".ntk-stage");
    const inputs = [...box.querySelectorAll("input[type=range]")];
    const complaint = element("p", { className: "own-complaint" });
    complaint.setAttribute("role", "status");
    const written = inputs.map((input) => this.field(input, () => show()));
    box.append(complaint);
    let busy = false, again = false;
    const show = async () => {
      again = busy;
      if (busy) return;
      busy = true;
      const chosen = inputs.map((input, i) => written[i].value.trim() || Number(input.value));
      inputs.forEach((input, i) => {
        const value = written[i].value.trim() || input.dataset.values.split("|")[Number(input.value)];
        input.setAttribute("aria-valuetext", value);
        input.nextElementSibling.value = value;
      });
      try {
        stage.replaceChildren(sanitized(await this.draw(prefix, chosen)));
        complaint.textContent = "";
      } catch (error) {
        complaint.textContent = error.message.trim().split("\n").at(-1);
      }
      busy = false;
      if (again) show();
    };
    inputs.forEach((input, i) =>
      input.addEventListener("input", () => {
        written[i].value = "";
        show();
      })
    );
  }

  // A place for a value beyond those prepared, where they are numbers.
  field(input, changed) {
    const field = element("input", { type: "text", className: "own-value", placeholder: "other" });
    const numbers = input.dataset.values.split("|").every((one) => /^[−-]?[\d.]+(e[−+-]?\d+)?$/.test(one));
    if (!numbers) return field;
    field.inputMode = "decimal";
    field.setAttribute("aria-label", `Another value of ${input.labels[0].textContent}`);
    field.addEventListener("change", changed);
    input.nextElementSibling.after(field);
    return field;
  }

  restore() {
    this.own?.remove();
    this.own = undefined;
    this.built?.classList.remove("replaced");
  }
}
