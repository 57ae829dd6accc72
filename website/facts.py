"""What pages say, kept by page, so that Sphinx can forget, merge and renew the part of a page."""

from abc import ABC, abstractmethod
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.environment.collectors import EnvironmentCollector


class Facts(EnvironmentCollector, ABC):
    """One kind of fact; a kind says in `gather` how it is read from a page."""

    @abstractmethod
    def gather(self, page: nodes.document) -> Any:
        """What the page says; nothing is kept if it is empty."""

    @classmethod
    def of(cls, env: BuildEnvironment) -> dict[str, Any]:
        """Page -> what it says."""
        kept: dict[str, Any] = env.__dict__.setdefault(f"website_{cls.__name__.lower()}", {})
        return kept

    def process_doc(self, app: Sphinx, doctree: nodes.document) -> None:
        """Keep what a page says that was just read."""
        if found := self.gather(doctree):
            self.of(app.env)[app.env.docname] = found

    def clear_doc(self, app: Sphinx, env: BuildEnvironment, docname: str) -> None:
        """Forget a page that is read again, or gone."""
        self.of(env).pop(docname, None)

    def merge_other(
        self, app: Sphinx, env: BuildEnvironment, docnames: set[str], other: BuildEnvironment
    ) -> None:
        """Take over what a parallel reader found."""
        theirs = self.of(other)
        self.of(env).update({page: theirs[page] for page in docnames if page in theirs})
