"""A chapter as a notebook of plain Markdown and code."""

import copy
import re
from collections.abc import Callable, Iterator

import nbformat

from website.downloads.markdown import Book, cells, markdown

# The tag of cells that a course takes out and no later cell needs (tools/course_parts.py).
LEFT_OUT = "left-out"


def notebook(
    source: nbformat.NotebookNode,
    name: str,
    book: Book,
    *,
    guard: str,
    closing: Callable[[], str] | None = None,
) -> nbformat.NotebookNode:
    """A chapter as a plain notebook.

    Parameters
    ----------
    source : NotebookNode
        The chapter, with its stored outputs.
    name : str
        Its name, from which the ids of the cells are made.
    book : Book
    guard : str
        Code of a cell put before the first code cell: it says how to get the package.
    closing : callable, optional
        Called when all is read; gives the Markdown of a cell put at the end.
    """
    made: list[nbformat.NotebookNode] = []
    for cell in source.cells:
        if cell.cell_type == "markdown":
            made += [_text_cell(text) for text in cells(cell.source, book)]
        elif LEFT_OUT in cell.metadata.get("tags", ()):
            continue
        elif cell.cell_type == "code":
            if not any(one.cell_type == "code" for one in made):
                made.append(nbformat.v4.new_code_cell(guard))
            made.append(_code_cell(cell))
            made += [_text_cell(_caption(cell, book) + _hidden(words)) for words in described(cell)]
        else:
            raise ValueError(f"{name}: a {cell.cell_type} cell has no plain form")
    if closing:
        made.append(_text_cell(closing()))
    for position, cell in enumerate(made):
        cell.id = f"{re.sub(r'[^a-z0-9]+', '-', name)}-{position:03d}"
    result: nbformat.NotebookNode = nbformat.v4.new_notebook(
        cells=made, metadata=copy.deepcopy(source.metadata)
    )
    nbformat.validate(result)
    return result


def described(cell: nbformat.NotebookNode) -> Iterator[str]:
    """What the figures of a code cell show, in words."""
    for output in cell.outputs:
        words = str(output.get("data", {}).get("text/plain", ""))
        if "image/png" in output.get("data", {}):
            if not words.startswith("Figure"):
                raise ValueError(f"a picture without a text: {cell.source[:60]!r}")
            yield words


def _caption(cell: nbformat.NotebookNode, book: Book) -> str:
    """The number of the figure and what it is called, as on the website."""
    given = cell.metadata["mystnb"]["figure"]
    return f"*{book.name(given['name'])}.* {markdown(given['caption'], book)}\n\n"


def _hidden(words: str) -> str:
    return f"<details><summary>The figure in words</summary>\n\n{words}\n\n</details>"


def _text_cell(text: str) -> nbformat.NotebookNode:
    cell = nbformat.v4.new_markdown_cell(text)
    if text.startswith("#### Solution"):
        # JupyterLab and the classic notebook show a solution once it is unfolded.
        cell.metadata.update({"jp-MarkdownHeadingCollapsed": True, "heading_collapsed": True})
    return cell


def _code_cell(cell: nbformat.NotebookNode) -> nbformat.NotebookNode:
    new = nbformat.v4.new_code_cell(cell.source, outputs=copy.deepcopy(cell.outputs))
    for output in new.outputs:
        if "image/png" in output.get("data", {}):
            output.metadata["image/png"] = {"alt": output.data["text/plain"]}
        if output.output_type == "execute_result":
            output.execution_count = None
    if {"hide-input", "remove-input", "remove-cell"} & set(cell.metadata.get("tags", ())):
        new.metadata["jupyter"] = {"source_hidden": True}
    return new
