# `make demo` and `make test` need Python 3.11 or newer (with venv) and make, and nothing else.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := PIP_CONSTRAINT=constraints.txt PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/python -m pip install --quiet
INSTALLED_FROM := pyproject.toml constraints.txt
TESTS ?= tests

.PHONY: help demo test jaeger lint format bench bench-rules fuzz chaos soak constraints clean

help:
	@echo "make demo         see it work on this machine alone (DEMO=--help for more)"
	@echo "make test         run all tests (TESTS=tests/unit/rules for some)"
	@echo "make jaeger       build the Jaeger that some tests ask (needs Go; CI does it, if it has Go)"
	@echo "make lint         ruff and mypy --strict"
	@echo "make format       let ruff format the code"
	@echo "make bench        CPU per message of the real worker on a stub of SQS (BENCH=--all, BENCH=--help)"
	@echo "make bench-rules  CPU per event of the rule engine, by shape and number of rules"
	@echo "make fuzz         let atheris look for text that breaks the rule language (FUZZ_SECONDS=240, FUZZ=--help)"
	@echo "make chaos        many seeded runs with faults, and a worker killed over and over (SEEDS=50 KILLS=200 RESTARTS=50 HISTORIES=5000)"
	@echo "make soak         one worker under load for minutes: does its memory grow (MESSAGES=300000)"
	@echo "make constraints  pin the newest versions that pyproject.toml allows"
	@echo "make clean        remove everything that make made"

demo: $(VENV)/.demo
	$(BIN)/turnout demo $(DEMO)

test: $(VENV)/.test $(VENV)/.chromium $(BIN)/promtool $(if $(CI),$(BIN)/jaeger)
	$(BIN)/python -m pytest --numprocesses=auto --maxprocesses=4 --dist=loadfile $(TESTS)

lint: $(VENV)/.lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.lint
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.test
	$(BIN)/python -m tests.benchmarks.bench $(BENCH)

bench-rules: $(VENV)/.test
	$(BIN)/python -m tests.benchmarks.bench_rules $(BENCH)

FUZZ_SECONDS ?= 240
fuzz: $(VENV)/.test
	$(BIN)/python -m tests.fuzz --seconds $(FUZZ_SECONDS) $(FUZZ)

# One stamp per set of extras: nothing is installed again until a file that says what to install changes.
$(VENV)/.demo $(VENV)/.test: $(VENV)/.%: $(INSTALLED_FROM) | $(BIN)/python
	$(PIP) --editable '.[$*]'
	@touch $@

# mypy checks the tests too, so it needs what they import.
$(VENV)/.lint: $(INSTALLED_FROM) | $(BIN)/python
	$(PIP) --editable '.[test,lint]'
	@touch $@

# The status page is tested in a browser: Debian's, installed here where that is allowed. Elsewhere those tests are skipped.
APT := apt-get -qq -o Acquire::http::Timeout=20
$(VENV)/.chromium: | $(BIN)/python
	@if command -v chromium || command -v chromium-browser || command -v google-chrome; then touch $@; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get > /dev/null && $(APT) update && \
	  DEBIAN_FRONTEND=noninteractive $(APT) install -y --no-install-recommends chromium fonts-dejavu-core > /dev/null; \
	then touch $@; \
	else echo "no Chromium here: tests/e2e/test_page.py and test_report_page.py will be skipped"; fi

# The alerts are checked by Prometheus's own promtool: that on PATH, or the one out of Debian's package, which is not installed.
$(BIN)/promtool: | $(BIN)/python
	@if command -v promtool > /dev/null; then ln -sf "$$(command -v promtool)" $@; \
	elif command -v apt-get > /dev/null && { [ "$$(id -u)" != 0 ] || $(APT) update; } && \
	  mkdir -p build/promtool && cd build/promtool && $(APT) download prometheus > /dev/null 2>&1 && \
	  dpkg-deb --fsys-tarfile prometheus_*.deb | tar -xf - ./usr/bin/promtool && mv usr/bin/promtool ../../$@; \
	then rm -rf ../promtool; \
	else echo "no promtool here: its checks in tests/unit/deploy/test_monitoring.py will be skipped"; fi

# Traces are held against a real Jaeger: that on PATH, or one built from its Go module, which takes minutes and 3 GB. (Not
# by `go install`: it refuses the module, because something in it is replaced.) Without one those tests are skipped.
JAEGER := github.com/jaegertracing/jaeger@v1.76.0
jaeger: $(BIN)/jaeger
$(BIN)/jaeger: | $(BIN)/python
	@if command -v jaeger > /dev/null; then ln -sf "$$(command -v jaeger)" $@; \
	elif command -v go > /dev/null && go mod download $(JAEGER) && \
	  cd "$$(go env GOMODCACHE)/$(JAEGER)" && go build -o "$(CURDIR)/$@" ./cmd/jaeger; then :; \
	else echo "no Jaeger here, and none could be built (that needs Go): tests/e2e/test_jaeger.py will be skipped"; fi

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, this is " + sys.version)'
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

constraints:
	rm -rf build/constraints
	$(PYTHON) -m venv build/constraints
	build/constraints/bin/python -m pip install --quiet --editable '.[test,lint]'
	build/constraints/bin/python -m pip freeze --exclude-editable > build/constraints/frozen.txt
	build/constraints/bin/python deploy/constraints.py constraints.txt < build/constraints/frozen.txt
	rm -rf build/constraints

clean:
	rm -rf $(VENV) build dist src/*.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +

# Faults between the worker and SQS, in many seeded runs; workers killed and stopped at work; the books of each run.
SEEDS ?= 50
KILLS ?= 200
RESTARTS ?= 50
HISTORIES ?= 5000
MESSAGES ?= 300000
chaos: $(VENV)/.test
	$(BIN)/python -m tests.chaos --seeds $(SEEDS) --kills $(KILLS) --restarts $(RESTARTS)
	$(BIN)/python -m tests.property.pipeline.explore --histories $(HISTORIES)

soak: $(VENV)/.test
	$(BIN)/python -m tests.chaos.soak --messages $(MESSAGES)
