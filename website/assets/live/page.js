// The cells of one page: their code, their buttons, and the Python that they share.
import * as copy from "./keep.js";
import { element, Outputs } from "./outputs.js";
import { Python, Stopped } from "./python.js";
import { packed, unpacked } from "./links.js";

const HERE = new URL(".", import.meta.url);
let cells, python, ready = false, running = null;

class Cell {
  constructor(box, number) {
    this.box = box;
    this.number = number;
    this.input = box.querySelector("div.cell_input");
    this.source = this.input.querySelector("pre").textContent.replace(/\n$/, "");
    this.outputs = new Outputs(box, (prefix, chosen) => python.ask("draw", { prefix, chosen }));
    this.ran = false;
  }
  get name() {
    return `cell ${this.number + 1}`;
  }
  get text() {
    return this.editor?.text() ?? this.source;
  }
  get edited() {
    return this.text !== this.source;
  }
  button(what) {
    return this.box.querySelector(`.cell-bar .${what}`);
  }
  refresh() {
    this.button("link").hidden = !this.edited;
    this.button("reset").hidden = !this.editor && !this.outputs.own;
    this.box.classList.toggle("edited", this.edited);
  }

  // The editor takes the place of the printed code.
  async open(text = this.text) {
    if (this.editor) {
      this.editor.replace(text);
      return;
    }
    const { open } = await import(new URL("../vendor/codemirror/editor.js", HERE));
    for (let fold = this.box.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
    const inner = this.input.closest("details");
    if (inner) inner.open = true;
    this.place = element("div", { className: "cell-editor" });
    this.input.prepend(this.place);
    this.input.classList.add("editing");
    const leave = () => {
      this.button("run").focus();
      return true;
    };
    const go = () => {
      run(null, this.number);
      return true;
    };
    this.editor = open(this.place, {
      text,
      label: `Code of ${this.name}. Shift and Enter run it, Escape leaves it.`,
      keys: [
        { key: "Shift-Enter", run: go },
        { key: "Mod-Enter", run: go },
        { key: "Escape", run: leave },
      ],
      changed: () => this.refresh(),
      complete: (word) => (ready && python.idle ? python.ask("complete", { text: word }) : []),
    });
    this.refresh();
  }

  close() {
    this.editor?.close();
    this.place?.remove();
    this.editor = this.place = undefined;
    this.input.classList.remove("editing");
    this.input.querySelector(".own-note")?.remove();
  }

  note(words) {
    this.input.querySelector(".own-note")?.remove();
    const note = element("p", { className: "own-note", textContent: words });
    note.setAttribute("role", "status");
    this.input.prepend(note);
  }
}

// ---- The line at the foot of the page, which says what Python does -------------------------------

const panel = element("div", { className: "live-panel" });
const words = element("p");
const heard = element("p", { className: "visually-hidden" });
const bar = element("progress", { hidden: true });
bar.setAttribute("aria-label", "Fetched");
const buttons = element("div", { className: "live-buttons" });
words.setAttribute("aria-hidden", "true"); // `heard` says it, and less often
heard.setAttribute("role", "status");
panel.append(words, bar, buttons, heard);

// `actions` are pairs of a button's words and what it does; `spoken` is what is read aloud.
function say(text, actions = [], spoken = text) {
  if (words.textContent !== text) words.textContent = text;
  if (heard.textContent !== spoken) heard.textContent = spoken;
  const wanted = actions.map(([label]) => label).join("|");
  if (buttons.dataset.shown === wanted) return;
  buttons.dataset.shown = wanted;
  buttons.replaceChildren(
    ...actions.map(([label, act]) => {
      const button = element("button", { type: "button", textContent: label });
      button.addEventListener("click", act);
      return button;
    })
  );
}

const CLOSE = ["Close", () => panel.remove()];
const KEEP = ["Keep this book on this device", offer];
const megabytes = (bytes) => (bytes / 1e6).toFixed(1);

function hear(message) {
  const { say: what } = message;
  if (what === "output") running?.outputs?.add(message);
  else if (what === "again") running?.outputs?.begin(running.edited);
  else if (what === "progress" && !ready) {
    const { got, total } = message;
    bar.hidden = false;
    bar.max = total;
    bar.value = Math.min(got, total);
    const text = `Fetching Python: ${megabytes(Math.min(got, total))} of ${megabytes(total)} MB`;
    say(text, [["Cancel", cancel]], `Fetching Python, ${megabytes(total)} MB`);
  } else if (what === "starting") {
    bar.hidden = true;
    say("Starting Python", [["Cancel", cancel]]);
  }
}

// ---- The copy on the device ----------------------------------------------------------------------

async function offer() {
  if (!copy.possible()) {
    const why = "a private window, or an address without https";
    say(`This browser keeps no copy of this page: ${why}.`, [CLOSE]);
  } else if (await copy.kept()) {
    say("The book is on this device, and reads and runs without a network.", [
      ["Remove it", removeCopy],
      CLOSE,
    ]);
  } else {
    try {
      const all = megabytes(await copy.size());
      say(`The whole book with its Python takes ${all} MB.`, [[`Keep ${all} MB`, keepCopy], CLOSE]);
    } catch (error) {
      say(`The book's list of files could not be had: ${error.message}`, [CLOSE]);
    }
  }
}

async function keepCopy() {
  const ending = new AbortController();
  bar.hidden = false;
  const tell = (got, total) => {
    bar.max = total;
    bar.value = got;
    const text = `Keeping the book: ${megabytes(got)} of ${megabytes(total)} MB`;
    say(text, [["Cancel", () => ending.abort()]], `Keeping the book, ${megabytes(total)} MB`);
  };
  try {
    await copy.keep(tell, ending.signal);
    await offer();
  } catch (error) {
    const why = ending.signal.aborted ? "Cancelled" : `The book could not be kept: ${error.message}`;
    say(`${why}. Nothing of it is on this device.`, [CLOSE]);
  } finally {
    bar.hidden = true;
  }
}

async function removeCopy() {
  await copy.remove();
  say("The copy is removed from this device.", [CLOSE]);
}

// ---- Python: one for the page --------------------------------------------------------------------

async function start() {
  if (!panel.isConnected) document.body.append(panel);
  if (python) return python.ready;
  say("Fetching Python", [["Cancel", cancel]]);
  python = new Python(hear);
  try {
    await python.ready;
    ready = true;
  } catch (error) {
    forget();
    throw error;
  } finally {
    bar.hidden = true;
  }
}

function forget() {
  python = undefined;
  ready = false;
  cells.forEach((cell) => (cell.ran = false));
}

function end() {
  const old = python;
  forget();
  old?.end(new Stopped());
}

function cancel() {
  end();
  say("Cancelled. Nothing was run.", [CLOSE]);
}

function stop() {
  const { name, number } = running;
  end();
  const again = [`Run up to ${name} again`, () => runUpTo(null, number)];
  say(`Stopped in ${name}. All variables are gone.`, number === undefined ? [CLOSE] : [again, CLOSE]);
}

// Whether something runs, which is then told.
function busy() {
  if (running) say(`Python is busy with ${running.name}.`, [["Stop", stop]]);
  return Boolean(running);
}

// Run cells one after the other until one fails.
async function runAll(numbers, clean) {
  if (busy()) return;
  const goal = numbers.at(-1) + 1;
  try {
    running = cells[numbers[0]];
    await start();
    if (clean) {
      await python.ask("fresh");
      cells.forEach((cell) => (cell.ran = false));
    }
    for (const number of numbers) {
      const cell = (running = cells[number]);
      say(`Running cell ${number + 1}` + (goal > number + 1 ? ` of ${goal}` : ""), [["Stop", stop]]);
      cell.outputs.begin(cell.edited);
      cell.box.setAttribute("aria-busy", "true");
      const ended = await python.ask("run", { source: cell.text, cell: cell.name });
      cell.ran = true;
      if (ended === "failed") {
        const rest = number + 1 < goal ? ` Cell ${goal} was not run.` : "";
        say(`Cell ${number + 1} ended with an error.${rest}`, [
          [`Show cell ${number + 1}`, () => cell.box.scrollIntoView({ block: "center" })],
          CLOSE,
        ]);
        return;
      }
    }
    const many = numbers.length > 1 ? `Cells ${numbers[0] + 1} to ${goal} have run.` : `Cell ${goal} has run.`;
    say(many, [KEEP, CLOSE]);
  } catch (error) {
    if (!(error instanceof Stopped)) {
      say(`Python could not be had: ${error.message}`, [["Try again", () => runAll(numbers, clean)], CLOSE]);
    }
  } finally {
    running = null;
    cells.forEach((cell) => {
      cell.box.removeAttribute("aria-busy");
      cell.refresh();
    });
  }
}

// What Python says of an answer to an exercise; nothing where it does not come to that.
export async function judged(boxes, label, source) {
  know(boxes);
  if (busy()) return undefined;
  let late;
  try {
    running = { name: "your answer" };
    await start();
    say("Checking your answer", [["Stop", stop]]);
    panel.hidden = true; // unless it takes long
    late = setTimeout(() => (panel.hidden = false), 500);
    const told = await python.ask("judge", { label, source });
    panel.remove();
    return told;
  } catch (error) {
    if (!(error instanceof Stopped)) say(`Python could not be had: ${error.message}`, [CLOSE]);
    return undefined;
  } finally {
    clearTimeout(late);
    panel.hidden = false;
    running = null;
  }
}

// ---- What the buttons do -------------------------------------------------------------------------

function know(boxes) {
  if (cells) return;
  cells = boxes.map((box, number) => new Cell(box, number));
  const style = element("link", { rel: "stylesheet", href: String(new URL("live.css", HERE)) });
  document.head.append(style);
}

export function run(boxes, number) {
  know(boxes);
  const above = cells.slice(0, number).filter((cell) => !cell.ran);
  return runAll([...above.map((cell) => cell.number), number], false);
}

export function runUpTo(boxes, number) {
  know(boxes);
  return runAll([...Array(number + 1).keys()], true);
}

export async function edit(boxes, number) {
  know(boxes);
  await cells[number].open();
  cells[number].editor.focus();
}

export function reset(boxes, number) {
  know(boxes);
  const cell = cells[number];
  if (running === cell) stop();
  cell.close();
  cell.outputs.restore();
  cell.refresh();
  cell.button("edit").focus();
}

export async function link(boxes, number) {
  know(boxes);
  const address = new URL(location);
  address.hash = `cell=${number + 1}&code=${await packed(cells[number].text)}`;
  history.replaceState(null, "", address);
  try {
    await navigator.clipboard.writeText(String(address));
    cells[number].note("The link is copied. It shows your code and does not run it.");
  } catch {
    cells[number].note("The link to your code is in the address bar now: copy it from there.");
  }
}

export async function shared(boxes, number, code) {
  know(boxes);
  const cell = cells[number];
  try {
    await cell.open(await unpacked(code));
    cell.note("This code came with the link and has not been run. Read it before you run it.");
  } catch {
    cell.note("The link carries no code that can be read: a part of it may be missing.");
  }
  cell.box.scrollIntoView({ block: "center" });
}
