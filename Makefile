# Every command a developer or an operator needs. `make demo` and `make test` do all the set-up themselves.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PY := $(BIN)/python

.DEFAULT_GOAL := help
.PHONY: help demo test test-kit kit-compilers test-popup popup-pictures test-full test-windows fuzz lint format bench bench-workers bench-client bench-reload reload native windows dist proto proto-check clean

help: ## say what each target does
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

# System packages, by apt and only where missing: a C compiler and its linker, Python's headers and venv.
build/system.stamp: Makefile .ci/system-packages.sh
	@mkdir -p build
	@.ci/system-packages.sh gcc binutils libc6-dev make python3-dev python3-venv
	@touch $@

# What the tests need besides: C++ (the header must compile as such), openssl (makes certificates), clang with its
# libFuzzer, valgrind, network namespaces (a network that drops packets), PostgreSQL (the tests run a server of their own),
# and a browser.
build/system-test.stamp: build/system.stamp
	@.ci/system-packages.sh g++ openssl clang libclang-rt-dev valgrind iproute2 postgresql chromium
	@touch $@

$(VENV)/installed.stamp: pyproject.toml build/system.stamp
	@test -x $(PY) || $(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check 'pip>=25.1'
	@$(BIN)/pip install --quiet --disable-pip-version-check --group dev --editable .
	@touch $@

demo: native ## start a server, check three prescriptions through the C library, print the answers
	@$(BIN)/precheck demo

test: build/system-test.stamp build/system-wine.stamp native windows lint proto-check ## everything that must hold, in its short form (under twenty minutes)
	$(PY) -m pytest -m "not long" tests

# Compilers of the languages in native/examples. Without one, `make test` skips its language and says so.
kit-compilers: build/system-kit.stamp
build/system-kit.stamp: build/system-test.stamp
	@.ci/system-packages.sh mono-mcs mono-runtime libmono-i18n-cjk4.0-cil default-jdk-headless libjna-java \
	  fp-compiler fp-units-base fp-units-rtl fpc-source
	@touch $@

test-kit: kit-compilers build/system-wine.stamp native windows ## the examples in every language: installs their compilers, skips none
	TEST_EVERY_LANGUAGE=1 $(PY) -m pytest tests/kit

# Chinese characters and the signs of title bars: for the popup's pictures.
build/system-popup.stamp: build/system-test.stamp build/system-wine.stamp
	@.ci/system-packages.sh fonts-wine fonts-noto-cjk
	@touch $@

test-popup: build/system-popup.stamp native windows ## the popup in full under Wine (x64, x86), its page and the station for browsers in Chromium
	@.ci/wine32.sh
	$(PY) -m pytest tests/popup tests/web/test_browser_station.py

popup-pictures: build/system-popup.stamp native windows ## take the pictures of docs/howto/popup.zh-CN.md anew
	$(PY) -m tests.popup.pictures

test-full: build/system-test.stamp build/system-wine.stamp build/system-qemu.stamp native windows dist lint proto-check ## the long forms too
	$(PY) -m pytest -o faulthandler_timeout=900 tests

test-windows: build/system-test.stamp build/system-wine.stamp kit-compilers native windows ## the DLLs under Wine, 10,000 calls each and every fault: x64, and x86 in a chroot
	@.ci/wine32.sh
	$(PY) -m pytest -o faulthandler_timeout=900 tests/abi/test_windows.py tests/abi/test_windows_file.py
	$(PY) -m pytest -o faulthandler_timeout=900 tests/abi/test_faults.py tests/abi/test_station_growth.py -k windows
	TEST_EVERY_LANGUAGE=1 $(PY) -m pytest tests/kit/test_examples.py -k windows

fuzz: build/system-test.stamp native ## fuzz the C client for seventy minutes (FUZZ_SECONDS=600 each target)
	$(PY) -m client_shim.fuzz --seconds $(or $(FUZZ_SECONDS),600)
	$(PY) -m client_shim.popup --fuzz $(or $(FUZZ_SECONDS),600)

lint: $(VENV)/installed.stamp ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/installed.stamp ## let ruff rewrite what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: native ## the evaluator alone, and the whole call against an echo
	$(PY) -m bench

reload: build/system-test.stamp native ## packs published in every way while stations check, in its long form (a quarter of an hour)
	$(PY) -m pytest -rP -o faulthandler_timeout=3600 tests/reload

bench-reload: native ## what publishing a pack of a million rows costs the checks meanwhile (three minutes)
	$(PY) -m bench.reload

bench-workers: native ## what a second worker brings: two servers side by side (a minute and a half)
	$(PY) -m bench.workers

bench-client: build/system-test.stamp native ## what the C client adds to a call, beside the shortest loop of nghttp2
	$(PY) -m bench.client_overhead

native: $(VENV)/installed.stamp ## build libprecheck.so and its Python binding
	@$(PY) -m client_shim.build

# Compilers for Windows: they link to msvcrt, which every Windows has, so that a station needs nothing else.
build/system-windows.stamp: build/system.stamp
	@.ci/system-packages.sh gcc-mingw-w64-x86-64-win32 gcc-mingw-w64-i686-win32
	@touch $@

# What runs their work in the tests, and a screen for the popup; Wine runs programs for x86 on x86 only.
build/system-wine.stamp: build/system.stamp
	@if [ "$$(uname -m)" = x86_64 ]; then .ci/system-packages.sh wine wine64 xvfb; fi
	@touch $@

windows: $(VENV)/installed.stamp build/system-windows.stamp ## build precheck.dll and the popup for Windows, x64 and x86
	@$(PY) -m client_shim.build windows-x64 windows-x86
	@$(PY) -m client_shim.popup

# What runs the Linux library for aarch64 in the long tests.
build/system-qemu.stamp: build/system.stamp
	@.ci/system-packages.sh qemu-user libc6-arm64-cross
	@touch $@

$(VENV)/installed-dist.stamp: $(VENV)/installed.stamp
	@$(BIN)/pip install --quiet --disable-pip-version-check --group dist
	@touch $@

dist: $(VENV)/installed-dist.stamp build/system-windows.stamp ## everything that vendors get, for all machines, into dist/
	@$(PY) -m client_shim.dist

proto: $(VENV)/installed.stamp ## generate the Python code of proto/
	$(PY) proto/generate.py

proto-check: $(VENV)/installed.stamp
	@$(PY) proto/generate.py --check

clean: ## remove what was built (not the virtual environment)
	rm -rf build dist native/build client_shim/*.so client_shim/_precheck.c .pytest_cache .mypy_cache .ruff_cache
