// Shows what a link leads to beside the link: a statement, a formula, a source, a function.
// What can be shown is in previews.js, which website/page/previews.py writes. On hover and on focus; Escape closes it, and the pointer may move into it.
"use strict";

(() => {
  const root = new URL(document.documentElement.dataset.content_root || "./", location.href);
  let box = null;
  let owner = null;
  let timer = 0;

  // A page without formulas has no MathJax until a preview brings one.
  async function typeset() {
    if (!box.querySelector(".math:not(.set)")) return;
    if (window.MathJax?.typesetPromise) {
      await MathJax.typesetPromise([box]);
    } else {
      const ready = new Promise((done) => document.addEventListener("maths-ready", done, { once: true }));
      await fetched("mathjax_config.js");
      await fetched("maths.js");
      await fetched("vendor/mathjax/startup.js");
      await ready;
    }
    box.querySelectorAll(".math").forEach((formula) => formula.classList.add("set"));
  }

  // The part that a link leads to, as markup; undefined where there is nothing to show.
  async function content(link) {
    const [address, anchor] = link.href.split("#");
    if (!address.startsWith(root.href)) return undefined;
    await fetched("previews.js");
    return window.PREVIEWS[`${address.slice(root.href.length)}#${decodeURIComponent(anchor)}`];
  }

  function hide() {
    clearTimeout(timer);
    owner?.removeAttribute("aria-describedby");
    owner = null;
    box?.remove();
    box = null;
  }

  async function show(link) {
    if (owner === link) return;
    hide();
    owner = link;
    const html = await content(link);
    if (!html) return;
    await fetched("vendor/floating-ui/core.js");
    await fetched("vendor/floating-ui/dom.js");
    if (owner !== link) return;
    box = document.createElement("div");
    box.className = box.id = "preview";
    box.setAttribute("role", "tooltip");
    box.innerHTML = html;
    // Links in a tooltip cannot be reached by keyboard: they are words here.
    box.querySelectorAll("a").forEach((a) => a.removeAttribute("href"));
    box.addEventListener("pointerenter", () => clearTimeout(timer));
    box.addEventListener("pointerleave", later);
    document.querySelector("article").append(box);
    const shown = box;
    await typeset();
    if (shown !== box) return;
    const { computePosition, flip, offset, shift } = window.FloatingUIDOM;
    const at = await computePosition(link, box, {
      placement: "bottom-start",
      middleware: [offset(6), flip(), shift({ padding: 12 })],
    });
    if (shown !== box) return;
    Object.assign(box.style, { left: `${at.x}px`, top: `${at.y}px` });
    box.classList.add("shown");
    link.setAttribute("aria-describedby", "preview");
  }

  function later() {
    clearTimeout(timer);
    timer = setTimeout(hide, 250);
  }

  const linkOf = (event) => event.target.closest?.("article a.internal[href*='#']");

  document.addEventListener("pointerover", (event) => {
    const link = linkOf(event);
    if (!link || event.pointerType === "touch" || link.closest(".preview")) return;
    clearTimeout(timer);
    timer = setTimeout(() => show(link), 150);
  });
  document.addEventListener("pointerout", (event) => {
    if (linkOf(event)) later();
  });
  document.addEventListener("focusin", (event) => {
    const link = linkOf(event);
    if (link?.matches(":focus-visible")) show(link);
  });
  document.addEventListener("focusout", (event) => {
    if (event.target === owner) hide();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") hide();
  });
})();
