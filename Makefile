# The thin face of do.py: `make book` is `python do.py book`. PYTHON chooses a Python, VENV another
# folder for the environment, ONLY one chapter for `make notebooks`, `make wrong` and `make live-check`,
# one table for `make study`, or one module for `make mutants`; NAME a new chapter for `make chapter`; COURSE the
# file of `make course`.
PYTHON ?= python3
COMMANDS := help live live-check book pdf tex-packages epub test libraries study test-newest serve lab edit notebooks wrong mutants chapter course names proofs proof-packages lint bench bench-large freeze editions clean

.PHONY: $(COMMANDS)
$(COMMANDS):
	@$(PYTHON) do.py $@ $(if $(filter live-check mutants notebooks study wrong,$@),$(ONLY)) $(if $(filter chapter,$@),$(NAME)) $(if $(filter course,$@),$(COURSE))
