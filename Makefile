# The one door to lint, types, architecture and tests.
PYTHON ?= .venv/bin/python

.PHONY: check lint types architecture test

check: lint types architecture

lint:
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m ruff check .

types:
	$(PYTHON) -m mypy

architecture:
	$(dir $(PYTHON))lint-imports

test:
	$(PYTHON) -m pytest
