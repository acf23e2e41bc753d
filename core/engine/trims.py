"""The small pieces of a garment: collars, bands, plackets, zips, pockets, cuffs, waistbands, cords, buttons, labels."""

from __future__ import annotations

import torch
from torch import Tensor

from core.engine.cuts import BOTTOMS, Cut
from core.engine.outlines import SIDES, Lines
from core.engine.panels import Piece, bend, chain, disc, fill, line, point, quad, resample, shift_aside, strip

BUTTONS = 12


def shape_trims(cut: Cut, lines: Lines) -> dict[str, Piece]:
    """All small pieces, by slot."""
    pieces: dict[str, Piece] = {}
    for shape in (_neck_bands, _collars, _closures, _pockets, _ends, _waist, _cords):
        pieces |= shape(cut, lines)
    return pieces | _buttons(cut, lines)


def _piece(name: str, places: Tensor, worn: Tensor, turn_degrees: float = 0.0, shift: float = 0.0) -> Piece:
    angle = torch.deg2rad(torch.tensor(turn_degrees, device=places.device))
    x, y = places.unbind(-1)
    cloth = torch.stack((x * torch.cos(angle) - y * torch.sin(angle), x * torch.sin(angle) + y * torch.cos(angle)), -1)
    return Piece(name, places, cloth + shift, worn)


def _neck_bands(cut: Cut, lines: Lines) -> dict[str, Piece]:
    """Ribs and bindings along the neckline, and collars that stand."""
    tops = ~cut.is_kind(*BOTTOMS)
    rib, stand = cut.has_collar("rib", "bound") & tops, cut.has_collar("stand")
    wide = torch.where(cut.has_collar("bound"), cut.uniform("binding", 0.7, 1.1), cut.uniform("neck rib", 1.6, 2.6))
    tall = torch.where(cut.is_kind("shirt", "blouse"), cut.uniform("band", 2.5, 3.5), cut.uniform("stand", 4.5, 7.5))
    tall = torch.where(cut.is_kind("sweater"), cut.uniform("mock", 5.0, 11.0), tall)
    pieces = {}
    lean = cut.uniform("stand lean", 0.86, 0.97)[:, None]
    for name, side in SIDES.items():
        lower = resample(lines.neckline[name], 33)
        ribbed = shift_aside(lower, -wide * side)
        within = torch.maximum(ribbed[..., :1] * side, torch.full_like(ribbed[..., :1], -0.15)) * side
        ribbed = torch.cat((within, ribbed[..., 1:]), -1)
        raised = torch.stack((lower[..., 0] * lean, lower[..., 1] * 0.8 - tall[:, None]), -1)
        upper = torch.where(stand[:, None, None], raised, ribbed)
        pieces[f"neck_{name}"] = _piece(f"neck_{name}", strip(upper, lower), rib | stand, 0.0, 13.0)
    back = lines.back_neck
    leaf = cut.has_collar("leaf", "lapel")
    rise = torch.where(leaf, cut.uniform("back stand", 2.8, 4.2), wide * 0.9)
    rise = torch.where(stand, tall * 1.04, rise)
    arch = torch.sin(torch.linspace(0, torch.pi, 33, device=back.device))[None]
    pull = torch.where(stand, lean[:, 0], torch.full_like(rise, 0.985))[:, None]
    low = torch.where(leaf, rise * 0.25, rise * 0.12)
    kept = torch.where(leaf | stand, 0.6, 1.0)[:, None]
    height = back[..., 1] * kept - rise[:, None] - arch * low[:, None]
    upper = torch.stack((back[..., 0] * pull, height), -1)
    worn = tops & ~cut.has_collar("hood")
    pieces["neck_back"] = _piece("neck_back", strip(upper, back + 0.05), worn, 0.0, 13.0)
    centre = point(0.0, back[:, 16, 1] + 0.9, rise)
    size = torch.stack((cut.uniform("label wide", 1.3, 2.6), cut.uniform("label tall", 0.9, 2.2)), -1)
    across, down = (
        size * torch.tensor([1.0, 0.0], device=size.device),
        size * torch.tensor([0.0, 2.0], device=size.device),
    )
    label = quad((centre - across, centre + across, centre + across + down, centre - across + down))
    below = (
        centre[:, None, None] * 0
        + label
        + point(0.0, 3.2, rise)[:, None, None] * cut.is_kind(*BOTTOMS)[:, None, None, None]
    )
    pieces["label"] = _piece("label", below, (cut.uniform("label") < 0.75) & tops & ~cut.has_collar("hood"))
    return pieces


def _collars(cut: Cut, lines: Lines) -> dict[str, Piece]:
    """Shirt collars that fall over, and lapels with their notch."""
    pieces = {}
    zero = torch.zeros_like(lines.depth)
    neck, depth = cut.size["neck"], lines.depth
    lapel, leaf = cut.has_collar("lapel"), cut.has_collar("leaf")
    long_point, spread = cut.uniform("collar point", 4.5, 7.5), cut.uniform("collar spread", 2.5, 6.0)
    round_tip = cut.uniform("round collar") < 0.15
    for name, side in SIDES.items():
        tag = cut.swing("collar " + name, 0.5)
        fold_top = point(side * (neck - 0.4), -3.0, zero)
        throat = point(torch.where(lapel, -lines.overlap * 0.3, zero) + side * 0.3, depth - 0.3, zero)
        outer = point(side * (neck + 2.2), 1.6, zero)
        tip = point(side * (spread + tag), depth + long_point - spread * 0.4, zero)
        notch_at = cut.uniform("notch", 0.22, 0.36)[:, None]
        gorge = fold_top * (1 - notch_at) + throat * notch_at
        notch_wide = cut.uniform("lapel width", 5.5, 8.5)
        lapel_tip = gorge + point(side * notch_wide, cut.uniform("peak", -3.0, 1.0) + tag, zero)
        lower_leaf = gorge + point(side * notch_wide * 0.66, cut.uniform("notch gap", -3.0, -1.4), zero)
        corner_in = torch.where(lapel[:, None], gorge, throat)
        corner_out = torch.where(lapel[:, None], lower_leaf, tip)
        bulge = point(side * torch.where(lapel, zero + 1.0, zero + 0.6), 0.6, zero)
        outside = bend(
            outer, outer * 0.67 + corner_out * 0.33 + bulge, outer * 0.33 + corner_out * 0.67 + bulge, corner_out, 9
        )
        roll = bend(
            fold_top,
            fold_top * 0.6 + corner_in * 0.4 + bulge * 0.8,
            fold_top * 0.3 + corner_in * 0.7 + bulge,
            corner_in,
            9,
        )
        straight = line(corner_out, corner_in, 9)
        sag = torch.sin(torch.linspace(0, torch.pi, 9, device=straight.device))[None, :, None]
        soft = straight + sag * (point(side * 0.5, 1.6, zero) * round_tip[:, None])[:, None]
        places = fill(line(outer, fold_top, 9), soft, outside, roll)
        pieces[f"leaf_{name}"] = _piece(f"leaf_{name}", places, lapel | leaf, 38.0 * side, 23.0)
        below_roll = bend(
            gorge, gorge * 0.6 + throat * 0.4 + bulge * 0.7, gorge * 0.3 + throat * 0.7 + bulge * 0.5, throat, 9
        )
        edge_out = lapel_tip * 0.5 + throat * 0.5 + point(side * cut.uniform("lapel belly", 0.5, 2.2), 1.0, zero)
        edge = bend(lapel_tip, lapel_tip * 0.4 + edge_out * 0.6, edge_out * 0.6 + throat * 0.4, throat, 9)
        ends = line(throat + point(side * 0.05, 0.02, zero), throat, 9)
        places = fill(line(lapel_tip, gorge, 9), ends, edge, below_roll)
        pieces[f"lapel_{name}"] = _piece(f"lapel_{name}", places, lapel, 24.0 * side, 29.0)
    return pieces


def _closures(cut: Cut, lines: Lines) -> dict[str, Piece]:
    """Plackets, zips and trouser flies down the centre."""
    zero = torch.zeros_like(lines.depth)
    skirt = cut.is_kind("skirt")
    legs = cut.is_kind("trousers", "jeans", "shorts")
    half = cut.has_front("half buttons", "half zip")
    start = torch.where(cut.is_kind(*BOTTOMS), zero + 0.5, lines.depth)
    length = torch.where(skirt, cut.below["length"], cut.size["length"])
    end = torch.where(half, start + cut.uniform("placket long", 11.0, 18.0), length - 0.1)
    half_wide = torch.where(half, cut.uniform("placket wide", 1.2, 1.7), cut.uniform("band wide", 1.4, 1.9))
    worn = (
        cut.has_front("half buttons")
        | (cut.has_front("buttons") & cut.is_kind("shirt", "blouse", "cardigan", "jacket"))
    ) & ~legs
    worn = worn | (cut.has_front("buttons") & (skirt | cut.is_kind("dress")))
    sway = cut.swing("placket sway", 0.5)
    top, bottom = point(0.0, start - 0.4, zero), point(sway, end, zero)
    middle = line(top, bottom, 33)
    wide = half_wide[:, None, None] * torch.tensor([1.0, 0.0], device=zero.device)
    placket = strip(middle + wide, middle - wide)
    pieces = {"placket": _piece("placket", placket, worn, 0.0, 0.35)}
    thin = cut.uniform("zip wide", 0.45, 0.75)[:, None, None] * torch.tensor([1.0, 0.0], device=zero.device)
    collar = torch.where(cut.has_collar("stand"), cut.uniform("zip up", 3.5, 5.5), zero)
    run = line(point(0.0, start - collar, zero), point(cut.uniform("zip gap", 0.0, 0.8) * 0, end, zero), 33)
    pieces["zip"] = _piece("zip", strip(run + thin, run - thin), cut.has_front("zip", "half zip") & ~legs)
    fly_end = point(0.4, cut.below["rise"] * 0.72, zero)
    curve = bend(
        point(3.4, 0.6, zero),
        point(3.4, fly_end[:, 1] * 0.6, zero),
        point(3.0, fly_end[:, 1] * 0.95, zero),
        fly_end,
        33,
    )
    straight = line(point(0.0, 0.6, zero), fly_end * 1.0, 33)
    pieces["fly"] = _piece("fly", strip(straight, curve), legs & cut.has_front("half zip"), 0.0, 0.2)
    return pieces


def _pockets(cut: Cut, lines: Lines) -> dict[str, Piece]:
    pieces = {}
    zero = torch.zeros_like(lines.depth)
    length, chest = cut.size["length"], cut.size["chest"]
    legs = cut.is_kind("trousers", "jeans", "shorts", "skirt")
    two = cut.has_pockets("two chest", "flaps", "low patches", "kangaroo")
    for name, side in SIDES.items():
        low = cut.has_pockets("low patches")
        centre = point(
            side * torch.where(low, chest * 0.52, chest * 0.46), torch.where(low, length * 0.66, zero + 18.5), zero
        )
        centre = torch.where(
            (cut.is_kind("dress") & low)[:, None], point(side * chest * 0.55, length * 0.52, zero), centre
        )
        half = torch.where(low, cut.uniform("patch wide", 6.5, 8.5), cut.uniform("pocket wide", 4.6, 6.2))
        tall = half * cut.uniform("pocket tall", 2.0, 2.4)
        corners = [centre + point(half * x, tall * y, zero) for x, y in ((-1, 0), (1, 0), (0.98, 1), (-0.98, 1))]
        belly = 1.8
        hand = _kangaroo(cut, side)
        box = torch.where(cut.has_pockets("kangaroo")[:, None, None, None], hand, quad(corners, belly))
        back = _jeans_corner(cut, side)
        box = torch.where(cut.has_pockets("jeans")[:, None, None, None], back, box)
        worn = two | cut.has_pockets("jeans") | (cut.has_pockets("chest") if name == "right" else torch.zeros_like(two))
        pieces[f"pocket_{name}"] = _piece(f"pocket_{name}", box, worn, 0.0, 0.4)
        lip = [centre + point((half + 0.3) * x, y, zero) for x, y in ((-1, -0.8), (1, -0.8), (1, 3.4), (-1, 3.4))]
        flap = quad(lip, 1.4)
        pieces[f"flap_{name}"] = _piece(f"flap_{name}", flap, cut.has_pockets("flaps"), 0.0, 0.6)
        lean = torch.where(
            cut.is_kind("blazer", "skirt"), cut.uniform("welt lean", 0.0, 0.2), cut.uniform("slant", 0.7, 1.3)
        )
        place = point(side * chest * 0.56, length * 0.64, zero)
        hip = cut.below["band"] * cut.below["hip"]
        beside = point(side * (cut.below["band"] * 0.5 + hip * 0.36), 8.5, zero)
        place = torch.where(legs[:, None], beside, place)
        lean = torch.where(legs, cut.uniform("slant legs", 0.9, 1.25), lean)
        along = (
            point(side * torch.cos(lean), torch.sin(lean), zero) * torch.where(legs, zero + 5.5, zero + 7.0)[:, None]
        )
        thick = point(-side * torch.sin(lean), torch.cos(lean), zero)
        thick = thick * cut.uniform("welt", 0.5, 1.3)[:, None]
        welt = quad((place - along - thick, place + along - thick, place + along + thick, place - along + thick))
        chosen = cut.has_pockets("welts", "chest and welts")
        pieces[f"welt_{name}"] = _piece(f"welt_{name}", welt, chosen, 0.0, 1.0)
    return pieces


def _kangaroo(cut: Cut, side: float) -> Tensor:
    """Half of the pouch on a hoodie."""
    zero = torch.zeros_like(cut.size["chest"])
    wide, low = cut.size["chest"] * 0.62, cut.size["length"] - cut.uniform("hoodie hem", 5.0, 7.0)
    tall = cut.uniform("pouch", 15.0, 19.0)
    top = point(side * wide * 0.62, low - tall, zero)
    knee = point(side * wide, low - tall * 0.3, zero)
    outer = chain(bend(top, top * 0.7 + knee * 0.3 - point(0.0, -1.0, zero), top * 0.3 + knee * 0.7, knee, 7),
                  line(knee, point(side * wide, low, zero), 3))  # fmt: skip
    return fill(line(top, point(0.0, low - tall, zero), 9), line(point(side * wide, low, zero), point(0.0, low, zero), 9),
                outer, line(point(0.0, low - tall, zero), point(0.0, low, zero), 9))  # fmt: skip


def _jeans_corner(cut: Cut, side: float) -> Tensor:
    """The facing that a curved front pocket leaves to see."""
    zero = torch.zeros_like(cut.size["chest"])
    band, hip = cut.below["band"], cut.below["band"] * cut.below["hip"]
    start = point(side * band * cut.uniform("pocket start", 0.45, 0.58), 0.3, zero)
    down = cut.uniform("pocket down", 7.0, 10.0)
    end = point(side * (band + (hip - band) * 0.55), down, zero)
    curve = bend(start, start + point(side * 0.8, down * 0.75, zero), end - point(side * 3.5, 0.2, zero), end, 9)
    corner = point(side * band * 0.995, 0.3, zero)
    outer = bend(corner, corner * 0.7 + end * 0.3 + point(side * 0.5, 0.0, zero), end * 0.8 + corner * 0.2, end, 9)
    return fill(line(corner, start, 9), line(end, end - point(side * 0.1, 0.0, zero), 9), outer, curve)


def _ends(cut: Cut, lines: Lines) -> dict[str, Piece]:
    """Cuffs of sleeves and legs, ribbed hems."""
    pieces = {}
    legs, skirt = cut.is_kind("trousers", "jeans", "shorts"), cut.is_kind("skirt")
    long = (cut.size["sleeve"] > 34) & ~cut.is_kind(*BOTTOMS)
    ribbed = cut.is_kind("hoodie", "sweater", "cardigan") | (cut.is_kind("jacket") & (cut.uniform("bomber") < 0.45))
    cuffed = long & (
        ribbed | cut.is_kind("shirt", "blouse", "jacket") | (cut.is_kind("longsleeve") & (cut.uniform("cuffs") < 0.5))
    )
    cuffed = cuffed | (cut.is_kind("polo") & (cut.size["sleeve"] > 0))
    turned = legs & (cut.uniform("turned up") < 0.22)
    deep = torch.where(ribbed, cut.uniform("rib deep", 4.5, 7.5), cut.uniform("cuff deep", 4.5, 6.5))
    deep = torch.where(cut.is_kind("polo"), cut.uniform("polo cuff", 1.4, 2.4), deep)
    pull = torch.where(ribbed, cut.uniform("rib pull", 0.78, 0.95), torch.full_like(deep, 1.02))
    for name in SIDES:
        cuff = resample(lines.cuff[name], 33)
        middle = cuff.mean(1, keepdim=True)
        axis = lines.sleeve[name][:, None]
        upper = middle + (cuff - middle) * 1.02 - axis * (deep * 0.25)[:, None, None]
        lower = middle + (cuff - middle) * pull[:, None, None] + axis * (deep * 0.75)[:, None, None]
        hem = resample(lines.hem[name], 33)
        turn_up = cut.uniform("turn up", 2.5, 5.0)[:, None]
        lifted = hem - torch.stack((torch.zeros_like(turn_up), turn_up), -1)
        centre = hem.mean(1, keepdim=True)
        upper = torch.where(turned[:, None, None], centre + (lifted - centre) * 1.01, upper)
        lower = torch.where(turned[:, None, None], centre + (hem - centre) * 1.05 + 0.1, lower)
        pieces[f"cuff_{name}"] = _piece(f"cuff_{name}", strip(upper, lower), cuffed | turned, 0.0, 3.0)
        drop = torch.stack((torch.zeros_like(deep), deep), -1)[:, None]
        squeeze = (
            torch.tensor([1.0, 1.0], device=deep.device)
            * torch.stack((cut.uniform("hem pull", 0.92, 0.99), torch.ones_like(deep)), -1)[:, None]
        )
        band = strip(hem - drop * 0.3, hem * squeeze + drop * 0.7)
        pieces[f"hem_{name}"] = _piece(f"hem_{name}", band, ribbed & ~skirt & ~legs, 0.0, 5.0)
    return pieces


def _waist(cut: Cut, lines: Lines) -> dict[str, Piece]:
    """Waistbands with their inside behind, belts of coats and dresses, belt loops."""
    below = cut.is_kind(*BOTTOMS)
    zero = torch.zeros_like(lines.depth)
    left, right = lines.anchors["waist left"], lines.anchors["waist right"]
    dip = point(0.0, cut.uniform("waist dip", 0.3, 1.8), zero)
    deep = cut.uniform("waistband", 3.2, 4.6)
    shallow = (cut.has_front("whole") & below) & (cut.uniform("elastic") < 0.6)
    deep = torch.where(shallow, cut.uniform("elastic deep", 2.6, 5.0), deep)
    lower = bend(left, left * 0.35 + dip, right * 0.35 + dip, right, 33)
    up = torch.stack((torch.zeros_like(deep), deep), -1)[:, None]
    upper = lower * torch.tensor([0.985, 1.0], device=zero.device) - up
    pieces = {"waist": _piece("waist", strip(upper, lower + point(0.0, 0.6, zero)[:, None]), below, 0.0, 7.0)}
    lift = cut.uniform("back rise", 0.8, 3.0)
    arch = torch.sin(torch.linspace(0, torch.pi, 33, device=zero.device))[None, :, None]
    behind = upper - arch * torch.stack((torch.zeros_like(lift), lift), -1)[:, None]
    pieces["waist_back"] = _piece("waist_back", strip(behind, lower), below)
    belted = (cut.is_kind("coat") & cut.has_front("buttons") & (cut.uniform("belted") < 0.3)) | (
        cut.is_kind("dress") & (cut.uniform("sash") < 0.25)
    )
    middle = bend(
        left,
        left * 0.4 + point(0.0, left[:, 1] * 0.6 + 0.8, zero),
        right * 0.4 + point(0.0, right[:, 1] * 0.6 + 0.8, zero),
        right,
        33,
    )
    wide = torch.stack((torch.zeros_like(deep), cut.uniform("belt", 0.9, 2.2)), -1)[:, None]
    stretched = middle * torch.tensor([1.01, 1.0], device=zero.device)
    pieces["belt"] = _piece("belt", strip(stretched - wide, stretched + wide), belted & ~below, 0.0, 9.0)
    looped = below & cut.has_front("half zip") & ~cut.is_kind("skirt")
    for at, share in enumerate((0.12, 0.3, 0.5, 0.7, 0.88)):
        if share == 0.5:
            continue  # the button sits there
        place = int(share * 32)
        top, bottom = upper[:, place], lower[:, place]
        half = point(0.55, 0.0, zero)
        loop = quad(
            (
                top - half - point(0.0, 0.3, zero),
                top + half - point(0.0, 0.3, zero),
                bottom + half + 0.3,
                bottom - half + 0.3,
            )
        )
        pieces[f"loop_{at}"] = _piece(f"loop_{at}", loop, looped)
    return pieces


def _cords(cut: Cut, lines: Lines) -> dict[str, Piece]:
    """Drawstrings at the throat of hoods and at elastic waists."""
    zero = torch.zeros_like(lines.depth)
    pieces = {}
    hood = cut.has_collar("hood") & (cut.is_kind("hoodie") | (cut.uniform("coat cord") < 0.3))
    elastic = cut.is_kind("shorts", "trousers", "skirt") & cut.has_front("whole") & (cut.uniform("drawstring") < 0.7)
    for name, side in SIDES.items():
        start = torch.where(hood[:, None], point(side * 2.6, lines.depth - 1.2, zero), point(side * 0.7, -1.2, zero))
        long = torch.where(hood, cut.uniform("cord " + name, 14.0, 25.0), cut.uniform("waist cord " + name, 6.0, 12.0))
        swing = cut.swing("cord way " + name, 4.0)
        end = start + point(side * 1.5 + swing, long, zero)
        path = bend(
            start, start + point(side * 1.8 - swing, long * 0.3, zero), end + point(swing, -long * 0.4, zero), end, 33
        )
        half = cut.uniform("cord thick", 0.28, 0.5)
        worn = (hood | elastic) & (cut.uniform("cord there") < 0.85)
        pieces[f"cord_{name}"] = _piece(f"cord_{name}", strip(shift_aside(path, half), shift_aside(path, -half)), worn)
    return pieces


def _buttons(cut: Cut, lines: Lines) -> dict[str, Piece]:
    pieces = {}
    zero = torch.zeros_like(lines.depth)
    skirt, legs = cut.is_kind("skirt"), cut.is_kind("trousers", "jeans", "shorts")
    lapel, half = cut.has_collar("lapel"), cut.has_front("half buttons")
    double = lines.overlap > 6.0
    start = torch.where(skirt, zero + 4.0, lines.depth + torch.where(lapel, zero + 1.0, zero + 1.5))
    end = torch.where(
        half,
        lines.depth + cut.uniform("placket long", 11.0, 18.0) - 2.0,
        cut.size["length"] * cut.uniform("last", 0.84, 0.92),
    )
    end = torch.where(lapel, start + cut.uniform("button run", 10.0, 20.0), end)
    end = torch.where(lapel & cut.is_kind("coat"), start + cut.uniform("coat run", 28.0, 42.0), end)
    end = torch.where(skirt, cut.below["length"] * 0.9, end)
    count = torch.where(
        half, 2 + torch.floor(cut.uniform("few", 0, 1.99)), 6 + torch.floor(cut.uniform("many", 0, 3.99))
    )
    count = torch.where(lapel, 2 + torch.floor(cut.uniform("suit", 0, 1.7)) + cut.is_kind("coat"), count)
    radius = torch.where(
        cut.is_kind("coat", "blazer", "cardigan"), cut.uniform("big", 0.95, 1.5), cut.uniform("small", 0.48, 0.68)
    )
    along = cut.has_front("buttons", "half buttons") & ~legs
    column = torch.where(double, zero + 6.2, zero)
    for at in range(BUTTONS):
        row = torch.where(double, torch.full_like(zero, at // 2), torch.full_like(zero, at))
        side = torch.where(double, torch.full_like(zero, 1.0 if at % 2 else -1.0), zero)
        share = row / (count - 1).clamp_min(1)
        place = point(side * column, start + (end - start) * share, zero) + point(
            cut.swing(f"button {at}", 0.15), 0.0, zero
        )
        worn = along & (row < count)
        if at == 0:  # a waistband has one, at its middle
            waist = legs & cut.has_front("half zip")
            place = torch.where(waist[:, None], point(0.0, -0.6, zero), place)
            worn = worn | waist
            radius_here = torch.where(waist, zero + 0.8, radius)
        else:
            radius_here = radius
        pieces[f"button_{at}"] = Piece(
            f"button_{at}", disc(place, radius_here), disc(point(0.0, 0.0, zero), radius_here), worn
        )
    return pieces
