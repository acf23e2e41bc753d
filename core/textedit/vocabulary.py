"""The text encoder's and the captioner's words by number: a few signs, then the lines of the vocabulary file."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from core.engine.captions import split_words
from core.engine.wordings import Language

FILE = Path(__file__).resolve().parents[2] / "assets" / "words" / "vocabulary.txt"
PAD, START_ENGLISH, START_CHINESE, END, UNKNOWN, COMMA = range(6)
SIGNS = ("<pad>", "<start>", "<start zh>", "<end>", "<unknown>", "<,>")
STARTS: dict[Language, int] = {"en": START_ENGLISH, "zh": START_CHINESE}
LONGEST = 64
"""Words of a text that are read; what comes behind is told to the person as left out."""
_CLAUSES = re.compile(r"[,;，；。、/]|\.(?:\s|$)")


@functools.cache
def load_words() -> tuple[str, ...]:
    """Every word; its place is its number."""
    return SIGNS + tuple(line for line in FILE.read_text(encoding="utf-8").splitlines() if line)


@functools.cache
def _numbers() -> dict[str, int]:
    return {word: number for number, word in enumerate(load_words())}


def number_words(text: str, most: int = LONGEST) -> list[int]:
    """A text as numbers; a word that is not known keeps its place as ``<unknown>``, clauses are told apart by ``<,>``."""
    numbers: list[int] = []
    for clause in _CLAUSES.split(text):
        found = [_numbers().get(word, UNKNOWN) for word in split_words(clause)]
        numbers += ([COMMA] if numbers and found else []) + found
    return numbers[:most]


def cut_behind(text: str, most: int = LONGEST) -> int:
    """How many characters of a text hold ``most`` words: whole clauses, or as much as fits of a first one that is longer."""
    kept = 0
    for found in _CLAUSES.finditer(text + ","):
        if len(number_words(text[: found.start()], most + 1)) > most:
            break
        kept = min(found.end(), len(text))
    if kept or len(number_words(text, most + 1)) <= most:
        return kept or len(text)
    low, high = 0, len(text)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if len(number_words(text[:middle], most + 1)) <= most else (low, middle)
    return low


def read_numbers(numbers: Iterable[int], language: Language) -> str:
    """Numbers as a sentence, up to ``<end>``."""
    words = load_words()
    out: list[str] = []
    for number in numbers:
        if number == END:
            break
        if number >= len(SIGNS):
            out.append(words[number])
        elif number == COMMA:
            out.append("，" if language == "zh" else ",")
    joined = ("" if language == "zh" else " ").join(out)
    return joined.replace(" ,", ",")


def stack_texts(texts: Sequence[Sequence[int]], least: int = 1) -> Tensor:
    """Numbered texts as one (N, longest) table, padded behind."""
    length = max(least, *(len(text) for text in texts)) if texts else least
    table = torch.full((len(texts), length), PAD, dtype=torch.int64)
    for row, text in zip(table, texts, strict=True):
        row[: len(text)] = torch.tensor(list(text), dtype=torch.int64)
    return table


def stack_sentences(texts: Sequence[str], languages: Sequence[Language]) -> Tensor:
    """Sentences from their start sign to ``<end>``, as the captioner learns them."""
    return stack_texts(
        [[STARTS[language], *number_words(text), END] for text, language in zip(texts, languages, strict=True)]
    )
