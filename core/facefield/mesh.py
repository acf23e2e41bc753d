"""A head's surface as triangles: marching cubes where the field's density passes half, coloured from the field."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from core.facefield.networks import Field, Prepared
from core.facefield.template import BOX_CENTRE, BOX_HALF

FINEST, COARSEST = 256, 16
"""Cells along the box's longest side."""
CHUNK = 65_536
FORMATS = (".glb", ".ply", ".obj")


class EmptyField(ValueError):
    """The field has no surface; the message says so."""


@dataclass(frozen=True)
class Mesh:
    """Vertices in metres in the head's frame, triangles facing outward, colours of vertices."""

    vertices: npt.NDArray[np.float32]
    triangles: npt.NDArray[np.int32]
    colours: npt.NDArray[np.uint8]
    """(V, 3) sRGB."""


def cut_surface(
    measure: Callable[[Tensor], Tensor], resolution: int, centre: tuple[float, ...], half: tuple[float, ...]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int32]]:
    """The largest piece of the surface where a distance (N, 3) -> (N) is nothing, inside a box."""
    from skimage.measure import marching_cubes

    if not COARSEST <= resolution <= FINEST:
        raise ValueError(f"A mesh is cut at {COARSEST} to {FINEST} cells a side, not {resolution}.")
    cell = 2 * max(half) / resolution
    lines = [
        torch.arange(middle - side, middle + side + cell / 2, cell) for middle, side in zip(centre, half, strict=True)
    ]
    places = torch.stack(torch.meshgrid(*lines, indexing="ij"), -1)
    values = torch.cat([measure(part) for part in places.reshape(-1, 3).split(CHUNK)]).reshape(places.shape[:3])
    padded = np.pad(values.float().numpy(), 1, constant_values=cell)  # what leaves the box is closed there
    if padded.min() >= 0:
        raise EmptyField("This code's field is empty: there is no surface to make a mesh of.")
    vertices, triangles, _, _ = marching_cubes(padded, 0.0)
    start = np.asarray([float(line[0]) for line in lines])
    vertices = (vertices - 1) * cell + start
    return _largest(vertices.astype(np.float32), triangles[:, ::-1].astype(np.int32))


def _largest(
    vertices: npt.NDArray[np.float32], triangles: npt.NDArray[np.int32]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int32]]:
    """The piece with the most vertices, facing outward."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    edges = np.concatenate((triangles[:, :2], triangles[:, 1:]))
    graph = coo_matrix((np.ones(len(edges), np.int8), (edges[:, 0], edges[:, 1])), shape=(len(vertices),) * 2)
    _, piece = connected_components(graph, directed=False)
    kept = piece == np.bincount(piece).argmax()
    number = np.cumsum(kept) - 1
    triangles = number[triangles[kept[triangles[:, 0]]]].astype(np.int32)
    vertices = vertices[kept]
    corner = vertices[triangles].astype(np.float64)
    volume = np.einsum("ij,ij->i", corner[:, 0], np.cross(corner[:, 1], corner[:, 2])).sum()
    return vertices, triangles if volume > 0 else triangles[:, ::-1].copy()


@torch.no_grad()
def make_mesh(
    field: Field,
    prepared: Prepared,
    resolution: int = 128,
    report: Callable[[float], None] | None = None,
    tint: Callable[[Tensor], tuple[Tensor, Tensor]] | None = None,
) -> Mesh:
    """The surface of one head, coloured as it looks from straight outside; ``tint`` says of places (N, 3) by what their
    colours differ (N, 3) and how surely (N)."""
    done = 0

    def measure(places: Tensor) -> Tensor:
        nonlocal done
        done += 1
        if report is not None:
            report(1 - 0.97**done)
        return field.measure(prepared, places[None])[0][0]

    vertices, triangles = cut_surface(measure, resolution, BOX_CENTRE, BOX_HALF)
    colours = []
    outward = torch.from_numpy(_normals(vertices, triangles))
    for places, normal in zip(torch.from_numpy(vertices).split(CHUNK), outward.split(CHUNK), strict=True):
        _, hidden = field.measure(prepared, places[None])
        seen = field.look_at(prepared, hidden)
        colour = field.finish(prepared, seen, torch.ones(1, len(places)), -normal[None])[0, :, :3]
        if tint is not None:
            apart, surely = tint(places)
            colour = colour + apart * surely[:, None]
        colours.append(colour.add(1).mul(127.5).round().clamp(0, 255).to(torch.uint8))
    return Mesh(vertices, triangles, torch.cat(colours).numpy())


def _normals(vertices: npt.NDArray[np.float32], triangles: npt.NDArray[np.int32]) -> npt.NDArray[np.float32]:
    corner = vertices[triangles]
    face = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    total = np.zeros_like(vertices)
    for place in range(3):
        np.add.at(total, triangles[:, place], face)
    return (total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-12)).astype(np.float32)


def write_mesh(path: Path, mesh: Mesh) -> None:
    """A coloured GLB, PLY or OBJ, as the ending says; the file appears whole or not at all."""
    import trimesh

    ending = path.suffix.lower()
    if ending not in FORMATS:
        raise ValueError(f"A mesh is written as {', '.join(FORMATS)}, not as {path.name}.")
    # glTF's y is up and its front is +z, as the head's frame has them
    made = trimesh.Trimesh(
        mesh.vertices, mesh.triangles, vertex_colors=np.concatenate((mesh.colours, np.full_like(mesh.colours[:, :1], 255)), 1),
        process=False,
    )  # fmt: skip
    exported = made.export(file_type=ending[1:])
    content = exported.encode() if isinstance(exported, str) else bytes(exported)
    partial = path.with_name(f".{path.name}.partial")
    partial.write_bytes(content)
    partial.replace(path)
