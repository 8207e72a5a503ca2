# SPDX-License-Identifier: AGPL-3.0-or-later
# `make demo` runs a small store; `make test` passes every test. Both set up all they need from nothing.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input --quiet

.PHONY: help demo test scenarios check format lint types arrows fast lock system-packages clean

help:
	@echo "make demo    run a small store on this machine: cameras, nodes, hub, shoppers, a page to fool it"
	@echo "make test    everything CI runs: format, lint, types, arrows, all tests"
	@echo "make scenarios  the long scenarios of the virtual store, which test leaves out"
	@echo "make check   the quick part of it: format, lint, types, arrows, fast tests"
	@echo "make lock    resolve the dependencies anew into deploy/lock/"

demo: $(VENV)/.installed-demo
	@$(BIN)/facings demo

test: system-packages $(VENV)/.installed-dev lint types arrows
	$(BIN)/python -m pytest -n 3 --dist loadfile -m "not library" --durations=15

# The long scenarios of the library, some twenty minutes of computing.
scenarios: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -m library tests/store

check: $(VENV)/.installed-dev lint types arrows fast

lint: $(VENV)/.installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(VENV)/.installed-dev
	$(BIN)/mypy

arrows: $(VENV)/.installed-dev
	$(BIN)/lint-imports

fast: $(VENV)/.installed-dev
	$(BIN)/python -m pytest tests/unit -m "not slow"

format: $(VENV)/.installed-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# Debian packages that tests talk to: a real broker, a real database, a real browser.
system-packages:
	@tests/install-system-packages

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Facings needs Python 3.11 or newer; call: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@echo "Making $(VENV)"
	@$(PYTHON) -m venv $(VENV) || \
	  { rm -rf $(VENV); echo "Python lacks its venv module; call: sudo apt-get install python3-venv"; exit 1; }

# Locked and hashed; the build backend is installed first so that nothing unlocked is fetched for the build.
$(VENV)/.installed-%: deploy/lock/%.txt deploy/lock/build.txt pyproject.toml $(VENV)/bin/python
	@echo "Installing the locked packages of $* (a minute or two)"
	@$(PIP) install --require-hashes --only-binary :all: -r deploy/lock/build.txt -r deploy/lock/$*.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header
lock: $(VENV)/bin/python
	$(PIP) install uv
	$(COMPILE) pyproject.toml --extra edge --output-file deploy/lock/edge.txt
	$(COMPILE) pyproject.toml --extra server --output-file deploy/lock/hub.txt
	$(COMPILE) pyproject.toml --extra simulator --output-file deploy/lock/demo.txt
	$(COMPILE) pyproject.toml --extra dev --output-file deploy/lock/dev.txt
	printf 'hatchling\neditables\n' | $(COMPILE) - --output-file deploy/lock/build.txt

clean:
	rm -rf $(VENV) var .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
