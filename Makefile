# Development commands. `make run` and `make test` set up everything they need in .venv.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
# Without --quiet, which hides warnings from --strict.
SITE   := NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

COMPILE := .venv-lock/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header --no-annotate
EXTRAS  = $(filter-out dev,$(shell $(BIN)/python -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['optional-dependencies'])"))
# `make sbom SBOM=FILE` writes the bill of materials elsewhere.
SBOM   := build/falco-bridge.cdx.json
# The tests of the Helm chart use it if it is there.
HELM   := v3.19.0
CAPABILITIES := helm.sh/helm/v3/pkg/chartutil.k8sVersion
TOOLS  := build/tools

.PHONY: help run test test-full check bench files docs screenshots stubs lock sbom helm format clean

help:                    ## list the targets
	@grep -E '^[a-z-]+:.*##' $(firstword $(MAKEFILE_LIST)) | sed -E 's/^([a-z-]+):[^#]*## */\1\t/' | expand -t 14

run: $(READY)            ## run the demo: a simulated Falco, the bridge, the console and a file
	$(BIN)/falco-bridge demo

test: $(READY)           ## run all tests, the long ones at reduced size
	$(BIN)/python -m pytest -n 2 --dist worksteal

test-full: $(READY)      ## run all tests at full size
	FALCO_BRIDGE_FULL=1 $(BIN)/python -m pytest -n 2 --dist worksteal

check: $(READY)          ## check lint, formatting, types, docs and the generated stubs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/falco-bridge fmt --check $(shell find examples -name '*.route')
	$(BIN)/python -m bridge.config.page docs/config.md --check
	$(BIN)/python docs/site/pictures.py --check
	$(BIN)/python docs/site/chart_schema.py --check
	$(BIN)/python -m pytest tests/test_docs.py tests/test_readme.py
	$(SITE)
	proto/generate.sh --check

bench: $(READY)          ## measure throughput and cost on this machine
	$(BIN)/python -m bench

files:                   ## list every module with its purpose
	@find bridge -name '*.py' ! -name '*_pb2.py' ! -name '__*' | LC_ALL=C sort | while read -r file; do \
		printf '%-42s %s\n' "$$file" "$$(head -n 1 "$$file" | tr -d '"')"; done

docs: $(READY)           ## generate the tables of docs/config.md, the pictures, the chart's schema, and the site in build/site
	$(BIN)/python -m bridge.config.page docs/config.md
	$(BIN)/python docs/site/pictures.py
	$(BIN)/python docs/site/chart_schema.py
	$(SITE)

screenshots: $(READY)    ## write pictures of the console's pages to build/screenshots; docs/pictures/console has some of them
	mkdir -p build/screenshots
	FALCO_BRIDGE_SCREENSHOTS=$(abspath build/screenshots) $(BIN)/python -m pytest tests/console/test_screenshots.py -k photographed

stubs:                   ## regenerate the protobuf stubs
	proto/generate.sh

lock: $(READY)           ## write the lock files again, with the latest versions that pyproject.toml allows
	test -x .venv-lock/bin/uv || { $(PYTHON) -m venv .venv-lock && .venv-lock/bin/pip install --quiet uv; }
	$(COMPILE) --output-file requirements.lock pyproject.toml
	$(COMPILE) --output-file requirements-extras.lock pyproject.toml $(EXTRAS:%=--extra %)
	echo 'hatchling>=1.24' | $(COMPILE) --output-file requirements-build.lock -

sbom: $(READY)           ## write the software bill of materials (CycloneDX) of requirements-extras.lock to build/
	mkdir -p $(dir $(SBOM))
	sed "s/^dynamic = .*/version = \"$$($(BIN)/python -c 'import bridge; print(bridge.__version__)')\"/" pyproject.toml > $(SBOM).toml
	PYTHONWARNINGS=ignore $(BIN)/cyclonedx-py requirements requirements-extras.lock --pyproject $(SBOM).toml --output-reproducible --validate \
		--output-format JSON --output-file $(SBOM)
	rm $(SBOM).toml

helm: $(TOOLS)/helm-$(HELM) ## build Helm with Go, for the tests of examples/helm

$(TOOLS)/helm-$(HELM):
	mkdir -p $(TOOLS)
	CGO_ENABLED=0 GOBIN=$(abspath $(TOOLS)) go install -ldflags "-s -w -X $(CAPABILITIES)Major=1 -X $(CAPABILITIES)Minor=34" \
		helm.sh/helm/v3/cmd/helm@$(HELM)
	mv $(TOOLS)/helm $@

format: $(READY)         ## fix formatting and lint errors that have an automatic fix
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

$(READY): pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@

clean:                   ## delete .venv, caches and build output
	rm -rf $(VENV) .venv-stubs .venv-lock dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis
