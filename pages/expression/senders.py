"""Sends what is read, while it is read, to a program that listens: VMC over OSC, or Live Link Face. Off until asked for."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from typing import Any

from core.expression.rig import Values
from core.expression.streams import Turn, live_link_packet, vmc_datagrams
from training.spec import BadRequest

Pack = Callable[[Values, Turn], list[bytes]]
Address = tuple[Any, ...]


def _pack_live_link(values: Values, turn: Turn) -> list[bytes]:
    now = time.time()
    clock = time.localtime(now)
    return [live_link_packet(values, turn, clock.tm_hour * 3600 + clock.tm_min * 60 + clock.tm_sec + now % 1)]


KINDS: dict[str, tuple[int, Pack]] = {
    "vmc": (39539, vmc_datagrams),
    "live_link": (11111, _pack_live_link),
}
"""Way of sending -> the port at which programs usually listen, and what one moment becomes."""
HERE = "127.0.0.1"


class Sender:
    """One way to one address."""

    def __init__(self, kind: str, family: int, address: Address) -> None:
        self.address, self.count = address, 0
        self._pack = KINDS[kind][1]
        self._lock = threading.Lock()
        self._socket: socket.socket | None = socket.socket(family, socket.SOCK_DGRAM)
        self._socket.setblocking(False)

    def send(self, values: Values, turn: Turn) -> str:
        """One moment; a sentence where the network does not take it, else nothing."""
        with self._lock:
            if self._socket is None:
                return ""
            try:
                for datagram in self._pack(values, turn):
                    self._socket.sendto(datagram, self.address)
            except BlockingIOError:
                return ""  # the network is behind; a newer moment follows
            except OSError as error:
                reason = error.strerror or str(error)
                return f"Nothing can be sent to {self.address[0]} port {self.address[1]}: {reason}. Choose another address."
            self.count += 1
            return ""

    def close(self) -> None:
        """Give the socket back; nothing is sent after it."""
        with self._lock:
            if self._socket is not None:
                self._socket.close()
            self._socket = None


def open_sender(kind: str, host: str, port: object) -> Sender:
    """A way to an address that exists; a sentence where it does not."""
    if kind not in KINDS:
        raise BadRequest(f"There is no way of sending {kind!r}; there are {', '.join(KINDS)}.")
    host = host.strip() or HERE
    number = int(port) if isinstance(port, int | str) and str(port).isdecimal() else 0
    if not 0 < number < 65536:
        raise BadRequest(
            f"A port is a number from 1 to 65535, not {port!r}; {kind} usually listens at {KINDS[kind][0]}."
        )
    try:
        found = socket.getaddrinfo(host, number, type=socket.SOCK_DGRAM)
    except (OSError, UnicodeError) as error:
        raise BadRequest(
            f"There is no machine called {host!r} to send to. Give an address such as {HERE}, or a name that this network knows."
        ) from error
    family, _, _, _, address = min(found, key=lambda one: one[0] != socket.AF_INET)  # where both, listeners are at IPv4
    return Sender(kind, family, address)
