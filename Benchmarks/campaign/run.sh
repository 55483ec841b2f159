#!/bin/bash
# Faults and blips against services that heald supervises, beside twins that systemd alone restarts: what is healed
# without a person, how fast, and what was done or told without need.
# usage: Benchmarks/campaign/run.sh [EVENTS]     needs: a release build, python3, root; takes EVENTS seconds and 90 more
#   CONFIGURATION=debug   measure the debug build
set -euo pipefail
cd "$(dirname "$0")/../.."
work=$(mktemp -d /var/tmp/heald-campaign.XXXXXX)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
mkdir "$work/state"
for program in heald healctl; do cp ".build/${CONFIGURATION:-release}/$program" "$work/"; done
TESTBED_LIMIT_S=$((${1:-240} + 300)) Tests/Testbed/testbed --bind "$work/state" -- \
  python3 "$PWD/Benchmarks/campaign/campaign.py" "${1:-240}" "$work/heald" "$work/healctl" "$work/state"
