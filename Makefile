# SPDX-License-Identifier: AGPL-3.0-or-later
# `make demo` runs a small store; `make test` passes every test. Both set up all they need from nothing.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input --quiet

# Torch and ultralytics live apart from the environment of development. CI takes their tests along, and so does who asks.
WORKSHOP := .venv-train
TRAIN ?= $(if $(filter true,$(CI))$(wildcard $(WORKSHOP)/.installed),1)

.PHONY: help demo test workshop scenarios check format lint types arrows fast lock system-packages clean

help:
	@echo "make demo    run a small store on this machine: cameras, nodes, hub, shoppers, a page to fool it"
	@echo "make test    everything CI runs: format, lint, types, arrows, all tests"
	@echo "make workshop  the workshop's own tests alone: training, export, quantisation; make test TRAIN=1 takes them along"
	@echo "make scenarios  the long scenarios of the virtual store, which test leaves out"
	@echo "make check   the quick part of it: format, lint, types, arrows, fast tests"
	@echo "make lock    resolve the dependencies anew into deploy/lock/"

demo: $(VENV)/.installed-demo
	@$(BIN)/facings demo

test: system-packages $(VENV)/.installed-dev lint types arrows $(if $(filter 1,$(TRAIN)),workshop)
	$(BIN)/python -m pytest -n 3 --dist loadfile -m "not library and not train" --durations=15
ifneq ($(TRAIN),1)
	@echo "The workshop's tests (training, export, parity, quantisation) were left out: they need torch, some 1.2 GB."
	@echo "To include them: make test TRAIN=1"
endif

# The tests that train: a minute or two of computing, after a minute or two of installing.
workshop: $(WORKSHOP)/.installed
	$(WORKSHOP)/bin/python -m pytest -m "train and not library" --durations=15

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

$(WORKSHOP)/.installed: deploy/lock/train.txt deploy/lock/train-gpu.txt deploy/lock/dev.txt tests/install-workshop \
  $(wildcard tests/torchvision_stand_in/*.toml tests/torchvision_stand_in/torchvision/*.py) | $(VENV)/.installed-dev
	@echo "Installing torch and ultralytics (a minute or two)"
	@tests/install-workshop $(BIN)/python $(WORKSHOP)

COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header
lock: $(VENV)/bin/python
	$(PIP) install uv
	$(COMPILE) pyproject.toml --extra edge --output-file deploy/lock/edge.txt
	$(COMPILE) pyproject.toml --extra server --output-file deploy/lock/hub.txt
	$(COMPILE) pyproject.toml --extra simulator --output-file deploy/lock/demo.txt
	$(COMPILE) pyproject.toml --extra dev --output-file deploy/lock/dev.txt
	deploy/lock/lock-train $(COMPILE)
	printf 'hatchling\neditables\n' | $(COMPILE) - --output-file deploy/lock/build.txt

clean:
	rm -rf $(VENV) $(WORKSHOP) var .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
