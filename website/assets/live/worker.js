// Python, in a thread of its own. It is started from a blob, so that the page's policy is its, too:
// what a cell asks of the network, it can ask of this site alone.
"use strict";

// What a cell must not reach: what the site keeps in the browser, and threads of another policy.
const HIDDEN = ["indexedDB", "caches", "BroadcastChannel", "Worker", "SharedWorker"];
const HIDDEN_OF_NAVIGATOR = ["storage", "serviceWorker", "locks"];

// Where a module of a package that is there is missing, a second part of it has the module.
const REST = "-rest";

let python, session, Session, lock;

function hide(object, names) {
  for (let holder = object; holder; holder = Object.getPrototypeOf(holder)) {
    for (const name of names) delete holder[name];
  }
}

// A package of the lock with all that it stands on.
function closure(name, found = new Set()) {
  if (!found.has(name)) {
    found.add(name);
    lock.packages[name].depends.forEach((one) => closure(one, found));
  }
  return found;
}

// Counts what is fetched, for who waits.
function count(total) {
  const plain = self.fetch;
  let got = 0, told = -1;
  self.fetch = async (...asked) => {
    const answer = await plain(...asked);
    if (!answer.body) return answer;
    const counted = new TransformStream({
      transform(chunk, queue) {
        got += chunk.length;
        if (got - told > 250e3) postMessage({ say: "progress", got: (told = got), total });
        queue.enqueue(chunk);
      },
    });
    const { status, statusText, headers } = answer;
    return new Response(answer.body.pipeThrough(counted), { status, statusText, headers });
  };
}

async function json(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`${address} answers ${answer.status}`);
  return answer.json();
}

async function load({ live, page }) {
  const [manifest, found] = await Promise.all(
    ["manifest.json", "pyodide/pyodide-lock.json"].map((name) => json(live + name))
  );
  lock = found;
  const sizes = new Map(manifest.files.map(({ path, bytes }) => [path, bytes]));
  const packages = manifest.pages[page];
  const needed = new Set(packages.flatMap((name) => [...closure(name)]));
  const wanted = ["pyodide.asm.wasm", "python_stdlib.zip"].concat(
    [...needed].map((name) => lock.packages[name].file_name)
  );
  count(wanted.reduce((sum, name) => sum + (sizes.get(`pyodide/${name}`) ?? 0), 0));
  importScripts(`${live}pyodide/pyodide.js`);
  python = await loadPyodide({
    indexURL: `${live}pyodide/`,
    packages,
    env: { HOME: "/home/pyodide", MPLBACKEND: "agg" },
    stdin: () => null,
  });
  postMessage({ say: "starting" });
  Session = python.pyimport("ntklib.book._live").Session;
  fresh();
  hide(self, HIDDEN);
  hide(navigator, HIDDEN_OF_NAVIGATOR);
}

// Package of each module that can be had.
function modules() {
  const pairs = Object.entries(lock.packages);
  return new Map(pairs.flatMap(([name, { imports }]) => imports.map((one) => [one, name])));
}

function fresh() {
  session?.destroy();
  const there = python.toPy([...modules().keys()]);
  session = Session((kind, text, name) => postMessage({ say: "output", kind, text, name }), there);
  there.destroy();
}

// Whether a module was missing that can be had; then it is there now.
async function fetched(module) {
  const found = modules().get(module);
  if (!found) return false;
  const rest = found + REST;
  const missing = found in python.loadedPackages && rest in lock.packages ? rest : found;
  await python.loadPackage(missing, { messageCallback: () => {} });
  return true;
}

async function run({ source, cell }) {
  await python.loadPackagesFromImports(source, { messageCallback: () => {} });
  for (;;) {
    const ended = session.run(source, cell);
    if (!(await fetched(ended))) return ended;
    postMessage({ say: "again" });
  }
}

async function judge({ label, source }) {
  for (;;) {
    const told = session.judge(label, source);
    const [kind, words] = told.toJs();
    told.destroy();
    if (kind !== "missing" || !(await fetched(words))) return { kind, words };
  }
}

function draw({ prefix, chosen }) {
  const list = python.toPy(chosen);
  try {
    return session.draw(prefix, list);
  } finally {
    list.destroy();
  }
}

function complete({ text }) {
  const names = session.complete(text);
  try {
    return names.toJs();
  } finally {
    names.destroy();
  }
}

const ANSWERS = { load, fresh, run, judge, draw, complete };
let before = Promise.resolve();
self.onmessage = ({ data }) => {
  before = before.then(async () => {
    try {
      postMessage({ say: "answer", id: data.id, value: await ANSWERS[data.ask](data) });
    } catch (error) {
      postMessage({ say: "answer", id: data.id, error: String(error.message ?? error) });
    }
  });
};
