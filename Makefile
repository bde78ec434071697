# Needs git, make and Python >= 3.11 with venv. uv is used where it is on PATH, and fetched with pip where it is not.

VENV := .venv
BIN := $(VENV)/bin
UV := $(or $(shell command -v uv 2>/dev/null),$(BIN)/uv)

# Run, not only looked up: version managers leave commands on PATH that refuse to start.
PROBE := import sys, venv; sys.version_info >= (3, 11) or sys.exit(1); print(sys.executable)
PYTHON ?= $(shell for name in python3.13 python3.12 python3.11 python3 python; do "$$name" -c '$(PROBE)' 2>/dev/null && break; done)

# Bytecode at once: the first start is then as quick as the later ones, also where PYTHONDONTWRITEBYTECODE is set.
INSTALL := "$(UV)" pip install --quiet --compile-bytecode --python $(BIN)/python --build-constraint requirements-dev.lock
COMPILE := "$(UV)" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--custom-compile-command "make lock" $(if $(UPGRADE),--upgrade)

.PHONY: help demo test test-extras docs-table check format bench lock clean
.DEFAULT_GOAL := help

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

demo: $(VENV)/core.stamp ## Set up, then collect rollouts from two environments: no key, server, GPU or network needed
	$(BIN)/gym eval run --resources-server example_single_tool_call --resources-server example_multi_step \
		--model-type random_model --output results/rollouts.jsonl --overwrite

test: $(VENV)/dev.stamp ## Set up, then run the tests; ARGS="..." goes to pytest
	$(BIN)/python -m pytest --numprocesses auto $(ARGS)

# One virtual environment for each library that pins what others pin otherwise, or is large.
test-extras: $(VENV)/dev.stamp ## Set up, then run the tests of the parts that need large libraries, each in an environment of its own
	$(call test_extra,openenv,'openenv-core>=0.3$(,)<0.4',-m extra resources_servers/openenv)
	$(call test_extra,verifiers,'verifiers>=0.1.14$(,)<0.1.15',-m extra responses_api_agents/verifiers_agent)
	$(call test_extra,nemo,--editable compat,-m "compat and not slow" compat/tests)
	$(call test_extra,transformers,'transformers[serving]>=5$(,)<6',-m transformers responses_api_models/transformers_model responses_api_models/vllm_model,torch==2.13.0)

# Its name, what to install, pytest's arguments; what pip installs first, because it finds a build that uv does not.
, := ,
define test_extra
	@test -x .venvs/$(1)/bin/python || "$(UV)" venv --quiet --seed --python $(BIN)/python .venvs/$(1)
	$(if $(4),.venvs/$(1)/bin/python -m pip install --quiet $(4))
	"$(UV)" pip install --quiet --python .venvs/$(1)/bin/python --editable . pytest pytest-timeout hypothesis $(2)
	PATH="$(abspath $(BIN)):$$PATH" .venvs/$(1)/bin/python -m pytest $(3)
endef

check: $(VENV)/dev.stamp ## Set up, then check format, lint, types, import direction and dead code
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/test_imports.py
	$(BIN)/vulture

format: $(VENV)/dev.stamp ## Bring the code into its format and mend what lint can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/bench.stamp ## Set up, then measure what a rollout costs: some ten minutes; ARGS="--quick" for a short look
	$(BIN)/python -m perf.bench $(ARGS)

docs-table: $(VENV)/dev.stamp ## Write the table of environments anew
	$(BIN)/python -m polygym.kit.table docs/environments/README.md

lock: | $(UV) ## Write the lock files anew from pyproject.toml; UPGRADE=1 takes newer versions
	$(COMPILE) pyproject.toml --output-file requirements.lock
	$(COMPILE) pyproject.toml --group dev --constraints requirements.lock --output-file requirements-dev.lock
	$(COMPILE) --group setup --constraints requirements-dev.lock --output-file requirements-setup.lock
	$(COMPILE) --group bench --constraints requirements-dev.lock --output-file requirements-bench.lock

clean: ## Remove virtual environments, caches and builds; results stay
	rm -rf $(VENV) .venvs build dist .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@test -n '$(PYTHON)' || { echo 'No Python >= 3.11 with venv found. Name one: make PYTHON=/path/to/python3 ...' >&2; exit 1; }
	@if test '$(UV)' = '$(BIN)/uv'; then '$(PYTHON)' -m venv $(VENV); else '$(UV)' venv --quiet --python '$(PYTHON)' $(VENV); fi

$(BIN)/uv: | $(BIN)/python
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements-setup.lock

$(VENV)/core.stamp: requirements.lock pyproject.toml | $(BIN)/python $(UV)
	$(INSTALL) --require-hashes --requirement requirements.lock
	$(INSTALL) --no-deps --editable .
	@$(BIN)/python -m compileall -q src
	@touch $@

$(VENV)/dev.stamp: requirements-dev.lock $(VENV)/core.stamp
	$(INSTALL) --require-hashes --requirement requirements-dev.lock
	@touch $@

$(VENV)/bench.stamp: requirements-bench.lock $(VENV)/core.stamp
	$(INSTALL) --require-hashes --requirement requirements-bench.lock
	@touch $@
