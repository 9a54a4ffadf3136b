# make demo: set up and centre an embedded example.  make test: set up and run every test.  make bounds: the kernels'
# tests again, with every index checked.
.PHONY: demo test bounds lint format hooks docs notebooks bench accuracy clean

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Reference data, where a checkout has them beside it; the tests that need them skip otherwise.
CENTERING_DATA ?= $(shell cd ../shared/data 2>/dev/null && pwd)
export CENTERING_DATA
# Nobody may be there to answer.
export PIP_NO_INPUT := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1

demo: $(VENV)/.core
	$(BIN)/centering demo --out demo --overwrite

test: $(VENV)/.dev
	$(BIN)/python -u -m pytest -n auto --dist worksteal

# The tests of the compiled loops, with every index checked; compiled apart, for the cache does not know the difference.
BOUNDS := tests/centering/test_peaks.py tests/centering/test_any_image.py tests/centering/test_lopsided.py tests/centering/test_reference_steps.py \
	tests/pswf/test_disk.py
bounds: $(VENV)/.dev
	NUMBA_BOUNDSCHECK=1 NUMBA_CACHE_DIR="$(CURDIR)/build/bounds" $(BIN)/python -m pytest -q $(BOUNDS)

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/typos .
	$(BIN)/lint-imports --no-logo
	$(BIN)/mypy

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Let git run the checks of `make lint` before each commit.
hooks: $(VENV)/.dev
	$(BIN)/pre-commit install

# The site, in site/index.html; a warning is an error, and so is a link that leads nowhere, or what needs a network.
docs: $(VENV)/.docs
	rm -rf site
	$(BIN)/sphinx-build -q -W --keep-going -c docs -d build/doctrees -b html . site
	$(BIN)/python docs/check.py site

# Run the notebooks and store what they put out.
notebooks: $(VENV)/.dev
	$(BIN)/python notebooks/execute.py

# Speed: writes docs/benchmarks.md and its figure.
bench: $(VENV)/.dev
	$(BIN)/python -m benchmarks

# Errors of every estimator: writes docs/accuracy.md and its figures, and needs the reference data for all of them.
accuracy: $(VENV)/.dev
	$(BIN)/python -m benchmarks.accuracy

clean:
	rm -rf $(VENV) demo site build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

$(VENV)/.python:
	@echo "Installing into $(VENV); the first time this takes minutes."
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	touch $@

$(VENV)/.core: $(VENV)/.python pyproject.toml
	@echo "Installing the package."
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/.dev: $(VENV)/.core
	@echo "Installing what the tests need."
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@

$(VENV)/.docs: $(VENV)/.core
	$(BIN)/python -m pip install --quiet --editable '.[docs]'
	touch $@
