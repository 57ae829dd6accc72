// How MathJax sets the formulas of a page: those in sight first, the rest in portions, so that the
// page answers meanwhile. MathJax's menu is left out: it would make a tab stop of every formula.
"use strict";

(() => {
  const PORTION = 30;

  async function set(elements) {
    await MathJax.typesetPromise(elements);
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
  config.loader = { load: ["core", "input/tex", "output/chtml", "a11y/assistive-mml"] };
  config.startup = {
    typeset: false,
    pageReady: () => MathJax.startup.defaultPageReady().then(all),
  };
})();
