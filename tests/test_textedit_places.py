"""A generator that is told where points of the head are: known from the engine undrawn, learned, and drawn as dots."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from core.engine.faces import faces
from core.engine.head import load_head
from core.stylegan2 import Config as Shape
from core.textedit.config import Config
from core.textedit.networks import make_generator
from core.textedit.places import FROM, TO, Locator, PlacedGenerator, PlacedSynthesis
from training.recipes.textedit import make_generator_recipe
from training.spec import RunSpec
from training.textedit_data import PortraitData, Wanted
from training.textedit_framing import carry_points, find_frames
from training.textedit_places import choose_vertices, read_places

SEEDS = torch.arange(700_000_200, 700_000_206)


def test_places_known_without_drawing_are_where_the_drawn_portrait_has_them() -> None:
    batch = faces(SEEDS, size=64)
    framed = carry_points(batch.landmarks, find_frames(batch.landmarks, 64), 64)
    places = read_places(SEEDS, 90)
    assert places.shape == (6, 90, 3)
    assert (places[:, :68, :2] - framed).abs().max() < 1e-3
    assert places[..., 2].abs().max() <= 1 + 1e-4
    looking = batch.attributes[:, -1].sub(0.5).abs() < 0.1  # the head turn: seen from the front
    assert looking.any()
    assert (places[looking, 30, 2] > 0.3).all(), "the tip of the nose faces a camera in front"
    assert (places[..., 2].amin(1) < -0.5).all(), "and the back of the head does not"


def test_points_are_spread_over_the_head_and_begin_with_landmarks_and_pupils() -> None:
    head = load_head()
    chosen = choose_vertices(head, 96)
    assert torch.equal(chosen[:68], head.landmarks)
    assert all(int(chosen[68 + side]) in head.eyes[side].tolist() for side in (0, 1))
    spread = head.neutral[chosen[70:]]
    apart = torch.cdist(spread, spread) + torch.eye(len(spread))
    assert len(set(chosen[70:].tolist())) == 26
    assert apart.amin() > 0.015, "metres"
    assert spread[:, 2].amin() < -0.05, "the back of the head"


def test_a_dot_lies_where_its_point_is_at_every_resolution() -> None:
    synthesis = PlacedSynthesis(Shape(size=128, code_width=8, channel_base=256, channel_limit=4), 2)
    with torch.no_grad():
        for weight in synthesis.marks:
            weight.zero_()
            weight[0, 1, 0], weight[1, 2, 1] = 1.0, 1.0  # type: ignore[index]
    points = torch.tensor([[[-0.5, 0.25, 0.0], [0.5, -0.75, -0.5]]])
    added = synthesis.mark(points)
    assert len(added) == synthesis.layer_count - 1
    seen = [one for one in added if one is not None]
    assert [one.shape[-1] for one in seen] == [8, 16, 32, 64]
    assert (FROM, TO) == (8, 64)
    assert [place for place, one in enumerate(added) if one is not None] == [1, 3, 5, 7], (
        "each resolution's first layer"
    )
    for one in seen:
        size = one.shape[-1]
        for channel, (x, y, sign) in ((1, (-0.5, 0.25, 1)), (2, (0.5, -0.75, -1))):
            dot = one[0, channel] * sign
            row, column = divmod(int(dot.argmax()), size)
            assert abs((column + 0.5) * 2 / size - 1 - x) <= 1 / size + 1e-6
            assert abs((row + 0.5) * 2 / size - 1 - y) <= 1 / size + 1e-6
            assert dot.amin() >= 0
        assert one[0, 0].abs().max() == 0
    assert float(seen[2][0, 2].detach().amin()) == pytest.approx(-0.5, abs=0.2), (
        "as strong as the point faces the camera"
    )


def test_a_code_moves_what_is_drawn_through_the_points_too() -> None:
    torch.manual_seed(1)
    generator = make_generator(Config.tiny())
    assert isinstance(generator, PlacedGenerator)
    torch.nn.init.normal_(generator.synthesis.locate.layers[-1].weight)  # type: ignore[arg-type]
    w = generator.mapping(torch.randn(2, 352))
    points = generator.synthesis.locate(w).detach().requires_grad_()
    picture = generator.synthesis(generator.spread(w), "none", generator.synthesis.mark(points))
    (slope,) = torch.autograd.grad(picture[:, :, 8:16, 8:16].square().sum(), points)
    assert slope.abs().amax() > 0
    plain = generator.synthesis(generator.spread(w), "none")
    assert torch.allclose(plain, picture, atol=1e-5), "what it finds itself is what it draws with"


def test_points_begin_where_they_are_on_average_and_hear_both_halves_of_a_code() -> None:
    locator = Locator(8, 3)
    places = torch.randn(50, 3, 3)
    locator.begin(places)
    w = torch.nn.functional.leaky_relu(torch.randn(4, 8), 0.2)
    assert torch.allclose(locator(w), places.mean(0).expand(4, -1, -1), atol=1e-6)
    torch.nn.init.normal_(locator.layers[-1].weight)  # type: ignore[arg-type]
    with torch.no_grad():
        mirrored = torch.nn.functional.leaky_relu(-w * torch.where(w < 0, 5.0, 1.0), 0.2)
        back = locator(mirrored) - locator(torch.zeros_like(w))
        there = locator(w) - locator(torch.zeros_like(w))
    assert 0.3 < float(back.norm() / there.norm()) < 3.0


def _recipe(folder: Path | None, **options: object):
    asked = {"count": 6, "fitted": 24, "validated": 2, "undrawn": 8, **options}
    return make_generator_recipe(
        RunSpec("textedit", "generator", preset="tiny", data=str(folder) if folder else None, steps=4, options=asked)
    )


def test_places_learn_from_places_alone_and_are_learned(tmp_path: Path) -> None:
    recipe = _recipe(tmp_path, warm=1.0, features=4.0)
    batch = recipe.batch(0, 4, 0)
    assert batch["elsewhere"].shape == (8, 352)
    terms = recipe.losses(recipe.phases[0], batch, 0)
    assert set(terms) == {"pixels", "slopes", "places"}
    assert isinstance(recipe.generator, PlacedGenerator)
    locator = list(recipe.generator.synthesis.locate.parameters())
    seen = torch.autograd.grad(terms["pixels"] + terms["slopes"], locator, retain_graph=True, allow_unused=True)
    assert all(slope is None or not slope.any() for slope in seen)
    optimiser = torch.optim.Adam(recipe.generator.parameters(), 0.01)
    first = float(terms["places"].detach())
    for _ in range(30):
        optimiser.zero_grad()
        recipe.losses(recipe.phases[0], batch, 0)["places"].backward()
        optimiser.step()
    assert float(recipe.losses(recipe.phases[0], batch, 0)["places"].detach()) < 0.6 * first
    halves = [recipe.batch(0, 2, part)["places"] for part in (0, 1)]
    assert torch.equal(torch.cat(halves), batch["places"]), "a step's faces do not depend on how it is cut"


def test_kept_places_are_those_that_are_read_anew(tmp_path: Path) -> None:
    kept = PortraitData(tmp_path, Wanted(6, 32, points=8), seed=3)
    seeds, parameters, places = kept.undrawn(5, 4)
    assert torch.allclose(places, read_places(seeds, 8), atol=1e-6)
    assert len(parameters) == 4
    again = PortraitData(tmp_path, Wanted(6, 32, points=8), seed=3).undrawn(5, 4)[2]
    assert torch.equal(places, again)
    found: Tensor | None = kept.learn(0, 2).places
    assert found is not None
    assert found.shape == (2, 8, 3)


def test_without_points_it_is_the_published_network() -> None:
    config = Config(Config.tiny().generator, points=0)
    assert not isinstance(make_generator(config), PlacedGenerator)
    assert not [name for name in make_generator(config).state_dict() if "locate" in name or "marks" in name]
