"""What an incremental build must do again, though no source of a page has changed.

Sphinx reads a page again when its source changes. The extension itself and the outputs of chapters
are sources of every page: their fingerprint is the version of what Sphinx keeps between builds.
And a page shows what others say: it is written again when any of that differs from what the same
builder wrote before.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

from website.dependencies import Equations, Uses
from website.downloads.links import take_away_node
from website.facts import Facts
from website.implementations import Citations
from website.ledger import Checks, Reasons, ledger_node
from website.live import ship
from website.project import whole
from website.proofs import digest as digest_of_proofs
from website.statements import Titles

HOME = Path(__file__).parent
# Where tools/execute.py says what the chapters were executed with.
EXECUTED = ".executed-with"


class Placeholders(Facts):
    """What a page has a place for."""

    def gather(self, page: nodes.document) -> list[str]:
        """The names of the nodes that are replaced when the page is written."""
        kinds = (ledger_node, take_away_node)
        return [kind.__name__ for kind in kinds if any(page.findall(kind))]


def version(app: Sphinx) -> int:
    """Changes with the extension's source, and with what the chapters ran on."""
    executed = Path(app.outdir).parent / EXECUTED
    sources = [*sorted(HOME.rglob("*.py")), *([executed] if executed.is_file() else [])]
    return int(_digest([path.read_bytes().hex() for path in sources])[:15], 16)


def renew(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """The pages whose surroundings are not those of the last build of this kind."""
    looks = (path for path in sorted(HOME.rglob("*")) if path.is_file() and path.suffix != ".pyc")
    everywhere = (
        app.registry.get_envversion(app)["website"],
        [path.read_bytes().hex() for path in looks],
        {page: title.astext() for page, title in env.titles.items()},
        digest_of_proofs(Path(app.srcdir)),
        [env.toc_secnumbers, env.toc_fignumbers, Titles.of(env), Citations.of(env)],
        ship.manifest(app),
        [Uses.of(env), Equations.of(env)],
    )
    shown = {
        ledger_node.__name__: [Checks.of(env), Reasons.of(env)],
        take_away_node.__name__: str(whole(app)),
    }
    placed = Placeholders.of(env)
    digest = _digest(everywhere)
    now = {
        page: _digest([digest, *(shown[kind] for kind in placed.get(page, ()))])
        for page in env.found_docs
    }
    written: dict[str, dict[str, str]] = env.__dict__.setdefault("website_written", {})
    before = written.get(app.builder.name, {})
    written[app.builder.name] = now
    return sorted(page for page in now if now[page] != before.get(page))


def _digest(facts: Any) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
