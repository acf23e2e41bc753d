"""How the facefield room learns: rays that meet what is known, exact resume, whole pictures, plain folders, verdicts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_facefield import put_facefield_weights

from core.camera import invert_pose
from core.engine.faces import faces
from core.engine.render import SEGMENTS
from core.facefield.camera import ANCHOR, place, tell
from core.facefield.codes import SHAPE, block
from core.image import to_pixels, write_picture
from training.facefield_data import HeadData, Heads, cast, choose_pixels, cross_box, frame_portraits
from training.facefield_truth import mean_face, surface_error
from training.recipe import hold
from training.recipes.facefield import make_encoder_recipe, make_field_recipe, make_verifier_recipe
from training.run import RunFolder
from training.spec import BadRequest, RunSpec, write_request
from training.trainer import Trainer

FEW: dict[str, Any] = {"count": 8, "fitted": 8, "validated": 1, "size": 64}


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("heads")
    HeadData(made, 8, 0, 64).validate(2)
    return made


@pytest.fixture(scope="module")
def heads(folder: Path) -> Heads:
    return HeadData(folder, 8, 0, 64).learn(0, 8)


def ask(folder: Path, recipe: str = "field", **changes: Any) -> RunSpec:
    options = {**FEW, **changes.pop("options", {})}
    return RunSpec("facefield", recipe, preset="tiny", data=str(folder), options=options, **changes)


def test_rays_end_on_the_engines_own_skin(heads: Heads) -> None:
    rays = cast(heads, choose_pixels(heads.segmentation, 200, torch.Generator().manual_seed(0)))
    at = rays["origins"] + rays["surface"][..., None] * rays["directions"]
    batch = faces(heads.seeds[:1], size=64)
    vertices = (batch.vertices[0] - batch.pose[0, :3, 3]) @ batch.pose[0, :3, :3]
    grid = ((rays["places"] + 1) * 32).long()[0]
    skin = heads.segmentation[0][grid[:, 1], grid[:, 0]] == SEGMENTS.index("skin")
    assert skin.sum() > 20
    near = torch.cdist(at[0, skin], vertices).min(1).values
    assert near.median() < 0.003
    assert (near < 0.02).float().mean() > 0.95
    assert set(torch.unique(rays["surface"][0] > 0).tolist()) == {True, False}


def test_a_portraits_numbers_put_the_head_where_the_picture_shows_it(heads: Heads) -> None:
    portraits, squares = frame_portraits(heads, 64, torch.Generator().manual_seed(1))
    assert portraits.shape == (8, 3, 64, 64)
    poses, lens = place(tell(heads.view, heads.calibration, squares))
    marks = torch.tensor([ANCHOR, (0.03, 0.03, 0.07), (-0.03, -0.05, 0.07)])
    for at in range(8):
        local = invert_pose(heads.view[at])
        true = marks @ local[:3, :3].T + local[:3, 3]
        pixel = true @ heads.calibration[at].T
        pixel = pixel[:, :2] / pixel[:, 2:]
        cosine, sine = squares[at, 3].cos(), squares[at, 3].sin()
        off = pixel - squares[at, :2]
        crop = torch.stack((off[:, 0] * cosine + off[:, 1] * sine, off[:, 1] * cosine - off[:, 0] * sine), 1)
        crop = crop / squares[at, 2]
        mine = invert_pose(poses[at])
        seen = marks @ mine[:3, :3].T + mine[:3, 3]
        drawn = seen[:, :2] / seen[:, 2:] * lens[at]
        assert (drawn - crop).abs().max() < 0.012  # of the portrait's side


def test_rays_cross_the_box_where_it_is() -> None:
    origins = torch.tensor([[[0.0, 0.0, 1.0], [0.0, 2.0, 1.0]]])
    directions = torch.tensor([[[0.0, 0.0, -1.0], [0.0, 0.0, -1.0]]])
    near, far = cross_box(origins, directions, torch.zeros(3), torch.full((3,), 0.25))
    assert (float(near[0, 0]), float(far[0, 0])) == (pytest.approx(0.75), pytest.approx(1.25))
    assert near[0, 1] > far[0, 1]


def test_resumed_six_and_four_steps_equal_ten_unbroken(folder: Path, tmp_path: Path) -> None:
    found = [_learn(folder, tmp_path / "unbroken", (10,)), _learn(folder, tmp_path / "resumed", (6, 10))]
    for key, value in found[0].items():
        assert torch.equal(value, found[1][key]), key


def _learn(folder: Path, where: Path, stretches: tuple[int, ...]) -> dict[str, torch.Tensor]:
    """A field's weights after so many steps, in as many stretches; the rate stays."""
    weights: dict[str, torch.Tensor] = {}
    for steps in stretches:
        spec = ask(folder, steps=steps, save_every=50, options={"pictures": 1, "identity": 0.1})
        write_request(where, spec)
        recipe = make_field_recipe(spec)
        recipe.phases = tuple(replace(phase, schedule=hold) for phase in recipe.phases)
        trainer = Trainer(recipe, RunFolder(where), torch.device("cpu"))
        trainer.resume()
        trainer.run()
        weights = {key: value.clone() for key, value in recipe.field.state_dict().items()}
    return weights


def test_a_field_learns_where_the_surface_is(folder: Path) -> None:
    recipe = make_field_recipe(ask(folder, steps=40))
    optimiser = torch.optim.Adam(recipe.field.parameters(), 5e-3)
    geometry = []
    for step in range(40):
        terms = recipe.losses(recipe.phases[0], recipe.batch(step % 4, 2, 0), step)
        geometry.append(float(terms["geometry"].detach()))
        optimiser.zero_grad()
        torch.stack(list(terms.values())).sum().backward()
        optimiser.step()
    assert np.mean(geometry[-8:]) < 0.9 * np.mean(geometry[:8])


def test_an_encoders_batch_is_a_function_of_its_step_and_its_loss_falls(folder: Path) -> None:
    recipe = make_encoder_recipe(ask(folder, "encoder", steps=30))
    first, again = recipe.batch(3, 4, 0), recipe.batch(3, 4, 0)
    assert torch.equal(first["portraits"], again["portraits"])
    halves = torch.cat([recipe.batch(3, 2, part)["portraits"] for part in (0, 1)])
    assert torch.equal(first["portraits"], halves)
    optimiser = torch.optim.Adam(recipe.encoder.parameters(), 3e-3)
    terms: list[float] = []
    for step in range(30):
        found = recipe.losses(recipe.phases[0], recipe.batch(0, 4, 0), step)
        optimiser.zero_grad()
        torch.stack(list(found.values())).sum().backward()
        optimiser.step()
        terms.append(sum(float(value.detach()) for value in found.values()))
    assert terms[-1] < 0.8 * terms[0]


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("photos")
    for number, pixels in enumerate(to_pixels(faces(range(700_000_100, 700_000_108), size=64).pixels)):
        write_picture(made / f"face{number}.png", pixels)
    (made / "broken.png").write_bytes(b"no picture")
    return made


def test_a_plain_folder_of_faces_teaches_by_the_discriminator_alone(photos: Path, tmp_path: Path) -> None:
    spec = ask(photos, steps=2, save_every=50, options={"adversarial": 0.5, "identity": 0.0})
    recipe = make_field_recipe(spec)
    assert recipe.folder is not None
    recipe.folder.known = False
    recipe.folder.read = None
    assert [phase.name for phase in recipe.phases] == ["pictures", "discriminator", "r1"]
    write_request(tmp_path, spec)
    before = recipe.field.volume.detach().clone()
    trainer = Trainer(recipe, RunFolder(tmp_path), torch.device("cpu"))
    assert trainer.run() == "done"
    assert not torch.equal(before, recipe.field.volume)
    assert set(trainer.recent) == {"fool", "tell_apart", "r1"}
    assert recipe.sources == {photos.name: "a person's own pictures"}


def test_a_plain_folder_with_an_encoder_is_held_against_its_pictures(photos: Path, tmp_path: Path) -> None:
    root = put_facefield_weights(tmp_path / "weights", without=("verifier",))
    start = root / "facefield" / "field"
    recipe = make_field_recipe(ask(photos, steps=2, start_from=str(start), options={"roots": [str(root)]}))
    assert recipe.folder is not None
    assert recipe.folder.known
    terms = recipe.losses(recipe.phases[0], recipe.batch(0, 2, 0), 0)
    assert {"pixels", "edges", "perceptual"} <= set(terms)
    assert recipe.measure()["validation"] > 0


def test_a_folder_with_too_few_faces_is_refused_with_a_sentence(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "one.png").write_bytes((photos / "face0.png").read_bytes())
    with pytest.raises(BadRequest, match="at least 4"):
        make_field_recipe(ask(tmp_path, steps=1))


def test_a_verifier_learns_who_is_who_from_what_stays(tmp_path: Path) -> None:
    root = put_facefield_weights(tmp_path)
    options = {"roots": [str(root)], "people": 2, "validated": 2, "pairs": 16, "size": 64}
    recipe = make_verifier_recipe(RunSpec("facefield", "verifier", preset="tiny", steps=60, options=options))
    draw = torch.Generator().manual_seed(0)
    people = torch.randn(200, recipe.verifier.middle.shape[0], generator=draw)
    noise = torch.randn(400, people.shape[1], generator=draw)
    told = people.repeat_interleave(2, 0) + noise * 0.7
    recipe.described, recipe.held_back = told[:300], told[300:]
    recipe.verifier.settle(told[:300])
    optimiser = torch.optim.Adam(recipe.verifier.parameters(), 1e-2)
    for step in range(60):
        (loss,) = recipe.losses(recipe.phases[0], recipe.batch(step, 16, 0), step).values()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert recipe.measure()["error_rate"] < 0.15


def test_the_mean_face_lies_on_itself_and_a_larger_turned_one_too_but_not_on_another() -> None:
    places, normals = mean_face()
    turn = np.linalg.qr(np.eye(3) + 0.05 * np.array([[0, 1, -1], [-1, 0, 1], [1, -1, 0]]))[0]
    turn *= np.sign(np.diag(turn))
    moved = 1.05 * places @ turn.T + 0.004
    assert surface_error(places, places, normals) < 0.01
    assert surface_error(places, moved, normals @ turn.T) < 0.4
    wider = places * np.array([1.12, 1.0, 1.0])
    assert surface_error(wider, places, normals) > 0.5


def test_shape_parameters_of_the_cache_are_those_that_were_drawn(heads: Heads, folder: Path) -> None:
    again = HeadData(folder, 8, 0, 64).learn(0, 8)
    assert torch.equal(again.parameters, heads.parameters)
    drawn = faces(heads.seeds[:2], size=64)
    assert torch.allclose(heads.parameters[:2, block(SHAPE, "identity")], drawn.identity, atol=2e-3)
    assert torch.allclose(heads.parameters[:2, block(SHAPE, "controllers")], drawn.controllers, atol=1e-3)
