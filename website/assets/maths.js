// How MathJax sets the formulas of a page: those in sight first, the rest in portions, so that the
// page answers meanwhile. MathJax's menu is left out: it would make a tab stop of every formula.
"use strict";

(() => {
  const PORTION = 60;

  async function set(elements) {
    await MathJax.typesetPromise(elements);
    // Layout asks for the fonts; until they are there, formulas in other letters would push the text.
    document.body.getBoundingClientRect();
    await document.fonts.ready;
    elements.forEach((element) => element.classList.add("set"));
    document.dispatchEvent(new CustomEvent("maths-set", { detail: elements }));
  }

  async function all() {
    const waiting = new Set(document.querySelectorAll(".math"));
    const inSight = [...waiting].filter((element) => {
      const box = element.getBoundingClientRect();
      return box.bottom > -200 && box.top < window.innerHeight + 400;
    });
    await set(inSight);
    document.dispatchEvent(new Event("maths-in-sight"));
    inSight.forEach((element) => waiting.delete(element));
    const rest = [...waiting];
    while (rest.length) {
      await set(rest.splice(0, PORTION));
      await new Promise((resume) => setTimeout(resume));
    }
    document.documentElement.dataset.maths = "ready";
    document.dispatchEvent(new Event("maths-ready"));
  }

  const config = window.MathJax;
  // By the width at the start, the same as in page.css: a display that was set for another one scrolls.
  if (window.matchMedia("(max-width: 767px)").matches)
    config.tex.macros.phonebreak = "\\\\&\\quad{}"; // a line too in website/tex.py
  config.loader = { load: ["core", "input/tex", "output/chtml", "a11y/assistive-mml"] };
  // Not by the height of the reader's letters: how wide a formula will be is known beforehand.
  config.chtml = { matchFontHeight: false, scale: 1.12 }; // the same number in website/tex.py
  config.startup = {
    typeset: false,
    pageReady: () => MathJax.startup.defaultPageReady().then(all),
  };
})();
