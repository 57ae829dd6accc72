# The thin face of do.py: `make book` is `python do.py book`. PYTHON chooses a Python, VENV another
# folder for the environment, ONLY one chapter for `make notebooks`, `make wrong` and `make live-check`,
# or one table for `make study`, or one module for `make mutants`.
PYTHON ?= python3
COMMANDS := help live live-check book pdf tex-packages test libraries study test-newest serve lab edit notebooks wrong mutants proofs proof-packages lint bench bench-large clean

.PHONY: $(COMMANDS)
$(COMMANDS):
	@$(PYTHON) do.py $@ $(if $(filter live-check mutants notebooks study wrong,$@),$(ONLY))
