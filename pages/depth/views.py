"""The camera's way and the points it saw: from above as a drawing, and in three dimensions to turn."""

from __future__ import annotations

import html
import math
from typing import Any

import numpy as np

from core.depth.clip import DepthClip
from core.depth.exports import cloud
from studio.language import Language

MOST_POINTS, MOST_ABOVE = 10_000, 700
WIDTH, HEIGHT, EDGE = 360, 300, 22
"""Of the drawing from above, in its own units."""


def draw_above(clip: DepthClip, say: Language) -> str:
    """The path from above as SVG: up is ahead of the first camera, with what was seen as dots and a scale."""
    places = clip.poses[:, [0, 2], 3].astype(np.float64)
    points, colours = cloud(clip, MOST_ABOVE)
    seen = points[:, [0, 2]].astype(np.float64)
    low, high = _frame(places, seen)
    scale = min((WIDTH - 2 * EDGE) / (high[0] - low[0]), (HEIGHT - 2 * EDGE) / (high[1] - low[1]))
    middle = (low + high) / 2

    def lay(at: np.ndarray) -> np.ndarray:
        return (at - middle) * scale * (1, -1) + (WIDTH / 2, HEIGHT / 2)

    dots = "".join(
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="1.6" fill="rgb({red},{green},{blue})"/>'
        for (x, y), (red, green, blue) in zip(lay(seen), colours, strict=True)
        if 0 <= x <= WIDTH and 0 <= y <= HEIGHT
    )
    way = lay(places)
    turns = np.degrees(np.arctan2(clip.poses[:, 0, 2], clip.poses[:, 2, 2]))
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in way)
    stops = " ".join(f"{x:.1f},{y:.1f},{turn:.0f}" for (x, y), turn in zip(way, turns, strict=True))
    text = html.escape(say("depth.above.alt"))
    return (
        f'<svg class="above" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{text}">{_ruler(scale)}{dots}'
        f'<polyline class="way" points="{line}"/>'
        f'<g class="here" data-places="{stops}" transform="translate({way[0][0]:.1f} {way[0][1]:.1f}) rotate({turns[0]:.0f})">'
        f'<path d="M0 0 L-11 -20 L11 -20 Z"/><circle r="4.5"/></g></svg>'
    )


def _frame(places: np.ndarray, seen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The rectangle that is drawn: the whole way, and nearly all of what was seen."""
    low = np.minimum(places.min(0), np.quantile(seen, 0.03, axis=0))
    high = np.maximum(places.max(0), np.quantile(seen, 0.97, axis=0))
    short = 0.02 * max(float((high - low).max()), 1e-3)
    return low - short, high + short


def _ruler(scale: float) -> str:
    """A length of 1, 2 or 5 times a power of ten metres."""
    longest = 0.4 * (WIDTH - 2 * EDGE) / scale
    power = 10.0 ** math.floor(math.log10(longest))
    metres = max(step * power for step in (1, 2, 5) if step * power <= longest)
    right, top = EDGE / 2 + metres * scale, HEIGHT - 9
    return (
        f'<g class="ruler"><path d="M{EDGE / 2:.1f} {top - 4} V{top} H{right:.1f} V{top - 4}"/>'
        f'<text x="{right + 5:.1f}" y="{top}">{metres:g} m</text></g>'
    )


def draw_cloud(clip: DepthClip, say: Language) -> Any:
    """Points and path as a Plotly figure: x to the right, ahead, and up."""
    import plotly.graph_objects as go

    points, colours = cloud(clip, MOST_POINTS)
    places = clip.poses[:, :3, 3]
    figure = go.Figure()
    figure.add_scatter3d(
        **_upright(points), mode="markers", name=say("depth.cloud.points"), hoverinfo="skip",
        marker={"size": 1.9, "color": [f"rgb({red},{green},{blue})" for red, green, blue in colours]},
    )  # fmt: skip
    if len(clip) > 1:
        figure.add_scatter3d(
            **_upright(places), mode="lines+markers", name=say("depth.cloud.way"),
            line={"width": 5, "color": "#d97706"}, marker={"size": 2.5, "color": "#d97706"},
            hovertemplate="%{x:.2f}, %{y:.2f}, %{z:.2f} m<extra></extra>",
        )  # fmt: skip
    figure.add_scatter3d(
        **_upright(places[:1]), mode="markers", name=say("depth.cloud.start"), marker={"size": 6, "color": "#14a08f"},
        hovertemplate="0, 0, 0<extra></extra>",
    )  # fmt: skip
    axis = {"gridcolor": "rgba(128,128,128,.25)", "backgroundcolor": "rgba(0,0,0,0)", "zeroline": False}
    figure.update_layout(
        height=460,
        margin={"l": 0, "r": 0, "t": 0, "b": 0},
        paper_bgcolor="rgba(0,0,0,0)",
        font={"color": "#8a857b"},
        legend={"orientation": "h", "y": 1.0, "itemsizing": "constant"},
        scene={
            "aspectmode": "data",
            "xaxis": {**axis, "title": say("depth.cloud.right")},
            "yaxis": {**axis, "title": say("depth.cloud.ahead")},
            "zaxis": {**axis, "title": say("depth.cloud.up")},
            "camera": {"eye": {"x": 0.7, "y": -2.0, "z": 0.8}, "center": {"x": 0, "y": 0, "z": -0.1}},
            "dragmode": "orbit",
        },
    )
    return figure


def _upright(points: np.ndarray) -> dict[str, np.ndarray]:
    """Points of a camera (x right, y down, z ahead) as Plotly's axes, of which the third points up."""
    return {"x": points[:, 0].round(3), "y": points[:, 2].round(3), "z": (-points[:, 1]).round(3)}
