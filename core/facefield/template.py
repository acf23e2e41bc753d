"""What is known of heads before a field learns: how they differ from the mean head, and how far points are from it.

Read from the engine's own head model, which the package carries; nothing of it goes into a checkpoint.
"""

from __future__ import annotations

import functools

import numpy as np
import torch
from torch import Tensor

from core.engine.head import load_head

BOX_CENTRE, BOX_HALF = (0.0, -0.03, -0.02), (0.26, 0.27, 0.20)
"""The box in a head's frame that a field fills: head, hair and shoulders, in metres."""
WARP_CENTRE, WARP_HALF = (0.0, 0.0, 0.01), (0.125, 0.165, 0.135)
"""The box around the head in which it is known how people differ."""
_NEIGHBOURS = 6
FAR_METRES = 0.1


def _nodes(count: int, centre: tuple[float, ...], half: tuple[float, ...]) -> np.ndarray:
    """(count^3, 3) places of a grid's nodes, x running fastest."""
    line = np.linspace(-1.0, 1.0, count)
    z, y, x = np.meshgrid(line, line, line, indexing="ij")
    return np.stack((x, y, z), -1).reshape(-1, 3) * np.asarray(half) + np.asarray(centre)


@functools.lru_cache(maxsize=4)
def displacement_basis(nodes: int) -> Tensor:
    """(modes, nodes^3 x 3) how far each identity mode and each controller moves what is at a node of the warp grid."""
    from scipy.spatial import KDTree

    head = load_head("cpu")
    outer = torch.nonzero(head.part == 0)[:, 0]
    tree = KDTree(head.neutral[outer].numpy())
    distance, nearest = tree.query(_nodes(nodes, WARP_CENTRE, WARP_HALF), k=_NEIGHBOURS)
    weight = 1.0 / (distance + 0.002) ** 2
    weight = torch.from_numpy((weight / weight.sum(1, keepdims=True)).astype(np.float32))
    moves = torch.cat((head.identity_modes, head.expression))[:, outer]
    chosen = torch.from_numpy(nearest.astype(np.int64))
    basis = torch.zeros(len(moves), len(chosen), 3)
    for place in range(_NEIGHBOURS):
        basis += moves[:, chosen[:, place]] * weight[:, place, None]
    return basis.reshape(len(moves), -1)


@functools.lru_cache(maxsize=4)
def mean_distances(nodes: int) -> Tensor:
    """(nodes^3,) metres from the mean head's skin, negative inside, at the nodes of the field's box."""
    from scipy.spatial import KDTree

    head = load_head("cpu")
    outer = (head.part == 0).numpy() | (np.char.startswith(np.asarray(head.part_names), "eye")[head.part.numpy()])
    normals = head.normals(head.neutral[None])[0].numpy()[outer]
    skin = head.neutral.numpy()[outer]
    places = _nodes(nodes, BOX_CENTRE, BOX_HALF)
    distance, nearest = KDTree(skin).query(places, k=_NEIGHBOURS)
    arm = places[:, None] - skin[nearest]
    side = (arm * normals[nearest]).sum(-1)
    # near ones decide on which side a place is
    sign = np.sign((np.sign(side) / (distance + 0.002)).sum(1))
    lowest = skin[:, 1].min()
    sign = np.where(places[:, 1] < lowest, 1.0, sign)  # the model ends at its open neck
    return torch.from_numpy((sign * distance[:, 0]).clip(-FAR_METRES, FAR_METRES).astype(np.float32))
