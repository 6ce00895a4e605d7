# Everything one does with Bookstall; `make` alone lists it.

PORT ?= 8000
DATA ?= .bookstall
WORKERS ?= 2
ARGS ?=

BIN := .venv/bin
INSTALLED := .venv/.installed

export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1

.DEFAULT_GOAL := help
.PHONY: help install run stack test test-embedded test-long check format snapshot clean

help: ## List these targets.
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' Makefile | while IFS='|' read -r name sentence; do printf '  %-15s %s\n' "$$name" "$$sentence"; done

install: $(INSTALLED) ## Make .venv hold exactly what uv.lock says.

$(INSTALLED): pyproject.toml uv.lock scripts/install.sh
	@sh scripts/install.sh
	@touch $@

run: $(INSTALLED) ## Serve the shop on 127.0.0.1 [PORT=8000] with its data in [DATA=.bookstall].
	@exec $(BIN)/bookstall run --port $(PORT) --data "$(DATA)"

stack: $(INSTALLED) ## Serve it from several processes on private PostgreSQL, RabbitMQ and Redis [PORT=8000] [DATA=.bookstall-stack].
	@$(BIN)/python -m scripts.system_parts postgresql rabbitmq redis
	@exec $(BIN)/python -m app.devstack --port $(PORT) --data "$(if $(filter file,$(origin DATA)),.bookstall-stack,$(DATA))"

test: $(INSTALLED) ## Run all tests; install the npm packages and, as root on Debian or Ubuntu, the programs they need [WORKERS=2] [ARGS="-k checkout"].
	@$(BIN)/python -m scripts.run_tests -n $(WORKERS) $(ARGS)

test-embedded: $(INSTALLED) ## Run the tests that need Python alone.
	@$(BIN)/pytest -n $(WORKERS) -m "not browser and not postgresql and not rabbitmq and not redis and not npm and not long" $(ARGS)

test-long: $(INSTALLED) ## Run the campaigns that take minutes.
	@$(BIN)/pytest -m long $(ARGS)

check: $(INSTALLED) ## Lint, check formats, types and import contracts, and compare the committed snapshots.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-logo
	$(BIN)/pyright
	$(BIN)/bookstall schema --check
	$(BIN)/bookstall asyncapi --check
	$(BIN)/bookstall errors --check

format: $(INSTALLED) ## Format the sources and repair what the linter can.
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

snapshot: $(INSTALLED) ## Write graph/schema.graphql, messaging/asyncapi.json and docs/errors.md anew.
	$(BIN)/bookstall schema
	$(BIN)/bookstall asyncapi
	$(BIN)/bookstall errors

clean: ## Remove what was installed and cached; data folders stay.
	rm -rf .venv .tools .hypothesis .pytest_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
