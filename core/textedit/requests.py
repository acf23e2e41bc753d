"""Requests as people make them of a face, written over the grammar's words; what each asks is read by the parser alone.

A phrase that the parser does not read as just the attribute it was written for is not used.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

from core.engine.attributes import ASKABLE, ATTRIBUTES, INDEX
from core.engine.parser import parse
from core.engine.random import pick_integer, stream
from core.engine.wishes import Wish
from core.engine.wordings import CHINESE, ENGLISH, KINDS, Language, Presence, Range, presence_phrases, qualities
from core.textedit.vocabulary import COMMA, number_words

MOST_WISHES = 4
PLAIN = 1 / 3
"""A plain wish is met only by a grade that is moved this far from the middle or further."""
LANGUAGES: tuple[Language, ...] = ("en", "zh")
COMPARED_ENGLISH: dict[str, tuple[str, str]] = {
    "eye_size": ("bigger eyes|larger eyes", "smaller eyes"),
    "eye_openness": ("eyes more open", "eyes less open"),
    "brow_thickness": ("thicker eyebrows|bushier eyebrows", "thinner eyebrows|thinner brows"),
    "brow_height": ("higher eyebrows|higher brows", "lower eyebrows|lower brows"),
    "nose_width": ("a wider nose|a broader nose", "a narrower nose|a slimmer nose"),
    "nose_length": ("a longer nose", "a shorter nose"),
    "face_width": ("a wider face|a broader face", "a narrower face|a slimmer face"),
    "chin_length": ("a longer chin", "a shorter chin"),
    "cheek_fullness": ("fuller cheeks|chubbier cheeks", "hollower cheeks|thinner cheeks"),
    "lip_fullness": ("fuller lips|thicker lips|plumper lips", "thinner lips"),
    "mouth_width": ("a wider mouth|a bigger mouth", "a narrower mouth|a smaller mouth"),
    "smile": ("a bigger smile|more of a smile|smile more", "less of a smile|less smile|smile less"),
    "mouth_open": ("mouth more open", "mouth less open"),
    "hair_length": ("longer hair|hair longer", "shorter hair|hair shorter"),
    "hair_curl": ("curlier hair|hair more curly", "straighter hair|hair less curly"),
    "fringe": ("a longer fringe|more fringe", "a shorter fringe|less fringe"),
    "hair_lightness": ("lighter hair|fairer hair", "darker hair"),
    "hair_redness": ("redder hair|hair more red", "hair less red"),
    "beard": ("a bigger beard|a thicker beard|more beard", "a smaller beard|less beard"),
    "moustache": ("a thicker moustache|a bigger moustache", "a thinner moustache|less moustache"),
    "glasses": ("heavier glasses|bigger glasses", "lighter glasses|thinner glasses"),
    "hat": ("a bigger hat", "a smaller hat"),
    "make_up": ("more make-up|heavier make-up", "less make-up|lighter make-up"),
    "age": ("older|look older", "younger|look younger"),
}
"""Comparatives towards grade 1 and towards grade 0."""
COMPARED_CHINESE: dict[str, tuple[str, str]] = {
    "eye_size": ("眼睛更大|更大的眼睛", "眼睛更小|更小的眼睛"),
    "eye_openness": ("眼睛睁大", "眼睛睁小"),
    "brow_thickness": ("眉毛更粗|更浓的眉毛", "眉毛更细|更细的眉毛"),
    "brow_height": ("眉毛更高|更高的眉毛", "眉毛更低|更低的眉毛"),
    "nose_width": ("鼻子更宽|更宽的鼻子", "鼻子更窄|更窄的鼻子"),
    "nose_length": ("鼻子更长|更长的鼻子", "鼻子更短|更短的鼻子"),
    "face_width": ("脸更宽|更宽的脸", "脸更窄|更窄的脸"),
    "chin_length": ("下巴更长|更长的下巴", "下巴更短|更短的下巴"),
    "cheek_fullness": ("脸颊更饱满|更饱满的脸颊", "脸颊更凹陷"),
    "lip_fullness": ("嘴唇更厚|更厚的嘴唇", "嘴唇更薄|更薄的嘴唇"),
    "mouth_width": ("嘴巴更宽|更宽的嘴巴", "嘴巴更窄|更窄的嘴巴"),
    "smile": ("笑容更大|多一点笑容", "少一点笑容|笑容更小"),
    "mouth_open": ("嘴巴张大|嘴巴张大一点", "嘴巴张小一点"),
    "hair_length": ("头发更长|更长的头发", "头发更短|更短的头发"),
    "hair_curl": ("头发更卷|更卷的头发", "头发更直|更直的头发"),
    "fringe": ("刘海更长|刘海多一点", "刘海更短|刘海少一点"),
    "hair_lightness": ("头发颜色更浅|更浅的头发", "头发颜色更深|更深的头发"),
    "hair_redness": ("头发更红|更红的头发", "头发红色少一点"),
    "beard": ("胡须更浓|胡须多一点", "胡须少一点|胡须更少"),
    "moustache": ("小胡子更浓|八字胡更浓", "小胡子少一点|八字胡更淡"),
    "glasses": ("眼镜更粗", "眼镜更细"),
    "hat": ("帽子更大|更大的帽子", "帽子更小|更小的帽子"),
    "make_up": ("妆更浓|更浓的妆", "妆更淡|更淡的妆"),
    "age": ("更老|老一点", "更年轻|年轻一点"),
}
GRADINGS: dict[Language, tuple[str, ...]] = {"en": ("", "", "a bit ", "much "), "zh": ("", "")}
ASKING: dict[Language, tuple[str, ...]] = {
    "en": ("", "", "", "i want ", "please give me ", "make it ", "can you add "),
    "zh": ("", "", "", "我想要", "请给我", "换成"),
}
JOINTS: dict[Language, tuple[str, ...]] = {"en": (", ", " and ", " with ", "; "), "zh": ("，", "", "、", "和")}


@dataclass(frozen=True)
class Request:
    """A text and what the parser reads in it."""

    text: str
    language: Language
    wishes: tuple[Wish, ...]


def _alone(text: str, key: str) -> bool:
    """Whether a text is read as one wish for one attribute and nothing else."""
    found = parse(text)
    return [wish.key for wish in found.wishes] == [key] and not (found.unknown or found.dangling)


@functools.cache
def phrases(key: str, language: Language) -> tuple[tuple[int, str], ...]:
    """Every way to ask for an attribute, with the way it goes: -1, 0 or +1."""
    wording = (ENGLISH if language == "en" else CHINESE)[key]
    texts: list[str] = []
    for kind in KINDS:
        if isinstance(wording, Presence):
            texts += presence_phrases(key, kind, language) if kind not in {"-", "-~"} else ()
            continue
        texts += [_put(wording, key, quality, language) for quality in qualities(key, kind, language)]
    for side in (COMPARED_ENGLISH if language == "en" else COMPARED_CHINESE)[key]:
        texts += [f"{grading}{text}" for grading in dict.fromkeys(GRADINGS[language]) for text in side.split("|")]
    kept = dict.fromkeys(text for text in texts if _alone(text, key))
    return tuple((parse(text).wishes[0].direction, text) for text in kept)


def _put(wording: Range, key: str, quality: str, language: Language) -> str:
    """A quality with its thing."""
    if key == "age":
        return quality
    thing = wording.thing.split("|")[0]
    return f"{quality} {thing}" if language == "en" else f"{quality.removesuffix('的')}的{thing}"


def ask_for(key: str, way: int, seed: int, language: Language) -> str:
    """A phrase that plainly asks for one attribute in one way (-1 or +1): "big eyes", neither "slightly big" nor "bigger"."""
    found = [text for wish, text in _spoken(key, language) if wish.direction == way and _reach(wish) >= PLAIN]
    assert found, f"no phrase plainly asks {key} to go {way:+d} in {language}"
    return found[pick_integer(len(found), seed, stream("phrase"))]


def _reach(wish: Wish) -> float:
    """How far a wish moves a grade that was in the middle."""
    return 0.0 if wish.target is None else abs(wish.target - 0.5)


@functools.cache
def _spoken(key: str, language: Language) -> tuple[tuple[Wish, str], ...]:
    return tuple((parse(text).wishes[0], text) for _, text in phrases(key, language))


@functools.cache
def _learned(language: Language) -> frozenset[int]:
    """Numbers of the words that requests are written with: the only ones a text encoder has met."""
    texts = [*ASKING[language], *JOINTS[language]]
    texts += [text for key in ASKABLE for _, text in phrases(key, language)]
    return frozenset(number for text in texts for number in number_words(text)) | {COMMA}


def in_learned_words(text: str) -> str:
    """A text as it is where all its words were learned; else what the parser understands in it, said in such words."""
    language: Language = "zh" if any("\u3400" <= letter <= "\u9fff" for letter in text) else "en"
    if set(number_words(text)) <= _learned(language) or not (wishes := parse(text).wishes):
        return text
    said = [min(_spoken(wish.key, language), key=lambda one, wish=wish: _apart(one[0], wish)) for wish in wishes
            if wish.key in ASKABLE]  # fmt: skip
    return ("，" if language == "zh" else ", ").join(phrase for _, phrase in said) or text


def _apart(one: Wish, other: Wish) -> float:
    """How differently two wishes for an attribute are meant."""
    if (one.target is None) != (other.target is None):
        return 10.0 + abs(one.direction - other.direction)
    aims = (
        (one.direction * one.step, other.direction * other.step) if one.target is None else (one.target, other.target)
    )
    return abs(one.direction - other.direction) + abs((aims[0] or 0.0) - (aims[1] or 0.0))


def draw_request(seed: int, language: Language | None = None) -> Request:
    """One to four wishes in one text; the same for the same seed."""

    def pick(count: int, name: str, place: int = 0) -> int:
        return pick_integer(count, seed, stream(name), place)

    tongue = language or LANGUAGES[pick(2, "request language")]
    wanted = 1 + min(pick(MOST_WISHES, "wishes"), pick(MOST_WISHES, "fewer wishes"))
    keys = sorted(ASKABLE, key=lambda key: pick(2**30, "request order", INDEX[key]))[:wanted]
    parts = []
    for key in keys:
        ways = phrases(key, tongue)
        side = (-1, 1)[pick(2, "request way", INDEX[key])]
        chosen = [text for way, text in ways if way == side] or [text for _, text in ways]
        parts.append(chosen[pick(len(chosen), "request phrase", INDEX[key])])
    start = ASKING[tongue][pick(len(ASKING[tongue]), "asking")]
    for attempt in (start + JOINTS[tongue][pick(len(JOINTS[tongue]), "request joint")].join(parts), ", ".join(parts)):
        found = parse(attempt)
        if sorted(wish.key for wish in found.wishes) == sorted(keys) and not (found.unknown or found.contradictions):
            return Request(attempt, tongue, found.wishes)
    found = parse(parts[0])
    return Request(parts[0], tongue, found.wishes)


def both_ways(keys: tuple[str, ...] = ASKABLE) -> list[tuple[str, int]]:
    """Every attribute both ways; a presence goes to nothing and to plainly there."""
    assert all(key in {attribute.key for attribute in ATTRIBUTES} for key in keys)
    return [(key, way) for key in keys for way in (-1, 1)]
