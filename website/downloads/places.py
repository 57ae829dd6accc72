"""Where what a reader takes home stands: on the website, and on the branch that Colab opens."""

FOLDER = "notebooks"
ZIP = "kernels.zip"
BRANCH = "notebooks"
EXTRAS = "arrays,large,regression,show"


def launch_links(found: tuple[str, str] | None, name: str) -> list[tuple[str, str]]:
    """Name and address of each place that runs a notebook of the branch `notebooks`."""
    if found is None:
        return []
    path = "/".join(found)
    return [
        ("Colab", f"https://colab.research.google.com/github/{path}/blob/{BRANCH}/{name}.ipynb"),
        ("Binder", f"https://mybinder.org/v2/gh/{path}/{BRANCH}?labpath={name}.ipynb"),
    ]


def guard(wheel: str, base: str, found: tuple[str, str] | None) -> str:
    """The first code cell: import the package, or say in one line how to get it."""
    if base:
        source = f"ntklib[{EXTRAS}] @ {base}/{FOLDER}/{wheel}"
    elif found:
        owner, name = found
        address = f"https://raw.githubusercontent.com/{owner}/{name}/{BRANCH}/{wheel}"
        source = f"ntklib[{EXTRAS}] @ {address}"
    else:
        source = f"./{wheel}[{EXTRAS}]"
    how = f'run %pip install "{source}" in a cell'
    if not base and not found:
        how += "; the file comes with the notebooks, in the zip on the first page of the book"
    return (
        "try:\n"
        "    import ntklib.book\n"
        "except ModuleNotFoundError as missing:\n"
        f"    how = {how!r}\n"
        '    raise ModuleNotFoundError(f"no module {missing.name}: {how}") from None'
    )
