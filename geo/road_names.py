"""Tell whether a reported road name means a mapped road, in Khmer or Latin letters."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Hashable, Mapping
from functools import lru_cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rapidfuzz import fuzz

__all__ = ["RoadNames", "is_same_road", "normalise_road_name"]

MIN_SCORE = 85.0  # of 100; lets an abbreviated title or one slip of the pen through
NAME_COLUMNS = ("name", "name_km", "ref")
_KHMER_WORDS = (  # longest first; Khmer is written without spaces
    ("ផ្លូវជាតិលេខ", " nr "),  # national road number
    ("ផ្លូវជាតិ", " nr "),
    ("ផ្លូវលេខ", " "),  # road number
    ("មហាវិថី", " "),  # boulevard
    ("ផ្លូវ", " "),
    ("វិថី", " "),
    ("លេខ", " "),
)
_NATIONAL = re.compile(
    r"\b(?:national (?:road|highway|route)|route nationale|nr|nh|rn)"
    r"(?: (?:no|number|numero))? (\d+)\b"
)
_LETTER_DIGIT = re.compile(r"(?<=[^\W\d])(?=\d)")
_SPACES = re.compile(r"\s+")
_LATIN_MARKS = range(0x0300, 0x0370)
_GENERIC = frozenset(
    [
        *("street", "st", "str", "road", "rd", "avenue", "ave", "av", "boulevard", "blvd", "bvd"),
        *("bd", "lane", "ln", "drive", "highway", "hwy", "way", "rua", "r", "avenida", "travessa"),
        *("trav", "tv", "estrada", "estr", "praca", "pca", "largo", "lgo", "beco", "bc"),
        *("rodovia", "rod", "rue", "chemin", "route", "no", "number", "numero"),
        *("the", "of", "de", "da", "do", "dos", "das", "du", "des", "la", "le"),
    ]
)


@lru_cache(maxsize=100_000)
def normalise_road_name(name: str) -> str:
    """Reduce a road's name to the words that tell it from other roads.

    Case, accents, punctuation and words such as street, road, rua or ផ្លូវ go; Khmer
    digits become Latin ones; "National Road 4", "RN4", "NR 4" and ផ្លូវជាតិលេខ៤ are one.
    A name made of such words alone keeps them.
    """
    text = unicodedata.normalize("NFKC", name).casefold()
    for khmer, plain in _KHMER_WORDS:
        text = text.replace(khmer, plain)
    letters = []
    for letter in unicodedata.normalize("NFD", text):
        category = unicodedata.category(letter)
        if ord(letter) in _LATIN_MARKS or category == "Cf":
            continue
        if category == "Nd":
            letters.append(str(unicodedata.digit(letter)))
        else:
            letters.append(" " if category[0] in "PSZC" else letter)
    text = unicodedata.normalize("NFC", "".join(letters))
    text = _SPACES.sub(" ", _LETTER_DIGIT.sub(" ", text)).strip()
    text = _NATIONAL.sub(r"nr \1", text)
    words = [word for word in text.split() if word not in _GENERIC]
    return " ".join(words) or text


def is_same_road(reported: str, mapped: str) -> bool:
    """Tell whether two normalised names mean one road.

    Numbers must be the same: 271 and 273 differ by one letter, and are two streets; and
    National Road 4 is not Street 4.
    """
    if not reported or not mapped:
        return False
    if _list_numbers(reported) != _list_numbers(mapped):
        return False
    return bool(fuzz.token_set_ratio(reported, mapped, score_cutoff=MIN_SCORE) > 0)


class RoadNames:
    """The names of all segments, ready to be compared with reported ones.

    Parameters
    ----------
    segments
        Any of the columns `name`, `name_km`, `ref`; several refs are parted by ";".
    """

    def __init__(self, segments: pd.DataFrame) -> None:
        columns = [column for column in NAME_COLUMNS if column in segments.columns]
        codes = np.zeros(len(segments), dtype=np.int64)
        for column in columns:
            of_column, words = pd.factorize(segments[column])
            _, codes = np.unique(codes * (len(words) + 1) + of_column, return_inverse=True)
        first = np.full(int(codes.max(initial=-1)) + 1, -1)
        first[codes[::-1]] = np.arange(len(codes))[::-1]
        rows = segments[columns].iloc[first].fillna("").astype(str).to_dict("records")
        self._group: NDArray[np.int64] = codes.astype(np.int64)
        self._names = [_list_names(row) for row in rows]

    def match(
        self, reported: NDArray[np.object_], which: NDArray[np.int64], segment: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Tell for pairs of a reported name and a segment whether they are the same road.

        Parameters
        ----------
        reported
            Names as reported; null where none was.
        which
            Position in `reported` of each pair, shape (n_pairs,).
        segment
            Position of each pair's segment, shape (n_pairs,).
        """
        codes, unique = pd.factorize(reported)  # -1 for null
        plain = [normalise_road_name(str(name)) for name in unique]
        pair = codes[which].astype(np.int64) * len(self._names) + self._group[segment]
        todo, back = np.unique(pair, return_inverse=True)
        answers = np.zeros(len(todo), dtype=bool)
        for i, key in enumerate(todo.tolist()):
            if key >= 0:
                name, group = divmod(key, len(self._names))
                answers[i] = any(is_same_road(plain[name], other) for other in self._names[group])
        result: NDArray[np.bool_] = answers[back] & (codes[which] >= 0)
        return result


def _list_names(row: Mapping[Hashable, str]) -> frozenset[str]:
    """All normalised names of one road; a bare number in `ref` is a national road's."""
    names = {normalise_road_name(row.get("name", "")), normalise_road_name(row.get("name_km", ""))}
    for ref in row.get("ref", "").split(";"):
        plain = normalise_road_name(ref)
        names |= {plain, f"nr {plain}"} if plain.isdigit() else {plain}
    return frozenset(names - {""})


@lru_cache(maxsize=100_000)
def _list_numbers(name: str) -> frozenset[str]:
    """All numbers in a name, and whether it is a national road's."""
    return frozenset(word.lstrip("0") for word in name.split() if word.isdigit() or word == "nr")
