"""The parser's words: reading the lexicon file, and cutting English, Chinese or mixed text into words.

What the words mean together is ``parser.py``.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path

LEXICON_FILE = Path(__file__).resolve().parents[2] / "assets" / "words" / "lexicon.txt"
LONGEST_ENGLISH_ENTRY = 5
"""Words in the longest English entry that is looked for."""
LONGEST_CHINESE_ENTRY = 9
_UNKNOWN_COST, _WORD_COST = 10.0, 1.0
_PIECE = re.compile(r"[a-z]+(?:'[a-z]+)?|\d+|[\u3400-\u9fff]|[^\sa-z\d\u3400-\u9fff]")
_CHINESE_DIGITS = "零一二三四五六七八九"
_CHINESE_NUMBER = re.compile(r"[一二三四五六七八九]?十[一二三四五六七八九]?(?=岁)")


@dataclass(frozen=True)
class Sense:
    """What one entry means: a category and its arguments, as a line of the lexicon has them."""

    category: str
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True)
class Token:
    """A stretch of text and what it means; ``sense`` is None for a word that is not known."""

    text: str
    sense: Sense | None
    start: int
    end: int
    read_as: str | None = None
    """The entry that a misspelt word was taken for."""


@dataclass(frozen=True)
class Lexicon:
    """Entries by wording; English ones are words joined by single blanks."""

    senses: dict[str, Sense]
    single_words: tuple[str, ...]
    """English entries of one word, long enough to be meant by a misspelling."""


@functools.cache
def load_lexicon() -> Lexicon:
    """The lexicon that ships; the first entry of a wording wins."""
    senses: dict[str, Sense] = {}
    for line in LEXICON_FILE.read_text(encoding="utf-8").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        head, _, words = line.partition(":")
        category, *arguments = head.split()
        for word in re.findall(r'"[^"]+"|[^,\s][^,]*', words):
            senses.setdefault(word.strip().strip('"'), Sense(category, tuple(arguments)))
    asking = {"noun", "adjective", "value", "tint", "degree", "after"}
    singles = sorted(
        word for word, sense in senses.items() if re.fullmatch(r"[a-z]{5,}", word) and sense.category in asking
    )
    return Lexicon(senses, tuple(singles))


def normalise_text(text: str) -> str:
    """Lower case, full-width to half-width, curly apostrophes straightened, length kept so that spans stay true."""
    out: list[str] = []
    for character in text:
        folded = unicodedata.normalize("NFKC", character).lower()
        out.append("'" if character in "’‘`" else folded if len(folded) == 1 else character)
    return "".join(out)


def cut_text(text: str) -> list[Token]:
    """Tokens in order; neighbouring unknown Chinese characters come as one token."""
    normal = normalise_text(text)
    pieces = [(match.group(), match.start(), match.end()) for match in _PIECE.finditer(normal)]
    tokens: list[Token] = []
    position = 0
    for number in _CHINESE_NUMBER.finditer(normal):
        before = [piece for piece in pieces if position <= piece[1] and piece[2] <= number.start()]
        tokens += _cut_pieces(before, text)
        tokens.append(Token(number.group(), Sense("number", (str(_read_number(number.group())),)), *number.span()))
        position = number.end()
    return tokens + _cut_pieces([piece for piece in pieces if piece[1] >= position], text)


def _read_number(text: str) -> int:
    tens, _, units = text.partition("十")
    return 10 * (_CHINESE_DIGITS.index(tens) if tens else 1) + (_CHINESE_DIGITS.index(units) if units else 0)


def _cut_pieces(pieces: list[tuple[str, int, int]], text: str) -> list[Token]:
    """The cheapest way to cut: fewest unknown pieces, then fewest and longest entries (dynamic programming)."""
    count = len(pieces)
    best: list[tuple[float, int, Sense | None]] = [(0.0 if end == 0 else 1e9, 0, None) for end in range(count + 1)]
    for end in range(1, count + 1):
        for begin in range(max(0, end - LONGEST_CHINESE_ENTRY), end):
            sense, cost = _look_up(pieces[begin:end])
            if sense is None and end - begin > 1:
                continue
            # a tie goes to the shorter last entry: of 稍微卷, 稍微 is one word
            if best[begin][0] + cost <= best[end][0] + 1e-9:
                best[end] = (best[begin][0] + cost, begin, sense)
    spans: list[tuple[int, int, Sense | None]] = []
    end = count
    while end > 0:
        spans.append((best[end][1], end, best[end][2]))
        end = best[end][1]
    return _name_tokens(list(reversed(spans)), pieces, text)


def _look_up(pieces: list[tuple[str, int, int]]) -> tuple[Sense | None, float]:
    words = [piece[0] for piece in pieces]
    if len(words) == 1 and words[0].isdigit():
        return Sense("number", (words[0],)), _WORD_COST
    chinese = not words[0].isascii() and not words[-1].isascii()
    if not chinese:
        words = [word for word in words if word != "-"] if words[0] != "-" and words[-1] != "-" else words
        if len(words) > LONGEST_ENGLISH_ENTRY or (len(words) > 1 and pieces[-1][2] - pieces[0][1] > 60):
            return None, _UNKNOWN_COST
    if chinese and pieces[-1][2] - pieces[0][1] > len(words):
        return None, _UNKNOWN_COST
    wording = "".join(words) if chinese else " ".join(words)
    sense = load_lexicon().senses.get(wording)
    if sense is None and not chinese and len(words) == 1 and len(wording) > 3 and wording.endswith("'s"):
        sense = load_lexicon().senses.get(wording[:-2])
    return (None, _UNKNOWN_COST) if sense is None else (sense, _WORD_COST)


def _name_tokens(
    spans: list[tuple[int, int, Sense | None]], pieces: list[tuple[str, int, int]], text: str
) -> list[Token]:
    tokens: list[Token] = []
    for begin, end, sense in spans:
        first, last = pieces[begin][1], pieces[end - 1][2]
        word = pieces[begin][0]
        if word == "-" and end - begin == 1 and 0 < begin < len(pieces) - 1:
            continue
        if sense is None and word.isascii() and word.isalpha():
            meant = correct_word(word)
            corrected = load_lexicon().senses[meant] if meant else None
            tokens.append(Token(text[first:last], corrected, first, last, meant))
        elif sense is None and not word.isalnum():
            tokens.append(Token(text[first:last], Sense("comma"), first, last))
        elif sense is None and tokens and tokens[-1].sense is None and tokens[-1].end == first and not word.isascii():
            tokens[-1] = Token(text[tokens[-1].start : last], None, tokens[-1].start, last)
        else:
            tokens.append(Token(text[first:last], sense, first, last))
    return tokens


@functools.lru_cache(maxsize=4096)
def correct_word(word: str) -> str | None:
    """The known word of five letters or more that is one slip away; None if there is none, or several of different meaning."""
    if len(word) < 4:
        return None
    lexicon = load_lexicon()
    near = [known for known in lexicon.single_words if abs(len(known) - len(word)) <= 1 and _one_slip(word, known)]
    if not near or len({lexicon.senses[known] for known in near}) > 1:
        return None
    return near[0]


def _one_slip(typed: str, known: str) -> bool:
    """One letter added, lost, changed, or two neighbours swapped (Damerau 1964)."""
    start = 0
    while start < min(len(typed), len(known)) and typed[start] == known[start]:
        start += 1
    rest_typed, rest_known = typed[start:], known[start:]
    if len(typed) == len(known):
        # one letter for another makes too many short words out of others: paper, paler
        changed = len(typed) > 5 and rest_typed[1:] == rest_known[1:]
        swapped = rest_typed[1:2] + rest_typed[:1] + rest_typed[2:]
        return changed or swapped == rest_known
    return rest_typed[1:] == rest_known if len(typed) > len(known) else rest_known[1:] == rest_typed
