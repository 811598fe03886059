# Two commands are enough: `make atlas` and `make test`. Both make the environment first, once.

PYTHON ?= python3
CORES ?= $(shell nproc 2>/dev/null || echo 2)
CONFIG ?=
VENV := .venv
READY := $(VENV)/.ready
RUN := $(VENV)/bin

.PHONY: help env atlas test lint bench calibrate mocks report docs clean

help:                ## what can be made
	@sed -n 's/^\([a-z]*\): *[^#]*## /\1\t/p' $(MAKEFILE_LIST)

env: $(READY)        ## the environment, exactly as locked

$(READY): requirements.lock
	@case "$$PWD" in *\ *) echo "discatlas needs a folder without blanks in its path (Snakemake does not quote the interpreter), got: $$PWD" >&2; exit 1;; esac
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "discatlas needs Python 3.11 or newer; name one with make PYTHON=..." >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "no venv module: apt-get install python3-venv" >&2; exit 1; }
	$(RUN)/python -m pip install --quiet --require-hashes -r requirements.lock
	@touch $@

atlas: $(READY)      ## the default atlas; CONFIG=config/clusters.yaml for another, CORES=N
	$(RUN)/snakemake --cores $(CORES) --rerun-incomplete --logger rich $(if $(CONFIG),--configfile $(CONFIG))

test: $(READY)       ## all tests
	$(RUN)/python -m pytest -n 2 --dist loadfile

lint: $(READY)       ## formatting, style, spelling, Snakemake's own lint
	$(RUN)/ruff check .
	$(RUN)/ruff format --check .
	$(RUN)/snakefmt --check Snakefile workflow/rules
	$(RUN)/codespell
	$(RUN)/snakemake --lint

bench: $(READY)      ## the budgets, each against a peer in the same run
	@for bench in tests/bench/bench_*.py; do echo "== $$bench"; PYTHONPATH=workflow/scripts $(RUN)/python $$bench || exit 1; done

calibrate: $(READY)  ## do the 68 % error bars of every estimator hold the truth in 68 % of simulations? Minutes
	$(RUN)/snakemake --cores $(CORES) --rerun-incomplete --logger rich results/figures/calibration.png $(if $(CONFIG),--configfile $(CONFIG))

mocks: $(READY)      ## test particles under one spiral against the linear response of the fits. Minutes
	$(RUN)/snakemake --cores $(CORES) --rerun-incomplete --logger rich mocks $(if $(CONFIG),--configfile $(CONFIG))

report: $(READY)     ## results/report.html with every figure and its caption
	$(RUN)/snakemake --report results/report.html $(if $(CONFIG),--configfile $(CONFIG))

docs: $(READY)       ## the table of options in config/README.md, from the schema
	PYTHONPATH=workflow/scripts $(RUN)/python -m discatlas.config_docs

clean:               ## remove what the workflow made; the environment stays
	rm -rf results logs benchmarks .snakemake .cache
