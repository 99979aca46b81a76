# `make demo` and `make test` set up all that they need, in .venv.

VENV := .venv
BIN := $(VENV)/bin

.PHONY: help demo test test-slow lint check bench results fuzz docs audit lock clean

help:
	@echo "make demo       upscale a photograph x4; look at results/"
	@echo "make test       run the tests"
	@echo "make test-slow  run the tests that take long"
	@echo "make lint       formatting, lint and types"
	@echo "make check      lint and test"
	@echo "make bench      speed beside other runtimes, to results/benchmarks/; ten minutes"
	@echo "make results    figures, tables, plots and pictures of the weights that ship, anew (BENCHMARKS=, LPIPS=)"
	@echo "make fuzz       thousands of generated pictures beside another decoder, and of damaged files (FILES=, SEED=)"
	@echo "make docs       the pages and the API as a site, to results/site/"
	@echo "make audit      look the locked packages up among the known vulnerabilities"
	@echo "make lock       requirements.lock anew from requirements.txt"
	@echo "make clean      remove the virtual environment"

# The newest Python that runs, fits and can make environments; PYTHON=... chooses another. A name that is found may still not run.
$(BIN)/pip:
	@set -- "$(PYTHON)"; [ -n "$$1" ] || set -- python3.13 python3.12 python3.11 python3.10 python3; \
	for python do \
	  if "$$python" -c 'import ensurepip, sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then \
	    echo "setting up $(VENV) with $$("$$python" --version)"; exec "$$python" -m venv $(VENV); \
	  fi; \
	done; echo "error: none of these is a Python 3.10 to 3.13 with its venv module: $$*; name one: make PYTHON=/path/to/python ..." >&2; exit 1

$(VENV)/.installed: requirements.txt requirements-dev.txt pyproject.toml | $(BIN)/pip
	@echo "installing requirements (some 3 GB with TensorFlow; minutes)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

demo: $(VENV)/.installed
	@$(BIN)/python examples/demo.py

# Half of a test's time is TensorFlow's tracing, on one core; each worker takes up to 3 GB.
WORKERS := 2

# Byte code is kept whatever the environment says, or each process compiles all anew.
test: export PYTHONDONTWRITEBYTECODE =
test: $(VENV)/.installed
	$(BIN)/python -m pytest -q -m "not slow" -n $(WORKERS) --dist worksteal

test-slow: $(VENV)/.installed
	$(BIN)/python -m pytest -q -m slow

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

check: lint test

$(VENV)/.bench: benchmarks/requirements.txt $(VENV)/.installed
	@echo "installing the benchmarks' peers (PyTorch among them)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r benchmarks/requirements.txt
	@touch $@

bench: $(VENV)/.bench
	$(BIN)/python -m benchmarks.run

BENCHMARKS := Set5 Set14 BSD100
LPIPS := lpips_alexnet.npz

results: $(VENV)/.installed
	$(BIN)/python tools/results.py $(BENCHMARKS) --lpips $(LPIPS)
	$(BIN)/python tools/gallery.py --lpips $(LPIPS)
	$(BIN)/python tools/draw_strip.py docs/images/edsr-gan-x4-strip.png --models edsr-baseline-x4 edsr-gan-x4 --lpips $(LPIPS) \
	  --parts chelsea.png:70,90 coffee.png:60,300 astronaut.png:30,140 motorcycle_left.png:200,250 grass.png:100,100
	$(BIN)/python tools/draw_strip.py docs/images/edsr-gan-x2-strip.png --models edsr-baseline-x2 edsr-real-x2 edsr-gan-x2 --lpips $(LPIPS) \
	  --side 128 --parts astronaut.png:60,168 chelsea.png:80,112 grass.png:100,100 brick.png:120,120 page.png:20,0
	$(BIN)/python examples/demo.py && cp results/cat_compare.png docs/images/cat.png

FILES := 5000
SEED := 0

$(VENV)/.fuzz: $(VENV)/.installed
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check pyvips==3.2.0
	@touch $@

# libvips and Chromium are the system's: Debian's libvips42 and chromium.
fuzz: $(VENV)/.fuzz
	$(BIN)/python tools/compare_decoders.py --files $(FILES) --seed $(SEED)
	$(BIN)/python tools/fuzz.py --files $(FILES) --seed $(SEED)

$(VENV)/.docs: $(VENV)/.installed
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check mkdocs-material==9.8.2 'mkdocstrings[python]==1.0.8'
	@touch $@

docs: $(VENV)/.docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

audit: $(VENV)/.installed
	$(BIN)/python tools/audit.py requirements.lock

# One file for all platforms and for Python 3.10 to 3.13. Its first lines are kept.
lock: $(VENV)/.installed
	head -2 requirements.lock > requirements.lock.new
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.10 --no-strip-extras \
	  --no-emit-index-url --no-header requirements.txt >> requirements.lock.new
	mv requirements.lock.new requirements.lock

clean:
	rm -rf $(VENV)
