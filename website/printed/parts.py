"""Preface, parts and the numbers of chapters."""

from collections.abc import Iterator

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

from website.printed.raw import raw


def arrange(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Make the landing page the preface, and the captions of the contents parts."""
    root = doctree.next_node(nodes.section)
    own = [child for child in root.children[1:] if not _holds_pages(child)]
    for child in own:
        root.remove(child)
    root.insert(1, nodes.section("", nodes.title("", "Preface"), *own, ids=["preface"]))
    named = dict(captions(app.env))
    for page in list(doctree.findall(addnodes.start_of_file)):
        if page["docname"].endswith("/bibliography"):  # LaTeX sets it at the end
            label = rf"\phantomsection\label{{\detokenize{{{page['docname']}::doc}}}}"
            page.replace_self(raw(label))
            continue
        start = ""
        if caption := named.get(page["docname"]):
            start = f"\\part{{{caption}}}\n"
        number = app.env.toc_secnumbers.get(page["docname"], {}).get("")
        depth = -2 if number is None else 0
        start += f"\\setcounter{{secnumdepth}}{{{depth}}}\n"
        if number is not None:
            start += f"\\setcounter{{chapter}}{{{number[0] - 1}}}\n"
        page.parent.insert(page.parent.index(page), raw(start))
    root.insert(1, raw("\\setcounter{secnumdepth}{-2}\n"))


def _holds_pages(node: nodes.Node) -> bool:
    return next(iter(node.findall(addnodes.start_of_file)), None) is not None


def captions(env: BuildEnvironment) -> Iterator[tuple[str, str]]:
    """First page of each part -> the part's name."""
    for toctree in env.get_doctree(env.config.root_doc).findall(addnodes.toctree):
        files = [page for page in toctree["includefiles"] if page in env.found_docs]
        if files and toctree.get("caption"):
            yield files[0], toctree["caption"]
