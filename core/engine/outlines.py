"""The large pieces of a garment from its measurements: front, back, sleeves, legs, hood; and its named points."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from core.engine.cuts import BOTTOMS, Cut
from core.engine.panels import Piece, bend, chain, fill, line, point

SIDES = {"left": -1.0, "right": 1.0}
ANCHORS = (
    *("neck left", "neck right", "neck front", "shoulder left", "shoulder right", "armpit left", "armpit right"),
    *("sleeve left", "sleeve right", "waist left", "waist right", "hem left", "hem right", "crotch"),
)


@dataclass(frozen=True)
class Lines:
    """Curves that details follow, one entry per side ("left", "right"), and the anchors (N, 2) by name, centimetres."""

    neckline: dict[str, Tensor]
    """From the neck point to the centre front, 15 points."""
    back_neck: Tensor
    """From left to right, 33 points."""
    hem: dict[str, Tensor]
    """From the outer end to the centre, 21 points."""
    cuff: dict[str, Tensor]
    """From the outer to the inner end, 21 points."""
    sleeve: dict[str, Tensor]
    """Direction of each sleeve's axis, (N, 2)."""
    anchors: dict[str, Tensor]
    overlap: Tensor
    """How far the right front reaches over the centre, (N,)."""
    depth: Tensor
    """Depth of the front neckline, (N,)."""
    opening_end: Tensor
    """Where the front starts to part towards the hem, (N,)."""


def neck_depth(cut: Cut) -> Tensor:
    """How deep the neckline falls at the front."""
    depth = cut.uniform("neck depth", 6.5, 11.0)
    deep = cut.is_kind("vest", "dress", "blouse") & ~cut.has_collar("leaf", "stand")
    depth = torch.where(deep, cut.uniform("neck deep", 9.0, 18.0), depth)
    v_neck = cut.is_kind("tee", "longsleeve", "sweater") & (cut.uniform("v neck") < 0.3)
    depth = torch.where(v_neck, cut.uniform("v depth", 11.0, 19.0), depth)
    depth = torch.where(cut.is_kind("cardigan"), cut.uniform("cardigan depth", 18.0, 34.0), depth)
    depth = torch.where(cut.has_collar("leaf", "stand"), cut.uniform("collar depth", 5.5, 8.0), depth)
    depth = torch.where(cut.has_collar("lapel"), cut.uniform("lapel depth", 24.0, 38.0), depth)
    return torch.where(cut.has_collar("hood"), cut.uniform("hood depth", 7.0, 10.0), depth)


def overlap_of(cut: Cut) -> Tensor:
    """How far one front lies over the other."""
    double = cut.has_collar("lapel") & (cut.uniform("double breasted") < 0.3) & cut.is_kind("coat", "blazer")
    wide = torch.where(double, torch.full_like(cut.uniform("o"), 8.0), cut.uniform("overlap", 1.5, 2.6))
    closed = cut.has_front("buttons") & ~cut.is_kind("trousers", "jeans", "shorts")
    return torch.where(closed, wide, torch.zeros_like(wide))


def shape_large(cut: Cut) -> tuple[dict[str, Piece], Lines]:
    """The large pieces, by slot, and the lines that details follow."""
    depth, overlap = neck_depth(cut), overlap_of(cut)
    below = cut.is_kind(*BOTTOMS)
    pieces: dict[str, Piece] = {}
    anchors: dict[str, Tensor] = {}
    neckline, hem, cuff, sleeve, flanks = {}, {}, {}, {}, {}
    zero = torch.zeros_like(depth)
    part_from = cut.size["length"] * cut.uniform("parting", 0.5, 0.75)
    for name, side in SIDES.items():
        corners = _corners(cut, side)
        anchors |= {f"{key} {name}": value for key, value in corners.items()}
        reach = overlap * 0.6 if name == "left" else -overlap  # the left front runs on under the right one
        top, neckline[name] = _top_edge(cut, corners, side, depth, reach)
        outer = flanks[name] = _outer_edge(cut, corners, side)
        centre_hem = point(_hem_gap(cut) * side + reach, cut.size["length"] + cut.uniform("front dip", 0.0, 1.2), zero)
        hem[name] = _hem_edge(cut, corners["hem"], centre_hem)
        inner = _inner_edge(top[:, -1], centre_hem, part_from)
        leg = _leg(cut, side)
        upper_or_leg = below[:, None, None]
        edges = (
            torch.where(upper_or_leg, leg[0], top),
            torch.where(upper_or_leg, leg[1], hem[name]),
            torch.where(upper_or_leg, leg[2], outer),
            torch.where(upper_or_leg, leg[3], inner),
        )
        hem[name] = edges[1]
        places = fill(*edges)
        pieces[f"front_{name}"] = Piece(f"front_{name}", places, places, torch.ones_like(below))
        grid, cloth, cuff[name], sleeve[name] = _sleeve(cut, corners, side)
        worn = (cut.size["sleeve"] > 0) & ~below
        pieces[f"sleeve_{name}"] = Piece(f"sleeve_{name}", grid, cloth, worn)
        for key, at in (("waist", 0), ("hem", -1)):
            leg_point = leg[2][:, at]
            anchors[f"{key} {name}"] = torch.where(below[:, None], leg_point, anchors[f"{key} {name}"])
        anchors[f"sleeve {name}"] = torch.where(worn[:, None], cuff[name].mean(1), corners["shoulder"])
        if name == "right":
            anchors["crotch"] = leg[3][:, 8]
    anchors["neck front"] = point(zero, depth, zero)
    pieces["back"], back_neck = _back(cut, anchors, flanks)
    pieces["back"] = replace(pieces["back"], worn=~below)
    pieces |= _hood(cut, depth)
    return pieces, Lines(neckline, back_neck, hem, cuff, sleeve, anchors, overlap, depth, part_from)


def _corners(cut: Cut, side: float) -> dict[str, Tensor]:
    size, zero = cut.size, torch.zeros_like(cut.size["chest"])
    tag = "left" if side < 0 else "right"
    slope = cut.uniform("slope", 2.5, 6.0) + cut.swing("slope " + tag, 0.7)
    pit = slope + size["armhole"]
    waist_down = torch.minimum(size["length"] * 0.66, pit + cut.uniform("waist down", 14.0, 20.0))
    long_skirt = cut.is_kind("dress")
    waist_down = torch.where(long_skirt, pit + cut.uniform("dress waist", 10.0, 17.0), waist_down)
    chest = size["chest"] + cut.swing("chest " + tag, 0.7)
    tail = torch.where(cut.is_kind("shirt"), cut.uniform("tail", 0.0, 7.0), zero + cut.uniform("hem rise", 0.0, 1.5))
    return {
        "neck": point(side * size["neck"], zero, zero),
        "shoulder": point(side * size["shoulder"], slope, zero),
        "armpit": point(side * chest, pit, zero),
        "waist": point(side * chest * size["waist"], waist_down, zero),
        "hem": point(side * chest * size["hem"], size["length"] - tail + cut.swing("hem " + tag, 1.0), zero),
    }


def _top_edge(cut: Cut, corners: dict[str, Tensor], side: float, depth: Tensor, reach: Tensor) -> tuple[Tensor, Tensor]:
    """Shoulder and neckline, outer end to centre: (N, 21, 2); and the neckline alone."""
    zero = torch.zeros_like(depth)
    neck, centre = corners["neck"], point(reach, depth, zero)
    pointed = cut.has_collar("lapel", "leaf") | (depth > 17.5) | cut.is_kind("cardigan")
    pointed = pointed | (cut.is_kind("tee", "longsleeve", "sweater", "vest", "dress") & (cut.uniform("v neck") < 0.3))
    square = cut.is_kind("dress", "vest", "blouse") & (cut.uniform("square neck") < 0.12)
    width = side * cut.size["neck"]
    first = torch.where(pointed, width * 0.8, torch.where(square, width * 0.98, width * 0.96))
    second = torch.where(pointed, width * 0.22 + reach, torch.where(square, width * 0.9, width * 0.62))
    low = torch.where(pointed, depth * 0.8, depth * 1.0)
    first_down = torch.where(pointed, depth * 0.3, torch.where(square, depth * 0.9, depth * 0.62))
    neckline = bend(neck, point(first, first_down, zero), point(second, low, zero), centre, 15)
    return chain(line(corners["shoulder"], neck, 7), neckline), neckline


def _outer_edge(cut: Cut, corners: dict[str, Tensor], side: float) -> Tensor:
    shoulder, pit, waist, hem = (corners[name] for name in ("shoulder", "armpit", "waist", "hem"))
    zero = torch.zeros_like(cut.size["chest"])
    bare = cut.size["sleeve"] <= 0
    scoop = torch.where(bare, cut.uniform("arm scoop", 0.5, 2.5), zero + 1.0)
    drop = cut.size["armhole"]
    arm = bend(
        shoulder,
        shoulder + point(-side * scoop * 1.2, drop * 0.4, zero),
        pit
        + point(-side * (pit - shoulder)[:, 0].abs() * torch.where(bare, zero + 0.95, zero + 0.5), -drop * 0.1, zero),
        pit,
        9,
    )
    reach = (waist - pit)[:, 1]
    flank = bend(pit, pit + point(0.0, reach * 0.35, zero), waist + point(0.0, -reach * 0.35, zero), waist, 9)
    fall = (hem - waist)[:, 1]
    flare = (hem - waist)[:, 0]
    hip = hem + point(-flare * cut.uniform("flare shape", 0.15, 0.5), -fall * 0.45, zero)
    return chain(arm, flank, bend(waist, waist + point(0.0, fall * 0.2, zero), hip, hem, 17))


def _hem_gap(cut: Cut) -> Tensor:
    """How far each front swings out at the hem."""
    zero = torch.zeros_like(cut.size["chest"])
    gap = torch.where(cut.is_kind("blazer"), cut.uniform("cutaway", 1.0, 5.0), zero)
    gap = torch.where(cut.is_kind("coat"), cut.uniform("coat gap", -0.5, 1.5), gap)
    gap = torch.where(cut.has_front("zip"), cut.uniform("zip gap", 0.0, 0.8), gap)
    return torch.where(cut.has_front("open"), cut.uniform("open gap", 2.0, 6.0), gap)


def _hem_edge(cut: Cut, outer: Tensor, centre: Tensor) -> Tensor:
    zero = torch.zeros_like(cut.size["chest"])
    span = (centre - outer)[:, 0]
    rounded = torch.where(cut.is_kind("blazer"), zero + 0.85, zero + 0.55)
    return bend(
        outer,
        outer + point(span * 0.3, (centre - outer)[:, 1] * 0.15, zero),
        point(outer[:, 0] + span * rounded, centre[:, 1], zero),
        centre,
        21,
    )


def _inner_edge(start: Tensor, end: Tensor, part_from: Tensor) -> Tensor:
    """Straight down from the neckline, then out to the hem."""
    down = torch.linspace(0, 1, 33, device=start.device)[None] ** 1.0
    height = start[:, 1:] + (end - start)[:, 1:] * down
    out = ((height - part_from[:, None]) / (end[:, 1:] - part_from[:, None]).clamp_min(1.0)).clamp(0, 1) ** 1.6
    return torch.stack((start[:, :1] + (end - start)[:, :1] * out, height), -1)


def _leg(cut: Cut, side: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Top, bottom, outer and inner edge of half a skirt or of a trouser leg."""
    below, tag = cut.below, "left" if side < 0 else "right"
    zero = torch.zeros_like(below["band"])
    band = below["band"] + cut.swing("band " + tag, 0.4)
    hip = band * below["hip"]
    skirt = cut.is_kind("skirt")
    waist, centre = point(side * band, 0.0, zero), point(0.0, cut.uniform("waist dip", 0.3, 1.8), zero)
    hem_wide = torch.where(skirt, hip * below["hem"], hip * below["hem"])
    splay = cut.uniform("splay", 0.0, 9.0) * torch.where(cut.is_kind("shorts"), zero + 0.6, zero + 1.0) + cut.swing(
        tag, 2.0
    )
    hem_out = torch.where(skirt, hem_wide, torch.maximum(hip * 0.62 + splay + hem_wide * 0.35, hem_wide + 1.0))
    length = below["length"] + cut.swing("leg " + tag, 1.2)
    lift = cut.uniform("leg turn", -0.02, 0.06) * hem_wide
    outer_hem = point(side * hem_out, length - torch.where(skirt, cut.uniform("skirt sag", 0.5, 4.0), lift), zero)
    inner_hem = point(
        torch.where(skirt, zero, side * (hem_out - hem_wide)), length + torch.where(skirt, zero, lift), zero
    )
    hip_at = point(side * hip, below["hip_down"], zero)
    round_hip = bend(
        waist, waist + point(side * (hip - band) * 0.6, below["hip_down"] * 0.3, zero), hip_at * 1.0 - point(
            0.0, below["hip_down"] * 0.35, zero), hip_at, 9
    )  # fmt: skip
    fall = (outer_hem - hip_at)[:, 1]
    flank = bend(hip_at, hip_at + point(0.0, fall * 0.3, zero), outer_hem * 0.7 + hip_at * 0.3, outer_hem, 25)
    crotch = point(-side * 0.15, below["rise"], zero)
    fly = bend(
        centre - point(side * 0.1, 0.0, zero),
        centre * 0.6 + crotch * 0.4,
        crotch - point(side * 0.35, 4.0, zero),
        crotch,
        9,
    )
    inseam = bend(crotch, crotch + point(side * 0.8, 5.0, zero), inner_hem * 0.7 + crotch * 0.3, inner_hem, 25)
    straight = line(centre, inner_hem, 33)
    inner = torch.where(skirt[:, None, None], straight, chain(fly, inseam))
    middle = point(
        (outer_hem + inner_hem)[:, 0] * 0.5,
        torch.maximum(outer_hem, inner_hem)[:, 1] * 0.4 + 0.6 * inner_hem[:, 1],
        zero,
    )
    bottom = bend(outer_hem, (outer_hem * 2 + middle) / 3, (inner_hem + middle * 2) / 3, inner_hem, 21)
    top = bend(waist, waist * 0.7 + centre * 0.3, point(side * band * 0.3, centre[:, 1], zero), centre, 21)
    return top, bottom, chain(round_hip, flank), inner


def _sleeve(cut: Cut, corners: dict[str, Tensor], side: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Grid, cloth coordinates, cuff line (outer to inner) and axis of one sleeve."""
    tag = "left" if side < 0 else "right"
    zero = torch.zeros_like(cut.size["chest"])
    shoulder, pit = corners["shoulder"], corners["armpit"]
    long = cut.size["sleeve"] > 34
    angle = torch.where(long, cut.uniform("arm", 44.0, 76.0), cut.uniform("short arm", 26.0, 58.0))
    angle = torch.deg2rad(angle + cut.swing("arm " + tag, 7.0))
    turn = torch.where(long, torch.deg2rad(cut.uniform("elbow", -3.0, 12.0) + cut.swing("elbow " + tag, 5.0)), zero)
    along = point(side * torch.cos(angle), torch.sin(angle), zero)
    lower = point(side * torch.cos(angle + turn), torch.sin(angle + turn), zero)
    across = point(-side * torch.sin(angle + turn), torch.cos(angle + turn), zero)
    length, wide = cut.size["sleeve"], cut.size["armhole"] * cut.size["cuff"]
    elbow = shoulder + along * (length * 0.5)[:, None]
    outer_end = elbow + lower * (length * 0.5)[:, None]
    skew = cut.swing("cuff skew " + tag, 0.12)
    inner_end = outer_end + across * wide[:, None] + lower * (wide * skew)[:, None]
    puff = cut.uniform("puff", 0.0, 0.06) * length
    outer = bend(
        shoulder,
        shoulder + along * (length * 0.3)[:, None] - across * (puff * 0.5)[:, None],
        elbow + (lower - along) * (length * 0.1)[:, None] + along * (length * 0.12)[:, None],
        outer_end,
        33,
    )
    run = (inner_end - pit).norm(dim=-1)
    inner = bend(pit, pit + along * (run * 0.22)[:, None], inner_end - lower * (run * 0.4)[:, None], inner_end, 33)
    drop = cut.size["armhole"]
    arm = bend(
        shoulder,
        shoulder + point(-side * 1.2, drop * 0.4, zero),
        pit + point(-side * (pit - shoulder)[:, 0].abs() * 0.5, -drop * 0.1, zero),
        pit,
        21,
    )
    cuff = line(outer_end, inner_end, 21)
    places = fill(arm, cuff, outer, inner)
    reach = places - shoulder[:, None, None]
    cloth = torch.stack(((reach * across[:, None, None]).sum(-1) * -side, (reach * along[:, None, None]).sum(-1)), -1)
    return places, cloth + shoulder[:, None, None], cuff, lower


def _back(cut: Cut, anchors: dict[str, Tensor], flanks: dict[str, Tensor]) -> tuple[Piece, Tensor]:
    """The inside of the back, seen in the neckline and under the fronts; and its neckline."""
    zero = torch.zeros_like(cut.size["chest"])
    dip = cut.uniform("back neck", 1.2, 2.6) + torch.where(
        cut.is_kind("vest", "dress"), cut.uniform("low back", 0.0, 3.0), zero
    )
    left, right = anchors["neck left"], anchors["neck right"]
    neck = bend(left, point(left[:, 0] * 0.6, dip * 1.25, zero), point(right[:, 0] * 0.6, dip * 1.25, zero), right, 33)
    squeeze = torch.tensor([0.975, 1.0], device=zero.device)
    sides = {name: flanks[name] * squeeze for name in SIDES}
    short = torch.nn.functional.interpolate(neck.transpose(1, 2), 13, mode="linear", align_corners=True).transpose(1, 2)
    top = chain(line(sides["left"][:, 0], left, 5), short, line(right, sides["right"][:, 0], 5))
    hem_left, hem_right = sides["left"][:, -1], sides["right"][:, -1]
    drop = cut.uniform("back hem", -1.5, 1.2) + torch.where(
        cut.is_kind("shirt"), cut.uniform("back tail", 0.0, 3.0), zero
    )
    bottom_mid = point(0.0, cut.size["length"] + drop, zero)
    bottom = chain(
        bend(hem_left, hem_left * 0.75, point(hem_left[:, 0] * 0.45, bottom_mid[:, 1], zero), bottom_mid, 11),
        bend(bottom_mid, point(hem_right[:, 0] * 0.45, bottom_mid[:, 1], zero), hem_right * 0.75, hem_right, 11),
    )
    fix = torch.stack((torch.zeros_like(bottom[..., 0]), _level(bottom[..., 1], hem_left, hem_right)), -1)
    places = fill(top, bottom + fix, sides["left"], sides["right"])
    return Piece("back", places, places + 31.0, zero == 0), neck


def _level(height: Tensor, left: Tensor, right: Tensor) -> Tensor:
    """Correction that keeps the curve's control points at hem height: (N, K)."""
    floor = torch.minimum(left[:, 1], right[:, 1])[:, None]
    return (floor - height).clamp_min(0.0)


def _hood(cut: Cut, depth: Tensor) -> dict[str, Piece]:
    zero = torch.zeros_like(depth)
    worn = cut.has_collar("hood")
    tall, wide = cut.uniform("hood height", 24.0, 31.0), cut.uniform("hood width", 14.0, 18.0)
    tip = point(cut.swing("hood tip", 5.0), -tall, zero)
    throat = point(0.0, depth + 1.0, zero)
    pieces, outlines = {}, {}
    mouth = cut.uniform("hood mouth", 5.0, 8.5)
    brim = cut.uniform("hood brim", 2.5, 6.0)
    for name, side in SIDES.items():
        base = point(side * (cut.size["neck"] + 1.5), 1.2, zero)
        outer = bend(
            tip,
            tip + point(side * wide * 0.95, 0.5, zero),
            base + point(side * (wide * 0.9), -tall * 0.3, zero),
            base,
            33,
        )
        outlines[name] = outer
        top = tip + point(0.0, brim, zero)
        inner = bend(
            top, top + point(side * mouth * 1.2, 1.0, zero), point(side * mouth * 1.5, -tall * 0.1, zero), throat, 33
        )
        # a little lower than the neckline, so that nothing shows between
        first = point(side * cut.size["neck"], depth * 0.62 + 1.0, zero)
        neck = bend(base, first, point(side * cut.size["neck"] * 0.66, depth + 1.3, zero), throat, 21)
        places = fill(line(tip, top, 21), neck, outer, inner)
        turned = torch.stack((places[..., 0] * 0.9 - places[..., 1] * 0.3 * side, places[..., 1] + 77.0), -1)
        pieces[f"hood_{name}"] = Piece(f"hood_{name}", places, turned, worn)
    sag = torch.sin(torch.linspace(0, torch.pi, 21, device=zero.device))[None, :, None]
    base_line = line(outlines["left"][:, -1], outlines["right"][:, -1], 21) + sag * point(0.0, 4.0, zero)[:, None]
    top = tip[:, None].expand(-1, 21, -1)
    places = fill(top, base_line, outlines["left"], outlines["right"])
    pieces["hood_back"] = Piece("hood_back", places, places + 51.0, worn)
    return pieces
