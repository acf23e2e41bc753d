"""Corrections as a data set version: whole, named by what they hold, without what was taken back, gone with the person."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from tiny_expression import draw_person, put_weights

from core.engine.controllers import NAMES
from core.image import read_picture, write_picture
from pages.expression import PAGE, handlers
from pages.expression.collection import collect, on_collect
from pages.expression.corrections import Correction, on_correct
from pages.expression.takes import pack
from studio.__main__ import main
from studio.annotations import Annotation
from studio.datasets import CARD, Labelled, read_labels, write_version
from studio.services import Services
from studio.settings import Settings
from training.spec import BadRequest

READ = dict(zip(NAMES, np.linspace(0, 1, len(NAMES)).round(4).tolist(), strict=True))
RIGHT = READ | {NAMES[7]: 0.25}


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    opened = Services.open(Settings(home=tmp_path / "home"), (PAGE,))
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def frames() -> list[bytes]:
    return [pack(draw_person(900_100_017 + place, 96)) for place in range(3)]


def correct(services: Services, frame: bytes, right: dict[str, float] = RIGHT, medium: str = "") -> Annotation:
    return on_correct(services, "local", Correction(frame, medium, "fen", READ, right, (1.0, 2.0, 3.0), True))


def test_a_version_holds_every_picture_with_what_was_read_and_what_was_set(
    services: Services, frames: list[bytes]
) -> None:
    kept = [correct(services, frame) for frame in frames]
    version = on_collect(services, "local")
    home = services.people.folder("local") / "datasets" / "expression-corrections"
    assert version.folder == home / version.card["version"]
    assert (version.count, version.card["profile"]) == (3, "local")
    assert version.card["controllers"] == list(NAMES)
    assert len(version.card["engine"]) == 12
    assert version.card["sha256"].startswith(version.folder.name)
    rows = read_labels(version)
    assert len({row["picture"] for row in rows}) == 3
    shown = [read_picture(version.folder / row["picture"]) for row in rows]
    for label in kept:
        given = read_picture(services.media.get("local", label.medium).path)
        assert any(np.array_equal(given, one) for one in shown)
    for row in rows:
        assert row["picture"].endswith(".png")
        assert row["read"] == list(READ.values())
        assert [name for name, a, b in zip(NAMES, row["read"], row["corrected"], strict=True) if a != b] == [NAMES[7]]
        assert (row["character"], row["turn_degrees"]) == ("fen", [1.0, 2.0, 3.0])
        assert row["when"].endswith("Z")


def test_the_same_corrections_are_the_same_version_and_one_more_is_another(
    services: Services, frames: list[bytes], tmp_path: Path
) -> None:
    correct(services, frames[0])
    first = on_collect(services, "local")
    stamp = (first.folder / CARD).stat().st_mtime_ns
    assert on_collect(services, "local") == first
    assert (first.folder / CARD).stat().st_mtime_ns == stamp
    elsewhere = on_collect(services, "local", tmp_path / "elsewhere")
    assert elsewhere.folder.name == first.folder.name
    assert (elsewhere.folder / "labels.jsonl").read_bytes() == (first.folder / "labels.jsonl").read_bytes()
    correct(services, frames[1])
    second = on_collect(services, "local")
    assert second.folder.name != first.folder.name
    assert sorted(path.name for path in first.folder.parent.iterdir()) == sorted(
        (first.folder.name, second.folder.name)
    )  # both, and nothing half done


def test_only_what_stands_and_was_agreed_to_is_taken_and_a_picture_counts_once(
    services: Services, frames: list[bytes], tmp_path: Path
) -> None:
    with pytest.raises(BadRequest, match="no correction to learn from"):
        on_collect(services, "local")
    first, second = correct(services, frames[0]), correct(services, frames[1])
    (tmp_path / "face.jpg").write_bytes(frames[2])
    silent = services.media.keep_upload("local", "expression", tmp_path / "face.jpg")
    services.annotations.keep("local", silent.id, "controllers", first.label, first.suggestion)  # nobody agreed
    assert len(collect(services, "local")) == 2
    correct(services, b"", READ, first.medium)  # the newest word on the first picture
    rows = read_labels(on_collect(services, "local"))
    assert sorted(row["corrected"] == row["read"] for row in rows) == [False, True]
    services.annotations.delete("local", second.id)
    assert len(collect(services, "local")) == 1
    assert collect(services, "somebody") == []


def test_versions_go_with_their_picture_and_with_their_person(services: Services, frames: list[bytes]) -> None:
    first = correct(services, frames[0])
    alone = on_collect(services, "local")
    services.media.delete("local", first.medium)
    assert not alone.folder.exists()
    correct(services, frames[1])
    other = on_collect(services, "local")
    services.people.delete_everything("local")
    assert not other.folder.exists()


def test_a_version_that_cannot_be_finished_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"no picture")
    with pytest.raises(ValueError, match="cannot be read"):
        write_version(tmp_path / "sets", [Labelled(tmp_path / "broken.png", "a" * 64, {"when": "now"})], {})
    assert list((tmp_path / "sets").iterdir()) == []
    with pytest.raises(ValueError, match="at least one"):
        write_version(tmp_path / "sets", [], {})


def test_a_picture_that_was_read_is_put_right_without_being_kept_twice(services: Services, tmp_path: Path) -> None:
    put_weights(services.settings.home)
    write_picture(tmp_path / "face.png", draw_person())
    found = handlers.on_picture(services, "local", str(tmp_path / "face.png"), "fen", "teal", "warm")
    before = len(services.media.of("local"))
    kept = correct(services, b"", RIGHT, found.given.id)
    assert len(services.media.of("local")) == before
    assert kept.medium == found.given.id
    assert kept.suggestion["character"] == "fen"
    (row,) = read_labels(version := on_collect(services, "local"))
    assert np.array_equal(read_picture(version.folder / row["picture"]), read_picture(tmp_path / "face.png"))
    with pytest.raises(BadRequest, match="that you gave"):
        correct(services, b"", RIGHT, found.drawn.id)  # drawn by us
    with pytest.raises(LookupError):
        on_correct(services, "somebody", Correction(b"", found.given.id, "fen", READ, RIGHT, (0, 0, 0), True))


def test_the_command_writes_a_version_or_says_what_is_missing(
    services: Services, frames: list[bytes], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--home", str(services.settings.home), "expression", "corrections"]
    assert main(words, [PAGE]) == 2
    assert "no correction to learn from" in capsys.readouterr().err
    correct(services, frames[0])
    assert main([*words, "-o", str(tmp_path / "out")], [PAGE]) == 0
    (folder,) = (tmp_path / "out").iterdir()
    assert capsys.readouterr().out.startswith(f"{folder}  (1 corrected")
    assert json.loads((folder / CARD).read_text())["count"] == 1
