# Two commands do everything: `make demo` starts it, `make test` checks it. Both set up what they need.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
UV     := $(or $(shell command -v uv),.uv/bin/uv)
export UV_PYTHON_DOWNLOADS := never
export UV_NO_PROGRESS := 1
export OPENBLAS_NUM_THREADS := 1

.PHONY: help setup demo test check ui dashboard notebook lock bench calibrate docs images clean

help:
	@echo "make demo    run the main job on a simulated world: no keys, no internet after set-up"
	@echo "make test    run all tests"
	@echo "make dashboard  the web app on http://127.0.0.1:8050"
	@echo "make notebook   a first look in a notebook (marimo)"
	@echo "make ui      Dagster UI on http://127.0.0.1:3000"
	@echo "make check   format, lint, types"
	@echo "make bench   benchmarks, written to docs/BENCHMARKS.md"
	@echo "make calibrate  how often the verdict is right on simulated worlds, written to docs/CALIBRATION.md"
	@echo "make docs    regenerate docs/SOURCES.md, docs/DATA.md, docs/QUERIES.md, .env.example and the project's schema"
	@echo "make images  the pictures of the README, from the demo's data (needs a Chromium)"
	@echo "make lock    renew requirements.lock from pyproject.toml"
	@echo "make setup   only set up .venv; then .venv/bin/tallyrank works"

setup: $(STAMP)

.uv/bin/uv:
	$(PYTHON) -m venv .uv
	.uv/bin/python -m pip install --quiet --disable-pip-version-check uv

$(STAMP): requirements.lock pyproject.toml | $(UV)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Tallyrank needs Python 3.11 or newer: make PYTHON=python3.12 setup"; exit 1; }
	@echo "Setting up $(VENV) from requirements.lock ..."
	$(UV) venv --quiet --allow-existing --python $(PYTHON) $(VENV)
	$(UV) pip sync --quiet --compile-bytecode --require-hashes --python $(BIN)/python requirements.lock
	$(UV) pip install --quiet --no-deps --no-build-isolation --offline --python $(BIN)/python --editable .
	@touch $@

demo: setup
	@$(BIN)/tallyrank demo

test: setup
	$(BIN)/python -m pytest -n 2 --dist worksteal

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

ui: setup
	@$(BIN)/tallyrank ui

dashboard: setup
	@$(BIN)/tallyrank dashboard

notebook: setup
	@$(BIN)/tallyrank notebook

images: setup
	$(BIN)/python -m tests.images

lock: | $(UV)
	$(UV) pip compile --quiet --universal --generate-hashes --python-version 3.11 --extra dev \
		--no-header --no-annotate --upgrade --output-file requirements.lock pyproject.toml

bench: setup
	@rm -f docs/BENCHMARKS.md.new
	for name in association ordered_logit timing pace web; do \
		$(BIN)/python tests/benchmarks/bench_$$name.py >> docs/BENCHMARKS.md.new || exit 1; done
	@mv docs/BENCHMARKS.md.new docs/BENCHMARKS.md && cat docs/BENCHMARKS.md

calibrate: setup
	PYTHONPATH=. $(BIN)/python tests/benchmarks/calibrate.py > docs/CALIBRATION.md.new
	@mv docs/CALIBRATION.md.new docs/CALIBRATION.md && cat docs/CALIBRATION.md

docs: setup
	$(BIN)/python -m pipelines.docs

clean:
	rm -rf $(VENV) .uv .mypy_cache .ruff_cache .pytest_cache .hypothesis data/demo
