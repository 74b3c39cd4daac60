# Two commands on a fresh machine: `make demo` and `make test`. Everything else is for those who change the code.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# Slicer's own Python, for the subset of the tests that must also pass there; empty where it is not installed.
PYTHON312 ?= $(shell for p in python3.12 $(HOME)/.pyenv/versions/3.12*/bin/python3.12; do \
	"$$p" -c pass 2>/dev/null && echo "$$p" && break; done)
VENV312 ?= .venv312
OUT ?= demo

.PHONY: setup demo test test-library test-slicer-python check format bench screenshots clean

setup: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("BreastFusion needs Python 3.10 or newer: make PYTHON=/path/to/it .." if sys.version_info < (3, 10) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -e '.[dev]'
	touch $@

demo: setup
	$(BIN)/breastfusion demo --out $(OUT)

test: test-library test-slicer-python

test-library: setup
	$(BIN)/python -m pytest

# The ground floor as Slicer has it: no package of the upper floor is installed there.
test-slicer-python:
ifeq ($(PYTHON312),)
	@echo "No Python 3.12 here: the subset for Slicer's Python is left out."
else
	test -f $(VENV312)/.installed -a $(VENV312)/.installed -nt pyproject.toml || ( \
		$(PYTHON312) -m venv $(VENV312) && \
		$(VENV312)/bin/python -m pip install --quiet --upgrade pip && \
		$(VENV312)/bin/python -m pip install --quiet -e '.[reading,radiomics,test]' && \
		touch $(VENV312)/.installed )
	$(VENV312)/bin/python -m pytest -m fast
endif

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: setup
	for benchmark in Testing/Benchmarks/*.py; do $(BIN)/python $$benchmark || exit 1; done

# The README's pictures, from the demo's own pages; needs Chromium.
screenshots: demo
	$(BIN)/python Resources/make_screenshots.py $(OUT)

clean:
	rm -rf $(VENV) $(VENV312) build dist *.egg-info
