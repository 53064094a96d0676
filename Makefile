# The house's commands. `make run` and `make test` set up everything they need in .venv.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

.PHONY: run test test-full check bench files stubs format clean

run: $(READY)            ## the main job at work: a stand-in Falco, the bridge, the console and a file
	$(BIN)/falco-bridge demo

test: $(READY)           ## all tests, the long ones at reduced sizes
	$(BIN)/python -m pytest -n 2 --dist worksteal

test-full: $(READY)      ## all tests, at the sizes that the promises name
	FALCO_BRIDGE_FULL=1 $(BIN)/python -m pytest -n 2 --dist worksteal

check: $(READY)          ## lint, format, types, docs, stub freshness
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/falco-bridge fmt --check $(shell find examples -name '*.route')
	$(BIN)/python -m pytest tests/test_docs.py tests/test_readme.py
	proto/generate.sh --check

bench: $(READY)          ## figures, as ratios within one run
	$(BIN)/python -m bench

files:                   ## every file of the bridge and what it is for
	@find bridge -name '*.py' ! -name '*_pb2.py' ! -name '__*' | LC_ALL=C sort | while read -r file; do \
		printf '%-42s %s\n' "$$file" "$$(head -n 1 "$$file" | tr -d '"')"; done

stubs:                   ## generate the protobuf stubs anew
	proto/generate.sh

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

$(READY): pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) .venv-stubs dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis
