PYTHON ?= python3
BIN := .venv/bin
STORIES ?= 1000

.DEFAULT_GOAL := help
.PHONY: help install demo local demo-servers demo-bigquery demo-bigquery-servers screenshots test test-kubernetes soak lint bench lock docs cases

help: ## Show these lines
	@sed -n 's/^\([a-z-]*\):[^#]*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 24

install: .venv/.installed ## Make .venv from requirements.lock

.venv/.installed: requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit("Derived needs Python 3.11 or newer; try: make install PYTHON=python3.11" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .venv
	@sed -n '/^uv==/,/^[^ ]/{/^uv==/p;/^ *--hash/p}' requirements.lock > .venv/uv.lock
	$(BIN)/pip install --quiet --require-hashes --requirement .venv/uv.lock
	$(BIN)/uv pip sync --quiet --require-hashes --compile-bytecode --python $(BIN)/python requirements.lock
	@touch $@

demo: install ## Make sample exports of a shop, bring all its tables up to date and show the answer
	@$(BIN)/python -m flows.demo

demo-servers: install ## The same from a MySQL and a MongoDB server, which it installs, starts, fills and ends
	@tests/servers/install.sh
	@$(BIN)/python -m tests.servers.demo

demo-bigquery: install ## The demo on an emulator of BigQuery, which it installs, starts and ends, and the same on DuckDB: all rows are compared
	@tests/servers/install.sh
	@$(BIN)/python -m tests.servers.bigquery.demo

demo-bigquery-servers: install ## The same from a MySQL and a MongoDB server
	@tests/servers/install.sh
	@$(BIN)/python -m tests.servers.bigquery.demo --from-servers

local: install ## See it all on this machine: a Prefect server, a worker and the demo's tables as deployments, until Ctrl-C
	@exec $(BIN)/python -m flows.local

screenshots: install ## Take the pictures of Prefect's UI in docs/images/ (Debian's chromium; minutes)
	$(BIN)/python docs/screenshots.py

# Three on two cores: many tests wait, for servers that end, for a time to pass. They start hundreds of processes, of which
# each would compile our modules anew where the environment forbids to keep what was compiled.
test: lint ## Lint, check that prefect.yaml is up to date, and run all tests
	@tests/servers/install.sh
	$(BIN)/python -m flows.deploy --check
	PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder --ignore tests/kubernetes

test-kubernetes: install ## Run the image in a Kubernetes of its own, which this builds, starts and ends (root, Debian, Go)
	@tests/servers/install.sh
	tests/kubernetes/run

soak: install ## Tell many random stories of changes, runs and kills (an hour; STORIES=1000)
	DERIVED_TEST_STORIES=$(STORIES) $(BIN)/python -m pytest tests/simulator --numprocesses 2

lint: install ## Check style, format and types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy --num-workers 2

cases: install ## Ask GoogleSQL's own analyzer (Java 17, Maven) for the types and values in tests/sql/judged_*.txt
	$(BIN)/python -m tests.sql.make_cases

bench: install ## Run the benchmarks
	@set -e; for file in benchmarks/*.py; do echo "== $$file"; PYTHONPATH=. $(BIN)/python "$$file"; done

lock: install ## Renew requirements.lock and, of the same versions, requirements-runtime.lock from pyproject.toml
	UV_CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/uv pip compile pyproject.toml --quiet --group dev --no-emit-index-url --universal --generate-hashes --upgrade -o requirements.lock
	UV_CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/uv pip compile pyproject.toml --quiet --constraints requirements.lock --no-emit-index-url --universal --generate-hashes -o requirements-runtime.lock

docs: install ## Write docs/table.md from the models and docs/sql.md from the table of functions
	$(BIN)/python docs/generate.py > docs/table.md
	$(BIN)/python docs/generate_sql.py > docs/sql.md
