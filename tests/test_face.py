"""Faces in pictures: crops and their inverse, networks on small drawn faces, what finder and reader promise."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from core import checkpoints
from core.checkpoints import Card
from core.engine.faces_cache import CacheConfig, fill_cache
from core.expression.close import CloseReader
from core.expression.config import ReaderConfig
from core.face import align
from core.face.align import MIRROR, Square
from core.face.config import FinderConfig, LandmarkConfig, ParserConfig
from core.face.find import Candidate, find_with, keep_apart
from core.face.networks import FinderNet, LandmarkNet, ParserNet
from core.face.reader import FaceReader, NoFace
from core.image import to_tensor
from core.locator import middle_of
from training.face_data import Spread, carry, cut, draw_squares, paint_ground
from training.face_tasks import FinderTask
from training.recipes.face import make_landmark_recipe
from training.spec import RunSpec

SQUARES = st.builds(Square, st.floats(-50, 250), st.floats(-50, 250), st.floats(10, 400), st.floats(-180, 180))


@given(SQUARES)
def test_points_carried_into_a_crop_and_out_again_are_where_they_were(square: Square) -> None:
    points = np.random.default_rng(0).uniform(0, 200, (68, 2)).astype(np.float32)
    back = align.out_of_crop(align.into_crop(points, square, 96), square, 96)
    assert np.abs(back - points).max() < 0.05


def test_a_crop_shows_at_each_place_what_the_picture_has_there() -> None:
    rows, columns = np.mgrid[0:160, 0:200]
    pixels = np.stack((columns, rows, np.zeros_like(rows)), -1).astype(np.uint8)
    square = Square(90, 70, 60, 20)
    patch = align.crop(pixels, square, 48)
    for place in ((10, 12), (24, 24), (40, 7)):
        whole = align.out_of_crop(np.array([[place[0] + 0.5, place[1] + 0.5]], np.float32), square, 48)[0]
        shown = patch[place[1], place[0]]
        assert abs(float(shown[0]) + 0.5 - whole[0]) < 1.5
        assert abs(float(shown[1]) + 0.5 - whole[1]) < 1.5


def test_a_crop_pasted_back_leaves_the_picture_nearly_as_it_was() -> None:
    smooth = np.random.default_rng(0).uniform(0, 255, (8, 8, 3)).astype(np.uint8)
    import cv2

    pixels = np.asarray(cv2.resize(smooth, (160, 160), interpolation=cv2.INTER_CUBIC), np.uint8)
    square = Square(80, 85, 90, 15)
    again = align.paste(pixels, align.crop(pixels, square, 128), square)
    assert np.abs(again.astype(int) - pixels).mean() < 1.0
    assert np.abs(again.astype(int) - pixels).max() < 25
    other = align.paste(pixels, np.zeros((128, 128, 3), np.uint8), square)
    assert other[85, 80].max() == 0
    assert np.array_equal(other[:10], pixels[:10])


def test_the_square_of_a_turned_face_lies_level_with_its_eyes() -> None:
    points = np.zeros((68, 2), np.float32)
    points[:] = 100
    points[align.LEFT_EYE], points[align.RIGHT_EYE] = (130, 110), (70, 90)
    square = align.square_around(points, upright=True)
    inside = align.into_crop(points, square, 64)
    assert abs(inside[align.LEFT_EYE, 1].mean() - inside[align.RIGHT_EYE, 1].mean()) < 1e-3


def test_the_mirror_of_the_mirror_is_the_face_and_the_middle_stays() -> None:
    assert np.array_equal(MIRROR[MIRROR], np.arange(68))
    assert [int(point) for point in np.flatnonzero(np.arange(68) == MIRROR)] == [8, 27, 28, 29, 30, 33, 51, 57, 62, 66]


def test_training_crops_carry_their_points_along() -> None:
    draw = torch.Generator().manual_seed(3)
    picture = torch.full((1, 1, 128, 128), -1.0)
    landmarks = torch.rand(1, 68, 2, generator=draw) * 60 + 34
    for column, row in landmarks[0].long().tolist():
        picture[0, 0, row, column] = 1.0
    for mirrored in (False, True):
        flags = torch.tensor([mirrored])
        squares = draw_squares(landmarks, 1.5, Spread(), draw)
        crop = cut(picture, squares, 96, flags)
        points = carry((landmarks.floor() + 0.5), squares, flags)
        at = torch.nn.functional.grid_sample(crop, points[:, None], align_corners=False)[0, 0, 0]
        assert at.mean() > crop.mean() + 0.4
        plain = carry(landmarks, squares, torch.tensor([False]))
        if mirrored:
            assert torch.allclose(
                points[0, 0, 1], carry(landmarks.floor() + 0.5, squares, torch.tensor([False]))[0, 16, 1]
            )
            assert not torch.allclose(points, plain)


def test_overlapping_candidates_are_one_face_and_far_ones_are_two() -> None:
    near = [Candidate(Square(50, 50, 40), 0.9), Candidate(Square(55, 52, 44), 0.8), Candidate(Square(120, 50, 40), 0.7)]
    assert [one.score for one in keep_apart(near)] == [0.9, 0.7]
    assert keep_apart([Candidate(Square(5, 5, 6), 0.9)]) == []


def test_landmarks_begin_where_heat_maps_point_and_go_aside_as_the_crop_says() -> None:
    torch.manual_seed(0)
    network = LandmarkNet(LandmarkConfig.tiny()).eval()
    crops = torch.rand(2, 3, 32, 32) * 2 - 1
    points, sure, heat = network.look(crops)
    assert points.shape == (2, 68, 2)
    assert sure.shape == (2,)
    assert torch.allclose(points, middle_of(heat), atol=1e-5)
    torch.nn.init.constant_(network.aside.bias, 0.7)
    assert torch.allclose(network(crops)[0], points + 0.7, atol=1e-5), "a point may lie beyond the edge"


def close_ups(folder: Path) -> RunSpec:
    fill_cache(folder / "photos", CacheConfig(0, 8, 160, quick=True, close=True, maps=False))
    options = {"faces": "photos", "count": 8, "rate": 5e-3, "look": str(folder / "reader")}
    return RunSpec("face", "landmarks", "tiny", steps=40, data=str(folder), options=options)


def test_landmarks_learn_from_close_ups_and_begin_with_a_readers_look(tmp_path: Path) -> None:
    shape = replace(ReaderConfig.tiny(), width=LandmarkConfig.tiny().width)
    look = CloseReader(shape)
    card = Card("expression", "reader", config=asdict(shape))
    checkpoints.save(tmp_path / "reader", card, {"reader": look.state_dict()})
    recipe = make_landmark_recipe(close_ups(tmp_path))
    begun, known = recipe.modules["landmarks"].state_dict(), look.whole.state_dict()
    for key in ("trunk.stages.1.0.first.conv.weight", "locate.join.2.weight", "locate.mix.conv.weight"):
        assert torch.allclose(begun[key], known[key], atol=1e-2), key
    parts = [recipe.batch(0, 16, part) for part in range(4)]
    batch = {key: torch.cat([part[key] for part in parts]) for key in parts[0]}
    optimiser = torch.optim.Adam(recipe.modules["landmarks"].parameters(), 5e-3)
    totals = []
    for _ in range(30):
        losses = recipe.losses(recipe.phases[0], batch, 0)
        totals.append(float(losses["points"].detach()))
        optimiser.zero_grad()
        torch.stack(list(losses.values())).sum().backward()
        optimiser.step()
    assert totals[-1] < 0.7 * totals[0]


def tiny_reader() -> FaceReader:
    torch.manual_seed(0)
    finder, landmarks, parser = FinderConfig.tiny(), LandmarkConfig.tiny(), ParserConfig.tiny()
    networks = FinderNet(finder), LandmarkNet(landmarks), ParserNet(parser)
    torch.nn.init.constant_(networks[1].believe.bias, -9.0)
    return FaceReader(*(net.eval() for net in networks), (finder.size, landmarks.size, parser.size))  # pyright: ignore[reportArgumentType, reportCallIssue]


def test_a_picture_without_faces_is_an_empty_list_and_a_sentence() -> None:
    reader = tiny_reader()
    for shape in ((1, 1), (3, 500), (240, 320)):
        assert reader.find(np.full((*shape, 3), 128, np.uint8)) == []
    with pytest.raises(NoFace, match="seen from the front"):
        reader.find_one(np.zeros((64, 64, 3), np.uint8))
    assert reader.follow(np.zeros((64, 64, 3), np.uint8), None) is None


def test_the_finder_learns_where_a_disc_lies_and_how_large_it_is() -> None:
    torch.manual_seed(0)
    config = FinderConfig.tiny()
    net = FinderNet(config)
    optimiser = torch.optim.Adam(net.parameters(), 5e-3)
    draw = torch.Generator().manual_seed(0)
    grid = torch.arange(config.size) + 0.5

    def discs(count: int) -> tuple[torch.Tensor, torch.Tensor]:
        place = torch.rand(count, 2, generator=draw) * 30 + 17
        side = torch.rand(count, generator=draw) * 14 + 16
        away = (grid[None, None] - place[:, :1, None]) ** 2 + (grid[None, :, None] - place[:, 1:, None]) ** 2
        inside = (away.sqrt() < side[:, None, None] / 2)[:, None]
        pictures = torch.where(inside, torch.tensor(0.9), paint_ground(count, config.size, draw) * 0.3 - 0.5)
        return pictures, torch.cat((place, side[:, None]), 1)

    task = FinderTask(config)
    task.network = net
    for _ in range(150):
        pictures, true = discs(16)
        batch = {"pictures": pictures, "cells": true / config.stride, "there": torch.ones(16)}
        loss = torch.stack(list(task.losses(batch).values())).sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    pictures, true = discs(12)
    net.eval()
    hits = 0
    for picture, place in zip(pictures, true, strict=True):
        pixels = ((picture.permute(1, 2, 0) + 1) * 127.5).round().to(torch.uint8).numpy()
        assert torch.allclose(to_tensor(pixels)[0], picture.clamp(-1, 1), atol=0.01)
        found = find_with(net, pixels, config.size)
        if found:
            best = found[0].square
            hits += abs(best.column - place[0]) < 5 and abs(best.row - place[1]) < 5 and abs(best.side - place[2]) < 8
    assert hits >= 9
