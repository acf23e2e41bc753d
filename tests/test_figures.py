"""Figures: labels agree with the picture, cloth changes nothing else, arms hide what they cross, pictures can be put on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from core.engine.cuts import KINDS
from core.engine.figure_choices import LAYER_SEEDS, LAYERS, OUTERS, FigureChoices, layer_of
from core.engine.figure_export import read_surface, write_figures
from core.engine.figures import FigureBatch, figures
from core.engine.flesh import PART
from core.engine.garment_choices import Choices
from core.engine.garments import garments
from core.engine.poses import POSES
from core.engine.tryon import FlatGarment, dress

SEEDS = [1_000_000_021, 1_000_000_022, 1_000_000_023]
STILL = {"sensor": False, "background": "plain"}


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Small pictures: threads would only wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def draw(seeds: list[int], size: int = 80, **choices: object) -> FigureBatch:
    return figures(seeds, size=size, choices=FigureChoices(**choices))  # pyright: ignore[reportArgumentType]


def worn(batch: FigureBatch) -> torch.Tensor:
    return batch.masks.any(1)


def test_a_figure_does_not_depend_on_its_batch() -> None:
    together, alone = draw([*SEEDS, 5]), draw([SEEDS[1]])
    assert (together.pixels[1] - alone.pixels[0]).abs().max() < 2e-3
    assert torch.equal(together.parts[1], alone.parts[0])
    assert torch.equal(together.masks[1], alone.masks[0])
    again = draw([*SEEDS, 5])
    assert torch.equal(together.pixels, again.pixels)
    assert together.kinds == again.kinds


def test_another_cloth_changes_the_garments_and_nothing_else() -> None:
    first, second = (
        draw(SEEDS, outline_seeds=SEEDS, cloth_seeds=[seed + at for seed in SEEDS], **STILL) for at in (40, 90)
    )
    assert torch.equal(first.masks, second.masks)
    assert torch.equal(first.parts, second.parts)
    changed = (first.pixels - second.pixels).abs().amax(1) > 0.02
    # filters reach two pixels out, and a cloth shines through thin hair
    near = F.max_pool2d((worn(first) | (first.parts == PART["hair"]))[:, None].float(), 5, 1, 2)[:, 0] > 0
    assert not (changed & ~near).any(), int((changed & ~near).sum())
    inside = F.max_pool2d((~worn(first))[:, None].float(), 3, 1, 1)[:, 0] < 0.5
    assert changed[inside].float().mean() > 0.8


@pytest.mark.parametrize("kind", ["tee", "dress", "sweater", "skirt", "trousers"])
def test_the_flat_picture_read_at_the_surface_map_is_what_the_figure_wears(kind: str) -> None:
    flat = garments([SEEDS[0]], size=128, choices=Choices(kind=kind))
    blocks = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(4)) * 1.4 - 0.8
    printed = F.interpolate(blocks, size=(128, 128), mode="nearest")[0]
    given = FlatGarment(printed, flat.mask[0], kind, flat.anchors[0], float(flat.centimetres[0]))
    chosen = FigureChoices(pose="arms down", view="half", turn_degrees=0.0, **STILL)  # pyright: ignore[reportArgumentType]
    drawn = dress(SEEDS[:1], given, size=160, choices=chosen)
    layer = LAYERS.index(layer_of(kind))
    seen = drawn.masks[0, layer] & ~drawn.surface[0].isnan().any(-1)
    assert seen.float().mean() > 0.02
    there = F.grid_sample(drawn.flat_pixels[0, layer][None], drawn.surface[0].nan_to_num()[None], align_corners=False)
    agrees = torch.corrcoef(torch.stack((there[0][:, seen].flatten(), drawn.pixels[0][:, seen].flatten())))[0, 1]
    assert agrees > 0.85, f"{agrees:.2f}"


def test_the_surface_map_is_known_where_garments_are_and_nowhere_else() -> None:
    drawn = draw(SEEDS, turn_degrees=0.0)
    known = ~drawn.surface.isnan().any(-1)
    assert not (known & ~worn(drawn)).any()
    assert known.sum() > 0.8 * worn(drawn).sum()
    assert drawn.surface[known].abs().max() < 1.6


def test_crossed_arms_hide_part_of_the_garment() -> None:
    kept = {"kind": "vest+jeans", "view": "half", "turn_degrees": 0.0, **STILL}
    down, crossed = draw(SEEDS, pose="arms down", **kept), draw(SEEDS, pose="arms crossed", **kept)
    top = LAYERS.index("top")
    share = crossed.masks[:, top].flatten(1).sum(1) / down.masks[:, top].flatten(1).sum(1)
    assert (share < 0.9).all(), share
    arm = (crossed.parts == PART["left arm"]) | (crossed.parts == PART["right arm"])
    assert (crossed.occluders & arm).flatten(1).sum(1).min() > 20
    assert not (crossed.occluders & worn(crossed)).any()


def test_every_pose_shows_the_whole_figure_with_its_joints_inside() -> None:
    seeds = [SEEDS[0] + at for at in range(len(POSES))]
    drawn = draw(seeds, 64, pose=POSES, view="full")
    inside = ((drawn.joints > 0) & (drawn.joints < 64)).flatten(1).all(1)
    assert inside.all(), [pose for pose, there in zip(POSES, inside.tolist(), strict=True) if not there]
    for names in (("head", "hair"), ("left hand", "right hand"), ("shoes",)):
        shown = torch.stack([drawn.parts == PART[name] for name in names]).any(0).flatten(1).any(1)
        assert shown.all(), (names, [pose for pose, there in zip(POSES, shown.tolist(), strict=True) if not there])
    assert drawn.pixels.isfinite().all()


@pytest.mark.parametrize("pose", ["hands on hips", "sitting"])
def test_every_kind_is_worn_and_masked(pose: str) -> None:
    seeds = [SEEDS[0] + at for at in range(len(KINDS))]
    drawn = draw(seeds, 64, kind=KINDS, view="half", pose=pose)
    for row, kind in enumerate(KINDS):
        layer = LAYERS.index(layer_of(kind))
        assert drawn.masks[row, layer].sum() > 20, kind
        assert drawn.flat_masks[row, layer].any(), kind
    assert (drawn.masks.sum(1) <= 1).all()
    assert drawn.pixels.isfinite().all()


@pytest.mark.soak
@pytest.mark.parametrize("pose", POSES)
def test_every_pose_goes_with_every_kind(pose: str) -> None:
    drawn = draw([SEEDS[0] + at for at in range(len(KINDS))], 64, kind=KINDS, pose=pose, view="full")
    assert drawn.pixels.isfinite().all()
    for row, kind in enumerate(KINDS):
        assert drawn.masks[row, LAYERS.index(layer_of(kind))].sum() > 8, kind


def test_anchors_of_what_is_worn_lie_on_it() -> None:
    drawn = draw(SEEDS, 128, kind="tee+jeans", pose="arms down", view="full", turn_degrees=0.0)
    for layer in ("top", "bottom"):
        number = LAYERS.index(layer)
        # a waist may lie under the top
        near = F.max_pool2d(worn(drawn).float()[:, None], 13, 1, 6)[:, 0] > 0
        for row in range(len(SEEDS)):
            places = drawn.anchors[row, number]
            places = places[~places.isnan().any(1)].long().clamp(0, 127)
            assert len(places) >= 5
            assert near[row, places[:, 1], places[:, 0]].float().mean() > 0.8
    whole = drawn.anchors[:, LAYERS.index("whole")]
    assert whole.isnan().all()


def test_an_open_coat_shows_more_of_the_top_than_a_closed_one() -> None:
    kept = {"kind": "tee+jeans+coat", "pose": "arms down", "view": "half", "turn_degrees": 0.0}
    closed, opened = (draw(SEEDS, open_share=share, **kept).masks[:, LAYERS.index("top")].sum() for share in (0.0, 1.0))
    assert opened > 1.3 * closed


def test_hands_come_before_the_cloth_they_lie_on() -> None:
    drawn = draw(SEEDS, pose="hands together", view="half", kind="sweater+trousers", turn_degrees=0.0)
    hands = (drawn.parts == PART["left hand"]) | (drawn.parts == PART["right hand"])
    assert (hands & drawn.occluders).flatten(1).sum(1).min() > 8


def test_depth_is_nearer_on_an_arm_that_crosses_the_chest() -> None:
    drawn = draw(SEEDS, pose="arms crossed", view="half", kind="vest+jeans", turn_degrees=0.0)
    for row in range(len(SEEDS)):
        arm = drawn.occluders[row] & (drawn.depth[row] > 0)
        chest = drawn.masks[row, LAYERS.index("top")]
        assert drawn.depth[row][arm].median() < drawn.depth[row][chest].median()


@pytest.mark.parametrize(("kind", "least"), [("tee", 0.85), ("dress", 0.8), ("jeans", 0.9)])
def test_a_flat_garment_put_on_looks_as_the_one_drawn_by_its_seed(kind: str, least: float) -> None:
    seed = SEEDS[0]
    chosen = FigureChoices(kind=kind, pose="arms down", view="full", **STILL)  # pyright: ignore[reportArgumentType]
    by_seed = figures([seed], size=128, choices=chosen)
    own = seed + (2 * LAYER_SEEDS if kind == "jeans" else 0)
    flat = garments([own], size=112, choices=Choices(kind=kind, supersample=1.25))
    given = FlatGarment(flat.pixels[0], flat.mask[0], kind, flat.anchors[0], float(flat.centimetres[0]))
    put_on = dress([seed], given, size=128, choices=chosen)
    both = worn(by_seed)[0] & worn(put_on)[0]
    assert both.sum() > 0.9 * worn(by_seed).sum()
    pair = torch.stack((by_seed.pixels[0][:, both].flatten(), put_on.pixels[0][:, both].flatten()))
    assert torch.corrcoef(pair)[0, 1] > least


def test_a_flat_garment_is_put_on_without_anchors_too() -> None:
    mask = torch.zeros(96, 80, dtype=torch.bool)
    mask[10:86, 22:58] = True
    mask[12:36, 6:74] = True
    red = torch.tensor([0.7, -0.6, -0.6])[:, None, None].expand(3, 96, 80)
    chosen = FigureChoices(view="half", pose="arms down", turn_degrees=0.0, **STILL)  # pyright: ignore[reportArgumentType]
    drawn = dress(SEEDS[:1], FlatGarment(red, mask, "tee"), size=96, choices=chosen)
    top = drawn.masks[0, LAYERS.index("top")]
    assert top.sum() > 400
    mean = drawn.pixels[0][:, top].mean(1)
    assert mean[0] > mean[1] + 0.3


def test_exported_labels_read_back_as_they_were_drawn(tmp_path: Path) -> None:
    assert write_figures(SEEDS[:2], tmp_path / "sheet.png", tmp_path / "out", size=64) == 2
    index = json.loads((tmp_path / "out" / "figures.json").read_text(encoding="utf-8"))
    drawn = draw(SEEDS[:2], 64)
    for row, record in enumerate(index["figures"]):
        surface = read_surface(tmp_path / "out" / record["surface"])
        truth = drawn.surface[row].numpy()
        assert np.array_equal(np.isnan(surface), np.isnan(truth))
        assert np.nanmax(np.abs(surface - truth)) < 1e-3
        for garment in record["garments"].values():
            assert (tmp_path / "out" / garment["mask"]).exists()
            assert (tmp_path / "out" / garment["flat"]).exists()
    assert (tmp_path / "sheet.png").exists()


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        ({"pose": "handstand"}, "no pose called 'handstand'"),
        ({"kind": "toga"}, "no kind called 'toga'"),
        ({"kind": "tee+shirt"}, "cannot be worn together"),
        ({"kind": "dress+jeans"}, "cannot be worn together"),
        ({"view": "moon"}, "no view called 'moon'"),
        ({"body_seeds": [1, 2]}, "2 body_seeds"),
        ({"pose": ["waving", "walking"]}, "one name for all or one for each"),
    ],
)
def test_a_wrong_request_for_a_figure_is_answered_with_a_sentence(choices: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words.replace("+", r"\+")):
        draw([1], 64, **choices)


def test_outer_garments_are_worn_over_a_top() -> None:
    drawn = draw(SEEDS * 2, 64, kind=[OUTERS[at % len(OUTERS)] for at in range(6)])
    for names in drawn.kinds:
        assert any(layer_of(name) in ("top", "whole") for name in names.split("+")), names
