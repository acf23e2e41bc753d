"""The depth door on networks that know nothing: clips, pictures, folders of forms, and a sentence for each bad input."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from tiny_depth import noise, put_depth_weights
from tiny_rooms import ask

from core.depth.readback import read_points
from core.image import write_picture
from pages.depth.command import COMMANDS
from studio.clips import frames, write_clip
from studio.marks import read_provenance
from studio.services import Services
from studio.settings import Settings
from training.spec import BadRequest, read_request

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    home = tmp_path_factory.mktemp("depth")
    put_depth_weights(home / "weights")
    opened = Services.open(Settings(home=home))
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "walk.mp4"
    write_clip(path, iter([frame.repeat(2, 0).repeat(2, 1) for frame in noise(6)]), 8.0, {})
    return path


def test_a_clip_becomes_a_folder_of_every_form(
    services: Services, clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ask(COMMANDS, services, "depth", clip, "-o", tmp_path / "made", "--lens", 65) == 0
    made = tmp_path / "made"
    expected = {"depth", "depth.npz", "trajectory.txt", "colmap", "points.ply", "depth.json", "depth-colours.mp4"}
    assert {path.name for path in made.iterdir()} == expected
    assert len(list((made / "depth").glob("*.png"))) == 6
    assert len(list(frames(made / "depth-colours.mp4"))) == 6
    assert len(read_points(made / "points.ply")[0]) > 0
    with np.load(made / "depth.npz") as held:
        assert held["metres"].shape[0] == 6
    assert "6 frames" in capsys.readouterr().out
    assert ask(COMMANDS, services, "depth", clip, "-o", made, "--forms", "tum") == 0  # again, over what is there


def test_a_picture_becomes_one_file(services: Services, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photo = tmp_path / "photo.png"
    write_picture(photo, noise(1)[0])
    for name in ("out.png", "out.npz", "out.ply"):
        assert ask(COMMANDS, services, "depth", photo, "-o", tmp_path / name) == 0
        assert (tmp_path / name).stat().st_size > 0
    assert "which lens" in capsys.readouterr().err
    assert ask(COMMANDS, services, "depth", photo, "-o", tmp_path / "all") == 0
    said = read_provenance(tmp_path / "all" / "depth-colours.png") or {}
    assert said["settings"]["system"] == "depth"


@pytest.mark.parametrize(
    ("given", "words", "told"),
    [
        ("walk", ["-o", "out.png"], "16-bit PNG for every frame"),
        ("walk", ["-o", "out.obj"], "one file is"),
        ("walk", ["-o", "out", "--forms", "tum+obj"], "cannot be written as obj"),
        ("walk", ["-o", "out", "--lens", "300"], "5 to 150"),
        ("walk", ["-o", "out", "--rate", "0"], "frames a second"),
        ("photo", ["-o", "out.mp4"], "is one picture"),
        ("photo", ["-o", "out", "--forms", "colmap"], "cannot be written as colmap"),
        ("nothing", ["-o", "out"], "There is no file"),
    ],
)
def test_what_cannot_be_written_is_told_before_anything_is_read(
    services: Services, clip: Path, tmp_path: Path, given: str, words: list[str], told: str
) -> None:
    photo = tmp_path / "photo.png"
    write_picture(photo, noise(1)[0])
    chosen = {"walk": clip, "photo": photo, "nothing": tmp_path / "nothing.mp4"}[given]
    placed = [str(tmp_path / word) if word.startswith("out") else word for word in words]
    with pytest.raises(BadRequest, match=told):
        ask(COMMANDS, services, "depth", chosen, *placed)
    assert not (tmp_path / "out").exists()


def test_tuning_starts_a_run_with_the_weights_in_service(
    services: Services, clip: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(type(services.runs), "_launch", lambda *_: None)  # what a process would then do is tested apart
    assert ask(COMMANDS, services, "depth tune", clip, "--steps", 20, "--lens", 70) == 0
    folder = Path(capsys.readouterr().out.strip().splitlines()[-1])
    asked = read_request(folder)
    assert (asked.subject, asked.recipe, asked.steps, asked.options["lens"]) == ("depth", "tune", 20, 70.0)
    assert asked.start_from is not None
    assert (Path(asked.start_from) / "card.json").is_file()
    with pytest.raises(BadRequest, match="There is no clip"):
        ask(COMMANDS, services, "depth tune", clip.with_name("other.mp4"))
