# The two commands of the README are `make demo` and `make test`; both install what a fresh Debian 12 lacks.
SHELL := /bin/bash
PREFIX ?= /usr
DESTDIR ?=
export HEALD_STRICT ?= 1

.PHONY: help setup demo test soak tsan lint build bench install clean

help:
	@echo "make demo      see heald find, repair and explain three failures (30 s)"
	@echo "make test      lint, build, unit, simulation and integration tests"
	@echo "make soak      10,000 simulated seeds (SEEDS=N) and a million rounds against the cache cleaner"
	@echo "make tsan      the tests of what is concurrent, under ThreadSanitizer"
	@echo "make build     optimised heald and healctl, in .build/release"
	@echo "make install   put them, the unit and its friends below $(DESTDIR)$(PREFIX)"
	@echo "make bench     measure heald beside its peers"
	@echo "make lint      style alone"

setup:
	@Tests/setup

demo: setup
	@Tests/Demo/run

test: setup
	@Tests/run

soak: setup
	HEALD_SIM_SEEDS=$${SEEDS:-10000} HEALD_RACE_ROUNDS=$${ROUNDS:-1000000} \
	  swift test --explicit-target-dependency-import-check error --filter 'SeedTests|CacheCleanerTests'

tsan: setup
	@Tests/ThreadSanitizer/run

lint:
	swift format lint --recursive --strict Package.swift Sources Tests

# A newer compiler's new warning never keeps an operator from building a release.
build: setup
	env -u HEALD_STRICT swift build -c release --product heald
	env -u HEALD_STRICT swift build -c release --product healctl

bench: setup
	@if [ -x Benchmarks/run ]; then Benchmarks/run; else echo "see Docs/performance.md" >&2; exit 1; fi

# Nothing is built here, so that `sudo make install` compiles nothing as root.
install:
	@test -x .build/release/heald -a -x .build/release/healctl || { echo "run make build first" >&2; exit 1; }
	install -D -m 755 .build/release/heald $(DESTDIR)$(PREFIX)/bin/heald
	install -D -m 755 .build/release/healctl $(DESTDIR)$(PREFIX)/bin/healctl
	install -D -m 644 systemd/heald.service $(DESTDIR)$(PREFIX)/lib/systemd/system/heald.service
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/lib/sysusers.d systemd/sysusers.d/*
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/lib/tmpfiles.d systemd/tmpfiles.d/*
	install -D -m 644 policies/policy-v1.schema.json $(DESTDIR)$(PREFIX)/share/heald/policy-v1.schema.json

clean:
	swift package clean
