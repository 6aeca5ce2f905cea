"""Which pairs are merged, which wait for a person: the rules, applied to all pairs at once.

- What a person decided stands. Two reports that a person set apart, or took apart by undoing
  a merge, are never joined by matching, not even through a third report.
- Matching merges a pair whose probability is at least `CERTAIN`, the likeliest first, unless
  that would put two reports of one source into one event: a source that numbers its
  reports rarely sends one crash twice. The weakest link of such a chain is queued.
- What is at least `DOUBTFUL` is queued, the rest is separate.

What matching decides follows from the probabilities and the persons' decisions alone, not
from what it decided before or from the order of anything: taking a decision back restores
what would have been without it.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Final

import pandas as pd

__all__ = [
    "CERTAIN",
    "DOUBTFUL",
    "MATCHING",
    "MERGED",
    "QUEUED",
    "SEPARATE",
    "find_contradiction",
    "settle_pairs",
]

# Checked on the labelled set (benchmarks/README.md): of the pairs at or above CERTAIN 99 in
# 100 are one crash; of those between the two about three in four.
CERTAIN: Final = 0.97
DOUBTFUL: Final = 0.5
MATCHING: Final = "matching"  # stands for a person in `decided_by`
MERGED, QUEUED, SEPARATE = "merged", "queued", "separate"


class _Groups:
    """Reports joined so far: the members and sources of each group."""

    def __init__(self, sources: dict[str, str]) -> None:
        self._sources = sources
        self._parent: dict[str, str] = {}
        self._members: dict[str, set[str]] = {}

    def find(self, report: str) -> str:
        """Return the report that stands for the group of this one."""
        root = report
        while self._parent.get(root, root) != root:
            root = self._parent[root]
        while self._parent.get(report, report) != root:
            self._parent[report], report = root, self._parent[report]
        return root

    def members(self, root: str) -> set[str]:
        """Return all reports of a group."""
        return self._members.get(root, {root})

    def sources(self, root: str) -> set[str]:
        """Return the sources of a group's reports; one that is not known is its own."""
        return {self._sources.get(one, one) for one in self.members(root)}

    def join(self, left: str, right: str) -> None:
        """Make one group of two."""
        one, other = self.find(left), self.find(right)
        if one != other:
            self._members[one] = self.members(one) | self.members(other)
            self._members.pop(other, None)
            self._parent[other] = one


def settle_pairs(pairs: pd.DataFrame, sources: pd.Series[str]) -> pd.DataFrame:
    """Return the pairs with what is decided on each.

    Parameters
    ----------
    pairs
        `left_id`, `right_id`, `probability`, `decision`, `decided_by`; decisions of anybody
        but `matching` are kept, those of matching are made anew.
    sources
        Source of each report, by its id.

    Returns
    -------
    settled
        The same pairs and columns, in the order of the ids, index 0..n-1.
    """
    settled = pairs.sort_values(["left_id", "right_id"], ignore_index=True)
    is_matching = settled["decided_by"].eq(MATCHING).to_numpy()
    decided = settled[~is_matching]
    groups = _Groups({str(one): str(source) for one, source in sources.items()})
    for left, right, decision in _walk(decided):
        if decision == MERGED:
            groups.join(left, right)
    apart: defaultdict[str, set[str]] = defaultdict(set)
    for left, right, decision in _walk(decided):
        if decision != MERGED:
            apart[left].add(right)
            apart[right].add(left)
    probability = settled["probability"]
    made = probability.ge(DOUBTFUL).map({True: QUEUED, False: SEPARATE}).astype("object")
    certain = settled[is_matching & probability.ge(CERTAIN).to_numpy()]
    certain = certain.sort_values("probability", ascending=False, kind="stable")
    for row, left, right in zip(
        certain.index, certain["left_id"], certain["right_id"], strict=True
    ):
        if _may_join(groups, left, right, apart):
            groups.join(left, right)
            made[row] = MERGED
    settled["decision"] = made.where(is_matching, settled["decision"].astype("object"))
    return settled


def find_contradiction(pairs: pd.DataFrame) -> tuple[str, str] | None:
    """Return a pair that people set apart and joined through other reports, if there is one."""
    decided = pairs[pairs["decided_by"].ne(MATCHING)].sort_values(["left_id", "right_id"])
    groups = _Groups({})
    for left, right, decision in _walk(decided):
        if decision == MERGED:
            groups.join(left, right)
    for left, right, decision in _walk(decided):
        if decision != MERGED and groups.find(left) == groups.find(right):
            return left, right
    return None


def _walk(pairs: pd.DataFrame) -> list[tuple[str, str, str]]:
    return list(zip(pairs["left_id"], pairs["right_id"], pairs["decision"], strict=True))


def _may_join(groups: _Groups, left: str, right: str, apart: defaultdict[str, set[str]]) -> bool:
    """Tell whether joining keeps one report a source, and apart what people set apart."""
    one, other = groups.find(left), groups.find(right)
    if one == other:
        return True
    if groups.sources(one) & groups.sources(other):
        return False
    members = groups.members(other)
    return not any(apart[report] & members for report in groups.members(one) if report in apart)
