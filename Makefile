# The two commands: `make demo` shows Duma at work, `make test` runs its tests. Both set up what they need in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
NATIVE := CMakeLists.txt pyproject.toml $(wildcard native/*.cpp native/*/*.cpp native/*/*.hpp)
INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check
FUZZ_SECONDS ?= 60
BENCHMARKS ?= classifier durability nearest_neighbor neighbors_index recall anomaly clustering graph small_engines

.PHONY: demo test test-all lint fuzz benchmark clean

demo: $(VENV)/.demo
	$(BIN)/python examples/demo.py

test: $(VENV)/.dev
	$(BIN)/pytest -m "not slow" -n auto

test-all: $(VENV)/.dev
	$(BIN)/pytest

lint: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

# The core's decoders on hostile bytes, under AddressSanitizer and UndefinedBehaviorSanitizer.
fuzz:
	tests/fuzz/run.sh $(FUZZ_SECONDS)

benchmark: $(VENV)/.benchmarks
	for what in $(BENCHMARKS); do $(BIN)/python -m benchmarks.$$what || exit 1; done

clean:
	rm -rf $(VENV) build

$(VENV)/.built: $(NATIVE)
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(INSTALL) 'scikit-build-core>=0.11' 'nanobind>=2.9' 'cmake>=3.24' ninja
	$(INSTALL) --no-build-isolation --editable .
	cp "$$($(BIN)/python -c 'import duma._core, pathlib; print(pathlib.Path(duma._core.__file__).parent)')/_core.pyi" src/duma/
	touch $@

$(VENV)/.demo: $(VENV)/.built
	$(INSTALL) --no-build-isolation --editable '.[demo]'
	touch $@

$(VENV)/.dev: $(VENV)/.built
	$(INSTALL) --no-build-isolation --editable '.[dev]'
	touch $@ $(VENV)/.demo

$(VENV)/.benchmarks: $(VENV)/.built
	$(INSTALL) --no-build-isolation --editable '.[benchmarks]'
	touch $@
