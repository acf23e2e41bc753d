"""What one group of words means: a thing ("eyes") with its qualities ("big"), gradings ("a bit") and denials ("no").

``parser.py`` tries groups and keeps the cheapest; here a group is priced and read.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from core.engine.lexicon import Sense
from core.engine.things import ALONE, AMOUNTS, EMPHATIC_SHUT, HOMES, MIDDLES, OF_HAIR, PRESENCES, QUALITIES
from core.engine.wishes import STEPS, Degree, Wish, ask, compare, value


@dataclass(frozen=True)
class Item:
    """A word with meaning, and what stood between it and the item before."""

    sense: Sense
    text: str
    start: int
    end: int
    joint: str = ""
    between: frozenset[str] = frozenset()
    strange: bool = False
    """Whether an unknown word stood there too."""

    @property
    def category(self) -> str:
        return self.sense.category

    @property
    def chinese(self) -> bool:
        return not self.text.isascii()


@dataclass(frozen=True)
class Reading:
    """A group's meaning and price."""

    cost: float
    wishes: tuple[Wish, ...] = ()
    unbound: tuple[Item, ...] = ()


@dataclass
class Quality:
    """A quality or a thing with what grades it."""

    item: Item
    place: int
    degree: Degree = "plain"
    compared: int = 0
    """+1 "more", -1 "less", 0 not a comparative."""
    denied: bool = False
    spans: list[Item] = field(default_factory=list)


def read_group(items: list[Item]) -> Reading | None:
    """The meaning of these neighbours taken together; None where they cannot be one group."""
    things = [place for place, item in enumerate(items) if item.category == "noun"]
    if len(things) > 1 and not _joined_things(items, things):
        return None
    cost = sum(_joint_cost(item) for item in items[1:]) + _sides_cost(items, things)
    qualities, none_items, loose, extra = _attach_gradings(items)
    cost += extra
    if not things:
        return _read_without_thing(qualities, none_items, loose, items, cost)
    total = Reading(0.0 if _shared_denial(items, things) else cost + 0.4 * (len(things) - 1))
    for place in things:
        noun = next(quality for quality in qualities if quality.place == place)
        others = [quality for quality in qualities if quality.item.category != "noun"]
        part = _read_thing(noun, others, none_items)
        total = Reading(total.cost + part.cost, total.wishes + part.wishes, total.unbound + part.unbound)
    return replace(total, cost=total.cost + 1.0 * len(loose), unbound=total.unbound + tuple(loose))


def _joint_cost(item: Item) -> float:
    cost = {"": 0.0, "blank": 0.4, "comma": 1.5, "list": 1.2, "and": 0.5, "or": 0.5, "with": 1.2}[item.joint]
    cost += 0.3 * item.strange + (0.8 if "person" in item.between else 0.0)
    return cost


def _sides_cost(items: list[Item], things: list[int]) -> float:
    """Qualities on both sides of a thing, or behind it without "is", are a little unlikely."""
    if not things:
        return 0.0
    before = any(item.category in {"adjective", "value", "tint"} for item in items[: things[0]])
    behind = [item for item in items[things[-1] + 1 :] if item.category in {"adjective", "value", "tint"}]
    cost = 0.35 if before and behind else 0.0
    if behind and not behind[0].chinese and not behind[0].between & {"is", "are", "looks", "look", "be", "was", "were"}:
        cost += 0.1
    return cost


def _joined_things(items: list[Item], things: list[int]) -> bool:
    """Several things share qualities only as neighbours in a list: "big eyes and mouth"."""
    if things[-1] - things[0] != len(things) - 1:
        return False
    if things[0] > 0 and things[-1] < len(items) - 1:
        return False
    passable = {"his", "her", "their", "my", "any", "some"} | ({"the"} if _takes_away(items[0]) else set[str]())
    return all(items[place].joint in {"and", "or", "list"} and items[place].between <= passable for place in things[1:])


def _takes_away(item: Item) -> bool:
    return item.category == "adjective" and item.sense.arguments[0] == "gone"


def _shared_denial(items: list[Item], things: list[int]) -> bool:
    """ "No beard or glasses" denies both, "no beard and glasses" only the first."""
    if len(things) < 2 or len(items) != len(things) + 1 or not (items[0].category == "none" or _takes_away(items[0])):
        return False
    if any(items[place].sense.arguments[0] not in PRESENCES for place in things):
        return False
    whole = items[0].text.lower() == "without" or items[0].chinese or _takes_away(items[0])
    sharing = {"or", "list"} | ({"and"} if whole else set[str]())
    return all(items[place].joint in sharing for place in things[1:])


def _attach_gradings(items: list[Item]) -> tuple[list[Quality], list[Item], list[Item], float]:
    """Qualities and things with their gradings; the "no" words; gradings that found nothing; what the binding costs."""
    qualities: list[Quality] = []
    waiting: list[Item] = []
    none_items: list[Item] = []
    cost = 0.0
    for place, item in enumerate(items):
        if item.category in {"noun", "adjective", "value", "tint"}:
            bearer = Quality(item, place)
            if not (waiting and _leaves_gradings(items, place)):
                for grading in waiting:
                    _grade(bearer, grading, after=False)
                waiting = []
            qualities.append(bearer)
        elif item.category == "none":
            none_items.append(item)
        elif item.category == "after" and not waiting and not item.joint and _takes_behind(qualities, place):
            cost += _grade_behind(qualities[-1], item, items[place + 1 :])
        else:
            waiting.append(item)
    left, extra = _grade_leftover(waiting, qualities)
    return qualities, none_items, left, cost + extra


def _leaves_gradings(items: list[Item], place: int) -> bool:
    """Whether the item here is a thing like "eyes" that leaves "a bit" to the quality behind it."""
    item = items[place]
    if item.category != "noun" or item.sense.arguments[0] in PRESENCES:
        return False
    return any(other.category == "adjective" for other in items[place + 1 :]) and not any(
        other.category == "adjective" for other in items[:place]
    )


def _grade_leftover(waiting: list[Item], qualities: list[Quality]) -> tuple[list[Item], float]:
    """Gradings behind everything go to the last quality, or the last thing; what stays over, and the cost."""
    bearers = [quality for quality in qualities if quality.item.category != "noun"] or qualities
    left = [grading for grading in waiting if not bearers or grading.category == "not"]
    taken = [grading for grading in waiting if grading not in left]
    for grading in taken:
        _grade(bearers[-1], grading, after=True)
    return left, 0.3 * len(taken)


def _takes_behind(qualities: list[Quality], place: int) -> bool:
    """Whether the word just before is one that "a bit" can follow: a quality or a presence, not "eyes"."""
    if not qualities or qualities[-1].place != place - 1:
        return False
    item = qualities[-1].item
    return item.category != "noun" or item.sense.arguments[0] in PRESENCES


def _grade_behind(bearer: Quality, item: Item, rest: list[Item]) -> float:
    """ "长一点" is a comparative, "smile a bit" is not; either costs something where a thing follows that could take it."""
    _grade(bearer, item, after=True)
    taken = bool(rest) or bearer.item.category == "noun"
    return 0.2 if taken else 0.0


def _grade(bearer: Quality, grading: Item, after: bool) -> None:
    arguments = grading.sense.arguments
    bearer.spans.append(grading)
    if grading.category in {"degree", "after"}:
        bearer.degree = _degree(arguments[0])
        chinese_quality = after and grading.category == "after" and grading.chinese
        if chinese_quality and bearer.item.category == "adjective" and bearer.compared == 0:
            bearer.compared = 1
    elif grading.category == "more":
        bearer.compared = 1 if arguments[0] == "+" else -1
    elif grading.category == "not":
        bearer.denied = True


def _degree(word: str) -> Degree:
    assert word in STEPS, f"the lexicon grades with {word!r}"
    return word  # pyright: ignore[reportReturnType]


def _read_without_thing(
    qualities: list[Quality], none_items: list[Item], loose: list[Item], items: list[Item], cost: float
) -> Reading | None:
    """Words that say everything themselves ("bald", "curly", "young")."""
    if not qualities:
        return Reading(cost + 1.0 * len(items), (), tuple(items)) if len(items) <= 3 else None
    qualities = _strengthen_value(qualities)
    if len(qualities) > 1:
        return None
    quality = qualities[0]
    if none_items:
        quality.denied = True
        quality.spans += none_items
    wish = _read_alone(quality)
    if wish is None:
        return Reading(cost + 3.0 + 0.5 * (len(items) - 1), (), tuple(items))
    guessed = quality.item.category == "adjective" and quality.item.sense.arguments[0] in OF_HAIR
    price = 2.0 if guessed else 0.05 if quality.item.category == "value" else 0.6
    return Reading(cost + price, (wish,), tuple(loose))


def _strengthen_value(qualities: list[Quality]) -> list[Quality]:
    """In "a wide grin", wide says how much; the grin says it too."""
    values = [quality for quality in qualities if quality.item.category == "value"]
    if len(values) != 1 or HOMES.get(values[0].item.sense.arguments[0]) not in PRESENCES:
        return qualities
    amounts = [quality for quality in qualities if quality not in values]
    if any(
        quality.item.category != "adjective" or quality.item.sense.arguments[0] not in AMOUNTS for quality in amounts
    ):
        return qualities
    values[0].spans += [quality.item for quality in amounts]
    return values


def _read_alone(quality: Quality) -> Wish | None:
    arguments = quality.item.sense.arguments
    if quality.item.category == "value":
        return _spanned(_value_wish(quality), quality)
    key = (ALONE | OF_HAIR).get(arguments[0]) if quality.item.category == "adjective" else None
    return _spanned(_quality_wish(quality, key, 1), quality) if key else None


def _value_wish(quality: Quality) -> Wish:
    key, low, high, target = quality.item.sense.arguments
    if quality.compared:
        return compare(key, quality.compared if float(target) >= 0.5 else -quality.compared, quality.degree)
    return value(key, float(low), float(high), float(target), quality.denied)


def _quality_wish(quality: Quality, key: str, turn: int) -> Wish:
    """A wish from a graded quality of an attribute; ``turn`` is -1 where more of the quality is less of the attribute."""
    _, sign, kind = quality.item.sense.arguments
    direction = turn * {"+": 1, "-": -1, "0": 0}[sign]
    if kind == "middle":
        return ask(key, 0, "middle", quality.denied)
    if kind == "more":
        return compare(key, direction, quality.degree)
    if quality.compared:
        return compare(key, direction * quality.compared, quality.degree)
    degree = quality.degree if quality.degree != "plain" else kind
    if degree == "middle":
        return ask(key, 0, "middle", quality.denied)
    if quality.item.sense.arguments[0] == "shut" and degree == "plain":
        degree = EMPHATIC_SHUT
    return ask(key, direction, degree, quality.denied)  # pyright: ignore[reportArgumentType]


def _read_thing(noun: Quality, others: list[Quality], none_items: list[Item]) -> Reading:
    name = noun.item.sense.arguments[0]
    noun.spans += none_items
    if name in PRESENCES:
        return _read_presence(noun, others, bool(none_items))
    others = _widen_opening(others) if name in {"mouth", "eyes"} else others
    wishes: list[Wish] = []
    unbound: list[Item] = []
    for quality in others:
        quality.denied = quality.denied or bool(none_items)
        wish = _read_quality(name, quality)
        if wish is None:
            unbound.append(quality.item)
        else:
            wishes.append(_spanned(wish, quality, noun))
    if not others:
        bare = _read_bare(name, noun, bool(none_items))
        if bare is None:
            # "a face with ..." speaks of the whole person
            return Reading(2.0, (), () if name == "face" else (noun.item,))
        return Reading(0.3, (_spanned(bare, noun),))
    wishes = _merge_shades(wishes)
    return Reading(3.0 * len(unbound) + (2.0 if not wishes else 0.0), tuple(wishes), tuple(unbound))


def _merge_shades(wishes: list[Wish]) -> list[Wish]:
    """Two words for one attribute of one thing ("fiery red", "short cropped") mean what both allow."""
    merged: list[Wish] = []
    for wish in wishes:
        place = next((place for place, other in enumerate(merged) if other.key == wish.key), None)
        if place is None or wish.target is None or merged[place].target is None or wish.contradicts(merged[place]):
            merged.append(wish)
            continue
        other = merged[place]
        narrow = wish if wish.high - wish.low < other.high - other.low else other
        low, high = max(wish.low, other.low), min(wish.high, other.high)
        merged[place] = replace(
            narrow, low=low, high=high, start=min(wish.start, other.start), end=max(wish.end, other.end)
        )
    return merged


def _widen_opening(others: list[Quality]) -> list[Quality]:
    """In "open your mouth wide", wide says how far it opens."""
    opening = [quality for quality in others if quality.item.sense.arguments[0] == "open"]
    if len(opening) != 1:
        return others
    wide = [quality for quality in others if quality.item.sense.arguments[:2] in {("width", "+"), ("size", "+")}]
    if wide:
        opening[0].degree = "strong"
        opening[0].spans += [quality.item for quality in wide]
    return [quality for quality in others if quality not in wide]


def _read_bare(name: str, noun: Quality, none: bool) -> Wish | None:
    """Hair and years can be asked for by amount alone: "no hair", "more hair"."""
    key = {"hair": "hair_length", "years": "age"}.get(name)
    if key is None:
        return None
    if none or noun.denied:
        return value("hair_length", 0.0, 0.1, 0.0) if name == "hair" else None
    return compare(key, noun.compared, noun.degree) if noun.compared else None


def _read_quality(name: str, quality: Quality) -> Wish | None:
    """One quality of one thing; None where the thing has no such quality."""
    sense = quality.item.sense
    if sense.category in {"value", "tint"}:
        home = HOMES.get(sense.arguments[0])
        return _value_wish(quality) if name in {home, "hair_colour" if home == "hair" else home} else None
    dimension = sense.arguments[0]
    if dimension == "any":
        key = MIDDLES.get(name)
        return ask(key, 0, "middle", quality.denied) if key else None
    if dimension == "gone":
        return value("hair_length", 0.0, 0.1, 0.0) if name == "hair" else None
    if dimension == "put" or (name, dimension) not in QUALITIES:
        return None
    return _quality_wish(quality, *QUALITIES[name, dimension])


def _read_presence(noun: Quality, others: list[Quality], none: bool) -> Reading:
    """A thing that is there or not, more or less of it."""
    name = noun.item.sense.arguments[0]
    if none or noun.denied:
        noun.denied = True
    unbound: list[Item] = []
    beside: list[Wish] = []
    # red lipstick is make-up, no red hair
    allowed = AMOUNTS | {"gone", "put", "round", "curl"} | ({"red"} if name == "make_up" else set[str]())
    for quality in others:
        dimension = quality.item.sense.arguments[0]
        if quality.item.category == "value" and HOMES.get(dimension) == name:
            return Reading(0.0, (_spanned(_value_wish(quality), quality, noun),))
        if name == "curls" and HOMES.get(dimension) == "hair":
            beside.append(_spanned(_value_wish(quality), quality))
        elif (name, dimension) in QUALITIES and quality.item.category == "adjective":
            beside.append(_spanned(_quality_wish(quality, *QUALITIES[name, dimension]), quality))
        elif quality.item.category != "adjective" or dimension not in allowed:
            unbound.append(quality.item)
        else:
            _measure_presence(noun, quality)
    keys = PRESENCES[name]
    if noun.compared:
        wishes = [compare(key, noun.compared, noun.degree) for key in keys[:1]]
    elif noun.denied:
        wishes = [ask(key, -1) for key in keys]
    else:
        wishes = [ask(key, 1, noun.degree) for key in keys[:1]]
    spanned = tuple(_spanned(wish, noun, *others) for wish in wishes)
    return Reading(3.0 * len(unbound), (*beside, *spanned), tuple(unbound))


def _measure_presence(noun: Quality, quality: Quality) -> None:
    """How much of a presence a quality says there is: "a big beard", "the hat off", "a thicker fringe"."""
    dimension, sign, kind = quality.item.sense.arguments
    if dimension == "gone" or (quality.denied and not quality.compared):
        noun.denied = True
    if kind == "more" or quality.compared:
        noun.compared = (quality.compared or 1) * (-1 if sign == "-" else 1)
        noun.degree = quality.degree
    elif kind == "middle":
        noun.degree = "middle"
    elif dimension in AMOUNTS:
        weak = (sign == "-") != (dimension == "light")
        noun.degree = "slight" if weak or quality.degree == "slight" else "strong"


def _spanned(wish: Wish, *parts: Quality) -> Wish:
    spans = [part.item for part in parts] + [item for part in parts for item in part.spans]
    return replace(wish, start=min(item.start for item in spans), end=max(item.end for item in spans))
