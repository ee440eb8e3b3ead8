# Every target makes the environment it needs; a second call starts at once.
# Settings: PYTHON=python3.12 picks the interpreter, UV= installs with pip even where uv is at hand,
# TESTS="-k lease -x" goes to pytest, WORKERS=0 runs the tests in one process (four keep two cores busy: many tests wait),
# UPGRADE=--upgrade lets `make lock` take newer versions.

PYTHON ?= python3
UV ?= $(shell uv --version >/dev/null 2>&1 && command -v uv)
VENV ?= .venv
VENV_BENCH ?= .venv-bench
TESTS ?=
WORKERS ?= 4
BENCHMARKS ?=
MODEL_URL ?= http://127.0.0.1:8080/v1
MODEL ?= default
UPGRADE ?=

# An environment is current while the stamp in it carries the hash of what it was made from.
stamp = $(1)/.made-from-$(shell { echo "$(PYTHON)"; cat $(2) pyproject.toml; } | git hash-object --stdin | cut -c1-16)
DEV := $(call stamp,$(VENV),requirements/dev.txt)
BENCH := $(call stamp,$(VENV_BENCH),requirements/bench.txt)

.DEFAULT_GOAL := help
.PHONY: help demo test soak model check bench lock clean

help: ## Say what there is
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' Makefile

demo: $(DEV) ## See the App on a bad day: killed, told twice, and one comment; no account, no network
	@$(VENV)/bin/onceover demo

test: $(DEV) ## Run every test
	$(VENV)/bin/python -m pytest -n $(WORKERS) $(TESTS)

soak: $(DEV) ## Let the model and 1,000 killed workers try the engine, some 12 minutes
	ONCEOVER_TEST_PROFILE=soak ONCEOVER_TEST_KILLS=1000 $(VENV)/bin/python -m pytest --timeout=0 \
		tests/engine/test_model.py tests/engine/test_kills.py

model: $(DEV) ## Try a real model: MODEL_URL=http://127.0.0.1:8080/v1 MODEL=name (docs/models.md)
	ONCEOVER_TEST_MODEL_URL="$(MODEL_URL)" ONCEOVER_TEST_MODEL="$(MODEL)" \
		$(VENV)/bin/python -m pytest -s -rs tests/services/test_real_model.py tests/bot/test_real_review.py

check: $(DEV) ## Check format, lint, types, import floors and dependencies
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports
	$(VENV)/bin/deptry .

bench: $(BENCH) ## Measure against plain arq and a library engine, in an environment of its own
	$(VENV_BENCH)/bin/python -m benchmarks $(BENCHMARKS)

lock: $(DEV) ## Pin every dependency by hash, for each supported Python and platform
	$(call compile,dev,--extra dev)
	$(call compile,local,--extra local -c requirements/dev.txt)
	$(call compile,bench,--extra local --extra bench -c requirements/dev.txt)

clean: ## Remove the environments and caches made here
	rm -rf $(VENV) $(VENV_BENCH) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist

define compile
	@UV_CUSTOM_COMPILE_COMMAND="make lock" $(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-emit-find-links $(UPGRADE) $(2) \
		pyproject.toml --output-file requirements/$(1).txt
endef

$(VENV)/.made-from-%:
	$(call install,$(VENV),requirements/dev.txt)

$(VENV_BENCH)/.made-from-%:
	$(call install,$(VENV_BENCH),requirements/bench.txt)

# The lock is complete, so pip need not look for dependencies (pip 23 would also trip over their extras).
PIP_OPTIONS := --quiet --disable-pip-version-check --no-deps

# Locked dependencies by hash, then Onceover itself, editable; the stamp last, so that a broken install is made again.
define install
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "Onceover needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) --version 2>/dev/null || echo not there)." \
			"Name another one: make PYTHON=python3.12 ..." >&2; exit 1; }
	@rm -f $(1)/.made-from-*
	@if [ -n "$(UV)" ]; then \
		echo "Installing into $(1) with uv ..." && \
		"$(UV)" venv --quiet --allow-existing --python "$(PYTHON)" $(1) && \
		"$(UV)" pip sync --quiet --python $(1) --require-hashes $(2) && \
		"$(UV)" pip install --quiet --python $(1) --no-deps --no-build-isolation --editable . ; \
	else \
		echo "Installing into $(1) with pip; this takes a minute ..." && \
		{ "$(PYTHON)" -m venv $(1) || { echo "On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }; } && \
		$(1)/bin/python -m pip install $(PIP_OPTIONS) --require-hashes --requirement $(2) && \
		$(1)/bin/python -m pip install $(PIP_OPTIONS) --no-build-isolation --editable . ; \
	fi
	@touch $@
endef
