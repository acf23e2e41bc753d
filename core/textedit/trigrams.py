"""What people say in English of a face, as a trigram model in ARPA's form, which is what the offline decoder expects to hear.

Chinese goes another way (speech_model.py). The corpus is requests, a few descriptions and the commands of a conversation.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from core.engine.captions import write_corpus
from core.textedit.requests import draw_request

REQUESTS, CAPTIONS = 2_000, 400
COMMANDS_EVERY = 40
"""How many times each command is in the corpus."""
SPOKEN_COMMANDS = (
    "undo", "undo that", "take that back", "go back", "less", "a bit less", "a little less", "more", "a bit more",
    "a little more", "start again", "start over", "back to the first one", "back to the second one",
    "back to the third one", "back to the fourth one", "back to the fifth one",
)  # fmt: skip
DISCOUNT = 0.6
"""Taken from every count and shared out among what was never said (absolute discounting, Ney 1994)."""
START, END = "<s>", "</s>"
Words = tuple[str, ...]


def say_corpus() -> Iterator[str]:
    """Everything that is expected to be said, one utterance each."""
    for seed in range(REQUESTS):
        yield draw_request(seed, "en").text
    for text in write_corpus(CAPTIONS, "en"):
        yield from re.split(r"[.,;/]", text)
    for command in SPOKEN_COMMANDS:
        yield from [command] * COMMANDS_EVERY


def hear_words(text: str) -> list[str]:
    """A text as a decoder's dictionary spells it."""
    return re.findall(r"[a-z']+", text.lower().replace("-", " "))


class Trigrams:
    """Counts of words after none, one and two others, discounted and backing off."""

    def __init__(self, texts: Iterable[str]) -> None:
        counts: list[Counter[Words]] = [Counter(), Counter(), Counter()]
        for text in texts:
            words = hear_words(text)
            row = [START, *words, END] if words else []
            for order in range(3):
                counts[order].update(tuple(row[at : at + order + 1]) for at in range(len(row) - order))
        counts[0].pop((START,), None)
        self._likely: list[dict[Words, float]] = []
        self._left: list[dict[Words, float]] = []
        """By history: how much is left for what was never said after it, already over what the shorter history gives."""
        whole = sum(counts[0].values())
        self._likely.append({words: count / whole for words, count in counts[0].items()})
        for order in (1, 2):
            self._discount(counts[order])

    def _discount(self, counts: Counter[Words]) -> None:
        after: dict[Words, dict[str, int]] = defaultdict(dict)
        for words, count in counts.items():
            after[words[:-1]][words[-1]] = count
        likely: dict[Words, float] = {}
        left: dict[Words, float] = {}
        for history, seen in after.items():
            whole = sum(seen.values())
            likely |= {(*history, word): (count - DISCOUNT) / whole for word, count in seen.items()}
            shorter = sum(self.weigh((*history[1:], word)) for word in seen)
            left[history] = DISCOUNT * len(seen) / whole / max(1.0 - shorter, 1e-6)
        self._likely.append(likely)
        self._left.append(left)

    def weigh(self, words: Words) -> float:
        """How likely the last word is after those before it; 0 for a word that was never said."""
        order = len(words) - 1
        if words in self._likely[order]:
            return self._likely[order][words]
        if order == 0:
            return 0.0
        return self._left[order - 1].get(words[:-1], 1.0) * self.weigh(words[1:])

    def write(self) -> str:
        """The model in ARPA's form."""
        orders = [dict(rows) for rows in self._likely]
        orders[0][START,] = 1e-99
        lines = ["\\data\\", *(f"ngram {place}={len(rows)}" for place, rows in enumerate(orders, 1)), ""]
        for place, rows in enumerate(orders):
            lines.append(f"\\{place + 1}-grams:")
            for words, share in sorted(rows.items()):
                behind = self._left[place].get(words) if place < 2 else None
                back = "" if behind is None else f" {math.log10(max(behind, 1e-9)):.4f}"
                lines.append(f"{math.log10(share):.4f} {' '.join(words)}{back}")
            lines.append("")
        return "\n".join([*lines, "\\end\\", ""])


def write_trigrams(path: Path) -> Path:
    """The model as a file, made once; it appears whole or not at all."""
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.partial")
        partial.write_text(Trigrams(say_corpus()).write(), encoding="ascii")
        partial.replace(path)
    return path
