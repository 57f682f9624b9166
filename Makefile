# What is needed: Python >= 3.11 (with venv) and make. Every target sets up what it needs, and is quiet where nothing is left to do.
#   make demo    five departments with invented children, and three units' answers     make test   every test but the slow ones
#   make check   format, lint, types, imports                                          make help   the rest

SHELL := /bin/sh
.DEFAULT_GOAL := help

PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$p" && break; done)
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DATA ?= data
PORT ?= 8000
CHILDREN ?=
WHAT ?=
WORKERS ?= 2
PACKAGES := hub schema policies connectors tests
export PIP_DISABLE_PIP_VERSION_CHECK := 1

# A venv does not survive a move of the checkout or another Python: the stamp says for what it was made.
STAMP := $(abspath .) $(PYTHON)
ifneq ($(shell cat $(READY) 2>/dev/null),$(STAMP))
STALE := stale
endif

.PHONY: help venv demo test check soak bench bless clean stale

help: ## This list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' Makefile

demo: $(READY) ## Databases, hub and three units' answers on this machine (DATA=folder PORT=8000 CHILDREN=2000)
	@$(BIN)/hub demo --data-dir $(DATA) --port $(PORT) $(if $(CHILDREN),--children $(CHILDREN))

test: $(READY) ## Every test but the slow ones, warnings are errors (WORKERS=2)
	@$(BIN)/python -m pytest -q -m 'not soak' -n $(WORKERS) --dist loadfile --no-loadscope-reorder

check: $(READY) ## Format, lint, strict types, import directions
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy $(PACKAGES:%=-p %)
	@$(BIN)/lint-imports --no-logo

soak: $(READY) ## The slow tests: long runs, many kills, many generated queries
	@$(BIN)/python -m pytest -q -m soak

bench: $(READY) ## Measure, and write tests/bench/results/<time>.json (WHAT="speed variety", every measurement without it)
	@$(BIN)/python -m tests.bench $(WHAT)

bless: $(READY) ## Write goldens, SDL and rights matrix anew; read the difference before it is committed
	@$(BIN)/hub policy matrix --write
	@HUB_BLESS=1 $(BIN)/python -m pytest -q $$(grep -rl HUB_BLESS tests --include='test_*.py')

venv: $(READY) ## The virtual environment alone
	@:

clean: ## Remove the virtual environment and caches; data stay
	@rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	@find . -name __pycache__ -prune -exec rm -rf {} +

stale:

$(READY): pyproject.toml constraints.txt $(STALE)
	@test -n "$(PYTHON)" || { echo "make: Python 3.11 or later is needed, none is on the PATH (name one: make PYTHON=/path/to/python3)" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { echo "make: \`$(PYTHON)\` is no Python 3.11 or later" >&2; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || { echo "make: \`$(PYTHON)\` comes without venv (on Debian: apt-get install python3-venv)" >&2; exit 1; }
	@mkdir -p $(VENV) 2>/dev/null && test -w $(VENV) || { echo "make: \`$$(id -un)\` may not write \`$(abspath $(VENV))\`: use a checkout of your own, or name a folder (make VENV=\$$HOME/hub-venv DATA=\$$HOME/hub-data demo)" >&2; exit 1; }
	@echo "make: setting up $(VENV), once" >&2
	@if test -e $(READY) && test "$$(cat $(READY))" != "$(STAMP)"; then rm -rf $(VENV)/*; fi; rm -f $(READY)
	@"$(PYTHON)" -m venv $(VENV)
	@$(BIN)/python -m pip install -qq --root-user-action=ignore -c constraints.txt pip
	@$(BIN)/python -m pip install -qq --root-user-action=ignore -c constraints.txt --build-constraint constraints.txt -e . --group dev
	@echo "$(STAMP)" > $(READY)
