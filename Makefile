# Driftline. `make help` lists the targets; every one sets itself up (virtual environment, locked requirements).
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
STAY ?=

.DEFAULT_GOAL := help
.PHONY: help demo demo-response up down test test-unit chaos check format bench lock clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  \033[1m%-18s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(READY): requirements/all.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not ((3, 11) <= sys.version_info < (3, 15)) and "Driftline needs Python 3.11 to 3.14; this is %s. Say PYTHON=/path/to/python3.11" % sys.version.split()[0])'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check "uv>=0.9"
	@VIRTUAL_ENV=$(VENV) $(BIN)/uv pip sync --quiet --compile-bytecode requirements/all.lock
	@VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --no-deps --editable .
	@$(BIN)/python -m services.kernels
	@touch $(READY)

demo: $(READY) ## Stream the flights of 2013 through Driftline and show what it found (STAY=1 keeps it up)
	@# The GNU C library keeps freed memory for later, more of it the larger the pieces; a fixed threshold gives it back.
	@MALLOC_TRIM_THRESHOLD_=131072 $(BIN)/python -m examples.flights $(if $(STAY),--stay)

demo-response: $(READY) ## Show a bad rollout and the automated response to it, in less than a minute
	@$(BIN)/python -m examples.serving.demo

up: $(READY) ## Start Driftline on this machine (embedded Kafka, SQLite) until Ctrl-C
	@$(BIN)/python -m services

down: ## Stop a Driftline that `make up` started elsewhere
	@$(BIN)/python -m services --stop

test: $(READY) ## Run every test that this machine can run; says what it skips and why
	@$(BIN)/python -m pytest tests/unit tests/contract -n 2 --dist loadgroup
	@$(BIN)/python -m pytest tests/integration tests/e2e
	@$(BIN)/python -m pytest tests/chaos

chaos: $(READY) ## Kill drift, audit and the broker, split transactions, stop the broker under load: a part of `make test`
	@$(BIN)/python -m pytest tests/chaos

test-unit: $(READY) ## Run the tests that need nothing but Python
	@$(BIN)/python -m pytest tests/unit -n 2

check: $(READY) ## Format, lint, types, import contracts, dependencies, spelling
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/deptry .
	@$(BIN)/codespell

format: $(READY) ## Format the code and apply safe fixes
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: $(READY) ## Run every benchmark beside its peer and write bench/results.json
	@$(BIN)/python -m bench

lock: ## Resolve requirements/all.lock anew
	@uv pip compile pyproject.toml --all-extras --group dev --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --quiet -o requirements/all.lock

clean: ## Remove what was built and every local state
	@rm -rf $(VENV) .driftline .mypy_cache .ruff_cache .pytest_cache bench/results.json
