"""Flat cloths: periodic tiles of woven, printed and dyed patterns, and the pictures printed once on a chest."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from core.engine import motifs, random
from core.engine.cuts import is_one_of, pick_by_share
from core.engine.emblems import draw_emblems
from core.engine.motifs import Design, cover, mix, repeat
from core.engine.palettes import draw_palettes

PRINTS = (
    *("plain", "heather", "stripes", "pinstripes", "upright stripes", "gingham", "tartan", "windowpane"),
    *("dots", "stars", "hearts", "florals", "ditsy", "leaves", "gradient", "tie dye", "denim", "fair isle", "letters"),
    *("camouflage", "leopard", "zebra", "houndstooth", "terrazzo", "graphic", "word"),
)
# how often each is drawn; real wardrobes are mostly plain
_SHARES = (24, 8, 8, 2, 2, 4, 4, 2.5, 4.5, 2.5, 2, 6, 3.5, 3, 2.5, 2, 5, 2, 2, 3, 2.5, 2, 2, 2, 6, 5)
ONCE = ("graphic", "word")
"""Prints that lie once on the chest of a plain cloth."""
_ROUND = 2 * math.pi


@dataclass(frozen=True)
class Tiles:
    """N periodic cloths (N, 3, T, T) in [0, 1] sRGB, how many centimetres one tile spans (N,), and the palettes."""

    pictures: Tensor
    span: Tensor
    palette: Tensor
    emblem: Tensor
    """(N, 4, T, T): colour and cover of the picture on the chest; cover 0 where there is none."""


def pick_prints(seeds: Tensor) -> Tensor:
    """The print each seed draws."""
    shares = torch.tensor(_SHARES, dtype=torch.float32, device=seeds.device)
    return pick_by_share((shares / shares.sum()).expand(len(seeds), -1), seeds, "print kind")


def draw_tiles(seeds: Tensor, kind: Tensor, size: int) -> Tiles:
    """The flat cloths of these seeds and prints (places in PRINTS), ``size`` pixels square."""
    device = seeds.device
    axis = (torch.arange(size, device=device) + 0.5) / size
    grid = torch.stack(torch.meshgrid(axis, axis, indexing="xy"), -1)
    palette = draw_palettes(seeds)
    pictures = palette[:, 0, :, None, None].expand(-1, 3, size, size).clone()
    span = torch.full((len(seeds),), 30.0, device=device)
    emblem = torch.zeros(len(seeds), 4, size, size, device=device)
    for number in torch.unique(kind).tolist():
        here = torch.nonzero(kind == number)[:, 0]
        name = PRINTS[number]
        job = Design(seeds[here], palette[here], grid)
        if name in ONCE:
            emblem[here] = draw_emblems(job, name)
        elif name != "plain":
            pictures[here] = _DRAW[name](job)
        low, high = _SPANS.get(name, (22.0, 40.0))
        span[here] = job.uniform("span", low, high)
    return Tiles(pictures.clamp(0, 1), span, palette, emblem)


_SPANS = {
    "stripes": (18.0, 44.0), "pinstripes": (16.0, 24.0), "upright stripes": (14.0, 30.0),
    "gingham": (12.0, 34.0), "tartan": (14.0, 34.0), "dots": (14.0, 44.0), "ditsy": (18.0, 30.0),
    "florals": (30.0, 56.0), "leaves": (30.0, 60.0), "gradient": (70.0, 110.0), "tie dye": (40.0, 70.0),
    "fair isle": (22.0, 34.0), "letters": (26.0, 46.0), "camouflage": (40.0, 66.0), "leopard": (26.0, 44.0),
    "zebra": (30.0, 50.0), "houndstooth": (12.0, 30.0), "denim": (24.0, 24.0), "heather": (20.0, 20.0),
}  # fmt: skip


def _wave(job: Design, axis: int, count: Tensor) -> Tensor:
    """Saw 0..1 across the tile, ``count`` (N) times."""
    return torch.remainder(job.grid[None, ..., axis] * count[:, None, None], 1.0)


def _band(wave: Tensor, low: Tensor | float, high: Tensor | float, soft: float = 0.03) -> Tensor:
    """1 where the wave lies between low and high, with soft edges."""
    if isinstance(low, Tensor):
        low = low[:, None, None]
    if isinstance(high, Tensor):
        high = high[:, None, None]
    return ((wave - low) / soft + 0.5).clamp(0, 1) * ((high - wave) / soft + 0.5).clamp(0, 1)


def _heather(job: Design) -> Tensor:
    fine = job.noise("fine", job.grid.shape[0] // 3) + 0.5 * job.noise("coarse", 24)
    amount = job.uniform("heather", 0.03, 0.09)[:, None, None]
    lighter = job.colour(0) * 0.55 + 0.4
    return mix(job.ground(), lighter, (0.35 + fine * amount * 2).clamp(0, 1))


def _stripes(job: Design, axis: int = 1) -> Tensor:
    wave = _wave(job, axis, job.whole("count", 3, 11))
    share = job.uniform("share", 0.25, 0.55)
    start = torch.full_like(share, 0.2)
    picture = mix(job.ground(), job.colour(1), _band(wave, start, start + share))
    many = (job.uniform("many") < 0.35).float()[:, None, None]
    thin = _band(wave, start + share + 0.1, start + share + 0.2) * many
    return mix(picture, job.colour(2), thin)


def _pinstripes(job: Design) -> Tensor:
    wave = _wave(job, 0, job.whole("count", 6, 14))
    return mix(
        job.ground(), job.colour(1), _band(wave, 0.45, 0.55, 0.06) * job.uniform("pale", 0.35, 0.8)[:, None, None]
    )


def _gingham(job: Design) -> Tensor:
    count = job.whole("count", 4, 12)
    across, down = (_band(_wave(job, axis, count), 0.25, 0.75, 0.04) for axis in (0, 1))
    light = job.colour(1) * 0.35 + 0.63
    return mix(light.expand_as(job.ground()), job.colour(0), (across + down) * 0.5)


def _tartan(job: Design) -> Tensor:
    count = job.whole("count", 2, 5)
    twill = torch.remainder((job.grid[..., 0] + job.grid[..., 1]) * (job.grid.shape[0] / 4), 1.0)[None]
    both = []
    for axis in (0, 1):
        wave = _wave(job, axis, count)
        thread = job.ground()
        thread = mix(thread, job.colour(2), _band(wave, 0.1, job.uniform("wide", 0.32, 0.48)))
        thread = mix(thread, job.colour(0) * 0.45, _band(wave, 0.55, 0.68))
        thread = mix(thread, job.colour(1), _band(wave, 0.8, 0.84, 0.02) + _band(wave, 0.2, 0.23, 0.02))
        both.append(mix(thread, job.colour(4), _band(wave, 0.6, 0.63, 0.02)))
    return mix(both[0], both[1], (0.35 + 0.3 * (twill > 0.5)).expand(len(job.seeds), -1, -1))


def _windowpane(job: Design) -> Tensor:
    count = job.whole("count", 3, 7)
    line = torch.maximum(*(_band(_wave(job, axis, count), 0.46, 0.54, 0.03) for axis in (0, 1)))
    return mix(job.ground(), job.colour(1), line * job.uniform("pale", 0.4, 0.95)[:, None, None])


def _stamps(job: Design, shape: Callable[[motifs.Repeat], Tensor], cells: Tensor, wild: bool = True) -> Tensor:
    """One motif after another in the accents of the palette."""
    loose = repeat(job.seeds, job.grid, cells, 0.25 if wild else 0.0, 0.5 if wild else 0.0)
    pixel = (cells / job.grid.shape[0] * 1.4)[:, None, None]
    share = cover(shape(loose), pixel)
    which = loose.uniform("colour")
    accents = torch.where(
        (which < 0.55)[:, None], job.colour(1), torch.where((which < 0.8)[:, None], job.colour(2), job.colour(3))
    )
    one = (job.uniform("one colour") < 0.6)[:, None, None, None]
    return mix(job.ground(), torch.where(one, job.colour(1), accents), share)


def _dots(job: Design) -> Tensor:
    radius = job.uniform("radius", 0.14, 0.34)[:, None, None]
    return _stamps(job, lambda at: torch.sqrt(at.x**2 + at.y**2 + 1e-9) - radius, job.even("cells", 2, 9), False)


def _stars(job: Design) -> Tensor:
    radius = job.uniform("radius", 0.25, 0.4)[:, None, None]
    return _stamps(
        job, lambda at: motifs.star(at.x, at.y, radius * (0.6 + 0.4 * at.uniform("size"))), job.even("cells", 2, 6)
    )


def _hearts(job: Design) -> Tensor:
    radius = job.uniform("radius", 0.18, 0.28)[:, None, None]
    return _stamps(job, lambda at: motifs.heart(at.x, at.y, radius), job.even("cells", 2, 6), False)


def _flowers(job: Design, picture: Tensor, layer: int, cells: Tensor, scale: float) -> Tensor:
    """Blossoms with two leaves and a heart of another colour, over the picture."""
    lane = random.hash_words(job.seeds, layer)
    at = repeat(lane, job.grid, cells, 0.3, 1.0)
    pixel = (cells / job.grid.shape[0] * 1.4)[:, None, None]
    there = (at.uniform("there") < 0.86).float()
    radius = scale * (0.16 + 0.12 * at.uniform("size"))
    for turn in (0.7, 2.4, 4.6):
        cos, sin = math.cos(turn), math.sin(turn)
        blade = motifs.leaf(at.x * cos + at.y * sin, -at.x * sin + at.y * cos, radius * 1.55)
        kept = there * (at.uniform(f"leaf {turn}") < 0.65)
        green = job.colour(3) if layer % 2 else job.colour(2)
        shade = 0.85 + 0.3 * at.uniform("leaf shade")
        picture = mix(picture, green * shade[:, None], cover(blade, pixel) * kept)
    petals = torch.floor(at.uniform("petals") * 3) * 0.5 + 2.5
    which = at.uniform("which") < 0.6
    bloom = torch.where(which[:, None], job.colour(1), job.colour(4))
    far = torch.sqrt(at.x**2 + at.y**2 + 1e-9) / radius
    bloom = bloom * (1.06 - 0.3 * torch.exp(-((far - 0.1) ** 2) * 9) * at.uniform("deep"))[:, None]
    picture = mix(picture, bloom, cover(motifs.blossom(at.x, at.y, radius, petals), pixel) * there)
    middle = torch.where(which[:, None], job.colour(4), job.colour(1))
    return mix(picture, middle, cover((far - 0.3) * radius, pixel) * there)


def _florals(job: Design) -> Tensor:
    picture = _flowers(job, job.ground(), 3, job.even("small", 3, 4), 0.8)
    return _flowers(job, picture, 8, job.even("cells", 1, 2), 1.12)


def _ditsy(job: Design) -> Tensor:
    return _flowers(job, job.ground(), 5, job.even("cells", 3, 6), 1.0)


def _leaves(job: Design) -> Tensor:
    picture = job.ground()
    for layer in range(3):
        cells = job.even(f"cells {layer}", 1, 3)
        at = repeat(random.hash_words(job.seeds, layer), job.grid, cells, 0.1, 1.0)
        pixel = (cells / job.grid.shape[0] * 1.4)[:, None, None]
        blade = motifs.leaf(at.x + 0.4, at.y, 0.8, 0.3)
        vein = torch.minimum(at.y.abs(), (torch.remainder(at.x * 9 + at.y.abs() * 7, 1.0) - 0.5).abs() / 9)
        green = mix(job.colour(1 + layer).expand_as(picture), job.colour(0), 0.6 * cover(vein - 0.012, pixel))
        picture = mix(picture, green, cover(blade, pixel))
    return picture


def _gradient(job: Design) -> Tensor:
    turn = job.uniform("turn", 0.0, 1.0)[:, None, None]
    wave = 0.5 - 0.5 * torch.cos(_ROUND * (job.grid[None, ..., 1] + turn))
    picture = mix(job.ground(), job.colour(1), wave)
    three = (job.uniform("three") < 0.5).float()[:, None, None]
    return mix(
        picture, job.colour(2), three * (0.5 - 0.5 * torch.cos(_ROUND * (job.grid[None, ..., 1] + turn + 0.35))) ** 3
    )


def _tie_dye(job: Design) -> Tensor:
    x, y = job.grid[None, ..., 0] - 0.5, job.grid[None, ..., 1] - 0.5
    far = torch.sqrt((torch.sin(math.pi * x) ** 2 + torch.sin(math.pi * y) ** 2) + 1e-6)
    blur = job.noise("blot", 14) * 0.25 + job.noise("fine", 40) * 0.1
    ring = torch.sin(far * job.uniform("rings", 9.0, 18.0)[:, None, None] + blur * 3)
    picture = mix(job.ground(), job.colour(1), (0.5 + ring * 1.2 + blur).clamp(0, 1))
    return mix(picture, job.colour(2), (torch.cos(far * 7 + blur * 4) - 0.3).clamp(0, 1))


_BLUES = (
    (0.13, 0.18, 0.27),
    (0.20, 0.29, 0.42),
    (0.34, 0.46, 0.60),
    (0.55, 0.66, 0.77),
    (0.12, 0.12, 0.13),
    (0.62, 0.63, 0.63),
)


def _denim(job: Design) -> Tensor:
    blues = torch.tensor(_BLUES, device=job.seeds.device)
    place = job.uniform("wash", 0.0, 0.999) * (len(_BLUES) - 1)
    low = torch.floor(place).long()
    share = (place - low)[:, None]
    share = torch.where((low >= 3)[:, None], torch.round(share), share)
    dye = blues[low] * (1 - share) + blues[low + 1] * share
    side = job.grid.shape[0]
    twill = torch.remainder((job.grid[..., 0] * 0.5 + job.grid[..., 1]) * (side / 3), 1.0)[None]
    slub = job.noise("slub", side // 3) * 0.05 + job.noise("cloud", 6) * 0.008 + 0.08 * (twill - 0.5)
    return mix(
        dye[:, :, None, None].expand_as(job.ground()), torch.ones_like(job.ground()) * 0.9, (0.08 + slub).clamp(0, 1)
    )


def _fair_isle(job: Design) -> Tensor:
    """Knitted bands of small figures on a coarse grid of stitches."""
    count = 48
    x = torch.floor(job.grid[None, ..., 0] * count)
    y = torch.floor(job.grid[None, ..., 1] * count)
    band, row = torch.floor(y / 12), torch.remainder(y, 12)
    word = random.hash_words(job.seeds[:, None, None], band.long(), random.stream("isle"))
    width = 6 + 2 * torch.floor(random.uniform(word, 1) * 3)
    fold = (torch.remainder(x, width) - width / 2 + 0.5).abs()
    figure = (fold + (row - 5.5).abs()) % (2 + torch.floor(random.uniform(word, 2) * 3)) < 1.2
    inside = (row > 0.5) & (row < 10.5)
    picture = mix(job.ground(), job.colour(1), (figure & inside).float())
    edge = ((row == 0) | (row == 11)) & (torch.remainder(x, 2) < 1)
    return mix(picture, job.colour(2), edge.float())


def _letters(job: Design) -> Tensor:
    cells = job.even("cells", 2, 4)
    at = repeat(job.seeds, job.grid, cells, 0.1, 0.3)
    pixel = (cells / job.grid.shape[0] * 2.2)[:, None, None]
    which = torch.floor(at.uniform("letter") * 8)
    first = int(random.hash_integers(int(job.seeds[0]), 5) % 3)
    share = torch.zeros_like(at.x)
    for number in range(8):
        letter = motifs.LETTERS[(number * 2 + first * 0) % len(motifs.LETTERS)]
        stroke = motifs.glyph(at.x / 0.46 + 0.5, at.y / 0.62 + 0.5, letter) - 0.1
        share = torch.where(which == number, cover(stroke, pixel), share)
    tint = torch.where((at.uniform("tint") < 0.6)[:, None], job.colour(1), job.colour(2))
    return mix(job.ground(), tint, share)


def _camouflage(job: Design) -> Tensor:
    dusty = job.palette.mean(2, keepdim=True)
    colours = job.palette * 0.55 + dusty * 0.45
    picture = colours[:, 0, :, None, None].expand_as(job.ground())
    for at, cells in ((4, 7), (3, 8), (2, 9)):
        blot = job.noise(f"blot {at}", cells) + 0.45 * job.noise(f"edge {at}", 2 * cells + 1)
        share = ((blot - 0.35) / 0.06 + 0.5).clamp(0, 1)
        picture = mix(picture, colours[:, at, :, None, None] * (0.8 if at == 2 else 1.0), share)
    return picture


def _leopard(job: Design) -> Tensor:
    cells = job.even("cells", 3, 5)
    at = repeat(job.seeds, job.grid, cells, 0.3, 1.0)
    pixel = (cells / job.grid.shape[0] * 2)[:, None, None]
    wobble = job.noise("wobble", 30) * 0.05
    far = torch.sqrt((at.x * 0.85) ** 2 + at.y**2 + 1e-9) + wobble
    size = 0.2 + 0.14 * at.uniform("size")
    gap = torch.cos(torch.atan2(at.y, at.x) * (2 + torch.floor(at.uniform("gaps") * 2))) < 0.72
    natural = torch.tensor([[0.80, 0.64, 0.45], [0.14, 0.10, 0.08], [0.60, 0.38, 0.20]], device=job.seeds.device)
    dyed = (job.uniform("dyed") < 0.3)[:, None, None]
    colours = torch.where(dyed, job.palette[:, [0, 2, 3]], natural)[..., None, None]
    picture = colours[:, 0].expand_as(job.ground()) * (1 + 0.05 * job.noise("fur", 60))[:, None]
    picture = mix(picture, colours[:, 2], cover(far - size * 0.7, pixel))
    return mix(picture, colours[:, 1], cover((far - size).abs() - 0.07, pixel) * gap)


def _zebra(job: Design) -> Tensor:
    warp = job.noise("warp", 6) * 0.5 + job.noise("fork", 13) * 0.22
    lines = torch.sin(_ROUND * (job.grid[None, ..., 1] * job.whole("count", 5, 9)[:, None, None]) + warp * 2.2)
    light, dark = job.colour(1), job.colour(0) * 0.4
    return mix(light.expand_as(job.ground()), dark, ((lines - 0.1) * 5).clamp(0, 1))


def _houndstooth(job: Design) -> Tensor:
    """Four dark and four light threads each way in a 2/2 twill."""
    count = job.whole("count", 6, 12)[:, None, None]
    x, y = torch.floor(job.grid[None, ..., 0] * count * 8), torch.floor(job.grid[None, ..., 1] * count * 8)
    over = torch.remainder(x + y, 4) < 2
    dark = torch.where(over, torch.remainder(x, 8) < 4, torch.remainder(y, 8) < 4)
    return mix(job.ground(), job.colour(1), dark.float())


def _terrazzo(job: Design) -> Tensor:
    picture = job.ground()
    for at in (1, 2, 3, 4):
        chips = job.noise(f"chips {at}", 13 + 3 * at)
        picture = mix(picture, job.colour(at), ((chips - 1.35) * 9).clamp(0, 1))
    return picture


_DRAW: dict[str, Callable[[Design], Tensor]] = {
    "heather": _heather, "stripes": _stripes, "pinstripes": _pinstripes, "upright stripes": lambda job: _stripes(job, 0),
    "gingham": _gingham, "tartan": _tartan, "windowpane": _windowpane, "dots": _dots, "stars": _stars, "hearts": _hearts,
    "florals": _florals, "ditsy": _ditsy, "leaves": _leaves, "gradient": _gradient, "tie dye": _tie_dye, "denim": _denim,
    "fair isle": _fair_isle, "letters": _letters, "camouflage": _camouflage, "leopard": _leopard, "zebra": _zebra,
    "houndstooth": _houndstooth, "terrazzo": _terrazzo,
}  # fmt: skip


def is_print(kind: Tensor, *names: str) -> Tensor:
    """Which are of one of these prints."""
    return is_one_of(kind, PRINTS, names)
