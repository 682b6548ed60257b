# Every target works as the first command on a machine that has Python >= 3.11 (with pip and venv), make and git.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
LITELLM := .venv-litellm/bin

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help setup run test check demo bench soak faults format pages screenshots types lock prices clean

help: ## Show the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# Stamps carry the hash of what was installed, so a changed lock file or dashboard installs again.
PAGES := $(shell find web hatch_build.py -name node_modules -prune -o -type f -print 2>/dev/null | LC_ALL=C sort | xargs cat | cksum | cut -d' ' -f1)
RUNTIME_STAMP := .venv/.runtime-$(shell cat requirements/runtime.lock requirements/build.lock pyproject.toml 2>/dev/null | cksum | cut -d' ' -f1)-$(PAGES)
DEV_STAMP := .venv/.dev-$(shell cat requirements/dev.lock pyproject.toml 2>/dev/null | cksum | cut -d' ' -f1)-$(PAGES)
LITELLM_STAMP := .venv-litellm/.installed-$(shell cat requirements/litellm.lock 2>/dev/null | cksum | cut -d' ' -f1)

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "wellhead needs Python 3.11 or newer; set PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv .venv

$(RUNTIME_STAMP): | $(BIN)/python
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements/runtime.lock
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements/build.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(DEV_STAMP): | $(BIN)/python
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements/dev.lock
	$(BIN)/python tools/node.py npm ci
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(LITELLM_STAMP):
	$(PYTHON) -m venv .venv-litellm
	$(LITELLM)/python -m pip install --quiet --require-hashes -r requirements/litellm.lock
	@touch $@

setup: $(DEV_STAMP) $(LITELLM_STAMP) ## Install everything the checks and tests need: .venv, .venv-litellm, Debian packages
	@$(BIN)/python tools/system_parts.py

run: $(RUNTIME_STAMP) ## Install what is needed and run the gateway on its embedded default
	$(BIN)/wellhead serve

demo: $(RUNTIME_STAMP) ## Run with a simulated upstream, traffic and 30 days of history, in its own database
	$(BIN)/wellhead demo

test: setup check ## Set up and run every check: format, lint, types, layers, tests

check: ## What `make test` runs, on an existing set-up
	@$(BIN)/python tests/checks.py

soak: setup ## The slow tests that are outside the normal suite; WELLHEAD_SOAK_S=N for another length than 900 seconds
	$(BIN)/python -m pytest -m soak -rP

faults: setup ## Write the tables of docs/reliability.md again, from what the tests of faults see
	$(BIN)/python -m pytest -m "fault and not soak" -n 2 --dist loadfile --write-faults

bench: setup ## Measure what docs/performance.md promises, beside nginx and LiteLLM in one run
	$(BIN)/python -m bench

format: ## Format the source and sort its imports
	$(BIN)/ruff check --fix --quiet src tests bench tools; $(BIN)/ruff format --quiet src tests bench tools
	$(BIN)/python tools/node.py prettier --write --log-level warn .

pages: setup ## Build the dashboard's pages again, after a change in web/
	$(BIN)/python tools/node.py vite build

screenshots: setup ## Take the pictures of the dashboard in docs/img again
	PYTHONPATH=tests $(BIN)/python tools/screenshots.py

types: setup ## Write web/src/api/schema.ts again, after a change of the control API
	$(BIN)/python tools/dashboard_types.py

lock: ## Compile the locked requirement files again (hashes, no download address); UPGRADE=--upgrade takes newer ones
	cd requirements && \
	compile() { ../$(BIN)/uv pip compile --quiet $(UPGRADE) --generate-hashes --universal --python-version 3.11 --no-header "$$@"; } && \
	compile ../pyproject.toml -o runtime.lock && \
	compile ../pyproject.toml --extra vocabulary --extra parquet dev.in build.in -c runtime.lock -o dev.lock && \
	compile build.in -c dev.lock -o build.lock && \
	compile litellm.in -o litellm.lock && \
	compile prices.in -c runtime.lock -o prices.lock

prices: ## Compile the shipped price list again, from the package that requirements/prices.lock names
	$(PYTHON) -m venv .venv-prices
	.venv-prices/bin/python -m pip install --quiet --require-hashes -r requirements/prices.lock
	.venv-prices/bin/python tools/compile_prices.py
	.venv-prices/bin/python tools/sample_prices.py

clean: ## Remove the virtual environments and caches
	rm -rf .venv .venv-litellm .venv-prices .mypy_cache .ruff_cache .import_linter_cache .hypothesis
