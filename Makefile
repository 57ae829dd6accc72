# Two commands matter: `make book` builds the website, `make test` runs everything CI runs.
# Each makes .venv from requirements.lock first, with plain pip.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
# One BLAS thread a process: tests and chapters already run side by side.
export OMP_NUM_THREADS ?= 1
export OPENBLAS_NUM_THREADS ?= 1
# Jupyter must not prefer the user's own kernels to this environment's.
export JUPYTER_PREFER_ENV_PATH = 1
# Figures need no screen, and a debugger's warning is not an output.
export MPLBACKEND ?= agg
export PYDEVD_DISABLE_FILE_VALIDATION = 1

.PHONY: help book pdf tex-packages test test-newest serve lab edit notebooks lint clean bench
.DEFAULT_GOAL := help

help:
	@echo "make book       build the website into _build/html (executes every chapter)"
	@echo "make pdf        build the whole book into _build/latex/kernels.pdf (needs XeLaTeX)"
	@echo "make test       everything CI runs: lint, types, unit tests, notebooks, the site in a browser"
	@echo "make serve      build, then serve the website on http://localhost:8000"
	@echo "make lab        open the chapters in JupyterLab, with live sliders (your copies: _build/lab)"
	@echo "make edit       open the sources of the chapters in JupyterLab"
	@echo "make notebooks  run every chapter in a fresh kernel and normalize it for git (ONLY=name for one)"
	@echo "make test-newest  the same with the newest version of every library, in .venv-newest"
	@echo "make bench      time ntklib against other libraries and the BLAS limit (about ten minutes)"
	@echo "make clean      remove what was built (not .venv)"

# The stamp is newer than the lock: nothing to install. A failed install leaves no stamp.
$(VENV)/.stamp: requirements.lock pyproject.toml
	@echo "== Setting up $(VENV) with $$($(PYTHON) --version) (about a minute)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; set PYTHON=/path/to/it")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

book: $(VENV)/.stamp
	@echo "== Building the website (a first build executes every chapter)"
	@$(BIN)/python tools/execute.py
	@$(BIN)/jupyter-book build -W -n --keep-going --quiet .
	@echo "== Done. Open _build/html/index.html"

# What a Debian or Ubuntu needs to set the book.
TEX := latexmk texlive-xetex texlive-latex-recommended texlive-latex-extra \
       texlive-fonts-recommended lmodern

tex-packages:
	@echo $(TEX)

pdf: $(VENV)/.stamp
	@command -v latexmk >/dev/null && command -v xelatex >/dev/null || \
	  { echo "make pdf needs latexmk and xelatex; on Debian or Ubuntu: apt-get install $(TEX)" >&2; exit 1; }
	@echo "== Writing the book for LaTeX (a first build executes every chapter)"
	@$(BIN)/jupyter-book build -W -n --keep-going --quiet --builder latex .
	@echo "== Setting it (a minute or two)"
	@cd _build/latex && latexmk -xelatex -interaction=nonstopmode -halt-on-error -silent kernels.tex >/dev/null 2>&1 || \
	  { grep -A6 '^!' kernels.log; echo "XeLaTeX failed; all of it is in _build/latex/kernels.log" >&2; exit 1; }
	@$(BIN)/python tools/latex_log.py _build/latex/kernels.log
	@echo "== Done. Open _build/latex/kernels.pdf"

test: $(VENV)/.stamp
	@echo "== Lint and types"
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy
	@echo "== A full build from nothing"
	@rm -rf _build
	@$(MAKE) --no-print-directory book
	@echo "== Unit tests, notebooks, ledger, faults, and the site in a browser"
	@$(BIN)/pytest -q -n 2 --dist loadscope --no-loadscope-reorder --nbval --nbval-current-env chapters tests

# What the weekly run does: the newest versions that pyproject.toml allows, and no cache.
test-newest: VENV := .venv-newest
test-newest:
	@echo "== Setting up $(VENV) with the newest versions of everything"
	@rm -rf $(VENV) _build
	@$(PYTHON) -m venv $(VENV)
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-cache-dir --upgrade pip "setuptools>=77"
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-cache-dir --no-build-isolation -e ".[test]"
	@touch $(VENV)/.stamp
	@$(MAKE) --no-print-directory test VENV=$(VENV)

notebooks: $(VENV)/.stamp
	@$(BIN)/python tools/notebooks.py $(ONLY)

serve: book
	@echo "== Serving on http://localhost:8000 (Ctrl-C stops)"
	@$(BIN)/python -m http.server 8000 --bind 127.0.0.1 --directory _build/html

# A reader gets the plain notebooks, in copies that stay as the reader leaves them.
lab: book
	@mkdir -p _build/lab
	@for one in _build/html/notebooks/*.ipynb; do \
	  test -e _build/lab/$${one##*/} || cp $$one _build/lab/; done
	@$(BIN)/jupyter lab --notebook-dir _build/lab

# An author gets the chapters themselves, with the directives that make the website.
edit: $(VENV)/.stamp
	@$(BIN)/jupyter lab --notebook-dir chapters

lint: $(VENV)/.stamp
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

bench: $(VENV)/.stamp
	@$(BIN)/python benchmarks/run.py

clean:
	rm -rf _build .pytest_cache .mypy_cache .ruff_cache .hypothesis
