// What every page does once it is read: folds, wide formulas, previews, printing, search.
"use strict";

// Summaries of search results are fetched from the pages, which a browser refuses for files.
if (location.protocol === "file:" && window.DOCUMENTATION_OPTIONS) {
  DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
}

const query = document.querySelector(".bd-search-container input[type=search]");
if (query) {
  query.focus();
}

// A link into a folded part opens it.
function unfold() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  for (let fold = target?.closest("details"); fold; fold = fold.parentElement.closest("details")) {
    fold.open = true;
  }
}
window.addEventListener("hashchange", unfold);
unfold();

// Paper shows everything.
let folded = [];
window.addEventListener("beforeprint", () => {
  folded = [...document.querySelectorAll("details:not([open])")];
  folded.forEach((fold) => (fold.open = true));
});
window.addEventListener("afterprint", () => folded.forEach((fold) => (fold.open = false)));

// What scrolls sideways can be reached by keyboard and has a name.
const WIDE = {
  "div.math > mjx-container, span.math.wide > mjx-container": "Formula",
  ".pst-scrollable-table-container": "Table",
  "div.highlight pre, dl.py > dt": "Code",
};
function reachable() {
  for (const formula of document.querySelectorAll("main span.math")) {
    const room = formula.closest("p, li, dd, dt, td, th, h1, h2, h3, h4, summary, div")?.clientWidth;
    const needed = formula.querySelector("mjx-math")?.getBoundingClientRect().width;
    formula.classList.toggle("wide", room > 0 && needed > room);
  }
  for (const [boxes, kind] of Object.entries(WIDE)) {
    for (const box of document.querySelectorAll(`main :is(${boxes})`)) {
      if (box.scrollWidth > box.clientWidth + 1 && box.clientWidth) {
        const number = box.parentElement.querySelector(":scope > .eqno")?.firstChild.textContent;
        box.tabIndex = 0;
        box.setAttribute("role", "group");
        box.setAttribute("aria-label", `${kind}${number ? ` ${number}` : ""}, scrolls sideways`);
      } else if (box.getAttribute("role") === "group") {
        ["tabindex", "role", "aria-label"].forEach((name) => box.removeAttribute(name));
      }
    }
  }
}
let waiting = 0;
function later() {
  clearTimeout(waiting);
  waiting = setTimeout(reachable, 400);
}
window.addEventListener("resize", later);
window.addEventListener("load", later);
document.addEventListener("toggle", later, true);
document.addEventListener("maths-ready", later);
