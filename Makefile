# The course, one command at a time; `make` lists them. The work is done by tools/*.py, which also run without make.
#   VENV=DIR    where the environment lives (default .venv); VENV= (empty) uses the current one (conda, Colab)
#   PYTHON=P    the Python that creates it (default: the first of python3, python3.13 ... that is new enough)

SHELL := /bin/sh
VENV ?= .venv
JOBS ?= 2
CHAPTERS ?=
ONLY ?=
URL ?=
BIN := $(if $(filter Windows_NT,$(OS)),Scripts,bin)

ifneq ($(SCALE),)
export COURSE_SCALE := $(SCALE)
endif

NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
FOUND = $(or $(PYTHON),$(shell for p in python3 python3.13 python3.12 python3.11 python; do \
	"$$p" -c '$(NEW_ENOUGH)' 2>/dev/null && echo "$$p" && break; done))
PY = "$(if $(strip $(VENV)),$(VENV)/$(BIN)/python,$(FOUND))"

.PHONY: help setup run test lab data execute site bench results race record lint clean set-home contact-sheets
.DEFAULT_GOAL := help

help:
	@echo 'make run      run every chapter two at a time (sample data), table of results, site under build/'
	@echo '              CHAPTERS="06 18" some chapters, SCALE=full the real data, JOBS=1 one at a time'
	@echo 'make test     style, unit tests, and every chapter against its stored outputs'
	@echo 'make lab      JupyterLab on the chapters'
	@echo 'make data     fetch the real data sets (asks for nothing; resumes where it stopped)'
	@echo 'make setup    the environment alone; the commands above call it'
	@echo ''
	@echo 'make execute  run chapters and store their outputs in notebooks/ (CHAPTERS="06")'
	@echo 'make site     the HTML site from the stored outputs: build/site/index.html'
	@echo 'make bench    timings against d2l and torchvision'
	@echo 'make results  the notes'\'' nets on the whole Fashion-MNIST: hours, resumes where it stopped (ONLY="lenet resnet18")'
	@echo 'make race     seconds to the accuracy of the book, by d2l and by the course: half an hour (ONLY="softmax lenet")'
	@echo 'make record   the best accuracy in 60 and in 300 seconds, three seeds each: 18 minutes'
	@echo 'make lint     style and import rules only'
	@echo 'make contact-sheets   one picture a sample set, for docs/'
	@echo 'make set-home URL=https://...   write where the course lives into every badge and first cell'
	@echo 'make clean    remove build/ and caches; never data, never .venv'
	@echo ''
	@echo 'VENV=DIR another environment; VENV= the current one (conda, Colab). COURSE_DEVICE=cpu forces a device.'

# The environment's own Python looks whether it is up to date; if there is none, the first new enough one makes it.
setup:
	@p="$(VENV)/$(BIN)/python"; \
	if [ -n "$(PYTHON)" ] || [ -z "$(strip $(VENV))" ] || ! "$$p" -c '$(NEW_ENOUGH)' 2>/dev/null; then p="$(FOUND)"; fi; \
	if ! { [ -n "$$p" ] && "$$p" -c '$(NEW_ENOUGH)' 2>/dev/null; }; then \
		echo "The course needs Python 3.11 or newer; $${p:-python3} is $$("$${p:-python3}" --version 2>&1 | head -n 1)." \
			"Install one, or name it: make PYTHON=/path/to/python"; exit 1; fi; \
	"$$p" tools/setup_env.py --venv "$(VENV)"

run: setup
	@$(PY) -m tools.execute --jobs "$(JOBS)" --chapters "$(CHAPTERS)" --site

execute: setup
	@$(PY) -m tools.execute --jobs "$(JOBS)" --chapters "$(CHAPTERS)" --in-place

test: setup
	@$(PY) -m tools.run_checks --jobs "$(JOBS)"

lint: setup
	@$(PY) -m tools.run_checks --only lint

lab: setup
	@echo 'JupyterLab on notebooks/: starts in a few seconds, Ctrl-C twice stops it.'
	@PYTHONPATH="$(CURDIR)$(if $(PYTHONPATH),:$(PYTHONPATH))" $(PY) -m jupyterlab notebooks

data: setup
	@echo 'Fetching the real data sets into data/full (sizes and licences first; hours on a slow line, resumable).'
	@$(PY) -m utils.datasets fetch

site: setup
	@$(PY) -m tools.site

bench: setup
	@$(PY) -m tools.bench

results: setup
	@COURSE_SCALE=full $(PY) -m tools.results --only "$(ONLY)"

race: setup
	@$(PY) -m benchmarks.race --only "$(ONLY)"

record: setup
	@$(PY) -m benchmarks.record

contact-sheets: setup
	@$(PY) -m tools.contact_sheets

set-home: setup
	@$(PY) -m tools.home set "$(URL)"

clean:
	@rm -rf build dist .pytest_cache .ruff_cache .hypothesis .import_linter_cache docs/_build
	@find utils tools tests docs benchmarks data notebooks -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true
	@find notebooks -name .ipynb_checkpoints -prune -exec rm -rf {} + 2>/dev/null || true
	@echo 'Removed build/ and caches. Data and .venv are as they were.'
