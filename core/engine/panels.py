"""Pieces of cloth as grids of points between four edges, and the fixed list of slots that every garment fills in part.

Left and right are those of the picture. A slot that a garment does not have lies behind the camera.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

PARTS = (
    *("nothing", "body", "left sleeve", "right sleeve", "collar", "placket", "hood", "pocket", "hem", "cuff"),
    *("waistband", "inside", "button", "cord", "label", "belt"),
)
MATERIALS = ("cloth", "trim", "inside", "metal", "label", "cord")
GRIDS = {"big": (33, 21), "strip": (5, 33), "small": (9, 9), "disc": (3, 13)}


@dataclass(frozen=True)
class Slot:
    """One possible piece: its grid, what it counts as, how high it lies and where it is stitched."""

    name: str
    grid: str
    part: str
    layer: float
    material: str = "cloth"
    stitch: tuple[float, float, float, float] = (0, 0, 0, 0)
    """Centimetres from the top, bottom, left (outer) and right (inner) edge; 0 for none."""
    groove: tuple[float, float, float, float] = (0, 0, 0, 0)
    """How deep the seam along each edge sinks."""


def _both(name: str, grid: str, part: str, layer: float, **more: object) -> tuple[Slot, Slot]:
    """The slots for left and right; the edges of both are (top, bottom, outer, inner)."""
    left, right = (
        Slot(f"{name}_{side}", grid, part.replace("SIDE", side), layer + lift, **more)  # pyright: ignore[reportArgumentType]
        for side, lift in (("left", 0.0), ("right", 0.02))
    )
    return left, right


SLOTS: tuple[Slot, ...] = (
    Slot("back", "big", "inside", 0.2, "inside", (0, 2, 0, 0)),
    *_both("front", "big", "body", 1.0, stitch=(0, 2, 0, 0)),
    *_both("sleeve", "big", "SIDE sleeve", 1.3, stitch=(0, 2, 0, 0), groove=(1, 0, 0, 0)),
    Slot("hood_back", "big", "inside", 0.3, "inside"),
    *_both("hood", "big", "hood", 1.5, stitch=(0, 0, 0, 1.2), groove=(0, 0.8, 0, 0)),
    Slot("neck_back", "strip", "collar", 0.6, "trim", (0.5, 0, 0, 0)),
    *_both("neck", "strip", "collar", 1.6, material="trim", groove=(0.7, 0, 0, 0)),
    Slot("placket", "strip", "placket", 1.7, "cloth", (0.4, 0.4, 0, 0)),
    Slot("zip", "strip", "placket", 1.8, "metal"),
    *_both("cuff", "strip", "cuff", 1.5, stitch=(0.4, 0, 0, 0), groove=(0.9, 0, 0, 0)),
    *_both("hem", "strip", "hem", 1.4, material="trim", groove=(0.9, 0, 0, 0)),
    Slot("waist_back", "strip", "inside", 0.5, "inside"),
    Slot("waist", "strip", "waistband", 1.8, "cloth", (0.4, 0.4, 0, 0), (0, 0.6, 0, 0)),
    Slot("belt", "strip", "belt", 2.2, "cloth", (0.3, 0.3, 0, 0)),
    *_both("cord", "strip", "cord", 2.4, material="cord"),
    Slot("fly", "strip", "placket", 1.5, "cloth", (0, 0.4, 0, 0)),
    *_both("leaf", "small", "collar", 2.2, stitch=(0, 0.5, 0.5, 0)),
    *_both("lapel", "small", "collar", 2.0),
    *_both("pocket", "small", "pocket", 1.6, stitch=(1.6, 0.35, 0.35, 0.35)),
    *_both("flap", "small", "pocket", 1.9, stitch=(0.3, 0.4, 0.4, 0.4)),
    *_both("welt", "small", "pocket", 1.7, stitch=(0.3, 0.3, 0.3, 0.3)),
    Slot("label", "small", "label", 0.8, "label"),
    *(Slot(f"loop_{at}", "small", "waistband", 2.1, "cloth", (0, 0, 0.3, 0.3)) for at in range(5)),
    *(Slot(f"button_{at}", "disc", "button", 2.5 if at < 10 else 2.6, "metal") for at in range(12)),
)
SLOT_NUMBER = {slot.name: at for at, slot in enumerate(SLOTS)}


@dataclass(frozen=True)
class Piece:
    """One slot filled for N garments: places (N, R, C, 2) and cloth coordinates (N, R, C, 2), centimetres; worn (N,)."""

    name: str
    places: Tensor
    cloth: Tensor
    worn: Tensor


def point(x: Tensor | float, y: Tensor | float, like: Tensor) -> Tensor:
    """A point (N, 2) of two numbers or tensors (N,)."""
    zero = torch.zeros_like(like)
    return torch.stack((zero + x, zero + y), -1)


def line(start: Tensor, end: Tensor, count: int) -> Tensor:
    """``count`` points (N, count, 2) from start to end, both included."""
    at = torch.linspace(0, 1, count, device=start.device)[None, :, None]
    return start[:, None] * (1 - at) + end[:, None] * at


def bend(start: Tensor, first: Tensor, second: Tensor, end: Tensor, count: int) -> Tensor:
    """A cubic Bezier curve as ``count`` points."""
    at = torch.linspace(0, 1, count, device=start.device)[None, :, None]
    rest = 1 - at
    return (
        start[:, None] * rest**3
        + first[:, None] * (3 * rest**2 * at)
        + second[:, None] * (3 * rest * at**2)
        + end[:, None] * at**3
    )


def chain(*curves: Tensor) -> Tensor:
    """Curves joined end to start; the shared points stand once."""
    return torch.cat((curves[0], *(curve[:, 1:] for curve in curves[1:])), 1)


def resample(curve: Tensor, count: int) -> Tensor:
    """The same polyline as ``count`` points, evenly by number."""
    turned = curve.transpose(1, 2)
    return torch.nn.functional.interpolate(turned, count, mode="linear", align_corners=True).transpose(1, 2)


def shift_aside(curve: Tensor, amount: Tensor) -> Tensor:
    """The curve moved to its left-hand side (seen going along it with y down: to the right-hand normal) by centimetres (N,)."""
    ahead = torch.cat((curve[:, 1:], 2 * curve[:, -1:] - curve[:, -2:-1]), 1)
    before = torch.cat((2 * curve[:, :1] - curve[:, 1:2], curve[:, :-1]), 1)
    along = torch.nn.functional.normalize(ahead - before, dim=-1)
    normal = torch.stack((along[..., 1], -along[..., 0]), -1)
    return curve + normal * amount[:, None, None]


def fill(top: Tensor, bottom: Tensor, left: Tensor, right: Tensor) -> Tensor:
    """The grid (N, R, C, 2) between four edges (Coons 1967); top and bottom run left to right, the others down."""
    rows, columns = left.shape[1], top.shape[1]
    across = torch.linspace(0, 1, columns, device=top.device)[None, None, :, None]
    down = torch.linspace(0, 1, rows, device=top.device)[None, :, None, None]
    ruled = top[:, None] * (1 - down) + bottom[:, None] * down
    other = left[:, :, None] * (1 - across) + right[:, :, None] * across
    corners = (top[:, None, :1] * (1 - across) + top[:, None, -1:] * across) * (1 - down) + (
        bottom[:, None, :1] * (1 - across) + bottom[:, None, -1:] * across
    ) * down
    return ruled + other - corners


def strip(upper: Tensor, lower: Tensor) -> Tensor:
    """A band between two curves of 33 points each."""
    down = torch.linspace(0, 1, GRIDS["strip"][0], device=upper.device)[None, :, None, None]
    return upper[:, None] * (1 - down) + lower[:, None] * down


def quad(corners: Sequence[Tensor], belly: float = 0.0) -> Tensor:
    """A small piece of four corners (top left, top right, bottom right, bottom left); the lower edge sags by ``belly`` cm."""
    count = GRIDS["small"][0]
    top_left, top_right, bottom_right, bottom_left = corners
    bottom = line(bottom_left, bottom_right, count)
    sag = 1 - torch.linspace(-1, 1, count, device=bottom.device).abs()
    bottom = bottom + torch.stack((torch.zeros_like(sag), sag * belly), -1)[None]
    return fill(
        line(top_left, top_right, count),
        bottom,
        line(top_left, bottom_left, count),
        line(top_right, bottom_right, count),
    )


def disc(centre: Tensor, radius: Tensor) -> Tensor:
    """A round piece: rings about the centre."""
    rings, around = GRIDS["disc"]
    angle = torch.linspace(0, 2 * torch.pi, around, device=centre.device)
    ring = torch.linspace(0, 1, rings, device=centre.device)[:, None, None]
    circle = torch.stack((torch.cos(angle), torch.sin(angle)), -1)
    return centre[:, None, None] + circle[None, None] * ring[None] * radius[:, None, None, None]


def measure_edges(places: Tensor) -> Tensor:
    """For grids (M, R, C, 2), the distance of each point to the top, bottom, left and right edge: (M, R, C, 4)."""
    flat = places.reshape(len(places), -1, 2)
    found = []
    for edge in (places[:, 0], places[:, -1], places[:, :, 0], places[:, :, -1]):
        # the points of the edge and those halfway: grid points are rows apart, so this is close enough for a seam
        points = resample(edge, 2 * edge.shape[1] - 1)
        found.append(torch.cdist(flat, points, compute_mode="donot_use_mm_for_euclid_dist").amin(2))
    return torch.stack(found, -1).reshape(*places.shape[:3], 4)


@functools.lru_cache(maxsize=4)
def triangles(device: str) -> tuple[Tensor, Tensor]:
    """Corner numbers (F, 3) over all slots in their order, and the slot (F) of each triangle."""
    corners, owners, first = [], [], 0
    for at, slot in enumerate(SLOTS):
        rows, columns = GRIDS[slot.grid]
        row, column = torch.meshgrid(torch.arange(rows - 1), torch.arange(columns - 1), indexing="ij")
        here = (first + row * columns + column).reshape(-1)
        one = torch.stack((here, here + columns, here + 1), -1)
        two = torch.stack((here + 1, here + columns, here + columns + 1), -1)
        corners.append(torch.cat((one, two)))
        owners.append(torch.full((2 * len(here),), at))
        first += rows * columns
    return torch.cat(corners).to(torch.int32).to(device), torch.cat(owners).to(device)


@dataclass(frozen=True)
class Layout:
    """All slots of N garments joined: V points each."""

    places: Tensor
    """(N, V, 2) centimetres, lying ideally flat."""
    values: Tensor
    """(N, V, 10): cloth u, v; grid across and down, 0..1; distance to the four edges; rest x, y; centimetres."""
    worn: Tensor
    """(N, slots) bool."""

    def worn_points(self) -> Tensor:
        """(N, V) bool: points of slots that the garment has."""
        counts = [GRIDS[slot.grid][0] * GRIDS[slot.grid][1] for slot in SLOTS]
        return self.worn.repeat_interleave(torch.tensor(counts, device=self.worn.device), 1)


def lay_out(pieces: dict[str, Piece], count: int, device: torch.device) -> Layout:
    """Pieces joined in the order of the slots; slots without a piece are not worn."""
    places, values, worn = [], [], []
    for slot in SLOTS:
        rows, columns = GRIDS[slot.grid]
        piece = pieces.get(slot.name)
        if piece is None:
            places.append(torch.zeros(count, rows * columns, 2, device=device))
            values.append(torch.zeros(count, rows * columns, 10, device=device))
            worn.append(torch.zeros(count, dtype=torch.bool, device=device))
            continue
        down, across = torch.meshgrid(
            torch.linspace(0, 1, rows, device=device), torch.linspace(0, 1, columns, device=device), indexing="ij"
        )
        share = torch.stack((across, down), -1).expand(count, rows, columns, 2)
        held = torch.cat((piece.cloth, share, measure_edges(piece.places), piece.places), -1)
        places.append(piece.places.reshape(count, -1, 2))
        values.append(held.reshape(count, -1, 10))
        worn.append(piece.worn)
    return Layout(torch.cat(places, 1), torch.cat(values, 1), torch.stack(worn, 1))
