// Moves the figures of the book: a native range input over frames drawn when the site was built.
// No library and no kernel. Without this script a figure shows its first frame.
"use strict";

document.querySelectorAll(".ntk-interact").forEach((figure) => {
  const stage = figure.querySelector(".ntk-stage");
  const inputs = [...figure.querySelectorAll("input[type=range]")];
  const frames = new Map(
    [...figure.querySelectorAll("template")].map((t) => [t.dataset.key, t])
  );

  function show() {
    const key = inputs.map((input) => input.value).join("-");
    stage.replaceChildren(frames.get(key).content.cloneNode(true));
    for (const input of inputs) {
      const text = input.dataset.values.split("|")[Number(input.value)];
      input.setAttribute("aria-valuetext", text);
      input.nextElementSibling.value = text;
    }
  }

  function move(input, value) {
    const bounded = Math.min(Math.max(value, Number(input.min)), Number(input.max));
    if (bounded !== Number(input.value)) {
      input.value = bounded;
      show();
    }
  }

  for (const input of inputs) {
    // Room for the longest value, so that the slider does not change its length under the hand.
    const longest = Math.max(...input.dataset.values.split("|").map((text) => text.length));
    input.nextElementSibling.style.minWidth = `max(4.5rem, ${longest}ch)`;
    input.addEventListener("input", show);
    // Handled here, because some hosts (JupyterLab) take the arrow keys for themselves.
    input.addEventListener("keydown", (event) => {
      const now = Number(input.value);
      const page = Math.max(1, Math.round(Number(input.max) / 5));
      const target = {
        ArrowRight: now + 1, ArrowUp: now + 1, ArrowLeft: now - 1, ArrowDown: now - 1,
        PageUp: now + page, PageDown: now - page, Home: 0, End: Number(input.max),
      }[event.key];
      if (target !== undefined && !event.ctrlKey && !event.metaKey && !event.altKey) {
        event.preventDefault();
        event.stopPropagation();
        move(input, target);
      }
    });
  }
});
