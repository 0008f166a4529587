# Two commands: `make up` runs Staddle on this machine, `make test` tests it. Both set up everything they need.

PYTHON   ?= python3
VENV     := .venv
BIN      := $(VENV)/bin
STADDLE  := $(BIN)/staddle
PIP      := PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/pip install --quiet --require-hashes --no-build-isolation
ARGS     ?=
APT      := DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet --no-install-recommends
WEB      := $(shell find web -name node_modules -prune -o -type f -print)
IS_ROOT  := $(shell [ "$$(id -u)" = 0 ] && echo yes)

.DEFAULT_GOAL := help
.PHONY: help up down status console dashboards test lint unit lock docs lab-test lab-up lab-down lab-exec lab-status clean

help: ## Show what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1	\2/' | expand -t 18

up: $(VENV)/.run $(VENV)/.console $(VENV)/.dashboards ## Run the foundation on this machine: portal, metrics, alerts, probes, DNS, time
	@$(STADDLE) up $(ARGS)

down: $(VENV)/.run ## Stop it; data stays
	@$(STADDLE) down $(ARGS)

status: $(VENV)/.run ## What runs, and is it healthy?
	@$(STADDLE) status $(ARGS)

dashboards: $(VENV)/.dashboards ## Build the dashboards from their source (`up` does it, too)

console: $(VENV)/.console ## Build the console's pages (after changes below web/; `up` does it, too)

test: lint $(VENV)/.browser $(VENV)/.packaging $(VENV)/.console $(VENV)/.dashboards ## Style, types, units, the real programs, pages in a browser, and as root real systemd hosts
	@echo "== tests, two files at a time (the rest of those on real hosts: make lab-test)"
	@$(BIN)/pytest -n 2 --dist loadfile -m "not more" $(ARGS)

lab-test: $(VENV)/.dev $(VENV)/.console $(VENV)/.dashboards ## As root: only what needs real hosts, booted with systemd in an isolated network
	@echo "== tests on real hosts"
	@$(BIN)/pytest -m lab $(ARGS)

lint: $(VENV)/.dev ## Style and types only
	@echo "== style and types"
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy

unit: $(VENV)/.dev $(VENV)/.dashboards ## The fast tests only
	@$(BIN)/pytest tests/unit $(ARGS)

docs: $(VENV)/.run ## Write the generated pages anew
	@$(BIN)/python -m staddle.inventory.reference docs/configuration.md
	@$(BIN)/python -m staddle.alerting.reference docs/alerts.md

lock: $(VENV)/.dev ## Choose versions anew and pin them, with hashes
	@cd requirements && for of in "run.txt --extra logs --extra console --extra fleet --extra repo --all-build-deps ../pyproject.toml" "dev.txt dev.in"; do \
	  CUSTOM_COMPILE_COMMAND="make lock" ../$(BIN)/pip-compile --quiet --upgrade --generate-hashes --strip-extras \
	    --allow-unsafe --no-emit-find-links --no-emit-index-url --no-emit-trusted-host -o $$of || exit 1; done
	@cd requirements && CUSTOM_COMPILE_COMMAND="make lock" ../$(BIN)/pip-compile --quiet --upgrade --generate-hashes --strip-extras \
	  --allow-unsafe --no-emit-find-links --no-emit-index-url --no-emit-trusted-host -o node.txt node.in
	@$(BIN)/python -m staddle.programs.pins pyproject.toml requirements/run.txt > src/staddle/programs/engine.txt

# `make lab-up N=2 RELEASES=trixie`: as root; installs what it needs. See docs/lab.md.
N        ?= 4
RELEASES ?= bookworm,trixie
HOST     ?= lab-h1
CMD      ?=

lab-up: $(VENV)/.venv ## Boot real Debian hosts in an isolated network (N=4 RELEASES=bookworm,trixie)
	@$(BIN)/python -m tests.lab up -n $(N) --releases $(RELEASES)

lab-down: $(VENV)/.venv ## Remove them, and what any lab left behind
	@$(BIN)/python -m tests.lab down

lab-status: $(VENV)/.venv ## Which labs and hosts there are
	@$(BIN)/python -m tests.lab status

lab-exec: $(VENV)/.venv ## Run CMD='…' on HOST=lab-h1, or on HOST=admin; without CMD, a shell
	@$(BIN)/python -m tests.lab exec $(HOST) $(if $(CMD),'$(subst ','\'',$(CMD))')

clean: ## Remove what set-up made (not a sandbox: `make down` and remove .staddle for that)
	rm -rf $(VENV)

# --- set-up steps, each done once and again when what it depends on changes

$(VENV)/.venv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Staddle needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version). Set PYTHON=…"; exit 1; }
	@echo "== making a Python environment in $(VENV)"
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  if [ "$(IS_ROOT)" = yes ]; then echo "   installing python3-venv"; apt-get update -qq && $(APT) python3-venv >/dev/null; \
	  else echo "This Python can't make environments. Ask an administrator for: apt install python3-venv"; exit 1; fi; }
	@$(PYTHON) -m venv --clear $(VENV)
	@touch $@

$(VENV)/.run: $(VENV)/.venv requirements/run.txt pyproject.toml
	@echo "== installing Staddle and what it runs on (pinned, checked by hash)"
	@$(PIP) -r requirements/run.txt
	@PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

# Not in git; in wheels by hatch_build.py.
$(VENV)/.dashboards: $(VENV)/.run $(shell find src/staddle/dashboards -name '*.py')
	@$(BIN)/python -m staddle.dashboards.build >/dev/null
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements/dev.txt
	@echo "== installing the tools of development"
	@$(PIP) -r requirements/dev.txt
	@touch $@

# Without Node and without a network there is no console, and all the rest is there; the next time tries again.
$(VENV)/.console: $(VENV)/.run $(WEB)
	@$(BIN)/python web/build.py --check || echo "== building the console"
	@$(BIN)/python web/build.py && touch $@ || { [ $$? = 3 ] && echo "   Staddle goes on without it"; }

# Some tests need Chromium and PostgreSQL from the distribution; without (and without root) they are skipped and say so.
$(VENV)/.browser: $(VENV)/.dev
	@if command -v chromium >/dev/null; then :; \
	elif [ "$(IS_ROOT)" = yes ] && command -v apt-get >/dev/null; then \
	  echo "== installing Chromium for the browser tests"; apt-get update -qq && $(APT) chromium >/dev/null; \
	else echo "== no Chromium: the browser tests will be skipped (as root: apt install chromium)"; fi
	@if ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1; then :; \
	elif [ "$(IS_ROOT)" = yes ] && command -v apt-get >/dev/null; then \
	  echo "== installing PostgreSQL for the tests of slow SQL"; apt-get update -qq && $(APT) postgresql >/dev/null; \
	else echo "== no PostgreSQL: the tests of slow SQL will be skipped (as root: apt install postgresql)"; fi
	@touch $@

# Tests of the package repository have rpm's own programs make packages and read indexes; without them they are skipped.
$(VENV)/.packaging: $(VENV)/.dev
	@if command -v rpmbuild >/dev/null && command -v dnf >/dev/null && command -v createrepo_c >/dev/null; then :; \
	elif [ "$(IS_ROOT)" = yes ] && command -v apt-get >/dev/null; then \
	  echo "== installing rpm's tools for the tests of the repository"; \
	  apt-get update -qq && $(APT) rpm dnf createrepo-c >/dev/null; \
	else echo "== no rpm: some tests will be skipped (as root: apt install rpm dnf createrepo-c)"; fi
	@touch $@
