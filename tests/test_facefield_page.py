"""The facefield page without a browser: a head is found once, turned, changed, kept, taken away, compared and forgotten."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
from fastapi import FastAPI
from fastapi.testclient import TestClient
from PIL import Image
from served import wait_until
from tiny_expression import draw_person
from tiny_facefield import put_facefield_weights
from tiny_rooms import assets_without

from core.checkpoints import CheckpointMissing
from core.facefield.heads import Effort
from core.image import NotAPicture
from pages.facefield import PAGE, learning, sitting, verifying
from pages.facefield.addresses import ROOT
from pages.facefield.handlers import open_predictor
from pages.facefield.heads import MOVES, Head, Kept, code_of, delete_head, get_head, kept_heads, move, read_code
from pages.facefield.pieces import MESHES, Made, ending_of, look_at, there_and_back, write_pieces
from pages.facefield.showing import caption, show_stage
from pages.facefield.verifying import Compared
from studio.guard import Guard
from studio.jobs import Job
from studio.language import speak
from studio.marks import read_provenance
from studio.services import Services
from studio.settings import Settings
from training.spec import BadRequest, RunSpec

pytestmark = pytest.mark.usefixtures("one_thread")
ME = "local"
SOMEBODY = Head("seed-5")


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    sitting.EFFORT = Effort(1, 1)  # these networks find nothing however long they look
    home = tmp_path_factory.mktemp("facefield")
    put_facefield_weights(home / "weights")
    opened = Services.open(Settings(home=home))
    yield opened
    opened.close()
    sitting.EFFORT = None


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("photo") / "me.png"
    Image.fromarray(draw_person()).save(path)
    return path


def ended(services: Services, number: str) -> Job:
    wait_until(lambda: services.jobs.get(number, ME).ended, 120, "the job has ended")
    return services.jobs.get(number, ME)


@pytest.fixture(scope="module")
def found(services: Services, photo: Path) -> Kept:
    job = ended(services, sitting.on_photo(services, ME, str(photo)))
    assert job.state == "done", job.message
    return get_head(services, ME, job.result["head"])


# --- heads as values


def test_a_head_is_the_same_after_its_way_through_an_address_and_moves_of_nothing_are_none() -> None:
    head = move(Head("seed-3", "seed-4"), {"smile": 0.25, "jaw": 0.0, "brows": -1})
    assert head.moves == (("smile", 0.25), ("brows", -1.0))
    assert Head.from_json(head.to_json()) == head
    assert move(head, {}) == Head("seed-3", "seed-4")


@pytest.mark.parametrize(
    "text", ["", "[]", "3", '{"look": "seed-1"}', '{"of": "seed-1", "moves": [1]}', '{"of": "seed-1", "moves": {"smile": "x"}}']
)  # fmt: skip
def test_what_is_no_head_is_a_sentence(text: str) -> None:
    with pytest.raises(BadRequest, match="A head is"):
        Head.from_json(text)


def test_a_move_that_is_unknown_or_too_far_is_a_sentence() -> None:
    with pytest.raises(BadRequest, match="no move 'wink'"):
        move(SOMEBODY, {"wink": 0.5})
    for value in (1.5, float("nan")):
        with pytest.raises(BadRequest, match="between -1 and 1"):
            move(SOMEBODY, {"smile": value})


def test_every_move_takes_controllers_of_the_engine_to_where_they_can_be() -> None:
    from core.facefield.expressions import read_expression

    for right, left in MOVES.values():
        for ends in (right, left):
            assert all(0 <= value <= 1 for value in read_expression(ends).values())


def test_a_film_goes_there_and_back_without_standing_still() -> None:
    assert there_and_back([1, 2, 3, 4, 5]) == [3, 4, 5, 4, 3, 2, 1, 2], "from the front"
    assert there_and_back([1]) == [1]


# --- with networks that learned nothing


def test_a_photo_is_looked_into_once_and_its_head_is_found_again(
    services: Services, photo: Path, found: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    predictor = open_predictor(services, ME)
    monkeypatch.setattr(type(predictor), "find", lambda *_: pytest.fail("the head is known"))
    again = ended(services, sitting.on_photo(services, ME, str(photo)))
    assert again.result["head"] == found.id
    assert [one.id for one in kept_heads(services, ME)].count(found.id) == 1
    assert kept_heads(services, "somebody else") == []


def test_zero_degrees_is_straight_in_front_wherever_the_photo_was_taken_from(services: Services) -> None:
    predictor = open_predictor(services, ME)
    code = predictor.imagine(5)
    turned = replace(code, camera=replace(code.camera, yaw_degrees=25.0, pitch_degrees=-8.0))
    assert np.array_equal(look_at(predictor, turned, 10, 4).pixels, look_at(predictor, code, 10, 4).pixels)
    assert np.array_equal(look_at(predictor, turned, 25, -8).pixels, predictor.view(turned).pixels)
    assert not np.array_equal(look_at(predictor, turned).opacity, look_at(predictor, turned, 40).opacity)


def test_anothers_look_leaves_the_shape_bit_for_bit_and_its_shape_the_background(services: Services) -> None:
    predictor = open_predictor(services, ME)
    own = code_of(services, ME, predictor, SOMEBODY)
    dressed = code_of(services, ME, predictor, sitting.on_swap(services, ME, SOMEBODY, "seed-6", "look"))
    before, after = look_at(predictor, own, 20), look_at(predictor, dressed, 20)
    assert np.array_equal(before.opacity, after.opacity)
    assert np.array_equal(before.depth_metres, after.depth_metres)
    assert not np.array_equal(before.pixels, after.pixels)
    reshaped = sitting.on_swap(services, ME, SOMEBODY, "seed-6", "shape")
    assert reshaped == Head("seed-6", "seed-5")
    assert np.array_equal(code_of(services, ME, predictor, reshaped).look, own.look)


def test_a_face_at_rest_is_the_code_itself_and_a_moved_one_is_another_shape_in_the_same_look(
    services: Services,
) -> None:
    predictor = open_predictor(services, ME)
    own = code_of(services, ME, predictor, SOMEBODY)
    assert np.array_equal(code_of(services, ME, predictor, move(SOMEBODY, {"smile": 0.0})).shape, own.shape)
    for name in MOVES:
        moved = code_of(services, ME, predictor, move(SOMEBODY, {name: 1.0}))
        assert not np.array_equal(moved.shape, own.shape), name
        assert np.array_equal(moved.look, own.look)


def test_a_kept_head_comes_back_from_its_file_as_it_was(services: Services, tmp_path: Path) -> None:
    kept = sitting.on_keep(services, ME, move(SOMEBODY, {"jaw": 0.5}))
    medium = services.media.get(ME, kept.id)
    said = json.loads(medium.path.read_text())
    assert said["settings"]["moves"] == {"jaw": 0.5}
    assert said["generated"] == "by Likeness"
    (tmp_path / "head.json").write_text(medium.path.read_text())
    back = sitting.on_come_back(services, ME, str(tmp_path / "head.json"))
    one, other = (sitting.on_view(services, ME, Head(kept_as.id), (15.0, 5.0)) for kept_as in (kept, back))
    assert np.array_equal(one, other)
    with pytest.raises(LookupError):
        sitting.on_view(services, "somebody else", Head(kept.id), (0.0, 0.0))


def test_deleting_a_head_takes_its_photo_and_all_that_was_made_of_it_and_nothing_else(
    services: Services, tmp_path: Path
) -> None:
    Image.fromarray(draw_person(size=200)).save(tmp_path / "other.png")
    job = ended(services, sitting.on_photo(services, ME, str(tmp_path / "other.png")))
    assert job.state == "done", job.message
    head = Head(job.result["head"])
    stays = sitting.on_keep(services, ME, SOMEBODY)
    view = sitting.on_keep_view(services, ME, head, (10.0, 0.0), "depth")
    child = sitting.on_keep(services, ME, move(head, {"smile": 1.0}))
    given = services.media.get(ME, services.media.get(ME, head.of).parents[0])
    files = [services.media.get(ME, one).path for one in (head.of, view.id, child.id, child.picture.id)]
    assert delete_head(services, ME, head.of) == 6
    assert not any(path.exists() for path in (*files, given.path))
    assert get_head(services, ME, stays.id).picture.path.is_file()
    with pytest.raises(LookupError):
        delete_head(services, ME, head.of)


def test_a_head_is_taken_away_as_meshes_that_read_again_and_say_what_made_them(
    services: Services, found: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sitting, "Made", lambda *values: Made(*values, resolution=24))
    job = ended(services, sitting.on_make(services, ME, Head(found.id), "mesh"))
    assert job.state == "done", job.message
    counts = set()
    for one in job.result["files"]:
        path = services.media.get(ME, one["medium"]).path
        read: Any = trimesh.load(path, force="mesh")
        counts.add(len(read.faces))
        assert np.ptp(read.vertices, 0).max() < 1.0, "metres"
        assert b"generated" in path.read_bytes()
        assert str(found.settings["photo"]).encode() not in path.read_bytes()
        if path.suffix != ".obj":
            assert np.asarray(read.visual.vertex_colors).shape[1] == 4
    assert [Path(one["name"]).suffix for one in job.result["files"]] == list(MESHES)
    assert len(counts) == 1
    assert counts.pop() > 100


def test_a_turntable_has_a_camera_for_every_frame_and_depth_in_metres(services: Services) -> None:
    job = ended(services, sitting.on_make(services, ME, SOMEBODY, "turntable"))
    assert job.state == "done", job.message
    files = {one["name"]: services.media.get(ME, one["medium"]).path for one in job.result["files"]}
    with Image.open(files["head.gif"]) as film:
        count = int(getattr(film, "n_frames", 1))
    cameras = json.loads(files["head.cameras.json"].read_text())
    assert len(cameras["cameras"]) == count == 48
    assert all(len(row["camera_to_world"]) == 16 and len(row["intrinsics"]) == 9 for row in cameras["cameras"])
    predictor = open_predictor(services, ME)
    depth = look_at(predictor, code_of(services, ME, predictor, SOMEBODY), fine=True).depth_metres
    with Image.open(files["head.depth.png"]) as opened:
        assert np.abs(np.asarray(opened, np.float64) / 5000 - depth).max() <= 1.001e-4
    for name in ("head.mp4", "head.gif", "head.depth.png"):
        assert (read_provenance(files[name]) or {})["settings"]["of"] == "seed-5", name


def test_two_photos_of_one_head_are_the_same_and_a_verdict_is_kept_with_both(
    services: Services, photo: Path, found: Kept
) -> None:
    job = ended(services, verifying.on_verify(services, ME, Compared(photo=str(photo)), Compared(head=found.id)))
    assert job.state == "done", job.message
    assert job.result["same"] is True
    assert job.result["error_rate"] == 0.25
    assert job.result["heads"] == [found.id, found.id]
    assert services.media.get(ME, job.result["sheet"]).parents == (found.id, found.id)
    with pytest.raises(BadRequest, match="The second is missing"):
        verifying.on_verify(services, ME, Compared(head=found.id), Compared())


def test_what_cannot_be_done_is_a_sentence(services: Services, found: Kept, tmp_path: Path) -> None:
    Image.new("RGB", (80, 80), "grey").save(tmp_path / "wall.png")
    (tmp_path / "bad.json").write_text('{"format": "other"}')
    (tmp_path / "text.png").write_text("no picture")
    job = ended(services, sitting.on_photo(services, ME, str(tmp_path / "wall.png")))
    assert job.state == "failed"
    assert "face" in job.message
    tries: list[tuple[Any, str]] = [
        (lambda: sitting.on_photo(services, ME, None), "Give a photo"),
        (lambda: sitting.on_photo(services, ME, str(tmp_path / "text.png")), "no picture"),
        (lambda: sitting.on_somebody(services, ME, "-1"), "A seed is"),
        (lambda: sitting.on_come_back(services, ME, str(tmp_path / "bad.json")), "bad.json holds no head"),
        (lambda: read_code(_large(tmp_path)), "too large"),
        (lambda: sitting.on_view(services, ME, SOMEBODY, (90.0, 0.0)), "yaw of -60 to 60"),
        (lambda: sitting.on_view(services, ME, SOMEBODY, (0.0, float("nan"))), "pitch"),
        (lambda: sitting.on_view(services, ME, SOMEBODY, (0.0, 0.0), "x-ray"), "not as 'x-ray'"),
        (lambda: sitting.on_swap(services, ME, None, "seed-1", "look"), "no head yet"),
        (lambda: sitting.on_swap(services, ME, SOMEBODY, "", "look"), "Choose the other"),
        (lambda: sitting.on_swap(services, ME, SOMEBODY, found.picture.id, "look"), "no such head"),
        (lambda: sitting.on_keep(services, ME, None), "no head to keep"),
        (lambda: sitting.on_make(services, ME, None, "mesh"), "no head to take"),
        (lambda: sitting.on_make(services, ME, SOMEBODY, "statue"), "not as 'statue'"),
        (lambda: ending_of(Path("head.stl")), "not written as .stl"),
    ]
    for attempt, sentence in tries:
        with pytest.raises((BadRequest, NotAPicture, LookupError, ValueError), match=sentence):
            attempt()


def _large(folder: Path) -> Path:
    path = folder / "large.json"
    path.write_text(" " * (2**20 + 1))
    return path


def test_a_film_of_nothing_new_leaves_no_half_written_file(services: Services, tmp_path: Path) -> None:
    predictor = open_predictor(services, ME)
    with pytest.raises(BadRequest, match="yaw"):
        write_pieces(predictor, predictor.imagine(1), [tmp_path / "a.png"], Made(yaw_degrees=99.0))
    assert list(tmp_path.iterdir()) == []


def test_learning_wants_faces_and_consent_and_is_given_a_version_of_just_these_pictures(
    services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = []
    for number in range(learning.FEWEST):
        path = tmp_path / f"{number}.png"
        Image.fromarray(np.full((40, 40, 3), number * 9, np.uint8)).save(path)
        files.append(str(path))
    with pytest.raises(BadRequest, match="there are 3"):
        learning.on_learn(services, ME, files[:3], True)
    with pytest.raises(BadRequest, match="must agree"):
        learning.on_learn(services, ME, files, False)
    asked: list[RunSpec] = []

    def start(profile: str, request: RunSpec) -> Any:
        asked.append(request)
        return type("Run", (), {"id": f"run of {profile}"})()

    monkeypatch.setattr(services.runs, "start", start)
    assert learning.on_learn(services, ME, files, True, 40) == "run of local"
    (request,) = asked
    assert (request.subject, request.recipe, request.steps) == ("facefield", "field", 40)
    assert len(list((Path(str(request.data)) / "pictures").glob("*.png"))) == learning.FEWEST
    agreed = [one for one in services.people.consents(ME) if one.purpose == learning.CONSENT]
    assert len(agreed) == learning.FEWEST


def test_missing_weights_are_named_with_the_way_to_train_them(tmp_path: Path) -> None:
    put_facefield_weights(tmp_path / "home" / "weights", without=("encoder", "verifier"))
    shipped = assets_without("facefield", tmp_path / "assets")
    opened = Services.open(replace(Settings(home=tmp_path / "home"), shipped=shipped))
    try:
        with pytest.raises(CheckpointMissing, match="training facefield encoder"):
            sitting.on_photo(opened, ME, "me.png")
        assert sitting.on_somebody(opened, ME, "7") == Head("seed-7"), "somebody can be invented without it"
    finally:
        opened.close()


def test_a_view_comes_by_its_address_and_a_sentence_where_there_is_none(services: Services, found: Kept) -> None:
    app = FastAPI()
    assert PAGE.attach is not None
    PAGE.attach(app, services)
    app.add_middleware(Guard, settings=services.settings, people=services.people)
    client = TestClient(app, base_url="http://127.0.0.1")
    asked: dict[str, Any] = {"head": Head(found.id).to_json(), "yaw": 10, "show": "depth"}
    answer = client.get(f"{ROOT}/view", params=asked)
    assert answer.status_code == 200
    with Image.open(io.BytesIO(answer.content)) as shown:
        assert (shown.format, shown.size) == ("WEBP", (32, 32))
    fine = client.get(f"{ROOT}/view", params=asked | {"fine": True})
    with Image.open(io.BytesIO(fine.content)) as shown:
        assert shown.size == (64, 64)
    for change, status in (({"yaw": 80}, 400), ({"head": "{}"}, 400), ({"head": '{"of": "nobody"}'}, 404)):
        answer = client.get(f"{ROOT}/view", params=asked | change)
        assert answer.status_code == status
        assert answer.json()["detail"].endswith(".")
    kept = client.post(f"{ROOT}/views", params=asked).json()["medium"]
    assert services.media.get(ME, kept).parents == (found.id,)


def test_the_stage_begins_where_the_photo_was_taken_and_nothing_becomes_markup(services: Services, found: Kept) -> None:
    say = speak("en")
    shown = show_stage(Head(found.id), found, say)
    assert f'data-aim="[{found.settings["yaw"]:g},{found.settings["pitch"]:g}]"' in shown
    assert "of 255" in shown
    hostile = show_stage(Head('"><script>'), None, say)
    assert "<script>" not in hostile
    assert "data-aim" not in hostile
    assert caption(found, speak("zh")) == "照片"
    assert caption(sitting.on_keep(services, ME, SOMEBODY), say) == "seed 5"


def test_the_page_brings_its_commands_and_offers_what_can_learn() -> None:
    assert [command.name for command in PAGE.commands] == ["facefield", "facefield verify"]
    assert {offer.recipe for offer in PAGE.offers} >= {"field", "encoder"}
