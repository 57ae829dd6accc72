// On the map of the book: point at a statement, and what it rests on and what rests on it lights up.
"use strict";
(() => {
  const map = document.querySelector(".statement-map");
  if (!map) return;
  const lines = [...map.querySelectorAll("path")];

  // All that is reached from a label along the lines, on the way from one end to the other.
  function reached(label, from, to) {
    const found = new Set([label]);
    for (const one of found) {
      lines.filter((line) => line.dataset[from] === one).forEach((line) => found.add(line.dataset[to]));
    }
    return found;
  }

  function light(label) {
    const before = label ? reached(label, "to", "from") : new Set();
    const after = label ? reached(label, "from", "to") : new Set();
    const way = (line, set) => set.has(line.dataset.from) && set.has(line.dataset.to);
    map.classList.toggle("lit", Boolean(label));
    lines.forEach((line) => line.classList.toggle("on", way(line, before) || way(line, after)));
    map.querySelectorAll("a").forEach(({ dataset, classList }) =>
      classList.toggle("on", before.has(dataset.label) || after.has(dataset.label)));
  }

  map.addEventListener("pointerover", (event) => light(event.target.closest("a")?.dataset.label));
  map.addEventListener("pointerleave", () => light(""));
})();
