# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
#
# make run      sets up .venv and runs the main job on real flights
# make test     sets up .venv with the test tools; style, types and every test
# make bench    the speed tables, into benchmarks/results/
# make format   formats the code and mends what can be mended alone
#
# Each needs nothing but Python 3.11 or later with venv and pip.

PYTHON ?= $(firstword $(shell command -v python3.11) $(shell command -v python3))
VENV := .venv
BIN := $(VENV)/bin
# Plain pip, since it compiles what it installs. Never --no-compile: without
# .pyc files importing TensorFlow takes minutes where it should take seconds.
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check \
	--constraint constraints.txt
# Files of tests that run at once; each takes up to 6 GB of memory.
JOBS ?= 2
METADATA := setup.py constraints.txt

# TensorFlow's notes about CUDA and oneDNN would bury the progress and the summary.
export TF_CPP_MIN_LOG_LEVEL ?= 3

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run test lint types bench format clean

help:
	@sed -n 's/^# make/make/p' Makefile

run: $(VENV)/.run
	$(BIN)/python -m pipelines.local

test: lint types
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile

lint: $(VENV)/.test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(VENV)/.test
	$(BIN)/mypy

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
	rm -rf $(VENV) build output *.egg-info .pytest_cache .mypy_cache .ruff_cache

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
