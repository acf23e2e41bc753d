"""Fits the head model: our topology, 100 identity modes, 130 controllers, regions, roots of brows and lashes.

Not a gradient recipe: ``fit(data, out)`` reads the MIT-licensed ICT-FaceKit arrays, thins them to a mesh of our own,
finds principal components, and writes one compressed file that the engine reads. Lengths in the file are metres.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from core.engine.controllers import NAMES
from training.headfit import mesh, regions, shapes

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

METRES = 0.01
STEP_METRES = 2e-5
"""Displacements are stored as whole multiples of this: at most 10 micrometres off."""
FITTED_MODES = 80
WIDER_EYES = 0.5
"""The source rests with narrow eyes: the mean person's are opened by this much of the mode of our own."""
REST_OVERLAP = 0.02
"""How far the lips of the mean person overlap at rest, centimetres: shut, not ajar."""
PARTS = ("skin", "mouth", "socket", "gums", "tongue", "teeth", "eye_left", "eye_right")
_SWAP = {3: 4, 4: 3, 7: 8, 8: 7, 9: 10, 10: 9, 11: 12, 12: 11, 13: 14, 14: 13, 15: 16, 16: 15}
_BUDGET = {"skin": 7700, "tongue": 560, "teeth": 1300}


@dataclass(frozen=True)
class Kit:
    """The source arrays, in centimetres and made symmetric."""

    neutral: Floats
    identity: Floats
    expression: dict[str, Floats]
    triangles: Integers
    group: Integers
    landmarks: Integers
    partner: Integers
    uv: Floats
    tongue: npt.NDArray[np.bool_]


def read_kit(data: Path) -> Kit:
    """The source from its folder (``ict_facekit.npz``)."""
    path = data / "ict_facekit.npz"
    if not path.exists():
        raise FileNotFoundError(f"{path} is not there; --data wants the folder that holds ict_facekit.npz.")
    with np.load(path) as arrays:
        held: dict[str, Any] = {name: arrays[name] for name in arrays.files}
    neutral = held["neutral"].astype(np.float64)
    group = held["vertex_group"].astype(np.int64)
    swapped = np.array([_SWAP.get(number, number) for number in range(17)])[group]
    partner = mesh.mirror_of(neutral, swapped, group)
    middle = (np.abs(neutral[:, 0]) < 1e-4) & (partner[partner] == np.arange(len(neutral)))
    neutral = 0.5 * (neutral + neutral[partner] * [-1.0, 1.0, 1.0])
    neutral[middle, 0] = 0.0
    uv = np.zeros((len(neutral), 2))
    uv[held["tris"].ravel()] = held["uv"][held["tris_uv"].ravel()]
    names = [str(name) for name in held["expression_names"]]
    triangles = held["tris"].astype(np.int64)
    return Kit(
        neutral,
        held["identity"].astype(np.float64),
        dict(zip(names, held["expression"].astype(np.float64), strict=True)),
        triangles,
        group,
        held["landmarks68"].astype(np.int64),
        partner,
        uv,
        _find_tongue(held, neutral),
    )


def _find_tongue(held: dict[str, Any], neutral: Floats) -> npt.NDArray[np.bool_]:
    """The piece of the texture map of gums and tongue that holds the tongue's back."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    group, triangles = held["vertex_group"], held["tris"].astype(np.int64)
    mouth = (group[triangles] == 5).all(1)
    texture = held["tris_uv"][mouth].astype(np.int64)
    pairs = np.concatenate((texture[:, :2], texture[:, 1:]))
    size = len(held["uv"])
    graph = coo_matrix((np.ones(len(pairs)), pairs.T), shape=(size, size))
    island = connected_components(graph, directed=False)[1][texture[:, 0]]
    corners = triangles[mouth]
    back = np.linalg.norm(neutral[corners].mean(1) - [0.0, -3.15, 8.0], axis=1).argmin()
    tongue = np.zeros(len(neutral), dtype=bool)
    tongue[corners[island == island[back]].ravel()] = True
    return tongue


@dataclass(frozen=True)
class Topology:
    """Our mesh: which source vertex each of ours is (-1 for eyeballs), parts and triangles."""

    source: Integers
    part: Integers
    triangles: Integers
    eyes: Floats
    """Eyeball vertices, both, in centimetres (left first)."""
    eye_directions: Floats
    """The same for an eyeball of radius one around the origin, with its cornea."""


def build_topology(kit: Kit, eye: tuple[Floats, float]) -> Topology:
    """Thins the source and adds eyeballs; vertices in order of part, then of texture row and column."""
    posed = [kit.neutral]
    for name in ("eyeBlink", "jawOpen", "mouthSmile", "mouthFunnel", "noseSneer", "browInnerUp"):
        both = sum((kit.expression[key] for key in kit.expression if key.startswith(name)), np.zeros_like(kit.neutral))
        posed.append(kit.neutral + both)
    stack = np.stack(posed)
    weight = np.select([kit.group == 1, (kit.group > 1) & (kit.group < 5)], [0.35, 0.02], 1.0)
    none = np.zeros(0, dtype=np.int64)
    kept: list[Integers] = []
    rows: list[Integers] = []
    for groups, piece in (((0, 1, 2, 3, 4), "skin"), ((5,), "tongue"), ((6,), "teeth")):
        chosen = kit.triangles[np.isin(kit.group[kit.triangles], groups).all(1)]
        locked = kit.landmarks if piece == "skin" else none
        vertices, local = mesh.thin_symmetric(stack, chosen, weight, kit.partner, locked, _BUDGET[piece])
        rows.append(local + sum(map(len, kept)))
        kept.append(vertices)
    source = np.concatenate(kept)
    part_of_group = np.array([0, 0, 1, 2, 2, 3, 5])
    part = np.where(kit.tongue[source], 4, part_of_group[kit.group[source]])
    points, ball, rise = mesh.eyeball()
    solid = points * (1 + rise[:, None] * mesh.CORNEA_RISE / eye[1])
    both = np.stack((solid, solid * [-1, 1, 1]))
    centres = np.stack((eye[0], eye[0] * [-1, 1, 1]))
    eyes = (both * eye[1] + centres[:, None]).reshape(-1, 3)
    start = len(source)
    rows += [ball + start, ball[:, ::-1] + start + len(points)]
    source = np.concatenate((source, np.full(len(eyes), -1)))
    part = np.concatenate((part, np.repeat([6, 7], len(points))))
    return _in_texture_order(kit, Topology(source, part, np.concatenate(rows), eyes, both.reshape(-1, 3)))


def _in_texture_order(kit: Kit, loose: Topology) -> Topology:
    own = loose.source >= 0
    column, row = np.zeros(len(own)), np.zeros(len(own))
    column[own], row[own] = kit.uv[loose.source[own], 0], kit.uv[loose.source[own], 1]
    row[~own] = np.arange((~own).sum())  # eyeballs keep their rings
    order = np.lexsort((column, np.where(own, np.round(row * 64), row), loose.part))
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    return Topology(loose.source[order], loose.part[order], place[loose.triangles], loose.eyes, loose.eye_directions)


def fit_eye(kit: Kit) -> tuple[Floats, float]:
    """Centre and radius of the left eyeball (a sphere through its white)."""
    points = kit.neutral[kit.group == 7]
    points = points[points[:, 2] < 9.0]
    solved = np.linalg.lstsq(np.c_[2 * points, np.ones(len(points))], (points**2).sum(1), rcond=None)[0]
    return solved[:3], float(np.sqrt(solved[3] + (solved[:3] ** 2).sum()))


def carry(kit: Kit, topology: Topology, deltas: Floats, follows_eye: bool = True) -> Floats:
    """Source displacements (K x source x 3) on our vertices; eyeballs shift and grow by a least-squares fit."""
    ours = np.zeros((len(deltas), len(topology.source), 3))
    own = topology.source >= 0
    ours[:, own] = deltas[:, topology.source[own]]
    if not follows_eye:
        return ours
    for group, part in ((7, 6), (8, 7)):
        white = kit.group == group
        centre = kit.neutral[white].mean(0)
        arm = kit.neutral[white] - centre
        moved = deltas[:, white]
        shift = moved.mean(1)
        grown = (moved * arm).sum((1, 2)) / (arm**2).sum()
        mine = topology.part == part
        eyes = topology.eyes[: mine.sum()] if part == 6 else topology.eyes[mine.sum() :]
        ours[:, mine] = shift[:, None] + grown[:, None, None] * (eyes - centre)
    return ours


def principal_modes(kit: Kit, topology: Topology, count: int) -> Floats:
    """The ``count`` directions of most variance of N(0, 1) samples, scaled so that their coefficients are N(0, 1)."""
    carried = carry(kit, topology, kit.identity)
    face = np.where(topology.part == 0, 1.0, 0.3)
    flat = (carried * np.sqrt(face)[None, :, None]).reshape(len(carried), -1)
    # coefficients are white, so turning them keeps them white: no division by standard deviations is needed
    value, turn = np.linalg.eigh(flat @ flat.T)
    best = turn[:, np.argsort(value)[::-1][:count]]
    return np.einsum("km,kvx->mvx", best, carried)


def close_lips(kit: Kit, topology: Topology, deltas: Floats, overlap: float = 0.0) -> Floats:
    """What parts the lips in each displacement, measured at three pairs of inner lip landmarks, as soft pushes.

    The source's people rest with their lips a little apart, each differently: taken off, everyone's mouth is shut.
    """
    rest = np.zeros((len(topology.source), 3))
    own = topology.source >= 0
    rest[own] = kit.neutral[topology.source[own]]
    mark = kit.neutral[kit.landmarks]
    at = {int(vertex): number for number, vertex in enumerate(topology.source)}
    upper = np.array([at[int(kit.landmarks[number])] for number in (61, 62, 63)])
    lower = np.array([at[int(kit.landmarks[number])] for number in (67, 66, 65)])
    line = np.interp(
        rest[:, 0], mark[[60, 61, 62, 63, 64], 0], 0.5 * (mark[[60, 61, 62, 63, 64], 1] + mark[[60, 67, 66, 65, 64], 1])
    )
    way = np.where(rest[:, 1] > line, 0.5, -0.5) * (topology.part < 2)
    pushes = np.stack(
        [way * regions.bump(rest, tuple(0.5 * (mark[u] + mark[w])), 0.75) for u, w in ((61, 67), (62, 66), (63, 65))]
    )
    opened = pushes[:, upper] - pushes[:, lower]
    gap = deltas[:, upper, 1] - deltas[:, lower, 1] + overlap
    amount = np.linalg.solve(opened.T, gap.T).T
    closing = np.zeros_like(deltas)
    closing[..., 1] = amount @ pushes
    return closing


def fit(data: Path, out: Path) -> dict[str, float]:
    """Fits the head model to the source in ``data`` and writes it to ``out``; returns what it measured."""
    kit = read_kit(data)
    eye = fit_eye(kit)
    topology = build_topology(kit, eye)
    normals = regions.vertex_normals(kit.neutral, kit.triangles)
    source = shapes.Source(kit.neutral, kit.expression, kit.partner, kit.group < 3, kit.tongue, normals, eye[0], eye[1])
    extra = np.stack(list(shapes.extra_modes(source).values()))
    identity = np.concatenate(
        (principal_modes(kit, topology, FITTED_MODES), carry(kit, topology, extra, follows_eye=False))
    )
    moved = shapes.controller_shapes(source)
    identity -= close_lips(kit, topology, identity)
    expression = carry(kit, topology, np.stack([moved[name] for name in NAMES]), follows_eye=False)
    neutral = carry(kit, topology, kit.neutral[None], follows_eye=False)[0]
    neutral -= close_lips(kit, topology, neutral[None], REST_OVERLAP)[0]
    neutral[topology.part >= 6] = topology.eyes
    seal = carry(kit, topology, kit.expression["mouthClose"][None], follows_eye=False)[0]
    neutral += WIDER_EYES * identity[FITTED_MODES + shapes.EXTRA_NAMES.index("eye_size")]
    _write(out, kit, topology, {"neutral": neutral, "identity": identity, "expression": expression, "seal": seal})
    return measure(data, out)


def _write(out: Path, kit: Kit, topology: Topology, arrays: dict[str, Floats]) -> None:
    neutral = arrays["neutral"]
    field = _fields(kit, topology, neutral)
    swap = np.array([0, 1, 2, 3, 4, 5, 7, 6])
    mirror = mesh.mirror_of(neutral, swap[topology.part], topology.part)
    place = np.full(len(kit.neutral), -1)
    own = topology.source >= 0
    place[topology.source[own]] = np.flatnonzero(own)
    uv = np.zeros((len(neutral), 2))
    uv[own] = kit.uv[topology.source[own]]
    partial = out.with_name(f".{out.name}.partial.npz")
    np.savez_compressed(
        partial,
        neutral=(neutral * METRES).astype(np.float32),
        triangles=topology.triangles.astype(np.uint16),
        part=topology.part.astype(np.uint8),
        part_names=np.array(PARTS),
        step_metres=np.float32(STEP_METRES),
        identity=np.rint(arrays["identity"] * METRES / STEP_METRES).astype(np.int16),
        identity_names=np.array([f"mode_{number}" for number in range(FITTED_MODES)] + list(shapes.EXTRA_NAMES)),
        expression=np.rint(arrays["expression"] * METRES / STEP_METRES).astype(np.int16),
        expression_names=np.array(NAMES),
        seal=np.rint(arrays["seal"] * METRES / STEP_METRES).astype(np.int16),
        mirror=mirror.astype(np.uint16),
        landmarks=place[kit.landmarks].astype(np.uint16),
        uv=uv.astype(np.float16),
        eye_directions=topology.eye_directions.astype(np.float32),
        field_names=np.array(regions.FIELDS),
        fields=field.astype(np.float16),
        **_lash_roots(kit, neutral, topology),
    )
    partial.replace(out)


def _fields(kit: Kit, topology: Topology, neutral: Floats) -> Floats:
    """Fields (ours x names); occlusion is measured with the mouth open inside it, closed outside."""
    painted = regions.paint(kit.neutral, kit.landmarks, np.isin(kit.group, (2, 3, 4)))
    own = topology.source >= 0
    open_mouth = neutral + carry(kit, topology, 0.7 * kit.expression["jawOpen"][None], follows_eye=False)[0]
    normals = regions.vertex_normals(neutral, topology.triangles)
    seen = regions.occlusion(neutral, normals, neutral, topology.triangles, reach=9.0)
    normals_open = regions.vertex_normals(open_mouth, topology.triangles)
    seen_open = regions.occlusion(open_mouth, normals_open, open_mouth, topology.triangles, reach=5.0)
    inner = np.isin(topology.part, (1, 3, 4, 5))
    painted_ours = {name: np.zeros(len(neutral)) for name in regions.FIELDS}
    for name, values in painted.items():
        painted_ours[name][own] = values[topology.source[own]]
    for name in ("lip", "eye", "brow", "hairline"):
        painted_ours[name][topology.part > 1] = -3.0
    painted_ours["occlusion"] = np.where(inner, seen_open, seen)
    return np.stack([painted_ours[name] for name in regions.FIELDS], 1)


def _lash_roots(kit: Kit, neutral: Floats, topology: Topology) -> dict[str, Any]:
    """The left lid's edge as places on our skin, upper then lower, from the nose outwards."""
    mark = kit.neutral[kit.landmarks]
    edge = regions.rounded(mark[42:48], 192, closed=True)
    outer = int(np.linalg.norm(edge - mark[45], axis=1).argmin())
    skin = topology.triangles[(topology.part[topology.triangles] == 0).all(1)]
    made: dict[str, Any] = {}
    for name, line in (("upper", edge[: outer + 1]), ("lower", np.concatenate((edge[outer:], edge[:1]))[::-1])):
        chosen = line[np.linspace(0, len(line) - 1, 48).round().astype(int)]
        corners, weights = mesh.embed(chosen, neutral, skin)
        made[f"lash_{name}_corners"], made[f"lash_{name}_weights"] = (
            corners.astype(np.uint16),
            weights.astype(np.float32),
        )
    return made


def measure(data: Path, asset: Path) -> dict[str, float]:
    """Size of a written head model, and how well it fits people of the source that it never saw."""
    kit = read_kit(data)
    topology = build_topology(kit, fit_eye(kit))
    with np.load(asset) as held:
        neutral = held["neutral"].astype(np.float64) / METRES
        identity = held["identity"].astype(np.float64) * float(held["step_metres"]) / METRES
    return {
        "vertices": float(len(neutral)),
        "triangles": float(len(topology.triangles)),
        "megabytes": asset.stat().st_size / 1e6,
        "fit_error_percent": fit_error_percent(kit, topology, neutral, identity),
    }


def fit_error_percent(kit: Kit, topology: Topology, neutral: Floats, identity: Floats, count: int = 32) -> float:
    """Mean vertex error over unseen source samples (coefficients N(0, 0.7^2)), by least squares, % of the eye distance.

    Every source vertex of face, head and neck is compared with its place on our surface, so thinning counts too.
    """
    outer = np.flatnonzero(kit.group < 2)
    skin = topology.triangles[(topology.part[topology.triangles] < 3).all(1)]
    corners, weights = mesh.embed(kit.neutral[outer], neutral, skin)

    def at(vertices: Floats) -> Floats:
        return np.einsum("...ncx,nc->...nx", vertices[..., corners, :], weights)

    basis = at(identity).reshape(len(identity), -1)
    generator = np.random.default_rng(1_000_000_000)
    samples = generator.normal(0, 0.7, (count, len(kit.identity)))
    truth = kit.neutral[outer] + np.einsum("nk,kvx->nvx", samples, kit.identity[:, outer])
    residual = (truth - at(neutral)).reshape(count, -1)
    found = np.linalg.solve(basis @ basis.T + 1e-6 * np.eye(len(identity)), basis @ residual.T).T
    left = (residual - found @ basis).reshape(count, -1, 3)
    eyes = truth[:, np.searchsorted(outer, kit.landmarks[[36, 39, 42, 45]])]
    distance = np.linalg.norm(eyes[:, :2].mean(1) - eyes[:, 2:].mean(1), axis=1)
    return float((np.linalg.norm(left, axis=-1).mean(1) / distance).mean() * 100)
