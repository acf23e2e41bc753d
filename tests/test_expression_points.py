"""Points of faces nobody draws lie where the engine draws them, and the solver learns to read them backwards."""

from __future__ import annotations

import torch

from core.engine.controllers import MIRROR, NAMES
from core.engine.faces import Choices, faces
from core.engine.head import load_head
from core.expression.losses import motion_error
from core.expression.solver import Solver
from training.expression_points import asked_points, draw_points
from training.expression_surface import on_screen, vertices
from training.recipes.expression_solver import make_solver_recipe, place_points
from training.spec import RunSpec

TINY = RunSpec(subject="expression", recipe="solver", preset="tiny", steps=200, options={"batch": 64})


def test_a_thinned_head_moves_as_the_whole_one_does() -> None:
    head, chosen = load_head(torch.device("cpu")), vertices()[0]
    thin, places = head.thinned(chosen)
    assert len(thin.neutral) < len(head.neutral) / 5
    draw = torch.Generator().manual_seed(3)
    code, moved = torch.randn(4, 100, generator=draw), torch.rand(4, len(NAMES), generator=draw) ** 3
    assert torch.allclose(thin.vertices(code, moved)[:, places], head.vertices(code, moved)[:, chosen], atol=1e-6)
    assert torch.allclose(thin.marks(code), head.marks(code), atol=1e-6)


def test_points_lie_where_pictures_show_them() -> None:
    seeds = torch.arange(700, 706)
    for close in (False, True):
        shown = faces(seeds, size=160, choices=Choices(close=close, supersample=1.0, fine_hair=False))
        drawn = draw_points(seeds, torch.zeros(6, dtype=torch.bool), close)
        assert torch.equal(drawn.controllers, shown.controllers)
        assert (drawn.landmarks - shown.landmarks).abs().max() < 1e-2
        names = ("identity", "pose", "camera", "calibration", "controllers")
        there = on_screen({name: getattr(shown, name) for name in names})[0]
        assert (drawn.points - there).abs().max() < 1e-2
    alone = draw_points(seeds, torch.arange(6) % 2 == 0, True).controllers
    assert ((alone[::2] > 0).sum(1) == 1).all()
    assert torch.equal(alone[1::2], shown.controllers[1::2])


def test_each_patch_is_asked_for_points_of_its_own_and_both_sides_alike() -> None:
    asked, mirror = asked_points(), vertices()[1]
    every = asked.every()
    assert len(every.unique()) == len(every) > 200
    assert torch.equal(mirror[asked.right], asked.left)
    for some in (asked.mouth, asked.whole):
        assert torch.equal(mirror[some].sort().values, some)
    neutral = load_head(torch.device("cpu")).neutral[vertices()[0]]
    assert (neutral[asked.right, 0] < 0).all()  # the right eye is on the left of who looks
    assert neutral[asked.mouth, 1].max() < neutral[asked.right, 1].min()


def test_a_solver_learns_expressions_from_points_alone() -> None:
    recipe = make_solver_recipe(TINY)
    solver = recipe.modules["solver"]
    assert isinstance(solver, Solver)
    seeds = torch.arange(40)
    points, moved = place_points(seeds, True, torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert (solver(points, torch.full(points.shape[:2], -4.0)) == 0).all()  # who has learned nothing says nothing
    before = recipe.measure()
    assert before["validation"] == before["surest"] == before["still"]
    learn = torch.optim.AdamW(solver.parameters(), 3e-3)
    for step in range(150):
        terms = recipe.losses(recipe.phases[0], recipe.batch(step, 64, 0), step)
        learn.zero_grad()
        torch.stack(list(terms.values())).sum().backward()
        learn.step()
    after = recipe.measure()
    assert after["validation"] < 0.92 * after["still"]
    assert after["surest"] < 0.92 * after["still"]
    assert moved.shape == (40, len(MIRROR))
    doubts, off = (
        torch.full(points.shape[:2], -4.0),
        0.05 * torch.randn(points.shape, generator=torch.Generator().manual_seed(1)),
    )
    with torch.no_grad():
        told, told_off = solver(points, doubts), solver(points + off, doubts)
    assert motion_error(told, moved) < 0.95 * motion_error(told_off, moved), (
        "points that lie where they should say more"
    )
    assert motion_error(told, moved) < 0.9 * motion_error(told.roll(1, 0), moved), "whose points they are matters"
    picture = recipe.preview()
    assert picture.ndim == 3
    assert picture.std() > 1


def test_parts_of_a_step_are_the_step() -> None:
    recipe = make_solver_recipe(TINY)
    whole, halves = recipe.batch(3, 64, 0), [recipe.batch(3, 32, part) for part in range(2)]
    for key, value in whole.items():
        assert torch.equal(value, torch.cat([half[key] for half in halves]))
