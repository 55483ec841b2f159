#!/usr/bin/env python3
"""What the daemon costs: start to READY with 1,000 components, idle CPU with 100 units, memory with 1,000 HTTP checks.
Runs inside the testbed.

usage: measure.py HEALD HTTP_TARGET
"""
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time

HEALD, TARGET = sys.argv[1], sys.argv[2]
TICKS = os.sysconf("SC_CLK_TCK")
failed = False


def row(name, value, unit, bar, digits=1):
    global failed
    met = value <= bar
    failed |= not met
    print(f"| {name} | {value:.{digits}f} {unit} | – | – | ≤ {bar} {unit} | {'met' if met else 'missed'} |", flush=True)


def write_policy(directory, components):
    shutil.rmtree(directory, ignore_errors=True)
    os.makedirs(directory, mode=0o755)
    with open(f"{directory}/bench.json", "w") as file:
        json.dump({"version": 1, "components": components}, file)


def start(policies, state):
    """Starts heald and returns it with the milliseconds until READY=1."""
    path = f"/run/notify-{time.monotonic_ns()}"
    notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
    notify.bind(path)
    notify.settimeout(30)
    log = open("/tmp/heald.log", "a")
    begin = time.monotonic()
    daemon = subprocess.Popen(
        [HEALD, "--policies", policies, "--state-dir", state, "--runtime-dir", "/run/heald-bench"],
        env=dict(os.environ, NOTIFY_SOCKET=path), stdout=log, stderr=log)
    while b"READY=1" not in notify.recv(65536):
        pass
    took = (time.monotonic() - begin) * 1000
    return daemon, took, notify


def stop(daemon):
    daemon.send_signal(signal.SIGTERM)
    daemon.wait(30)


def cpu(pid):
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def resident(pid):
    for line in open(f"/proc/{pid}/status"):
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0


def units(count):
    with open("/run/systemd/system/bench@.service", "w") as file:
        file.write("[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\n")
    subprocess.run(["systemctl", "daemon-reload"], check=True)
    for first in range(0, count, 100):
        names = [f"bench@{n}.service" for n in range(first, min(first + 100, count))]
        subprocess.run(["systemctl", "start", *names], check=True)


def unit_components(count):
    return {f"c{n}": {"unit": f"bench@{n}.service", "checks": {"unit": {"type": "unit"}}} for n in range(count)}


def main():
    os.makedirs("/run/systemd/system", exist_ok=True)
    units(1000)

    write_policy("/tmp/p1000", unit_components(1000))
    times = []
    for attempt in range(7):
        daemon, took, notify = start("/tmp/p1000", f"/tmp/state-{attempt}")
        times.append(took)
        time.sleep(0.5)
        stop(daemon)
    row("start to READY, 1,000 components (median of 7)", statistics.median(times), "ms", 300)

    write_policy("/tmp/p100", unit_components(100))
    daemon, _, notify = start("/tmp/p100", "/tmp/state-idle")
    time.sleep(5)
    before, begin = cpu(daemon.pid), time.monotonic()
    time.sleep(60)
    share = (cpu(daemon.pid) - before) / (time.monotonic() - begin) * 100
    print(f"resident with 100 unit checks: {resident(daemon.pid):.1f} MiB", file=sys.stderr)
    stop(daemon)
    row("idle CPU, 100 unit checks, over 60 s", share, "% of a core", 0.1, 3)

    target = subprocess.Popen([TARGET, "18100", "1000"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    target.stdout.readline()
    write_policy("/tmp/http", {
        f"h{n}": {"checks": {"http": {"type": "http", "interval": "1s",
                                      "url": f"http://127.1.{n // 250}.{1 + n % 250}:18100/"}},
                  "recovery": [{"action": "ALERT"}]} for n in range(1000)})
    daemon, _, notify = start("/tmp/http", "/tmp/state-http")
    time.sleep(20)
    before, begin = cpu(daemon.pid), time.monotonic()
    time.sleep(20)
    share = (cpu(daemon.pid) - before) / (time.monotonic() - begin)
    memory = resident(daemon.pid)
    stop(daemon)
    target.stdin.close()
    target.wait(10)
    row("resident, 1,000 HTTP checks each second", memory, "MiB", 40)
    print(f"| CPU of the whole daemon per HTTP check, 1,000 a second | {share * 1000:.0f} µs | – | – | – | – |")
    return 1 if failed else 0


sys.exit(main())
