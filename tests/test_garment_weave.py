"""Prints carried on beyond their crop: repeats are found, copies lie where the print itself would, nothing seen is touched."""

import math

import numpy as np
import pytest
import torch

from core.garment.weave import carry_on, differ_from_self, find_repeats, fine_detail, measure_repeats, weave


def striped(size, period, degrees=0.0):
    """Stripes across a direction, 1 x 3 x S x S."""
    axis = torch.arange(size, dtype=torch.float32)
    down, across = torch.meshgrid(axis, axis, indexing="ij")
    along = math.cos(math.radians(degrees)) * down + math.sin(math.radians(degrees)) * across
    wave = torch.sin(2 * math.pi * along / period)
    return torch.stack((wave, 0.3 * wave, -wave))[None] * 0.8


def checked(size, down_period, across_period):
    axis = torch.arange(size, dtype=torch.float32)
    down, across = torch.meshgrid(axis, axis, indexing="ij")
    one = torch.sign(torch.sin(2 * math.pi * (down + 0.5) / down_period))
    other = torch.sign(torch.sin(2 * math.pi * (across + 0.5) / across_period))
    return torch.stack((one, other, one * other))[None] * 0.7


def window(size, rows, columns):
    seen = torch.zeros(1, 1, size, size)
    seen[..., slice(*rows), slice(*columns)] = 1
    return seen


@pytest.mark.parametrize(("period", "degrees"), [(8, 0.0), (8, 90.0), (11, 0.0), (9, 35.0)])
def test_stripes_go_on_where_they_would_have_gone(period, degrees):
    true, seen = striped(96, period, degrees), window(96, (30, 66), (30, 66))
    woven, plain = weave(true * seen, seen), carry_on(true * seen, seen)
    left, usual = (woven - true).abs().mean(), (plain - true).abs().mean()
    assert left < 0.35 * usual
    assert torch.equal(woven * seen, true * seen)


def test_a_check_goes_on_in_both_directions_at_its_own_size():
    true, seen = checked(96, 12, 8), window(96, (30, 66), (24, 60))
    shifts = measure_repeats(true * seen, seen)[0].shifts
    for down, across in shifts.tolist():
        assert down % 12 == pytest.approx(0, abs=0.01)
        assert across % 8 == pytest.approx(0, abs=0.01)
    assert (weave(true * seen, seen) - true).abs().mean() < 0.02


def test_a_period_between_whole_pixels_is_found_to_a_fraction():
    true, seen = striped(128, 7.4), window(128, (20, 108), (40, 80))
    shift = max(measure_repeats(true * seen, seen)[0].shifts.tolist(), key=lambda one: abs(one[0]))
    assert abs(shift[0]) / round(abs(shift[0]) / 7.4) == pytest.approx(7.4, abs=0.15)


def test_differences_are_nothing_at_the_repeat_and_a_strangers_at_none():
    true, seen = checked(64, 16, 16), window(64, (8, 56), (8, 56))
    apart, valid = differ_from_self(true * seen, seen)
    middle = apart.shape[1] // 2
    assert apart[0, middle, middle] == pytest.approx(0, abs=1e-4)
    assert apart[0, middle + 16, middle] == pytest.approx(0, abs=1e-4)
    assert apart[0, middle + 8, middle] > 0.8
    assert bool(valid.all())  # a ninth of it still overlaps in the corners
    small = window(64, (20, 44), (20, 44))
    assert not differ_from_self(true * small, small)[1][0, 0, 0]


@pytest.mark.parametrize("kind", ["plain", "noise", "dot", "all"])
def test_any_cloth_is_carried_on_over_everything_without_touching_what_is_seen(kind):
    torch.manual_seed(0)
    cloth = torch.full((1, 3, 48, 48), 0.4) if kind == "plain" else torch.rand(1, 3, 48, 48) * 2 - 1
    seen = {"dot": window(48, (20, 21), (20, 21)), "all": torch.ones(1, 1, 48, 48)}.get(
        kind, window(48, (14, 30), (10, 34))
    )
    woven = weave(cloth * seen, seen)
    assert bool(torch.isfinite(woven).all())
    assert torch.allclose(woven * seen, cloth * seen, atol=1e-6)
    assert float(woven.abs().max()) <= float((cloth * seen).abs().max()) + 1e-4
    if kind == "plain":
        assert torch.allclose(woven, cloth, atol=1e-3)
    if kind == "noise":  # colours of the crop, not their mean smeared out
        assert woven[..., 40:, 40:].std() > 0.5 * cloth.std()


def test_nothing_seen_gives_no_number_that_is_not_one():
    nothing = torch.zeros(1, 1, 32, 32)
    assert bool(torch.isfinite(weave(torch.zeros(1, 3, 32, 32), nothing)).all())


def test_cloths_of_a_batch_do_not_disturb_each_other():
    cloths = torch.cat((striped(64, 8), checked(64, 10, 14)))
    seen = torch.cat((window(64, (10, 40), (10, 40)), window(64, (20, 60), (6, 50))))
    together = weave(cloths * seen, seen)
    for at in range(2):
        alone = weave((cloths * seen)[at : at + 1], seen[at : at + 1])
        assert torch.allclose(together[at], alone[0], atol=1e-4)


def test_detail_finer_than_the_network_is_carried_on_and_a_smooth_cloth_has_none():
    axis = torch.arange(128, dtype=torch.float32)
    rows = torch.sign(torch.sin(2 * math.pi * (axis + 0.5) / 4))  # below the coarse picture's pixels
    fine = striped(128, 32) * 0.5 + 0.4 * rows[None, None, :, None]
    fine_seen = window(128, (32, 96), (32, 96))
    coarse, seen = torch.nn.functional.avg_pool2d(fine, 4), window(32, (8, 24), (8, 24))
    detail = fine_detail(coarse * seen, seen, fine * fine_seen, fine_seen)
    assert detail.shape == (1, 3, 128, 128)
    inside = detail[..., 40:88, 40:88]
    assert torch.sign(inside[0, 0, :, 24]).eq(rows[40:88]).float().mean() > 0.95
    assert detail[..., 100:, :].std() > 0.5 * inside.std()
    flat, fine_flat = torch.full_like(coarse, 0.2) * seen, torch.full_like(fine, 0.2) * fine_seen
    smooth = fine_detail(flat, seen, fine_flat, fine_seen)
    assert smooth.abs().max() < 0.02


def test_repeats_lie_in_two_directions_whatever_the_cloth():
    generator = np.random.default_rng(3)
    for _ in range(6):
        cloth = torch.from_numpy(generator.normal(size=(1, 3, 40, 40)).astype(np.float32))
        seen = window(40, (8, 8 + int(generator.integers(5, 28))), (6, 6 + int(generator.integers(5, 28))))
        apart, valid = differ_from_self(cloth * seen, seen)
        one, other = find_repeats(apart[0], valid[0], float(seen.sum()) ** 0.5).shifts
        crossed = (one[0] * other[1] - one[1] * other[0]).abs() / (one.norm() * other.norm())
        assert crossed > 0.3


def test_where_nothing_overlaps_the_two_directions_still_cross():
    apart, nowhere = torch.ones(41, 41), torch.zeros(41, 41, dtype=torch.bool)
    one, other = find_repeats(apart, nowhere, 1.0).shifts
    assert float(one @ other) == 0
    assert float(one.norm()) == float(other.norm()) > 0
