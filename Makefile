# aioxide: the commands a developer needs. PYTHON= selects the interpreter, VENV= the environment.

VENV ?= .venv
# An environment that is there keeps its interpreter as long as no other is asked for.
PYTHON ?= $(or $(shell sed -n 's/^executable = //p' $(VENV)/pyvenv.cfg 2>/dev/null),python3)
SPEED ?= 5

BIN = $(VENV)/bin
# The Rust tests embed the interpreter: cargo has to build for it, and to find its library.
CARGO = env -u VIRTUAL_ENV PYO3_PYTHON="$(CURDIR)/$(BIN)/python" \
	LD_LIBRARY_PATH="$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_config_var("LIBDIR"))')" \
	cargo

N ?= 1000
SEED ?= 0
SECONDS ?= 60
ROWS ?=
LOOPS ?= stock

# A debug build of CPython: on Debian the package python3-dbg, and python3-venv.
DEBUG_PYTHON ?= python3-dbg
CORE_TESTS = tests/test_future_*.py tests/test_task_*.py tests/test_mixed_kinds.py

.PHONY: help demo test pytest conformance fuzz soak soak-bridge bench bench-bridge instructions memory \
	memory-debug debug-checks valgrind rust-checks python-checks clean

help:  ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

demo: $(VENV)/made-for ## run the 22 tutorial examples on Rust tasks (SPEED=1: at their own pace)
	@echo "building and installing aioxide into $(VENV) …"
	$(BIN)/python -m pip install --quiet .
	$(BIN)/python examples/demo.py --speed $(SPEED)

test: $(VENV)/made-for ## build, install and check everything
	@echo "building and installing aioxide and what its tests need into $(VENV) …"
	$(BIN)/python -m pip install --quiet .[test,interop]
	$(MAKE) --no-print-directory rust-checks python-checks pytest

# The lines of progress say how many futures were made, and what became of them.
soak-bridge: ## everything the bridge does, at random, for SECONDS, after `make test`
	$(BIN)/python tests/bridge_soak/run.py --seconds $(SECONDS) --seed $(SEED)

# Rust futures made by aioxide's bridge and by pyo3-async-runtimes. Built as aioxide itself is, with all
# optimisations, and for the interpreter at hand: that takes minutes the first time.
COMPARISON = $(VENV)/comparison
BUILD_COMPARISON = $(CARGO) build --release --quiet --manifest-path benches/bridge/Cargo.toml \
	--target-dir target && mkdir -p $(COMPARISON) && \
	cp target/release/libbridge_comparison.so $(COMPARISON)/bridge_comparison.so

bench-bridge: $(VENV)/made-for ## the bridge beside pyo3-async-runtimes
	@echo "building and installing aioxide into $(VENV), and the futures to compare …"
	$(BIN)/python -m pip install --quiet .
	$(BUILD_COMPARISON)
	PYTHONPATH=$(COMPARISON):benches/bridge $(BIN)/python benches/bridge/compare.py

# The tests of Rust are not about a version of Python: as with those marked `once`, one is enough.
rust-checks: ## rustfmt, clippy, cargo test
	cargo fmt --check
	$(CARGO) clippy --quiet --workspace --all-targets -- --deny warnings
	@if [ "$$AIOXIDE_SKIP_ONCE" != 1 ]; then echo "cargo test --quiet"; $(CARGO) test --quiet; fi
	$(CARGO) build --quiet --package bridge-probe

python-checks: ## ruff, mypy, stubs against the module
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m mypy.stubtest --concise aioxide

pytest: ## the Python tests, on the installed package
	$(BIN)/python -m pytest -q --numprocesses auto $(PYTEST_ARGS)

conformance: ## the interpreter's own asyncio tests on the Rust classes, after `make test`
	$(BIN)/python tests/conformance/run.py

fuzz: ## N random programs on both kinds of classes, after `make test`
	$(BIN)/python tests/fuzz/run.py --programs $(N) --seed $(SEED)

soak: ## loops in threads that hand each other work, for SECONDS, after `make test`
	$(BIN)/python tests/soak/run.py --seconds $(SECONDS) --seed $(SEED)

# A quick run is a first look: nothing that is kept comes from it.
bench: $(VENV)/made-for ## built-in classes and aioxide compared, into docs/performance.md; QUICK=1: a first look
	@echo "building and installing aioxide into $(VENV) …"
	$(BIN)/python -m pip install --quiet .
	@for loop in uvloop rloop; do \
		$(BIN)/python -m pip install --quiet $$loop || echo "$$loop cannot be installed: it is left out"; \
	done
	@echo "building the Rust futures to compare …"
	@$(BUILD_COMPARISON) || echo "they cannot be built: their rows are left out"
	@version=$$($(BIN)/python -c 'import sys; print("%d.%d" % sys.version_info[:2])') && \
	export PYTHONPATH=$(COMPARISON) && \
	if [ -n "$(QUICK)" ]; then \
		$(BIN)/python -m benches --quick --json target/bench/$$version.json \
			--markdown target/bench/$$version.md --svg target/bench/$$version.svg; \
	else \
		$(BIN)/python -m benches --json benches/results/$$version.json && \
		$(BIN)/python -m benches --document; \
	fi

instructions: $(VENV)/made-for ## instructions for each operation, by valgrind; ROWS=, LOOPS=: only these
	@echo "building and installing aioxide into $(VENV) …"
	$(BIN)/python -m pip install --quiet .
	$(BIN)/python -m benches --instructions --rows "$(ROWS)" --loops "$(LOOPS)"

memory: ## N objects of every outcome leave nothing behind, after `make test`
	$(BIN)/python tests/memory/run.py --things $(N)

memory-debug: ## the same, and the tests of the classes, on a debug build of CPython
	$(MAKE) --no-print-directory debug-checks VENV=.venv-debug PYTHON=$(DEBUG_PYTHON)

# Rust's own assertions are on, too.
debug-checks: $(VENV)/made-for
	$(BIN)/python -c 'import sys; sys.gettotalrefcount()'
	$(BIN)/python -m pip install --quiet --config-settings=build-args="--profile dev" .[test]
	PYTHONMALLOC=debug $(BIN)/python tests/memory/run.py --things $(N)
	PYTHONMALLOC=debug $(BIN)/python -m pytest -q --numprocesses auto -k rust --timeout 600 $(CORE_TESTS)

valgrind: ## every outcome under valgrind's memcheck, after `make test`
	$(BIN)/python tests/memory/memcheck.py

# The environment is made anew when another interpreter is asked for.
$(VENV)/made-for: FORCE
	@wanted=$$($(PYTHON) -c 'import sys; print(sys.version, sys.base_prefix)') && \
	if [ "$$(cat $@ 2>/dev/null)" != "$$wanted" ]; then \
		echo "making $(VENV) with $$($(PYTHON) --version)"; \
		rm -rf $(VENV) && $(PYTHON) -m venv $(VENV) && echo "$$wanted" > $@; \
	fi
FORCE:

clean: ## remove the environments and what was built
	rm -rf .venv* target dist .pytest_cache .mypy_cache .ruff_cache
