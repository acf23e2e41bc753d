"""Weights between two checkpoints: halfway is the mean, the ends are the two, and only one network's have a between."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from core import checkpoints
from core.checkpoints import Card, Found, load, read_card
from training.__main__ import main
from training.blend import blend
from training.spec import BadRequest


def keep(folder: Path, value: float, card: Card, width: int = 3) -> Path:
    weights = {"network": {"weight": torch.full((2, width), value), "seen": torch.tensor(int(value))}}
    checkpoints.save(folder, card, weights, "fp32")
    return folder


def weights_of(folder: Path) -> dict[str, torch.Tensor]:
    return load(Found(folder, read_card(folder), folder))["network"]


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    card = Card("textedit", "captioner", "0000100-aaaaaaaaaaaa", 100, protocol="faces", scores={"caption_f1": 0.7})
    later = Card("textedit", "captioner", "unpublished", 300, validation={"validation": 1.0}, protocol="faces")
    return keep(tmp_path / "first", 2.0, card), keep(tmp_path / "second", 6.0, later)


def test_a_blend_lies_where_it_was_asked_to_lie_and_claims_no_scores(pair: tuple[Path, Path], tmp_path: Path) -> None:
    for share, wanted in ((0.0, 2.0), (0.25, 3.0), (1.0, 6.0)):
        card = blend(*pair, share, tmp_path / f"{share}")
        found = weights_of(tmp_path / f"{share}")
        assert torch.equal(found["weight"], torch.full((2, 3), wanted))
        assert int(found["seen"]) == 6, "a count is the second's"
        assert card.parents == ("0000100-aaaaaaaaaaaa", "unpublished")
        assert card.step == 300
        assert not card.validation
        assert not card.scores
        assert "0000100-aaaaaaaaaaaa" in card.notes


def test_only_two_checkpoints_of_one_network_in_one_shape_are_blended(pair: tuple[Path, Path], tmp_path: Path) -> None:
    other = keep(tmp_path / "other", 1.0, Card("textedit", "inverter"))
    wide = keep(tmp_path / "wide", 1.0, Card("textedit", "captioner"), width=4)
    for second in (other, wide):
        with pytest.raises(BadRequest, match="one network"):
            blend(pair[0], second, 0.5, tmp_path / "out")
    with pytest.raises(BadRequest, match=r"between 0 .* and 1"):
        blend(*pair, 1.5, tmp_path / "out")
    with pytest.raises(BadRequest, match="is no checkpoint"):
        blend(pair[0], tmp_path / "nothing", 0.5, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_command_says_what_it_made(
    pair: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main(["blend", *map(str, pair), "--share", "0.5", "--out", str(out)]) == 0
    assert capsys.readouterr().out.startswith("0.5 of the way from 0000100-aaaaaaaaaaaa")
    assert torch.equal(weights_of(out)["weight"], torch.full((2, 3), 4.0))
    assert main(["blend", str(pair[0]), str(out / "none"), "--out", str(out)]) == 2
