# make demo: sets up and runs the main job        make test: sets up and passes the tests
# make slow: the sweeps that test leaves out       make lint: style, types and import order
# make bench: side by side with JAX, torch and SymPy
PYTHON ?= python3
VENV ?= .venv

BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: demo test slow bench lint clean

demo: $(VENV)/demo.stamp
	$(BIN)/python examples/demo.py

test: $(VENV)/test.stamp
	$(BIN)/python -m pytest -m "not slow"

slow: $(VENV)/test.stamp
	$(BIN)/python -m pytest -m slow

bench: $(VENV)/bench.stamp
	$(BIN)/python -m benchmarks.logistic
	$(BIN)/python -m benchmarks.lstm
	$(BIN)/python -m benchmarks.derivation --plot build/derivation.png

lint: $(VENV)/lint.stamp
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find symgd tests examples benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

# Each job installs only what it needs; a stamp is older than pyproject.toml when that changes.
$(VENV)/venv.stamp:
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/demo.stamp: EXTRAS := plot
$(VENV)/test.stamp: EXTRAS := test,oracle
$(VENV)/bench.stamp: EXTRAS := bench
$(VENV)/lint.stamp: EXTRAS := lint
$(VENV)/%.stamp: pyproject.toml | $(VENV)/venv.stamp
	$(INSTALL) --editable ".[$(EXTRAS)]"
	@touch $@
