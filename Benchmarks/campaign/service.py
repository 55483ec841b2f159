#!/usr/bin/env python3
"""A small HTTP service that can be made to fail in many ways. One for each place of the fault campaign.

usage: service.py PORT HOME

HOME/current/release says whether the release works, HOME/settings has to exist, HOME/cache/index must not be broken.
SIGUSR1: answers 500 until it is started again. SIGUSR2: drops one connection. SIGHUP: answers one request late.
"""
import os
import signal
import socket
import sys
import time

PORT, HOME = int(sys.argv[1]), sys.argv[2]
mood = {"sick": False, "drop": 0, "late": 0}


def set_mood(name, value):
    return lambda *_: mood.update({name: value})


def answer():
    if mood["sick"]:
        return "500 Internal Server Error"
    try:
        broken = open(f"{HOME}/cache/index").read() == "broken"
    except FileNotFoundError:
        broken = False
    return "500 Internal Server Error" if broken else "200 OK"


def main():
    open(f"{HOME}/settings").close()
    if open(f"{HOME}/current/release").read() != "works":
        sys.exit("this release does not work")
    os.makedirs(f"{HOME}/cache", exist_ok=True)
    signal.signal(signal.SIGUSR1, set_mood("sick", True))
    signal.signal(signal.SIGUSR2, set_mood("drop", 1))
    signal.signal(signal.SIGHUP, set_mood("late", 1))
    listener = socket.create_server(("127.0.0.1", PORT), backlog=64)
    while True:
        client, _ = listener.accept()
        with client:
            client.settimeout(1)
            try:
                asked_by_heald = b"campaign" not in client.recv(4096)
                # A blip is for those who watch; the campaign's own look at the truth is not to use it up.
                if asked_by_heald and mood["drop"]:
                    mood["drop"] = 0
                    continue
                if asked_by_heald and mood["late"]:
                    mood["late"] = 0
                    time.sleep(1.5)
                client.sendall(f"HTTP/1.1 {answer()}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
            except OSError:
                pass


main()
