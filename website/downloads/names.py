"""How a chapter names the rest of the book: statements, equations, sources, other pages."""

import posixpath
import re
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

from docutils import nodes
from pybtex.plugin import find_plugin
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx

from website.absent import place, restated
from website.downloads.markdown import Book
from website.figures import name as figure_name
from website.implementations import implementations, links
from website.statements import name, statements
from website.tex import expand

_MARKDOWN = find_plugin("pybtex.backends", "markdown")


class Pages:
    """How one chapter names the rest of the book, as the website does."""

    def __init__(self, app: Sphinx, page: str) -> None:
        self.app, self.env, self.page = app, app.env, page
        self.base = str(app.config.html_baseurl).rstrip("/")
        self.xrefs = {
            " ".join(node.rawsource.split()): node
            for node in app.env.get_doctree(page).findall(pending_xref)
        }
        self.cited: list[str] = []

    def book(self) -> Book:
        """What a notebook must be told."""
        macros = self.app.config.mathjax3_config["tex"]["macros"]
        return Book(macros, self.role, self.name, self.equation, self.link, self.code)

    def role(self, name: str, content: str) -> str:
        """The words that the website shows for a role, with a link if it has an address."""
        node = self.xrefs.get(f":{name}:`{content}`")
        if node is None:
            raise ValueError(f"{self.page}: the role {{{name}}}`{content}` has no plain form")
        if node["refdomain"] == "cite":
            self.cited += [key for key in re.split(r"[\s,]+", node["reftarget"]) if key]
        return self.words(self.resolved(node))

    def resolved(self, node: pending_xref) -> nodes.Node:
        """A reference as its domain writes it; its own words where the target is unknown."""
        if named := restated(Path(self.env.srcdir), self.page, node):
            return named
        words = node[0].deepcopy() if node.children else nodes.inline()
        found = self.env.domains[node["refdomain"]].resolve_xref(
            self.env, self.page, self.app.builder, node["reftype"], node["reftarget"], node, words
        )
        return found or words  # the build has warned of the unknown target

    def words(self, node: nodes.Node) -> str:
        """A reference as Markdown."""
        if isinstance(node, nodes.Text):
            return node.astext()
        inside = "".join(self.words(child) for child in node.children)
        if isinstance(node, nodes.literal):
            return f"`{node.astext()}`"
        if isinstance(node, nodes.emphasis):
            return f"*{inside}*"
        if isinstance(node, nodes.strong):
            return f"**{inside}**"
        if isinstance(node, nodes.math):
            return f"${expand(node.astext(), self.app.config.mathjax3_config['tex']['macros'])}$"
        if isinstance(node, nodes.reference):
            uri = self.absolute(node.get("refuri") or "#" + node["refid"])
            return f"[{inside}]({uri})" if self.base or node.get("internal") is False else inside
        return inside

    def absolute(self, uri: str) -> str:
        """An address on the website, from one relative to this page."""
        return urljoin(f"{self.base}/{self.app.builder.get_target_uri(self.page)}", uri)

    def name(self, label: str) -> str:
        """Name and number of a statement, a figure or an exercise."""
        if figure := figure_name(self.env, label):
            return figure
        if statement := statements(self.env).get(label):
            return name(statement)
        registered = getattr(self.env, "sphinx_exercise_registry", {}).get(label)
        if registered is None:
            raise ValueError(f"{self.page}: nothing has the label {label!r}")
        numbers = self.env.toc_fignumbers.get(registered["docname"], {}).get("exercise", {})
        return f"Exercise {'.'.join(map(str, numbers.get(label, ())))}".strip()

    def equation(self, label: str) -> str:
        """Number of an equation, without its parentheses."""
        node = pending_xref("", refdomain="math", reftype="eq", reftarget=label)
        return self.resolved(node).astext().strip("()")

    def link(self, target: str) -> str | None:
        """Another chapter's notebook beside this one; another page's address on the website."""
        path, _, anchor = target.partition("#")
        beside = posixpath.join(posixpath.dirname(self.page), path)
        page = posixpath.splitext(posixpath.normpath(beside))[0] if path else self.page
        if page not in self.env.found_docs:  # the build has warned of one that is not absent
            there = place(Path(self.env.srcdir), self.page, target)
            return there[1] or None if there else None
        if path.endswith(".ipynb") and not anchor:
            return path
        if not self.base:
            return None
        uri = self.app.builder.get_target_uri(page)
        return f"{self.base}/{uri}" + (f"#{anchor}" if anchor else "")

    def code(self, label: str) -> str:
        """The entries of the package that implement a statement."""
        entries = implementations(self.env).get(label, [])
        found = map(self.words, links(self.app, self.page, entries))
        return f"In code: {''.join(found)}." if entries else ""

    def closing(self) -> str:
        """The sources that the chapter cites, where it comes from, and its license."""
        entries = {
            citation.key: entry(citation)
            for citation in self.env.domains["cite"].citations  # type: ignore[attr-defined]
            if citation.key in self.cited
        }
        listed = "\n".join(f"- {text}" for text in sorted(entries.values()))
        home = str(self.app.config.html_title or self.app.config.project)
        if self.base:
            home = f"[{home}]({self.absolute('')})"
        note = f"A chapter of *{home}*. Text and figures: CC BY 4.0. Code: BSD 3-Clause."
        return f"## References\n\n{listed}\n\n---\n\n{note}" if listed else f"---\n\n{note}"


def entry(citation: Any) -> str:
    """One item of the bibliography, as a line of Markdown."""
    text = " ".join(citation.formatted_entry.text.render(_MARKDOWN()).split())
    # A note may hold TeX's \\url, which the website takes apart.
    text = re.sub(r"\\\\url (\S+?)\\?\.?$", lambda m: f"<{m[1].replace(chr(92), '')}>.", text)
    return text.replace("\\.", ".")
