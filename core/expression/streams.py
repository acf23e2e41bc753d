"""Numbers as others' programs listen for them: OSC messages of the VMC protocol, and the packets of Live Link Face.

Bytes only; who sends them where is left to others.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from core.engine.controllers import ARKIT_NAMES, to_arkit
from core.expression.rig import Values
from core.expression.tracks import LIVE_LINK, LIVE_LINK_HEADER, live_link_values

if TYPE_CHECKING:
    from pythonosc.osc_message import OscMessage

BUNDLE_BYTES = 1400
"""A datagram of at most so many bytes passes any network whole."""
_PAIRS = {"JawLeft": "JawRight", "MouthLeft": "MouthRight"}
_SWAPPED = {**_PAIRS, **{other: one for one, other in _PAIRS.items()}}
STREAM_ORDER = tuple(_SWAPPED.get(name, name) for name in (*LIVE_LINK, *LIVE_LINK_HEADER[-9:]))
"""The 61 numbers of a Live Link Face packet: as in its recordings, but these two pairs stand the other way round."""
_COLUMNS = [(*LIVE_LINK, *LIVE_LINK_HEADER[-9:]).index(name) for name in STREAM_ORDER]
PACKET_VERSION, DEVICE, SUBJECT = 6, "4C494B45-4E45-5353-0000-000000000001", "Likeness"
"""The device's number is made up and the same everywhere: it tells nothing of the machine."""


def vmc_datagrams(controllers: Values) -> list[bytes]:
    """Controllers as ARKit's 52 names: ``/VMC/Ext/OK``, 52 ``/VMC/Ext/Blend/Val``, ``/VMC/Ext/Blend/Apply``, in bundles."""
    from pythonosc.osc_bundle_builder import IMMEDIATELY, OscBundleBuilder

    bundles, builder, size = [], OscBundleBuilder(IMMEDIATELY), 0
    for address, arguments in _vmc_messages(controllers):
        message = _message(address, arguments)
        if size + message.size > BUNDLE_BYTES - 64:
            bundles.append(builder.build().dgram)
            builder, size = OscBundleBuilder(IMMEDIATELY), 0
        builder.add_content(message)
        size += message.size + 4
    return [*bundles, builder.build().dgram]


def _vmc_messages(controllers: Values) -> Iterator[tuple[str, Sequence[str | int | float]]]:
    shapes = to_arkit(torch.from_numpy(np.asarray(controllers, np.float32)))
    yield "/VMC/Ext/OK", (1,)
    for name, value in zip(ARKIT_NAMES, shapes.tolist(), strict=True):
        yield "/VMC/Ext/Blend/Val", (name, value)
    yield "/VMC/Ext/Blend/Apply", ()


def _message(address: str, arguments: Sequence[str | int | float]) -> OscMessage:
    from pythonosc.osc_message_builder import OscMessageBuilder

    builder = OscMessageBuilder(address)
    for argument in arguments:
        builder.add_arg(argument)
    return builder.build()


def live_link_packet(
    controllers: Values, turn_degrees: tuple[float, float, float], seconds: float, frames_per_second: int = 60
) -> bytes:
    """One packet: version, device, subject, frame time, how many numbers, the numbers; big-endian, angles in radians.

    ``seconds``: since midnight, as the app's time codes count."""
    turns = np.asarray([turn_degrees], np.float32)
    row = live_link_values(np.asarray(controllers, np.float32)[None], turns)[0, _COLUMNS]
    frame = int(seconds * frames_per_second)
    rest = seconds * frames_per_second - frame
    return b"".join(
        (
            struct.pack(">B", PACKET_VERSION), _text(DEVICE), _text(SUBJECT),
            struct.pack(">ifii", frame, rest, frames_per_second, 1),
            struct.pack(">B", len(row)), row.astype(">f4").tobytes(),
        )
    )  # fmt: skip


def _text(words: str) -> bytes:
    held = words.encode()
    return struct.pack(">i", len(held)) + held
