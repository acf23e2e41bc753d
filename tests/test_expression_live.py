"""The live desk: what one connection answers, keeps to itself and refuses; and its addresses behind the guard."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from served import wait_until
from starlette.websockets import WebSocketDisconnect
from tiny_expression import draw_person, put_weights

from core.engine.controllers import INDEX, NAMES
from core.expression import tracks
from core.expression.performance import perform
from core.expression.predict import Predictor
from core.image import NotAPicture
from pages.expression import PAGE, addresses, handlers, meshes
from pages.expression.addresses import ROOT, Slot, attach
from pages.expression.live import NEUTRAL_READINGS, Desk, read_frame, read_wanted
from pages.expression.stream import on_stream
from pages.expression.takes import pack
from studio.guard import Guard
from studio.language import speak
from studio.services import Services
from studio.settings import Settings
from training.spec import BadRequest

SOCKET = f"ws://127.0.0.1{ROOT}"
BLACK = pack(np.zeros((192, 192, 3), np.uint8))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("live")
    put_weights(folder)
    return folder


@pytest.fixture(scope="module")
def predictor(home: Path) -> Predictor:
    return Predictor.load((home / "weights", Settings().shipped / "weights"))


@pytest.fixture(scope="module")
def person() -> bytes:
    return pack(draw_person())


@pytest.fixture
def services(home: Path, predictor: Predictor, monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    monkeypatch.setattr(handlers, "open_predictor", lambda *_: predictor)
    opened = Services.open(Settings(home=home), (PAGE,))
    yield opened
    opened.close()


def serve(services: Services) -> TestClient:
    from fastapi import FastAPI

    app = FastAPI()
    app.add_middleware(Guard, settings=services.settings, people=services.people)
    attach(app, services)
    return TestClient(app, base_url="http://127.0.0.1")


def unfold(answer: bytes) -> tuple[dict[str, Any], bytes, bytes]:
    length = int.from_bytes(answer[:4], "big")
    said = json.loads(answer[4 : 4 + length])
    virtual = answer[4 + length : 4 + length + said["virtual"]]
    return said, virtual, answer[4 + length + said["virtual"] :]


def make_desk(predictor: Predictor) -> Desk:
    return Desk(lambda _: predictor, threading.Lock())


def test_a_frame_is_answered_with_130_numbers_a_picture_and_where_the_time_went(
    predictor: Predictor, person: bytes
) -> None:
    said, virtual, drawn = unfold(make_desk(predictor).answer_frame(7, person, 2))
    assert (said["type"], said["stamp"], said["state"], said["dropped"]) == ("read", 7, "ok", 2)
    assert len(said["values"]) == len(NAMES)
    assert read_frame(virtual).shape == (32, 32, 3)
    assert drawn == b""
    spent = said["milliseconds"]
    assert {"decode", "find", "transfer", "draw", "encode", "total"} == set(spent)
    assert spent["total"] >= spent["find"] + spent["transfer"]


def test_darkness_holds_the_pose_says_so_and_is_forgotten_when_the_face_is_back(
    predictor: Predictor, person: bytes
) -> None:
    desk = make_desk(predictor)
    first, _, _ = unfold(desk.answer_frame(1, person, 0))
    black, virtual, _ = unfold(desk.answer_frame(2, BLACK, 0))
    assert (black["state"], black["values"], virtual) == ("black", first["values"], b"")
    grey = pack(np.full((192, 192, 3), 120, np.uint8))
    assert unfold(desk.answer_frame(3, grey, 0))[0]["state"] == "no_face"
    assert unfold(desk.answer_frame(4, person, 0))[0]["state"] == "ok"


def test_two_visitors_do_not_share_what_they_set(predictor: Predictor, person: bytes) -> None:
    one, other = make_desk(predictor), make_desk(predictor)
    one.change({"type": "settings", "hand": {"jaw_open": 1.0}, "locked": ["brows"], "smoothing": None})
    assert unfold(one.answer_frame(1, person, 0))[0]["values"][INDEX["jaw_open"]] == 1.0
    assert unfold(other.answer_frame(1, person, 0))[0]["values"][INDEX["jaw_open"]] < 0.9


def test_a_visitor_chooses_what_numbers_are_read_from(predictor: Predictor, person: bytes) -> None:
    asked: list[str] = []

    def open_by(way: str) -> Predictor:
        asked.append(way)
        return predictor

    desk = Desk(open_by, threading.Lock())
    desk.answer_frame(1, person, 0)
    assert desk.take_neutral() is not None
    desk.change({"way": "virtual", "smoothing": None})
    assert desk.take_neutral() is None  # what another network read of this face is no measure for this one
    desk.answer_frame(2, person, 0)
    assert asked == ["photo", "virtual"]
    with pytest.raises(BadRequest, match="photo or virtual"):
        desk.change({"way": "ear"})
    assert desk.wanted.way == "virtual"


def test_a_neutral_face_is_taken_off_what_follows(predictor: Predictor, person: bytes) -> None:
    desk = make_desk(predictor)
    assert desk.take_neutral() is None
    desk.change({"smoothing": None})
    desk.answer_frame(1, person, 0)  # looked at where landmarks tell, those after it where the frame before told
    for stamp in range(NEUTRAL_READINGS):
        desk.answer_frame(2 + stamp, person, 0)
    neutral = desk.take_neutral()
    assert neutral is not None
    assert max(neutral) > 0.1
    desk.change({"smoothing": None, "neutral": neutral})
    assert max(unfold(desk.answer_frame(20, person, 0))[0]["values"]) < 0.02


def test_the_drawn_character_stands_on_the_chosen_ground(predictor: Predictor) -> None:
    desk = make_desk(predictor)
    corner = {}
    for ground in ("white", "night"):
        desk.change({"ground": ground, "drawn": True})
        _, _, drawn = unfold(desk.answer_pose(1, [0.0] * 130, [0.0, 0.0, 0.0]))
        corner[ground] = int(read_frame(drawn)[3, 3].mean())
    assert corner["white"] > 245
    assert corner["night"] < 70


@pytest.mark.parametrize(
    "message",
    [
        {"gains": {"elbow": 1}}, {"hand": {"jaw_open": 7}}, {"hand": {"wing": 0.5}}, {"neutral": [0.5]},
        {"reach": [2.0]}, {"light": "dim"},
        {"ground": "../x"}, {"character": "nobody"}, {"gains": 3}, {"smoothing": "much"},
    ],
)  # fmt: skip
def test_settings_that_cannot_be_are_told(message: dict[str, Any]) -> None:
    with pytest.raises(BadRequest):
        read_wanted(message)


@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n", bytes(3_000_000)])
def test_what_is_no_camera_frame_is_refused(content: bytes) -> None:
    with pytest.raises(NotAPicture):
        read_frame(content)
    with pytest.raises(NotAPicture, match="pixels"):
        read_frame(pack(np.zeros((20, 4000, 3), np.uint8)))


def test_of_waiting_frames_only_the_newest_is_answered_and_the_others_are_counted() -> None:
    async def fill() -> tuple[object, int]:
        slot = Slot()
        for number in range(5):
            slot.put(bytes([number]))
        return await slot.take(), slot.dropped

    assert asyncio.run(fill()) == (b"\x04", 4)


def test_a_frame_goes_through_the_socket_and_comes_back_as_numbers(services: Services, person: bytes) -> None:
    with serve(services) as client, client.websocket_connect(SOCKET) as socket:
        assert socket.receive_json()["type"] == "loading"
        assert socket.receive_json() == {"type": "ready", "characters": ["juno", "fen"]}
        socket.send_json({"type": "settings", "character": "fen", "hand": {"tongue_out": 0.8}})
        socket.send_bytes((41).to_bytes(4, "big") + person)
        said, virtual, _ = unfold(socket.receive_bytes())
        assert (said["stamp"], said["state"]) == (41, "ok")
        assert said["values"][INDEX["tongue_out"]] == pytest.approx(0.8)
        assert len(virtual) > 200
        socket.send_json({"type": "neutral"})
        assert len(socket.receive_json()["values"]) == 130
        for nonsense in ("[", '{"type": "dance"}', '{"type": "settings", "light": "dim"}', '{"type": "pose"}'):
            socket.send_text(nonsense)
            assert socket.receive_json()["type"] == "error"
        socket.send_bytes(b"\0\0\0\1junk")
        assert "JPEG" in socket.receive_json()["say"]
        socket.send_bytes((42).to_bytes(4, "big") + person)
        assert unfold(socket.receive_bytes())[0]["stamp"] == 42


def test_the_socket_says_which_weights_are_missing_and_still_draws_poses(tmp_path: Path) -> None:
    opened = Services.open(Settings(home=tmp_path / "bare", shipped=tmp_path / "nothing"), (PAGE,))
    try:
        with serve(opened) as client, client.websocket_connect(SOCKET) as socket:
            assert socket.receive_json()["type"] == "loading"
            assert "expression converter" in socket.receive_json()["say"]
            socket.send_json({"type": "pose", "stamp": 1, "values": [0.0] * 130, "turn": [0, 0, 0]})
            said, _, drawn = unfold(socket.receive_bytes())
            assert said["type"] == "drawn"
            assert read_frame(drawn).std() > 10
    finally:
        opened.close()


def test_frames_that_come_one_by_one_are_read_too_and_say_why_they_are_not(
    predictor: Predictor, tmp_path: Path
) -> None:
    say, scene = speak("en"), ("fen", "teal", "warm")
    desk = make_desk(predictor)
    drawn, numbers = on_stream(desk, draw_person(), scene, say)
    assert drawn is not None
    assert drawn.std() > 10
    assert numbers.count("data-name=") == 8
    held, said = on_stream(desk, np.zeros((192, 192, 3), np.uint8), scene, say)
    assert "black" in said
    assert held is not None
    assert np.array_equal(held, drawn)  # the pose is held
    bare = Services.open(Settings(home=tmp_path / "bare", shipped=tmp_path / "nothing"), (PAGE,))
    try:
        without = Desk(lambda _: handlers.Predictor.load(bare.people.weight_roots("local")), threading.Lock())
        assert on_stream(without, draw_person(), scene, say)[0] is None
        assert "weights" in on_stream(without, draw_person(), scene, say)[1]
    finally:
        bare.close()


def test_the_plain_mesh_moves_by_the_same_amounts_as_the_engine_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    from core.engine.characters import load_character

    character = load_character("juno")
    pose = torch.zeros(1, len(NAMES))
    pose[0, INDEX["jaw_open"]] = 1.0
    posed = character.vertices(pose)[0]
    alone = torch.zeros(len(NAMES), *posed.shape)  # one controller of 130: all of them take long
    alone[INDEX["jaw_open"]] = posed - character.vertices(torch.zeros_like(pose))[0]
    monkeypatch.setattr(meshes, "morph_displacements", lambda _: (alone, alone))
    meshes.write_mesh("juno", tmp_path / "juno.mesh")
    content = (tmp_path / "juno.mesh").read_bytes()
    length = int.from_bytes(content[:4], "little")
    told = json.loads(content[4 : 4 + length])
    at, arrays = 4 + length, {}
    for name, kind, size in told["arrays"]:
        arrays[name] = np.frombuffer(content, kind, size, at)
        at += -(-arrays[name].nbytes // 4) * 4
    assert at == len(content)
    row = INDEX["jaw_open"]
    first = sum(told["counts"][:row])
    part = slice(first, first + told["counts"][row])
    moved = arrays["rest"].reshape(-1, 3).copy()
    moved[arrays["places"][part]] += arrays["moves"].reshape(-1, 3)[part] * np.float32(told["step"])
    used = np.unique(character.triangles[character.front].numpy())
    assert np.abs(moved - posed.numpy()[used]).max() < 5e-5
    assert arrays["triangles"].max() == len(used) - 1
    assert len(arrays["colours"]) == 3 * len(used)


def test_without_signing_in_nothing_of_the_page_answers(home: Path) -> None:
    opened = Services.open(Settings(home=home, password="long enough"), (PAGE,))
    try:
        client = serve(opened)
        for path in ("/modules/expression.js", "/characters/juno.glb", "/jobs/1"):
            assert client.get(ROOT + path).status_code == 401
        with pytest.raises(WebSocketDisconnect) as refused, client.websocket_connect(SOCKET):
            pass
        assert refused.value.code == 4403
        with pytest.raises(WebSocketDisconnect):
            client.websocket_connect(SOCKET, headers={"origin": "http://evil.example"}).__enter__()
    finally:
        opened.close()


def test_a_recording_becomes_files_that_open_again(services: Services) -> None:
    track = perform(6.0, ((0.0, "rest"), (0.7, "talk a")))
    body = {
        "seconds": track.seconds.tolist(), "values": track.controllers.tolist(), "turns": track.turns.tolist(),
        "character": "juno", "ground": "teal", "light": "warm",
    }  # fmt: skip
    with serve(services) as client:
        job = client.post(ROOT + "/recordings", content=json.dumps(body)).json()["job"]
        wait_until(lambda: client.get(f"{ROOT}/jobs/{job}").json()["state"] == "done", 120, "the files are written")
        files = client.get(f"{ROOT}/jobs/{job}").json()["files"]
        assert [file["name"] for file in files] == [f"juno-{name}" for name in handlers.CLIP_FILES]
        table = services.media.get("local", files[1]["medium"]).path.read_text()
        assert np.abs(tracks.read_csv(table).controllers - track.controllers).max() < 1e-4
        assert client.get(f"{ROOT}/jobs/nothing").status_code == 404
        for wrong in ({}, {**body, "character": "x"}, {**body, "turns": [[0]]}, {**body, "seconds": [1] * 5}):
            assert client.post(ROOT + "/recordings", content=json.dumps(wrong)).status_code == 400
        wrong = {**body, "values": track.controllers[-1].tolist(), "turn": [1]}
        kept = client.post(ROOT + "/poses", content=json.dumps(wrong))
        assert kept.status_code == 400  # its turns are not a turn
        pose = {"values": track.controllers[-1].tolist(), "turn": [1, 2, 3], "character": "fen"}
        medium = client.post(ROOT + "/poses", content=json.dumps(pose)).json()["medium"]
        assert services.media.get("local", medium).facts["settings"]["turn_degrees"] == [1, 2, 3]


def test_modules_come_only_from_our_scripts_and_three_with_bare_names_resolved(services: Services) -> None:
    with serve(services) as client:
        rig = client.get(ROOT + "/modules/rig.js").text
        assert f'from "{ROOT}/modules/three/build/three.module.js"' in rig
        assert f'from "{ROOT}/modules/three/examples/jsm/controls/OrbitControls.js"' in rig
        for path in ("../words/interface.en.json", "three/../../secret.js", "package.json", "nothing.js"):
            assert client.get(f"{ROOT}/modules/{path}").status_code == 404
        for name in ("nobody.glb", "juno.obj"):
            assert client.get(f"{ROOT}/characters/{name}").status_code == 404
        assert b"Plotly" in client.get(ROOT + "/plotly.js").content


def test_a_characters_file_is_made_once_and_made_anew_when_its_code_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = []
    monkeypatch.setattr(
        addresses, "write_character", lambda made, path: (written.append(made.name), path.write_bytes(b"glTF"))
    )
    old = tmp_path / "cache" / "characters" / "fen-000000000000.glb"
    old.parent.mkdir(parents=True)
    old.write_bytes(b"old")
    first = addresses.keep_character(tmp_path, "fen")
    assert addresses.keep_character(tmp_path, "fen") == first
    assert written == ["fen"]
    assert [path.name for path in first.parent.iterdir()] == [first.name]
