# Two commands for everyone: `make run` and `make test`. `make help` lists the rest.
.POSIX:

PYTHON ?= python3
VENV ?= .venv
JOBS ?= 2
ENVIRONMENT = PYTHON='$(PYTHON)' VENV='$(VENV)' sh .build/environment
VENV_PYTHON = $(VENV)/bin/python

# Bytecode is kept whatever the environment says: without it every worker, and every program that a
# test starts, compiles all of it anew. Whole modules go to one worker, which makes their browser,
# database and peers once, until the other has nothing left to do and takes some over.
TESTS = PYTHONDONTWRITEBYTECODE= $(VENV_PYTHON) -m pytest -n $(JOBS) --dist worksteal

# The pure core: its own tests cover it to the last line and branch.
CORE = sinkwatch/alerts.py,sinkwatch/assess/*.py,sinkwatch/context.py,sinkwatch/dossier/*.py,sinkwatch/events.py,sinkwatch/explain.py,sinkwatch/gazetteer.py,sinkwatch/geo/*.py,sinkwatch/geocode.py,sinkwatch/grid.py,sinkwatch/hazard.py,sinkwatch/history.py,sinkwatch/lint.py,sinkwatch/model/*,sinkwatch/public.py,sinkwatch/schemas.py,sinkwatch/sites/*.py,sinkwatch/style.py,sinkwatch/survey.py,sinkwatch/timetable.py,sinkwatch/wording.py

# All tests but those of the core, and those that only run when they are asked for.
REST = not core and not network and not benchmark

.PHONY: help run test coverage lint lock clean

help: ## show this list
	@sed -n 's/^\([a-z]*\):.*## /\1	/p' Makefile

run: ## one whole run for Ripon, and the e-mail that a subscriber at HG4 1HS would get
	@$(ENVIRONMENT) run
	@$(VENV)/bin/sinkwatch run || [ $$? -eq 3 ] # 3: done, though a source is stale; it has said which
	@$(VENV)/bin/sinkwatch outbox preview --place "HG4 1HS"

test: lint ## everything that CI runs (REQUIRE_ALL=1: a missing program is a failure, not a skip)
	@sh .build/programs
	@$(VENV_PYTHON) .build/test_tools.py
	$(TESTS) -m core --cov --cov-report= $(PYTEST) tests/test_*.py
	$(VENV_PYTHON) -m coverage report --fail-under=100 --include='$(CORE)'
	$(TESTS) -m '$(REST)' $(PYTEST)

coverage: ## how much of the whole package all tests reach (half as long again as `make test`)
	@$(ENVIRONMENT) test
	$(TESTS) --cov --cov-report= $(PYTEST)
	$(VENV_PYTHON) -m coverage report --fail-under=90

lint: ## format, style, types, layers and docstrings
	@$(ENVIRONMENT) test
	$(VENV_PYTHON) -m pip --disable-pip-version-check check
	$(VENV_PYTHON) -m ruff format --check .
	$(VENV_PYTHON) -m ruff check .
	$(VENV_PYTHON) -m mypy
	$(VENV)/bin/lint-imports
	$(VENV_PYTHON) -m numpydoc lint $$(find sinkwatch -name '*.py')

lock: ## bring requirements.lock in line with pyproject.toml (LOCK=--upgrade: all to the newest)
	@$(ENVIRONMENT) test
	$(VENV_PYTHON) .build/lock.py $(LOCK)

clean: ## remove what run and test have made; maps/ and var/ stay
	rm -rf $(VENV) dist htmlcov .coverage .coverage.* .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache sinkwatch/publish/assets
	find sinkwatch tests .build -name __pycache__ -type d -prune -exec rm -rf {} +
