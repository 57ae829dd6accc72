// What every page does once it is read: folds, wide formulas, previews, printing, search.
"use strict";

// Summaries of search results are fetched from the pages, which a browser refuses for files.
if (location.protocol === "file:" && typeof DOCUMENTATION_OPTIONS !== "undefined") {
  DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
}

const query = document.querySelector(".bd-search-container input[type=search]");
if (query) {
  query.focus();
}

// A script or a style of this site, by its name in _static, once; what did not come may be asked for
// again.
{
  const root = new URL(document.documentElement.dataset.content_root || "./", location.href);
  const parts = new Map();
  window.fetched = (name) => {
    if (!parts.has(name)) {
      parts.set(name, new Promise((done, fail) => {
        const style = name.endsWith(".css");
        const part = document.createElement(style ? "link" : "script");
        part[style ? "href" : "src"] = new URL(`_static/${name}`, root);
        if (style) part.rel = "stylesheet";
        part.onload = done;
        part.onerror = () => {
          parts.delete(name);
          fail(new Error(`${name} did not load`));
        };
        document.head.append(part);
      }));
    }
    return parts.get(name);
  };
}

// What shows a link's target beside it is fetched when pointer or focus first comes to a link, and
// then answers the same event.
const COMES = ["pointerover", "focusin"];
async function preview(event) {
  if (!event.target.closest?.("article a.internal[href*='#']")) return;
  COMES.forEach((kind) => document.removeEventListener(kind, preview));
  await fetched("preview.js");
  const still = event.target.matches(":hover, :focus");
  if (still) event.target.dispatchEvent(new event.constructor(event.type, event));
}
COMES.forEach((kind) => document.addEventListener(kind, preview));

// The words of a search are marked on the pages that it found.
function searched() {
  try {
    return localStorage.getItem("sphinx_highlight_terms");
  } catch {
    return null; // a browser that keeps nothing
  }
}
if (!document.getElementById("search-results") && searched()) fetched("sphinx_highlight.js");

// A link into a folded part opens it.
function unfold() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  for (let fold = target?.closest("details"); fold; fold = fold.parentElement.closest("details")) {
    fold.open = true;
  }
}
window.addEventListener("hashchange", unfold);
unfold();

// What has a number can be cited. What the button opens is fetched when one is first pressed.
for (const link of document.querySelectorAll("article :is(.admonition-title, figcaption p) > a.headerlink")) {
  const number = link.parentElement.querySelector(".caption-number");
  if (!number) continue;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "cite";
  button.textContent = "Cite";
  button.setAttribute("aria-label", `Cite ${number.textContent.trim()}`);
  button.setAttribute("aria-expanded", "false");
  button.addEventListener("click", async () => {
    await fetched("cite-data.js");
    await Promise.all(["cite.css", "cite.js"].map(fetched));
    window.cite(button);
  });
  link.after(button);
}

// Paper shows everything.
let folded = [];
window.addEventListener("beforeprint", () => {
  folded = [...document.querySelectorAll("details:not([open])")];
  folded.forEach((fold) => (fold.open = true));
});
window.addEventListener("afterprint", () => folded.forEach((fold) => (fold.open = false)));

// Width of what stands with a formula on its line: brackets before it, marks after it.
function beside(formula) {
  const glue = formula.closest(".glue");
  return [...(glue?.childNodes ?? [])].reduce((sum, node) => {
    if (node.nodeType !== Node.TEXT_NODE) return sum;
    const range = document.createRange();
    range.selectNode(node);
    return sum + range.getBoundingClientRect().width;
  }, 0);
}

// A formula within a line that is wider than the lines gets one of its own, and scrolls.
function widen(formulas) {
  const sizes = [...formulas].map((formula) => {
    const block = formula.closest("p, li, dd, dt, td, th, h1, h2, h3, h4, summary, div");
    const taken = Math.ceil(beside(formula));
    const width = formula.querySelector("mjx-math")?.getBoundingClientRect().width;
    return { taken, wide: block?.clientWidth > 0 && width > block.clientWidth - taken + 1 };
  });
  [...formulas].forEach((formula, i) => {
    formula.classList.toggle("wide", sizes[i].wide);
    if (sizes[i].wide) formula.style.setProperty("--beside", `${sizes[i].taken}px`);
  });
}
document.addEventListener("maths-set", (event) =>
  widen(event.detail.filter((formula) => formula.localName === "span"))
);

// What scrolls sideways can be reached by keyboard and has a name.
const WIDE = {
  "div.math > mjx-container, span.math.wide > mjx-container": "Formula",
  ".pst-scrollable-table-container": "Table",
  "div.highlight pre, dl.py > dt": "Code",
};
// The end at which there is more to see fades out.
function fade(box) {
  box.classList.toggle("more-before", box.scrollLeft > 1);
  box.classList.toggle("more-after", box.scrollLeft + box.clientWidth < box.scrollWidth - 1);
}
document.addEventListener(
  "scroll",
  (event) => event.target.getAttribute?.("role") === "group" && fade(event.target),
  { capture: true, passive: true }
);
function reachable() {
  for (const [boxes, kind] of Object.entries(WIDE)) {
    for (const box of document.querySelectorAll(`main :is(${boxes})`)) {
      if (box.scrollWidth > box.clientWidth + 1 && box.clientWidth) {
        const number = box.parentElement.querySelector(":scope > .eqno")?.firstChild.textContent;
        box.tabIndex = 0;
        box.setAttribute("role", "group");
        box.setAttribute("aria-label", `${kind}${number ? ` ${number}` : ""}, scrolls sideways`);
        fade(box);
      } else if (box.getAttribute("role") === "group") {
        ["tabindex", "role", "aria-label"].forEach((name) => box.removeAttribute(name));
        box.classList.remove("more-before", "more-after");
      }
    }
  }
}
let waiting = 0;
window.addEventListener("resize", () => {
  clearTimeout(waiting);
  waiting = setTimeout(() => {
    widen(document.querySelectorAll("main span.math.set"));
    reachable();
  }, 200);
});
window.addEventListener("load", reachable);
document.addEventListener("maths-ready", reachable);
document.addEventListener("toggle", reachable, true);
