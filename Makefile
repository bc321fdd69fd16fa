# Every verb of the project. `make help` lists them; each sets up what it needs.

PYTHON ?= python3.11
VENV := .venv
READY := $(VENV)/.installed

export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
export BENTOML_HOME ?= $(CURDIR)/artifacts/bentoml
export ADREC_FEATURES_DIR ?= $(CURDIR)/artifacts/features
# The steps switch telemetry off themselves (components/runtime/telemetry.py); these are for the tools started from here.
export BENTOML_DO_NOT_TRACK := True
export DVC_NO_ANALYTICS := 1

.DEFAULT_GOAL := help
.PHONY: help setup run serve refresh report repro compile test test-slow test-data test-all lint types contracts format check clean

help:  ## list the verbs
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY)  ## install everything into .venv, once (the other verbs do it when needed)

$(READY): pyproject.toml constraints.txt
	@echo "setting up $(VENV), once; this takes a few minutes"
	@test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch==2.13.0
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

run: $(READY)  ## run the training pipeline here; SOURCE=file FORMAT=movielens SET="finetune.epochs=5 …"
	@python -m pipelines run $(if $(SOURCE),--source "$$SOURCE") $(if $(FORMAT),--format "$$FORMAT") \
		$(foreach assignment,$(SET),--set '$(assignment)')

serve: $(READY)  ## serve the last accepted model on port 3000
	@test -e artifacts/bento || { echo "there is no accepted model yet: make run"; exit 1; }
	@bentoml serve "$$(realpath artifacts/bento)" --port 3000

refresh: $(READY)  ## take new events into the feature store; SOURCE=file FORMAT=csv SET="…"
	@python -m pipelines refresh $(if $(SOURCE),--source "$$SOURCE") $(if $(FORMAT),--format "$$FORMAT") \
		$(foreach assignment,$(SET),--set '$(assignment)')

report: $(READY)  ## open the report of the last run
	@test -e artifacts/report.html || { echo "there is no report yet: make run"; exit 1; }
	@python -m webbrowser -t "file://$(CURDIR)/artifacts/report.html"

repro: $(READY)  ## run the same steps with DVC
	@dvc repro

compile: $(READY)  ## compile the pipeline for Kubeflow (artifacts/training.yaml)
	@python -m pipelines compile

test: $(READY)  ## run the tests (under 5 minutes)
	@python -m pytest -q -n auto --maxprocesses 4 --dist loadfile

test-slow: $(READY)  ## run the tests that take longer
	@python -m pytest -q -m "slow and not gpu and not data"

test-data: $(READY)  ## run the tests on the real datasets in ADREC_DATA_DIR
	@python -m pytest -q -m "data and not gpu"

test-all: test test-slow test-data  ## run all of these

lint: $(READY)  ## look for mistakes and style
	@ruff check .
	@ruff format --check .

types: $(READY)  ## check the types
	@mypy

contracts: $(READY)  ## check who imports whom
	@lint-imports

check: lint types contracts test  ## all that a change must pass

format: $(READY)  ## format the code
	@ruff format .
	@ruff check --fix --quiet .

clean:  ## delete artifacts/ (all runs, data versions, features and Bentos) and DVC's cache
	@rm -rf artifacts .dvc/cache .dvc/tmp
