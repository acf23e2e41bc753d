"""Where a flat garment's cloth belongs on a body: rows of points read off its outline and anchors, piece by piece.

A chart is found from any flat picture that has a mask and the 14 anchors, drawn or photographed. Places are in the
picture as ``grid_sample`` counts them: -1..1 across and down, edges included.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from core.engine.cuts import BOTTOMS, KINDS, is_one_of
from core.engine.outlines import ANCHORS
from core.engine.panels import PARTS

COLLAR_ROWS, NECK_ROWS, ARM_ROWS, CHEST_ROWS, FALL_ROWS, TAIL_ROWS = 4, 5, 9, 9, 20, 3
TRUNK_ROWS = COLLAR_ROWS + NECK_ROWS + ARM_ROWS + CHEST_ROWS + FALL_ROWS + TAIL_ROWS
SLEEVE_ROWS = 20
PELVIS_ROWS, LEG_ROWS = 12, 26
_STEPS = 40
_TAIL_SHARE = 0.10


@dataclass(frozen=True)
class Flat:
    """N flat garments: pictures (N, 3, F, F) in [-1, 1], cover (N, F, F) bool where cloth is seen from outside."""

    pixels: Tensor
    mask: Tensor
    cover: Tensor
    anchors: Tensor
    """(N, 14, 2), column and row in pixels."""
    kind: Tensor
    centimetres: Tensor
    """Size of a pixel (N,)."""
    parts: Tensor | None = None
    """Places in panels.PARTS, where known."""


@dataclass(frozen=True)
class Chart:
    """Edges of N flat garments' pieces; points as -1..1, lengths in metres of a person of 1.72 m."""

    trunk: Tensor
    """(N, TRUNK_ROWS, 2, 2): left and right end of each row of a top, dress or skirt."""
    drop: Tensor
    """(N, TRUNK_ROWS) below the neck point (of a skirt: below its waist)."""
    wide: Tensor
    """(N, TRUNK_ROWS) between the ends."""
    sleeves: Tensor
    """(N, 2, SLEEVE_ROWS, 2, 2): left and right sleeve; outer and inner end."""
    sleeve_length: Tensor
    sleeve_wide: Tensor
    """(N, 2, SLEEVE_ROWS)."""
    legs: Tensor
    """(N, 2, PELVIS_ROWS + LEG_ROWS, 2, 2): outer and inner end."""
    leg_drop: Tensor
    """(N, PELVIS_ROWS + LEG_ROWS) below the waist."""
    leg_wide: Tensor
    kind: Tensor
    has_sleeves: Tensor
    has_hood: Tensor

    def is_kind(self, *names: str) -> Tensor:
        """Which are of one of these kinds."""
        return is_one_of(self.kind, KINDS, names)


def measure_charts(flat: Flat) -> Chart:
    """The charts of flat garments."""
    size = flat.mask.shape[-1]
    points = {name: flat.anchors[:, at] for at, name in enumerate(ANCHORS)}
    below = is_one_of(flat.kind, KINDS, BOTTOMS)
    solid = flat.mask.to(torch.float32)
    metres = 0.01 * flat.centimetres
    tops = {name: torch.where(below[:, None], _stand_in(name, size, points), at) for name, at in points.items()}
    trunk = torch.where(below[:, None, None, None], _skirt_rows(solid, points), _top_rows(solid, tops))
    down = F.normalize(
        (points["hem left"] + points["hem right"]) - (points["waist left"] + points["waist right"]), dim=-1
    )
    start = torch.where(
        below[:, None], points["waist left"] + points["waist right"], tops["neck left"] + tops["neck right"]
    )
    drop = ((trunk.mean(2) - 0.5 * start[:, None]) * down[:, None]).sum(-1) * metres[:, None]
    wide = (trunk[:, :, 0] - trunk[:, :, 1]).norm(dim=-1) * metres[:, None]
    sleeves, lengths = zip(*(_sleeve_rows(flat, solid, tops, side) for side in ("left", "right")), strict=True)
    sleeves = torch.stack(sleeves, 1)
    length = torch.stack(lengths, 1).mean(1) * metres
    legs, leg_drop = _leg_rows(solid, _with_crotch(points), down)
    return Chart(
        trunk * (2 / size) - 1,
        drop,
        wide,
        sleeves * (2 / size) - 1,
        length,
        (sleeves[:, :, :, 0] - sleeves[:, :, :, 1]).norm(dim=-1) * metres[:, None, None],
        legs * (2 / size) - 1,
        leg_drop * metres[:, None],
        (legs[:, :, :, 0] - legs[:, :, :, 1]).norm(dim=-1).mean(1) * metres[:, None],
        flat.kind,
        (length > 0.06) & ~below,
        _has_hood(flat),
    )


def _has_hood(flat: Flat) -> Tensor:
    """Which garments have a hood (N,)."""
    if flat.parts is None:
        return is_one_of(flat.kind, KINDS, ("hoodie",))
    return (flat.parts == PARTS.index("hood")).flatten(1).to(torch.float32).mean(1) > 0.004


def _stand_in(name: str, size: int, points: dict[str, Tensor]) -> Tensor:
    """A sensible place for an anchor that a bottom does not have; never seen."""
    side = 0.3 if "left" in name else 0.7
    row = {"neck": 0.1, "shoulder": 0.12, "armpit": 0.3, "sleeve": 0.3, "waist": 0.6, "hem": 0.9, "crotch": 0.5}
    place = [0.5 if name in ("neck front", "crotch") else side, row[name.split(maxsplit=1)[0]]]
    return torch.tensor(place, device=points["hem left"].device).expand_as(points["hem left"]) * size


def _with_crotch(points: dict[str, Tensor]) -> dict[str, Tensor]:
    middle = 0.5 * (points["waist left"] + points["waist right"])
    hem = 0.5 * (points["hem left"] + points["hem right"])
    absent = points["crotch"].isnan()
    return points | {"crotch": torch.where(absent, middle * 0.65 + hem * 0.35, points["crotch"])}


def look(maps: Tensor, places: Tensor) -> Tensor:
    """Values (N, ...) of maps (N, H, W) at places (N, ..., 2) in pixels, 0 outside."""
    size = maps.shape[-1]
    grid = (places * (2 / size) - 1).reshape(len(maps), 1, -1, 2)
    found = F.grid_sample(maps[:, None], grid, align_corners=False)
    return found.reshape(places.shape[:-1])


def _run(solid: Tensor, start: Tensor, way: Tensor, reach: Tensor) -> Tensor:
    """How far (N, R) the mask goes on from start (N, R, 2) in unit direction way, at most ``reach`` (N, R) pixels."""
    share = (torch.arange(_STEPS, device=start.device) + 1.0) / _STEPS
    places = start[:, :, None] + way[:, :, None] * (reach[..., None] * share)[..., None]
    inside = look(solid, places) > 0.5
    return torch.cumprod(inside.to(torch.float32), -1).sum(-1) / _STEPS * reach


def _between(start: Tensor, end: Tensor, rows: int, last: bool = False) -> Tensor:
    """Points (N, rows, 2) from start on; the end is left out unless ``last``."""
    count = rows - 1 if last else rows
    share = (torch.arange(rows, device=start.device) / max(count, 1))[None, :, None]
    return start[:, None] * (1 - share) + end[:, None] * share


def _smooth_rows(values: Tensor) -> Tensor:
    """(N, R) averaged over three rows."""
    padded = F.pad(values[:, None], (1, 1), mode="replicate")
    return F.avg_pool1d(padded, 3, 1)[:, 0]


def _fit_flanks(solid: Tensor, left: Tensor, right: Tensor) -> tuple[Tensor, Tensor]:
    """Row ends moved to where the mask ends, at most 6 % outwards."""
    middle = 0.5 * (left + right)
    ends = []
    for end in (left, right):
        arm = end - middle
        half = arm.norm(dim=-1)
        way = arm / half.clamp_min(1e-3)[..., None]
        found = 0.45 * half + _run(solid, middle + 0.45 * arm, way, 0.61 * half)
        held = torch.where(found < 0.55 * half, half, found)
        ends.append(middle + way * (_smooth_rows(held) * 0.99)[..., None])
    return ends[0], ends[1]


def _top_rows(solid: Tensor, at: dict[str, Tensor]) -> Tensor:
    """Rows (N, TRUNK_ROWS, 2, 2) of a top, pixels."""
    up = 0.5 * (at["neck left"] + at["neck right"] - at["hem left"] - at["hem right"])
    up = F.normalize(up, dim=-1)
    # a collar stands at most as high as a hand is wide
    high = 0.42 * (at["neck right"] - at["neck left"]).norm(dim=-1, keepdim=True)
    rows = []
    for side in ("left", "right"):
        neck, shoulder, pit, waist, hem = (
            at[f"{name} {side}"] for name in ("neck", "shoulder", "armpit", "waist", "hem")
        )
        tail = hem + (hem - waist) * _TAIL_SHARE
        inward = 0.015 * (at[f"armpit {'right' if side == 'left' else 'left'}"] - pit)
        rows.append(
            torch.cat(
                (
                    _between(neck + up * high, neck, COLLAR_ROWS),
                    _between(neck, shoulder + inward, NECK_ROWS),
                    _between(shoulder + inward, pit + inward, ARM_ROWS),
                    _between(pit, waist, CHEST_ROWS),
                    _between(waist, hem, FALL_ROWS),
                    _between(hem, tail, TAIL_ROWS, last=True),
                ),
                1,
            )
        )
    left, right = rows
    return torch.stack(_keep_above(solid, left, right, COLLAR_ROWS + NECK_ROWS + ARM_ROWS), 2)


def _keep_above(solid: Tensor, left: Tensor, right: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Flanks fitted below row ``count``; the tail keeps the width of the last row of cloth."""
    low = slice(count, TRUNK_ROWS - TAIL_ROWS)
    fitted = _fit_flanks(solid, left[:, low], right[:, low])
    ends = []
    for end, fit in zip((left, right), fitted, strict=True):
        shift = fit[:, -1:] - end[:, low][:, -1:]
        ends.append(torch.cat((end[:, :count], fit, end[:, -TAIL_ROWS:] + shift), 1))
    return ends[0], ends[1]


def _skirt_rows(solid: Tensor, at: dict[str, Tensor]) -> Tensor:
    """Rows of a skirt, its waist first; as many as a top's."""
    ends = []
    for side in ("left", "right"):
        waist, hem = at[f"waist {side}"], at[f"hem {side}"]
        tail = hem + (hem - waist) * _TAIL_SHARE
        ends.append(
            torch.cat((_between(waist, hem, TRUNK_ROWS - TAIL_ROWS), _between(hem, tail, TAIL_ROWS, last=True)), 1)
        )
    # hips are rounder than the straight line from waist to hem
    bulge = torch.sin(torch.linspace(0, 1, TRUNK_ROWS, device=solid.device) * torch.pi)[None, :, None]
    middle = 0.5 * (ends[0] + ends[1])
    left, right = (middle + (end - middle) * (1 + 0.12 * bulge) for end in ends)
    return torch.stack(_keep_above(solid, left, right, 0), 2)


def _sleeve_rows(flat: Flat, solid: Tensor, at: dict[str, Tensor], side: str) -> tuple[Tensor, Tensor]:
    """Outer and inner ends (N, SLEEVE_ROWS, 2, 2) of a sleeve's rows, and its length in pixels."""
    shoulder, pit, cuff = (at[f"{name} {side}"] for name in ("shoulder", "armpit", "sleeve"))
    if flat.parts is not None:
        own = (flat.parts == PARTS.index(f"{side} sleeve")) | (flat.parts == PARTS.index("cuff"))
        solid = solid * own
    start = 0.5 * (shoulder + pit)
    centre = _between(start, cuff, SLEEVE_ROWS, last=True)
    axis = F.normalize(cuff - start + 1e-4, dim=-1)
    armhole = F.normalize(shoulder - pit + 1e-4, dim=-1)
    across = torch.stack((axis[:, 1], -axis[:, 0]), -1)
    across = across * torch.sign((across * armhole).sum(-1, keepdim=True))
    share = torch.linspace(0, 1, SLEEVE_ROWS, device=pit.device)
    turned = (share / 0.35).clamp(0, 1)[None, :, None]
    way = F.normalize(armhole[:, None] * (1 - turned) + across[:, None] * turned, dim=-1)
    half = 0.5 * (shoulder - pit).norm(dim=-1)[:, None].expand(-1, SLEEVE_ROWS)
    reach = half * (1.25 - 0.25 * share)
    probe = torch.minimum(share, torch.full_like(share, 0.94))[None, :, None]
    inside = start[:, None] * (1 - probe) + cuff[:, None] * probe
    runs = []
    for sign in (1.0, -1.0):
        found = _run(solid, inside, way * sign, reach)
        found = torch.where(share < 0.08, half, torch.where(found < 0.15 * half, 0.5 * half, found))
        runs.append(_smooth_rows(found) * 0.98)
    ends = torch.stack((centre + way * runs[0][..., None], centre - way * runs[1][..., None]), 2)
    worn = (cuff - shoulder).norm(dim=-1) > 0.5
    return ends, (ends[:, -1, 0] - shoulder).norm(dim=-1) * worn


def _leg_rows(solid: Tensor, at: dict[str, Tensor], down: Tensor) -> tuple[Tensor, Tensor]:
    """Outer and inner ends (N, 2, rows, 2, 2) of both legs, and how far below the waist each row is, pixels."""
    waist = 0.5 * (at["waist left"] + at["waist right"])
    crotch = at["crotch"]
    across = torch.stack((down[:, 1], -down[:, 0]), -1)
    across = across * torch.sign((across * (at["waist right"] - at["waist left"])).sum(-1, keepdim=True))
    full = (at["waist right"] - at["waist left"]).norm(dim=-1)
    legs = []
    for sign, side in ((-1.0, "left"), (1.0, "right")):
        out = across * sign
        centre = _between(waist, crotch, PELVIS_ROWS)
        first = torch.maximum(centre, centre + 0.012 * full[:, None, None] * down[:, None])
        reach = (0.95 * full)[:, None].expand(-1, PELVIS_ROWS)
        outward = out[:, None].expand(-1, PELVIS_ROWS, -1)
        run = _run(solid, first, outward, reach)
        run = torch.where(run < 0.2 * reach, 0.5 * reach, run)
        upper = torch.stack((centre + outward * (0.985 * run)[..., None], centre), 2)
        hem = at[f"hem {side}"]
        inside = hem - out * (0.06 * full)[:, None] - down * (0.10 * full)[:, None]
        wide = _run(solid, inside[:, None], -out[:, None], full[:, None])[:, 0] + 0.06 * full
        foot = hem - out * (0.5 * wide)[:, None]
        top = crotch + out * (0.5 * run[:, -1])[:, None]
        line = _between(top, foot, LEG_ROWS, last=True)
        held = (
            line
            - down[:, None]
            * (0.10 * full)[:, None, None]
            * torch.linspace(0, 1, LEG_ROWS, device=hem.device)[None, :, None]
        )
        ways = out[:, None].expand(-1, LEG_ROWS, -1)
        reach = (0.62 * full)[:, None].expand(-1, LEG_ROWS)
        to_middle = ((held - crotch[:, None]) * ways).sum(-1).clamp_min(1.0)
        runs = (_run(solid, held, ways, reach), _run(solid, held, -ways, torch.minimum(reach, to_middle * 1.1)))
        half = (0.5 * wide)[:, None]
        outer, inner = (_smooth_rows(torch.where(run < 0.25 * half, half, run)) * 0.985 for run in runs)
        lower = torch.stack((line + ways * outer[..., None], line - ways * inner[..., None]), 2)
        legs.append(torch.cat((upper, lower), 1))
    both = torch.stack(legs, 1)
    drop = ((both[:, :, :, 1] - waist[:, None, None]) * down[:, None, None]).sum(-1).mean(1)
    return both, drop
