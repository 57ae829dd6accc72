// Gives each cell of a chapter its buttons. All else is fetched when one is pressed.
"use strict";

(() => {
  const needs = [window.Worker, window.WebAssembly, window.DecompressionStream];
  if (!needs.every(Boolean) || !location.protocol.startsWith("http")) {
    document.documentElement.classList.add("unable");
    return;
  }
  const files = new URL("live/", document.currentScript.src);
  const cells = [...document.querySelectorAll("div.cell:has(div.cell_input)")];
  let loading;

  // `what` is a method of live/page.js: run, runUpTo, edit, reset, link, shared.
  async function act(what, cell, ...more) {
    loading ??= import(new URL("page.js", files));
    try {
      (await loading)[what](cells, cell, ...more);
    } catch (error) {
      loading = undefined;
      const told = document.createElement("p");
      told.setAttribute("role", "alert");
      told.textContent = `This page's own code could not be fetched (${error.message}). Try again.`;
      cells[cell].querySelector(".cell-bar").after(told);
    }
  }

  const BUTTONS = [
    ["run", "Run", "this cell, after those above it that have not run"],
    ["runUpTo", "Run up to here", "with new variables"],
    ["edit", "Edit", ""],
    ["link", "Link", "to this cell with your code"],
    ["reset", "Reset", "to the code and the output of the book"],
  ];
  cells.forEach((cell, number) => {
    const bar = document.createElement("div");
    bar.className = "cell-bar";
    bar.setAttribute("role", "group");
    bar.setAttribute("aria-label", `Cell ${number + 1}`);
    for (const [what, words, more] of BUTTONS) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = what;
      button.textContent = words;
      button.title = more ? `${words}: ${more}` : words;
      button.setAttribute("aria-label", `${words}, cell ${number + 1}`);
      button.hidden = what === "link" || what === "reset";
      button.addEventListener("click", () => act(what, number));
      bar.append(button);
    }
    cell.querySelector("div.cell_input").after(bar);
  });

  // Places for answers, which are fetched once an exercise is near.
  const exercises = document.querySelectorAll(".exercise[id^=ex-]");
  const near = new IntersectionObserver(
    async (seen) => {
      if (!seen.some((one) => one.isIntersecting)) return;
      const { offer } = await import(new URL("exercises.js", files));
      near.disconnect();
      offer(cells, exercises);
    },
    { rootMargin: "900px" }
  );
  exercises.forEach((box) => near.observe(box));

  // A link that carries code: it is shown in the editor, and not run.
  function open() {
    const given = new URLSearchParams(location.hash.slice(1));
    const number = Number(given.get("cell"));
    if (given.has("code") && cells[number - 1]) act("shared", number - 1, given.get("code"));
  }
  window.addEventListener("hashchange", open);
  open();
})();
