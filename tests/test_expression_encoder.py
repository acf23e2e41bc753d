"""The encoder learned by itself: points lie where the engine drew them, nothing dies at the start, a converter takes it."""

from __future__ import annotations

import copy
import dataclasses
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from core import checkpoints
from core.engine.controllers import MIRROR, NAMES
from core.engine.faces import Choices, faces
from core.engine.head import load_head
from core.expression.config import ConverterConfig
from core.expression.networks import Encoder, make_encoder
from core.locator import middle_of, places_error, raise_all
from training.ahead import Ahead
from training.expression_data import LABELS, ExpressionData
from training.expression_networks import Reading
from training.expression_surface import SurfaceData, on_screen, vertices
from training.recipes.expression import make_converter_recipe
from training.recipes.expression_encoder import make_encoder_recipe
from training.spec import RunSpec

TINY = RunSpec(subject="expression", recipe="encoder", preset="tiny", steps=40, options={"batch": 2, "points": 6})


def test_points_lie_where_the_engine_puts_the_same_vertices() -> None:
    batch = faces(range(40, 43), size=96)
    points, rest = on_screen({name: getattr(batch, name) for name in LABELS}, load_head().landmarks)
    assert torch.allclose(points, batch.landmarks, atol=1e-3)
    unmoved = faces(range(40, 43), size=96, choices=Choices(controllers=torch.zeros(3, len(NAMES))))
    assert torch.allclose(rest, unmoved.landmarks, atol=1e-3)
    assert (points - rest).norm(dim=2).max() > 0.5  # pixels: they do something


def test_a_heat_maps_middle_is_its_dot_and_what_it_misses_by_is_told() -> None:
    places = torch.tensor([[[0.0, 0.0], [0.5, -0.3], [-0.7, 0.6]]])
    axis = (torch.arange(24) * 2 + 1) / 24 - 1
    apart = (axis - places[..., None]).square() * (-0.5 * 12**2)
    heat = apart[:, :, 1, :, None] + apart[:, :, 0, None, :]
    assert torch.allclose(middle_of(heat), places, atol=0.01)
    assert torch.allclose(places_error(heat, places), torch.zeros(1, 3), atol=1e-3)
    assert (places_error(heat, places + 0.2) > 1.0).all()
    assert (places_error(torch.zeros_like(heat), places) > 1.0).all()  # heat everywhere says nothing
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.allclose(middle_of(heat), places, atol=0.01)  # half precision would be off by a pixel


@pytest.mark.parametrize("finest", [(24, 24), (12, 20)])
def test_coarse_features_are_raised_and_added_as_bilinear_interpolation_would(finest: tuple[int, int]) -> None:
    coarse = [torch.rand(2, 5, finest[0] // step, finest[1] // step) for step in (2, 4)] + [torch.rand(2, 5, 3, 2)]
    plain = [F.interpolate(one, finest, mode="bilinear", align_corners=False) for one in coarse]
    assert torch.allclose(raise_all(coarse, *finest), torch.stack(plain).sum(0), atol=1e-5)


def test_what_the_points_say_is_the_same_of_the_whole_picture_and_of_its_middle() -> None:
    encoder = Encoder(ConverterConfig(128, 8, points=4))
    whole = torch.rand(2, 4, 2) - 0.5
    assert torch.allclose(encoder.describe(whole, 128), encoder.describe(whole * 128 / 96, 96), atol=1e-6)
    moved = encoder.describe(whole + 0.1, 128)
    assert torch.allclose(moved[:, :-2], encoder.describe(whole, 128)[:, :-2], atol=1e-6)  # only the middle moved
    features, heat = encoder.look(torch.rand(1, 3, 64, 64))
    assert features.shape == (1, 64, 2, 2)
    assert heat.shape == (1, 4, 16, 16)
    assert not isinstance(make_encoder(ConverterConfig(64, 8)), Encoder)


def test_every_chosen_vertex_has_its_mirror_image_among_them() -> None:
    chosen, twin = vertices()
    assert torch.equal(twin[twin], torch.arange(len(chosen)))
    across = load_head().neutral[chosen] * torch.tensor([-1.0, 1.0, 1.0])
    assert (across - load_head().neutral[chosen][twin]).norm(dim=1).max() < 1e-4


def test_a_mirrored_crop_has_mirrored_points_moves_and_controllers() -> None:
    data = SurfaceData(ExpressionData(None, (64, 16), 32, seed=3), 64, 1.2)
    found = data._data.validate_people()
    some = {name: value[:2] for name, value in found.items()}
    taken = []
    for mirrored in (False, True):
        whole = torch.full((2,), mirrored)
        taken.append(data._cut(some, on_screen(some), whole, torch.Generator().manual_seed(0), learning=False))
    straight, turned = taken
    _, twin = vertices()
    flip = torch.tensor([-1.0, 1.0])
    assert torch.allclose(turned.photos, straight.photos.flip(3), atol=1e-3)
    assert torch.allclose(turned.points, (straight.points * flip)[:, twin], atol=1e-5)
    assert torch.allclose(turned.moves, (straight.moves * flip)[:, twin], atol=1e-5)
    assert torch.equal(turned.controllers, straight.controllers[:, list(MIRROR)])


def test_no_unit_of_a_reading_dies_of_positive_features() -> None:
    torch.manual_seed(0)
    reading = Reading(2304, 40)
    features, target = torch.rand(32, 256, 3, 3), torch.randn(32, 40) + 3.0
    learn = torch.optim.AdamW(reading.parameters(), 1e-3)
    loss = torch.zeros(())
    for _ in range(30):
        told, further = reading(features)
        loss = (further - target).square().mean() + told.mean()
        learn.zero_grad()
        loss.backward()
        learn.step()
    with torch.no_grad():
        alive = (reading.mix(features) > 0).any(0).float().mean()
    assert alive > 0.95
    assert 0 < loss < 5.0


def test_the_encoder_learns_alone_and_a_converter_begins_with_it(tmp_path: Path) -> None:
    recipe = make_encoder_recipe(TINY)
    batch = recipe.batch(0, 2, 0)
    terms = recipe.losses(recipe.phases[0], batch, 0)
    assert set(terms) == {"motion", "squares", "points", "moves", "heat", "places"}
    torch.stack(list(terms.values())).sum().backward()
    assert all(p.grad is not None for p in recipe.modules["encoder"].parameters())
    folder = tmp_path / "encoder"
    card = checkpoints.Card("expression", "encoder", config=asdict(recipe.config))
    checkpoints.save(folder, card, {"encoder": recipe.modules["encoder"].state_dict()})

    again = make_encoder_recipe(dataclasses.replace(TINY, options={**TINY.options, "encoder": str(folder)}))
    assert len(again.phases) == 2
    first, then = again.phases[0], again.phases[-1]
    assert (first.modules, then.modules) == (("reading",), ("encoder", "reading"))
    assert [first.takes_turn(step) for step in (0, 3, 4)] == [then.takes_turn(step) is False for step in (0, 3, 4)]
    for name, value in again.modules["encoder"].state_dict().items():
        assert torch.allclose(value.float(), recipe.modules["encoder"].state_dict()[name].float(), rtol=1e-3, atol=1e-6)

    options = {**TINY.options, "encoder": str(folder), "settle": 0.5}
    converter = make_converter_recipe(
        RunSpec(subject="expression", recipe="converter", preset="tiny", steps=4, options=options)
    )
    learned = recipe.modules["encoder"].state_dict()
    kept = copy.deepcopy(converter.modules["encoder"].state_dict())
    assert all(
        torch.allclose(value.float(), learned[name].float(), rtol=1e-3, atol=1e-6) for name, value in kept.items()
    )
    seen = converter.batch(0, 2, 0)
    assert not seen["mirrored"].any()
    torch.stack(list(converter.losses(converter.phases[0], seen, 0).values())).sum().backward()
    assert all(p.grad is None for p in converter.modules["encoder"].parameters())  # still settling
    assert not converter.modules["encoder"].training
    assert all(torch.equal(value, kept[name]) for name, value in converter.modules["encoder"].state_dict().items())
    torch.stack(list(converter.losses(converter.phases[0], seen, 2).values())).sum().backward()
    assert all(p.grad is not None for p in converter.modules["encoder"].parameters())
    wide = {**asdict(ConverterConfig.tiny()), "width": 8}
    with pytest.raises(checkpoints.CheckpointMismatch, match="4 channels wide"):
        make_converter_recipe(
            RunSpec(
                subject="expression", recipe="converter", preset="tiny", steps=4, options={**options, "config": wide}
            )
        )


def test_an_encoder_that_finds_no_points_learns_by_the_rest_alone() -> None:
    recipe = make_encoder_recipe(dataclasses.replace(TINY, options={"batch": 2}))
    terms = recipe.losses(recipe.phases[0], recipe.batch(0, 2, 0), 0)
    assert set(terms) == {"motion", "squares", "points", "moves"}


def test_batches_made_ahead_are_those_of_their_steps() -> None:
    made: list[int] = []

    def make(step: int) -> int:
        made.append(step)
        if step == 5:
            raise ValueError("no pictures")
        return step * step

    ahead = Ahead(make)
    assert [ahead.take(step) for step in (0, 1, 2, 7, 3)] == [0, 1, 4, 49, 9]
    assert ahead.take(4) == 16
    with pytest.raises(ValueError, match="no pictures"):
        ahead.take(5)
    assert ahead.take(6) == 36
    assert made.count(1) == made.count(2) == 1
