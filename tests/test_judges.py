"""The judges and the perceptual distance: what they must do whatever they have learned, and how their scores are found."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from core.engine.attributes import INDEX, KEYS
from core.face.config import PARTS
from core.perceptual import PerceptualConfig, PerceptualDistance
from training.judge_tasks import (
    AttributeTask,
    GarmentTask,
    HeadTask,
    IdentityTask,
    best_threshold,
    correlation,
    overlap,
    pair_cosines,
    regions,
)
from training.judges import (
    AttributeJudge,
    DistanceConfig,
    DistanceJudge,
    IdentityJudge,
    LooksConfig,
    ReaderConfig,
    SegmenterConfig,
    SegmentJudge,
)
from training.looks_task import WAYS, LooksTask, make_cheaply
from training.perceptual_task import DISTORTIONS, DistanceTask, distort
from training.task import Task
from training.true_edits import draw_true_edits, draw_unedited, moved

SMALL = 48


def drawn(count: int = 12) -> dict[str, Tensor]:
    """Smooth random pictures with labels of the right shapes."""
    draw = torch.Generator().manual_seed(4)
    coarse = torch.rand(count, 3, 6, 6, generator=draw) * 2 - 1
    return {
        "pixels": torch.nn.functional.interpolate(coarse, (SMALL, SMALL), mode="bilinear"),
        "landmarks": 12 + 24 * torch.rand(count, 68, 2, generator=draw),
        "segmentation": torch.randint(len(PARTS), (count, SMALL, SMALL), generator=draw).float(),
        "attributes": torch.rand(count, len(KEYS), generator=draw),
        "identity": torch.randn(count, 100, generator=draw),
    }


def test_what_a_target_does_not_learn_costs_no_gradient_and_changes_none() -> None:
    network = PerceptualDistance(PerceptualConfig.tiny()).requires_grad_(False)
    one, other = torch.rand(2, 3, 32, 32, requires_grad=True), torch.rand(2, 3, 32, 32)
    apart = network(one, other)
    together = network.weigh(network.features(torch.cat((one, other))))
    assert torch.allclose(apart, together, atol=1e-6)
    mine, yours = (torch.autograd.grad(value.sum(), one)[0] for value in (apart, together))
    assert torch.allclose(mine, yours, atol=1e-6)
    assert mine.abs().sum() > 0


@pytest.mark.parametrize("network", [PerceptualDistance(PerceptualConfig.tiny()), DistanceJudge(DistanceConfig(4))])
def test_a_picture_is_nowhere_from_itself_and_as_far_one_way_as_the_other(network: torch.nn.Module) -> None:
    pictures = drawn(4)["pixels"]
    network.eval()
    with torch.no_grad():
        assert network(pictures, pictures).abs().max() == 0
        there, back = network(pictures, pictures.flip(0)), network(pictures.flip(0), pictures)
    assert (there > 0).all()
    assert torch.allclose(there, back, atol=1e-6)


@pytest.mark.parametrize("name", DISTORTIONS)
def test_more_of_a_distortion_changes_more_pixels_and_the_same_seed_the_same_ones(name: str) -> None:
    pictures = drawn(8)["pixels"]
    kind = torch.full((8,), DISTORTIONS.index(name))
    changes = [(distort(pictures, kind, torch.full((8,), amount), 9) - pictures).abs().mean() for amount in (0.1, 0.9)]
    assert 0 < changes[0] < changes[1]
    again = distort(pictures, kind, torch.full((8,), 0.9), 9)
    assert torch.equal(again, distort(pictures, kind, torch.full((8,), 0.9), 9))


def test_the_best_threshold_tells_separated_pairs_without_error() -> None:
    same, strangers = torch.tensor([0.8, 0.9, 0.7]), torch.tensor([0.1, 0.5, -0.2])
    threshold, rate = best_threshold(same, strangers)
    assert rate == 1.0
    assert 0.5 <= threshold < 0.7


def test_pairs_are_of_neighbours_and_strangers_are_not() -> None:
    towards = torch.eye(4).repeat_interleave(2, 0)
    same, strangers = pair_cosines(towards)
    assert same.min() == 1.0
    assert strangers.max() == 0.0


def test_correlation_knows_order_from_reverse_and_from_nothing() -> None:
    values = torch.arange(10.0)
    assert correlation(values, 3 * values + 2) == pytest.approx(1.0)
    assert correlation(values, -values) == pytest.approx(-1.0)
    assert correlation(values, torch.ones(10)) == 0.0


def test_hair_is_head_and_cloth_is_body() -> None:
    parts = torch.tensor([[PARTS.index(name) for name in ("hair", "cloth", "background", "glasses", "neck")]])
    assert regions(parts).tolist() == [[1, 2, 0, 1, 2]]


def test_overlap_of_half_is_a_third_and_of_two_empty_masks_is_whole() -> None:
    one = torch.zeros(2, 4, 4, dtype=torch.bool)
    other = one.clone()
    one[0, :, :2], other[0, :, 1:3] = True, True
    assert overlap(one, other).tolist() == pytest.approx([1 / 3, 1.0])


def test_identities_have_length_one_whatever_the_crop() -> None:
    judge = IdentityJudge(ReaderConfig(size=32, width=4, outputs=16)).eval()
    assert torch.allclose(judge(drawn(3)["pixels"]).norm(dim=1), torch.ones(3), atol=1e-5)


def test_outlines_come_back_at_the_size_of_the_picture() -> None:
    judge = SegmentJudge(SegmenterConfig(size=32, widths=(4, 8), classes=2)).eval()
    assert judge(drawn(2)["pixels"]).shape == (2, 2, SMALL, SMALL)


def test_a_mirrored_head_turns_the_other_way() -> None:
    task = AttributeTask(ReaderConfig(size=32, width=4))
    found = drawn(40)
    made = task.prepare(found, torch.Generator().manual_seed(1), learning=True)
    before, after = found["attributes"][:, INDEX["head_turn"]], made["grades"][:, INDEX["head_turn"]]
    kept, turned = torch.isclose(after, before), torch.isclose(after, 1 - before)
    assert kept.any()
    assert turned.any()
    assert (kept | turned).all()


def test_readings_that_shrink_to_the_mean_are_put_back_on_the_scale_of_the_truth() -> None:
    torch.manual_seed(3)
    task = AttributeTask(ReaderConfig(size=32, width=4))
    true = torch.rand(4000, len(KEYS))
    shy = 0.35 + 0.3 * (true - 0.5) + 0.05 * torch.randn(true.shape)
    shy[:, 3] = 0.4 + 0.01 * true[:, 3]  # one that it is blind for

    judge = AttributeJudge(ReaderConfig(size=32, width=4))
    same = torch.nn.Linear(len(KEYS), len(KEYS))
    torch.nn.init.eye_(same.weight)
    torch.nn.init.zeros_(same.bias)
    task.network = same  # type: ignore[assignment]
    card = task.measure({"pictures": shy, "grades": true})
    judge.calibrate(card)
    back = judge.straighten(shy)
    for place in (0, 7, 25):
        low, high = (back[chosen, place].mean() for chosen in (true[:, place] < 0.3, true[:, place] > 0.7))
        assert float(low) == pytest.approx(0.15, abs=0.03)
        assert float(high) == pytest.approx(0.85, abs=0.03)
    assert float(back[:, 3].std()) < 0.05, "what is not seen is not made up by stretching noise"
    assert card["slope_" + KEYS[3]] == pytest.approx(0.01, abs=0.01)


def test_true_edits_change_what_they_say_and_keep_the_person() -> None:
    seeds = [700_000_301, 700_000_302]
    pictures, before = draw_unedited(seeds, 64)
    for edit in draw_true_edits(seeds, 64, keys=("mouth_open", "hair_lightness", "eye_openness")):
        gone = moved(edit, before)
        low = before[:, INDEX[edit.key]] < 0.5 if edit.way > 0 else before[:, INDEX[edit.key]] > 0.5
        assert (gone[low] > (0.1 if edit.key == "eye_openness" else 0.3)).all(), (edit.key, edit.way)
        tone = INDEX["skin_tone"]
        assert torch.allclose(edit.grades[:, tone], before[:, tone])
        assert (edit.pictures - pictures).abs().mean() < 0.25


@pytest.mark.parametrize(
    "make",
    [
        lambda: AttributeTask(ReaderConfig(size=32, width=4)),
        lambda: IdentityTask(ReaderConfig(size=32, width=4, outputs=16)),
        lambda: HeadTask(SegmenterConfig(size=32, widths=(4, 8))),
        lambda: _few(GarmentTask(SegmenterConfig(size=32, widths=(4, 8), classes=2))),
        lambda: _few(DistanceTask("features", PerceptualConfig.tiny(), 0)),
        lambda: _few(LooksTask(LooksConfig(size=48, width=4))),
    ],
)
def test_a_few_steps_on_the_same_pictures_lower_the_loss(make: Callable[[], Task]) -> None:
    torch.manual_seed(0)
    task = make()
    batch = task.prepare(drawn(), torch.Generator().manual_seed(2), learning=True)
    every = [*task.network.parameters(), *(p for aid in task.aids.values() for p in aid.parameters())]
    optimiser = torch.optim.Adam(every, 5e-3)
    totals = []
    for _ in range(40):
        total = torch.stack(list(task.losses(batch).values())).sum()
        optimiser.zero_grad()
        total.backward()
        optimiser.step()
        totals.append(float(total.detach()))
    assert totals[-1] < 0.95 * totals[0]
    scores = task.measure(task.prepare(drawn(), torch.Generator().manual_seed(0), learning=False))
    assert 0 <= scores["validation"] <= 2


@pytest.mark.parametrize("way", range(len(WAYS)), ids=WAYS)
def test_a_garment_made_cheaply_keeps_its_outline_and_loses_what_it_is_made_of(way: int) -> None:
    rows = torch.linspace(-0.9, 0.5, 48)[:, None].expand(48, 48)
    mask = torch.zeros(2, 1, 48, 48)
    mask[:, :, 8:40, 12:36] = 1
    garment = torch.where(mask > 0, rows + 0.2 * (torch.arange(48) % 4 < 2), torch.ones(())).expand(2, 3, 48, 48)
    made = make_cheaply(garment, mask, torch.tensor([way, way]), torch.Generator().manual_seed(3))
    assert torch.equal(made[:, :, :8], garment[:, :, :8])
    assert torch.equal(made[..., 36:], garment[..., 36:])
    inside, was = (one[0, 0, 14:34, 16:32] for one in (made, garment))
    made_of, once = ((one.diff(dim=1).abs().mean(), (one[-3:].mean() - one[:3].mean()).abs()) for one in (inside, was))
    kept = {"true": (1, 1), "tiled": (1, 0), "flat": (0, 0), "smooth": (0, 1), "shaded": (1, 1)}[WAYS[way]]
    assert bool(made_of[0] > 0.5 * once[0]) == bool(kept[0])
    assert bool(made_of[1] > 0.4 * once[1]) == bool(kept[1])
    assert torch.equal(made, garment) == (WAYS[way] == "true")


def _few(task: GarmentTask | DistanceTask | LooksTask) -> GarmentTask | DistanceTask | LooksTask:
    task.drawn, task.validated = 6, 4
    return task
