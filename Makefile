# Everything starts here. Only make and Python 3.11 or newer are needed; each target sets up what it uses.

SHELL := /bin/sh
.DEFAULT_GOAL := help

PYTHON ?= $(shell for name in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	$$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$name && break; done)
PY := .venv/bin/python
MANAGE := $(PY) manage.py
LOCAL := .venv/.installed-local
DEV := .venv/.installed-dev
CHROMIUM := $(shell command -v chromium || command -v chromium-browser || command -v google-chrome)
TESTS ?= tests
OWN_APPS := oms customers inventory orders channels
ARGS ?=
# What docker-compose.yml gives the application, with made-up values.
PRODUCTION = env DJANGO_SETTINGS_MODULE=oms.settings.production ALLOWED_HOSTS=oms.example.com \
	DATABASE_URL=postgresql://oms:unused@postgres:5432/oms REDIS_URL=redis://:unused@valkey:6379/1 \
	CELERY_BROKER_URL=redis://:unused@valkey:6379/0 \
	OMS_FIELD_KEYS=unused SECRET_KEY=$$($(PY) -c 'import secrets; print(secrets.token_urlsafe(64))')

.PHONY: help demo smoke test check journeys bench shell setup lock clean

help: ## show this list
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | \
		while IFS="$$(printf '\t')" read -r name text; do printf '  make %-9s %s\n' "$$name" "$$text"; done

demo: $(LOCAL) ## run the playground: stores, marketplaces and live orders (Ctrl-C ends it)
	@$(MANAGE) demo $(ARGS)

smoke: $(LOCAL) ## start everything, let every channel sell, check that all is right, stop
	@$(MANAGE) demo --check $(ARGS)

test: $(DEV) ## run the tests that need no browser
	@$(PY) -m pytest $(TESTS) -m "not browser" -q $(ARGS)
	@$(if $(CHROMIUM),echo "Left out: browser stories (make journeys runs them).",\
		echo "Left out: browser stories; no Chromium on this machine (apt-get install chromium, then make journeys).")

journeys: $(DEV) ## run the browser stories in Chromium
	@$(if $(CHROMIUM),:,echo "No Chromium on this machine: apt-get install chromium" && false)
	@$(PY) -m pytest $(TESTS) -m browser -q $(ARGS)

check: $(DEV) ## format, lint, layers, types, migrations, deployment settings, architecture
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	.venv/bin/lint-imports
	$(PY) -m mypy
	$(MANAGE) makemigrations --check --dry-run
	$(MANAGE) lintmigrations --project-root-path . --no-cache --warnings-as-errors --include-apps $(OWN_APPS)
	$(PRODUCTION) $(MANAGE) check --deploy --fail-level WARNING
	$(PY) -m pytest tests/architecture -q

bench: $(LOCAL) ## measure; NAME=orders.place picks one
	@$(MANAGE) bench $(NAME) $(ARGS)

shell: $(LOCAL) ## Python with the models loaded
	@$(MANAGE) shell

setup: $(DEV) ## make .venv with everything in it

lock: $(DEV) ## pin and hash requirements*.in anew
	@.venv/bin/python -m uv --version >/dev/null || $(PY) -m pip install --require-hashes -q -r requirements-setup.txt
	$(COMPILE) requirements-setup.in -o requirements-setup.txt
	$(COMPILE) requirements.in -o requirements.txt
	$(COMPILE) requirements-local.in -c requirements.txt -o requirements-local.txt
	$(COMPILE) requirements-dev.in -c requirements-local.txt -o requirements-dev.txt

COMPILE = $(PY) -m uv pip compile --quiet --generate-hashes --python-version 3.11 --universal --no-header \
	--no-annotate --no-emit-index-url --no-emit-find-links

clean: ## stop the local services and delete what the tools made, local data included
	@[ ! -x $(PY) ] || [ ! -d var ] || $(PY) -m oms.embedded delete
	rm -rf .venv staticfiles .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis test-results
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(PY):
	@[ -n "$(PYTHON)" ] || { echo "Python 3.11 or newer is needed and none was found (tried python3, python3.11 to 3.14)."; exit 1; }
	@$(PYTHON) -m venv .venv || { echo "$(PYTHON) cannot make virtual environments; on Debian: apt-get install python3-venv"; rm -rf .venv; exit 1; }

# uv where it can be had, pip otherwise; both check every hash.
INSTALL = echo "Installing $(1) into .venv …"; \
	if $(PY) -m uv --version >/dev/null 2>&1 || \
		$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-setup.txt 2>/dev/null; \
	then $(PY) -m uv pip install --quiet --compile-bytecode --require-hashes -r $(1); \
	else $(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r $(1); fi

$(LOCAL): requirements-local.txt requirements-setup.txt | $(PY)
	@$(call INSTALL,requirements-local.txt)
	@touch $@

$(DEV): requirements-dev.txt requirements-setup.txt | $(PY)
	@$(call INSTALL,requirements-dev.txt)
	@touch $@ $(LOCAL)
