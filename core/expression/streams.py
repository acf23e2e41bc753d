"""Numbers as others' programs listen for them: OSC messages of the VMC protocol, and the packets of Live Link Face.

Bytes only; who sends them where is left to others.
"""

from __future__ import annotations

import math
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

Turn = tuple[float, float, float]
"""Yaw to their left, pitch up, roll to their left, degrees."""
BUNDLE_BYTES = 1400
"""A datagram of at most so many bytes passes any network whole."""
_PAIRS = {"JawLeft": "JawRight", "MouthLeft": "MouthRight"}
_SWAPPED = {**_PAIRS, **{other: one for one, other in _PAIRS.items()}}
STREAM_ORDER = tuple(_SWAPPED.get(name, name) for name in (*LIVE_LINK, *LIVE_LINK_HEADER[-9:]))
"""The 61 numbers of a Live Link Face packet: as in its recordings, but these two pairs stand the other way round."""
_COLUMNS = [(*LIVE_LINK, *LIVE_LINK_HEADER[-9:]).index(name) for name in STREAM_ORDER]
PACKET_VERSION, DEVICE, SUBJECT = 6, "4C494B45-4E45-5353-0000-000000000001", "Likeness"
"""The device's number is made up and the same everywhere: it tells nothing of the machine."""


def vmc_datagrams(controllers: Values, turn_degrees: Turn) -> list[bytes]:
    """A head and its expression: ``/VMC/Ext/OK``, ``/VMC/Ext/Bone/Pos`` of the bone ``Head`` (position 0, which moves
    nothing, then ``unity_quaternion`` of its turn), 52 ``/VMC/Ext/Blend/Val`` by ARKit's names, ``/VMC/Ext/Blend/Apply``;
    in bundles."""
    from pythonosc.osc_bundle_builder import IMMEDIATELY, OscBundleBuilder

    bundles, builder, size = [], OscBundleBuilder(IMMEDIATELY), 0
    for address, arguments in _vmc_messages(controllers, turn_degrees):
        message = _message(address, arguments)
        if size + message.size > BUNDLE_BYTES - 64:
            bundles.append(builder.build().dgram)
            builder, size = OscBundleBuilder(IMMEDIATELY), 0
        builder.add_content(message)
        size += message.size + 4
    return [*bundles, builder.build().dgram]


def unity_quaternion(turn_degrees: Turn) -> tuple[float, float, float, float]:
    """A head's turn (yaw to their left, pitch up, roll to their left) as Unity's x, y, z, w, local to the neck.

    Unity is left-handed: x to the character's own right, y up, z the way the face looks. Ours is right-handed with x to
    their left, so the picture of a rotation in that mirror: left is a negative angle about y, up a negative one about x,
    tilting left a positive one about z. First roll, then pitch, then yaw, as ``Quaternion.Euler`` and our heads do."""
    yaw, pitch, roll = (0.5 * math.radians(angle) for angle in turn_degrees)
    cy, sy, cp, sp, cr, sr = (
        math.cos(yaw), -math.sin(yaw), math.cos(pitch), -math.sin(pitch), math.cos(roll), math.sin(roll)
    )  # fmt: skip
    return (
        cy * sp * cr + sy * cp * sr,
        sy * cp * cr - cy * sp * sr,
        cy * cp * sr - sy * sp * cr,
        cy * cp * cr + sy * sp * sr,
    )


def _vmc_messages(controllers: Values, turn_degrees: Turn) -> Iterator[tuple[str, Sequence[str | int | float]]]:
    shapes = to_arkit(torch.from_numpy(np.asarray(controllers, np.float32)))
    yield "/VMC/Ext/OK", (1,)
    yield "/VMC/Ext/Bone/Pos", ("Head", 0.0, 0.0, 0.0, *unity_quaternion(turn_degrees))
    for name, value in zip(ARKIT_NAMES, shapes.tolist(), strict=True):
        yield "/VMC/Ext/Blend/Val", (name, value)
    yield "/VMC/Ext/Blend/Apply", ()


def _message(address: str, arguments: Sequence[str | int | float]) -> OscMessage:
    from pythonosc.osc_message_builder import OscMessageBuilder

    builder = OscMessageBuilder(address)
    for argument in arguments:
        builder.add_arg(argument)
    return builder.build()


def live_link_packet(controllers: Values, turn_degrees: Turn, seconds: float, frames_per_second: int = 60) -> bytes:
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
