# Everything runs from .venv, which is made of the committed lock by itself: Python 3.11 is all that a machine needs.

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PIP_QUIETLY := --quiet --disable-pip-version-check
IS_311 := -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null
PYTHON = $(or $(shell for p in python3.11 python3; do $$p $(IS_311) && echo $$p && break; done),\
  $(error Python 3.11 is needed: python3.11, or a python3 of that version, with its venv module))

# Processes that run the tests; 0 runs them in pytest's own. A file's tests stay together, for they share fixtures.
# Three keep two cores busy, because some tests wait for a process, a browser or a disk.
WORKERS ?= 3

.DELETE_ON_ERROR:
.PHONY: help venv demo screenshots test coverage lint format lock kenlm clean

help:
	@echo 'make demo    everything on made-up messages, into runs/demo (minutes; run again, it takes what is there)'
	@echo 'make screenshots  the pictures of docs/page.md, on what make demo made; takes Chromium'
	@echo 'make test    the tests, in three processes (make test WORKERS=0: in one; ARGS=tests/api: some of them)'
	@echo 'make coverage  the tests, and the share of the lines that they run'
	@echo 'make lint    ruff, mypy and the import contracts'
	@echo 'make format  puts the code in the form that lint asks for'
	@echo 'make lock    renews requirements.txt from setup.cfg and overrides.txt'
	@echo 'make kenlm   builds the n-gram baseline of python -m benchmarks.five_folds nus_sms; needs g++, CMake and Boost'
	@echo 'make clean   removes .venv and caches; runs/ stays'

venv: $(STAMP)

# The lock holds versions that plain resolution would refuse (see overrides.txt), hence --no-deps.
$(STAMP): requirements.txt setup.cfg pyproject.toml
	@{ $(BIN)/python $(IS_311) && $(BIN)/python -m pip --version >/dev/null 2>&1; } || $(PYTHON) -m venv --clear $(VENV)
	@echo 'installing the locked packages into $(VENV)'
	@$(BIN)/python -m pip install $(PIP_QUIETLY) --no-deps --require-hashes -r requirements.txt
	@$(BIN)/python -m pip install $(PIP_QUIETLY) --no-deps --no-build-isolation -e .
	@touch $@

demo: $(STAMP)
	$(BIN)/thumbprint demo --out runs/demo

screenshots: demo
	$(BIN)/thumbprint simulate runs/demo/demo.bundle --corpus runs/demo/corpus.sqlite --out runs/demo \
	  --public-key runs/demo/keys/thumbprint_public.pem --population 40 --days 28
	PYTHONPATH=. $(BIN)/python docs/screenshots/make.py runs/demo docs/screenshots

test: $(STAMP)
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

coverage: $(STAMP)
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock:
	@set -e; tools=$$(mktemp -d); trap 'rm -rf "$$tools"' EXIT; \
	$(PYTHON) -m venv "$$tools"; \
	"$$tools/bin/pip" install $(PIP_QUIETLY) uv; \
	"$$tools/bin/uv" pip compile --quiet --python-version 3.11 --override overrides.txt --generate-hashes \
	  --no-emit-index-url --all-extras setup.cfg -o requirements.txt

# Only the benchmark of the n-gram baseline needs this, so it is not a part of make venv. On Debian and Ubuntu:
# apt-get install g++ cmake zlib1g-dev libboost-{program-options,system,thread,test}-dev
KENLM := .cache/kenlm
kenlm: $(KENLM)/lmplz

$(KENLM)/lmplz: benchmarks/five_folds/kenlm.txt | $(STAMP)
	@for p in c++ cmake; do command -v $$p >/dev/null || { echo "make kenlm needs $$p: see the Makefile" >&2; exit 1; }; done
	rm -rf $(KENLM)
	$(BIN)/python -m pip download $(PIP_QUIETLY) --no-deps --no-binary kenlm --require-hashes -r $< -d $(KENLM)
	tar -xzf $(KENLM)/kenlm-*.tar.gz -C $(KENLM)
	cmake -S $(KENLM)/kenlm-*/ -B $(KENLM)/build -DBoost_USE_STATIC_LIBS=ON
	cmake --build $(KENLM)/build --target lmplz
	cp $(KENLM)/build/bin/lmplz $@

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage .coverage.* *.egg-info
