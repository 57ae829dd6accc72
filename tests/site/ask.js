// What checks.py asks an open page: each function returns faults, one sentence each.
"use strict";

function maths() {
  const faults = [];
  for (const formula of document.querySelectorAll("main .math")) {
    if (!formula.querySelector("mjx-container"))
      faults.push(`not set: ${formula.textContent.trim().slice(0, 80)}`);
  }
  for (const error of document.querySelectorAll("mjx-merror, [data-mml-node=merror]"))
    faults.push(`an error: ${error.getAttribute("data-mjx-error") || error.textContent}`);
  for (const part of document.querySelectorAll("mjx-container *")) {
    const style = getComputedStyle(part);
    if (style.color === "rgb(255, 0, 0)")
      faults.push(`in red: ${part.closest("mjx-container").textContent.slice(0, 80)}`);
  }
  return [...new Set(faults)];
}

function overflow() {
  const root = document.documentElement, width = root.clientWidth, faults = [];
  if (root.scrollWidth > width) faults.push(`the page is ${root.scrollWidth} px wide`);
  const scrolls = (e) => /auto|scroll/.test(getComputedStyle(e).overflowX);
  const inside = (e) => { for (e = e.parentElement; e; e = e.parentElement)
    if (e !== document.body && e !== root && scrolls(e)) return true; return false; };
  for (const e of document.querySelectorAll("main *")) {
    if (e.closest("svg svg, mjx-assistive-mml, template") || e.closest("svg") !== e && e.closest("svg")) continue;
    const box = e.getBoundingClientRect();
    const clips = /hidden|clip/.test(getComputedStyle(e).overflowX) && !e.closest(".math, svg");
    if (clips && e.clientWidth > 1 && e.scrollWidth > e.clientWidth + 1)
      faults.push(`<${e.localName} class="${e.className}"> cuts off: ${e.textContent.trim().slice(0, 60)}`);
    const seen = e.checkVisibility({visibilityProperty: true}) && box.left < width;
    if (seen && box.width > 1 && box.height > 1 && box.right > width + 1 && !inside(e))
      faults.push(`<${e.localName} class="${e.className}"> ends at ${Math.round(box.right)} px: ${e.textContent.trim().slice(0, 60)}`);
  }
  return faults.slice(0, 10);
}

function phonebreaks() {
  const shut = [...document.querySelectorAll("main details:not([open])")];
  shut.forEach((one) => (one.open = true));
  const ends = innerWidth < 768 ? /\\\\|\\phonebreak/ : /\\\\/;
  const faults = [...(window.MathJax?.startup?.document.math ?? [])].flatMap(({math, typesetRoot: box}) => {
    if (!math.includes("\\phonebreak")) return [];
    const lines = math.split(ends).length, rows = box.querySelectorAll("mjx-mtr:not(:has(mjx-mtr))").length;
    const wide = box.scrollWidth - box.clientWidth;
    return [rows !== lines && `${rows} lines, not ${lines}: ${math}`,
      wide > 1 && `${wide} px too wide: ${math}`].filter(Boolean);
  });
  shut.forEach((one) => (one.open = false));
  return faults;
}

function sliders() {
  const faults = [];
  document.querySelectorAll(".ntk-interact").forEach((figure, n) => {
    const say = (what) => faults.push(`figure ${n + 1}: ${what}`);
    const inputs = [...figure.querySelectorAll("input[type=range]")];
    const stage = figure.querySelector(".ntk-stage");
    const frames = new Map([...figure.querySelectorAll("template")].map(
      (t) => [t.dataset.key, t.innerHTML]));
    const shown = () => stage.innerHTML;
    if (!inputs.length) say("no slider");
    const sizes = inputs.map((input) => Number(input.max) + 1);
    const total = sizes.reduce((a, b) => a * b, 1);
    if (frames.size !== total) say(`${frames.size} frames for ${total} values`);
    if (new Set(frames.values()).size < 2) say("all frames are the same");
    for (const input of inputs) {
      const words = input.dataset.values.split("|");
      if (!input.labels.length || !input.labels[0].textContent.trim()) say("no label");
      if (new Set(words).size !== words.length) say(`values repeat: ${words}`);
      if (words.length !== Number(input.max) + 1) say("values and range differ");
    }
    const start = inputs.map((input) => input.value);
    if (shown() !== frames.get(start.join("-"))) say("does not start at its value");
    for (let k = 0; k < total; k++) {
      let rest = k;
      inputs.forEach((input, i) => { input.value = rest % sizes[i]; rest = Math.floor(rest / sizes[i]); });
      inputs[0].dispatchEvent(new Event("input", {bubbles: true}));
      const key = inputs.map((input) => input.value).join("-");
      if (shown() !== frames.get(key)) say(`at ${key} another frame is shown`);
      if (!stage.querySelector("svg")?.ariaLabel) say(`at ${key} the frame has no words`);
      for (const input of inputs) {
        const words = input.dataset.values.split("|")[Number(input.value)];
        if (input.ariaValueText !== words) say(`at ${key} announces ${input.ariaValueText}, not ${words}`);
        if (input.parentElement.querySelector("output")?.value !== words) say(`at ${key} does not show ${words}`);
      }
    }
    inputs.forEach((input, i) => (input.value = start[i]));
    inputs[0]?.dispatchEvent(new Event("input", {bubbles: true}));
  });
  return faults;
}

function motion() {
  const long = (times) => times.split(",").some((t) => parseFloat(t) > 0.01);
  return [...document.querySelectorAll("*")].filter((e) => {
    const style = getComputedStyle(e);
    return long(style.transitionDuration) || style.scrollBehavior === "smooth"
      || (style.animationName !== "none" && long(style.animationDuration));
  }).map((e) => `<${e.localName} class="${e.className}"> moves`);
}

function folds() {
  return [...document.querySelectorAll("main details")].filter((fold) =>
  [...fold.children].slice(1).some((part) => !part.matches(".cell-bar") && !part.checkVisibility()))
  .map((fold) => `folded: ${fold.querySelector("summary").textContent.trim()}`);
}

function unscripted() {
  const seen = (e) => e && e.checkVisibility({visibilityProperty: true, opacityProperty: true})
    && e.getBoundingClientRect().height > 0;
  // What a ledger repeats, it repeats on phones only.
  const all = (what) => [...document.querySelectorAll(":is(article, main:not(:has(article))) " + what)]
    .filter((e) => !e.closest("details:not([open]), .again"));
  return [
    ...all("figure").filter((e) => !seen(e.querySelector("svg, img, table, pre")))
      .map((e) => `a figure shows nothing`),
    ...[...document.querySelectorAll("details.proof")].filter((e) => !seen(e.children[1]))
      .map((e) => `a proof is folded`),
    ...all(".math").filter((e) => !seen(e))
      .map((e) => `hidden: ${e.textContent.trim().slice(0, 60)}`),
  ];
}

function texts() {
  const skip = "pre, code, script, style, template, noscript, mjx-container, textarea";
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = [document.title];
  while (walker.nextNode()) {
    if (!walker.currentNode.parentElement.closest(skip)) found.push(walker.currentNode.data);
  }
  return found;
}

// Marks and brackets that a line end separates from their formula.
function torn() {
  const faults = [];
  const walker = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT,
    (n) => n.data && !n.parentElement.closest("mjx-container, template, svg, .eqno, .label")
      ? NodeFilter.FILTER_ACCEPT : NodeFilter.FILTER_REJECT);
  const edge = (node, at) => {
    const range = document.createRange();
    range.setStart(node, at);
    range.setEnd(node, at + 1);
    return range.getBoundingClientRect();
  };
  const say = (formula, text) => faults.push(
    `torn from ${formula.querySelector("mjx-assistive-mml")?.textContent}: ${text.slice(0, 20)}`);
  for (const formula of document.querySelectorAll("main span.math")) {
    if (!formula.checkVisibility({visibilityProperty: true})) continue;
    const box = formula.getBoundingClientRect(), block = formula.closest("p, li, dd, td, summary");
    walker.currentNode = formula;
    const before = walker.previousNode();
    walker.currentNode = formula;
    // The words of the formula itself are rejected, so the next are those behind it.
    const after = walker.nextNode();
    if (after && block?.contains(after) && /^[.,;:!?)\]’”]/.test(after.data)
        && edge(after, 0).left < box.left) say(formula, after.data);
    const last = before?.data.length - 1;
    if (before && block?.contains(before) && /[(\[“‘]$/.test(before.data)
        && edge(before, last).left > box.left + 1) say(formula, before.data.slice(-20));
  }
  return faults;
}

// Tables of words that one would have to push sideways.
function wideTables() {
  return [...document.querySelectorAll("main table.cards")]
  .filter((table) => table.scrollWidth > table.parentElement.clientWidth + 1)
  .map((table) => `a table is ${table.scrollWidth} px wide: ${table.textContent.slice(0, 40)}`);
}

// Boxes that scroll sideways and do not fade where they go on, or fade where they do not.
function unfaded() {
  return [...document.querySelectorAll("main [role=group]")]
  .filter((box) => box.scrollWidth > box.clientWidth + 1 && box.checkVisibility())
  .filter((box) => (box.scrollLeft + box.clientWidth < box.scrollWidth - 1)
    !== /linear-gradient\(to left/.test(getComputedStyle(box).maskImage))
  .map((box) => `looks cut: ${box.textContent.trim().slice(0, 60)}`);
}
