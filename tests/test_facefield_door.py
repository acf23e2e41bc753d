"""The facefield door on networks that know nothing: a head's codes to files, and a sentence for each bad request."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from tiny_facefield import put_facefield_weights
from tiny_rooms import ask

from core.facefield.heads import FaceCode
from core.facefield.predict import Predictor
from pages.facefield.command import COMMANDS
from studio.services import Services
from studio.settings import Settings
from training.spec import BadRequest

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    home = tmp_path_factory.mktemp("facefield")
    put_facefield_weights(home / "weights")
    opened = Services.open(Settings(home=home))
    yield opened
    opened.close()


@pytest.fixture
def code(services: Services, tmp_path: Path) -> Path:
    path = tmp_path / "somebody.json"
    path.write_text(Predictor.load([services.settings.home / "weights"]).imagine(5).to_json(), encoding="utf-8")
    return path


def test_a_heads_codes_become_a_picture_depth_cameras_and_codes_again(
    services: Services, code: Path, tmp_path: Path
) -> None:
    endings = (".png", ".depth.png", ".cameras.json", ".json")
    words = [word for ending in endings for word in ("-o", tmp_path / f"a{ending}")]
    assert ask(COMMANDS, services, "facefield", code, "--yaw", "20", *words) == 0
    with Image.open(tmp_path / "a.png") as picture, Image.open(tmp_path / "a.depth.png") as depth:
        assert picture.size == depth.size
        assert picture.size[0] >= 32
        assert depth.mode.startswith("I")
    told = json.loads((tmp_path / "a.cameras.json").read_text())
    assert {len(row["camera_to_world"]) for row in told["cameras"]} == {16}
    again = FaceCode.from_json((tmp_path / "a.json").read_text())
    assert abs(again.shape - FaceCode.from_json(code.read_text()).shape).max() < 1e-4


def test_a_head_is_the_same_person_as_itself_or_the_status_says_no(
    services: Services, code: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status = ask(COMMANDS, services, "facefield verify", code, code)
    said = capsys.readouterr().out
    assert status == (0 if said.startswith("the same person") else 1)
    assert "25 % of verdicts are wrong" in said


def test_bad_requests_are_refused_with_a_sentence(services: Services, code: Path, tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="not written as"):
        ask(COMMANDS, services, "facefield", code, "-o", tmp_path / "a.stl")
    with pytest.raises(BadRequest, match="yaw"):
        ask(COMMANDS, services, "facefield", code, "--yaw", "170", "-o", tmp_path / "a.png")
    (tmp_path / "bad.json").write_text("{}")
    with pytest.raises(BadRequest, match="face code"):
        ask(COMMANDS, services, "facefield", tmp_path / "bad.json", "-o", tmp_path / "a.png")
    with pytest.raises(BadRequest, match="There is no file"):
        ask(COMMANDS, services, "facefield", tmp_path / "none.jpg", "-o", tmp_path / "a.png")
