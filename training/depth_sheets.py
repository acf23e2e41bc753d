"""The depth room's sheets: frames with true and read distances and the error between, and paths drawn from above."""

from __future__ import annotations

import numpy as np

from core.depth.predict import Predictor
from core.depth.trajectory import Floats, fit_similarity
from core.depth_files import colour_depth
from core.image import Pixels, contact_sheet, to_pixels
from training.measure import Asked
from training.measure_depth import Read, draw_true, read_true

CLIPS, SIDE = 12, 320
FRAME = 8
"""Which frame of a clip is shown."""
WORST = 0.5
"""Relative error that is drawn in full red."""
TRUE_COLOUR, OWN_COLOUR = (40, 110, 220), (235, 120, 30)


def depth_sheets(asked: Asked) -> dict[str, Pixels]:
    """Frame, truth, ours and error of a dozen clips; their paths from above."""
    predictor = Predictor.load(asked.roots)
    reads = [read_true(predictor, draw_true(seed)) for seed in asked.seeds(CLIPS)]
    tiles = [tile for read in reads for tile in show_read(read)]
    moved = [read for read in reads if read.true.camera_kind != "surveillance"]
    sheets = {"distances": contact_sheet([one[::2, ::2] for one in tiles], 8)}
    return sheets | ({"paths": contact_sheet([draw_path(read) for read in moved], min(4, len(moved)))} if moved else {})


def show_read(read: Read) -> list[Pixels]:
    """Frame, true distances, those read (on the true scale) and the relative error: blue too near, red too far."""
    true, own = read.metres[FRAME], read.found.metres[FRAME]
    known = true[true > 0]
    near, far = (float(np.quantile(known, share)) for share in (0.01, 0.95)) if known.size else (1.0, 2.0)
    far = max(far, near * 1.01)
    share = np.where(true > 0, own / np.where(true > 0, true, 1) - 1, 0).clip(-WORST, WORST) / WORST
    error = np.full((*true.shape, 3), 255.0)
    error[..., 1] -= 200 * np.abs(share)
    error[..., 0] -= 220 * np.maximum(-share, 0)
    error[..., 2] -= 220 * np.maximum(share, 0)
    frame = to_pixels(read.true.frames[FRAME : FRAME + 1])[0]
    return [frame, colour_depth(true, near, far), colour_depth(own, near, far), np.rint(error).astype(np.uint8)]


def draw_path(read: Read, side: int = SIDE) -> Pixels:
    """Both paths from above in the world's axes, true blue and ours orange, ours laid on by the best similarity; a line of
    one tenth of the picture says how long that is."""
    import cv2

    true, own = read.true.poses[:, :3, 3].double().numpy(), read.found.poses[:, :3, 3].astype(np.float64)
    scale, turn, shift = fit_similarity(own, true)
    laid = scale * own @ turn.T + shift
    low, high = true.min(0), true.max(0)
    extent = float(max(high[0] - low[0], high[2] - low[2], 1e-3))
    middle = (low + high) / 2
    canvas = np.full((side, side, 3), 250, np.uint8)
    for places, colour in ((true, TRUE_COLOUR), (laid, OWN_COLOUR)):
        points = _on_canvas(places, middle, extent, side)
        cv2.polylines(canvas, [points], False, colour, 2, cv2.LINE_AA)
        cv2.circle(canvas, tuple(int(one) for one in points[0]), 5, colour, -1, cv2.LINE_AA)
    cv2.line(canvas, (12, side - 14), (12 + side // 10, side - 14), (90, 90, 90), 2)
    text = f"{extent / 0.8 / 10 * 100:.1f} cm  {read.true.kind}, {read.true.camera_kind}"
    cv2.putText(
        canvas, text, (20 + side // 10, side - 10), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (60, 60, 60), 1, cv2.LINE_AA
    )
    return canvas


def _on_canvas(places: Floats, middle: Floats, extent: float, side: int) -> np.ndarray:
    across, away = ((places[:, at] - middle[at]) / extent * 0.8 * side for at in (0, 2))
    return np.rint(np.stack((side / 2 + across, side / 2 - away), 1)).astype(np.int32)
