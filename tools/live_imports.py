"""Write website/live/kept.json: which files of SciPy and scikit-learn the chapters can reach.

    python -m tools.live_imports

Run by hand when what chapters import changes; needs node. What a chapter or ntklib imports is
imported in Pyodide with whole packages, and the files that this brings are kept, with those that
functions in them import later. SciPy comes in two: what its modules in `needs.CORE` bring, and the
rest.
"""

import json
import subprocess
import tempfile
from pathlib import Path

from website.live import make, needs, wheels
from website.live.sources import LOCK, ROOT, gather

KEPT = ROOT / "website" / "live" / "kept.json"
WATCHED = ("scipy", "sklearn")


def brought(groups: list[list[str]]) -> list[list[str]]:
    """The files of packages that each group of modules has brought, with those before it."""
    with tempfile.TemporaryDirectory() as folder:
        for name, data in make.build(whole=True).items():
            Path(folder, name).write_bytes(data)
        node = ("node", "tools/live_imports.mjs", folder, json.dumps(groups))
        done = subprocess.run(node, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return list(json.loads(done.stdout))


def closed(start: set[str], sources: wheels.Files) -> set[str]:
    """Some files, and those of the same packages that their functions import."""
    modules = {_module(name): name for name in sources if name.endswith((".py", ".so"))}
    found, waiting = set(start), [name for name in start if name.endswith(".py")]
    while waiting:
        name = waiting.pop()
        inside = ".".join(name.split("/")[:-1])
        for module in needs.imported(sources[name].decode(), inside):
            parts = module.split(".")
            for end in range(1, len(parts) + 1):
                file = modules.get(".".join(parts[:end]))
                if file and file not in found:
                    found.add(file)
                    waiting += [file] if file.endswith(".py") else []
    return found


def _module(name: str) -> str:
    if name.endswith(".so"):
        return name.split(".")[0].replace("/", ".")
    return name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def main() -> None:
    """Import, list, write."""
    reached: set[str] = set()
    for path in needs.chapters().values():
        reached |= needs.reached(needs.code(path))
    reached = {name for name in reached if name.split(".")[0] in WATCHED}
    core, everything = brought([sorted(needs.CORE), sorted(reached)])
    given = gather()
    entries = LOCK["packages"]
    scipy = wheels.unpack(given[entries["scipy"]["file_name"]])
    sklearn = wheels.unpack(given[entries["scikit-learn"]["file_name"]])
    first = {name for name in core if name in scipy}
    whole = closed({name for name in everything if name in scipy}, scipy)
    kept = {
        "scipy": sorted(first),
        needs.REST: sorted(whole - first),
        "scikit-learn": sorted(name for name in everything if name in sklearn),
    }
    KEPT.write_text(json.dumps(kept, indent=0) + "\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
