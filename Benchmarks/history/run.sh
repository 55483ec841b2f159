#!/bin/bash
# How long healctl takes to answer over a long history, as a whole process.
# usage: Benchmarks/history/run.sh [INCIDENTS]     needs: a release build of healctl
set -euo pipefail
cd "$(dirname "$0")/../.."
incidents=${1:-1000000}
swift build -c release --package-path Benchmarks --product long-history >&2
work=$(mktemp -d /var/tmp/heald-history.XXXXXX)
trap 'rm -rf "$work"' EXIT
"$(swift build -c release --package-path Benchmarks --show-bin-path)/long-history" "$work" "$incidents"

# Milliseconds of each of 21 runs, the median last.
median() {
  for _ in $(seq 21); do
    begin=$(date +%s%N)
    "$@" >/dev/null
    echo $((($(date +%s%N) - begin) / 10000))
  done | sort -n | sed -n 11p | awk '{ printf "%.1f", $1 / 100 }'
}
status=0
row() { # NAME COMMAND...
  local name=$1 took; shift
  took=$(median "$@")
  verdict=$(awk -v t="$took" 'BEGIN { print t <= 100 ? "met" : "missed" }')
  [ "$verdict" = met ] || status=1
  echo "| \`$name\` over $incidents incidents | $took ms | – | – | ≤ 100 ms | $verdict |"
}
healctl=.build/release/healctl
row "healctl incidents --limit 50" "$healctl" incidents --limit 50 --state-dir "$work"
row "healctl incidents --since 400d --limit 50" "$healctl" incidents --since 400d --limit 50 --state-dir "$work"
row "healctl stats" "$healctl" stats --state-dir "$work"
row "healctl stats --since 400d" "$healctl" stats --since 400d --state-dir "$work"
exit $status
