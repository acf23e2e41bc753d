"""What a photo shows beyond what its codes say: kept as a difference, laid over the found surface where the photo saw it.

Freckles, a crease, the very line of a brow: codes of some hundred numbers do not hold them, the photo does. Seen from the
side, or with another expression on, the difference goes along with the surface (after projective texture mapping, Debevec
1996), and fades where the photo saw it too slantingly or not at all.
"""

from __future__ import annotations

import base64
import binascii
import math
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from core.camera import normalise, pixel_grid
from core.facefield.camera import Camera, cast_rays, place

Numbers = npt.NDArray[np.float32]
LARGEST = 512
HIDDEN_METRES, HIDDEN_SOFT = 0.010, 0.003
"""How far behind what the photo saw a place may lie and still be it, and how softly that ends."""
SLANT, STRAIGHT = 0.15, 0.45
"""Cosines between the surface and the photo's view from which, and from which on wholly, the difference is laid."""
STILL_DEGREES = 6.0
"""Turns under which the photo's difference also lies where it lay in the photo, edges and all, the less the more."""


@dataclass(frozen=True)
class Residue:
    """The difference of one photo from what its codes draw, and how far from its camera the surface was."""

    pixels: npt.NDArray[np.int8]
    """(S, S, 3) half the difference, of 255."""
    depth_metres: npt.NDArray[np.float16]
    """(G, G) along the photo's axis, 0 where no head is."""
    shape: Numbers
    """z_s that it was found with."""

    def __post_init__(self) -> None:
        for name, values, channels in (("pixels", self.pixels, (3,)), ("depth_metres", self.depth_metres, ())):
            side = values.shape[0] if values.ndim else 0
            if not 1 <= side <= LARGEST or values.shape != (side, side, *channels):
                raise ValueError(f"A residue's {name} are a square of 1 to {LARGEST}, not {values.shape}.")
        depth = self.depth_metres.astype(np.float32)
        if not np.isfinite(depth).all() or depth.min() < 0:
            raise ValueError("A residue's distances are finite and not below 0.")

    @classmethod
    def between(cls, photo: Tensor, drawn: Tensor, depth: Tensor, shape: Numbers) -> Residue:
        """Of a photo (1, 3, S, S) in [-1, 1] and what its codes draw at that size."""
        apart = ((photo - drawn) * 63.75).round().clamp(-127, 127).to(torch.int8)
        return cls(apart[0].permute(1, 2, 0).contiguous().numpy(), depth.half().numpy(), shape)

    def hold(self) -> dict[str, Any]:
        """The residue as plain values, for JSON."""
        return {
            "side": self.pixels.shape[0],
            "pixels": _pack(self.pixels),
            "grid": self.depth_metres.shape[0],
            "depth": _pack(self.depth_metres),
            "shape": [round(float(value), 5) for value in self.shape],
        }

    @classmethod
    def held(cls, values: Mapping[str, Any]) -> Residue:
        """The residue of plain values; ValueError where they are none."""
        side, grid = int(values["side"]), int(values["grid"])
        if not (1 <= side <= LARGEST and 1 <= grid <= LARGEST):
            raise ValueError(f"squares of {side} and {grid} are not of 1 to {LARGEST}")
        pixels = np.frombuffer(_unpack(values["pixels"], side * side * 3), np.int8).reshape(side, side, 3)
        depth = np.frombuffer(_unpack(values["depth"], grid * grid * 2), np.float16).reshape(grid, grid)
        return cls(pixels, depth, np.asarray(values["shape"], np.float32))


def _pack(values: npt.NDArray[Any]) -> str:
    return base64.b64encode(zlib.compress(values.tobytes(), 9)).decode("ascii")


def _unpack(text: Any, size: int) -> bytes:
    """Exactly so many bytes, however much a text would unfold to."""
    if not isinstance(text, str):
        raise TypeError("packed values are text")
    unfolding = zlib.decompressobj()
    try:
        found = unfolding.decompress(base64.b64decode(text, validate=True), size + 1)
    except (zlib.error, binascii.Error) as error:
        raise ValueError(f"packed values cannot be read ({error})") from error
    if len(found) != size:
        raise ValueError(f"packed values are {len(found)} bytes or more where {size} are wanted")
    return found


@dataclass(frozen=True)
class Drawn:
    """A picture (1, 3, S, S) of a head with its depth and opacity (F, F), and the camera that it was drawn for."""

    picture: Tensor
    opacity: Tensor
    depth: Tensor
    camera: Camera


def lay_residue(drawn: Drawn, residue: Residue, taken: Camera, take_back: Callable[[Tensor], Tensor] | None) -> Tensor:
    """The picture with the photo's difference on it. ``taken``: the photo's camera; ``take_back`` says of places (N, 3) where
    they were before an expression moved them."""
    side = drawn.picture.shape[3]
    there, depth = _enlarge(drawn.depth * (drawn.opacity > 0.5), side)
    rays = cast_rays(*_stand(drawn.camera), side)
    ahead = (rays.directions * _stand(drawn.camera)[0][:3, 2]).sum(1)
    points = rays.origin + rays.directions * (depth.flatten() / ahead)[:, None]
    own, weight = tint(points, residue, taken, take_back)
    weight = weight * there.flatten()
    apart = _unfold(residue)
    photo_there, _ = _enlarge(torch.from_numpy(residue.depth_metres.astype(np.float32)), side)
    # the background stays where it is in the picture, so its difference does as well, where the photo saw it
    empty = (1 - there) * (1 - F.max_pool2d(photo_there[None], 5, 1, 2)[0])
    behind = F.interpolate(apart, (side, side), mode="bilinear", antialias=True, align_corners=False)
    soft = F.avg_pool2d(F.pad(weight.reshape(1, 1, side, side), (1, 1, 1, 1), mode="replicate"), 3, 1)
    laid = drawn.picture + soft * own.T.reshape(1, 3, side, side) + empty * behind
    return laid if take_back is not None else laid.lerp(drawn.picture + behind, _stillness(drawn.camera, taken))


def tint(
    points: Tensor, residue: Residue, taken: Camera, take_back: Callable[[Tensor], Tensor] | None
) -> tuple[Tensor, Tensor]:
    """The photo's difference (N, 3) at points (N, 3) of the head, and how well the photo saw them (N)."""
    seen, weight = see_again(points if take_back is None else take_back(points), residue, taken)
    return _read(_unfold(residue), seen)[0].T, weight


def _unfold(residue: Residue) -> Tensor:
    return torch.from_numpy(residue.pixels.astype(np.float32)).permute(2, 0, 1)[None] / 63.75


def _stillness(camera: Camera, taken: Camera) -> float:
    """1 where the camera stands as the photo's did, 0 from ``STILL_DEGREES`` on: there the photo itself may lie."""
    turned = math.hypot(camera.yaw_degrees - taken.yaw_degrees, camera.pitch_degrees - taken.pitch_degrees)
    return max(0.0, 1 - turned / STILL_DEGREES)


def see_again(points: Tensor, residue: Residue, taken: Camera) -> tuple[Tensor, Tensor]:
    """Places (N, 2) in -1..1 at which the photo shows points (N, 3) of the head, and how well it saw them, 0..1."""
    pose, lens = _stand(taken)
    local = (points - pose[:3, 3]) @ pose[:3, :3]
    ahead = local[:, 2].clamp_min(1e-3)
    seen = local[:, :2] / ahead[:, None] * 2 * lens
    known, facing = _read_depth(residue, lens)
    met = _read(torch.stack((known[0], known[1] * known[0], facing * known[0]))[None], seen)[0]
    share = met[0].clamp_min(1e-3)
    visible = torch.sigmoid((met[1] / share + HIDDEN_METRES - local[:, 2]) / HIDDEN_SOFT) * (met[0] > 0.6)
    straight = ((met[2] / share - SLANT) / (STRAIGHT - SLANT)).clamp(0, 1)
    inside = ((1 - seen.abs().amax(1)) * 20).clamp(0, 1)
    return seen, visible * straight * inside * (local[:, 2] > 0)


def _read_depth(residue: Residue, lens: Tensor) -> tuple[tuple[Tensor, Tensor], Tensor]:
    """Where the photo saw a head and how far away (G, G), and the cosine between the surface and its view (G, G)."""
    depth = torch.from_numpy(residue.depth_metres.astype(np.float32))
    grid = len(depth)
    there = (depth > 0).float()
    places = (pixel_grid(grid, grid) / grid * 2 - 1) / 2 / lens
    points = torch.cat((places * depth[..., None], depth[..., None]), 2)
    padded = F.pad(points.permute(2, 0, 1)[None], (1, 1, 1, 1), mode="replicate")[0].permute(1, 2, 0)
    across, down = padded[1:-1, 2:] - padded[1:-1, :-2], padded[2:, 1:-1] - padded[:-2, 1:-1]
    facing = (normalise(torch.linalg.cross(across, down, dim=2)) * normalise(points)).sum(2).abs()
    return (there, depth), facing * there


def _stand(camera: Camera) -> tuple[Tensor, Tensor]:
    pose, lens = place(camera.numbers())
    return pose[0], lens[0]


def _read(maps: Tensor, places: Tensor) -> Tensor:
    """Maps (1, C, H, W) at places (N, 2) in -1..1: (1, C, N)."""
    return F.grid_sample(maps, places[None, None], padding_mode="border", align_corners=False)[:, :, 0]


def _enlarge(depth: Tensor, side: int) -> tuple[Tensor, Tensor]:
    """Where something is (side, side), softly, and how far away; depth is not mixed with nothing."""
    there = (depth > 0).float()
    both = torch.stack((there, depth))[None]
    share, far = F.interpolate(both, (side, side), mode="bilinear", align_corners=False)[0]
    return share, far / share.clamp_min(1e-3)
