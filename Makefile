# The two commands a newcomer needs: `make demo` and `make test`.
# uv (which locks the dependencies) is installed into .uv/ when it is not on the path.

UV := $(shell command -v uv 2>/dev/null || echo .uv/bin/uv)
RUN := $(UV) run --frozen
PORT ?= 8501
WORKERS ?= -n auto --dist loadfile # a file of tests stays on one processor

# Compiled bytecode is kept even where the environment says otherwise: tests start many processes.
export PYTHONDONTWRITEBYTECODE =

.PHONY: demo test test-fast lint bench docs sample clean

demo: .venv/.synced ## build the sample area, run, publish, serve
	$(RUN) safecommute demo --port $(PORT)

test: .venv/.synced ## every test: fast ones first, then slow and browser tests
	$(RUN) pytest $(WORKERS) -m "not slow and not browser and not network"
	$(RUN) pytest $(WORKERS) -m "(slow or browser) and not network"

test-fast: .venv/.synced
	$(RUN) pytest $(WORKERS) -m "not slow and not browser and not network"

lint: .venv/.synced ## style, types, import contracts
	$(RUN) ruff format --check .
	$(RUN) ruff check .
	$(RUN) mypy
	$(RUN) lint-imports

bench: .venv/.synced ## measured beside peers; needs the real data, see benchmarks/README.md
	$(RUN) python -m benchmarks

docs: .venv/.synced ## the documentation as a site in site/; warnings are errors
	$(RUN) mkdocs build --quiet --strict

sample: .venv/.synced ## write the synthetic sample again, byte for byte
	$(RUN) python -m sample --out data

.venv/.synced: pyproject.toml uv.lock | $(UV)
	$(UV) sync --frozen --compile-bytecode # so that every command starts at once
	@touch $@

.uv/bin/uv:
	python3 -m venv .uv
	.uv/bin/pip install --quiet uv

