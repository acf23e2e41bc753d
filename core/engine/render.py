"""A scene of triangles and strands to a linear picture: z-buffer, then every visible pixel is painted and lit once.

Takes a ``Scene`` (everything posed and placed) and gives a ``Drawn``; who and what is in the scene is faces.py's business.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from core.camera import invert_pose, normalise, project
from core.engine import eyes as eye_paint
from core.engine import light as lighting
from core.engine import noise
from core.engine import skin as skin_paint
from core.engine.eyes import Eyes
from core.engine.light import Light
from core.engine.skin import Skin
from core.engine.strands import Growth, deepen, shade
from core.ops.rasterise import Surface, draw_strands, draw_triangles, gather

SEGMENTS = ("background", "skin", "brows", "eyes", "nose", "mouth", "hair", "glasses", "hat", "neck", "cloth")
MATERIALS = ("skin", "mouth", "gums", "tongue", "teeth", "eye_left", "eye_right", "cloth", "hat", "frame")
SKIN, EYE_LEFT, EYE_RIGHT, CLOTH, HAT, FRAME = 0, 5, 6, 7, 8, 9
_PART_OF_MATERIAL = (0, 1, 3, 4, 5)
CHANNELS = (
    "blood", "melanin", "lip", "eye", "beard", "moustache", "scalp", "nasolabial", "neck", "nose", "brow", "occlusion",
)  # fmt: skip
"""What every vertex carries beside place, normal and rest place."""


@dataclass(frozen=True)
class Cloth:
    """How cloth, hat and frame look: colours (B, 3), pattern (B), weave (B, metres)."""

    cloth: Tensor
    cloth_second: Tensor
    pattern: Tensor
    """0 plain, 1 stripes, 2 checks, 3 mottled."""
    hat: Tensor
    frame: Tensor
    frame_gloss: Tensor


@dataclass(frozen=True)
class Scene:
    """B people, posed, dressed, lit and seen."""

    points: Tensor
    """(B, V, 3) world, metres."""
    normals: Tensor
    rest: Tensor
    """(B, V, 3): centimetres on the mean head; on eyeballs the direction from their middle; on cloth its own place."""
    channels: Tensor
    """(B, V, len(CHANNELS))."""
    triangles: Tensor
    material: Tensor
    """(F,) place in MATERIALS."""
    eye_axes: Tensor
    """(B, 2, 3, 3) eye frames in the world, columns x, y, z."""
    fuzz: Growth
    """Brows, lashes, beard."""
    hair: Growth | None
    skin: Skin
    eyes: Eyes
    teeth: Tensor
    cloth: Cloth
    light: Light
    pose: Tensor
    """(B, 4, 4) camera to world."""
    calibration: Tensor
    """(B, 3, 3) in pixels of the final picture."""


@dataclass(frozen=True)
class Drawn:
    """Linear colour (B, 3, R, R) premultiplied, coverage (B, R, R), depth (B, R, R, metres, 0 nothing), segments (B, R, R)."""

    colour: Tensor
    coverage: Tensor
    depth: Tensor
    segments: Tensor


def screen(points: Tensor, scene: Scene, scale: float) -> Tensor:
    """World points (B, N, 3) as column, row, depth at ``scale`` pixels per final pixel."""
    place, depth = project(points, invert_pose(scene.pose), scene.calibration)
    return torch.cat((place * scale, depth[..., None]), -1).contiguous()


@dataclass(frozen=True)
class _Seen:
    """The visible pixels, flattened: P of them."""

    pixel: Tensor
    picture: Tensor
    material: Tensor
    point: Tensor
    normal: Tensor
    rest: Tensor
    marks: dict[str, Tensor]
    view: Tensor


def draw(scene: Scene, size: int, supersample: float) -> Drawn:
    """The scene at ``size`` x ``supersample`` pixels a side."""
    resolution = round(size * supersample)
    scale = resolution / size
    surface = draw_triangles(screen(scene.points, scene, scale), scene.triangles, resolution, resolution)
    seen = _gather(scene, surface)
    shadow = lighting.shadow_map(scene.points, scene.triangles, scene.light, _middle(scene))
    if scene.hair is not None:
        shadow = deepen(shadow, scene.hair)
    colour = torch.zeros(surface.depth.numel(), 3, device=scene.points.device)
    colour[seen.pixel] = _light(scene, seen, _paint(scene, seen, surface), shadow)
    size3 = (*surface.depth.shape, 3)
    covered = (surface.number >= 0).to(torch.float32)
    segments = _segments(seen, surface)
    layers = (colour.reshape(size3), covered, surface.depth, segments)
    layers = _lay_strands(scene, scene.fuzz, shadow, scale, layers, 0)
    if scene.hair is not None:
        layers = _lay_strands(scene, scene.hair, shadow, scale, layers, SEGMENTS.index("hair"))
    return Drawn(layers[0].permute(0, 3, 1, 2), layers[1], layers[2], layers[3])


def _middle(scene: Scene) -> Tensor:
    """Where the head is: what the shadow map is centred on."""
    return scene.points[:, :8000:40].mean(1) + scene.points.new_tensor([0.0, -0.02, -0.02])


def _gather(scene: Scene, surface: Surface) -> _Seen:
    number = surface.number.reshape(-1)
    pixel = torch.nonzero(number >= 0)[:, 0]
    picture = torch.div(pixel, surface.number[0].numel(), rounding_mode="floor")
    carried = torch.cat((scene.points, scene.normals, scene.rest, scene.channels), -1)
    found = gather(carried, scene.triangles, surface, pixel)
    marks: dict[str, Tensor] = dict(zip(CHANNELS, found[:, 9:].unbind(1), strict=True))
    point = found[:, :3]
    view = normalise(scene.pose[:, :3, 3][picture] - point)
    material = scene.material[number[pixel].long()]
    normal = normalise(found[:, 3:6])
    # cloth is seen from both sides
    away = (material >= CLOTH) & ((normal * view).sum(-1) < 0)
    normal = torch.where(away[:, None], -normal, normal)
    return _Seen(pixel, picture, material, point, normal, found[:, 6:9], marks, view)


@dataclass(frozen=True)
class _Painted:
    albedo: Tensor
    rough: Tensor
    gloss: Tensor
    mirror: Tensor
    soft: Tensor
    normal: Tensor
    open_share: Tensor


def _paint(scene: Scene, seen: _Seen, surface: Surface) -> _Painted:
    count, device = len(seen.pixel), seen.pixel.device
    albedo = torch.full((count, 3), 0.5, device=device)
    rough, gloss = torch.full((count,), 0.6, device=device), torch.ones(count, device=device)
    mirror, soft = torch.zeros(count, device=device), torch.zeros(count, device=device)
    height = torch.zeros(count, device=device)
    open_share = seen.marks["occlusion"].clone()
    skin = torch.nonzero(seen.material == SKIN)[:, 0]
    made = skin_paint.paint(
        seen.rest[skin], {name: value[skin] for name, value in seen.marks.items()}, scene.skin, seen.picture[skin]
    )
    albedo[skin], rough[skin], gloss[skin], height[skin], soft[skin] = (
        made.albedo,
        made.rough,
        made.gloss,
        made.height,
        1.0,
    )
    _paint_wet(scene, seen, surface, (albedo, rough, mirror, open_share, soft))
    _paint_cloth(scene, seen, (albedo, rough, gloss, height, open_share))
    normal = _bumped(seen, surface, height)
    return _Painted(albedo, rough, gloss, mirror, soft, normal, open_share.clamp(0.02, 1.0))


def _paint_wet(scene: Scene, seen: _Seen, surface: Surface, out: tuple[Tensor, Tensor, Tensor, Tensor, Tensor]) -> None:
    albedo, rough, mirror, open_share, soft = out
    eye = torch.nonzero((seen.material == EYE_LEFT) | (seen.material == EYE_RIGHT))[:, 0]
    picture = seen.picture[eye]
    axes = scene.eye_axes[picture, (seen.material[eye] == EYE_RIGHT).long()]
    view = (seen.view[eye][:, None] @ axes)[:, 0]
    wet = eye_paint.paint_eyes(normalise(seen.rest[eye]), view, scene.eyes, picture, _lid_shade(seen, surface, eye))
    albedo[eye], rough[eye], mirror[eye] = wet.albedo, wet.rough, wet.mirror
    open_share[eye] = 0.62
    mouth = torch.nonzero((seen.material >= 1) & (seen.material <= 4))[:, 0]
    part = torch.tensor(_PART_OF_MATERIAL, device=eye.device)[seen.material[mouth]]
    wet = eye_paint.paint_mouth(part, seen.rest[mouth], scene.teeth, seen.picture[mouth])
    albedo[mouth], rough[mouth], mirror[mouth] = wet.albedo, wet.rough, wet.mirror * 0.4
    # light scatters on inside teeth and flesh, so the mouth is not as dark as what can see the sky
    least = torch.where(part >= 4, 0.6, 0.3)
    open_share[mouth], soft[mouth] = least + (1 - least) * open_share[mouth], 0.8


def _lid_shade(seen: _Seen, surface: Surface, eye: Tensor) -> Tensor:
    """How far each eye pixel lies from the lids, 0..1, more from the upper lid: the share of eye pixels around it."""
    mask = torch.zeros(surface.number.numel(), device=eye.device)
    mask[seen.pixel[eye]] = 1.0
    picture = mask.reshape(len(surface.number), 1, *surface.number.shape[1:])
    reach = max(1, round(surface.number.shape[1] / 190))
    spread = lighting.blur_rows(picture, reach)
    below = torch.roll(spread, -reach, 2)  # looks up from below: the upper lid shades more
    above = torch.roll(spread, reach, 2)
    share = (0.2 * below + 0.8 * above).reshape(-1)[seen.pixel[eye]]
    return ((share - 0.25) / 0.72).clamp(0.0, 1.0)


def _paint_cloth(scene: Scene, seen: _Seen, out: tuple[Tensor, Tensor, Tensor, Tensor, Tensor]) -> None:
    albedo, rough, gloss, height, _ = out
    worn = torch.nonzero((seen.material == CLOTH) | (seen.material == HAT))[:, 0]
    picture, rest = seen.picture[worn], seen.rest[worn]
    folds, weave = (
        noise.sample(rest + 3.0 * noise.shift_of(scene.skin.seeds)[picture], 3.2),
        noise.sample(rest * 1.0, 0.22),
    )
    look, kind = scene.cloth, scene.cloth.pattern[picture]
    stripes = torch.sigmoid(torch.sin(rest[:, 1] * 2.6) * 9)
    checks = 0.5 * stripes + 0.5 * torch.sigmoid(torch.sin(rest[:, 0] * 2.6) * 9)
    mottled = torch.sigmoid(folds[:, 1] * 2.5)
    share = torch.where(
        kind == 1, stripes, torch.where(kind == 2, checks, torch.where(kind == 3, mottled, 0 * stripes))
    )
    on_hat = (seen.material[worn] == HAT)[:, None]
    share = share[:, None] * ~on_hat
    first = torch.where(on_hat, look.hat[picture], look.cloth[picture])
    albedo[worn] = (first * (1 - share) + look.cloth_second[picture] * share) * (1 + 0.07 * weave[:, :1])
    rough[worn], gloss[worn] = 0.85, 0.35
    height[worn] = 0.0016 * folds[:, 0] + 0.0003 * weave[:, 1]
    frame = torch.nonzero(seen.material == FRAME)[:, 0]
    at = seen.picture[frame]
    albedo[frame] = look.frame[at]
    rough[frame], gloss[frame] = 0.45 - 0.25 * look.frame_gloss[at], 1.5


def _bumped(seen: _Seen, surface: Surface, height: Tensor) -> Tensor:
    """Normals tilted by the height's slope across the screen (Mikkelsen 2010), within one material."""
    total = surface.number.numel()
    where = torch.full((total + surface.number.shape[2] + 1,), -1, dtype=torch.int64, device=height.device)
    where[seen.pixel] = torch.arange(len(seen.pixel), device=height.device)
    right, below = where[seen.pixel + 1], where[seen.pixel + surface.number.shape[2]]
    steps = []
    for other in (right, below):
        place = other.clamp_min(0)
        move = seen.point[place] - seen.point
        joined = (other >= 0) & (seen.material[place] == seen.material) & (move.norm(dim=-1) < 0.012)
        steps.append((move * joined[:, None], (height[place] - height) * joined))
    (across, rise_across), (down, rise_down) = steps
    first, second = torch.linalg.cross(down, seen.normal), torch.linalg.cross(seen.normal, across)
    volume = (across * first).sum(-1, keepdim=True)
    slope = torch.sign(volume) * (rise_across[:, None] * first + rise_down[:, None] * second)
    steep = slope.norm(dim=-1, keepdim=True) / volume.abs().clamp_min(1e-12)
    limited = slope * (0.7 / steep.clamp_min(0.7))
    flat = volume.abs() < 1e-10
    return torch.where(flat, seen.normal, normalise(volume.abs() * seen.normal - limited))


def _light(scene: Scene, seen: _Seen, painted: _Painted, shadow: lighting.ShadowMap) -> Tensor:
    light, picture = scene.light, seen.picture
    normal, view = painted.normal, seen.view
    wrap = painted.soft[:, None] * normal.new_tensor(lighting.SCATTER)
    # light that bounces in creases takes the surface's colour (Jimenez 2016)
    closed = painted.open_share[:, None]
    bounced = closed ** (1.0 - 0.75 * painted.albedo.clamp(0, 1))
    total = painted.albedo * lighting.irradiance(light, normal, picture) * bounced
    facing = 0.028 + 0.012 * painted.mirror
    lit = lighting.lit_share(shadow, seen.point + 0.003 * seen.normal, picture)
    inner = (seen.material >= 1) & (seen.material <= 4)  # lips let light through, and flesh and teeth pass it on
    lit = torch.where(inner, 0.4 + 0.6 * lit, lit)
    lit = lit[:, None] ** (1.0 - 0.7 * wrap)
    for lamp in range(light.directions.shape[1]):
        if not bool((light.colours[:, lamp] > 0).any()):
            continue
        way, colour = light.directions[:, lamp][picture], light.colours[:, lamp][picture]
        diffuse = lighting.wrapped((normal * way).sum(-1), wrap)
        reach = lit if lamp == 0 else closed
        total = total + painted.albedo * colour * diffuse * reach * (0.5 + 0.5 * closed)
        # a lamp mirrors in a wet eye as a small bright shape, on skin as a wide shine
        spread = 0.35 - 0.31 * painted.mirror
        rough = (painted.rough**2 + spread * light.softness[:, lamp][picture] ** 2).sqrt()
        shine = lighting.highlight(normal, view, way, rough, facing) * painted.gloss
        total = total + colour * shine[:, None] * (reach[:, :1] * closed)
    mirrored = 2 * (normal * view).sum(-1, keepdim=True) * normal - view
    grazing = (1 - (normal * view).sum(-1).clamp(0, 1)) ** 5
    share = (
        (facing + (0.45 - 0.3 * painted.rough) * grazing * (1 - painted.rough))
        * (0.75 - 0.5 * painted.mirror)
        * painted.gloss
    )
    return total + lighting.reflection(light, mirrored, picture) * (share * painted.open_share)[:, None]


def _segments(seen: _Seen, surface: Surface) -> Tensor:
    classes = torch.zeros(surface.number.numel(), dtype=torch.uint8, device=seen.pixel.device)
    table = torch.tensor([1, 5, 5, 5, 5, 3, 3, 10, 8, 7], dtype=torch.uint8, device=seen.pixel.device)
    own = table[seen.material]
    skin, marks = seen.material == SKIN, seen.marks
    own = torch.where(skin & (marks["neck"] > 0.5), own.new_tensor(SEGMENTS.index("neck")), own)
    own = torch.where(skin & (marks["nose"] > 0.5), own.new_tensor(SEGMENTS.index("nose")), own)
    own = torch.where(skin & (marks["brow"] > 0.0), own.new_tensor(SEGMENTS.index("brows")), own)
    own = torch.where(skin & (marks["lip"] > 0.0), own.new_tensor(SEGMENTS.index("mouth")), own)
    classes[seen.pixel] = own
    return classes.reshape(surface.number.shape)


Layers = tuple[Tensor, Tensor, Tensor, Tensor]


def _lay_strands(
    scene: Scene, growth: Growth, shadow: lighting.ShadowMap, scale: float, layers: Layers, label: int
) -> Layers:
    """Strands over what is drawn; ``label`` marks what they cover, 0 leaves the segments."""
    colour, covered, depth, segments = layers
    strands = growth.strands
    batch, count, length = strands.points.shape[:3]
    at = screen(strands.points.reshape(batch, -1, 3), scene, scale)
    focal = scene.calibration[:, 0, 0][:, None] * scale
    width = (strands.width.reshape(batch, -1) * focal / at[..., 2].clamp_min(1e-3)).reshape(batch, count, length)
    lit = shade(growth, scene.light, shadow, scene.pose[:, :3, 3])
    wall = torch.where(depth > 0, depth + 0.0015, depth)
    drawn = draw_strands(at.reshape(batch, count, length, 3), width, lit, wall)
    left = 1 - drawn.coverage
    colour = colour * left[..., None] + drawn.colour
    mostly = drawn.coverage > 0.5
    if label:
        segments = torch.where(mostly, segments.new_tensor(label), segments)
        depth = torch.where(mostly, drawn.depth, depth)
    return colour, covered * left + drawn.coverage, depth, segments
