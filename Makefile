# What one types. `make` alone lists the targets; most prepare .venv first.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
# Figures are the same with any number of cores; a test or job shall not take more than its share.
export OMP_NUM_THREADS ?= 1

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint format bench lock clean

help:
	@echo "make demo             the whole chain on the generated data set, to results/report/index.html"
	@echo "make test             all tests"
	@echo "make lint             what must be green before a commit"
	@echo "make format           let the formatters have their way"
	@echo "make bench NAME=name  one benchmark; without NAME, what there is"
	@echo "make lock             pin the dependencies of pyproject.toml anew (needs uv)"
	@echo "make setup            .venv only"
	@echo "make clean            delete results and caches, keep .venv"

setup: $(READY)

# PyTorch comes first and without a hash: which build is right depends on the machine.
$(READY): envs/torch.txt envs/requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Python 3.11 or newer is needed, '$(PYTHON)' is $$($(PYTHON) --version 2>&1);" \
	       "name another one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@echo "preparing .venv (some minutes, once)"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install -qq --requirement envs/torch.txt
	@$(BIN)/python -m pip install -qq --require-hashes --no-deps --requirement envs/requirements.lock
	@$(BIN)/python -m pip install -qq --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup
	@$(BIN)/snakemake --cores all
	@echo "Report: results/report/index.html"

test: setup
	@$(BIN)/python -m pytest

lint: setup
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/snakefmt --check Snakefile rules
	$(BIN)/mypy
	$(BIN)/snakemake --lint

format: setup
	$(BIN)/ruff check --fix
	$(BIN)/ruff format
	$(BIN)/snakefmt Snakefile rules

bench: setup
	@$(BIN)/python tests/benchmarks $(NAME)

# uv does not read pip's settings; UV_FIND_LINKS names a folder of wheels where there is one.
lock:
	uv pip compile pyproject.toml --extra dev --constraint envs/torch.txt --python-version 3.11 \
	  --no-emit-package torch --no-emit-index-url --no-emit-find-links --generate-hashes \
	  --no-annotate --no-header --output-file envs/requirements.lock
	$(PYTHON) envs/pin_conda.py
	grep --only-matching 'snakemake-executor-plugin-[^"]*' pyproject.toml | uv pip compile - --no-deps \
	  --no-emit-index-url --no-emit-find-links --generate-hashes --no-annotate --no-header \
	  --output-file envs/slurm.lock

clean:
	find results -mindepth 1 ! -path results/.gitignore -delete
	rm -rf .snakemake .pytest_cache .mypy_cache .ruff_cache .hypothesis
