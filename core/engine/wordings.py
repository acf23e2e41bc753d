"""The caption grammar's words: for each attribute, how each of its stretches of grades is said in English and Chinese.

A wording's kind is a sign and a degree: "--" very low (or absent), "-" low, "-~" slightly low, "0" in the middle, "+~",
"+", "++".
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Literal

from core.engine.attributes import ATTRIBUTES, INDEX
from core.engine.wishes import ABSENT, range_of

Language = Literal["en", "zh"]
Kind = Literal["--", "-", "-~", "0", "+~", "+", "++"]
KINDS: tuple[Kind, ...] = ("--", "-", "-~", "0", "+~", "+", "++")


@dataclass(frozen=True)
class Range:
    """Words of a range: a thing and its qualities; several wordings are divided by |."""

    thing: str
    low: str
    high: str
    lowest: str
    highest: str
    middle: str
    plural: bool = False


@dataclass(frozen=True)
class Presence:
    """Whole phrases of a presence."""

    absent: str
    slight: str
    middle: str
    plain: str
    strong: str


ENGLISH: dict[str, Range | Presence] = {
    "eye_size": Range("eyes", "small|little", "big|large", "tiny", "huge|enormous", "medium-sized|average-sized", True),
    "eye_openness": Range("eyes", "narrow", "wide|open", "closed|shut", "wide-open|very wide", "normally open", True),
    "brow_thickness": Range(
        "eyebrows|brows",
        "thin|sparse",
        "thick|bushy",
        "very thin|pencil-thin",
        "very bushy|extremely thick",
        "medium-thickness|average-thickness",
        True,
    ),
    "brow_height": Range(
        "eyebrows|brows",
        "low|low-set",
        "high|raised",
        "very low|extremely low",
        "very high|extremely high",
        "medium-height|average-height",
        True,
    ),
    "nose_width": Range(
        "nose",
        "narrow|slim",
        "wide|broad",
        "very narrow|extremely slim",
        "very wide|extremely broad",
        "medium-width|average-width",
    ),
    "nose_length": Range(
        "nose", "short", "long", "very short", "very long|extremely long", "medium-length|average-length"
    ),
    "face_width": Range(
        "face",
        "narrow|slim",
        "wide|broad",
        "very narrow|extremely slim",
        "very wide|very broad",
        "medium-width|average-width",
    ),
    "chin_length": Range(
        "chin",
        "short|small",
        "long|pointed",
        "very short|tiny",
        "very long|really long",
        "medium-length|average-length",
    ),
    "cheek_fullness": Range(
        "cheeks",
        "hollow|sunken",
        "full|chubby|plump",
        "very hollow|really sunken",
        "very full|extremely chubby",
        "medium-fullness|average-fullness",
        True,
    ),
    "lip_fullness": Range(
        "lips",
        "thin",
        "full|plump|thick",
        "very thin|extremely thin",
        "very full|really plump",
        "medium-fullness|average-fullness",
        True,
    ),
    "mouth_width": Range(
        "mouth", "narrow|small", "wide|big", "very narrow|tiny", "very wide|huge", "medium-width|average-width"
    ),
    "smile": Presence(
        "no smile|a serious look",
        "a bit of a smile|a slight smile|a faint smile|a hint of a smile",
        "a moderate smile|half a smile",
        "a smile",
        "a big smile|a broad smile|a very wide smile",
    ),
    "mouth_open": Presence(
        "a closed mouth",
        "a slightly open mouth",
        "a half open mouth",
        "an open mouth|parted lips",
        "a wide-open mouth|a very open mouth",
    ),
    "hair_length": Range(
        "hair",
        "short|cropped",
        "long",
        "very short|extremely short",
        "very long|waist-length",
        "medium-length|shoulder-length",
    ),
    "hair_curl": Range(
        "hair",
        "straight|sleek",
        "curly",
        "very straight|poker-straight",
        "very curly|tightly curled",
        "wavy|loose-waved",
    ),
    "fringe": Presence(
        "no fringe|no bangs",
        "a slight fringe|a small fringe",
        "a moderate fringe|medium bangs",
        "a fringe|bangs",
        "a heavy fringe|thick bangs|a very long fringe",
    ),
    "hair_lightness": Range(
        "hair",
        "dark|deep-coloured",
        "light|fair",
        "black|jet-black|very dark",
        "very light|platinum",
        "mid-toned|light brown",
    ),
    "hair_redness": Presence(
        "hair without red|hair that is not red",
        "reddish hair|slightly red hair",
        "moderately red hair",
        "red hair|ginger hair|auburn hair",
        "bright red hair|very red hair|fiery red hair",
    ),
    "beard": Presence(
        "no beard",
        "stubble|a short beard|a bit of a beard",
        "a moderate beard|a medium beard",
        "a beard",
        "a full beard|a thick beard|a very big beard",
    ),
    "moustache": Presence(
        "no moustache|no mustache",
        "a thin moustache|a small moustache",
        "a moderate moustache|a medium moustache",
        "a moustache|a mustache",
        "a thick moustache|a bushy moustache",
    ),
    "glasses": Presence(
        "no glasses",
        "thin glasses|light glasses",
        "medium glasses|moderate glasses",
        "glasses|spectacles",
        "heavy glasses|thick-rimmed glasses",
    ),
    "hat": Presence(
        "no hat",
        "a small hat|a small cap|a beanie",
        "a medium hat",
        "a hat",
        "a big hat|a large hat|a wide-brimmed hat",
    ),
    "make_up": Presence(
        "no make-up|a bare-faced look",
        "light make-up|subtle make-up|a touch of make-up",
        "moderate make-up|medium make-up",
        "make-up",
        "heavy make-up|bold make-up",
    ),
    "age": Range("age", "young|youthful", "old", "very young", "very old|elderly", "middle-aged"),
}

CHINESE: dict[str, Range | Presence] = {
    "eye_size": Range("眼睛", "小", "大", "非常小|极小", "非常大|巨大|超大", "不大不小|大小适中"),
    "eye_openness": Range("眼睛", "窄|细长", "张开|睁开", "闭着|紧闭", "睁得大大的|圆睁", "正常睁开"),
    "brow_thickness": Range(
        "眉毛", "细|稀疏|淡", "粗|浓|浓密", "非常细|特别淡|极细", "非常粗|特别浓|极浓", "粗细适中|浓淡适中"
    ),
    "brow_height": Range("眉毛", "低", "高|高挑", "非常低|极低", "非常高|极高", "高低适中|不高不低"),
    "nose_width": Range("鼻子", "窄", "宽", "非常窄|特别窄", "非常宽|特别宽", "不宽不窄|宽窄适中"),
    "nose_length": Range("鼻子", "短", "长", "非常短|特别短", "非常长|特别长", "不长不短|长度适中"),
    "face_width": Range("脸", "窄|瘦", "宽", "非常窄|特别瘦", "非常宽|特别宽", "不宽不窄|宽窄适中"),
    "chin_length": Range("下巴", "短", "长|尖", "非常短|极短", "非常长|特别长", "不长不短|长度适中"),
    "cheek_fullness": Range(
        "脸颊|面颊", "凹陷|消瘦", "丰满|饱满|圆润", "非常凹陷|十分消瘦", "非常丰满|特别饱满", "胖瘦适中|不胖不瘦"
    ),
    "lip_fullness": Range("嘴唇", "薄", "厚|丰满", "非常薄|极薄", "非常厚|特别厚", "不厚不薄|厚薄适中"),
    "mouth_width": Range("嘴巴", "小|窄", "大|宽", "非常小|特别窄", "非常大|特别宽", "不宽不窄|宽窄适中"),
    "smile": Presence(
        "没有笑容|不笑",
        "有点微笑|一点笑容|一丝微笑|微微一笑",
        "适中的笑容|中等的笑容",
        "微笑|笑容",
        "灿烂的笑容|大大的笑容|开怀大笑",
    ),
    "mouth_open": Presence(
        "闭着的嘴|闭着嘴", "微微张开的嘴|稍微张开的嘴", "半张的嘴", "张开的嘴|张着嘴", "大张的嘴|张大的嘴"
    ),
    "hair_length": Range("头发", "短", "长", "非常短|极短", "非常长|超长|及腰", "不长不短|齐肩|中长"),
    "hair_curl": Range("头发", "直|顺直", "卷|卷曲", "非常直|极直", "非常卷|特别卷", "大波浪|微卷"),
    "fringe": Presence(
        "没有刘海", "有点刘海|一点刘海", "中等的刘海|适中的刘海", "刘海", "厚厚的刘海|浓密的刘海|非常长的刘海"
    ),
    "hair_lightness": Range("头发", "深色|深", "浅色|浅", "黑色|乌黑|黑", "非常浅|铂金色|白色", "深浅适中|浅棕色"),
    "hair_redness": Presence(
        "不红的头发",
        "偏红的头发|微红的头发|有点红的头发",
        "适度红的头发",
        "红头发|红色的头发",
        "火红的头发|非常红的头发",
    ),
    "beard": Presence(
        "没有胡须|没有络腮胡",
        "有点胡须|一点胡须|胡茬",
        "中等的胡须|适中的胡须",
        "胡须|络腮胡",
        "浓密的胡须|大胡子|非常浓的胡须",
    ),
    "moustache": Presence(
        "没有小胡子|没有八字胡",
        "有点小胡子|淡淡的八字胡",
        "中等的八字胡|适中的小胡子",
        "小胡子|八字胡",
        "浓密的八字胡|浓浓的小胡子",
    ),
    "glasses": Presence("没有眼镜|不戴眼镜", "细框眼镜|无框眼镜", "中等的眼镜", "眼镜", "粗框眼镜|黑框眼镜"),
    "hat": Presence("没有帽子|不戴帽子", "小帽子|毛线帽", "中等的帽子", "帽子", "大帽子|宽檐帽"),
    "make_up": Presence("没有化妆|素颜", "淡妆|有点妆", "适中的妆容|中等的妆容", "化妆|妆容", "浓妆|非常浓的妆"),
    "age": Range("年纪", "年轻", "老|年老", "非常年轻|十分年轻", "非常老|高龄", "中年"),
}

SLIGHT: dict[Language, tuple[str, ...]] = {"en": ("slightly", "somewhat"), "zh": ("有点", "稍微", "略微", "有些")}
SLIGHT_BEHIND = ("a bit", "a little", "slightly", "somewhat")
"""English gradings where the quality stands behind "is"."""
SLIGHTLY_LOW: dict[str, dict[Language, str]] = {
    "eye_openness": {"en": "half-closed|squinting|narrowed", "zh": "半闭|眯着"},
    "hair_curl": {"en": "slightly wavy|gently wavy", "zh": "略带波浪"},
    "hair_lightness": {"en": "dark brown|chestnut", "zh": "深棕色|栗色"},
}
"""Where "slightly" before the low quality would mean something else."""


def grades_of(key: str, kind: Kind) -> tuple[float, float]:
    """Lowest and highest grade that a kind of wording may be used for."""
    if kind == "--" and ATTRIBUTES[INDEX[key]].kind == "presence":
        return ABSENT[:2]
    degree = {"": "plain", "~": "slight", "-": "strong", "+": "strong"}[kind[1:]] if kind != "0" else "middle"
    low, high, _ = range_of(key, -1 if kind[0] == "-" else 1, degree)  # pyright: ignore[reportArgumentType]
    return low, high


@functools.cache
def qualities(key: str, kind: Kind, language: Language) -> tuple[str, ...]:
    """Ways to say a range's kind as a quality: "big", "slightly wide"."""
    wording = (ENGLISH if language == "en" else CHINESE)[key]
    assert isinstance(wording, Range), f"{key} is a presence"
    if kind == "-~" and key in SLIGHTLY_LOW:
        return tuple(SLIGHTLY_LOW[key][language].split("|"))
    if kind[1:] == "~":
        words = (wording.low if kind[0] == "-" else wording.high).split("|")[:1]
        gap = " " if language == "en" else ""
        return tuple(f"{slight}{gap}{word}" for slight in SLIGHT[language] for word in words)
    text = {"--": wording.lowest, "-": wording.low, "0": wording.middle, "+": wording.high, "++": wording.highest}[kind]
    return tuple(text.split("|"))


def presence_phrases(key: str, kind: Kind, language: Language) -> tuple[str, ...]:
    """Ways to say a presence's kind; a presence has no "-" and "-~"."""
    wording = (ENGLISH if language == "en" else CHINESE)[key]
    assert isinstance(wording, Presence), f"{key} is a range"
    text = {"--": wording.absent, "+~": wording.slight, "0": wording.middle, "+": wording.plain, "++": wording.strong}
    return tuple(text[kind].split("|"))
