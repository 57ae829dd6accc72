"""Columns as wide as their text asks for."""

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx

from website.printed.raw import LINE, raw

# Rows that certainly fit on a page.
_ROWS = 8
# Widths of the ledger's columns, in parts of the line.
_LEDGER = (27, 33, 26, 40, 30)


def shape(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Give tables columns, and type, in which their text has room."""
    for table in list(doctree.findall(nodes.table)):
        if (columns := widths(table)) is not None:
            size = r"\scriptsize" if columns.count("raggedleft") > 5 else r"\footnotesize"
            if len(list(table.findall(nodes.row))) > _ROWS:
                table["classes"].append("longtable")
            place = table.parent.index(table)
            spec = addnodes.tabular_col_spec(spec=columns)
            table.parent.insert(place, [raw(f"{{{size}\\setlength{{\\tabcolsep}}{{3pt}}\n"), spec])
            table.parent.insert(place + 3, raw("}\n"))


def widths(table: nodes.table) -> str | None:
    """Columns of a table as wide as their text asks for; None if all of it fits on a line.

    A column gets room in proportion to the square root of its longest cell: a cell twice as wide
    and twice as high holds four times the text.
    """
    rows = [row.children for row in table.findall(nodes.row)]
    if len({len(row) for row in rows}) != 1:
        return None  # cells that span columns: LaTeX decides
    columns = [[cell.astext() for cell in column] for column in zip(*rows, strict=True)]
    numbers = ["number" in cell["classes"] for cell in rows[0]]
    if "ledger" in table["classes"]:
        shares = list(_LEDGER)
    elif any(numbers):
        # Cells are not broken, names of columns between words.
        shares = [
            max(len(text) for text in [*column[1:], *column[0].split()]) + 2 for column in columns
        ]
    else:
        longest = [max(map(len, column)) for column in columns]
        if sum(longest) <= LINE:
            return None
        shares = [max(round(10 * length**0.5), 25) for length in longest]
    total = max(sum(shares), LINE if any(numbers) else 0)
    return "".join(
        rf">{{\ragged{'left' if number else 'right'}\arraybackslash}}\X{{{share}}}{{{total}}}"
        for number, share in zip(numbers, shares, strict=True)
    )
