#!/bin/bash
# One HTTP check on a fresh connection: heald's prober beside an epoll loop in C, in the same run.
#
#   Benchmarks/http-probe.sh [rounds]
#
# Prints a table line per figure: figure, heald, peer, ratio, bar, met or missed. Exit: 0 if every bar is met, else 1.
set -euo pipefail
cd "$(dirname "$0")"
rounds=${1:-5} port=18100 addresses=1000 checks=40000 in_flight=64 per_second=1000
swift build -c release -j 2 >&2
bin=$(swift build -c release --show-bin-path)
results=$(mktemp -d)
trap 'rm -rf "$results"; [[ -n ${target_in:-} ]] && exec {target_in}>&-; wait' EXIT

coproc target { "$bin/http-target" "$port" "$addresses"; }
target_in=${target[1]}
read -r -t 10 ready <&"${target[0]}"
[[ $ready == ready ]]

for ((round = 0; round < rounds; round++)); do
    for who in peer probe; do
        "$bin/http-$who" "$port" "$addresses" closed "$in_flight" "$checks" >>"$results/closed-$who"
        "$bin/http-$who" "$port" "$addresses" open "$per_second" 5000 >>"$results/open-$who"
    done
done

median() { sort -n -k "$2" "$results/$1" | awk -v column="$2" '{ v[NR] = $column } END { print v[int((NR + 1) / 2)] }'; }
failures=$(awk '{ sum += $2 } END { print sum }' "$results"/*)
status=0
line() { # figure, ours, peer, unit, ratio bar
    awk -v f="$1" -v a="$2" -v b="$3" -v u="$4" -v bar="$5" 'BEGIN {
        r = a / b; ok = r <= bar
        printf "| %s | %s %s | %s %s | %.2f | <= %s | %s |\n", f, a, u, b, u, r, bar, ok ? "met" : "missed"
        exit !ok }' || status=1
}
echo "| figure | heald | peer (epoll loop in C) | ratio | bar | |"
echo "|---|---|---|---|---|---|"
line "CPU per HTTP check, $in_flight in flight" "$(median closed-probe 3)" "$(median closed-peer 3)" µs 2
line "CPU per HTTP check, $per_second/s over $addresses targets" "$(median open-probe 3)" "$(median open-peer 3)" µs 2
# An interval of the fastest check, 250 ms, is what a hundred hung endpoints must not cost.
read -r alone alone_max <<<"$("$bin/http-probe" hung 0 200)"
read -r beside beside_max <<<"$("$bin/http-probe" hung 100 200)"
met=$(awk -v a="$alone_max" -v b="$beside_max" 'BEGIN { print b - a < 250 ? "met" : "missed" }')
[[ $met == met ]] || status=1
printf '| a dead endpoint beside 100 hung ones (p50, max of 200; peer: beside none) | %.2f, %.2f ms | %.2f, %.2f ms | - | < 250 ms more | %s |\n' \
    "$beside" "$beside_max" "$alone" "$alone_max" "$met"
resident=$(sort -n -k 5 "$results/open-probe" | tail -1 | awk '{ printf "%.1f", $5 / 1024 }')
peer_resident=$(sort -n -k 5 "$results/open-peer" | tail -1 | awk '{ printf "%.1f", $5 / 1024 }')
met=$(awk -v r="$resident" 'BEGIN { print r <= 40 ? "met" : "missed" }')
[[ $met == met ]] || status=1
echo "| resident with $addresses checks | $resident MiB | $peer_resident MiB | - | <= 40 MiB | $met |"
echo "| checks a second, $in_flight in flight | $(median closed-probe 4) | $(median closed-peer 4) | - | - | |"
[[ $failures == 0 ]] || { echo "$failures checks failed: the figures are void" >&2; status=1; }
exit $status
