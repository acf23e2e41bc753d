"""The facefield room's sheets: photos turned into heads, heads nobody has, and looks and expressions put on."""

from __future__ import annotations

import numpy as np

from core.face.reader import NoFace
from core.facefield.camera import cast_rays, place
from core.facefield.heads import FaceCode
from core.facefield.mesh import Mesh
from core.facefield.predict import Predictor
from core.image import Pixels, contact_sheet, resize
from training.facefield_truth import draw_truth
from training.measure import Asked, CannotMeasure, read_folder

SIDE = 128
YAWS = (-30.0, -15.0, 15.0, 30.0)
EXPRESSIONS = ("smile", "surprise", "anger", "eyes shut")


def facefield_sheets(asked: Asked) -> dict[str, Pixels]:
    """All sheets."""
    predictor = Predictor.load(asked.roots)
    if asked.data is not None:
        return {"photos": found_sheet(predictor, read_folder(asked.data, asked.count or 8))}
    photos = [draw_truth(seed, ()).photo for seed in asked.seeds(8)]
    return {
        "heads": found_sheet(predictor, photos),
        "imagined": imagined_sheet(predictor, asked.seeds(6)),
        "changed": changed_sheet(predictor, asked.seeds(4)),
    }


def found_sheet(predictor: Predictor, photos: list[Pixels]) -> Pixels:
    """Rows: portrait, found, from four sides, depth, mesh."""
    tiles: list[Pixels] = []
    for photo in photos:
        try:
            portrait, _ = predictor.frame(photo)
        except NoFace:
            continue
        code = predictor.find(portrait)
        tiles += [_fit(portrait), _fit(predictor.view(code).pixels)]
        tiles += [_fit(predictor.view(code, yaw).pixels) for yaw in YAWS]
        tiles += [_fit(shade(predictor.view(code).depth_metres)), show_mesh(predictor.mesh(code, 112), code)]
    if not tiles:
        raise CannotMeasure("No face was found in any of these pictures.")
    return contact_sheet(tiles, 4 + len(YAWS))


def imagined_sheet(predictor: Predictor, seeds: list[int]) -> Pixels:
    """People who do not exist, from the sides."""
    codes = [predictor.imagine(seed) for seed in seeds]
    return contact_sheet([_fit(predictor.view(code, yaw).pixels) for code in codes for yaw in (-45.0, *YAWS, 45.0)], 6)


def changed_sheet(predictor: Predictor, seeds: list[int]) -> Pixels:
    """A head, with the next one's look, and with expressions."""
    codes = [predictor.imagine(seed) for seed in seeds]
    tiles = []
    for at, code in enumerate(codes):
        other = predictor.swap(code, codes[(at + 1) % len(codes)])
        shown = [code, other, *(predictor.express(code, name) for name in EXPRESSIONS)]
        tiles += [_fit(predictor.view(one).pixels) for one in shown]
    return contact_sheet(tiles, 2 + len(EXPRESSIONS))


def shade(depth_metres: np.ndarray) -> Pixels:
    """Near bright, far dark, nothing black."""
    met = depth_metres > 0
    if not met.any():
        return np.zeros((*depth_metres.shape, 3), np.uint8)
    near, far = np.quantile(depth_metres[met], (0.01, 0.98))
    bright = np.clip(1 - 0.85 * (depth_metres - near) / max(far - near, 1e-3), 0.1, 1) * met
    return (bright[..., None] * 255).repeat(3, 2).astype(np.uint8)


def show_mesh(mesh: Mesh, code: FaceCode) -> Pixels:
    """A mesh in plain clay, lit from the camera."""
    import open3d as o3d

    scene = o3d.t.geometry.RaycastingScene()
    tensor = o3d.core.Tensor.from_numpy
    scene.add_triangles(tensor(mesh.vertices), tensor(mesh.triangles.astype(np.uint32)))
    pose, lens = place(code.camera.numbers())
    rays = cast_rays(pose[0], float(lens[0]), SIDE)
    origins = rays.origin.expand_as(rays.directions)
    cast = np.concatenate((origins.numpy(), rays.directions.numpy()), 1)
    found = scene.cast_rays(tensor(cast))
    normals, met = found["primitive_normals"].numpy(), np.isfinite(found["t_hit"].numpy())
    lit = np.clip(-(normals * rays.directions.numpy()).sum(1), 0, 1)
    bright = np.where(met, 60 + 180 * lit, 255).reshape(SIDE, SIDE, 1)
    return bright.repeat(3, 2).astype(np.uint8)


def _fit(picture: Pixels) -> Pixels:
    return resize(np.ascontiguousarray(picture), SIDE, SIDE)
