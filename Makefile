# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
#
# make run      sets up .venv and runs the main job on real flights
# make test     sets up .venv with the test tools; style, types and every test
# make tfx      sets up .venv-tfx with TFX; two TFX pipelines on real flights
# make tfx-test sets up .venv-tfx with TFX; every test of the TFX components
# make bench    the speed tables, into benchmarks/results/
# make format   formats the code and mends what can be mended alone
#
# Each needs nothing but Python 3.11 or later with venv and pip; of TFX, 3.11 itself.

PYTHON ?= $(firstword $(shell command -v python3.11) $(shell command -v python3))
VENV := .venv
BIN := $(VENV)/bin
# Plain pip, since it compiles what it installs. Never --no-compile: without
# .pyc files importing TensorFlow takes minutes where it should take seconds.
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check \
	--constraint constraints.txt
# Files of tests that run at once; each takes up to 6 GB of memory.
JOBS ?= 2
# Which tests, by the marks in pyproject.toml: all, or say, "not slow".
MARKS ?=
METADATA := setup.py constraints.txt

# TFX's versions contradict those of the rest, so it has an environment of its own.
TFX_PYTHON ?= $(firstword $(shell command -v python3.11) python3.11)
TFX_VENV := .venv-tfx
TFX_BIN := $(TFX_VENV)/bin
TFX_INSTALL := $(TFX_BIN)/python -m pip install --quiet --disable-pip-version-check \
	--no-deps
TFX_LOCKS := pipelines/tfx-lock.txt pipelines/tfx-test-lock.txt

# TensorFlow's notes about CUDA and oneDNN would bury the progress and the summary.
export TF_CPP_MIN_LOG_LEVEL ?= 3

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run test lint types tfx tfx-test bench format clean

help:
	@sed -n 's/^# make/make/p' Makefile

run: $(VENV)/.run
	$(BIN)/python -m pipelines.local

test: lint types
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile $(if $(MARKS),-m "$(MARKS)")

lint: $(VENV)/.test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(VENV)/.test
	$(BIN)/mypy

# Line by line, also where the output is a pipe: a pipeline takes a minute.
tfx: export PYTHONUNBUFFERED = 1
tfx: $(TFX_VENV)/.ready
	$(TFX_BIN)/python -m pipelines.tfx_local
	$(TFX_BIN)/python -m pipelines.tfx_transform

# TFX and its many libraries warn of each other's old ways. That is theirs to mend, so
# warnings are shown and are no errors, as they are in `make test`.
tfx-test: export PYTHONUNBUFFERED = 1
tfx-test: $(TFX_VENV)/.ready
	$(TFX_BIN)/python -m pytest -W default tests/test_tfx_*.py tfnorm/tfx

# As a module: run as a file, benchmarks/statistics.py would hide the standard
# library's `statistics` from every package that imports it.
bench: $(VENV)/.bench
	$(BIN)/python -m benchmarks.statistics
	$(BIN)/python -m benchmarks.layers
	$(BIN)/python -m benchmarks.batchnorm
	$(BIN)/python -m benchmarks.scale
	$(BIN)/python -m benchmarks.images
	$(BIN)/python -m benchmarks.transform
	$(BIN)/python examples/schemes_compared.py
	$(BIN)/python -m benchmarks.table

format: $(VENV)/.test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) $(TFX_VENV) build output *.egg-info .pytest_cache .mypy_cache .ruff_cache

$(BIN)/python:
	@echo "Making $(VENV) ..."
	@"$(PYTHON)" -c 'import sys; sys.exit("tfnorm needs Python 3.11 or later; say make PYTHON=..." if sys.version_info < (3, 11) else 0)'
	"$(PYTHON)" -m venv $(VENV)

# One environment with three fillings. A stamp is older than the metadata when
# the filling is stale; with nothing changed there is nothing to do.
$(VENV)/.run: $(METADATA) | $(BIN)/python
	@echo "Installing tfnorm for the main job (a minute or two) ..."
	$(INSTALL) --editable '.[example]'
	@touch $@

$(VENV)/.test: $(METADATA) | $(BIN)/python
	@echo "Installing tfnorm and its test tools (a few minutes) ..."
	$(INSTALL) --editable '.[example,test]'
	@touch $@ $(VENV)/.run

$(VENV)/.bench: $(METADATA) | $(BIN)/python
	@echo "Installing tfnorm and what it is measured against (a few minutes) ..."
	$(INSTALL) --editable '.[benchmark]'
	@touch $@

$(TFX_BIN)/python:
	@echo "Making $(TFX_VENV) ..."
	@"$(TFX_PYTHON)" -c 'import sys; sys.exit("the lock of TFX is for Python 3.11; say make TFX_PYTHON=..." if sys.version_info[:2] != (3, 11) else 0)'
	"$(TFX_PYTHON)" -m venv $(TFX_VENV)

# Without dependencies, as the lock's header explains; tfnorm last, built by the
# setuptools of the lock.
$(TFX_VENV)/.ready: setup.py $(TFX_LOCKS) | $(TFX_BIN)/python
	@echo "Installing TFX and tfnorm (a few minutes, 3 GB) ..."
	$(TFX_INSTALL) $(addprefix --requirement ,$(TFX_LOCKS))
	$(TFX_INSTALL) --no-build-isolation --editable .
	@touch $@
