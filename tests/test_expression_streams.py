"""What others' programs receive: real datagrams on this machine, decoded by their published layouts."""

from __future__ import annotations

import select
import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pythonosc.osc_message_builder import OscMessageBuilder
from pythonosc.osc_packet import OscPacket
from tiny_expression import draw_person, put_weights

from core.engine.controllers import ARKIT_NAMES, INDEX, NAMES, to_arkit
from core.expression.predict import Predictor
from core.expression.streams import STREAM_ORDER, live_link_packet, unity_quaternion, vmc_datagrams
from pages.expression.live import Desk
from pages.expression.senders import open_sender
from pages.expression.takes import pack
from studio.settings import Settings
from training.spec import BadRequest

POSE = np.random.default_rng(5).random(len(NAMES)).astype(np.float32)
TURN = (10.0, -5.0, 2.5)


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as heard:
        heard.bind(("127.0.0.1", 0))
        heard.settimeout(5)
        yield heard


@pytest.fixture(scope="module")
def predictor(tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    home = tmp_path_factory.mktemp("streams")
    put_weights(home)
    return Predictor.load((home / "weights", Settings().shipped / "weights"))


def arkit(values: np.ndarray) -> dict[str, float]:
    import torch

    return dict(zip(ARKIT_NAMES, to_arkit(torch.from_numpy(values)).tolist(), strict=True))


def hear(listener: socket.socket) -> list[bytes]:
    """What came, without waiting for more than came."""
    got = []
    while select.select([listener], [], [], 0)[0]:
        got.append(listener.recv(65536))
    return got


def read_vmc(datagrams: list[bytes]) -> list[tuple[str, list[Any]]]:
    return [(m.message.address, m.message.params) for data in datagrams for m in OscPacket(data).messages]


def read_live_link(packet: bytes) -> dict[str, Any]:
    """By the layout that receivers read: counts say how far each text goes, everything big-endian."""
    at = 1
    found: dict[str, Any] = {"version": packet[0]}
    for name in ("device", "subject"):
        (length,) = struct.unpack_from(">i", packet, at)
        found[name] = packet[at + 4 : at + 4 + length].decode()
        at += 4 + length
    found["frame"], found["rest"], found["rate"], found["over"] = struct.unpack_from(">ifii", packet, at)
    count = packet[at + 16]
    assert len(packet) == at + 17 + 4 * count
    return found | {"values": struct.unpack_from(f">{count}f", packet, at + 17)}


def test_an_osc_message_has_the_bytes_of_the_specifications_example() -> None:
    builder = OscMessageBuilder("/oscillator/4/frequency")
    builder.add_arg(440.0)
    wanted = b"/oscillator/4/frequency\x00,f\x00\x00\x43\xdc\x00\x00"  # OSC 1.0, examples
    assert builder.build().dgram == wanted


def test_vmc_carries_the_head_and_52_names_between_ok_and_apply_in_datagrams_that_pass_any_network() -> None:
    datagrams = vmc_datagrams(POSE, TURN)
    messages = read_vmc(datagrams)
    assert messages[0] == ("/VMC/Ext/OK", [1])
    assert messages[-1] == ("/VMC/Ext/Blend/Apply", [])
    assert messages[1][0] == "/VMC/Ext/Bone/Pos"
    assert messages[1][1][0] == "Head"
    assert messages[1][1][1:] == pytest.approx([0, 0, 0, *unity_quaternion(TURN)], abs=1e-6)
    assert all(address == "/VMC/Ext/Blend/Val" for address, _ in messages[2:-1])
    heard = {name: value for _, (name, value) in messages[2:-1]}
    assert heard == pytest.approx(arkit(POSE), abs=1e-6)
    assert max(map(len, datagrams)) <= 1400
    assert all(data.startswith(b"#bundle\0") for data in datagrams)


def as_matrix(quaternion: tuple[float, float, float, float]) -> np.ndarray:
    """By the formula that Unity, too, turns vectors with."""
    x, y, z, w = quaternion
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


def test_a_head_turns_in_unity_as_it_does_with_us_seen_in_a_mirror() -> None:
    import torch

    from core.engine.head import rotation

    mirror = np.diag([-1.0, 1.0, 1.0])  # our x is their left, Unity's their right
    for turn in np.random.default_rng(7).uniform(-80, 80, (24, 3)):
        ours = rotation(*torch.from_numpy(np.radians(turn))).numpy()
        assert as_matrix(unity_quaternion(tuple(turn))) == pytest.approx(mirror @ ours @ mirror, abs=1e-9)


def test_rest_is_identity_left_mirrors_right_and_each_angle_goes_the_way_unity_reads_it() -> None:
    assert unity_quaternion((0.0, 0.0, 0.0)) == (0.0, 0.0, 0.0, 1.0)
    for yaw, pitch, roll in ((30.0, 0.0, 0.0), (25.0, 10.0, 0.0), (-40.0, -20.0, 15.0)):
        left, right = unity_quaternion((yaw, pitch, roll)), unity_quaternion((-yaw, pitch, -roll))
        assert np.linalg.norm(left) == pytest.approx(1.0)
        assert (left[0], -left[1], -left[2], left[3]) == pytest.approx(right)
    ahead, up = np.array([0.0, 0.0, 1.0]), np.array([0.0, 1.0, 0.0])  # Unity's x is the character's right
    assert (as_matrix(unity_quaternion((30.0, 0.0, 0.0))) @ ahead)[0] == pytest.approx(-0.5)  # looks to their left
    assert (as_matrix(unity_quaternion((0.0, 30.0, 0.0))) @ ahead)[1] == pytest.approx(0.5)  # looks up
    assert (as_matrix(unity_quaternion((0.0, 0.0, 30.0))) @ up)[0] == pytest.approx(-0.5)  # tilts to their left


def test_a_vmc_receiver_hears_the_heads_turn() -> None:
    from pythonosc.dispatcher import Dispatcher
    from pythonosc.osc_server import BlockingOSCUDPServer

    bones: list[tuple[Any, ...]] = []
    dispatcher = Dispatcher()
    dispatcher.map("/VMC/Ext/Bone/Pos", lambda _, *heard: bones.append(heard))
    with BlockingOSCUDPServer(("127.0.0.1", 0), dispatcher) as server:
        server.timeout = 5
        sender = open_sender("vmc", "127.0.0.1", server.server_address[1])
        for turn in (TURN, (0.0, 0.0, 0.0)):
            assert sender.send(POSE, turn) == ""
            for _ in vmc_datagrams(POSE, turn):
                server.handle_request()
        sender.close()
    assert [bone[0] for bone in bones] == ["Head", "Head"]
    assert bones[0][1:] == pytest.approx((0, 0, 0, *unity_quaternion(TURN)), abs=1e-6)
    assert bones[1][1:] == (0, 0, 0, 0, 0, 0, 1)
    assert all(isinstance(value, float) for bone in bones for value in bone[1:])


def test_a_live_link_packet_is_read_back_by_name_with_left_before_right() -> None:
    found = read_live_link(live_link_packet(POSE, TURN, 3661.51))
    assert (found["version"], found["subject"], found["rate"], found["over"]) == (6, "Likeness", 60, 1)
    assert len(found["device"]) == 36
    assert (found["frame"] + found["rest"]) / 60 == pytest.approx(3661.51, abs=1e-3)
    assert STREAM_ORDER.index("JawLeft") == 15
    assert STREAM_ORDER.index("JawRight") == 16
    assert STREAM_ORDER.index("MouthLeft") + 1 == STREAM_ORDER.index("MouthRight")
    by_name = dict(zip(STREAM_ORDER, found["values"], strict=True))
    assert {name: by_name[name] for name in ARKIT_NAMES} == pytest.approx(arkit(POSE), abs=1e-6)
    assert np.degrees([by_name[f"Head{way}"] for way in ("Yaw", "Pitch", "Roll")]) == pytest.approx(TURN, abs=1e-3)


@pytest.mark.parametrize("controller", ["jaw_left", "jaw_right", "mouth_left", "mouth_right"])
def test_only_the_named_side_moves_in_the_stream(controller: str) -> None:
    values = np.zeros(len(NAMES), np.float32)
    values[INDEX[controller]] = 1.0
    found = dict(zip(STREAM_ORDER, read_live_link(live_link_packet(values, (0, 0, 0), 0.0))["values"], strict=True))
    assert {name for name, value in found.items() if value} == {controller.title().replace("_", "")}


def test_a_listener_gets_what_is_read_while_it_is_read_and_nothing_before_or_after(
    predictor: Predictor, listener: socket.socket
) -> None:
    person, black = pack(draw_person()), pack(np.zeros((192, 192, 3), np.uint8))
    desk = Desk(lambda _: predictor, threading.Lock())
    desk.change({"hand": {"jaw_left": 0.75}})
    desk.answer_frame(1, person, 0)
    assert hear(listener) == []  # off until asked for
    port = listener.getsockname()[1]
    told = desk.send_to({"kind": "live_link", "on": True, "host": "127.0.0.1", "port": port})
    assert told == {"kind": "live_link", "on": True, "address": ["127.0.0.1", port]}
    assert hear(listener) == []  # asking sends nothing by itself
    answer = desk.answer_frame(2, person, 0)
    assert b'"sent":{"live_link":1}' in answer
    (packet,) = hear(listener)
    found = dict(zip(STREAM_ORDER, read_live_link(packet)["values"], strict=True))
    assert found["JawLeft"] == pytest.approx(0.75)
    desk.answer_frame(3, black, 0)
    desk.answer_pose(4, [0.0] * len(NAMES), [0.0, 0.0, 0.0])
    assert hear(listener) == []  # nothing was read
    desk.send_to({"kind": "live_link", "on": False})
    desk.send_to({"kind": "vmc", "on": True, "host": "localhost", "port": str(port)})
    desk.answer_frame(5, person, 0)
    heard = {args[0]: args[1] for address, args in read_vmc(hear(listener)) if address.endswith("Val")}
    assert heard["JawLeft"] == pytest.approx(0.75)
    desk.close()
    desk.answer_frame(6, person, 0)
    assert hear(listener) == []


@pytest.mark.parametrize(
    ("kind", "host", "port", "said"),
    [
        ("vmc", "no such machine", 39539, "no machine called 'no such machine'"), ("vmc", "x" * 300, 39539, "no machine"),
        ("vmc", "127.0.0.1", 0, "1 to 65535"), ("vmc", "127.0.0.1", "70000", "39539"), ("live_link", "", None, "11111"),
        ("fax", "127.0.0.1", 11111, "vmc, live_link"),
    ],
)  # fmt: skip
def test_an_address_that_cannot_be_is_a_sentence(kind: str, host: str, port: object, said: str) -> None:
    with pytest.raises(BadRequest, match=said):
        open_sender(kind, host, port)


def test_a_network_that_refuses_is_told_and_the_live_path_goes_on(predictor: Predictor, tmp_path: Path) -> None:
    desk = Desk(lambda _: predictor, threading.Lock())
    desk.send_to({"kind": "vmc", "on": True, "host": "255.255.255.255", "port": 39539})  # broadcasting is not allowed
    answer = desk.answer_frame(1, pack(draw_person()), 0)
    assert b"Nothing can be sent to 255.255.255.255 port 39539" in answer
    assert b'"state":"ok"' in answer
    desk.close()
