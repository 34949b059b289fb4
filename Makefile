# The one door to lint, types, architecture and tests.
PYTHON ?= .venv/bin/python

# How long `make torture` goes on, in seconds.
TORTURE ?= 3600

# What `make bench` is given: ARGS=--quick for under three minutes, ARGS=--write to renew docs/benchmarks.md.
ARGS ?=

.PHONY: check lint types architecture test torture bench

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

# Every benchmark beside its limit, in one run; see docs/benchmarks.md.
bench:
	$(PYTHON) benchmarks/bench.py $(ARGS)

# The fault tests with bigger numbers, over and over until the time is up; every pass ends with its table.
torture:
	FOLLOWUP_KILLS=2000 FOLLOWUP_CUTS=2000 FOLLOWUP_PG_FAULTS=40 FOLLOWUP_MIGRATION_KILLS=40 FOLLOWUP_LOCKED_SECONDS=600 \
	FOLLOWUP_MACHINE_EXAMPLES=500 FOLLOWUP_MACHINE_STEPS=50 \
	sh -c 'end=$$(($$(date +%s) + $(TORTURE))); while :; do \
	  $(PYTHON) -m pytest tests/faults --timeout 7200 || exit 1; \
	  [ $$(date +%s) -lt $$end ] || exit 0; done'
