"""Where a text moves a code: before the mapping network or behind it, and what holds in both places."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_rooms import put_textedit_weights

from core import checkpoints
from core.checkpoints import Card
from core.engine.attributes import INDEX, KEYS
from core.engine.changes import MOVED
from core.engine.controllers import NAMES
from core.textedit.caption import Captioner
from core.textedit.codes import DRAWN, TRUE_WIDTH, Standard, block, read_grades, read_parameters
from core.textedit.config import FUSED, Config
from core.textedit.networks import Fusion, TextEncoder, make_generator
from core.textedit.predict import Predictor
from core.textedit.vocabulary import number_words, stack_texts
from training.recipes.textedit import make_editor_recipe
from training.spec import BadRequest, RunSpec
from training.textedit_entrance import Entrance, choose_fuse
from training.textedit_ways import RUNGS, climb, find_gains, find_ways, go, raise_voice

pytestmark = pytest.mark.usefixtures("one_thread")

TEXTS = ("big eyes", "长头发", "no hat, a full beard")


def put_editor(root: Path, fuse: str) -> Path:
    """An editor that knows nothing and moves codes far."""
    torch.manual_seed(6)
    config = replace(Config.tiny(), fuse=fuse)
    fusion = Fusion(config)
    torch.nn.init.normal_(fusion.back.weight, std=1.0)
    modules = {"words": TextEncoder(config), "fusion": fusion, "captioner": Captioner(config)}
    weights = {key: module.state_dict() for key, module in modules.items()}
    folder = root / "textedit" / "editor"
    checkpoints.save(folder, Card("textedit", "editor", config=asdict(config)), weights)
    return folder


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return put_textedit_weights(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def standard() -> Standard:
    seeds = torch.arange(700_000_000, 700_000_032)
    return Standard.fit(read_parameters(seeds), read_grades(seeds), seeds)


@pytest.fixture(params=FUSED)
def placed(request: pytest.FixtureRequest, shelf: Path) -> tuple[str, Predictor]:
    put_editor(shelf, request.param)
    return request.param, Predictor.load([shelf])


def test_no_text_and_no_strength_change_no_pixel_and_strength_lies_between(placed: tuple[str, Predictor]) -> None:
    fuse, predictor = placed
    for seed in range(3):
        code = predictor.imagine(seed)
        plain = predictor.draw(code).astype(int)
        for text in TEXTS:
            assert np.array_equal(predictor.draw(predictor.steer(code, "", 1.0)), plain)
            assert np.array_equal(predictor.draw(predictor.steer(code, text, 0.0)), plain)
            faint, half, whole = (predictor.steer(code, text, strength) for strength in (1e-6, 0.5, 1.0))
            assert np.abs(predictor.draw(faint) - plain).max() <= 1, "nearly no strength is nearly no edit"
            assert np.abs(predictor.draw(whole) - plain).max() > 10
            if fuse == "before":
                assert half.behind is None
                assert np.allclose(2 * (half.code - code.code), whole.code - code.code, atol=1e-4)
            else:
                assert half.behind is not None
                assert whole.behind is not None
                assert np.array_equal(half.code, code.code), "the mapping network sees the code as it was"
                assert np.allclose(2 * half.behind, whole.behind, atol=1e-5)


def test_a_second_text_goes_on_from_the_first(placed: tuple[str, Predictor]) -> None:
    _, predictor = placed
    first = predictor.steer(predictor.imagine(1), "big eyes", 0.5)
    assert predictor.steer(first, "") is first
    both = predictor.steer(first, "long hair", 0.5)
    assert not np.array_equal(predictor.draw(both), predictor.draw(first))
    assert np.array_equal(predictor.draw(predictor.steer(first, "long hair", 0.0)), predictor.draw(first))


@pytest.mark.parametrize("fuse", FUSED)
def test_no_text_leaves_what_enters_the_fusion_exactly_as_it_is(fuse: str) -> None:
    config = replace(Config.tiny(), fuse=fuse)
    generator = make_generator(config).requires_grad_(False)
    entrance, fusion, words = Entrance.open(generator, fuse), Fusion(config), TextEncoder(config)
    codes = torch.randn(3, config.generator.code_width)
    entered = entrance.enter(generator, codes)
    assert torch.equal(fusion(entered, words(stack_texts([[]] * 3))), entered)
    assert torch.equal(fusion(entered, words(stack_texts([number_words(text) for text in TEXTS])), 0.0), entered)
    plain = generator.synthesis(generator.spread(generator.mapping(codes)), "fixed")
    assert torch.equal(entrance.draw(generator, entered), plain)


def test_codes_go_the_way_the_engine_goes_and_what_is_not_asked_for_stays(standard: Standard) -> None:
    ways = find_ways(standard, 24)
    codes = torch.randn(4, Config.tiny().generator.code_width, generator=torch.Generator().manual_seed(9))
    for key in ("hair_length", "eye_size", "glasses"):
        grown = torch.zeros(4, len(KEYS))
        grown[:, INDEX[key]] = 1.0
        moved = go(codes, ways, grown)
        assert torch.equal(moved[:, TRUE_WIDTH:], codes[:, TRUE_WIDTH:])
        gone = standard.read(moved) - standard.read(codes)
        assert (gone[:, INDEX[key]] > 0.15).all(), (key, gone[:, INDEX[key]])
    assert torch.equal(go(codes, ways, 0 * grown), codes)
    glasses = ways[0, INDEX["glasses"]] @ standard.colour
    own = block("grades").start + DRAWN.index("glasses")
    assert float(glasses[own]) == pytest.approx(1.0, abs=0.4), "whoever puts glasses on wears glasses"
    assert glasses.abs().sum() - glasses[own].abs() < 0.02, "and is else who they were"
    assert (ways[:, INDEX["skin_tone"]] == 0).all()
    jaw = ways[0, INDEX["mouth_open"]] @ standard.colour
    assert int(jaw.abs().argmax()) == block("controllers").start + NAMES.index("jaw_open")
    wider, narrower = ways[:, INDEX["eye_openness"]] @ standard.colour
    lids, blinks = (
        [block("controllers").start + NAMES.index(name) for name in names] for names in MOVED["eye_openness"]
    )
    assert wider[lids].mean() > 2 * narrower[lids].mean().abs(), "raised lids make eyes wide"
    assert narrower[blinks].mean() < -0.7, "and blinking shuts them"


def test_a_generator_that_draws_too_little_of_a_change_is_asked_for_more(standard: Standard) -> None:
    """A listener that reads scores off a picture which is nothing but its code, with the volume turned down."""
    keys = [INDEX["glasses"], INDEX["age"], INDEX["hat"]]

    class Whisper(torch.nn.Module):
        config = Config.tiny().generator

        def __init__(self, volume: float) -> None:
            super().__init__()
            self.volume = volume

        def forward(self, z: torch.Tensor, *_: object) -> torch.Tensor:
            grades = standard.read(z) * self.volume
            return torch.nn.functional.pad(grades, (0, 3 * 1024 - len(KEYS))).view(-1, 3, 32, 32)

    class Listener:
        def see(self, pictures: torch.Tensor) -> tuple[None, torch.Tensor]:
            return None, pictures.flatten(1)[:, : len(KEYS)]

        def grades(self, x: torch.Tensor) -> torch.Tensor:
            return x

    ways, slopes = find_ways(standard, 12), torch.ones(len(KEYS)) / 3
    loud, low, deaf = (
        find_gains(Whisper(volume), standard, Listener(), ways, heard)  # type: ignore[arg-type]
        for volume, heard in ((0.1, slopes), (0.05, slopes), (0.05, 0 * slopes))
    )
    assert (loud[0, keys] < 2.5).all()
    assert torch.allclose(low[0, keys], (2 * loud[0, keys]).clamp(1, RUNGS[-1]), rtol=0.25)
    assert (low <= RUNGS[-1]).all()
    assert (deaf == 1).all(), "by the word of nobody nothing is asked for more"


@pytest.mark.parametrize(
    ("hear", "wanted", "gain"),
    [
        (lambda gain: 0.3 * gain, 0.6, 2.0),
        (lambda gain: 0.3 * gain, 0.45, 1.5),
        (lambda gain: 0.3 * gain, 0.2, 1.0),
        (lambda gain: 0.3 * gain, 9.0, 4.0),
        (lambda gain: min(0.3 * gain, 0.55), 0.9, 2.0),
        (lambda gain: 0.3 * gain * (4 - gain), 2.0, 1.4),
        (lambda gain: 0.0 * gain, 0.3, 1.0),
    ],
)
def test_codes_go_as_far_as_is_wanted_and_no_further_than_more_is_seen(
    hear: Callable[[float], float], wanted: float, gain: float
) -> None:
    assert climb(hear, wanted) == pytest.approx(gain)


def test_louder_asks_for_more_of_what_is_meant_alone_and_for_no_colour_that_hair_has_not() -> None:
    gains, scores, grown = torch.ones(2, len(KEYS)), torch.zeros(3, len(KEYS)), torch.zeros(3, len(KEYS))
    gains[0], gains[1] = 2.0, 3.0
    age, light = INDEX["age"], INDEX["hair_lightness"]
    scores[:, light] = torch.tensor([-1.0, 0.5, -3.5])
    grown[:, light] = torch.tensor([1.5, -2.0, -0.5])
    assert raise_voice(scores, grown, gains)[:, light].tolist() == [3.0, -3.5, -0.5]
    grown[:, light] = torch.tensor([4.5, 0.0, 0.0])
    assert float((scores + raise_voice(scores, grown, gains))[0, light]) == 3.5, "as far as was plainly asked for"
    grown[:, age] = torch.tensor([3.0, -3.0, 0.0])
    louder = raise_voice(scores, grown, gains)
    assert louder[:, age].tolist() == [6.0, -9.0, 0.0]
    assert louder[1].count_nonzero() == 1


def test_the_way_to_a_goal_is_gone_by_shares_and_what_lies_beside_it_is_told_apart() -> None:
    place, now = Entrance(True, 4.0), torch.zeros(1, 400)
    goal, beside = now.clone(), now.clone()
    goal[:, :100], beside[:, 100:] = 6.0, 1.0
    assert float(place.off(now, now, goal)) == pytest.approx(1.0, abs=0.02)
    assert float(place.off(goal, now, goal)) == 0.0
    share, far = place.gone(0.5 * goal + beside, now, goal)
    assert float(share) == pytest.approx(0.5)
    assert float(far) == pytest.approx((300 / 400) ** 0.5 / 2)


def test_an_editor_from_before_the_choice_moves_codes_before_the_mapping(shelf: Path) -> None:
    folder = put_editor(shelf, "before")
    now = Predictor.load([shelf])
    card = json.loads((folder / "card.json").read_text())
    assert card["config"].pop("fuse") == "before"
    (folder / "card.json").write_text(json.dumps(card))
    then = Predictor.load([shelf])
    code = now.imagine(3)
    assert np.array_equal(then.steer(code, "big eyes").code, now.steer(code, "big eyes").code)


def test_a_place_that_there_is_not_is_a_sentence(shelf: Path) -> None:
    with pytest.raises(ValueError, match="before or behind the mapping network, not 'beside'"):
        replace(Config.tiny(), fuse="beside")
    request = RunSpec("textedit", "editor", "tiny", options={"fuse": "beside"})
    with pytest.raises(BadRequest, match="fuse is before or behind, not 'beside'"):
        choose_fuse(request, Config.tiny())
    begun = replace(request, options={"fuse": "behind"}, start_from=str(put_editor(shelf, "before")))
    with pytest.raises(BadRequest, match="cannot go on behind it"):
        choose_fuse(begun, Config.tiny())
    told = replace(begun, start_from=str(shelf / "textedit" / "captioner"))
    assert choose_fuse(told, Config.tiny()).fuse == "behind"


def test_the_editor_learns_behind_the_mapping_and_says_so_on_its_card(shelf: Path, standard: Standard) -> None:
    generator = shelf / "textedit" / "generator"
    modules = {"generator": make_generator(Config.tiny()).state_dict(), "standard": standard.state_dict()}
    checkpoints.save(generator, Card("textedit", "generator", config=asdict(Config.tiny())), modules)
    given = {
        "fuse": "behind",
        "generator": str(generator),
        "batch": 4,
        "pictures": 1,
        "count": 4,
        "validated": 2,
        "ways": 4,
    }
    recipe = make_editor_recipe(RunSpec("textedit", "editor", "tiny", steps=4, device="cpu", options=given))
    assert recipe.config.fuse == "behind"
    terms = recipe.losses(recipe.phases[0], recipe.batch(0, 4, 0), 0)
    assert float(terms["wished"].detach()) > 0.5, "nothing is learned yet"
    learning = list(recipe.fusion.parameters())
    torch.stack(list(terms.values())).sum().backward()
    assert all(torch.isfinite(value) for value in terms.values())
    assert max(float(one.grad.abs().max()) for one in learning if one.grad is not None) > 0
    scores = recipe.measure()
    assert scores["empty_moves"] == 0.0
    assert scores["missed"] > 0.9
    assert "behind" in recipe.protocol
    assert recipe.preview().ndim == 3
