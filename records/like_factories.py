"""Find factories that may be one, written in two ways by two lists.

"Liutan International (Cambodia) Co.,Ltd" and "Liutan International(Cambodia) Co." are two
records where no number tells that they are one. Nothing is merged: the account of an import
names such pairs, and a person looks at them.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations
from math import cos, hypot, isnan, radians

import sqlalchemy as sa
from rapidfuzz import fuzz

from records.schema import RECORDS

__all__ = ["Factory", "count_like_factories", "find_like_factories"]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


LEGAL_WORDS = _words(
    "co ltd limited company corp corporation inc plc pte pvt private single member cambodia "
    "kampuchea kh the"
)
TRADE_WORDS = _words(
    "garment garments apparel textile textiles manufacturing manufacture factory fty industry "
    "industries industrial enterprise enterprises ent international group clothing footwear "
    "shoes knitting fashion"
)
LIKE_NAME = 85.0  # of 100
LIKE_WORD, LIKE_CORE = 80.0, 95.0  # of a word that is no trade; of all of them without blanks
LIKE_NAME_NEAR = 80.0  # at the same place
NEAR_M = 100.0
METRES_PER_DEGREE = 111_195.0
CELL_DEGREES = 0.002  # more than twice `NEAR_M`
PREFIX = 4  # letters by which words are looked up
MOST_ALIKE = 200  # records with one beginning of a word: more, and it tells nothing
MAX_NAMED, MAX_NAME = 3, 40  # pairs and characters in a note


@dataclass(frozen=True, slots=True)
class Factory:
    """What a factory is known by."""

    factory_id: str
    name: str
    lon: float  # degrees, NaN where not known
    lat: float


def find_like_factories(factories: list[Factory]) -> list[tuple[int, int]]:
    """Return the pairs that may be one factory, as places in the list, ascending.

    Their names are alike without legal forms, or they lie within 100 m of each other under
    names that are somewhat alike.
    """
    words = [_split(one.name) for one in factories]
    pairs = {pair for block in _list_blocks(factories, words) for pair in combinations(block, 2)}
    return sorted(pair for pair in pairs if _may_be_one(factories, words, *pair))


def _split(name: str) -> tuple[str, ...]:
    """Return the words of a name, without the legal form and the country."""
    text = unicodedata.normalize("NFKC", name).casefold()
    words = re.findall(r"\w+", text)
    return tuple(word for word in words if word not in LEGAL_WORDS) or tuple(words)


def _list_blocks(factories: list[Factory], words: list[tuple[str, ...]]) -> Iterator[list[int]]:
    """Yield groups of factories that are worth comparing."""
    by_word: dict[str, list[int]] = defaultdict(list)
    by_cell: dict[tuple[int, int], list[int]] = defaultdict(list)
    for at, (one, own) in enumerate(zip(factories, words, strict=True)):
        telling = [word for word in own if word not in TRADE_WORDS] or own
        for prefix in {word[:PREFIX] for word in (*telling, "".join(telling))}:
            by_word[prefix].append(at)
        if not isnan(one.lon):
            east, north = int(one.lon // CELL_DEGREES), int(one.lat // CELL_DEGREES)
            for cell in ((east + i, north + j) for i in (0, 1) for j in (0, 1)):
                by_cell[cell].append(at)  # two within 100 m share a corner
    for block in (*by_word.values(), *by_cell.values()):
        if 1 < len(block) <= MOST_ALIKE:
            yield block


def _may_be_one(
    factories: list[Factory], words: list[tuple[str, ...]], one: int, other: int
) -> bool:
    name, other_name = " ".join(words[one]), " ".join(words[other])
    likeness = fuzz.token_sort_ratio(name, other_name)
    if likeness >= LIKE_NAME:
        cores = [[word for word in words[at] if word not in TRADE_WORDS] for at in (one, other)]
        if _are_cores_alike(*sorted(cores, key=len)) or likeness == 100:
            return True
    is_near = _measure(factories[one], factories[other]) <= NEAR_M
    return is_near and fuzz.token_set_ratio(name, other_name) >= LIKE_NAME_NEAR


def _are_cores_alike(short: list[str], long: list[str]) -> bool:
    """Tell whether each telling word of the shorter name is in the other, perhaps misspelt."""
    if not short:
        return False
    is_each_there = all(
        max(fuzz.ratio(word, other) for other in long) >= LIKE_WORD for word in short
    )
    return is_each_there or fuzz.ratio("".join(short), "".join(long)) >= LIKE_CORE


def _measure(one: Factory, other: Factory) -> float:
    """Return how far apart two factories are [m], NaN where a place is not known."""
    east = (one.lon - other.lon) * cos(radians(one.lat if not isnan(one.lat) else 0.0))
    return METRES_PER_DEGREE * hypot(east, one.lat - other.lat)


def count_like_factories(
    connection: sa.Connection, area: str, record_ids: Iterable[str]
) -> Counter[str]:
    """Return a note on the factories of a file that may be others of the records, or none.

    Parameters
    ----------
    connection, area
        Where the records are, those of the file among them.
    record_ids
        Records that the file holds.
    """
    table = RECORDS["factory"]
    columns = (table.c.record_id, table.c.factory_id, table.c.name, table.c.lon, table.c.lat)
    query = sa.select(*columns).where(table.c.area == area).order_by(table.c.factory_id)
    rows = connection.execute(query).all()
    factories = [
        Factory(key, name, *(float("nan") if one is None else one for one in place))
        for _, key, name, *place in rows
    ]
    own = set(record_ids)
    is_own = [row[0] in own for row in rows]
    pairs = [
        (factories[one], factories[other])
        for one, other in find_like_factories(factories)
        if is_own[one] or is_own[other]
    ]
    if not pairs:
        return Counter()
    first = "; ".join(f"{_name(one)} and {_name(other)}" for one, other in pairs[:MAX_NAMED])
    more = "; …" if len(pairs) > MAX_NAMED else ""
    text = f"pairs of factories that may be one, kept apart until a person looks ({first}{more})"
    return Counter({text: len(pairs)})


def _name(one: Factory) -> str:
    return f"{one.factory_id[:MAX_NAME]} {' '.join(one.name.split())[:MAX_NAME]!r}"
