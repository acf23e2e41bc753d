"""Where points of engine faces lie in their portraits: known from the head model, so that nothing need be drawn for it."""

from __future__ import annotations

import functools

import torch
import torch.nn.functional as F
from torch import Tensor

from core.camera import invert_pose, project
from core.engine.faces import Choices, draw_subjects
from core.engine.head import Head, load_head
from core.engine.shots import place_camera
from core.engine.stage import pose_people
from training.textedit_framing import carry_points, find_frames

_SIDE = 128
_SHOULDERS = 0.6
"""Of the head model's field ``body``: above it a vertex stays with the shoulders."""


@functools.lru_cache(maxsize=8)
def choose_vertices(head: Head, count: int) -> Tensor:
    """The landmarks, both pupils, then skin vertices each as far as can be from all before (Eldar 1997)."""
    pupils = []
    for number, eye in enumerate(head.eyes):
        ways = head.eye_directions[number * len(eye) :][: len(eye)]
        pupils.append(eye[ways[:, 2].argmax()])
    chosen = torch.cat((head.landmarks, torch.stack(pupils)))[:count]
    skin = torch.nonzero((head.part == 0) & (head.fields["body"] < _SHOULDERS))[:, 0]
    places = head.neutral[skin]
    far = torch.cdist(places, head.neutral[chosen]).amin(1)
    while len(chosen) < count:
        furthest = far.argmax()
        chosen = torch.cat((chosen, skin[furthest][None]))
        far = torch.minimum(far, (places - places[furthest]).norm(dim=1))
    return chosen


@torch.no_grad()
def read_places(
    seeds: Tensor, count: int, device: torch.device | str = "cpu", choices: Choices | None = None
) -> Tensor:
    """Points (N, count, 3) of the engine's faces of these seeds in their portraits, on the CPU; nothing is drawn.

    Column and row in [-1, 1] of the portrait, and the cosine between the surface's normal and the way to the camera.
    """
    head = load_head(torch.device(device))
    vertices = choose_vertices(head, count)
    rows = []
    for people, moments, shots in draw_subjects(seeds, device, choices, 32):
        posed = pose_people(head, people, moments)
        placed = place_camera(shots, posed.middle, moments.body_yaw, _SIDE)
        shown, _ = project(posed.vertices[:, vertices], invert_pose(placed.pose), placed.calibration)
        marks, _ = project(posed.vertices[:, head.landmarks], invert_pose(placed.pose), placed.calibration)
        towards = F.normalize(placed.pose[:, None, :3, 3] - posed.vertices[:, vertices], dim=-1)
        facing = (posed.normals[:, vertices] * towards).sum(-1, keepdim=True)
        rows.append(torch.cat((carry_points(shown, find_frames(marks, _SIDE), _SIDE), facing), 2))
    return torch.cat(rows).float().cpu()
