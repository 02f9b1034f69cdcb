# Every target first makes .venv where it is missing and installs the project into it; nothing
# needs to be activated, and nothing is fetched where nothing changed.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
INSTALLED := $(VENV)/.installed
CYTHON := $(shell find brickprof -name '*.pyx')
SOURCES := setup.py pyproject.toml $(CYTHON) $(shell find brickprof -name '*.px[di]') \
	$(shell find brickprof -name '*.[ch]')
EXAMPLES := $(sort $(wildcard examples/*.py examples/decoder/*.py))
CHECKED := build/sanitize
# They build, translate or type-check and run no code of ours, or valgrind, which has its own malloc.
UNCHECKED := project/test_packaging.py project/test_build_systems.py project/test_decoder_project.py \
	project/test_interfaces.py project/test_stubs.py planning/test_cache_simulation.py
# A worker for each core. The tests of a module share one, and what its fixtures made; those with
# slow tests come first, as conftest.py sorts them. xdist would begin with those of most tests.
WORKERS := -n logical --dist loadscope --no-loadscope-reorder

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help install demo docs gallery check test test-decoder lint types smoke bench bench-decoder build wheels sanitize \
	sanitize-threads fuzz storms platforms clean
.DEFAULT_GOAL := help

help:  ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | \
		while IFS='|' read -r name what; do printf '  %-17s %s\n' "$$name" "$$what"; done

demo: $(INSTALLED)  ## Profile three kernels, say what to look at next, and write a page of it
	mkdir -p build
	$(RUN) -m brickprof demo --save build/demo.json
	$(RUN) -m brickprof report build/demo.json -o build/demo.html

check: lint types  ## Check style and types, and run the quick tests: under a minute
	HYPOTHESIS_PROFILE=quick $(RUN) -m pytest -q $(WORKERS) -m 'not slow'

test: $(INSTALLED)  ## Run all tests
	$(RUN) -m pytest -q $(WORKERS)

# PyTorch goes first and alone: it is by far the largest, and a failed download is told as such.
test-decoder: $(INSTALLED)  ## Hold the decoder of examples/ against transformers
	$(RUN) -m pip install --quiet torch==2.13.0
	$(RUN) -m pip install --quiet --no-build-isolation --editable 'examples/decoder[transformers]'
	HF_HUB_OFFLINE=1 $(RUN) -m pytest -q examples/decoder/tests/test_transformers.py

lint: $(INSTALLED)  ## Check style and format
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .

types: $(INSTALLED)  ## Check types
	$(RUN) -m mypy

docs: $(INSTALLED)  ## Build the pages into build/docs; ARGS="-t online" links types of other projects
	$(RUN) -m sphinx -W -n --keep-going -q $(ARGS) docs build/docs
	@echo "build/docs/index.html"

gallery: $(INSTALLED)  ## Draw the pictures of docs/gallery anew
	$(RUN) docs/gallery/build.py

smoke: demo  ## Run the demo and every example
	@set -e; for example in $(EXAMPLES); do \
		echo "$(RUN) $$example"; $(RUN) "$$example"; done

bench: $(INSTALLED)  ## Compare with NumPy, PyTorch and BLIS; ARGS=--quick for a smoke run
	$(RUN) -m benchmarks $(ARGS)

bench-decoder: $(INSTALLED)  ## Compare the decoder with transformers, by switch and thread count
	$(RUN) -m benchmarks.decoding $(ARGS)

build: $(INSTALLED)  ## Make dist/ with the sdist and the wheel
	rm -rf dist
	$(RUN) -m build --no-isolation

wheels: $(INSTALLED)  ## Build sdist and wheel, check both, and try the wheel without a compiler
	.ci/wheels $(RUN)

sanitize: $(INSTALLED)  ## Test a copy built with bounds checks and sanitizers
	rm -rf $(CHECKED)
	mkdir -p $(CHECKED)
	tar -cf - --exclude=./.git --exclude=./.venv --exclude=./build --exclude=./dist \
		--exclude='*.so' . | tar -xf - -C $(CHECKED)
	cd $(CHECKED) && BRICKPROF_BUILD_CHECKS=address,undefined $(CURDIR)/$(RUN) setup.py -q build_ext --inplace
	cd $(CHECKED) && LD_PRELOAD="$$(gcc -print-file-name=libasan.so)" \
		ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1:quarantine_size_mb=16 UBSAN_OPTIONS=print_stacktrace=1 \
		$(CURDIR)/$(RUN) -m pytest -q $(WORKERS) $(UNCHECKED:%=--ignore=tests/%) $(ARGS)

sanitize-threads: $(INSTALLED)  ## Drive a copy built with the thread sanitizer
	rm -rf $(CHECKED)
	mkdir -p $(CHECKED)
	tar -cf - --exclude=./.git --exclude=./.venv --exclude=./build --exclude=./dist \
		--exclude='*.so' . | tar -xf - -C $(CHECKED)
	cd $(CHECKED) && BRICKPROF_BUILD_CHECKS=thread $(CURDIR)/$(RUN) setup.py -q build_ext --inplace
	cd $(CHECKED) && PYTHONPATH=.:tests OPENBLAS_NUM_THREADS=1 \
		LD_PRELOAD="$$(gcc -print-file-name=libtsan.so)" TSAN_OPTIONS=history_size=4:halt_on_error=1 \
		$(CURDIR)/$(RUN) -m sanitize.drivers $(ARGS)

fuzz: $(INSTALLED)  ## Fuzz files, calls and kernels; ARGS='--seconds 600 recordings'
	PYTHONPATH=.:tests:examples/decoder:examples/decoder/tests $(RUN) -X faulthandler -m fuzz $(ARGS)

storms: $(INSTALLED)  ## Fork, reset and kill; ARGS='--forks 10000 --resets 10000 --kills 1000'
	PYTHONPATH=.:tests $(RUN) -X faulthandler -W ignore -m storms $(or $(ARGS),--forks 500 --resets 500 --kills 100)

platforms: $(INSTALLED)  ## Test with clang, lower instruction sets, other Pythons and ARM in QEMU
	.ci/platforms $(ARGS)

clean:  ## Remove all that was built, but .venv
	rm -rf build dist *.egg-info .hypothesis .pytest_cache .mypy_cache .ruff_cache
	for project in examples/*/; do (cd "$$project" && \
		rm -rf build *.egg-info .hypothesis .pytest_cache .ruff_cache your_kernel.c); done
	rm -f $(INSTALLED)
	find brickprof -name '*.so' -delete
	find . -path ./$(VENV) -prune -o -name __pycache__ -type d -exec rm -rf {} +

install: $(INSTALLED)

$(INSTALLED): $(SOURCES)
	@.ci/install "$(PYTHON)" $(VENV)
	@touch $@
