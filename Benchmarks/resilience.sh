#!/bin/bash
# What the protections of Resilience cost a call that succeeds, each beside its peer in the same run.
#
#   Benchmarks/resilience.sh [calls]
#
# Prints a table line per figure: figure, here, peer, ratio, bar, met or missed. Exit: 0 if every bar is met, else 1.
set -euo pipefail
cd "$(dirname "$0")"
swift build -c release --product resilience-calls >&2
echo "| figure | here | peer | ratio | bar | |"
echo "|---|---|---|---|---|---|"
"$(swift build -c release --show-bin-path)/resilience-calls" "${1:-200000}"
