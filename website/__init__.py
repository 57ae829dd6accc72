"""The build of the website and of the printed book: one Sphinx extension.

Its steps in order, as `setup` registers them. What Sphinx, the theme or a kept extension does is
left to them; the last column says where that was looked for and why it did not do.

Sphinx keeps a page's tree between builds. What a step does at `doctree-read` (the collectors) is
kept with it; what it does later is done again whenever the page is written.

| Event | For | Step | Needs | Changes | Looked for |
|---|---|---|---|---|---|
| config-inited | all | project.take_address | BOOK_URL | html_baseurl | Sphinx: no setting from outside |
| config-inited | all | preamble.configure | the macros, pyproject.toml | LaTeX's preamble | sphinx-jupyterbook-latex: other numbers |
| config-inited | all | builder.configure | | settings of the EPUB | Jupyter Book: no place for them |
| builder-inited | html | ship.flag | _build/live | html_context | jupyterlite-sphinx: frames, no hashes |
| builder-inited | html epub | scripts.drop_listeners | sphinx-thebe loaded | removes its listeners | Jupyter Book: always on |
| builder-inited | html | scripts.write_maths | the macros | mathjax_config.js | Sphinx 7: inline script only |
| doctree-read | all | statements.Titles | statements of sphinx-proof | titles, by page | sphinx-proof: titles not indexed |
| doctree-read | all | implementations.Citations | docstrings of autodoc | which entry cites what | viewcode, codeautolink: other ways round |
| doctree-read | all | dependencies.Uses | references in statements and proofs | which statement cites what | sphinx-proof: none |
| doctree-read | all | dependencies.Equations | equations in statements | which equation stands where | the same |
| doctree-read | all | ledger.Checks | outputs of chapters | records, by page | sphinx-needs: a language of its own |
| doctree-read | all | ledger.Reasons | `{unchecked}` | reasons, by page; takes them off it | the same |
| doctree-read | all | figures.check | names and captions in cells | warns | myst-nb: asks for none |
| doctree-read | all | measured.Numbers | outputs, code, `{measured}` | complaints, by page; marks leave it | myst-nb: glue shows no number in the sources |
| doctree-read | all | renewal.Placeholders | `{ledger}`, `{take-away}` | which page has which | Sphinx: none |
| env-get-updated | all | names.restore | Sphinx's own count | numbers | Sphinx: no numbers but counted ones |
| env-get-updated | all | names.number | chapters/names.toml | numbers | the same |
| env-get-updated | all | renewal.renew | all that was collected, numbers | pages to write again | Sphinx: figures' numbers of a page only |
| env-check-consistency | all | ledger.check_consistency | checks, reasons, statements | warns | sphinx-proof: none |
| env-check-consistency | all | measured.check | measured.Numbers | warns | the same |
| env-check-consistency | all | proofs.check_consistency | proofs/ | warns | sphinx-proof: none |
| env-check-consistency | all | names.check_consistency | numbers, chapters/names.toml | warns | sphinx-proof: none |
| env-check-consistency | all | dependencies.check | dependencies.Uses | warns of circles | the same |
| post-transform | all | absent.Restate | absent.json of a course | names what is left out | intersphinx: no statements, warns first |
| post-transform | latex epub | sliders.Captions | every form of an output | a line below a slider's caption | myst-nb: none |
| doctree-resolved | all | proofs.name_steps | proofs/ | a line below proofs | alectryon: a page of its own for a file |
| doctree-resolved | all | dependencies.head | dependencies.Uses | a line at a chapter's head | Sphinx: none |
| doctree-resolved | all | dependencies.fill | dependencies.Uses | the map of the book | Sphinx's graphviz: a program, no lists |
| doctree-resolved | all | ledger.fill | checks, reasons, citations | the ledger's tables | sphinx-needs, as above |
| doctree-resolved | all | links.fill | the PDF, the EPUB, the version | the list of downloads | Sphinx's download role: files of the sources only |
| doctree-resolved | all | implementations.name_code | citations | "In code" at statements | viewcode, as above |
| doctree-resolved | all | descriptions.straighten | docstrings of napoleon | quotes, primes, ids | smartquotes_excludes: whole pages only |
| doctree-resolved | html epub | figures.inline | SVG files of the book | drawings in the page's colors | Sphinx: `img` only |
| doctree-resolved | html epub | folds.fold | proofs, solutions | details elements | togglebutton: inline script; Sphinx 8.2 has it |
| doctree-resolved | all | tables.label_cells | the ledger's tables | classes, names in cells | sphinx-design, theme: none |
| doctree-resolved | epub | text.trim | cells of myst-nb, frames of sliders | what needs a script leaves | myst-nb: all forms, or one |
| doctree-resolved | epub | formulas.put_in | the macros, numbers of equations | MathML | Sphinx: MathJax, pictures |
| doctree-resolved | latex | boxes.frame | titles, numbers | environments of book.tex | sphinx-proof, -exercise: no numbers of the site |
| doctree-resolved | latex | names.print_numbers | chapters/names.toml | numbers of figures | LaTeX counts itself |
| doctree-resolved | latex | displays.number | numbers of equations | breaks, numbers | breqn: breaks where it likes |
| doctree-resolved | latex | cells.trim | cells of myst-nb | what is left out, and together | myst-nb: tags drop it on the site, too |
| doctree-resolved | latex | words.tie | resolved references | no-break spaces | Sphinx: none |
| doctree-resolved | latex | tables.shape | number columns named | widths of columns | tabulary: no numbers, no floor |
| doctree-resolved | latex | parts.arrange | all of the above | preface, parts | Sphinx: parts without a preface |
| html-page-context | html | ledger.drop_records | records in the markup | drops them | Sphinx: none |
| html-page-context | html | cite.link | titles in the markup | links to themselves | sphinx-proof, -exercise: none |
| html-page-context | html | links.offer | notebooks, repository_url | links of a chapter's page | theme's launch buttons: raw MyST |
| html-page-context | html | formulas.hold | the page's markup, the macros | room for formulas | MathJax, theme: none |
| html-page-context | html | lines.tie | formulas in place | no-break spans | Sphinx: none |
| html-page-context | html | scripts.choose | the final markup | scripts, styles, policy | Sphinx: no choice by page but MathJax |
| html-page-context | html | metadata.describe_page | the page's tree | description, card | sphinxext-opengraph: formulas as source |
| build-finished | html | metadata.write_address | the builder's pages | index.html, robots.txt, site map | sphinx-sitemap: no landing page; 8 lines here |
| build-finished | html | proofs.write | proofs/ | steps of proofs, texts | alectryon: as above |
| build-finished | html | cite.write | CITATION.cff, the address | cite-data.js | Sphinx: none |
| build-finished | html | previews.write | the written pages | previews.js | hoverxref, tippy: servers, fetch |
| build-finished | html | search.write | the written pages, the macros | formulas.js, titles in the index | Sphinx: formulas as source |
| build-finished | html | scripts.discard | the copied files | drops what is not used | theme: no setting |
| build-finished | html | ship.copy | _build/live | the folder live | Sphinx: html_extra_path, checked before the build |
| build-finished | html | ship.list_book | all files of the website | live/book.json, offline.js | sphinx-pwa: caches as one reads |
| build-finished | html | folder.write | chapters, numbers, the wheel | the folder notebooks | jupytext, nbconvert: keep directives |
"""  # noqa: E501 - one step a line

import gc
from collections.abc import Callable
from functools import wraps
from typing import Any

from sphinx.application import Sphinx

from website import (
    absent,
    decisions,
    dependencies,
    editions,
    errata,
    figures,
    implementations,
    ledger,
    measured,
    names,
    project,
    proofs,
    renewal,
    statements,
    takes,
)
from website.downloads import folder, links
from website.ebook import builder as ebook
from website.ebook import formulas as mathml
from website.ebook import text
from website.live import licenses, ship
from website.page import (
    cite,
    descriptions,
    folds,
    formulas,
    lines,
    metadata,
    previews,
    scripts,
    search,
    tables,
)
from website.printed import boxes, cells, displays, parts, preamble, sliders, words
from website.printed import tables as columns

COLLECTORS = (
    statements.Titles,
    implementations.Citations,
    dependencies.Uses,
    dependencies.Equations,
    ledger.Checks,
    ledger.Reasons,
    measured.Numbers,
    renewal.Placeholders,
)

# Event, kinds of builder, priority, step. Those of extensions have the priority 500.
STEPS: tuple[tuple[str, str, int, Callable[..., Any]], ...] = (
    ("config-inited", "", 500, project.take_address),
    ("config-inited", "", 500, preamble.configure),
    ("config-inited", "", 500, ebook.configure),
    ("builder-inited", "html", 500, ship.flag),
    ("builder-inited", "html epub", 500, scripts.drop_listeners),
    ("builder-inited", "html", 500, scripts.write_maths),
    ("doctree-read", "", 500, figures.check),
    ("env-get-updated", "", 400, names.restore),
    ("env-get-updated", "", 500, names.number),
    ("env-get-updated", "", 500, renewal.renew),
    ("env-check-consistency", "", 500, ledger.check_consistency),
    ("env-check-consistency", "", 500, measured.check),
    ("env-check-consistency", "", 500, proofs.check_consistency),
    ("env-check-consistency", "", 500, names.check_consistency),
    ("env-check-consistency", "", 500, dependencies.check),
    ("doctree-resolved", "", 400, proofs.name_steps),
    ("doctree-resolved", "", 400, dependencies.head),
    ("doctree-resolved", "", 400, dependencies.fill),
    ("doctree-resolved", "", 500, ledger.fill),
    ("doctree-resolved", "", 500, links.fill),
    ("doctree-resolved", "", 500, implementations.name_code),
    ("doctree-resolved", "", 500, descriptions.straighten),
    ("doctree-resolved", "html epub", 500, figures.inline),
    ("doctree-resolved", "html epub", 500, folds.fold),
    ("doctree-resolved", "", 550, tables.label_cells),
    ("doctree-resolved", "epub", 600, text.trim),
    ("doctree-resolved", "epub", 600, mathml.put_in),
    ("doctree-resolved", "latex", 600, boxes.frame),
    ("doctree-resolved", "latex", 600, names.print_numbers),
    ("doctree-resolved", "latex", 600, displays.number),
    ("doctree-resolved", "latex", 600, cells.trim),
    ("doctree-resolved", "latex", 600, words.tie),
    ("doctree-resolved", "latex", 600, columns.shape),
    ("doctree-resolved", "latex", 600, parts.arrange),
    ("html-page-context", "html", 500, ledger.drop_records),
    ("html-page-context", "html", 500, cite.link),
    ("html-page-context", "html", 500, links.offer),
    ("html-page-context", "html", 950, formulas.hold),
    ("html-page-context", "html", 950, lines.tie),
    ("html-page-context", "html", 950, scripts.choose),
    ("html-page-context", "html", 950, metadata.describe_page),
    ("build-finished", "html", 500, metadata.write_address),
    ("build-finished", "html", 500, proofs.write),
    ("build-finished", "html", 500, cite.write),
    ("build-finished", "html", 500, previews.write),
    ("build-finished", "html", 500, search.write),
    ("build-finished", "html", 500, scripts.discard),
    ("build-finished", "html", 500, ship.copy),
    ("build-finished", "html", 900, ship.list_book),
    ("build-finished", "html", 500, folder.write),
)


def listener(event: str, kind: str, step: Callable[..., Any]) -> Callable[..., Any]:
    """A step that waits for its kinds of builder, and at the end for a build that did not fail."""

    @wraps(step)
    def listen(app: Sphinx, *arguments: Any) -> Any:
        if kind and app.builder.format not in kind.split():
            return None
        if event == "build-finished":
            (failure,) = arguments
            return None if failure else step(app)
        return step(app, *arguments)

    return listen


def setup(app: Sphinx) -> dict[str, Any]:
    """Register all of it with Sphinx; nothing else registers anything."""
    # A build keeps millions of small objects. Python's collector would go through all of them so
    # often that a page is read from its file in four times the time.
    gc.set_threshold(100_000, 20, 50)
    app.add_config_value("repository_url", "", "html", str)
    app.add_config_value("live_release", "", "", str)
    app.add_role("measured", measured.Measured())
    app.add_directive("ledger", ledger.Ledger)
    app.add_directive("unchecked", ledger.Unchecked)
    app.add_directive("unread", proofs.Unread)
    app.add_directive("versions", project.Versions)
    app.add_directive("live-licenses", licenses.Licenses)
    app.add_directive("take-away", links.TakeAway)
    app.add_directive("takes", takes.Takes)
    app.add_directive("decisions", decisions.Decisions)
    app.add_directive("dependencies", dependencies.Dependencies)
    app.add_directive("errata", errata.Errata)
    app.add_directive("editions", editions.Editions)
    placeholders = (links.take_away_node, dependencies.dependencies_node)
    for node in (ledger.ledger_node, ledger.reason_node, *placeholders):
        app.add_node(node)
    app.add_node(folds.fold_node, html=(folds.visit_fold, folds.depart_fold))
    app.add_builder(ebook.EpubBuilder, override=True)
    app.setup_extension("sphinx_proof")
    app.add_domain(statements.Statements, override=True)
    for collector in COLLECTORS:
        app.add_env_collector(collector)
    app.add_post_transform(absent.Restate)
    app.add_post_transform(sliders.Captions)
    for event, kind, priority, step in STEPS:
        app.connect(event, listener(event, kind, step), priority=priority)
    scripts.add(app)
    return {
        "parallel_read_safe": True,
        "parallel_write_safe": True,
        "env_version": renewal.version(app),
    }
