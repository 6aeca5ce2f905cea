"""Rate how alike two names of places are."""

from __future__ import annotations

from functools import lru_cache

from rapidfuzz import fuzz

from records.place_names import is_khmer, list_qualifiers, simplify_place, spell_plainly

__all__ = ["HEARD_ALIKE", "OTHER_QUALIFIER", "rate_names"]

HEARD_ALIKE = 97.0  # of 100: the same sounds in other letters
OTHER_QUALIFIER = 15.0  # what is taken off when one is east or 2, and the other is not


@lru_cache(maxsize=100_000)
def rate_names(one: str, other: str) -> float:
    """Return 0 to 100; 100 is the same words, 97 the same sounds.

    Names in different scripts are not compared: 0.
    """
    plain, other_plain = "".join(simplify_place(one)), "".join(simplify_place(other))
    if not plain or not other_plain or is_khmer(plain) != is_khmer(other_plain):
        return 0.0
    if plain == other_plain:
        return 100.0
    spelt = HEARD_ALIKE / 100 * fuzz.ratio(spell_plainly(one), spell_plainly(other))
    alike = max(HEARD_ALIKE / 100 * fuzz.ratio(plain, other_plain), spelt)
    is_told_apart = list_qualifiers(one) != list_qualifiers(other)
    return float(max(0.0, alike - OTHER_QUALIFIER * is_told_apart))
