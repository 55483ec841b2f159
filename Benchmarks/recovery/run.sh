#!/bin/bash
# How long a killed service is away: heald beside systemd's own Restart=always, in one run.
# usage: Benchmarks/recovery/run.sh [KILLS]     needs: a release build, gcc, python3, root
set -euo pipefail
cd "$(dirname "$0")/../.."
work=$(mktemp -d /var/tmp/heald-bench.XXXXXX)
trap 'rm -rf "$work"' EXIT
gcc -O2 -o "$work/victim" Benchmarks/recovery/victim.c
cp .build/release/heald "$work/heald"
chmod 755 "$work"
# On a disk: the testbed's own directories are memory, and a commit there costs nothing.
mkdir "$work/state"
TESTBED_LIMIT_S=${TESTBED_LIMIT_S:-300} Tests/Testbed/testbed --bind "$work/state" -- python3 "$PWD/Benchmarks/recovery/measure.py" "${1:-200}" "$work/victim" "$work/heald"
