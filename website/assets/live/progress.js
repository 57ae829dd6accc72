// Which exercises of the book a reader has solved: their labels, in the storage of this browser.
import { element } from "./outputs.js";

const KEY = "solved";
const LABEL = /^ex-[a-z_]+-\d+$/;
const MOST = 100_000; // bytes of a file
const REFUSED = "This browser keeps nothing for this page: what you solve is known until you leave.";

let labels = new Set();
let refused = false;
const hearers = [];

// Takes over what this page or another one of the book has written.
function read() {
  try {
    labels = new Set(JSON.parse(localStorage.getItem(KEY) ?? "[]").filter((one) => LABEL.test(one)));
  } catch (error) {
    // What cannot be read as a list is none; storage may be refused, and then the page remembers.
    refused = !(error instanceof SyntaxError || error instanceof TypeError);
    if (!refused) labels = new Set();
  }
}

function write() {
  try {
    if (labels.size) localStorage.setItem(KEY, JSON.stringify([...labels].sort()));
    else localStorage.removeItem(KEY);
    refused = false;
  } catch {
    refused = true; // and the line below the exercises says so
  }
  hearers.forEach((hear) => hear());
}

export const solved = (label) => labels.has(label);

// Runs now and whenever the list changes, here or in another window.
export function follow(hear) {
  hearers.push(hear);
  hear();
}

export function add(label) {
  if (!refused) read();
  labels.add(label);
  write();
}

export const exported = () => JSON.stringify({ solved: [...labels].sort() }, null, 1) + "\n";

// Labels of such a file, added to those that are there; how many are new.
export function take(text) {
  const given = JSON.parse(text)?.solved;
  if (!Array.isArray(given) || !given.every((one) => LABEL.test(one))) {
    throw new TypeError("it holds no list of exercises");
  }
  if (!refused) read();
  const before = labels.size;
  given.forEach((one) => labels.add(one));
  write();
  return labels.size - before;
}

export function erase() {
  labels.clear();
  write();
}

read();
addEventListener("storage", ({ key }) => {
  if (key !== KEY && key !== null) return;
  read();
  hearers.forEach((hear) => hear());
});

// ---- The line below the exercises ----------------------------------------------------------------

const counted = (number) => `${number} exercise${number === 1 ? "" : "s"}`;

// For the exercises of a page, by their labels.
export function line(own) {
  const count = element("span");
  const status = element("p");
  status.setAttribute("role", "status");
  const file = element("input", { type: "file", accept: ".json,application/json", hidden: true });
  const button = (words, act) => {
    const made = element("button", { type: "button", textContent: words });
    made.addEventListener("click", act);
    return made;
  };
  const say = (words) => (status.textContent = words);

  const save = button("Export", () => {
    const address = URL.createObjectURL(new Blob([exported()], { type: "application/json" }));
    element("a", { href: address, download: "solved.json" }).click();
    setTimeout(() => URL.revokeObjectURL(address), 1000);
    say(`A file with ${counted(labels.size)} is saved.`);
  });
  const load = button("Import", () => file.click());
  let sure = false;
  const wipe = button("Erase", () => {
    if (sure) {
      erase();
      say("Erased: no exercise is marked as solved.");
    } else {
      sure = true;
      wipe.textContent = `Erase the marks of ${counted(labels.size)}?`;
    }
  });
  wipe.addEventListener("blur", () => {
    sure = false;
    wipe.textContent = "Erase";
  });
  file.addEventListener("change", async () => {
    const [chosen] = file.files;
    try {
      if (chosen.size > MOST) throw new RangeError("it is too large");
      say(`${counted(take(await chosen.text()))} added.`);
    } catch (error) {
      const why = error instanceof SyntaxError ? "it is not JSON" : error.message;
      say(`${chosen.name} is not a file that Export saved: ${why}.`);
    }
    file.value = "";
  });

  follow(() => {
    const here = own.filter(solved).length;
    const where = refused ? REFUSED : "This is kept in this browser only.";
    count.textContent = `Solved: ${here} of ${own.length} here, ${labels.size} in the book. ${where}`;
    sure = false;
    wipe.textContent = "Erase";
    save.disabled = wipe.disabled = labels.size === 0;
  });
  const box = element("div", { className: "cell-bar solved-line" }, count, save, load, wipe, file, status);
  box.setAttribute("role", "group");
  box.setAttribute("aria-label", "Solved exercises");
  return box;
}
