"""The places of the fault campaign: twins of a service, one supervised by heald, one left to systemd alone."""
import json
import os
import shutil
import socket
import subprocess

ROOT = "/srv/campaign"
SERVICE = f"{os.path.dirname(os.path.abspath(__file__))}/service.py"


def systemctl(*arguments):
    subprocess.run(["systemctl", *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


class Place:
    """One service and its files. `who` is heald or systemd."""

    def __init__(self, who, index):
        self.who, self.name = who, f"{who}-{index:02}"
        self.component = f"place-{index:02}"
        self.unit = f"campaign-{self.name}.service"
        self.port = (21000 if who == "heald" else 22000) + index
        self.home = f"{ROOT}/{self.name}"
        for release, text in (("v1", "works"), ("v2", "broken")):
            os.makedirs(f"{self.home}/releases/{release}")
            self.write(f"releases/{release}/release", text)
        self.write("settings", "")
        os.symlink("releases/v1", f"{self.home}/current")
        restart = "no" if who == "heald" else "always"
        with open(f"/run/systemd/system/{self.unit}", "w") as file:
            file.write(f"[Service]\nExecStart=/usr/bin/python3 {SERVICE} {self.port} {self.home}\n"
                       f"Restart={restart}\nTimeoutStopSec=2\n")

    def write(self, path, text):
        with open(f"{self.home}/{path}", "w") as file:
            file.write(text)

    def point_at(self, release):
        os.symlink(f"releases/{release}", f"{self.home}/next")
        os.replace(f"{self.home}/next", f"{self.home}/current")

    def signal(self, name):
        systemctl("kill", "--kill-whom=main", f"--signal={name}", self.unit)

    def is_up(self, timeout=0.4):
        """What a user of the service sees."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=timeout) as connection:
                connection.settimeout(timeout)
                connection.sendall(b"GET /campaign HTTP/1.1\r\nHost: a\r\n\r\n")
                return connection.recv(64).startswith(b"HTTP/1.1 200")
        except OSError:
            return False

    def answers_monitor(self):
        """One look of a monitor with the same timeout as heald's check."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=0.8) as connection:
                connection.settimeout(0.8)
                connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                return connection.recv(64).startswith(b"HTTP/1.1 200")
        except OSError:
            return False

    def repair_by_hand(self):
        """What a person does who has found out what it is."""
        self.write("settings", "")
        self.point_at("v1")
        shutil.rmtree(f"{self.home}/cache", ignore_errors=True)
        systemctl("reset-failed", self.unit)
        systemctl("restart", self.unit)

    def policy(self):
        return {
            "unit": self.unit,
            "startupGrace": "2s",
            "stable": "1s",
            "checks": {
                "unit": {"type": "unit"},
                "http": {"type": "http", "url": f"http://127.0.0.1:{self.port}/", "interval": "1s",
                         "timeout": "800ms", "fall": 3, "rise": 1},
            },
            "cache": {"paths": [f"{self.home}/cache"], "roots": [ROOT]},
            "release": {"current": f"{self.home}/current", "releases": f"{self.home}/releases", "goodAfter": "5s"},
            "recovery": [
                {"action": "RESTART", "attempts": 2, "backoff": {"initial": "500ms"}, "verify": "4s", "timeout": "8s"},
                {"action": "ROLLBACK", "when": {"releaseChangedWithin": "20s"}, "verify": "4s"},
                {"action": "CLEAR_CACHE", "verify": "4s"},
                {"action": "ALERT", "channels": ["pager"]},
            ],
            # What happens next to a place is a matter of its own, not the same trouble coming back.
            "rearm": "14s",
            "breaker": {"failures": 100, "window": "1s"},
        }


def write_policy(directory, places, pages):
    os.makedirs(directory, mode=0o755)
    policy = {
        "version": 1,
        # A year's faults in minutes: the guards against too many repairs are those of a year, too.
        "guards": {"maxActions": {"count": 2000, "per": "1h"}, "maxConcurrent": 20, "maxUnhealthy": "100%",
                   "flap": {"high": "100%"}},
        "components": {place.component: place.policy() for place in places},
        "channels": {"pager": {"type": "exec", "command": ["/bin/sh", "-c", f"tr '\\n' ' ' >>{pages}; echo >>{pages}"],
                               "groupWait": "0s", "on": ["healing_failed", "too_frequent", "latched", "frozen",
                                                         "unknown_too_long"]}},
    }
    with open(f"{directory}/campaign.json", "w") as file:
        json.dump(policy, file)
