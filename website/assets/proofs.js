// Steps of a proof that Coq has read: loaded when a reader opens the line below the proof.
"use strict";

(() => {
  // A sentence of the text and its steps light up together; a click leads to the first of them.
  function join(place, box) {
    for (const sentence of place.querySelectorAll(".said")) {
      const [, number] = sentence.className.match(/said-(\d+)/);
      const rows = [...box.querySelectorAll("li[data-said]")].filter((row) =>
        row.dataset.said.split(" ").includes(number)
      );
      if (!rows.length) continue;
      const light = (on) => [sentence, ...rows].forEach((one) => one.classList.toggle("lit", on));
      const open = () => {
        rows[0].closest(".theorem").open = true;
        move(rows[0]);
      };
      sentence.tabIndex = 0;
      sentence.addEventListener("click", open);
      sentence.addEventListener("keydown", (event) => event.key === "Enter" && open());
      for (const one of [sentence, ...rows]) {
        for (const name of ["pointerenter", "focusin"]) one.addEventListener(name, () => light(true));
        for (const name of ["pointerleave", "focusout"]) one.addEventListener(name, () => light(false));
      }
    }
  }

  function move(row) {
    const step = row?.querySelector(":scope > details");
    if (!step) return;
    step.open = true;
    step.firstElementChild.focus();
  }

  function keys(event) {
    const row = event.target.closest("summary") && event.target.closest(".steps li");
    const other = row && { ArrowDown: row.nextElementSibling, ArrowUp: row.previousElementSibling }[event.key];
    if (other) {
      event.preventDefault();
      move(other);
    }
  }

  for (const line of document.querySelectorAll(".machine[data-steps]")) {
    const link = line.querySelector("a");
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = link.textContent;
    button.setAttribute("aria-expanded", "false");
    link.replaceWith(button);
    let box = null;
    button.addEventListener("click", async () => {
      if (!box) {
        const label = line.dataset.steps;
        box = document.createElement("div");
        line.append(box);
        await Promise.all(["proofs.css", `proofs/${label}.js`].map(fetched));
        box.innerHTML = window.STEPS[label];
        box.addEventListener("keydown", keys);
        const text = document.createElement("p");
        text.className = "source";
        link.textContent = "The file, with all its states, as text";
        text.append(link);
        box.firstElementChild.append(text);
        join(line.previousElementSibling, box);
      } else {
        box.hidden = !box.hidden;
      }
      button.setAttribute("aria-expanded", String(!box.hidden));
    });
  }
})();
