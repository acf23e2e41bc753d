# The commands a person types. `make studio` and `make test` do all the set-up there is; a second time they reinstall nothing.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
export THP_MEM_ALLOC_ENABLE ?= 1
export MALLOC_TRIM_THRESHOLD_ ?= 8589934592
export MALLOC_MMAP_THRESHOLD_ ?= 4294967296
export MALLOC_TOP_PAD_ ?= 67108864

.PHONY: studio test check bench soak clean
studio: packages
	@$(BIN)/likeness studio $(ARGS)

test: packages programs
	@$(BIN)/python -m tests.suite test

# Without the browser: under three minutes.
check: packages
	@$(BIN)/python -m tests.suite check

soak: packages programs
	@$(BIN)/python -m tests.suite soak

bench: $(STAMP)
	@$(BIN)/likeness bench $(ARGS)

# The browser rig's library, from its npm package; without npm the studio says so and works all the same.
.PHONY: packages programs
packages: $(STAMP)
	@$(BIN)/python -m studio.web_packages

programs:
	@sh .ci/programs

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("Likeness wants Python 3.11 or later, this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else None'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing (some minutes the first time) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $(STAMP)

clean:
	rm -rf $(VENV) build *.egg-info .pytest_cache .ruff_cache .import_linter_cache .hypothesis
