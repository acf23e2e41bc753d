"""Hair grows from its roots, lies outside the head and does what its grades say."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor

from core.engine import random
from core.engine.hair import HairColour, HairStyle, Strands, grow
from core.engine.hairlight import ambient_hair, hidden_share, shade_hair
from core.engine.hairstyles import (
    NAMES,
    STYLES,
    HairChoice,
    choose_styles,
    fit_grades,
    make_colours,
    make_style,
    pigment_albedo,
)
from core.engine.hairzones import PARAMETERS, cap_opacity
from core.engine.head import load_head
from core.engine.scalp import ScalpRoots, find_roots

COUNT = 700


def people(count: int) -> tuple[Tensor, Tensor]:
    """Seeds and vertices of heads at rest."""
    seeds = torch.arange(count) + 1_000_000_000
    codes = random.normal(seeds[:, None], torch.arange(100)) * 0.6
    return seeds, load_head().shape(codes)


def plain_colour(count: int) -> HairColour:
    half, none = torch.full((count,), 0.5), torch.zeros(count)
    return make_colours(half, none, none, torch.arange(count))


def dress(name: str, seeds: Tensor, **grades: float) -> HairStyle:
    style = torch.full((len(seeds),), NAMES.index(name))
    half = torch.full((len(seeds),), 0.5)
    choice = fit_grades(style, half, half, half)
    held = {key: torch.full((len(seeds),), grades[key]) if key in grades else getattr(choice, key) for key in GRADES}
    return make_style(HairChoice(style, **held), seeds)


GRADES = ("length", "curl", "fringe")


@pytest.fixture(scope="module")
def all_styles() -> tuple[ScalpRoots, HairStyle, Strands]:
    seeds, vertices = people(len(STYLES))
    half = torch.full((len(STYLES),), 0.5)
    style = make_style(fit_grades(torch.arange(len(STYLES)), half, half, half), seeds)
    roots = find_roots(load_head(), vertices, COUNT)
    return roots, style, grow(style, roots, plain_colour(len(STYLES)), seeds)


def seen(strands: Strands) -> Tensor:
    """Strands that grow (B, N)."""
    return strands.width[:, :, 0] > 0


def test_there_are_at_least_twelve_styles_and_their_numbers_are_known() -> None:
    assert len(STYLES) >= 12
    assert len(set(NAMES)) == len(NAMES)
    assert all(0 <= low <= high <= 1 for s in STYLES for low, high in (s.length, s.curl, s.fringe))
    assert all(dict(s.numbers).keys() <= set(PARAMETERS) for s in STYLES)


def test_every_strand_starts_at_its_root_and_is_finite(all_styles: tuple[ScalpRoots, HairStyle, Strands]) -> None:
    roots, _, strands = all_styles
    assert torch.allclose(strands.points[:, :, 0], roots.positions, atol=1e-5)
    assert bool(torch.isfinite(strands.points).all())
    assert bool((strands.albedo >= 0).all() & (strands.albedo <= 1).all())
    assert bool((strands.openness >= 0).all() & (strands.openness <= 1).all())


def test_hair_of_all_styles_stays_out_of_the_head(all_styles: tuple[ScalpRoots, HairStyle, Strands]) -> None:
    roots, _, strands = all_styles
    _, away, skin = roots.obstacle.reach(strands.points[:, :, 3:], torch.zeros(len(STYLES)))
    inside = ((skin - away)[..., 0] > 0.004) & (skin[..., 0] > 0.02) & seen(strands)[..., None]
    assert inside.double().mean() < 0.01


def test_hair_of_all_styles_stays_out_of_neck_and_shoulders(
    all_styles: tuple[ScalpRoots, HairStyle, Strands],
) -> None:
    roots, _, strands = all_styles
    nothing = torch.zeros_like(strands.points[..., :1])
    moved = (roots.obstacle.push_off_body(strands.points, nothing) - strands.points).norm(dim=-1)
    low = (strands.points[..., 1] < -0.06) & seen(strands)[..., None]
    assert low.any()
    assert (moved[low] > 0.006).double().mean() < 0.05


def test_a_head_grows_the_same_hair_alone_and_in_a_batch(all_styles: tuple[ScalpRoots, HairStyle, Strands]) -> None:
    seeds, vertices = people(len(STYLES))
    for place in (4, NAMES.index("bun"), NAMES.index("long curly")):
        roots = find_roots(load_head(), vertices[place : place + 1], COUNT)
        style = HairStyle(all_styles[1].parameters[place : place + 1])
        alone = grow(style, roots, plain_colour(1), seeds[place : place + 1])
        assert torch.allclose(alone.points[0], all_styles[2].points[place], atol=2e-4)


def test_hair_is_a_function_of_its_seed() -> None:
    seeds, vertices = people(1)
    roots = find_roots(load_head(), vertices, COUNT)
    style = dress("long wavy", seeds)
    first, again, other = (grow(style, roots, plain_colour(1), seed) for seed in (seeds, seeds, seeds + 1))
    assert torch.equal(first.points, again.points)
    assert not torch.allclose(first.points, other.points, atol=1e-3)


def test_longer_grades_are_longer_hair() -> None:
    seeds, vertices = people(1)
    roots = find_roots(load_head(), vertices, COUNT)
    lowest = [
        grow(dress("long straight", seeds, length=length), roots, plain_colour(1), seeds).points[..., 1].quantile(0.05)
        for length in (0.45, 0.6, 0.8, 1.0)
    ]
    assert all(longer < shorter - 0.02 for shorter, longer in itertools.pairwise(lowest))
    crops = [
        grow(dress("short crop", seeds, length=length), roots, plain_colour(1), seeds)
        for length in (0.1, 0.2, 0.3, 0.4)
    ]
    metres = [crop.points.diff(dim=2).norm(dim=-1).sum(-1).median() for crop in crops]
    assert metres == sorted(metres)
    assert metres[0] < 0.012
    assert metres[-1] > 0.03


def test_more_curl_makes_the_way_longer_than_the_straight_line() -> None:
    seeds, vertices = people(1)
    roots = find_roots(load_head(), vertices, COUNT)

    def wound(curl: float) -> Tensor:
        points = grow(dress("long curly", seeds, curl=curl), roots, plain_colour(1), seeds, points=34).points[:, :, 8:]
        step = points[:, :, 1:] - points[:, :, :-1]
        return (step.norm(dim=-1).sum(-1) / (points[:, :, -1] - points[:, :, 0]).norm(dim=-1).clamp_min(0.01)).median()

    assert wound(0.05) < wound(0.5) - 0.05 < wound(0.75) - 0.1


def test_a_fringe_covers_the_forehead_and_its_absence_frees_it() -> None:
    seeds, vertices = people(2)
    roots = find_roots(load_head(), vertices, 1500)

    def before_forehead(fringe: float) -> int:
        strands = grow(dress("long with fringe", seeds, fringe=fringe), roots, plain_colour(2), seeds)
        x, y, z = strands.points.unbind(-1)
        return int(((x.abs() < 0.03) & (y < 0.085) & (y > 0.03) & (z > 0.06)).any(-1)[seen(strands)].sum())

    assert before_forehead(0.0) < 4
    assert before_forehead(1.0) > 80


def test_nothing_grows_on_the_bald_and_little_on_the_buzzed() -> None:
    seeds, vertices = people(1)
    roots = find_roots(load_head(), vertices, COUNT)
    assert not seen(grow(dress("bald", seeds), roots, plain_colour(1), seeds)).any()
    buzzed = grow(dress("buzz cut", seeds), roots, plain_colour(1), seeds)
    assert (buzzed.points[:, :, -1] - buzzed.points[:, :, 0]).norm(dim=-1).max() < 0.02


@pytest.mark.parametrize("name", ["ponytail", "bun", "low bun"])
def test_tied_hair_meets_behind_the_head(name: str) -> None:
    seeds, vertices = people(1)
    roots = find_roots(load_head(), vertices, COUNT)
    strands = grow(dress(name, seeds), roots, plain_colour(1), seeds)
    ends = strands.points[:, :, -1][seen(strands)]
    assert (ends[:, 2] < -0.03).double().mean() > 0.9
    if "bun" in name:
        assert (ends - ends.median(0).values).norm(dim=-1).quantile(0.8) < 0.07


def test_a_hat_presses_hair_down_above_its_edge_only() -> None:
    seeds, vertices = people(2)
    roots = find_roots(load_head(), vertices, COUNT)
    style = dress("afro", seeds)
    bare = grow(style, roots, plain_colour(2), seeds)
    worn = grow(style, roots, plain_colour(2), seeds, hat=torch.tensor([True, False]))
    _, away, skin = roots.obstacle.reach(worn.points, torch.zeros(2))
    high = worn.points[..., 1] > 0.11
    assert (away - skin)[0, ..., 0][high[0]].max() < 0.004
    assert torch.equal(worn.points[1], bare.points[1])
    low = bare.points[0, ..., 1] < 0.03
    assert torch.equal(worn.points[0][low], bare.points[0][low])


def test_the_cap_covers_grown_hair_and_no_face() -> None:
    head = load_head()
    seeds, _ = people(1)
    hairline = head.fields["hairline"]
    long = cap_opacity(dress("bob", seeds), head.neutral, hairline)[0]
    assert long[(hairline > 2) & (head.part == 0)].min() > 0.7
    assert long[head.landmarks].max() == 0
    assert cap_opacity(dress("bald", seeds), head.neutral, hairline).max() == 0


def test_lighter_grades_are_lighter_and_redder_ones_redder() -> None:
    steps = torch.linspace(0, 1, 6)
    light = pigment_albedo(steps, torch.zeros(6)).mean(1)
    assert bool((light[1:] > light[:-1]).all())
    red = pigment_albedo(torch.full((6,), 0.4), steps)
    ratio = red[:, 0] / red[:, 1]
    assert bool((ratio[1:] > ratio[:-1]).all())


@pytest.mark.parametrize("lightness", [0.05, 0.2, 0.4, 0.6, 0.9])
def test_red_hair_is_red_not_a_warm_brown(lightness: float) -> None:
    light = torch.full((2,), lightness)
    red, green, blue = pigment_albedo(light, torch.tensor([0.0, 1.0])).unbind(1)
    assert red[1] / green[1] > 3.0
    assert red[1] / green[1] > 1.5 * red[0] / green[0]
    assert red[1] > 0.95 * red[0]  # tinted, not only darkened
    assert green[1] > 2 * blue[1]


def test_grey_strands_are_a_share_of_the_hair() -> None:
    seeds, vertices = people(3)
    roots = find_roots(load_head(), vertices, COUNT)
    zero = torch.zeros(3)
    colour = make_colours(zero, zero, torch.tensor([0.0, 0.5, 1.0]), torch.arange(3))
    lightness = grow(dress("bob", seeds), roots, colour, seeds).albedo.mean((1, 2, 3))
    assert lightness[0] < lightness[1] < lightness[2]


def test_styles_follow_sex_age_and_wishes() -> None:
    seeds = torch.arange(4000)
    half = torch.full((4000,), 0.5)
    women, men = (choose_styles(seeds, torch.full((4000,), sex), half).length.mean() for sex in (True, False))
    assert women > men + 0.15
    receding = NAMES.index("receding")
    old, young = (
        (choose_styles(seeds, torch.zeros(4000, dtype=torch.bool), half * age).style == receding).double().mean()
        for age in (1.9, 0.1)
    )
    assert old > 4 * young
    wished = choose_styles(seeds, seeds % 2 == 0, half, {"length": torch.full((4000,), 0.9)})
    ends = torch.tensor([s.length for s in STYLES])[wished.style]
    assert (ends[:, 1] >= 0.84).double().mean() > 0.98
    assert bool((wished.length == 0.9).all())


def test_hair_shines_where_light_and_eye_mirror_each_other() -> None:
    down = torch.tensor([0.0, -1.0, 0.0])
    out = torch.tensor([0.0, 0.0, 1.0])
    albedo, shift = torch.tensor([0.1, 0.06, 0.03]), torch.zeros(1)

    def lit(height: float) -> Tensor:
        light = torch.nn.functional.normalize(torch.tensor([0.0, height, 1.0]), dim=0)
        return shade_hair(down, out, out, light, albedo, shift)

    heights = [lit(height).sum() for height in (-2.0, -0.2, 2.5)]
    assert heights[1] > 1.5 * heights[0]
    assert heights[1] > 1.5 * heights[2]
    behind = shade_hair(down, out, out, -out, albedo, shift)
    assert bool((behind >= 0).all())
    assert behind.sum() < lit(0.0).sum()


def test_light_fades_with_depth_in_the_hair() -> None:
    share = hidden_share(torch.tensor([0.0, 0.5, 1.0]))[:, 0]
    assert 0 < share[0] < share[1] < share[2] == 1.0
    around = ambient_hair(torch.tensor([0.0, 0.0, 1.0]), torch.tensor([0.2, 0.1, 0.05]), torch.ones(3))
    assert around[0] > around[2] > 0


def test_senseless_sizes_are_refused() -> None:
    seeds, vertices = people(1)
    with pytest.raises(ValueError, match="at least one strand"):
        find_roots(load_head(), vertices, 0)
    with pytest.raises(ValueError, match="at least four points"):
        grow(dress("bob", seeds), find_roots(load_head(), vertices, 50), plain_colour(1), seeds, points=2)


def test_strands_have_a_direction_up_to_their_cut_tips(all_styles: tuple[ScalpRoots, HairStyle, Strands]) -> None:
    _, _, strands = all_styles
    assert (strands.tangents().norm(dim=-1) < 0.99).double().mean() < 0.01
