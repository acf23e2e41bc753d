"""The reader of photos: patches lie where they should, mirror images read as such, training and use cut alike."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import pytest
import torch
from tiny_expression import draw_person, put_weights

from core import checkpoints
from core.engine.controllers import MIRROR, NAMES
from core.engine.faces import Choices, faces
from core.engine.faces_cache import CacheConfig, fill_cache
from core.expression.close import (
    FURTHEST,
    PATCHES,
    WHOLE_SIDE,
    CloseReader,
    anchors_of,
    away_from,
    in_picture,
    lay_squares,
    mirror_anchors,
    moved_by,
    place_in_patches,
    place_in_whole,
    tell_squares,
)
from core.expression.config import PainterConfig, ReaderConfig
from core.expression.networks import Painter
from core.expression.predict import WHISPERED, Predictor, cut_patches, mirror, squares_of, who_is_driven
from core.face.align import LEFT_EYE, RIGHT_EYE
from core.face.reader import Face, FaceReader
from core.image import Pixels, to_pixels
from core.locator import places_error, point_out
from studio.settings import Settings
from training import expression_close
from training.expression_close import CloseData, Follower, stray
from training.expression_data import ExpressionData, draw_virtual
from training.expression_points import asked_points, draw_points
from training.expression_surface import into_crop, on_screen, vertices
from training.face_data import Spread, extents
from training.recipes import expression_reader
from training.recipes.expression_painter import draw_numbers, make_painter_recipe
from training.recipes.expression_reader import INPUTS, make_reader_recipe
from training.recipes.expression_solver import make_solver_recipe
from training.spec import BadRequest, RunSpec

SHIPPED = Settings().shipped / "weights"
TINY = RunSpec(
    subject="expression", recipe="reader", preset="tiny", steps=40, options={"batch": 2, "count": 4, "alone": 2}
)


@pytest.fixture(scope="module")
def marks() -> torch.Tensor:
    return faces(range(40, 44), size=160, choices=Choices(close=True)).landmarks


def test_squares_lie_on_eyes_and_mouth_and_hold_the_face(marks: torch.Tensor) -> None:
    right, left, mouth, whole = lay_squares(marks).unbind(1)
    apart = (marks[:, LEFT_EYE].mean(1) - marks[:, RIGHT_EYE].mean(1)).norm(dim=1)
    for square, eye in ((right, RIGHT_EYE), (left, LEFT_EYE)):
        away = (marks[:, eye].mean(1) - square[:, :2]).norm(dim=1)
        assert (away < 0.25 * square[:, 2]).all()
        assert (square[:, 2] > 0.95 * apart).all()
    inside = (marks[:, 48:] - mouth[:, None, :2]).abs().amax((1, 2))
    assert (inside < 0.6 * mouth[:, 2]).all()
    assert ((marks - whole[:, None, :2]).norm(dim=2) < 0.75 * whole[:, 2:3]).all()


def test_squares_go_along_when_a_face_is_moved_turned_and_enlarged(marks: torch.Tensor) -> None:
    angle, factor, shift = math.radians(20), 1.7, torch.tensor([13.0, -8.0])
    turn = torch.tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    before, after = lay_squares(marks), lay_squares(marks @ turn.T * factor + shift)
    assert torch.allclose(after[..., :2], before[..., :2] @ turn.T * factor + shift, atol=1e-2)
    assert torch.allclose(after[..., 2], before[..., 2] * factor, rtol=1e-4)
    assert torch.allclose(after[..., 3], before[..., 3] + angle, atol=1e-4)
    assert torch.allclose(tell_squares(after), tell_squares(before), atol=1e-4)


def test_a_mirrored_face_is_the_other_eye_and_mirrored_truth() -> None:
    data = CloseData(ExpressionData(None, (64, 16), 0, seed=3), ReaderConfig.tiny())
    batch = faces(range(900_000_000, 900_000_002), size=96)
    some = {name: getattr(batch, name) for name in ("pixels", "landmarks", "controllers", "identity", "pose", "camera")}
    some["calibration"] = batch.calibration
    marks = stray(batch.landmarks, torch.Generator().manual_seed(0))
    straight, turned = (
        data._cut(some, marks, on_screen(some)[0], torch.full((2,), mirrored)) for mirrored in (False, True)
    )
    assert torch.allclose(turned.right, straight.left, atol=1e-3)
    assert torch.allclose(turned.left, straight.right, atol=1e-3)
    assert torch.allclose(turned.mouth, straight.mouth.flip(3), atol=1e-3)
    assert torch.allclose(turned.whole, straight.whole.flip(3), atol=1e-3)
    assert torch.equal(turned.controllers, straight.controllers[:, list(MIRROR)])
    flip, swapped = torch.tensor([-1.0, 1.0]), [1, 0, 2]
    places = (straight.places.view(2, 3, 2) * flip)[:, swapped]
    assert torch.allclose(turned.places.view(2, 3, 2), places, atol=1e-4)
    asked, mirror = asked_points().every(), vertices()[1]
    swapped = [asked.tolist().index(mirrored) for mirrored in mirror[asked].tolist()]
    assert torch.allclose(turned.points, (straight.points * flip)[:, swapped], atol=1e-4)


def test_patches_are_cut_in_use_as_they_are_in_training() -> None:
    config = ReaderConfig(48, 48, 64, 4)
    data = CloseData(ExpressionData(None, (64, 16), 0, seed=3), config)
    batch = faces([41], size=160, choices=Choices(close=True))
    some = {name: getattr(batch, name) for name in ("pixels", "landmarks", "controllers", "identity", "pose", "camera")}
    some["calibration"] = batch.calibration
    learned = data._cut(some, batch.landmarks, on_screen(some)[0], torch.zeros(1, dtype=torch.bool))
    used = cut_patches(to_pixels(batch.pixels)[0], lay_squares(batch.landmarks), config)
    for name, patch in zip(INPUTS, used, strict=True):
        apart = (patch - getattr(learned, name)).abs().mean()
        assert apart < (1e-4 if name == "places" else 0.03), f"{name}: {apart}"
    other = used[PATCHES.index("left")].flip(3)
    assert (other - learned.left).abs().mean() > 0.03  # mirrored, not as it lies


def test_faces_are_followed_in_training_as_they_are_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expression_close, "LAST_SEEN", Spread(0.0, 0.0, 0.0))
    batch, draw = faces(range(41, 44), size=160, choices=Choices(close=True)), torch.Generator().manual_seed(0)
    theirs = Follower([SHIPPED]).find(batch.pixels, batch.landmarks, draw)
    reader = FaceReader.load([SHIPPED])
    for pixels, before, found in zip(to_pixels(batch.pixels), batch.landmarks, theirs, strict=True):
        used = reader.follow(pixels, Face(before.numpy(), 1.0))
        assert used is not None
        assert abs(used.points - found.numpy()).max() < 0.006 * used.extent
        assert 0.002 < float((found - before).norm(dim=1).mean()) / used.extent < 0.04  # it errs
    nothing = torch.zeros(3, 3, 160, 160)
    assert torch.equal(Follower([SHIPPED]).find(nothing, batch.landmarks, draw), batch.landmarks)  # lost


def test_where_no_landmarks_are_in_service_a_sentence_says_how_to_learn_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expression_reader, "SHIPPED", tmp_path)
    with pytest.raises(BadRequest, match="followed=false"):
        make_reader_recipe(TINY)
    make_reader_recipe(replace(TINY, options={**TINY.options, "followed": False}))


def test_squares_are_laid_by_what_the_follower_finds_and_as_nearly_as_after_a_first_look(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Beside:
        """One who sees every face half a face to the right."""

        def find(self, pixels: torch.Tensor, landmarks: torch.Tensor, draw: torch.Generator) -> torch.Tensor:
            del pixels, draw
            return landmarks + torch.tensor([0.5, 0.0]) * extents(landmarks)[1][:, None, None]

    people = ExpressionData(None, (64, 16), 0, seed=3)
    alone, followed = (CloseData(people, ReaderConfig.tiny(), who) for who in (None, cast(Follower, Beside())))
    astray = alone.take(0, 24)
    monkeypatch.setattr(expression_close, "ASTRAY", 0.0)
    monkeypatch.setattr(expression_close, "APART", 0.0)
    true, beside = alone.take(0, 24), followed.take(0, 24)
    assert torch.equal(true.controllers, beside.controllers)
    away = (beside.points - true.points).mean(1)[:, 0].abs()
    assert (away[away > 0.01] > 0.2).all()
    assert 0.15 < (away > 0.2).float().mean() < 0.6
    monkeypatch.undo()
    again = followed.take(0, 24)
    some = away < 0.01
    led, nearer = (float((one.places - true.places)[some].abs().mean()) for one in (astray, again))
    assert 0.25 * led < nearer < 0.6 * led  # true landmarks go astray less where there is one who looks again


def test_squares_are_laid_by_points_as_well_as_by_landmarks_of_people_nobody_met() -> None:
    seeds = torch.arange(70_000_000, 70_000_060)
    drawn = draw_points(seeds, seeds % 3 == 2, close=True)
    squares, anchors = lay_squares(drawn.landmarks), anchors_of(drawn.landmarks)
    unit = squares[:, 3, 2] / WHOLE_SIDE
    points = into_crop(drawn.points, squares[:, 3], torch.zeros(60, dtype=torch.bool))[:, asked_points().every()]
    recipe = make_reader_recipe(TINY)
    reader = recipe.modules["reader"]
    assert isinstance(reader, CloseReader)
    draw = torch.Generator().manual_seed(0)
    for off, most in ((0.0, 0.012), (0.02, 0.016)):
        led = points + off * torch.randn(points.shape, generator=draw)
        found = in_picture(reader.find_anchors(led), squares[:, 3])
        assert float(((found - anchors).norm(dim=2) / unit[:, None]).mean()) < most
    assert torch.allclose(in_picture(points, squares[:, 3]), drawn.points[:, asked_points().every()], atol=1e-2)


def test_what_squares_are_laid_by_is_moved_with_the_face_and_never_off_it(marks: torch.Tensor) -> None:
    anchors = anchors_of(marks)
    unit = lay_squares(marks)[:, 3, 2] / WHOLE_SIDE
    steps = (torch.rand(anchors.shape, generator=torch.Generator().manual_seed(1)) - 0.5) * 0.2
    there = moved_by(anchors, steps)
    assert torch.allclose((there - anchors).norm(dim=2), steps.norm(dim=2) * unit[:, None], rtol=1e-3)
    assert torch.allclose(away_from(anchors, there), steps, atol=1e-4)
    angle, factor = math.radians(25), 2.0
    turn = factor * torch.tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    assert torch.allclose(away_from(anchors @ turn.T, there @ turn.T), steps, atol=1e-4)
    assert away_from(anchors, anchors + 3.0 * unit[:, None, None]).abs().max() <= FURTHEST


def test_pictures_and_clips_are_looked_at_again_where_their_points_lie() -> None:
    people, who = faces(range(900_000_300, 900_000_312), size=160), Predictor.load([SHIPPED], ("juno",))
    finder = FaceReader.load([SHIPPED])
    off, apart = [], []
    for pixels, landmarks in zip(to_pixels(people.pixels), people.landmarks, strict=True):
        face = finder.follow(pixels, Face(landmarks.numpy(), 1.0))
        assert face is not None
        first = who.read_face(pixels, "juno", face)
        assert first.away is not None
        told, true = anchors_of(torch.from_numpy(face.points)[None]), anchors_of(landmarks[None])
        away = torch.from_numpy(first.away)[None]
        found = moved_by(told, away)
        off.append([float((some - true).norm(dim=2).mean()) / face.extent for some in (told, found)])
        there = mirror(pixels, face)
        assert np.abs(mirror(*there)[1].points - face.points).max() < 1e-3
        straight = who.read_face(pixels, "juno", face, away=first.away).controllers
        mirrored = who.read_face(there[0], "juno", there[1], away=mirror_anchors(away)[0].numpy()).controllers
        reading = who.read_face(pixels, "juno", face, again=True)
        both = (straight + mirrored[list(MIRROR)]) / 2
        far = np.abs(both - WHISPERED) > 2e-3
        assert np.allclose(reading.controllers[far], np.where(both < WHISPERED, 0, both)[far], atol=2e-3)
        assert (both[far] < WHISPERED).any()
        assert np.array_equal(reading.face.points, face.points)
        apart.append([np.abs(reading.controllers - some).mean() for some in (straight, first.controllers)])
    before, after = np.mean(off, 0)
    assert after < 0.7 * before, "squares lie better than where the follower would lay them"
    assert (np.mean(apart, 0) > 0.0005).all()
    assert (np.mean(apart, 0) < 0.03).all()
    still = to_pixels(people.pixels)[0]
    found = who.read(still, "juno")
    assert np.array_equal(found.controllers, who.read_face(still, "juno", found.face, again=True).controllers)
    followed = who.read(still, "juno", found.face)
    assert np.array_equal(followed.controllers, who.read_face(still, "juno", followed.face, again=True).controllers)


def test_a_close_cache_shows_the_same_faces_from_nearer_and_may_leave_maps_out(tmp_path: Path) -> None:
    far = fill_cache(tmp_path / "far", CacheConfig(40, 3, 64, quick=True)).read(torch.arange(3))
    close = CacheConfig(40, 3, 64, quick=True, close=True, maps=False)
    near = fill_cache(tmp_path / "near", close).read(torch.arange(3))
    assert torch.equal(far["controllers"], near["controllers"])
    sizes = [(held["landmarks"].amax(1) - held["landmarks"].amin(1)).amax(1) for held in (far, near)]
    assert (sizes[1] / sizes[0] > 1.2).all()
    assert "segmentation" in far
    assert "segmentation" not in near
    assert "depth" not in near


def test_a_reader_learns_a_batch_by_heart_and_every_weight_takes_part() -> None:
    recipe = make_reader_recipe(TINY)
    batch = recipe.batch(0, 2, 0)
    terms = recipe.losses(recipe.phases[0], batch, 0)
    assert set(terms) == {"motion", "squares", "heat", "apart"}
    torch.stack(list(terms.values())).sum().backward()
    assert all(p.grad is not None for p in recipe.modules["reader"].parameters())
    learn = torch.optim.AdamW(recipe.modules["reader"].parameters(), 3e-3)
    before = after = float(terms["motion"].detach())
    apart = float(terms["apart"].detach())
    for _ in range(60):
        terms = recipe.losses(recipe.phases[0], batch, 0)
        learn.zero_grad()
        torch.stack(list(terms.values())).sum().backward()
        learn.step()
        after = float(terms["motion"].detach())
    assert after < 0.5 * before
    assert float(terms["apart"].detach()) < 0.5 * apart
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in recipe.modules["reader"].parameters())


@pytest.fixture(scope="module")
def person() -> Pixels:
    return draw_person()


def test_numbers_are_read_from_the_photo_where_a_reader_serves_and_else_from_what_is_drawn(
    tmp_path: Path, person: Pixels
) -> None:
    put_weights(tmp_path, reader=False)
    faces_only = tmp_path / "face"
    faces_only.mkdir()
    (faces_only / "face").symlink_to(SHIPPED / "face")
    roots = (tmp_path / "weights", faces_only)
    drawn = Predictor.load(roots)
    assert drawn.way == "virtual"
    assert who_is_driven(roots) == ("juno", "fen")

    torch.manual_seed(5)
    network = CloseReader(ReaderConfig.tiny()).eval()
    torch.nn.init.normal_(network.solver.tell.weight, std=1.0)
    card = checkpoints.Card("expression", "reader", config=ReaderConfig.tiny().__dict__)
    checkpoints.save(tmp_path / "weights" / "expression" / "reader", card, {"reader": network.state_dict()})
    direct, through = Predictor.load(roots), Predictor.load(roots, way="virtual")
    assert (direct.way, through.way) == ("photo", "virtual")
    found = direct.reader.find_one(person)
    readings = {one: one.read_face(person, "juno", found) for one in (drawn, direct, through)}
    assert np.array_equal(readings[drawn].controllers, readings[through].controllers)
    assert np.abs(readings[direct].controllers - readings[drawn].controllers).max() > 0.05
    assert np.array_equal(readings[direct].virtual, readings[drawn].virtual)  # without a painter the converter draws
    other = direct.read_face(person, "fen", found)
    assert np.array_equal(other.controllers, readings[direct].controllers)  # a face says the same to both
    with torch.no_grad():
        told, _ = network(*cut_patches(person, squares_of(found), ReaderConfig.tiny()))
    assert told.shape == (1, len(NAMES))
    assert np.abs(told[0].numpy() - readings[direct].controllers).max() < 2e-3
    card = checkpoints.Card("expression", "painter", config={"size": 32, "width": 4, "characters": ["juno"]})
    only = {"juno": Painter(PainterConfig.tiny()).state_dict()}
    checkpoints.save(tmp_path / "weights" / "expression" / "painter", card, only)
    some = Predictor.load(roots)
    assert np.array_equal(some.read_face(person, "fen", found).virtual, other.virtual)
    assert not np.array_equal(some.read_face(person, "juno", found).virtual, readings[drawn].virtual)
    painters = {name: Painter(PainterConfig.tiny()) for name in ("juno", "fen")}
    for painter in painters.values():
        torch.nn.init.normal_(painter.draw.still, std=0.5)
    card = checkpoints.Card("expression", "painter", config=PainterConfig.tiny().__dict__)
    states = {name: painter.state_dict() for name, painter in painters.items()}
    checkpoints.save(tmp_path / "weights" / "expression" / "painter", card, states)
    painting = Predictor.load(roots).read_face(person, "fen", found)
    assert np.array_equal(painting.controllers, readings[direct].controllers)
    with torch.no_grad():
        drawn_so = painters["fen"].eval()(torch.from_numpy(painting.controllers)[None])
    assert np.abs(to_pixels(drawn_so)[0].astype(int) - painting.virtual).max() <= 2
    for name in ("juno", "fen"):  # a reader of photos needs no regressors beside it
        for path in (tmp_path / "weights" / "expression" / f"regressor_{name}").iterdir():
            path.unlink()
    assert who_is_driven(roots) == ("juno", "fen")
    assert Predictor.load(roots).way == "photo"
    with pytest.raises(ValueError, match="photo or virtual"):
        Predictor.load(roots, way="ear")


def test_a_painter_draws_a_face_at_rest_as_its_still_picture_and_settling_changes_nothing() -> None:
    torch.manual_seed(1)
    painter = Painter(PainterConfig.tiny())
    last = painter.draw.layers[-1]
    assert isinstance(last, torch.nn.ConvTranspose2d)
    torch.nn.init.normal_(last.weight, std=60.0)
    rest = draw_virtual("juno", torch.zeros(1, len(NAMES)), 32)
    painter.draw.begin_with(rest)
    numbers = torch.rand(3, len(NAMES))
    painter(numbers)  # norms have seen something
    painter.eval()
    with torch.no_grad():
        before = painter(numbers)
        assert (painter(torch.zeros(2, len(NAMES))) - rest).abs().max() < 0.02
        assert (before - rest).abs().mean() > 0.01
        assert torch.allclose(painter.settle()(numbers), before, atol=1e-3)
        assert (painter(torch.zeros(1, len(NAMES))) - rest).abs().max() < 0.02


def test_what_a_reader_hardly_tells_of_is_nothing() -> None:
    told = CloseReader.say(torch.linspace(-0.3, 1.0, 131))
    assert (told.diff() > 0).all()  # less than nothing, so that it can be learned away from
    assert (told[:32] < 0).all()
    assert told.min() > -0.04
    assert told[33] > 0
    assert abs(float(told[-1]) - 1.0) < 1e-5
    reader = CloseReader(ReaderConfig.tiny()).eval()
    eye, whole = torch.zeros(1, 3, 16, 16), torch.zeros(1, 3, 32, 32)
    assert (reader(eye, eye, eye, whole, torch.zeros(1, 6))[0] == 0).all()  # nothing learned, nothing said


def test_points_go_from_the_face_to_patches_and_back_where_pictures_show_them() -> None:
    data, config = CloseData(ExpressionData(None, (64, 16), 0, seed=3), ReaderConfig.tiny()), ReaderConfig.tiny()
    eye, mouth, whole = config.points
    asked = asked_points()
    assert [len(some) for some in (asked.right, asked.left, asked.mouth, asked.whole)] == [eye, eye, mouth, whole]
    near, counts = data.take(0, 4), CloseReader(config).counts
    own = place_in_patches(near.points, near.places, counts)
    assert torch.allclose(place_in_whole(own, near.places), near.points, atol=1e-5)
    for some, share in zip(own, (0.9, 0.9, 0.85, 0.85), strict=True):
        assert (some.abs().amax(2) < 1).float().mean() > share
    # both eyes look alike to the network that reads them: their points lie about the same places
    assert (own[0].mean((0, 1)) - own[1].mean((0, 1))).abs().max() < 0.2
    assert torch.equal(own[3], near.points[:, -whole:])


def test_a_heat_map_points_at_its_middle_and_says_how_far_it_spreads() -> None:
    across = (torch.arange(24) * 2 + 1) / 24 - 1
    where = torch.tensor([[0.31, -0.42], [-0.2, 0.55]])
    sharp, wide = (
        -0.5 * ((across - where[:, :1, None]) ** 2 + (across[:, None] - where[:, 1:, None]) ** 2) / width**2
        for width in (0.1, 0.3)
    )
    for map_, apart in ((sharp, 0.01), (wide, 0.05)):
        assert (point_out(map_[:, None])[0][:, 0] - where).abs().max() < apart
    assert (point_out(wide[:, None])[1] > point_out(sharp[:, None])[1] + 0.8).all()
    shown = places_error(sharp[:, None], where[:, None])
    assert (places_error(sharp[:, None], where.flip(0)[:, None]) > shown + 1).all()


def test_a_reader_begins_with_a_solver_that_has_learned(tmp_path: Path) -> None:
    solver = make_solver_recipe(RunSpec("expression", "solver", "tiny", steps=1)).modules["solver"]
    torch.nn.init.normal_(solver.get_parameter("tell.weight"))
    card = checkpoints.Card("expression", "solver", config=ReaderConfig.tiny().__dict__)
    checkpoints.save(tmp_path, card, {"solver": solver.state_dict()})
    begun = make_reader_recipe(replace(TINY, options=TINY.options | {"solver": str(tmp_path)})).modules["reader"]
    for name, value in solver.state_dict().items():
        assert torch.allclose(begun.state_dict()[f"solver.{name}"], value, atol=1e-2), name


def test_a_reader_grows_in_width_reads_the_same_and_then_uses_all_of_it(tmp_path: Path) -> None:
    narrow = make_reader_recipe(TINY).modules["reader"]
    assert isinstance(narrow, CloseReader)
    torch.manual_seed(1)
    for weight in narrow.parameters():  # as if it had learned: blocks that say something, a solver that tells
        if weight.abs().sum() == 0:
            torch.nn.init.normal_(weight, std=0.1)
    card = checkpoints.Card("expression", "reader", config=ReaderConfig.tiny().__dict__, pictures=96)
    checkpoints.save(tmp_path, card, {"reader": narrow.state_dict()}, "fp32")
    grown = {"grow": str(tmp_path), "width": 6}
    recipe = make_reader_recipe(replace(TINY, options=TINY.options | grown))
    assert recipe.config == replace(ReaderConfig.tiny(), width=6)
    assert recipe.sources["before"] == "96 pictures 4 channels wide"
    wide, batch = recipe.modules["reader"], recipe.batch(0, 2, 0)
    assert isinstance(wide, CloseReader)
    given = [batch[name] for name in INPUTS]
    narrow.eval()
    wide.eval()
    before, after = narrow.look(*given), wide.look(*given)
    assert before.told.std() > 0.01
    assert torch.allclose(before.told, after.told, atol=1e-4)
    assert torch.allclose(before.points, after.points, atol=1e-4)
    wide.train()
    learn = torch.optim.AdamW(wide.parameters(), 1e-3)
    for _ in range(3):  # what is new is listened to after a step, and learns from the next one on
        learn.zero_grad()
        torch.stack(list(recipe.losses(recipe.phases[0], batch, 0).values())).sum().backward()
        learn.step()
    new = wide.eye.trunk.stem.conv.weight.grad
    assert new is not None
    assert (new[4:].abs().sum((1, 2, 3)) > 0).all()
    with pytest.raises(BadRequest, match="does not shrink"):
        make_reader_recipe(replace(TINY, options=TINY.options | grown | {"width": 3}))
    with pytest.raises(BadRequest, match="give one of them"):
        make_reader_recipe(replace(TINY, options=TINY.options | grown, start_from=str(tmp_path)))


def test_a_painter_learns_from_the_engines_own_pictures_of_numbers_as_readers_give_them(tmp_path: Path) -> None:
    numbers = draw_numbers(torch.arange(400))
    assert torch.equal(numbers[7:9], draw_numbers(torch.arange(7, 9)))
    assert ((numbers >= 0) & (numbers <= 1)).all()
    counts = (numbers > 0.002).sum(1)
    assert counts[1::2].min() > 60  # what is read is never quite at rest
    assert (numbers[4::10] > 0).sum(1).max() == 1  # one controller alone
    options = {"batch": 3, "count": 6}
    request = RunSpec("expression", "painter", "tiny", steps=40, data=str(tmp_path), options=options)
    recipe = make_painter_recipe(request)
    batch, again = recipe.batch(2, 3, 0), make_painter_recipe(request).batch(2, 3, 0)
    true = draw_virtual("juno", batch["controllers"], 32)
    assert (batch["pictures"] - true).abs().max() <= 1.01 / 127.5  # kept as eight bits
    assert torch.equal(batch["pictures"], again["pictures"])
    learn, errors = torch.optim.Adam(recipe.modules["juno"].parameters(), 3e-3), []
    for _ in range(60):
        terms = recipe.losses(recipe.phases[0], batch, 2)
        learn.zero_grad()
        torch.stack(list(terms.values())).sum().backward()
        learn.step()
        errors.append(float(terms["difference"].detach()))
    assert errors[-1] < 0.4 * errors[0]
