// Imports modules in Pyodide under Node, group by group, and prints as JSON which files of packages
// each group has brought by then.
//
//     node tools/live_imports.mjs FOLDER GROUPS      GROUPS: JSON, a list of lists of modules

import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [folder, groups] = process.argv.slice(2);
const home = resolve(folder);
const { loadPyodide } = await import(pathToFileURL(join(home, "pyodide.mjs")));
const python = await loadPyodide({ indexURL: home, stderr: () => {} });
const packages = Object.keys(JSON.parse(readFileSync(join(home, "pyodide-lock.json"))).packages);
await python.loadPackage(packages, { messageCallback: () => {} });
python.globals.set("groups", groups);
console.log(python.runPython(`
import importlib, json, sys

def bring(name):
    try:
        importlib.import_module(name)
    except ModuleNotFoundError:  # a name of a module, or a library that the browser lacks
        pass

def files():
    found = {getattr(module, "__file__", None) or "" for module in list(sys.modules.values())}
    return sorted(path.split("/site-packages/")[1] for path in found if "/site-packages/" in path)

brought = []
for group in json.loads(groups):
    for name in group:
        bring(name)
    brought.append(files())
json.dumps(brought)
`));
