"""A network that drops packets: a network namespace with one address, which can be taken away and given back.

While it is away the kernel on the other side drops what is sent there, without a word: no RST, no ICMP, as a cable
that is cut or a firewall that forgot. It needs root; `available()` says whether it can be made here.
"""

import contextlib
import functools
import os
import subprocess

NUMBER = os.getpid() % 16_384
"""So that test runs beside each other do not meet: a /30 of 198.18.0.0/16, which is for benchmarks of networks."""


def ip(*arguments, check=True):
    return subprocess.run(["ip", *arguments], check=check, capture_output=True, text=True).stdout


@functools.cache
def available():
    """Can a namespace be made, joined by a link, and entered?"""
    try:
        with Namespace() as namespace:
            subprocess.run([*namespace.within, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        return False
    return True


class Namespace:
    """One host at the other end of a cable, at `address`."""

    def __init__(self):
        self.name = f"precheck-{os.getpid()}"
        self._near, self._far = f"pcka{NUMBER}", f"pckb{NUMBER}"
        first = NUMBER * 4
        net = f"198.18.{first // 256}"
        self._here, self.address = f"{net}.{first % 256 + 1}", f"{net}.{first % 256 + 2}"
        self.within = ("ip", "netns", "exec", self.name)

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            ip("netns", "add", self.name)
            stack.callback(ip, "netns", "delete", self.name, check=False)
            ip("link", "add", self._near, "type", "veth", "peer", "name", self._far, "netns", self.name)
            stack.callback(ip, "link", "delete", self._near, check=False)
            ip("address", "add", f"{self._here}/30", "dev", self._near)
            ip("link", "set", self._near, "up")
            self.give()
            ip("-n", self.name, "link", "set", self._far, "up")
            # Else the sender would learn by ARP that nobody is there.
            there = ip("-n", self.name, "-brief", "link", "show", self._far).split()[2]
            ip("neighbour", "replace", self.address, "lladdr", there, "dev", self._near, "nud", "permanent")
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_):
        self._stack.close()

    def take(self):
        """Drop everything that is sent there from now on."""
        ip("-n", self.name, "address", "delete", f"{self.address}/30", "dev", self._far)

    def give(self):
        """Take in what is sent there again."""
        ip("-n", self.name, "address", "add", f"{self.address}/30", "dev", self._far)
