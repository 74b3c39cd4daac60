# Two commands on a fresh machine: `make demo` and `make test`. Everything else is for those who change the code.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# Slicer's own Python, for the subset of the tests that must also pass there; empty where it is not installed.
PYTHON312 ?= $(shell for p in python3.12 $(HOME)/.pyenv/versions/3.12*/bin/python3.12; do \
	"$$p" -c pass 2>/dev/null && echo "$$p" && break; done)
VENV312 ?= .venv312
VENV_PANEL ?= .venv-panel
OUT ?= demo
# Two processes of tests with one thread each, a file at a time, so that both of two cores are always busy.
PYTEST := -m pytest -n 2 --dist loadfile
# What Qt and OpenGL need of Debian or Ubuntu to draw the panel without a screen.
SYSTEM_PACKAGES := libegl1 libgl1 libgl1-mesa-dri libx11-6 libxkbcommon0 libdbus-1-3 libfontconfig1 libglib2.0-0 \
	fonts-dejavu-core
SYSTEM_LIBRARIES := libEGL.so.1 libGL.so.1 libX11.so.6 libxkbcommon.so.0 libdbus-1.so.3 libfontconfig.so.1 \
	libglib-2.0.so.0 libgthread-2.0.so.0

test test-library test-module test-slicer-python: export OMP_NUM_THREADS := 1

.PHONY: setup system-libraries demo test test-library test-module test-slicer-python check format bench screenshots clean

setup: $(VENV)/.installed

$(VENV)/.installed: FROM = $(PYTHON)
$(VENV)/.installed: EXTRAS = dev
$(VENV312)/.installed: FROM = $(PYTHON312)
$(VENV312)/.installed: EXTRAS = reading,radiomics,test
$(VENV_PANEL)/.installed: FROM = $(PYTHON312)
$(VENV_PANEL)/.installed: EXTRAS = panel,test

# Some gigabytes are fetched, and a connection that breaks for good ends pip: it is called again, after a pause.
$(VENV)/.installed $(VENV312)/.installed $(VENV_PANEL)/.installed: pyproject.toml
	$(FROM) -c 'import sys; sys.exit("BreastFusion needs Python 3.10 or newer: make PYTHON=/path/to/it .." if sys.version_info < (3, 10) else 0)'
	$(FROM) -m venv $(@D)
	for pause in 15 60 end; do \
		$(@D)/bin/python -m pip install --quiet --upgrade pip && \
		$(@D)/bin/python -m pip install --quiet -e '.[$(EXTRAS)]' && break; \
		test $$pause != end || exit 1; \
		echo "Installing broke off; once more in $$pause s."; sleep $$pause; \
	done
	touch $@

# Installs what is missing where it may; elsewhere it says what to install.
system-libraries:
	@test "$$(uname)" != Linux || $(PYTHON) -c \
		'import ctypes, sys; [ctypes.CDLL(name) for name in sys.argv[1:]]' $(SYSTEM_LIBRARIES) 2>/dev/null || \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		apt-get -o Acquire::Retries=3 update -qq && apt-get -o Acquire::Retries=3 install -y -qq --no-install-recommends $(SYSTEM_PACKAGES); \
	else \
		echo "The panel's tests need libraries that are missing: sudo apt-get install $(SYSTEM_PACKAGES)"; exit 1; \
	fi

demo: setup
	$(BIN)/breastfusion demo --out $(OUT)

test: test-library test-module test-slicer-python

test-library: setup
	$(BIN)/python $(PYTEST) Testing/Library

# Apart from the library's: a process that has drawn with VTK must not import PyTorch any more.
test-module: setup system-libraries
	$(BIN)/python $(PYTEST) Testing/Module

# The ground floor as Slicer has it: no package of the upper floor is installed there. The panel is opened with
# nothing but Slicer's own packages; what asks its child process for PyTorch is left out there.
ifeq ($(PYTHON312),)
test-slicer-python:
	@echo "No Python 3.12 here: the subset for Slicer's Python is left out."
else
test-slicer-python: system-libraries $(VENV312)/.installed $(VENV_PANEL)/.installed
	$(VENV312)/bin/python $(PYTEST) Testing/Library -m fast
	$(VENV_PANEL)/bin/python $(PYTEST) Testing/Module
endif

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/python Resources/list_files.py

# Without those that take much longer than ten minutes (simulated studies, training on a thousand phantoms), parts, and
# what needs a finished study.
bench: setup system-libraries
	for benchmark in $(filter-out %/coverage.py %/coverage_classes_froc.py %/fusion.py %/study_retest.py %/training_library.py %/training_memory.py %/training_usual.py,$(wildcard Testing/Benchmarks/*.py)); do $(BIN)/python $$benchmark || exit 1; done

# The README's pictures: of the panel with the demo's model, and of the demo's own pages, which needs Chromium.
screenshots: demo
	$(BIN)/python Resources/make_panel_screenshots.py $(OUT)/runs/demo/bundle
	$(BIN)/python Resources/make_screenshots.py $(OUT)

clean:
	rm -rf $(VENV) $(VENV312) $(VENV_PANEL) build dist *.egg-info
