#!/usr/bin/env python3
"""A campaign of faults against services that heald supervises and against twins that are left to systemd alone.

usage: campaign.py EVENTS HEALD HEALCTL STATE_DIRECTORY     runs inside the testbed

Once a second something happens to one of the places, at the same time to both twins: a fault that takes it down, or a
blip that is no outage. What is injected is the truth that heald's incidents, actions and pages are compared with.
"""
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from datetime import datetime

from places import ROOT, Place, systemctl, write_policy

EVENTS, HEALD, HEALCTL, STATE = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]
PLACES = 24
QUIET = 16          # s that a place has been well before something happens to it again
PERSON = 60         # s after which a person has repaired what nobody else has
POLICIES, RUNTIME, PAGES = "/tmp/policies", "/run/heald", "/tmp/pages"

# What takes a service down, how often, and whether heald has a remedy in this policy.
FAULTS = {
    "killed": (30, lambda place: place.signal("SIGKILL")),
    "crashed": (10, lambda place: place.signal("SIGSEGV")),
    "hangs": (15, lambda place: place.signal("SIGSTOP")),
    "answers errors": (20, lambda place: place.signal("SIGUSR1")),
    "bad release": (10, lambda place: (place.point_at("v2"), systemctl("restart", place.unit))),
    "broken cache": (10, lambda place: place.write("cache/index", "broken")),
    "settings lost": (5, lambda place: (os.remove(f"{place.home}/settings"), place.signal("SIGKILL"))),
}
# What is no outage, and is not to be repaired or told to anybody.
BLIPS = {
    "one connection dropped": (30, lambda place: place.signal("SIGUSR2")),
    "one answer late": (30, lambda place: place.signal("SIGHUP")),
    "operator restarts": (15, lambda place: systemctl("restart", place.unit)),
    "operator stops and starts": (15, lambda place: (systemctl("stop", place.unit), time.sleep(4),
                                                     systemctl("start", place.unit))),
    "daemon-reload": (5, lambda place: systemctl("daemon-reload")),
    "burst of load": (5, lambda place: subprocess.run(
        ["timeout", "2", "sh", "-c", "for i in 1 2 3 4; do while :; do :; done & done; wait"])),
}


class Outage:
    def __init__(self, kind, began):
        self.kind, self.began, self.ended, self.by_hand = kind, began, None, False


class Twin:
    """A place and what has happened to it."""

    def __init__(self, place):
        self.place, self.outages, self.planned, self.busy_until = place, [], [], 0.0

    def suffer(self, kind):
        outage = Outage(kind, time.time())
        self.outages.append(outage)
        FAULTS[kind][1](self.place)
        # Down is what a user sees: it begins with the fault and ends with the second good answer in a row.
        good = 0
        while good < 2:
            if time.time() - outage.began > PERSON and not outage.by_hand:
                outage.by_hand = True
                self.place.repair_by_hand()
            up = self.place.is_up()
            # A fault that its own program has not noticed yet is none that a user has seen the end of.
            good = good + 1 if up and time.time() - outage.began > 0.2 else 0
            time.sleep(0.05)
        outage.ended = time.time()

    def blip(self, kind):
        began = time.time()
        BLIPS[kind][1](self.place)
        self.planned.append((kind, began, time.time()))


class Monitor(threading.Thread):
    """What a monitor without thresholds would page: the first bad answer of each row of bad ones."""

    def __init__(self, twin):
        super().__init__(daemon=True)
        self.twin, self.pages, self.end = twin, [], False

    def run(self):
        was_up = True
        while not self.end:
            up = self.twin.place.answers_monitor()
            if was_up and not up:
                self.pages.append(time.time())
            was_up = up
            time.sleep(1)


class Footprint(threading.Thread):
    """What heald itself takes, each ten minutes: a leak shows in a long campaign."""

    def __init__(self, process):
        super().__init__(daemon=True)
        self.process = process

    def run(self):
        while self.process.poll() is None:
            self.tell()
            time.sleep(600)

    def tell(self):
        status = dict(line.split(":", 1) for line in open(f"/proc/{self.process.pid}/status"))
        descriptors = len(os.listdir(f"/proc/{self.process.pid}/fd"))
        print(f"heald: resident {int(status['VmRSS'].split()[0]) / 1024:.1f} MiB, private "
              f"{int(status['RssAnon'].split()[0]) / 1024:.1f} MiB, threads {status['Threads'].strip()}, "
              f"descriptors {descriptors}", file=sys.stderr, flush=True)


def draw(table, dice):
    kinds = list(table)
    return dice.choices(kinds, [table[kind][0] for kind in kinds])[0]


def run_events(pairs):
    """One event a second, at the same time to both twins of a pair. What it is, is the same in every run."""
    dice, threads = random.Random(20), []
    for number in range(EVENTS):
        table = FAULTS if number % 2 == 0 else BLIPS
        kind = draw(table, dice)
        now = time.time()
        free = [pair for pair in pairs if all(twin.busy_until <= now for twin in pair)]
        if not free:
            time.sleep(1)
            continue
        pair = dice.choice(free)

        def happen(twin):
            twin.busy_until = float("inf")
            (twin.suffer if table is FAULTS else twin.blip)(kind)
            twin.busy_until = time.time() + QUIET

        for twin in pair:
            twin.busy_until = float("inf")
            threads.append(threading.Thread(target=happen, args=(twin,)))
            threads[-1].start()
        time.sleep(1)
    for thread in threads:
        thread.join(PERSON + 30)
    time.sleep(6)


def seconds(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() if text else None


def incidents():
    out = subprocess.run([HEALCTL, "incidents", "--json", "--limit", "100000", "--state-dir", STATE],
                         check=True, capture_output=True, text=True).stdout
    listed = json.loads(out)
    return listed["incidents"] if isinstance(listed, dict) else listed


def story(identifier):
    return subprocess.run([HEALCTL, "incidents", "show", str(identifier), "--state-dir", STATE],
                          check=True, capture_output=True, text=True).stdout


def within(moment, outage, slack=1.0):
    return outage.began - slack <= moment <= (outage.ended or time.time()) + slack + 5


def judge(subjects):
    """heald's incidents, those without a fault, what it did for them, and how long each fault took to be seen."""
    seen = incidents()
    by_component = {twin.place.component: twin for twin in subjects}
    false_incidents, false_actions, detected = [], [], []
    for incident in seen:
        twin = by_component[incident["component"]]
        failed = seconds(incident["failedAt"])
        cause = next((outage for outage in twin.outages if within(failed, outage)), None)
        if cause is None:
            false_incidents.append(incident)
            false_actions += [a for a in incident["actions"] if a["action"] != "ALERT" and a["result"] != "skipped"]
        else:
            detected.append((cause, seconds(incident["detectedAt"]) - cause.began))
    return seen, false_incidents, false_actions, detected


def mean(values):
    return sum(values) / len(values) if values else float("nan")


def quantile(values, share):
    return sorted(values)[min(len(values) - 1, int(share * len(values)))] if values else float("nan")


def pages_of_heald():
    try:
        return [line for line in open(PAGES) if line.strip()]
    except FileNotFoundError:
        return []


def tell_by_kind(outages):
    for kind in FAULTS:
        rows = {who: [o for o in all_of if o.kind == kind] for who, all_of in outages.items()}
        if not rows["heald"]:
            continue
        print(f"{kind:16} n={len(rows['heald'])} " + " ".join(
            f"{who}: healed={sum(not o.by_hand for o in of)} mean={mean([o.ended - o.began for o in of]):.2f}s"
            for who, of in rows.items()), file=sys.stderr)


def tell_what_went_wrong(subjects, seen, false_incidents):
    for incident in false_incidents:
        print("No fault, but:\n" + story(incident["id"]), file=sys.stderr)
    for twin in subjects:
        for outage in (o for o in twin.outages if o.by_hand and o.kind != "settings lost"):
            print(f"Not healed: {outage.kind} at {twin.place.component}", file=sys.stderr)
            for incident in seen:
                if incident["component"] == twin.place.component and within(seconds(incident["failedAt"]), outage):
                    print(story(incident["id"]), file=sys.stderr)


def report(pairs, monitors, lasted):
    subjects, peers = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    seen, false_incidents, false_actions, detected = judge(subjects)
    outages = {who: [o for twin in twins for o in twin.outages] for who, twins in (("heald", subjects), ("systemd", peers))}
    blips = sum(len(twin.planned) for twin in subjects)
    tell_by_kind(outages)
    tell_what_went_wrong(subjects, seen, false_incidents)
    healed = {who: sum(not o.by_hand for o in of) / len(of) for who, of in outages.items()}
    mttr = {who: mean([o.ended - o.began for o in of]) for who, of in outages.items()}
    available = {who: 1 - sum(o.ended - o.began for o in of) / (PLACES * lasted) for who, of in outages.items()}
    needed = sum(o.by_hand for o in outages["systemd"])
    pages, naive = pages_of_heald(), sum(len(m.pages) for m in monitors)
    needed_heald = sum(o.by_hand for o in outages["heald"])
    useless, useless_naive = max(0, len(pages) - needed_heald), max(0, naive - needed)
    faults = len(outages["heald"])
    delays = [delay for _, delay in detected]
    missed = faults - len({id(cause) for cause, _ in detected})
    bar = lambda met: "met" if met else "MISSED"
    print(f"{faults} faults, {blips} blips, {PLACES} services, {lasted:.0f} s; incidents {len(seen)}, "
          f"faults without one {missed}, actions on healthy services {len(false_actions)}; pages {len(pages)}, needed "
          f"{needed_heald}; monitor's pages {naive}, needed {needed}; detection p50 {quantile(delays, .5):.2f} s, "
          f"max {max(delays):.2f} s", file=sys.stderr)
    share_false = len(false_incidents) / max(1, len(seen))
    rows = [
        ("faults healed without a person", f"{healed['heald']:.1%}", f"systemd Restart=always {healed['systemd']:.1%}",
         "–", "≥ 85 %", healed["heald"] >= 0.85),
        ("false positives (incidents without a fault)", f"{share_false:.1%}", "–", "–", "< 1 %", share_false < 0.01),
        ("mean time to recover", f"{mttr['heald']:.2f} s", f"systemd Restart=always {mttr['systemd']:.2f} s",
         f"{mttr['heald'] / mttr['systemd']:.2f} ×", "≤ 0.4 ×", mttr["heald"] <= 0.4 * mttr["systemd"]),
        ("pages that nobody needed", f"{useless}", f"a page for each first bad answer {useless_naive}",
         f"{useless / max(1, useless_naive):.2f} ×", "≤ 0.02 ×", useless <= 0.02 * useless_naive),
        ("availability under this campaign", f"{available['heald']:.2%}",
         f"systemd Restart=always {available['systemd']:.2%}", "–", "–", True),
        ("detection of any fault, p95", f"{quantile(delays, .95):.2f} s", "–", "–", "< 5 s", quantile(delays, .95) < 5),
    ]
    for name, ours, peer, ratio, limit, met in rows:
        print(f"| {name} | {ours} | {peer} | {ratio} | {limit} | {bar(met) if limit != '–' else ''} |")
    return 0 if all(met for *_, met in rows) and missed == 0 else 1


def main():
    os.makedirs("/run/systemd/system", exist_ok=True)
    os.makedirs(ROOT)
    pairs = [tuple(Twin(Place(who, index)) for who in ("heald", "systemd")) for index in range(PLACES)]
    systemctl("daemon-reload")
    systemctl("start", *[twin.place.unit for pair in pairs for twin in pair])
    write_policy(POLICIES, [pair[0].place for pair in pairs], PAGES)
    log = open("/tmp/heald.log", "w")
    daemon = subprocess.Popen([HEALD, "--policies", POLICIES, "--state-dir", STATE, "--runtime-dir", RUNTIME],
                              stdout=log, stderr=log)
    time.sleep(8)  # releases are known as good after five seconds
    if daemon.poll() is not None:
        sys.exit("heald did not start:\n" + open("/tmp/heald.log").read())
    footprint = Footprint(daemon)
    footprint.start()
    monitors = [Monitor(pair[1]) for pair in pairs]
    for monitor in monitors:
        monitor.start()
    began = time.time()
    run_events(pairs)
    lasted = time.time() - began
    footprint.tell()
    daemon.send_signal(signal.SIGTERM)
    daemon.wait(10)
    return report(pairs, monitors, lasted)


sys.exit(main())
