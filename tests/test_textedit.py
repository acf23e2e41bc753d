"""The textedit room: what codes promise, what texts do to them, words as chips, and recipes that learn."""

from __future__ import annotations

import shutil
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch

from core import checkpoints
from core.engine.attributes import ASKABLE, INDEX
from core.engine.parser import parse
from core.textedit import invert
from core.textedit.caption import Captioner
from core.textedit.codes import Standard, normality, read_grades, read_parameters
from core.textedit.config import Config
from core.textedit.invert import Effort
from core.textedit.networks import Fusion, PhotoEncoder, TextEncoder, make_generator, remember
from core.textedit.predict import LatentCode, Predictor
from core.textedit.requests import LANGUAGES, ask_for, both_ways, draw_request, in_learned_words
from core.textedit.speech_model import (
    Habits,
    NothingHeard,
    Recogniser,
    SpeechConfig,
    SpeechNet,
    load_characters,
    number_characters,
    read_characters,
    search,
)
from core.textedit.vocabulary import COMMA, UNKNOWN, load_words, number_words, stack_sentences, stack_texts
from core.textedit.words import SPOKEN_COMMANDS, understand
from training.recipes.textedit import (
    make_captioner_recipe,
    make_editor_recipe,
    make_generator_recipe,
    make_inverter_recipe,
    make_speech_recipe,
)
from training.spec import BadRequest, RunSpec
from training.speech_task import distance
from training.textedit_editor import set_goals
from training.textedit_phrases import WORDINGS

SEEDS = torch.arange(700_000_000, 700_000_064)


@pytest.fixture(scope="module")
def fitted() -> tuple[Standard, torch.Tensor]:
    parameters = read_parameters(SEEDS)
    return Standard.fit(parameters, read_grades(SEEDS), SEEDS), parameters


@pytest.fixture(scope="module")
def weights(fitted: tuple[Standard, torch.Tensor], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random networks of the tiny preset on a shelf of their own."""
    torch.manual_seed(5)
    config, root = Config.tiny(), tmp_path_factory.mktemp("weights")
    shelves = {
        "generator": {"generator": make_generator(config), "standard": fitted[0]},
        "inverter": {"encoder": PhotoEncoder(config)},
        "editor": {"words": TextEncoder(config), "fusion": Fusion(config), "captioner": Captioner(config)},
    }
    for name, modules in shelves.items():
        card = checkpoints.Card("textedit", name, config=asdict(config))
        found = {key: module.state_dict() for key, module in modules.items()}
        checkpoints.save(root / "textedit" / name, card, found)
    return root


def test_a_face_comes_back_from_its_code(fitted: tuple[Standard, torch.Tensor]) -> None:
    standard, parameters = fitted
    codes = standard.encode(parameters, SEEDS, 352)
    spread = parameters.std(0).clamp_min(1e-4)
    inner = ((parameters - parameters.mean(0)) / spread).abs() < 2  # tails beyond the table are held
    apart = ((standard.decode(codes) - parameters) / spread).abs()
    assert float(apart[inner].mean()) < 0.03


def test_scores_of_faces_look_like_draws_from_a_standard_normal(fitted: tuple[Standard, torch.Tensor]) -> None:
    standard, parameters = fitted
    found = normality(standard.score(parameters, SEEDS))
    assert found["mean"] < 0.35
    assert found["variance"] < 0.6


def test_a_code_says_how_old_and_how_hairy_its_face_is(fitted: tuple[Standard, torch.Tensor]) -> None:
    standard, parameters = fitted
    grades = standard.grades(standard.encode(parameters, SEEDS, 352))
    true = read_grades(SEEDS[:32])
    for key in ("age", "hair_length", "skin_tone"):
        assert (grades[:32, INDEX[key]] - true[:, INDEX[key]]).abs().max() < 0.1


def test_the_same_words_in_another_order_are_another_text() -> None:
    words = torch.eye(5)
    one, other = remember(words[None, [0, 1, 2]], 0.6)[0, -1], remember(words[None, [2, 1, 0]], 0.6)[0, -1]
    assert (one - other).abs().max() > 0.1
    assert one.tolist() == pytest.approx([0.36, 0.6, 1.0, 0.0, 0.0])


def test_empty_text_and_no_strength_leave_a_code_exactly_as_it_is() -> None:
    config = Config.tiny()
    words, fusion = TextEncoder(config), Fusion(config)
    codes = torch.randn(3, config.generator.code_width)
    empty = words(stack_texts([[]] * 3))
    assert torch.equal(fusion(codes, empty), codes)
    said = words(stack_texts([number_words("big eyes"), number_words("长头发"), number_words("no hat")]))
    assert torch.equal(fusion(codes, said, 0.0), codes)
    half, whole = fusion(codes, said, 0.5) - codes, fusion(codes, said, 1.0) - codes
    assert torch.allclose(2 * half, whole, atol=1e-5)
    assert whole.abs().max() > 1e-4


def test_what_stands_behind_a_text_in_a_batch_does_not_change_its_code() -> None:
    words = TextEncoder(Config.tiny()).eval()
    short, long = number_words("big eyes"), number_words("a very long beard and curly hair")
    assert torch.allclose(words(stack_texts([short, long]))[0], words(stack_texts([short]))[0], atol=1e-6)


def test_a_strange_word_keeps_its_place_and_captions_come_back_as_words() -> None:
    assert number_words("blorp eyes")[0] == UNKNOWN
    table = stack_sentences(["long hair, big eyes"], ["en"])
    assert [load_words()[at] for at in table[0].tolist()] == ["<start>", "long", "hair", "<,>", "big", "eyes", "<end>"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_attribute_can_be_asked_for_both_ways_and_is_understood(language: str) -> None:
    for key, way in both_ways():
        text = ask_for(key, way, 3, language)  # pyright: ignore[reportArgumentType]
        (wish,) = parse(text).wishes
        assert (wish.key, wish.direction) == (key, way), text
        assert (wish.apply(0.5) - 0.5) * way >= 1 / 3, f"{text} hardly asks for anything"


def test_requests_hold_what_the_parser_reads_and_no_contradiction() -> None:
    for seed in range(60):
        request = draw_request(seed)
        assert request.wishes
        assert parse(request.text).wishes == request.wishes
        assert not parse(request.text).contradictions


def test_what_is_understood_is_said_to_the_network_in_words_that_it_has_learned() -> None:
    learned = {number for seed in range(3000) for number in number_words(draw_request(seed).text)}
    for text in (
        "长头发",
        "大眼睛长头发",
        "短发",
        "give her huge peepers and flowing locks",
        *(one for one, _ in WORDINGS),
    ):
        meant, said = parse(text).wishes, in_learned_words(text)
        asked = {(wish.key, wish.direction) for wish in meant if wish.key in ASKABLE}
        assert asked <= {(wish.key, wish.direction) for wish in parse(said).wishes}, (text, said)
        assert not asked or set(number_words(said)) <= learned | {COMMA}, (text, said)
    assert in_learned_words("更长的头发") == "更长的头发"
    assert in_learned_words("qwerty") == "qwerty"


def test_goals_move_what_is_asked_and_nothing_else(fitted: tuple[Standard, torch.Tensor]) -> None:
    standard, _ = fitted
    codes = torch.randn(8, 352, generator=torch.Generator().manual_seed(1))
    requests = [draw_request(seed) for seed in range(8)]
    goal, asked, grades = set_goals(standard, codes, requests)
    scores = standard.read(codes)
    assert torch.equal(torch.where(asked > 0, scores, goal), scores)
    for row, request in enumerate(requests):
        for wish in request.wishes:
            assert wish.key in ASKABLE
            assert wish.target is None or grades[row, INDEX[wish.key]] == pytest.approx(wish.target, abs=1e-5)


@pytest.mark.parametrize(
    ("text", "action", "number"),
    [
        ("undo", "undo", 0), ("撤销", "undo", 0), ("a bit less", "less", 0), ("再少一点", "less", 0), ("more", "more", 0),
        ("多一点", "more", 0), ("back to the second one", "back", 2), ("回到第三个", "back", 3), ("start again", "restart", 0),
        ("重新开始", "restart", 0),
    ],
)  # fmt: skip
def test_control_words_are_commands_in_both_languages(text: str, action: str, number: int) -> None:
    found = understand(text)
    assert [(one.action, one.number) for one in found.commands] == [(action, number)]
    assert not found.wishes


@pytest.mark.parametrize(
    "text", ["", "blorp", "long hair and short hair", "x" * 10_000, "，，，", "大眼睛小眼睛", "…!?"]
)
def test_what_cannot_be_drawn_is_answered_in_both_languages(text: str) -> None:
    found = understand(text)
    assert not found.can_draw
    for language in LANGUAGES:
        assert 5 < len(found.note(language)) < 300


def test_a_word_that_is_not_known_is_shown_beside_what_is() -> None:
    chips = understand("blorp, bigger eyes, 少一点笑容, undo").chips
    assert {chip.kind for chip in chips} == {"unknown", "wish", "command"}
    assert len([chip for chip in chips if chip.kind == "wish"]) == 2


def test_looking_for_a_code_brings_the_picture_nearer() -> None:
    torch.manual_seed(2)
    generator = make_generator(Config.tiny()).eval()
    width = Config.tiny().generator.code_width
    photo = invert.draw(generator, torch.randn(1, width)).detach().clamp(-1, 1)
    first = torch.zeros(1, width)
    off = float((invert.draw(generator, first).detach().clamp(-1, 1) - photo).abs().mean() * 127.5)
    found = invert.refine(generator, photo, first, Effort(15, 15))
    assert found.difference < off
    near = invert.draw(generator, found.code, found.own, 0.0), invert.draw(generator, found.code)
    assert torch.allclose(*near, atol=1e-3)


def test_the_predictor_edits_draws_and_describes_and_no_text_changes_no_pixel(weights: Path) -> None:
    predictor = Predictor.load([weights])
    code = predictor.imagine(7)
    picture = predictor.draw(code)
    assert picture.shape == (32, 32, 3)
    assert predictor.steer(code, "") is code
    assert predictor.steer(code, "big eyes", 0.0) is code
    assert not np.array_equal(predictor.steer(code, "big eyes").code, code.code)
    assert isinstance(predictor.describe(picture, "zh"), str)
    found = predictor.find(picture, Effort(2, 2))
    assert isinstance(found, LatentCode)
    again = predictor.find(picture, Effort(1, 1), start=found)
    assert again.difference is not None
    with pytest.raises(ValueError, match="strength"):
        predictor.steer(code, "big eyes", 1.5)


def test_texts_that_learned_on_codes_alone_come_without_a_captioner_and_are_in_service_all_the_same(
    weights: Path, tmp_path: Path
) -> None:
    given = recipe_request("editor", generator=str(weights / "textedit" / "generator"), pictures=0)
    recipe = make_editor_recipe(given)
    assert recipe.published == ("words", "fusion")
    shutil.copytree(weights / "textedit" / "generator", tmp_path / "textedit" / "generator")
    card = checkpoints.Card("textedit", "editor", config=asdict(recipe.config))
    found = {key: recipe.modules[key].state_dict() for key in recipe.published}
    checkpoints.save(tmp_path / "textedit" / "editor", card, found)
    predictor = Predictor.load([tmp_path])
    code = predictor.imagine(3)
    assert not np.array_equal(predictor.steer(code, "long hair").code, code.code)
    with pytest.raises(checkpoints.CheckpointMissing, match="textedit captioner"):
        predictor.describe(predictor.draw(code))


def recipe_request(name: str, **options: object) -> RunSpec:
    given = {"fitted": 48, "validated": 2, "batch": 2, **options}
    return RunSpec("textedit", name, "tiny", steps=4, device="cpu", options=given)


@pytest.mark.soak
def test_every_recipe_takes_a_step_on_engine_faces(weights: Path) -> None:
    generator = str(weights / "textedit" / "generator")
    recipes = [
        make_generator_recipe(recipe_request("generator", warm=0.25)),
        make_generator_recipe(recipe_request("generator", warm=1, listener=str(weights / "textedit" / "captioner"))),
        make_captioner_recipe(recipe_request("captioner")),
        make_inverter_recipe(recipe_request("inverter", generator=generator, pictures=1)),
        make_editor_recipe(recipe_request("editor", generator=generator, pictures=2)),
    ]
    for recipe in recipes:
        for phase in recipe.phases:
            for step in (0, 2):
                batch = recipe.batch(step, recipe.batch_size, 0)
                terms = recipe.losses(phase, batch, step)
                total = torch.stack(list(terms.values())).sum()
                learning = [one for key in phase.modules for one in recipe.modules[key].parameters()]
                slopes = torch.autograd.grad(total, learning, allow_unused=True)
                assert torch.isfinite(total)
                assert step == 0 or any(slope is not None and slope.abs().max() > 0 for slope in slopes), phase.name
    again = recipes[0].batch(0, 1, 1)
    assert torch.equal(again["real"], recipes[0].batch(0, 2, 0)["real"][1:])


def test_what_works_on_a_generator_says_so_where_none_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.textedit_tasks.ASSETS", tmp_path)
    with pytest.raises(BadRequest, match="generator=FOLDER"):
        make_editor_recipe(recipe_request("editor"))


def test_a_search_with_habits_hears_what_people_say() -> None:
    letters = number_characters("长头发")
    assert read_characters(letters) == "长头发"
    likely = np.full((9, len(load_characters()) + 1), -12.0, dtype=np.float32)
    for place, letter in enumerate(letters):
        likely[3 * place, letter] = np.log(0.45)
        likely[3 * place + 1, 0] = likely[3 * place + 2, 0] = -0.01
    likely[3, number_characters("投")[0] if number_characters("投") else 1] = np.log(0.55)
    assert read_characters(search(likely, Habits(["长头发"] * 20))) == "长头发"
    assert distance([1, 2, 3], [1, 3]) == 1


@pytest.mark.parametrize("seconds", [0.0, 0.05, 3.0, 180.0])
def test_silence_and_endless_sounds_are_answered_with_a_sentence(seconds: float) -> None:
    recogniser = Recogniser(SpeechNet(SpeechConfig.tiny()))
    loud = 3000 if seconds > 20 else 0
    with pytest.raises(NothingHeard, match=r"heard|within"):
        recogniser.hear(np.full(int(seconds * 16_000), loud, dtype=np.int16))


def test_every_spoken_command_is_understood_and_can_be_heard() -> None:
    for said in SPOKEN_COMMANDS:
        assert len(number_characters(said)) == len(said)
        assert [chip.kind for chip in understand(said).chips] == ["command"]


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng makes the voices")
def test_the_recogniser_learns_from_voices_that_are_made() -> None:
    recipe = make_speech_recipe(recipe_request("speech", count=2))
    batch = recipe.batch(0, 2, 0)
    assert int(batch["lengths"].min()) > 0
    assert bool((batch["steps"] > batch["lengths"]).all())
    loss = recipe.losses(recipe.phases[0], batch, 0)["ctc"]
    loss.backward()
    assert torch.isfinite(loss)
