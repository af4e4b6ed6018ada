# Setpoint: everything a developer runs. `make` alone lists it.
PYTHON ?= python3.11
UV_VERSION := 0.13.9
HOURS ?= 1
BIN := .venv/bin
SETUP := .venv/.setup-done
FUZZER := .venv/.fuzzer-done
SECONDS ?= 60
TARGETS ?= $(patsubst tests/fuzz/targets/%.py,%,$(wildcard tests/fuzz/targets/*.py))
export UV_PYTHON_DOWNLOADS := never

.DEFAULT_GOAL := help
.PHONY: help setup programs fmt check test unit integration e2e manifests verify install up down logs bench faults fuzz soak

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## /\1\t/' | expand -t 14

setup: $(SETUP) ## the virtual environment, from the lock
$(SETUP): pyproject.toml uv.lock
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || python3 -m venv .venv
	@$(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo 'error: Python 3.11 or newer is needed; name it with PYTHON=...' >&2; exit 2; }
	@$(BIN)/uv --version 2>/dev/null | grep -qF $(UV_VERSION) \
	  || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@$(BIN)/uv sync --quiet --locked --all-extras
	@touch $@

programs: setup ## build the Go programs into the cache (once per machine)
	@$(BIN)/python -m cli.up.programs devcluster renderer

fmt: setup ## format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix --quiet .

check: setup ## lint, types, imports, generated files and unit tests: before each commit
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy services shared cli tools
	$(BIN)/lint-imports
	$(MAKE) verify
	$(BIN)/python -m pytest -q tests/unit tests/architecture

unit: setup ## unit tests
	$(BIN)/python -m pytest -q tests/unit

integration: setup ## tests against the real API server, NATS and Git servers
	$(BIN)/python -m pytest -q tests/contract tests/integration

e2e: setup ## the whole system, driven as a user would
	$(BIN)/python -m pytest -q tests/e2e

test: check programs ## every test
	$(BIN)/python -m pytest -q -n 2 --dist loadfile tests/contract tests/integration tests/e2e

faults: setup $(FUZZER) programs ## the whole system under faults, judged by an oracle: half an hour
	$(BIN)/python -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder tests/faults

fuzz: setup $(FUZZER) ## each parser of outside input under the fuzzer, for SECONDS each
	@set -e; for target in $(TARGETS); do $(BIN)/python -m tests.fuzz.run $$target $(SECONDS); done
	@set -e; for one in machine twins; do $(BIN)/python -m tests.model.run $$one 400 --anew; done

$(FUZZER): $(SETUP)
	@$(BIN)/uv sync --quiet --locked --all-extras --group fuzz
	@touch $@

soak: setup programs ## the same for HOURS=n, with faults of all kinds in a random order
	@$(BIN)/python -m tests.faults.soak $(HOURS)

manifests: setup ## write deploy/crds from the types
	$(BIN)/python -m tools.manifests

verify: setup ## are the generated files current?
	$(BIN)/python -m tools.manifests --check

install: setup ## put the CRDs into the current cluster
	$(BIN)/setpoint install

up: setup ## start everything on this machine and sync the example
	@$(BIN)/setpoint up

down: setup ## stop it and remove its state
	@$(BIN)/setpoint down

logs: ## what the services of `make up` say
	@tail -n 50 -F .setpoint/logs/*.log

NAME ?= $(patsubst benchmarks/%.py,%,$(wildcard benchmarks/*.py))
bench: setup programs ## how fast it is: all benchmarks, or NAME=many; an hour on a machine at rest
	@for name in $(NAME); do echo "== $$name"; $(BIN)/python -m benchmarks.$$name || exit 1; done

