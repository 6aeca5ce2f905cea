"""Bring names of villages, communes, districts and provinces to a form that compares well.

Khmer words have no one spelling in Latin letters: ភូមិ is Phum, Phumi or Poum. Latin names
are therefore compared by what is heard: doubled letters, h after a stop, and the common
ways to write a vowel fall together. Khmer names are compared letter by letter.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

__all__ = ["PLACE_COLUMNS", "is_khmer", "list_qualifiers", "simplify_place", "spell_plainly"]

PLACE_COLUMNS = ("village_code", "village", "commune", "district", "province")
KHMER = re.compile("[\u1780-\u17ff]")
HIDDEN = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff\u00ad"))
KHMER_TITLES = re.compile("^(?:ភូមិ|ឃុំ|សង្កាត់|ស្រុក|ខណ្ឌ|ក្រុង|ខេត្ត|រាជធានី)(?=.)")
TITLES = frozenset(
    [
        *("phum", "phumi", "pum", "phoum", "poum", "village", "vill"),
        *("khum", "commune", "com", "sangkat", "srok", "district", "dist"),
        *("khan", "khand", "krong", "municipality", "city", "capital"),
        *("khet", "khaet", "province", "prov"),
    ]
)
NUMBERS = {
    **{"muoy": "1", "mouy": "1", "muy": "1", "pir": "2", "pi": "2", "bei": "3", "bey": "3"},
    **{"buon": "4", "pram": "5", "prammuoy": "6", "prampir": "7", "prampi": "7"},
    **{"prambei": "8", "prambuon": "9", "dab": "10"},
    **{"i": "1", "ii": "2", "iii": "3", "iv": "4", "v": "5"},
}
COENG_DA, COENG_TA = "\u17d2\u178a", "\u17d2\u178f"  # look the same
QUALIFIERS = {  # words that tell a village from its neighbour of the same name, as heard
    **{"lech": "west", "west": "west", "kaeut": "east", "koet": "east", "east": "east"},
    **{"cheung": "north", "north": "north", "tboung": "south", "south": "south"},
    **{"kandal": "middle", "kondal": "middle", "leu": "upper", "kraom": "lower"},
    **{"thmei": "new", "chas": "old", "thum": "big", "touch": "small"},
}
SERIES = {"ka": "a", "kha": "b", "ko": "c", "kho": "d"}  # ក ខ គ ឃ, told apart by their h
SOUNDS = (  # in this order, on a word without blanks
    (re.compile(r"(?<=[bcdgkpt])h"), ""),  # ph, kh, th, ch: breath is heard by few
    (re.compile(r"(.)\1+"), r"\1"),
    (re.compile(r"y"), "i"),
    (re.compile(r"oeu|eou|eu|oe|eo|ue|ae|ai|ei|ie|ea"), "e"),
    (re.compile(r"ou|uo|oa|oo|au|ao|u"), "o"),
    (re.compile(r"w"), "v"),
    (re.compile(r"(.)\1+"), r"\1"),
    (re.compile(r"(?<=[aeio])[hk]$"), ""),
)


def is_khmer(text: str) -> bool:
    """Tell whether a text holds Khmer letters."""
    return KHMER.search(text) is not None


@lru_cache(maxsize=200_000)
def simplify_place(name: str) -> tuple[str, ...]:
    """Return a name's words: small letters or Khmer, no titles, no marks, plain digits.

    A name made of titles alone keeps them.
    """
    text = unicodedata.normalize("NFKC", name).translate(HIDDEN).casefold()
    if is_khmer(text):
        text = "".join(_plain_letter(letter) for letter in text).replace(COENG_DA, COENG_TA)
        joined = "".join(text.split())
        return (KHMER_TITLES.sub("", joined),) if joined else ()
    decomposed = unicodedata.normalize("NFD", text)
    letters = [
        _plain_letter(one) for one in decomposed if unicodedata.category(one) not in {"Mn", "Cf"}
    ]
    text = re.sub(r"['\u2019`\"\u201c\u201d]", "", "".join(letters))
    text = re.sub(r"(?<=[a-z])(?=\d)|(?<=\d)(?=[a-z])", " ", re.sub(r"[^\w]+|_", " ", text))
    words = _count(text.split())
    kept = tuple(word for word in words if word not in TITLES)
    return kept or tuple(words)


def _plain_letter(letter: str) -> str:
    if unicodedata.category(letter) == "Nd":
        return str(unicodedata.digit(letter))
    is_mark = unicodedata.category(letter)[0] in "PS" and letter not in "'\u2019`\"\u201c\u201d"
    return " " if is_mark else letter


def _count(words: list[str]) -> list[str]:
    """Replace number words by digits; "pram muoy" is 6. One-letter words only at the end."""
    result: list[str] = []
    for at, word in enumerate(words):
        digit = NUMBERS.get(word)
        if digit is None or (word in {"i", "v", "pi"} and at < len(words) - 1):
            result.append(word)
        elif result and result[-1] == "5" and digit in "1234":
            result[-1] = str(5 + int(digit))
        else:
            result.append(digit)
    return result


@lru_cache(maxsize=200_000)
def spell_plainly(name: str) -> str:
    """Return a name as it is heard, without blanks; Khmer names as they are written."""
    joined = "".join(simplify_place(name))
    return joined if is_khmer(joined) else _sound(joined)


def _sound(word: str) -> str:
    for pattern, sound in SOUNDS:
        word = pattern.sub(sound, word)
    return word


HEARD_QUALIFIERS = {_sound(word): meaning for word, meaning in QUALIFIERS.items()}


@lru_cache(maxsize=200_000)
def list_qualifiers(name: str) -> frozenset[str]:
    """Return what tells a name from its neighbours': numbers, directions, big and small."""
    words = simplify_place(name)
    heard = [_sound(word) for word in words]
    return frozenset(
        [word for word in words if word.isdigit()]
        + [HEARD_QUALIFIERS[word] for word in heard if word in HEARD_QUALIFIERS]
        + [SERIES[word] for word in words[1:] if word in SERIES]
    )
