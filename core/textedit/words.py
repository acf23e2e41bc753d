"""A text to what is shown before drawing: chips of wishes, of words not understood, of contradictions, and commands.

The parser knows faces; this file adds the words that speak of the conversation itself: undo, less, more, back to the second
one, start again, in English and Chinese. Nothing that was typed is dropped: it is a chip, or the note says so.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from core.engine.attributes import ATTRIBUTES, INDEX
from core.engine.parser import Parsed, parse
from core.engine.wishes import Wish
from core.engine.wordings import Language
from core.textedit.vocabulary import LONGEST, cut_behind

LONGEST_TEXT = 600
"""Characters that are read."""
Action = Literal["undo", "less", "more", "back", "restart"]
Kind = Literal["wish", "command", "unknown", "dangling", "corrected", "contradiction", "left_out"]
SPOKEN_COMMANDS = (
    "撤销", "撤回", "取消", "返回", "上一步", "少一点", "多一点", "再少一点", "再多一点", "弱一点", "强一点", "重新开始", "重来",
    "从头开始", "回到第一个", "回到第二个", "回到第三个", "回到第四个", "回到第五个",
)  # fmt: skip
"""What people say in Chinese beside descriptions; the recogniser learns these as well."""
_POLITE = r"(?:please |now |ok |okay |and |then )*"
_END = r"(?: please| now)?"
_COMMANDS: tuple[tuple[Action, str], ...] = (
    ("undo", rf"{_POLITE}(?:undo(?: (?:that|it|this))?|take (?:that|it) back|never ?mind|go back|step back|revert){_END}"),
    ("undo", r"请?(?:撤销|撤回|取消|上一步|返回|退回|后退|回退)(?:一下|一步|吧)?"),
    ("restart", rf"{_POLITE}(?:start (?:again|over|anew)|reset|begin again|from the start|clear(?: all| everything)?){_END}"),
    ("restart", r"请?(?:重新开始|从头开始|重来|重置|从头来|全部清除)(?:一下|吧)?"),
    ("less", rf"{_POLITE}(?:a (?:bit|little) |much |even )?(?:less|weaker|not so (?:much|strong)|too much|milder)"
             rf"(?: of (?:that|it)| of this)?{_END}"),
    ("less", r"请?(?:再)?(?:少|弱|轻|淡)(?:一点|一些|点)儿?(?:吧)?|太(?:多|强|过)了|减弱(?:一点|一些)?"),
    ("more", rf"{_POLITE}(?:a (?:bit|little) |much |even |some )?(?:more|stronger|further|again)(?: of (?:that|it|this))?{_END}"),
    ("more", r"请?(?:再|更)?(?:多|强|明显)(?:一点|一些|点)儿?(?:吧)?|再来(?:一次|一点)?|加强(?:一点|一些)?|不够"),
)  # fmt: skip
_ORDINALS = {
    name: number
    for number, names in enumerate(
        (
            "first 1st one 1 一", "second 2nd two 2 二 两", "third 3rd three 3 三", "fourth 4th four 4 四",
            "fifth 5th five 5 五", "sixth 6th six 6 六", "seventh 7th seven 7 七", "eighth 8th eight 8 八",
            "ninth 9th nine 9 九", "tenth 10th ten 10 十",
        ),
        1,
    )
    for name in names.split()
}  # fmt: skip
_BACK = (
    rf"{_POLITE}(?:(?:go )?back to|return to|show(?: me)?|take) (?:the )?(?:number |version |picture )?(?P<which>\w+)"
    rf"(?: one| version| picture| face)?{_END}",
    r"请?(?:回到|返回|退回到|退到|换回|要|看)第(?P<which>[一二两三四五六七八九十]|\d+)(?:个|张|版|次|幅)(?:吧)?",
)
_CLAUSE = re.compile(r"[^,;，；。!！?？\n]+")


@dataclass(frozen=True)
class Command:
    """What is to be done with the conversation."""

    action: Action
    number: int = 0
    """Which picture ``back`` goes to, the first being 1."""
    text: str = ""


@dataclass(frozen=True)
class Chip:
    """One thing that was understood, or not, as it is shown to the person."""

    kind: Kind
    english: str
    chinese: str
    text: str
    """The words that it comes from."""


@dataclass(frozen=True)
class Understood:
    """A whole text."""

    text: str
    """What is to be drawn by: the text without its commands."""
    wishes: tuple[Wish, ...]
    commands: tuple[Command, ...]
    chips: tuple[Chip, ...]
    contradictions: tuple[tuple[Wish, Wish], ...]

    @property
    def can_draw(self) -> bool:
        """Whether there is something to draw, and nothing in it that cannot be had together."""
        return bool(self.wishes) and not self.contradictions

    def note(self, language: Language = "en") -> str:
        """One sentence for the person where nothing can be drawn; empty where something can."""
        chinese = language == "zh"
        if self.contradictions:
            one, other = (_name(wish, language) for wish in self.contradictions[0])
            return f"“{one}”和“{other}”不能同时满足，请去掉一个。" if chinese else (
                f"“{one}” and “{other}” cannot be had together; take one of them out."
            )  # fmt: skip
        if self.wishes or self.commands:
            return ""
        strange = [chip.text[:24] for chip in self.chips if chip.kind in {"unknown", "dangling"}]
        if strange:
            words = ("、" if chinese else ", ").join(strange[:5])
            return f"没有听懂：{words}。可以说：大眼睛，长头发。" if chinese else (
                f"Not understood: {words}. Say for example: big eyes, long hair."
            )  # fmt: skip
        return (
            "请说出想要的样子，例如：大眼睛，长头发。"
            if chinese
            else ("Say what the face should be like, for example: big eyes, long hair.")
        )


def understand(text: str) -> Understood:
    """Wishes, commands and everything that was not understood."""
    read = text[: min(LONGEST_TEXT, cut_behind(text[:LONGEST_TEXT], LONGEST))]
    commands: list[Command] = []
    left = list(read)
    for clause in _CLAUSE.finditer(read):
        command = read_command(clause.group())
        if command is not None:
            commands.append(command)
            left[clause.start() : clause.end()] = " " * (clause.end() - clause.start())
    wanted = "".join(left)
    if commands and not any(letter.isalnum() for letter in wanted):
        wanted = ""
    parsed = parse(wanted)
    chips = [Chip("command", *_name_command(command), command.text) for command in commands] + list_chips(
        parsed, wanted
    )
    if len(text) > len(read):
        rest = len(text) - len(read)
        chips.append(Chip("left_out", f"{rest} more characters left out", f"后面 {rest} 个字没有读", text[len(read) :]))
    left_over = wanted.strip().strip(",;，；、") if commands else wanted  # what stood beside a command
    return Understood(left_over.strip(), parsed.wishes, tuple(commands), tuple(chips), parsed.contradictions)


def read_command(clause: str) -> Command | None:
    """The command that a clause is, as a whole; None where it speaks of the face."""
    said = " ".join(clause.strip().lower().rstrip(".").split())
    for action, pattern in _COMMANDS:
        if re.fullmatch(pattern, said):
            return Command(action, text=clause.strip())
    for pattern in _BACK:
        found = re.fullmatch(pattern, said)
        if found and found["which"] in _ORDINALS:
            return Command("back", _ORDINALS[found["which"]], clause.strip())
        if found and found["which"].isdigit() and 0 < int(found["which"]) < 1000:
            return Command("back", int(found["which"]), clause.strip())
    return None


def list_chips(parsed: Parsed, text: str) -> list[Chip]:
    """What the parser found, in the order of the text."""
    found: list[tuple[int, Chip]] = []
    for wish in parsed.wishes:
        chip = Chip("wish", _name(wish, "en"), _name(wish, "zh"), text[wish.start : wish.end])
        found.append((wish.start, chip))
    found += [(one.start, Chip("unknown", f"{one.text}?", f"{one.text}？", one.text)) for one in parsed.unknown]
    found += [
        (one.start, Chip("dangling", f"{one.text} … of what?", f"{one.text}……什么？", one.text))
        for one in parsed.dangling
    ]
    for typed, read_as in parsed.corrections:
        chip = Chip("corrected", f"{typed.text} → {read_as}", f"{typed.text} → {read_as}", typed.text)
        found.append((typed.start, chip))
    chips = [chip for _, chip in sorted(found, key=lambda pair: pair[0])]
    for one, other in parsed.contradictions:
        both = text[one.start : one.end] + " / " + text[other.start : other.end]
        names = [f"{_name(one, tongue)} ≠ {_name(other, tongue)}" for tongue in ("en", "zh")]
        chips.append(Chip("contradiction", names[0], names[1], both))
    return chips


def _name(wish: Wish, language: Language) -> str:
    """A wish in a few words: "eye size ↑", "eye size 85 %"."""
    attribute = ATTRIBUTES[INDEX[wish.key]]
    thing = attribute.chinese if language == "zh" else attribute.english
    if wish.target is None:
        arrow = ("↓", "·", "↑")[wish.direction + 1]
        return f"{thing} {arrow * (1 if wish.step < 0.25 else 2 if wish.step < 0.45 else 3)}"
    if attribute.kind == "presence" and wish.high <= 0.2:
        return f"没有{thing}" if language == "zh" else f"no {thing}"
    return f"{thing} {round(100 * wish.target)} %"


def _name_command(command: Command) -> tuple[str, str]:
    """A command in both languages."""
    names = {
        "undo": ("undo", "撤销"),
        "less": ("less", "少一点"),
        "more": ("more", "多一点"),
        "back": (f"back to {command.number}", f"回到第 {command.number} 个"),
        "restart": ("start again", "重新开始"),
    }
    return names[command.action]
