#!/bin/bash
# What the daemon costs. usage: Benchmarks/daemon/run.sh     needs: a release build, python3, root
set -euo pipefail
cd "$(dirname "$0")/../.."
swift build -c release --package-path Benchmarks --product http-target >&2
work=$(mktemp -d /var/tmp/heald-bench.XXXXXX)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
cp .build/release/heald "$work/heald"
cp "$(swift build -c release --package-path Benchmarks --show-bin-path)/http-target" "$work/http-target"
TESTBED_LIMIT_S=${TESTBED_LIMIT_S:-300} Tests/Testbed/testbed -- python3 "$PWD/Benchmarks/daemon/measure.py" "$work/heald" "$work/http-target"
