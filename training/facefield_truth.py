"""Engine heads seen from further cameras, the light where it was; the mean head; and a photo warped over it."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from core.camera import invert_pose
from core.engine import render
from core.engine.faces import Choices, FaceBatch, faces
from core.engine.head import load_head, rotation
from core.engine.light import harmonics
from core.engine.moments import draw_moments
from core.engine.people import draw_people
from core.engine.sensor import develop
from core.engine.shots import Placed, draw_backdrops, draw_shots, place_camera
from core.engine.skin import base_colour
from core.engine.stage import FULL, build_scene, pose_people
from core.facefield.camera import ANCHOR
from core.image import Pixels, to_pixels
from training.facefield_encoder import FACE_FROM_METRES

SIZE = 256
HEAD = ("skin", "brows", "eyes", "nose", "mouth", "hair", "glasses", "hat")
FACE = ("skin", "brows", "eyes", "nose", "mouth")
SURFACE_PLACES = 3000
Points = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Truth:
    """One engine face, and the same from other sides."""

    batch: FaceBatch
    photo: Pixels
    turned: dict[float, Pixels]
    masks: dict[float, npt.NDArray[np.bool_]]
    """Where the head is in each."""
    surface: Points
    """(N, 3) places of the face that the photo shows, in the head's frame."""


def draw_truth(seed: int, yaws: tuple[float, ...], size: int = SIZE) -> Truth:
    """The face of a seed, its photo, and the same moment from cameras swung about the head; no noise on those."""
    batch = faces([seed], size=size)
    turned, masks = {}, {}
    for yaw in yaws:
        turned[yaw], masks[yaw] = _draw_swung(seed, yaw, size)
    return Truth(batch, to_pixels(batch.pixels)[0], turned, masks, seen_face(batch))


def seen_face(batch: FaceBatch, most: int = SURFACE_PLACES) -> Points:
    """Places of the first face's skin that its photo shows, in the head's frame: neither hair nor glasses lie over them."""
    wanted = torch.tensor([render.SEGMENTS.index(name) for name in FACE])
    rows, columns = torch.nonzero(torch.isin(batch.segmentation[0].long(), wanted) & (batch.depth[0] > 0)).unbind(1)
    every = max(1, len(rows) // most)
    rows, columns = rows[::every], columns[::every]
    lens, depth = batch.calibration[0], batch.depth[0, rows, columns]
    across = (columns + 0.5 - lens[0, 2]) / lens[0, 0] * depth
    down = (rows + 0.5 - lens[1, 2]) / lens[1, 1] * depth
    view = invert_pose(batch.pose[0]) @ batch.camera[0]
    return (torch.stack((across, down, depth), 1) @ view[:3, :3].T + view[:3, 3]).double().numpy()


def _draw_swung(seed: int, yaw_degrees: float, size: int) -> tuple[Pixels, npt.NDArray[np.bool_]]:
    seeds = torch.tensor([seed])
    head = load_head("cpu")
    people, moments, shots = draw_people(head, seeds), draw_moments(seeds), draw_shots(seeds)
    posed = pose_people(head, people, moments)
    placed = place_camera(shots, posed.middle, moments.body_yaw, size)
    swing = rotation(*torch.tensor([[math.radians(yaw_degrees)], [0.0], [0.0]]))
    about = posed.turn @ swing @ posed.turn.transpose(1, 2)  # about the head's own axis, through what is aimed at
    pose = placed.pose.clone()
    pose[:, :3, :3] = about @ placed.pose[:, :3, :3]
    pose[:, :3, 3] = (about @ (placed.pose[:, :3, 3] - posed.middle)[..., None])[..., 0] + posed.middle
    scene = build_scene(head, people, moments, posed, Placed(pose, placed.calibration, placed.light), FULL)
    drawn = render.draw(scene, size, 1.5)
    full = drawn.colour + draw_backdrops(shots, drawn.coverage.shape[-1]) * (1 - drawn.coverage[:, None])
    small = F.interpolate(full.clamp(0, 6), (size, size), mode="bilinear", antialias=True, align_corners=False)
    light, towards = placed.light, F.normalize(placed.pose[:, :3, 3] - scene.points[:, :8000:40].mean(1), dim=-1)
    soft = torch.einsum("bk,bkc->bc", harmonics(towards), light.soft_surround()).mean(1)
    lamps = ((light.directions * towards[:, None]).sum(-1).clamp_min(0) * 0.7 + 0.25) * light.colours.mean(-1)
    bright = base_colour(people.skin.tone, people.skin.warmth).mean(1)
    exposed = shots.exposure * (0.3 / bright) ** 0.4 / (soft + lamps.sum(1)).clamp_min(0.12)  # as the engine meters
    still = torch.zeros_like(shots.sensor.blur)
    clean = replace(shots.sensor, blur=still, noise=still, motion=still, sharpen=still, quality=still + 1)
    pixels = develop(small, exposed, clean, seeds)
    pick = ((torch.arange(size) + 0.5) * drawn.segments.shape[-1] / size).long()
    wanted = torch.tensor([render.SEGMENTS.index(name) for name in HEAD])
    mask = torch.isin(drawn.segments[0, pick][:, pick].long(), wanted)
    return to_pixels(pixels)[0], mask.numpy()


def draw_again(seed: int, other: int) -> Pixels:
    """A person in another moment, camera and light."""
    return to_pixels(faces([seed], size=SIZE, choices=Choices(moment_seeds=[other], shot_seeds=[other])).pixels)[0]


@functools.lru_cache(maxsize=1)
def mean_face() -> tuple[Points, Points]:
    """Places and normals of the mean head's face."""
    head = load_head("cpu")
    chosen = (head.part == 0) & (head.neutral[:, 2] > FACE_FROM_METRES - 0.02) & (head.neutral[:, 1] > -0.12)
    normals = head.normals(head.neutral[None])[0]
    return head.neutral[chosen].double().numpy(), normals[chosen].double().numpy()


def surface_error(truth: Points, places: Points, normals: Points, rounds: int = 24) -> float:
    """Mean distance in millimetres of true places from a surface (places with normals) laid over them by a similarity.

    Nearest places, then the similarity that brings the surface there (Umeyama 1991), again and again.
    """
    from scipy.spatial import KDTree

    moved, turned = places.copy(), normals.copy()
    for step in range(rounds + 1):
        tree = KDTree(moved)
        distance, nearest = tree.query(truth)
        arm = truth - moved[nearest]
        along = np.abs((arm * turned[nearest]).sum(1))
        if step == rounds:
            # beyond the surface's edge its plane goes on for ever, the distance does not
            return float(np.minimum(np.where(distance < 0.006, along, distance), 0.03).mean() * 1000)
        near = distance <= np.quantile(distance, 0.95)
        # first to the nearest places themselves, then to their planes, along which a surface may slide
        across = turned[nearest] * (arm * turned[nearest]).sum(1, keepdims=True)
        goal = moved[nearest] if step < rounds // 3 else truth - across
        scale, turn, shift = _similarity(goal[near], truth[near])
        moved, turned = scale * moved @ turn.T + shift, turned @ turn.T
    raise AssertionError


def _similarity(source: Points, goal: Points) -> tuple[float, Points, Points]:
    """Scale, rotation and shift that bring places to others, by least squares."""
    from_middle, to_middle = source.mean(0), goal.mean(0)
    left, right = source - from_middle, goal - to_middle
    u, spread, v = np.linalg.svd(right.T @ left)
    sign = np.diag([1.0, 1.0, np.sign(np.linalg.det(u @ v))])
    turn = u @ sign @ v
    scale = float(np.trace(np.diag(spread) @ sign) / max((left**2).sum(), 1e-12))
    return scale, turn, to_middle - scale * turn @ from_middle


def warp_over_mean_head(portrait: Pixels, seen: tuple[Tensor, float], wanted: tuple[Tensor, float]) -> Pixels:
    """What another camera (pose to the head, lens) sees of a photo laid over the mean head and a plane behind it."""
    import cv2
    import open3d as o3d

    from core.facefield.camera import cast_rays

    head, size = load_head("cpu"), portrait.shape[0]
    scene = o3d.t.geometry.RaycastingScene()
    vertices, triangles = head.neutral.numpy(), head.triangles.numpy().astype(np.uint32)
    scene.add_triangles(_to_open3d(vertices), _to_open3d(triangles))
    rays = cast_rays(wanted[0], wanted[1], size)
    cast = torch.cat((rays.origin.expand_as(rays.directions), rays.directions), 1)
    travel = torch.from_numpy(scene.cast_rays(_to_open3d(cast.numpy()))["t_hit"].numpy())
    forward = wanted[0][:3, 2]
    plane = ((torch.tensor(ANCHOR) - rays.origin) @ forward) / (rays.directions @ forward)
    travel = torch.where(torch.isfinite(travel), travel, plane)
    places = rays.origin + travel[:, None] * rays.directions
    local = invert_pose(seen[0])
    at = places @ local[:3, :3].T + local[:3, 3]
    maps = ((at[:, :2] / at[:, 2:].clamp_min(1e-3) * seen[1] + 0.5) * size - 0.5).reshape(size, size, 2).numpy()
    return np.asarray(
        cv2.remap(
            portrait, maps[..., 0].astype(np.float32), maps[..., 1].astype(np.float32), cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        ),
        dtype=np.uint8,
    )  # fmt: skip


def _to_open3d(values: npt.NDArray[Any]) -> Any:
    import open3d as o3d

    return o3d.core.Tensor.from_numpy(np.ascontiguousarray(values))
