"""Where things are on the head: signed distances and masks per source vertex, painted from landmarks (centimetres).

The fields travel with the vertices into the head asset; shading, hair and segmentation read them.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

FIELDS = (
    "lip", "eye", "brow", "brow_along", "brow_across", "scalp", "hairline", "beard", "moustache", "ear", "neck", "nose",
    "nostril", "nasolabial", "occlusion", "body",
)  # fmt: skip
"""lip, eye, brow, hairline: signed distance, inside positive; brow_along 0..1 from the nose, brow_across -1..1;
nasolabial: distance to the fold; the rest masks in 0..1 (occlusion 1 = open; body 1 = follows the shoulders)."""


def smooth(value: Floats, low: float, high: float) -> Floats:
    """0 below ``low``, 1 above ``high``, a smooth step between (``low`` may be the larger)."""
    share = np.clip((value - low) / (high - low), 0.0, 1.0)
    return share * share * (3.0 - 2.0 * share)


def bump(points: Floats, centre: tuple[float, float, float], radius: float) -> Floats:
    """1 at the centre, falling smoothly to exactly 0 at twice the radius."""
    share = np.linalg.norm(points - np.asarray(centre), axis=-1) / (2.0 * radius)
    return np.clip(1.0 - share**2, 0.0, None) ** 3


def polygon_distance(points: Floats, polygon: Floats) -> Floats:
    """Signed distance (N) of 2-D points to a closed polygon, positive inside."""
    start, end = polygon, np.roll(polygon, -1, axis=0)
    inside = np.zeros(len(points), dtype=bool)
    for first, second in zip(start, end, strict=True):
        spans = (first[1] > points[:, 1]) != (second[1] > points[:, 1])
        slope = (second[0] - first[0]) / (second[1] - first[1] + 1e-12)
        inside ^= spans & (points[:, 0] < slope * (points[:, 1] - first[1]) + first[0])
    distance = line_distance(points, np.concatenate((polygon, polygon[:1])))[0]
    return np.where(inside, distance, -distance)


def line_distance(points: Floats, line: Floats) -> tuple[Floats, Floats]:
    """Distance (N) to a polyline of any dimension, and where along it (0..1) the nearest place lies."""
    start, step = line[:-1], np.diff(line, axis=0)
    length = np.linalg.norm(step, axis=1)
    relative = points[:, None] - start[None]
    share = np.clip((relative * step).sum(-1) / np.maximum(length**2, 1e-12), 0.0, 1.0)
    apart = np.linalg.norm(relative - share[..., None] * step, axis=-1)
    nearest = apart.argmin(1)
    rows = np.arange(len(points))
    reached = np.concatenate(([0.0], np.cumsum(length)))
    along = (reached[nearest] + share[rows, nearest] * length[nearest]) / reached[-1]
    return apart[rows, nearest], along


def rounded(line: Floats, count: int = 48, closed: bool = False) -> Floats:
    """A smooth curve through landmark points (cubic spline over arc length)."""
    from scipy.interpolate import CubicSpline

    points = np.concatenate((line, line[:1])) if closed else line
    arc = np.concatenate(([0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))))
    spline = CubicSpline(arc, points, bc_type="periodic" if closed else "natural")
    return np.asarray(spline(np.linspace(0, arc[-1], count, endpoint=not closed)))


def occlusion(points: Floats, normals: Floats, vertices: Floats, triangles: Integers, reach: float) -> Floats:
    """Share of the sky that each point sees within ``reach`` (cosine weighted, 96 fixed directions)."""
    import open3d

    scene = open3d.t.geometry.RaycastingScene()
    scene.add_triangles(
        open3d.core.Tensor.from_numpy(vertices.astype(np.float32)),
        open3d.core.Tensor.from_numpy(triangles.astype(np.uint32)),
    )
    count = 96
    turn = np.pi * (3 - np.sqrt(5)) * np.arange(count)
    height = np.sqrt((np.arange(count) + 0.5) / count)  # cosine weighted: equal shares of the disc below
    flat = np.sqrt(1 - height**2)
    local = np.stack((flat * np.cos(turn), flat * np.sin(turn), height), -1)
    helper = np.where(np.abs(normals[:, :1]) < 0.9, [[1.0, 0, 0]], [[0, 1.0, 0]])
    tangent = np.cross(helper, normals)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    frame = np.stack((tangent, np.cross(normals, tangent), normals), 1)
    directions = np.einsum("dk,nkx->ndx", local, frame)
    origins = np.broadcast_to((points + normals * 0.02)[:, None], directions.shape)
    cast = np.concatenate((origins, directions), -1).astype(np.float32)
    hit = scene.cast_rays(open3d.core.Tensor.from_numpy(cast))["t_hit"].numpy()
    return np.clip(hit / reach, 0.0, 1.0).mean(1)


def vertex_normals(points: Floats, triangles: Integers) -> Floats:
    """Area weighted."""
    corner = points[triangles]
    normal = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    total = np.zeros_like(points)
    for place in range(3):
        np.add.at(total, triangles[:, place], normal)
    return total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-12)


def paint(neutral: Floats, landmarks: Integers, inside_mouth: npt.NDArray[np.bool_]) -> dict[str, Floats]:
    """Every field but ``occlusion``; both sides at once through |x|."""
    mark = neutral[landmarks]
    flipped = neutral.copy()
    flipped[:, 0] = np.abs(flipped[:, 0])  # the left half stands for both
    x, y, z = flipped.T
    front = z > 4.0
    far = np.full(len(neutral), -3.0)
    lips = rounded(mark[48:60], 96, closed=True)[:, :2]
    lip = np.where(front & (z > 8.0), polygon_distance(neutral[:, :2], lips), far)
    lip = np.where(inside_mouth, 3.0, lip)
    lids = rounded(mark[42:48], 64, closed=True)
    eye = np.where(front, polygon_distance(flipped[:, :2], lids[:, :2]), far)
    arch = np.array([[1.0, 5.22], [2.0, 5.5], [3.2, 5.72], [4.4, 5.68], [5.3, 5.25], [5.95, 4.65]])
    facing = np.flatnonzero((z > 5.0) & (x > 0) & ~inside_mouth)
    nearest = facing[np.linalg.norm(flipped[facing, None, :2] - arch[None], axis=-1).argmin(0)]
    brow_line = rounded(np.column_stack((arch, z[nearest])), 64)
    apart, along = line_distance(flipped, brow_line)
    half_width = 0.5 * (1 - 0.72 * along**1.5)
    across = np.where(y > np.interp(x, brow_line[:, 0], brow_line[:, 1]), apart, -apart) / np.maximum(half_width, 0.05)
    fold = rounded(np.array([[1.75, 0.1, 10.6], [2.3, -1.0, 10.6], [2.85, -2.2, 10.2], [3.15, -3.4, 9.6]]), 48)
    return {
        "lip": np.clip(lip, -3, 3),
        "eye": np.clip(eye, -3, 3),
        "brow": np.clip(half_width - apart, -3, 3),
        "brow_along": along,
        "brow_across": np.clip(across, -3, 3),
        **_hair_masks(flipped),
        "ear": smooth(x, 7.2, 7.7) * smooth(z, 3.9, 3.2) * smooth(y, -3.6, -3.0) * smooth(y, 5.9, 5.0),
        "neck": _neck(flipped),
        "nose": _nose(flipped),
        "nostril": np.where(front, bump(flipped, (0.72, -0.85, 11.25), 0.45), 0.0),
        "nasolabial": np.clip(line_distance(flipped, fold)[0], 0, 3),
        "body": smooth(y - 0.25 * (z - 2.0), -6.5, -13.5),
    }


def _neck(points: Floats) -> Floats:
    """Below the line of the jaw."""
    _, y, z = points.T
    jaw_height = np.interp(z, [-9.0, 0.0, 3.5, 6.0, 8.6, 10.6, 13.0], [-3.2, -3.4, -4.2, -6.3, -7.9, -8.6, -8.8])
    return smooth(jaw_height - y, -0.5, 0.5)


def _nose(points: Floats) -> Floats:
    x, y, z = points.T
    half = np.interp(y, [-1.6, -0.9, 0.4, 1.4, 3.2, 4.2], [1.2, 1.95, 1.85, 1.25, 0.95, 0.8])
    return smooth(half - x, -0.12, 0.12) * smooth(y, -1.75, -1.45) * smooth(y, 4.3, 3.7) * (z > 8.5)


def _hair_masks(points: Floats) -> dict[str, Floats]:
    """Scalp, beard and moustache areas on the face's surface."""
    x, y, z = points.T
    # the hairline falls from the forehead over the temples, in front of the ear, behind it to the nape
    line = np.interp(
        z,
        [-9.0, -4.0, -1.5, -0.5, 1.5, 3.3, 4.6, 5.6, 7.2, 8.6, 9.6],
        [-5.0, -4.6, -3.2, 1.0, 3.6, 4.2, 6.4, 7.4, 9.0, 9.9, 10.2],
    )
    hairline = np.clip(y - line, -3, 3)
    scalp = smooth(hairline, -0.35, 0.35) * (1 - smooth(x, 7.5, 8.0) * smooth(y, 6.2, 5.4))
    jaw_front = smooth(z, 2.9, 4.4)
    upper = np.interp(x, [0.0, 1.6, 2.7, 4.2, 5.6, 6.6, 7.6], [-4.75, -4.75, -3.6, -3.1, -1.9, 0.4, 2.8])
    beard = smooth(upper - y, -0.35, 0.5) * jaw_front * smooth(y + 0.35 * (10.0 - z), -8.6, -7.2)
    top = np.interp(x, [0.0, 1.2, 2.4, 3.2], [-1.55, -1.6, -2.3, -3.4])
    moustache = smooth(top - y, 0.0, 0.3) * smooth(y, -3.9, -3.2) * smooth(x, 3.1, 2.5) * smooth(z, 9.0, 9.6)
    return {"scalp": scalp, "hairline": hairline, "beard": beard, "moustache": moustache}
