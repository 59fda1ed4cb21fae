# The verbs of this repository; `make` alone prints them. CONTRIBUTING.md says when to use which.
.DEFAULT_GOAL := help
.PHONY: help setup serve test chaos check format bench generate lock clean

PYTHON ?= python3
ARGUMENTS ?=
export PYTHON
bin := .venv/bin
locks := requirements/runtime.txt requirements/build.txt
javascript := tests/clients/javascript tests/access/javascript

help: ## Print these verbs
	@awk 'BEGIN { FS = ":.*## "; print "make VERB\n" } /^[a-z]+:.*## / { printf "  %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: .venv/.runtime ## Make .venv with a working .venv/bin/holdfast, and compile the hot modules
	@sh scripts/setup-compiled.sh --profile
	@echo
	@echo "  make serve                    start a server on ./holdfast-data"
	@echo "  $(bin)/holdfast --help    every command"

serve: .venv/.runtime ## Start a server on ./holdfast-data (ARGUMENTS="--port 4567")
	@exec $(bin)/holdfast serve $(ARGUMENTS)

test: .venv/.development $(javascript:%=%/node_modules/.ready) ## Run every test; installs what they need (ARGUMENTS="-k label")
	@sh scripts/setup-system.sh || echo "make: the tests that need them will fail" >&2
	@sh scripts/setup-compiled.sh
	PATH="$(CURDIR)/$(bin):$$PATH" $(bin)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder $(ARGUMENTS)

chaos: .venv/.development ## Kill the server and cut the power, hundreds of times (HOLDFAST_CHAOS_SEED=n)
	HOLDFAST_CHAOS_ROUNDS=$${HOLDFAST_CHAOS_ROUNDS:-200} HOLDFAST_CHAOS_CUTS=$${HOLDFAST_CHAOS_CUTS:-2000} \
	  $(bin)/python -m pytest -s -p no:randomly tests/durability

check: .venv/.development ## Format, lint, types, and that generated files are fresh; changes nothing
	$(bin)/ruff format --check
	$(bin)/ruff check
	$(bin)/basedpyright
	@for script in scripts/generate_*.py; do echo "$$script --check"; $(bin)/python $$script --check || exit 1; done

format: .venv/.development ## Format, and fix what the linter can
	$(bin)/ruff format
	$(bin)/ruff check --fix

bench: .venv/.development ## Measure everything that is published and write benchmarks/README.md
	@sh scripts/setup-system.sh
	@sh scripts/setup-compiled.sh --profile
	PATH="$(CURDIR)/$(bin):$$PATH" $(bin)/python -m benchmarks $(ARGUMENTS)

generate: .venv/.development ## Write the generated API, ledger and reference anew
	@for script in scripts/generate_*.py; do $(bin)/python $$script || exit 1; done

lock: .venv/.development ## Resolve requirements/*.txt anew (UPGRADE=1: newer versions)
	sh scripts/lock.sh

clean: ## Remove .venv, node_modules and caches; never a data directory
	rm -rf .venv $(javascript:%=%/node_modules) .pytest_cache .ruff_cache .hypothesis
	find src tests scripts benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/.runtime: $(locks) pyproject.toml scripts/setup.sh
	@sh scripts/setup.sh runtime

.venv/.development: $(locks) requirements/development.txt pyproject.toml scripts/setup.sh
	@sh scripts/setup.sh development

%/node_modules/.ready: %/package-lock.json | .venv/.development
	@sh scripts/setup-javascript.sh $*
