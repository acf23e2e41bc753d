"""Faces of which attributes are drawn anew: evenly, each apart from the others, and nothing else of the person."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from core.engine.attributes import ASKABLE, INDEX
from core.engine.changes import MOVED, PRESENCES, move, vary_people
from core.engine.controllers import INDEX as PLACE
from core.engine.faces import Choices, draw_subjects, faces
from core.engine.faces_cache import CacheConfig, fill_cache
from core.engine.people import MEASURED
from core.textedit.codes import DRAWN, block, read_parameters
from training.face_data import FaceData
from training.textedit_data import PortraitData, Wanted
from training.textedit_framing import carry_points, find_frames
from training.textedit_places import read_places

SEEDS = list(range(700_000_400, 700_000_408))


def test_neighbours_are_one_person_in_one_shot_and_differ_in_what_may_be_asked_for() -> None:
    batch = faces(SEEDS, size=48, choices=vary_people(SEEDS, 2))
    one, other = batch.attributes[0::2], batch.attributes[1::2]
    for key in ("skin_tone", "head_turn"):
        assert torch.allclose(one[:, INDEX[key]], other[:, INDEX[key]], atol=1e-5), key
    asked = [INDEX[key] for key in ASKABLE]
    differing = ((one - other).abs() > 0.05)[:, asked].float().mean()
    assert 0.4 < differing < 0.9
    assert torch.equal(batch.identity[0::2, :80], batch.identity[1::2, :80]), "shape that no attribute steers"
    assert torch.equal(batch.camera[0::2, :3, :3], batch.camera[1::2, :3, :3])
    assert not torch.equal(batch.camera[0::2], batch.camera[0::2].roll(1, 0)), "strangers are seen otherwise"


def test_what_is_drawn_anew_fills_the_whole_scale_and_is_tied_to_nothing() -> None:
    seeds = list(range(700_001_000, 700_001_400))
    grades = torch.stack([torch.as_tensor(value) for value in vary_people(seeds, share=1.0).grades.values()], 1)
    assert grades.shape == (400, len(ASKABLE) - len(MOVED))
    for column in grades.unbind(1):
        assert torch.histc(column, 4, 0, 1).min() > 0.17 * 400
    ties = torch.corrcoef(grades.T) - torch.eye(grades.shape[1])
    assert ties.abs().max() < 0.25
    never = vary_people(seeds[:20], share=0.0)
    own = next(draw_subjects(seeds[:20]))[0].grades
    assert all(torch.equal(torch.as_tensor(value), own[:, INDEX[key]]) for key, value in never.grades.items())


def test_moved_controllers_raise_or_lower_and_leave_the_rest() -> None:
    still = torch.full((3, len(PLACE)), 0.2)
    for key, (raised, lowered) in MOVED.items():
        moved = move(key, torch.tensor([1.0, -1.0, 0.0]), still)
        assert (moved[0, [PLACE[name] for name in raised]] > 0.8).all()
        assert (moved[1, [PLACE[name] for name in raised]] == 0).all()
        assert (lowered == ()) == (key in PRESENCES)
        for name in lowered:
            assert moved[:, PLACE[name]].tolist() == [0.0, moved[1, PLACE[name]], 0.0]
            assert moved[1, PLACE[name]] > 0.8
        touched = [PLACE[name] for name in (*raised, *lowered)]
        rest = [place for place in range(len(PLACE)) if place not in touched]
        assert (moved[:, rest] == 0.2).all()


def test_parameters_and_places_are_those_of_the_faces_that_are_drawn() -> None:
    seeds = torch.tensor(SEEDS[:4])
    choices = vary_people(SEEDS[:4])
    batch = faces(seeds, size=64, choices=choices)
    parameters = read_parameters(seeds, choices=choices)
    drawn = parameters[:, block("grades")]
    for place, key in enumerate(DRAWN):
        if key != "hair_lightness":  # grey strands lighten what is seen
            assert torch.allclose(drawn[:, place], batch.attributes[:, INDEX[key]], atol=2e-3), key
    assert torch.allclose(parameters[:, block("controllers")], batch.controllers, atol=2e-3)
    framed = carry_points(batch.landmarks, find_frames(batch.landmarks, 64), 64)
    assert (read_places(seeds, 68, choices=choices)[:, :, :2] - framed).abs().max() < 1e-3
    assert not torch.allclose(read_parameters(seeds), parameters), "the seeds' own faces are others"


def test_subjects_come_in_parts_and_are_the_same_as_at_once() -> None:
    choices = Choices(grades={"age": torch.linspace(0, 1, 8)})
    whole = next(draw_subjects(SEEDS, choices=choices))[0].grades
    parts = torch.cat([people.grades for people, _, _ in draw_subjects(SEEDS, choices=choices, chunk=3)])
    assert torch.allclose(whole, parts, atol=1e-6)


def test_a_varied_cache_holds_other_faces_and_says_so(tmp_path: Path) -> None:
    varied = fill_cache(tmp_path / "varied", CacheConfig(40, 4, 32, pictures_each=2, varied=True))
    plain = fill_cache(tmp_path / "plain", CacheConfig(40, 4, 32, pictures_each=2))
    assert varied.config.varied
    assert varied.config.engine != plain.config.engine, "it stands on more of the engine"
    one, other = (cache.read(torch.arange(4))["attributes"] for cache in (varied, plain))
    assert not torch.allclose(one, other, atol=0.05)


def test_a_batch_holds_as_large_a_share_of_varied_faces_as_there_are(tmp_path: Path) -> None:
    data = PortraitData(tmp_path, Wanted(2, 32, points=8, varied=4), seed=5)
    found = data.learn(0, 6)
    assert ((found.seeds >= 300_000_000) & (found.seeds < 300_000_004)).tolist() == [False] * 2 + [True] * 4
    assert found.places is not None
    assert found.places.shape == (6, 8, 3)
    anew = found.seeds[2:]
    again = read_parameters(anew, choices=vary_people(anew.tolist()))
    assert torch.allclose(found.parameters[2:], again, atol=1e-6)
    seeds, parameters, places = data.undrawn(1, 6)
    assert (seeds >= 300_000_000).sum() == 4
    assert len(parameters) == len(places) == 6
    drawn_now = PortraitData(None, Wanted(4, 32, varied=4), seed=5).learn(0, 2)
    assert drawn_now.pixels.shape == (2, 3, 32, 32)


def test_judges_of_attributes_meet_two_of_each_person_and_are_validated_on_both_kinds(tmp_path: Path) -> None:
    data = FaceData(tmp_path, 4, seed=1, kind="varied", validated=2)
    found = data.learn(3, 4)
    tone = found["attributes"][:, INDEX["skin_tone"]]
    assert torch.equal(tone[0::2], tone[1::2])
    assert len(data.validate()["pixels"]) == 4
    again = FaceData(tmp_path, 4, seed=1, kind="varied", validated=2).learn(3, 4)
    assert torch.equal(found["pixels"], again["pixels"])


def test_every_measured_grade_follows_its_wish_by_a_shape_that_people_have() -> None:
    seeds = torch.arange(700_002_000, 700_002_048)
    plain = next(draw_subjects(seeds))[0]
    for key in MEASURED:
        wish = torch.linspace(0.05, 0.95, len(seeds))
        people = next(draw_subjects(seeds, choices=Choices(grades={key: wish})))[0]
        grades = people.grades[:, INDEX[key]]
        assert torch.corrcoef(torch.stack((wish, grades)))[0, 1] > 0.94, key
        assert (people.identity - plain.identity).abs().median() == 0, "by its own modes alone"
        assert (people.identity - plain.identity).abs().amax(1).mean() < 2.5, (
            f"{key}: nobody is bent out of shape for it"
        )


def test_people_who_are_not_drawn_teach_places_and_every_other_lot_is_varied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.textedit_data.SHARD_FACES", 2)
    data = PortraitData(tmp_path, Wanted(2, 32, points=8, undrawn=3), seed=5)
    seeds, parameters, places = data.undrawn(0, 12)
    lots = (seeds - 500_000_000) // 2
    assert set(lots.tolist()) == {0, 1}
    for lot, varied in ((0, False), (1, True)):
        chosen = seeds[lots == lot]
        choices = vary_people(chosen.tolist()) if varied else None
        assert torch.allclose(parameters[lots == lot], read_parameters(chosen, choices=choices), atol=1e-6)
        assert torch.allclose(places[lots == lot], read_places(chosen, 8, choices=choices), atol=1e-5)
    assert not list((tmp_path / "undrawn").glob("faces-*")), "nothing of them was drawn"
    again = PortraitData(tmp_path, Wanted(2, 32, points=8, undrawn=3), seed=5).undrawn(0, 12)
    assert torch.equal(again[1], parameters)
