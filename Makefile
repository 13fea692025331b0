# `make up` runs Linli, `make test` proves it. Both need Python 3.11 or newer and a way to PyPI, nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: up install dev check lint types layers test audit sbom release bench soak picture clean

up: install
	@$(BIN)/linli up

install: $(VENV)/.installed

dev: $(VENV)/.installed-dev

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Linli needs Python 3.11 or newer (需要 Python 3.11 或更新版本): make up PYTHON=python3.12")'
	@echo "installing into $(VENV), about a minute / 正在安装到 $(VENV)，约一分钟"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml | $(VENV)/bin/python
	@$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	@PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	@$(BIN)/python -m pip install --quiet --group dev
	@touch $@

check: dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: check
	$(BIN)/python -m pytest -n auto --dist loadfile

# Known vulnerabilities of what is installed; a package that could not be looked up is named, and the status is 2.
audit: dev
	$(BIN)/python -m tests.security.supply audit

# For a release: every package with version and licence, as CycloneDX JSON.
sbom: dev
	$(BIN)/python -m tests.security.supply sbom build/linli.cdx.json

# What people are given, in build/release: the wheel, the list of what it is made of, the sums of both.
release: check
	$(BIN)/python -m tests.security.supply release build/release

# Faults by name, one after the other, and what became of every event; FAULTS="--fault overload --minutes 5", for one.
soak: dev
	$(BIN)/python -m tests.faults.soak $(FAULTS)
	LINLI_KILLS=100 LINLI_KILL_SEEDS=3 LINLI_PROCESS_KILLS=100 $(BIN)/python -m pytest tests/faults/test_rules_kills.py --timeout 7200
	FUZZ_INPUTS=100000 $(BIN)/python -m pytest --timeout 3600 tests/faults/test_fuzz.py

bench: dev
	$(BIN)/linli bench all

picture: dev
	$(BIN)/python -m tests.picture docs/console.png

clean:
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache
