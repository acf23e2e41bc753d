"""The facefield room: what rays see, codes that keep shape and look apart, views, meshes and files."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from core.camera import invert_pose
from core.facefield.camera import Camera, cast_rays, place, tell
from core.facefield.codes import LOOK_WIDTH, SHAPE, SHAPE_WIDTH, FaceCodes, block, read_parameters
from core.facefield.config import Config
from core.facefield.heads import FaceCode, swing
from core.facefield.mesh import EmptyField, cut_surface, make_mesh, write_mesh
from core.facefield.networks import Field, Prepared, sample_grid
from core.facefield.render import Placed, composite, view, weigh
from training.plain import view_plain

MIDDLE = torch.tensor([0.0, 0.0, 0.0])
SEEDS = torch.arange(700_000_000, 700_000_024)
RADIUS = 0.08


class Ball(Field):
    """A field whose surface is known: a ball, or nothing at all."""

    def __init__(self, radius: float) -> None:
        super().__init__(Config.tiny())
        self.radius = radius

    def measure(self, prepared: Prepared, places: Tensor) -> tuple[Tensor, Tensor]:
        """Distance from the ball."""
        del prepared
        return places.norm(dim=-1) - self.radius, torch.zeros(*places.shape[:-1], self.config.width)


def make_field(seed: int = 0, kind: Callable[[], Field] | None = None) -> Field:
    torch.manual_seed(seed)
    field = (kind or (lambda: Field(Config.tiny())))()
    field.fit_codes(read_parameters(SEEDS), SEEDS)
    return field.eval().requires_grad_(False)


def draw_codes(count: int, seed: int = 3) -> tuple[Tensor, Tensor]:
    draw = torch.Generator().manual_seed(seed)
    return torch.randn(count, SHAPE_WIDTH, generator=draw), torch.randn(count, LOOK_WIDTH, generator=draw)


@pytest.fixture(scope="module")
def field() -> Field:
    return make_field()


def test_rays_through_a_ball_of_known_density_stop_at_its_depth() -> None:
    ball = make_field(kind=lambda: Ball(RADIUS))
    prepared = ball.prepare(*draw_codes(1))
    pose, lens = place(Camera(distance_metres=0.7).numbers())
    rays = cast_rays(pose[0], lens[0], 33)
    seen = view(ball, [Placed(prepared)], rays)
    near = (rays.origin @ rays.directions.T).square() - rays.origin.square().sum() + RADIUS**2
    truth = -(rays.directions @ rays.origin) - near.clamp_min(0).sqrt()
    inside, outside = near > 0.0025, near < -0.01
    assert inside.sum() > 30
    assert (seen.travel - truth)[inside].abs().max() < 0.004
    assert (seen.opacity[inside] > 0.95).all()
    assert (seen.opacity[outside] < 0.12).all()


def test_a_surface_between_two_coarse_samples_hides_as_much_as_between_many() -> None:
    for count in (3, 300):
        travels = torch.linspace(0.5, 0.7, count)
        _, opacity = weigh((0.61 - travels)[None], travels[None], 0.004)
        assert math.isclose(float(opacity), 1.0, abs_tol=1e-4)
        _, half = weigh((0.7 - travels)[None], travels[None], 0.004)
        assert math.isclose(float(half), 0.5, abs_tol=1e-3)  # a ray that ends on the surface is half through


def test_an_empty_field_is_all_background_and_has_no_mesh() -> None:
    empty = make_field(kind=lambda: Ball(-1.0))
    prepared = empty.prepare(*draw_codes(1))
    pose, lens = place(Camera().numbers())
    seen = view(empty, [Placed(prepared)], cast_rays(pose[0], lens[0], 16))
    assert float(seen.opacity.max()) < 1e-6
    assert float(seen.features.abs().max()) == 0.0
    with pytest.raises(EmptyField, match="no surface"):
        make_mesh(empty, prepared, 16)


def test_another_look_leaves_opacity_and_depth_bit_identical(field: Field) -> None:
    shape, look = draw_codes(2)
    pose, lens = place(Camera(yaw_degrees=20).numbers())
    rays = cast_rays(pose[0], lens[0], 16)
    one, other = (view(field, [Placed(field.prepare(shape[:1], look[at : at + 1]))], rays) for at in (0, 1))
    assert torch.equal(one.opacity, other.opacity)
    assert torch.equal(one.travel, other.travel)
    assert (one.features - other.features).abs().max() > 1e-3


def test_a_view_does_not_depend_on_what_was_drawn_before_or_with_it(field: Field) -> None:
    shape, look = draw_codes(2)
    pose, lens = place(Camera().numbers())
    rays = cast_rays(pose[0], lens[0], 12)
    alone = view(field, [Placed(field.prepare(shape[1:], look[1:]))], rays)
    view(field, [Placed(field.prepare(shape[:1], look[:1]))], rays)
    again = view(field, [Placed(field.prepare(shape, look).pick(1))], rays)
    assert torch.allclose(alone.features, again.features, atol=1e-6)
    assert torch.allclose(alone.opacity, again.opacity, atol=1e-5)


def test_the_quick_way_sees_what_every_sample_through_the_network_sees(field: Field) -> None:
    prepared = field.prepare(*draw_codes(1))
    pose, lens = place(Camera(pitch_degrees=10).numbers())
    rays = cast_rays(pose[0], lens[0], 16)
    quick, plain = view(field, [Placed(prepared)], rays), view_plain(field, prepared, rays)
    assert (quick.opacity - plain.opacity).abs().max() < 2e-3
    assert (quick.features - plain.features).abs().max() < 5e-3


def test_two_heads_of_one_scene_hide_each_other_by_where_they_stand() -> None:
    ball = make_field(kind=lambda: Ball(RADIUS))
    prepared = ball.prepare(*draw_codes(1))
    behind = torch.eye(4)
    behind[2, 3] = 0.3  # world to head: this head stands 30 cm farther from the camera
    pose, lens = place(Camera(distance_metres=0.9).numbers())
    rays = cast_rays(pose[0], lens[0], 17)
    alone = view(ball, [Placed(prepared)], rays, steps=90)
    both = view(ball, [Placed(prepared, behind), Placed(prepared)], rays, steps=90)
    middle = len(rays.directions) // 2
    assert math.isclose(float(both.travel[middle]), float(alone.travel[middle]), abs_tol=0.004)
    far = view(ball, [Placed(prepared, behind)], rays, steps=90)
    assert float(far.travel[middle] - alone.travel[middle]) == pytest.approx(0.3, abs=0.006)


def test_composited_samples_teach_what_views_show(field: Field) -> None:
    prepared = field.prepare(*draw_codes(1))
    pose, lens = place(Camera().numbers())
    rays = cast_rays(pose[0], lens[0], 12)
    travels = torch.linspace(0.3, 1.3, 400).expand(len(rays.directions), -1)
    features, opacity, _ = composite(
        field, prepared, rays.origin.expand_as(rays.directions)[None], rays.directions[None], travels[None]
    )
    seen = view(field, [Placed(prepared)], rays, steps=200, fine=16)
    within = seen.opacity > 0.9
    assert within.any()
    assert (opacity[0] - seen.opacity)[within].abs().max() < 0.1
    assert (features[0] - seen.features)[within].abs().mean() < 0.05


def test_a_mesh_of_a_ball_has_its_radius_faces_outward_and_is_one_piece() -> None:
    def two_balls(places: Tensor) -> Tensor:
        small = (places - torch.tensor([0.12, 0.12, 0.1])).norm(dim=1) - 0.02
        return torch.minimum(places.norm(dim=1) - RADIUS, small)

    vertices, triangles = cut_surface(two_balls, 64, (0.0, 0.0, 0.0), (0.15, 0.15, 0.15))
    assert np.abs(np.linalg.norm(vertices, axis=1) - RADIUS).max() < 0.001
    corner = vertices[triangles]
    normals = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    assert ((normals * corner.mean(1)).sum(1) > 0).mean() > 0.999


@pytest.mark.parametrize("ending", [".glb", ".ply", ".obj"])
def test_a_mesh_is_read_again_with_its_places_and_colours(tmp_path: Path, ending: str) -> None:
    import trimesh

    ball = make_field(kind=lambda: Ball(RADIUS))
    mesh = make_mesh(ball, ball.prepare(*draw_codes(1)), 32)
    write_mesh(tmp_path / f"head{ending}", mesh)
    read = trimesh.load(tmp_path / f"head{ending}", force="mesh", process=False)
    assert isinstance(read, trimesh.Trimesh)
    visual: Any = read.visual
    assert len(read.faces) == len(mesh.triangles)
    assert np.abs(np.linalg.norm(read.vertices, axis=1) - RADIUS).max() < 0.005
    assert np.abs(np.sort(np.asarray(visual.vertex_colors)[:, 0]) - np.sort(mesh.colours[:, 0])).max() <= 1
    assert not list(tmp_path.glob(".*"))


def test_a_mesh_under_another_name_is_refused(tmp_path: Path) -> None:
    ball = make_field(kind=lambda: Ball(RADIUS))
    mesh = make_mesh(ball, ball.prepare(*draw_codes(1)), 16)
    with pytest.raises(ValueError, match=r"\.glb, \.ply, \.obj"):
        write_mesh(tmp_path / "head.stl", mesh)
    with pytest.raises(ValueError, match="16 to 256"):
        make_mesh(ball, ball.prepare(*draw_codes(1)), 5)


def test_parameters_come_back_from_codes_and_codes_are_standard() -> None:
    seeds = torch.arange(700_000_000, 700_000_160)
    parameters = read_parameters(seeds)
    codes = FaceCodes()
    codes.fit(parameters, seeds)
    shape, look = codes.encode(parameters, seeds)
    back = torch.cat(codes.decode(shape, look), 1)
    spread = parameters.std(0).clamp_min(1e-3)
    identity = block(SHAPE, "identity")
    assert ((back - parameters).abs() / spread)[:, identity].mean() < 0.05
    assert ((back - parameters).abs() / spread).mean() < 0.1
    assert abs(float(shape.mean())) < 0.05
    assert 0.6 < float(shape.std()) < 1.1


def test_samples_of_a_person_are_carried_onto_the_mean_head(field: Field) -> None:
    from core.engine.head import load_head

    head = load_head("cpu")
    parameters = read_parameters(SEEDS[:1])
    rest = head.shape(parameters[:, :100])
    parameters[:, block(SHAPE, "controllers")] = 0
    fine = Field(Config(width=12, layers=1, code_width=8, volume_nodes=8))
    prepared = fine.prepare_parameters(parameters[:, :SHAPE_WIDTH], parameters[:, SHAPE_WIDTH:])
    skin = (head.part == 0) & (head.neutral[:, 2] > 0.05)
    before = (rest[0, skin] - head.neutral[skin]).norm(dim=1).mean()
    after = (fine.carry(prepared, rest[:, skin])[0] - head.neutral[skin]).norm(dim=1).mean()
    assert after < 0.35 * before


def test_a_grid_is_read_exactly_at_its_nodes_and_linearly_between() -> None:
    line = torch.linspace(-1, 1, 5)
    z, y, x = torch.meshgrid(line, line, line, indexing="ij")
    table = torch.stack((x, 2 * y, 3 * z), -1).reshape(-1, 3)
    places = torch.rand(1, 50, 3, generator=torch.Generator().manual_seed(0)) * 2 - 1
    assert torch.allclose(sample_grid(table, places, 5), places * torch.tensor([1.0, 2.0, 3.0]), atol=1e-5)


def test_a_cameras_numbers_are_read_off_the_pose_they_make() -> None:
    camera = Camera(25.0, -10.0, 5.0, 0.9, 2.0, 0.1, -0.05)
    pose, lens = place(camera.numbers())
    calibration = torch.tensor([[[2.0 * 100, 0, 50], [0, 2.0 * 100, 50], [0, 0, 1.0]]])
    square = torch.tensor([[50.0, 50.0, 100.0, 0.0]])
    assert float(lens[0]) == pytest.approx(2.0)
    again = Camera.of(tell(pose, calibration, square))
    for name in ("yaw_degrees", "pitch_degrees", "roll_degrees", "distance_metres", "lens", "across", "down"):
        assert getattr(again, name) == pytest.approx(getattr(camera, name), abs=1e-3)
    anchor = invert_pose(pose[0]) @ torch.tensor([0.0, 0.018, 0.02, 1.0])
    assert float(anchor[2]) == pytest.approx(0.9, abs=1e-5)


def test_a_code_is_the_same_after_json_and_hostile_json_is_refused_with_a_sentence() -> None:
    shape, look = draw_codes(1)
    code = FaceCode(shape[0].numpy(), look[0].numpy(), Camera(12.0, lens=3.0), 4.5)
    again = FaceCode.from_json(code.to_json())
    assert np.abs(again.shape - code.shape).max() < 1e-4
    assert (again.camera, again.difference) == (code.camera, 4.5)
    for text in (
        "", "[]", "nonsense", '{"format": "other"}', code.to_json().replace('"lens": 3.0', '"lens": "wide"'),
        code.to_json().replace('"lens": 3.0', '"lens": 1e999'), code.to_json().replace('"shape": [', '"shape": [1e9,'),
        code.to_json().replace('"lens": 3.0', '"os": 3.0'),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=r"code|camera"):
            FaceCode.from_json(text)


def test_a_camera_swings_about_the_head_and_keeps_its_distance() -> None:
    pose, _ = place(swing(Camera(10.0, distance_metres=1.0), 30.0, 0.0).numbers())
    anchor = torch.tensor([0.0, 0.018, 0.02])
    away = pose[0, :3, 3] - anchor
    assert float(away.norm()) == pytest.approx(1.0, abs=1e-4)
    assert math.degrees(math.atan2(float(away[0]), float(away[2]))) == pytest.approx(40.0, abs=1e-3)
    with pytest.raises(ValueError, match="degrees"):
        swing(Camera(), math.nan, 0.0)
