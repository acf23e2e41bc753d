"""Flat-lay garments: labels agree with the picture, cut and cloth can be changed apart, seeds decide everything."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from core.engine import cuts, garments, panels, prints
from core.engine.garment_choices import Choices

SEEDS = [1_000_000_001, 1_000_000_002, 1_000_000_003, 1_000_000_004]


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Small pictures: threads would only wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def draw(seeds: list[int], **choices: object) -> garments.GarmentBatch:
    return garments.garments(seeds, size=64, choices=Choices(**choices))  # pyright: ignore[reportArgumentType]


def test_nothing_but_white_lies_outside_the_outline() -> None:
    drawn = draw(SEEDS)
    near = torch.nn.functional.max_pool2d(drawn.mask[:, None].float(), 3, 1, 1) > 0
    assert (drawn.pixels[~near.expand_as(drawn.pixels)] == 1.0).all()


def test_a_dark_garment_is_dark_wherever_its_mask_is() -> None:
    drawn = draw(SEEDS, cloth=torch.full((1, 3, 16, 16), -0.6), kind="trousers")
    grey = drawn.pixels.mean(1)
    agrees = ((grey < 0.4) == drawn.mask).float().mean()
    assert agrees > 0.985, f"{agrees:.3f} of the pixels agree"


@pytest.mark.parametrize("kind", cuts.KINDS)
def test_every_kind_fills_the_picture_and_has_its_parts_inside_the_mask(kind: str) -> None:
    drawn = draw(SEEDS[:2], kind=kind)
    assert ((drawn.parts > 0) == drawn.mask).all()
    share = drawn.mask.float().mean((1, 2))
    assert ((share > 0.08) & (share < 0.85)).all(), share
    border = torch.cat((drawn.mask[:, 0], drawn.mask[:, -1], drawn.mask[:, :, 0], drawn.mask[:, :, -1]), 1)
    assert not border.any()
    assert (drawn.parts == panels.PARTS.index("body")).any()


def test_changing_the_cloth_leaves_the_outline_to_the_pixel() -> None:
    first, second = (
        draw(SEEDS, outline_seeds=SEEDS, cloth_seeds=[seed + 50 + at for seed in SEEDS]) for at in range(2)
    )
    assert torch.equal(first.mask, second.mask)
    assert torch.equal(first.parts, second.parts)
    assert torch.equal(first.anchors.nan_to_num(-1), second.anchors.nan_to_num(-1))
    assert not torch.equal(first.pixels, second.pixels)


def test_changing_the_outline_keeps_the_cloth_and_its_colours() -> None:
    cloth = torch.zeros(1, 3, 8, 8)
    cloth[:, 0, :, :4], cloth[:, 2, :, 4:] = 0.5, 0.5
    same = {"cloth_seeds": SEEDS, "lying_seeds": SEEDS, "kind": "skirt"}
    first, second = (draw(SEEDS, outline_seeds=[seed + at for seed in SEEDS], **same) for at in (10, 60))
    assert torch.equal(first.cloth, second.cloth)
    assert first.print == second.print
    assert first.fabric == second.fabric
    assert not torch.equal(first.mask, second.mask)
    one, two = (draw(SEEDS[:1], outline_seeds=[seed], cloth=cloth, kind="tee", lying_seeds=[7]) for seed in (10, 60))
    means = [batch.pixels[0][:, batch.mask[0]].mean(1) for batch in (one, two)]
    assert (means[0] - means[1]).abs().max() < 0.15


def test_a_cloth_of_the_caller_gives_the_garment_its_colour() -> None:
    cloth = torch.tensor([0.3, -0.4, -0.7])[None, :, None, None].expand(1, 3, 20, 30)
    drawn = draw(SEEDS, cloth=cloth, kind="sweater")
    body = drawn.parts == panels.PARTS.index("body")
    for at in range(len(SEEDS)):
        red, green, blue = drawn.pixels[at][:, body[at]].mean(1).tolist()
        assert red > green + 0.3
        assert green > blue + 0.05
    assert set(drawn.print) == {"given"}


def test_a_larger_print_scale_makes_the_pattern_coarser() -> None:
    stripes = torch.ones(1, 3, 32, 32) * 0.8
    stripes[:, :, ::2] = -0.8

    def edges(scale: float) -> float:
        drawn = draw(SEEDS, kind="skirt", cloth=stripes, cloth_span_centimetres=200.0, print_scale=scale)
        return float((drawn.pixels[:, :, 1:] - drawn.pixels[:, :, :-1]).abs().mean())

    assert edges(0.5) > 1.3 * edges(1.5)


def test_a_picture_does_not_depend_on_its_batch() -> None:
    together = draw([*SEEDS, 12, 13, 14])
    alone = draw([SEEDS[2]])
    assert (together.pixels[2] - alone.pixels[0]).abs().max() < 1e-4
    assert torch.equal(together.mask[2], alone.mask[0])
    again = draw([*SEEDS, 12, 13, 14])
    assert torch.equal(together.pixels, again.pixels)


def test_a_shadow_darkens_the_ground_and_leaves_the_garment() -> None:
    without, with_shadow = draw(SEEDS), draw(SEEDS, shadow=True)
    assert torch.equal(without.mask, with_shadow.mask)
    darker = without.pixels - with_shadow.pixels
    assert darker.min() >= -1e-5
    assert darker[(~without.mask)[:, None].expand_as(darker)].max() > 0.1


def test_seeds_draw_every_kind_and_nearly_every_print() -> None:
    seeds = torch.arange(4000) + 1_000_000_000
    kinds = cuts.pick_kinds(seeds)
    assert set(kinds.tolist()) == set(range(len(cuts.KINDS)))
    assert set(prints.pick_prints(seeds).tolist()) == set(range(len(prints.PRINTS)))


def test_every_print_differs_from_its_plain_ground() -> None:
    numbers = torch.arange(len(prints.PRINTS))
    tiles = prints.draw_tiles(torch.full_like(numbers, 1_000_000_005), numbers, 64)
    flat = tiles.pictures.flatten(2).std(2).amax(1) + tiles.emblem[:, 3].flatten(1).amax(1)
    assert [prints.PRINTS[at] for at in torch.nonzero(flat < 0.005)[:, 0].tolist()] == ["plain"]


def test_tiles_repeat_without_a_seam() -> None:
    periodic = ("dots", "stars", "florals", "tartan", "camouflage", "zebra", "leopard", "denim", "gradient")
    numbers = torch.tensor([prints.PRINTS.index(name) for name in periodic])
    pictures = prints.draw_tiles(numbers + 1_000_000_000, numbers, 128).pictures
    for axis in (2, 3):
        seam = (pictures.select(axis, 0) - pictures.select(axis, -1)).abs().mean()
        within = pictures.diff(dim=axis).abs().mean(axis)
        assert seam < 3 * within.mean() + 0.01


def test_anchors_lie_where_their_names_say() -> None:
    drawn = draw(SEEDS, kind="longsleeve")
    where = {name: drawn.anchors[:, at] for at, name in enumerate(garments.ANCHORS)}
    assert (where["neck left"][:, 0] < where["neck right"][:, 0]).all()
    assert (where["shoulder left"][:, 0] < where["neck left"][:, 0]).all()
    assert (where["hem left"][:, 1] > where["waist left"][:, 1]).all()
    assert (where["waist left"][:, 1] > where["armpit left"][:, 1]).all()
    assert (where["sleeve left"][:, 0] < where["shoulder left"][:, 0]).all()
    known = drawn.anchors[~drawn.anchors.isnan()]
    assert ((known > 0) & (known < 64)).all()
    assert where["crotch"].isnan().all()
    assert not draw(SEEDS[:1], kind="jeans").anchors[0, garments.ANCHORS.index("crotch")].isnan().any()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"seeds": []}, "No seed"),
        ({"seeds": [-1]}, "seed -1"),
        ({"seeds": [1.5]}, "whole numbers"),
        ({"seeds": [1], "size": 8}, "size of 8"),
        ({"seeds": [1], "device": "toaster"}, "device"),
        ({"seeds": [1], "choices": Choices(kind="toga")}, "no kind called 'toga'"),
        ({"seeds": [1], "choices": Choices(print="mud")}, "no print called 'mud'"),
        ({"seeds": [1, 2], "choices": Choices(cloth_seeds=[1])}, "one for each"),
        ({"seeds": [1], "choices": Choices(cloth=torch.zeros(3, 8, 8))}, "cloth is"),
        ({"seeds": [1], "choices": Choices(print_scale=0)}, "print_scale"),
    ],
)
def test_a_wrong_request_is_answered_with_a_sentence(arguments: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        garments.garments(**arguments)  # pyright: ignore[reportArgumentType]
