#!/usr/bin/env python3
"""Milliseconds from SIGKILL of a service to its next start, by who brings it back. Runs inside the testbed.

usage: measure.py KILLS VICTIM HEALD

Two units run the same program: one has Restart=always with RestartSec=0 (systemd alone), the other has Restart=no and
is supervised by heald. They are killed in turn, so that both meet the same noise of the machine.
"""
import json
import os
import signal
import subprocess
import sys
import time

KILLS, VICTIM, HEALD = int(sys.argv[1]), sys.argv[2], sys.argv[3]
UNITS = {"systemd": "peer", "heald": "subject"}


def starts(unit):
    try:
        lines = open(f"/tmp/{unit}.starts").read().splitlines(keepends=True)
    except FileNotFoundError:
        return []
    return [tuple(map(int, line.split())) for line in lines if line.endswith("\n")]


def wait_for_start(unit, count, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        seen = starts(unit)
        if len(seen) >= count:
            return seen[count - 1]
        time.sleep(0.0005)
    return None


def write_unit(unit, restart):
    with open(f"/run/systemd/system/{unit}.service", "w") as file:
        file.write(f"[Unit]\nStartLimitIntervalSec=0\n[Service]\nExecStart={VICTIM} /tmp/{unit}.starts\n"
                   f"Restart={restart}\nRestartSec=0\n")


def write_policy(directory):
    os.makedirs(directory, mode=0o755)
    policy = {
        "version": 1,
        "components": {
            "subject": {
                "unit": "subject.service",
                "stable": "0s",
                "checks": {"unit": {"type": "unit"}},
                "breaker": {"failures": 100, "window": "1s"},
                "recovery": [{"action": "RESTART", "attempts": "unlimited", "backoff": {"initial": "0s"}}],
            }
        },
        "guards": {"maxActions": {"count": 1000, "per": "1s"}, "flap": {"high": "100%"}},
    }
    with open(f"{directory}/bench.json", "w") as file:
        json.dump(policy, file)


def quantile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(share * len(values)))]


def main():
    os.makedirs("/run/systemd/system", exist_ok=True)
    write_unit("peer", "always")
    write_unit("subject", "no")
    subprocess.run(["systemctl", "daemon-reload"], check=True)
    subprocess.run(["systemctl", "start", "peer", "subject"], check=True)
    write_policy("/tmp/policies")
    log = open("/tmp/heald.log", "w")
    daemon = subprocess.Popen(
        [HEALD, "--policies", "/tmp/policies", "--state-dir", f"{os.path.dirname(HEALD)}/state", "--runtime-dir", "/run/heald"],
        stdout=log, stderr=log)
    time.sleep(2)
    if daemon.poll() is not None:
        sys.exit("heald did not start:\n" + open("/tmp/heald.log").read())
    taken, lost = {who: [] for who in UNITS}, {who: 0 for who in UNITS}
    for round in range(KILLS):
        for who, unit in UNITS.items():
            before = starts(unit)
            killed = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
            os.kill(before[-1][1], signal.SIGKILL)
            started = wait_for_start(unit, len(before) + 1, 10)
            if started is None:
                lost[who] += 1
                if lost[who] > 3:
                    sys.exit(f"{who} has lost four: given up\n" + open("/tmp/heald.log").read()[-4000:])
                subprocess.run(["systemctl", "restart", unit])
            else:
                taken[who].append((started[0] - killed) / 1e6)
            time.sleep(0.08 + 0.011 * (round % 7))
    twice = {who: len(starts(unit)) - 1 - KILLS for who, unit in UNITS.items()}
    daemon.send_signal(signal.SIGTERM)
    daemon.wait(10)
    for who, values in taken.items():
        print(f"{who:8} n={len(values)} lost={lost[who]} extra_starts={twice[who]} min={min(values):.2f} "
              f"p50={quantile(values, .5):.2f} p95={quantile(values, .95):.2f} max={max(values):.2f} ms")
    p50 = quantile(taken["heald"], .5) / quantile(taken["systemd"], .5)
    p95 = quantile(taken["heald"], .95) / quantile(taken["systemd"], .95)
    for name, ratio, bar in (("p50", p50, 1.25), ("p95", p95, 1.5)):
        print(f"| SIGKILL → next start, {name} | {quantile(taken['heald'], .5 if name == 'p50' else .95):.2f} ms | "
              f"systemd Restart=always {quantile(taken['systemd'], .5 if name == 'p50' else .95):.2f} ms | "
              f"{ratio:.2f} × | ≤ {bar} × | {'met' if ratio <= bar else 'MISSED'} |")
    if lost["heald"]:
        print(open("/tmp/heald.log").read()[-4000:], file=sys.stderr)
        return 1
    return 0


sys.exit(main())
