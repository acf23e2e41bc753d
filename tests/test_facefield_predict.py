"""The facefield room's way in: photos framed or refused, heads found, moved, compared; what lacks is said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_facefield import put_facefield_weights

from core.checkpoints import CheckpointMissing
from core.engine.controllers import INDEX
from core.face.align import Square
from core.face.reader import FaceReader, NoFace
from core.facefield.codes import LOOK_WIDTH, SHAPE, SHAPE_WIDTH, block, read_parameters
from core.facefield.config import Config
from core.facefield.heads import Effort, FaceCode
from core.facefield.predict import Predictor
from core.image import NotAPicture

WEIGHTS = Path("assets/weights")
QUICK = Effort(2, 1)


@pytest.fixture(scope="module")
def predictor(tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    root = put_facefield_weights(tmp_path_factory.mktemp("weights"))
    found = Predictor.load([root])
    seeds = torch.arange(700_000_000, 700_000_024)
    found.field.fit_codes(read_parameters(seeds), seeds)
    return found


@pytest.fixture(scope="module")
def portrait(predictor: Predictor) -> np.ndarray:
    draw = np.random.default_rng(0)
    return draw.integers(0, 255, (predictor.config.size, predictor.config.size, 3), dtype=np.uint8)


def test_a_head_is_found_and_the_way_there_is_told(predictor: Predictor, portrait: np.ndarray) -> None:
    told: list[float] = []
    code = predictor.find(portrait, QUICK, told.append)
    assert told == sorted(told)
    assert told[-1] == 1.0
    assert code.difference is not None
    view = predictor.view(code, 15.0, -5.0, size=48)
    assert view.pixels.shape == (48, 48, 3)
    assert view.depth_metres.shape == view.opacity.shape == (48, 48)
    assert ((view.depth_metres > 0) == (view.opacity > 0.5)).mean() > 0.95


def test_the_same_portrait_gives_the_same_head(predictor: Predictor, portrait: np.ndarray) -> None:
    one, again = predictor.find(portrait, QUICK), predictor.find(portrait, QUICK)
    assert np.array_equal(one.shape, again.shape)
    assert one.camera == again.camera


def test_a_picture_of_nobody_is_refused_with_a_sentence() -> None:
    if not (WEIGHTS / "face" / "finder").is_dir():
        pytest.skip("face finding does not ship here")
    looking = Predictor({}, Config.tiny(), FaceReader.load([WEIGHTS]), {})
    with pytest.raises(NoFace, match="No face was found"):
        looking.frame(np.full((96, 96, 3), 128, np.uint8))
    framed, square = looking.frame(np.full((96, 96, 3), 128, np.uint8), Square(48, 48, 60))
    assert framed.shape[0] == looking.config.size
    assert square.side == 60


def test_what_is_no_portrait_or_no_view_is_refused(predictor: Predictor, portrait: np.ndarray) -> None:
    code = predictor.imagine(1)
    with pytest.raises(NotAPicture, match="uint8"):
        predictor.find(np.zeros((32, 32), np.uint8))
    with pytest.raises(ValueError, match="pixels a side"):
        predictor.find(np.zeros((8, 8, 3), np.uint8))
    with pytest.raises(ValueError, match="32 to 1024"):
        predictor.view(code, size=4000)
    with pytest.raises(ValueError, match="1 to 2000"):
        list(predictor.orbit(code, 0))
    with pytest.raises(ValueError, match="smirking"):
        predictor.express(code, "smirking")
    with pytest.raises(ValueError, match="0 to 1"):
        predictor.express(code, "smile", 3.0)
    with pytest.raises(ValueError, match="numbers"):
        FaceCode(np.full(SHAPE_WIDTH, np.nan, np.float32), np.zeros(LOOK_WIDTH, np.float32), code.camera)


def test_an_expression_moves_its_controllers_and_nothing_else(predictor: Predictor) -> None:
    code = predictor.imagine(3)
    smiling = predictor.express(code, {"mouth_smile_left": 0.8, "mouth_smile_right": 0.8})
    before, after = (
        predictor.field.codes.shape.decode(torch.from_numpy(one.shape)[None])[0] for one in (code, smiling)
    )
    where = block(SHAPE, "controllers").start + INDEX["mouth_smile_left"]
    assert abs(float(after[where]) - 0.8) < 0.35  # tables of a few faces are coarse
    assert float(after[where]) > float(before[where])
    identity = block(SHAPE, "identity")
    assert (after - before)[identity].abs().max() < 0.05
    assert np.array_equal(smiling.look, code.look)
    assert np.array_equal(predictor.express(code, "smile", 0.0).shape, code.shape)


def test_a_swap_takes_the_look_alone(predictor: Predictor) -> None:
    one, other = predictor.imagine(4), predictor.imagine(5)
    swapped = predictor.swap(one, other)
    assert np.array_equal(swapped.shape, one.shape)
    assert np.array_equal(swapped.look, other.look)
    assert np.array_equal(predictor.view(one).depth_metres, predictor.view(swapped).depth_metres)


def test_a_full_orbit_does_not_come_back_to_its_beginning_and_cameras_face_the_head(predictor: Predictor) -> None:
    told = predictor.cameras(predictor.imagine(6), 8, 360.0)
    poses = np.array([row["camera_to_world"] for row in told["cameras"]]).reshape(-1, 4, 4)
    assert len(poses) == 8
    steps = np.linalg.norm(np.diff(poses[:, :3, 3], axis=0), axis=1)
    assert np.allclose(steps, steps[0], rtol=1e-3)
    assert np.linalg.norm(poses[-1, :3, 3] - poses[0, :3, 3]) == pytest.approx(steps[0], rel=1e-3)
    towards = np.array([0.0, 0.018, 0.02]) - poses[:, :3, 3]
    towards /= np.linalg.norm(towards, axis=1, keepdims=True)
    assert ((towards * poses[:, :3, 2]).sum(1) > 0.999).all()


def test_a_head_is_one_person_with_itself_and_the_verdict_says_how_often_it_errs(predictor: Predictor) -> None:
    code = predictor.imagine(8)
    verdict = predictor.verify(code, code)
    assert verdict.score >= predictor.verify(code, predictor.imagine(9)).score
    assert verdict.error_rate == 0.25


def test_missing_weights_are_said_with_the_way_to_train_them(tmp_path: Path) -> None:
    with pytest.raises(CheckpointMissing, match="python -m training facefield field"):
        Predictor.load([tmp_path])
    alone = Predictor.load([put_facefield_weights(tmp_path, without=("encoder", "verifier"))])
    size = alone.config.size
    with pytest.raises(CheckpointMissing, match="python -m training facefield encoder"):
        alone.find(np.zeros((size, size, 3), np.uint8))
    with pytest.raises(CheckpointMissing, match="python -m training facefield verifier"):
        alone.verify(alone.imagine(1), alone.imagine(2))
