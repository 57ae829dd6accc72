// Runs notebooks in Pyodide under Node and compares every text they put out with the stored one.
//
//     node tools/live_check.mjs FOLDER NOTEBOOK...
//
// FOLDER has Pyodide and the packages, as website/live makes it. One process runs all notebooks, so
// that packages are loaded and imported once. With IMPORTED=FILE it also lists there, as JSON, which
// files of packages were imported.

import { readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const [folder, ...notebooks] = process.argv.slice(2);
const home = resolve(folder);
const { loadPyodide } = await import(pathToFileURL(join(home, "pyodide.mjs")));
const started = performance.now();
const python = await loadPyodide({ indexURL: home });
const packages = Object.keys(JSON.parse(readFileSync(join(home, "pyodide-lock.json"))).packages);
await python.loadPackage(packages, { messageCallback: () => {} });
python.runPython(readFileSync(join(dirname(fileURLToPath(import.meta.url)), "live_cells.py"), "utf8"));
console.log(`Pyodide with ${packages.length} packages: ${((performance.now() - started) / 1000).toFixed(1)} s`);

const compare = python.globals.get("compare");
let failed = 0;
for (const path of notebooks) {
  const used = process.cpuUsage();
  const { count, absent, wrong } = JSON.parse(compare(readFileSync(path, "utf8")));
  const { user, system } = process.cpuUsage(used);
  const passed = absent.length ? `; passed over: ${absent.join(", ")}` : "";
  const verdict = wrong.length ? `${wrong.length} cells DIFFER` : "as stored";
  const seconds = ((user + system) / 1e6).toFixed(1);
  console.log(`${basename(path, ".ipynb")}: ${count} texts ${verdict}, ${seconds} s of processor time${passed}`);
  failed += wrong.length;
  // What fails first takes the rest with it.
  for (const { cell, stored, here } of wrong.slice(0, 2)) {
    console.log(`--- ${cell}, stored:`, ...stored.filter((text) => !here.includes(text)));
    console.log(`+++ ${cell}, here:`, ...here.filter((text) => !stored.includes(text)));
  }
}
if (process.env.IMPORTED) writeFileSync(process.env.IMPORTED, python.globals.get("loaded")());
process.exit(failed ? 1 : 0);
