"""Builds our topology: a symmetric, animation-aware thinning of a head scan mesh, and eyeballs of our own.

Works on one half and mirrors it, so that the mirror map is exact. All lengths are those of the source (centimetres).
"""

from __future__ import annotations

import heapq

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

EYE_RINGS_DEGREES = (4, 8, 11.5, 14.5, 17, 19.2, 21, 22.8, 25.5, 30, 37, 46, 57, 70, 85, 100)
EYE_SEGMENTS = 24
LIMBUS_DEGREES = 21.8
CORNEA_RISE = 0.085
"""How far the cornea stands out of the eyeball's sphere at its pole, centimetres."""


def mirror_of(points: Floats, swapped_group: Integers, group: Integers) -> Integers:
    """For each point the one at its mirror place (x to -x) in the group that mirrors its own."""
    from scipy.spatial import cKDTree  # pyright: ignore[reportAttributeAccessIssue]

    apart = 1e3  # so that groups never meet
    tree = cKDTree(np.column_stack((points, apart * group)))
    return np.asarray(
        tree.query(np.column_stack((points * [-1.0, 1.0, 1.0], apart * swapped_group)))[1], dtype=np.int64
    )


def _plane_quadrics(shapes: Floats, triangles: Integers, weight: Floats) -> Floats:
    """Garland and Heckbert 1997, one set per shape: shapes x vertices x 4 x 4, weighted by area and vertex."""
    corner = shapes[:, triangles]
    normal = np.cross(corner[:, :, 1] - corner[:, :, 0], corner[:, :, 2] - corner[:, :, 0])
    area = np.linalg.norm(normal, axis=-1, keepdims=True)
    unit = normal / np.maximum(area, 1e-12)
    plane = np.concatenate((unit, -(unit * corner[:, :, 0]).sum(-1, keepdims=True)), -1)
    share = area[..., 0] * weight[triangles].mean(1)
    quadric = plane[..., :, None] * plane[..., None, :] * share[..., None, None]
    total = np.zeros((*shapes.shape[:2], 4, 4))
    for place in range(3):
        for index in range(shapes.shape[0]):
            np.add.at(total[index], triangles[:, place], quadric[index])
    return total


class _Thinning:
    """Half-edge collapses, cheapest first; a vertex only ever goes to a neighbour, so what stays is a subset."""

    def __init__(self, shapes: Floats, triangles: Integers, weight: Floats, locked: npt.NDArray[np.bool_]) -> None:
        self.shapes, self.weight, self.locked = shapes, weight, locked
        self.line = np.abs(shapes[0, :, 0]) < 1e-4
        self.homogeneous = np.concatenate((shapes, np.ones((*shapes.shape[:2], 1))), -1)
        self.quadrics = _plane_quadrics(shapes, triangles, weight)
        self.triangles: list[tuple[int, int, int] | None] = [tuple(map(int, row)) for row in triangles]  # pyright: ignore[reportAttributeAccessIssue]
        self.of: list[set[int]] = [set() for _ in range(shapes.shape[1])]
        for number, row in enumerate(triangles):
            for vertex in row:
                self.of[vertex].add(number)
        self.border = self._find_border()
        self.stamp = np.zeros(shapes.shape[1], dtype=np.int64)
        self.heap: list[tuple[float, int, int, int, int]] = []

    def _find_border(self) -> npt.NDArray[np.bool_]:
        border = np.zeros(len(self.of), dtype=bool)
        for vertex, mine in enumerate(self.of):
            counts: dict[int, int] = {}
            for number in mine:
                for other in self.triangles[number] or ():
                    counts[other] = counts.get(other, 0) + (other != vertex)
            border[vertex] = any(count == 1 for count in counts.values())
        return border

    def neighbours(self, vertex: int) -> set[int]:
        return {other for number in self.of[vertex] for other in self.triangles[number] or ()} - {vertex}

    def push(self, vertex: int) -> None:
        """Offers the collapses of a vertex to its neighbours."""
        for other in self.neighbours(vertex):
            for gone, stays in ((vertex, other), (other, vertex)):
                if (
                    self.locked[gone]
                    or (self.line[gone] and not self.line[stays])
                    or (self.border[gone] and not self.border[stays])
                ):
                    continue
                if self.line[gone] and self.border[gone] and not self._on_same_border(gone, stays):
                    continue
                point = self.homogeneous[:, stays]
                quadric = self.quadrics[:, gone] + self.quadrics[:, stays]
                error = np.einsum("si,sij,sj->", point, quadric, point)
                length = np.linalg.norm(self.shapes[0, gone] - self.shapes[0, stays])
                cost = float(error + 1e-4 * self.weight[gone] * length**3)
                heapq.heappush(self.heap, (cost, gone, stays, int(self.stamp[gone]), int(self.stamp[stays])))

    def _on_same_border(self, gone: int, stays: int) -> bool:
        return len(self.of[gone] & self.of[stays]) == 1

    def _folds(self, gone: int, stays: int) -> bool:
        """Whether a triangle would turn over or the surface would pinch (the link condition)."""
        shared = self.of[gone] & self.of[stays]
        common = self.neighbours(gone) & self.neighbours(stays)
        if len(common) != len(shared) or not shared:
            return True
        points = self.shapes[0]
        for number in self.of[gone] - shared:
            old = self.triangles[number]
            assert old is not None
            new = [stays if vertex == gone else vertex for vertex in old]
            before = np.cross(points[old[1]] - points[old[0]], points[old[2]] - points[old[0]])
            after = np.cross(points[new[1]] - points[new[0]], points[new[2]] - points[new[0]])
            lengths = np.linalg.norm(before) * np.linalg.norm(after)
            if lengths < 1e-12 or before @ after < 0.3 * lengths:
                return True
        return False

    def run(self, target: int) -> None:
        """Collapses until ``target`` vertices are left or nothing more can go."""
        left = sum(1 for mine in self.of if mine)
        for vertex in range(len(self.of)):
            self.push(vertex)
        while left > target and self.heap:
            _, gone, stays, first, second = heapq.heappop(self.heap)
            stale = first != self.stamp[gone] or second != self.stamp[stays]
            if stale or not self.of[gone] or not self.of[stays] or self._folds(gone, stays):
                continue
            for number in list(self.of[gone]):
                row = self.triangles[number]
                assert row is not None
                if stays in row:
                    for vertex in row:
                        self.of[vertex].discard(number)
                    self.triangles[number] = None
                else:
                    self.triangles[number] = tuple(stays if vertex == gone else vertex for vertex in row)  # pyright: ignore[reportCallIssue, reportArgumentType]
                    self.of[stays].add(number)
            self.of[gone] = set()
            self.quadrics[:, stays] += self.quadrics[:, gone]
            self.stamp[stays] += 1
            left -= 1
            self.push(stays)


def thin_symmetric(
    shapes: Floats, triangles: Integers, weight: Floats, partner: Integers, locked: Integers, target: int
) -> tuple[Integers, Integers]:
    """Kept source vertices and triangles among them (numbered within the kept), the right half mirrored from the left.

    ``shapes[0]`` is the neutral shape, symmetric in x with its middle line on x = 0; the others are poses whose form
    counts too. ``partner`` is the mirror map of the source; ``locked`` vertices stay.
    """
    neutral = shapes[0]
    half = triangles[(neutral[triangles, 0] > -1e-4).all(1)]
    used = np.unique(half)
    place = np.full(len(neutral), -1)
    place[used] = np.arange(len(used))
    line = np.abs(neutral[used, 0]) < 1e-4
    keep = np.isin(used, np.concatenate((locked, partner[locked])))
    thinning = _Thinning(shapes[:, used], place[half], weight[used], keep)
    thinning.run((target + int(line.sum() * 0.7)) // 2)
    left = np.array([used[list(row)] for row in thinning.triangles if row is not None], dtype=np.int64)
    right = partner[left][:, ::-1]
    both = np.concatenate((left, right))
    kept = np.unique(both)
    place = np.full(len(neutral), -1)
    place[kept] = np.arange(len(kept))
    return kept, place[both]


def eyeball() -> tuple[Floats, Integers, Floats]:
    """A unit eyeball that looks along +z: points (sphere of radius 1 without cornea), triangles, share of cornea."""
    theta = np.radians(EYE_RINGS_DEGREES)
    phi = 2 * np.pi * (np.arange(EYE_SEGMENTS) + 0.5) / EYE_SEGMENTS
    ring = np.stack(
        (np.outer(np.sin(theta), np.cos(phi)), np.outer(np.sin(theta), np.sin(phi)), np.cos(theta)[:, None] + 0 * phi),
        -1,
    )
    points = np.concatenate(([[0.0, 0.0, 1.0]], ring.reshape(-1, 3)))
    rise = np.concatenate(
        ([1.0], np.repeat(np.clip(1 - (theta / np.radians(LIMBUS_DEGREES + 2)) ** 2, 0, 1), EYE_SEGMENTS))
    )
    rows: list[tuple[int, int, int]] = []
    for step in range(EYE_SEGMENTS):
        after = (step + 1) % EYE_SEGMENTS
        rows.append((0, 1 + step, 1 + after))
        for number in range(len(theta) - 1):
            inner, outer = 1 + number * EYE_SEGMENTS, 1 + (number + 1) * EYE_SEGMENTS
            rows.append((inner + step, outer + step, outer + after))
            rows.append((inner + step, outer + after, inner + after))
    return points, np.array(rows, dtype=np.int64), rise


def embed(points: Floats, vertices: Floats, triangles: Integers) -> tuple[Integers, Floats]:
    """Where each point lies on a surface: its triangle's corners (N x 3) and barycentric weights (N x 3)."""
    import open3d

    scene = open3d.t.geometry.RaycastingScene()
    scene.add_triangles(
        open3d.core.Tensor.from_numpy(vertices.astype(np.float32)),
        open3d.core.Tensor.from_numpy(triangles.astype(np.uint32)),
    )
    found = scene.compute_closest_points(open3d.core.Tensor.from_numpy(points.astype(np.float32)))
    number = found["primitive_ids"].numpy().astype(np.int64)
    uv = found["primitive_uvs"].numpy().astype(np.float64)
    return triangles[number], np.stack((1 - uv[:, 0] - uv[:, 1], uv[:, 0], uv[:, 1]), -1)
