# make demo: set up and centre an embedded example.  make test: set up and run every test.
.PHONY: demo test lint format bench clean

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Reference data, where a checkout has them beside it; the tests that need them skip otherwise.
CENTERING_DATA ?= $(wildcard $(abspath ../shared/data))
export CENTERING_DATA

demo: $(VENV)/.core
	$(BIN)/centering demo --out demo --overwrite

test: $(VENV)/.dev
	$(BIN)/python -m pytest -n auto --dist loadfile

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.dev
	$(BIN)/python -m benchmarks

clean:
	rm -rf $(VENV) demo build dist .pytest_cache .mypy_cache .ruff_cache

$(VENV)/.python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	touch $@

$(VENV)/.core: $(VENV)/.python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/.dev: $(VENV)/.core
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@
