"""Captions say true things, and the parser hears exactly what they say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.engine.attributes import ASKABLE, ATTRIBUTES, KEYS, Attributes, age_grade, age_years, is_notable
from core.engine.captions import (
    Caption,
    collect_vocabulary,
    random_attributes,
    split_words,
    write_caption,
    write_vocabulary,
)
from core.engine.lexicon import LEXICON_FILE
from core.engine.parser import Parsed, parse
from core.engine.wishes import Wish
from core.engine.wordings import Language, grades_of

SEXES = (None, "female", "male")
LANGUAGES: tuple[Language, Language] = ("en", "zh")


def heard(text: str) -> dict[str, int]:
    """Direction by attribute; no attribute is asked for twice in these tests."""
    return {wish.key: wish.direction for wish in parse(text).wishes}


def assert_round_trip(caption: Caption, parsed: Parsed) -> None:
    said = {key: (round(low, 6), round(high, 6)) for key, (low, high) in caption.says().items()}
    understood = {wish.key: (round(wish.low, 6), round(wish.high, 6)) for wish in parsed.wishes}
    assert understood == said, caption.text
    assert len(parsed.wishes) == len(caption.statements), caption.text
    assert parsed.unknown + parsed.dangling == (), caption.text
    assert parsed.corrections == (), caption.text
    assert parsed.contradictions == (), caption.text


def round_trip(first: int, count: int) -> None:
    for seed in range(first, first + count):
        attributes = random_attributes(seed)
        for language in LANGUAGES:
            caption = write_caption(attributes, seed, language, SEXES[seed % 3])
            assert_round_trip(caption, parse(caption.text))


def test_the_table_has_26_rows_of_which_24_may_be_asked_for() -> None:
    assert len(ATTRIBUTES) == 26 == len(set(KEYS))
    assert len(ASKABLE) == 24
    assert {"skin_tone", "head_turn"} == set(KEYS) - set(ASKABLE)
    assert [attribute.key for attribute in ATTRIBUTES if attribute.identity][:2] == ["nose_width", "nose_length"]


def test_a_face_wants_all_grades_within_0_and_1() -> None:
    face = random_attributes(3)
    assert Attributes.from_dict(face.as_dict()) == face
    with pytest.raises(ValueError, match="'smile' is 2"):
        face.replace(smile=2.0)
    with pytest.raises(ValueError, match="missing"):
        Attributes.from_dict({"smile": 0.5})
    assert age_years(age_grade(44)) == pytest.approx(44)


def test_every_caption_of_1500_seeds_is_understood_exactly_in_both_languages() -> None:
    round_trip(1_000_000_000, 1500)


@pytest.mark.soak
def test_every_caption_of_40000_seeds_is_understood_exactly_in_both_languages() -> None:
    round_trip(1_100_000_000, 40_000)


@given(st.lists(st.floats(0, 1), min_size=26, max_size=26), st.integers(0, 2**40), st.sampled_from(LANGUAGES))
def test_what_a_caption_says_is_true_of_any_face(grades: list[float], seed: int, language: Language) -> None:
    face = Attributes(tuple(grades))
    caption = write_caption(face, seed, language)
    assert len(caption.statements) >= 4
    for statement in caption.statements:
        low, high = statement.grades()
        assert low <= face[statement.key] <= high


def test_the_most_extreme_things_are_said_first() -> None:
    for seed in range(300):
        face = random_attributes(seed)
        keys = [statement.key for statement in write_caption(face, seed).statements]
        notable = [key for key in keys if is_notable(key, face[key])]
        assert keys[: len(notable)] == notable
        assert [abs(face[key] - 0.5) for key in notable if ATTRIBUTES[KEYS.index(key)].kind == "range"] == sorted(
            (abs(face[key] - 0.5) for key in notable if ATTRIBUTES[KEYS.index(key)].kind == "range"), reverse=True
        )


def test_all_grades_of_all_attributes_get_said_in_both_languages() -> None:
    for language in LANGUAGES:
        said: dict[str, set[int]] = {key: set() for key in ASKABLE}
        for seed in range(6000):
            face = random_attributes(seed)
            for statement in write_caption(face, seed, language).statements:
                said[statement.key].add(min(int(face[statement.key] * 5), 4))
        assert all(grades == {0, 1, 2, 3, 4} for grades in said.values())


def test_a_caption_is_a_function_of_seed_and_face() -> None:
    face = random_attributes(5)
    assert write_caption(face, 7, "zh") == write_caption(face, 7, "zh")
    assert len({write_caption(face, seed).text for seed in range(200)}) > 120


def test_a_caption_in_another_language_is_refused() -> None:
    with pytest.raises(ValueError, match="'en' or 'zh'"):
        write_caption(random_attributes(0), 0, "fr")  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("a girl with long hair and big eyes", {"hair_length": 1, "eye_size": 1}),
        ("大眼睛长头发", {"hair_length": 1, "eye_size": 1}),
        ("short hair, a bit of a smile", {"hair_length": -1, "smile": 1}),
        ("眼睛大鼻子小嘴巴宽", {"eye_size": 1, "nose_width": -1, "mouth_width": 1}),
        ("eyes big nose small mouth wide open", {"eye_size": 1, "nose_width": -1, "mouth_open": 1}),
        ("big eyes and mouth", {"eye_size": 1, "mouth_width": 1}),
        ("大 eyes 和 long 头发", {"eye_size": 1, "hair_length": 1}),
        ("take those specs off", {"glasses": -1}),
        ("把刘海去掉，戴上眼镜", {"fringe": -1, "glasses": 1}),
        ("make him look about sixty", {"age": 1}),
        ("三十岁的女人，黑长直", {"age": -1, "hair_lightness": -1, "hair_length": 1, "hair_curl": -1}),
        ("she should be grinning from ear to ear", {"smile": 1}),
        ("浓眉大眼", {"brow_thickness": 1, "eye_size": 1}),
        ("不要笑", {"smile": -1}),
        ("remove the glasses and the hat", {"glasses": -1, "hat": -1}),
        ("take off his cap and give him curls", {"hat": -1, "hair_curl": 1}),
        ("make him ten years younger", {"age": -1}),
        ("her hair is too long", {"hair_length": -1}),
        ("full lips and a wide grin", {"lip_fullness": 1, "smile": 1}),
        ("heavy eyeliner and red lipstick", {"make_up": 1}),
    ],
)
def test_a_text_asks_for_what_people_would_hear_in_it(text: str, wanted: dict[str, int]) -> None:
    assert heard(text) == wanted


@pytest.mark.parametrize(
    "text", ["no beard", "without a beard", "take the beard off", "beardless", "没有胡须", "不留胡须"]
)
def test_a_denial_asks_for_absence(text: str) -> None:
    (wish,) = parse(text).wishes
    assert (wish.key, wish.target, wish.high) == ("beard", 0.0, 0.2)


def test_or_shares_a_denial_and_a_new_thing_ends_it() -> None:
    assert heard("no beard or glasses") == {"beard": -1, "glasses": -1}
    assert heard("没有胡须、眼镜和帽子") == {"beard": -1, "glasses": -1, "hat": -1}
    assert heard("no beard, big eyes and a hat") == {"beard": -1, "eye_size": 1, "hat": 1}


@pytest.mark.parametrize(
    ("text", "step"),
    [
        ("a bit longer hair", 0.15),
        ("longer hair", 0.3),
        ("much longer hair", 0.5),
        ("头发更长一点", 0.15),
        ("头发长一点", 0.15),
        ("头发再长很多", 0.5),
    ],
)
def test_a_comparative_moves_from_where_the_face_is(text: str, step: float) -> None:
    (wish,) = parse(text).wishes
    assert (wish.key, wish.direction, wish.target) == ("hair_length", 1, None)
    assert wish.apply(0.3) == pytest.approx(0.3 + step)
    assert wish.apply(0.95) == 1.0


def test_degrees_order_the_grades_that_are_asked_for() -> None:
    for texts in (
        ("very short hair", "slightly short hair", "medium-length hair", "slightly long hair", "very long hair"),
        ("非常短的头发", "有点短的头发", "不长不短的头发", "有点长的头发", "非常长的头发"),
    ):
        targets = [parse(text).wishes[0].target for text in texts]
        assert all(target is not None for target in targets)
        assert targets == sorted(targets, key=lambda target: target or 0.0)
        assert len(set(targets)) == len(targets)


def test_what_is_not_understood_is_reported_with_its_place() -> None:
    text = "big eyes, a purple nose and 很酷的纹身"
    parsed = parse(text)
    assert [wish.key for wish in parsed.wishes] == ["eye_size"]
    assert "purple" in [span.text for span in parsed.unknown]
    assert "nose" in [span.text for span in parsed.dangling]
    assert any("纹" in span.text for span in parsed.unknown)
    for span in parsed.unknown + parsed.dangling:
        assert text[span.start : span.end] == span.text


def test_commands_and_bare_gradings_are_left_to_the_conversation() -> None:
    assert [span.text for span in parse("undo").unknown] == ["undo"]
    assert [span.text for span in parse("撤销").unknown] == ["撤销"]
    assert [span.text for span in parse("a bit more").dangling] == ["a bit", "more"]
    assert not parse("再来一点").wishes
    assert parse("再来一点").dangling


def test_a_slip_of_one_letter_is_mended_and_said() -> None:
    parsed = parse("smilling, thik eyebrows, galsses")
    assert {wish.key for wish in parsed.wishes} == {"smile", "brow_thickness", "glasses"}
    assert [correction.read_as for correction in parsed.corrections] == ["smiling", "thick", "glasses"]


@pytest.mark.parametrize(
    "text", ["long hair, short hair", "no glasses but heavy glasses", "光头，齐刘海", "bald with curls"]
)
def test_contradictions_are_found(text: str) -> None:
    assert parse(text).contradictions


@pytest.mark.parametrize(
    "text", ["long hair and big eyes", "bigger eyes, much bigger eyes", "short hair, a bit shorter hair"]
)
def test_wishes_that_agree_are_no_contradiction(text: str) -> None:
    assert not parse(text).contradictions


def test_spans_point_at_the_words_of_each_wish() -> None:
    text = "Very LONG hair，大眼睛"
    spans = {wish.key: text[wish.start : wish.end] for wish in parse(text).wishes}
    assert spans == {"hair_length": "Very LONG hair", "eye_size": "大眼睛"}


@given(st.text(max_size=60))
def test_any_text_gets_an_answer(text: str) -> None:
    for wish in parse(text).wishes:
        assert 0 <= wish.start < wish.end <= len(text)
        assert 0.0 <= wish.apply(0.5) <= 1.0


def test_a_wish_holds_within_its_grades_only() -> None:
    wish = Wish("smile", 1, *grades_of("smile", "+"), 0.75)
    assert wish.holds(0.5)
    assert not wish.holds(0.2)


def test_the_vocabulary_file_is_what_the_grammar_writes(tmp_path) -> None:
    write_vocabulary(tmp_path / "vocabulary.txt")
    shipped = LEXICON_FILE.with_name("vocabulary.txt")
    assert shipped.read_text(encoding="utf-8") == (tmp_path / "vocabulary.txt").read_text(encoding="utf-8")


def test_every_word_of_new_captions_is_in_the_vocabulary() -> None:
    words = set(collect_vocabulary())
    for seed in range(1_000_000_000, 1_000_000_500):
        for language in LANGUAGES:
            assert set(split_words(write_caption(random_attributes(seed), seed, language).text)) <= words
