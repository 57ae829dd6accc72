// Where the website is served from the reader's own machine (make serve), say how to run a chapter.
"use strict";
(() => {
  if (!["localhost", "127.0.0.1", "[::1]"].includes(location.hostname)) return;
  const tools = document.querySelector(".page-tools");
  if (!tools) return;
  const note = document.createElement("p");
  note.className = "live-note";
  const command = document.createElement("code");
  command.textContent = "make lab";
  note.append("To run it live: ", command);
  tools.prepend(note);
})();
