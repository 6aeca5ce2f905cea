"""Which pairs are merged: one report a source, people first, the same in any order."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from records.events import find_events
from records.settling import CERTAIN, DOUBTFUL, find_contradiction, settle_pairs

SOURCES = {"A1": "police", "A2": "police", "B": "insurer", "C": "factory", "D": "hospital"}


def make_pairs(*rows):
    """Return pairs from (left, right, probability[, decision, decided_by])."""
    full = [(*row, "queued", "matching")[:5] if len(row) == 3 else row for row in rows]
    names = ["left_id", "right_id", "probability", "decision", "decided_by"]
    return pd.DataFrame(full, columns=names)


def settle(*rows, sources=None):
    """Return the decision on each pair, by its ids."""
    settled = settle_pairs(make_pairs(*rows), pd.Series(sources or SOURCES))
    return {
        f"{left}-{right}": decision
        for left, right, decision in zip(
            settled["left_id"], settled["right_id"], settled["decision"], strict=True
        )
    }


def test_certain_merges_doubtful_waits_the_rest_is_separate():
    assert settle(("A1", "B", CERTAIN), ("A1", "C", CERTAIN - 1e-6), ("B", "D", 0.1)) == {
        "A1-B": "merged",
        "A1-C": "queued",
        "B-D": "separate",
    }
    assert settle(("A1", "B", DOUBTFUL)) == {"A1-B": "queued"}


def test_two_reports_of_one_source_wait_however_alike():
    assert settle(("A1", "A2", 1.0)) == {"A1-A2": "queued"}


def test_the_weakest_link_between_two_reports_of_one_source_waits():
    assert settle(("A1", "B", 0.98), ("A2", "B", 0.99)) == {"A1-B": "queued", "A2-B": "merged"}
    # through a third: A1-B-C-A2, where B-C is the weakest
    assert settle(("A1", "B", 0.99), ("B", "C", 0.975), ("A2", "C", 0.98)) == {
        "A1-B": "merged",
        "A2-C": "merged",
        "B-C": "queued",
    }


def test_two_links_as_strong_are_settled_by_their_ids():
    assert settle(("A1", "B", 0.98), ("A2", "B", 0.98)) == {"A1-B": "merged", "A2-B": "queued"}


def test_all_links_of_one_event_are_merged():
    rows = [("A1", "B", 0.99), ("A1", "C", 0.98), ("B", "C", 0.97)]
    assert set(settle(*rows).values()) == {"merged"}


def test_a_person_is_never_overruled():
    assert settle(
        ("A1", "B", 0.999, "separate", "Dara"),
        ("A1", "C", 0.01, "merged", "Dara"),
        ("A1", "A2", 0.9, "merged", "Dara"),
        ("B", "D", 0.999, "queued", "Dara"),
    ) == {"A1-A2": "merged", "A1-B": "separate", "A1-C": "merged", "B-D": "queued"}


@pytest.mark.parametrize("decision", ["separate", "queued"])
def test_what_a_person_set_apart_is_not_joined_through_a_third(decision):
    assert settle(("A1", "B", 0.999, decision, "Dara"), ("A1", "C", 0.99), ("B", "C", 0.98)) == {
        "A1-B": decision,
        "A1-C": "merged",
        "B-C": "queued",
    }


def test_a_persons_merge_comes_before_a_likelier_one():
    """B is A2's by a person's word, so it cannot be A1's too."""
    assert settle(("A1", "B", 0.999), ("A2", "B", 0.6, "merged", "Dara")) == {
        "A1-B": "queued",
        "A2-B": "merged",
    }


def test_a_contradiction_between_people_is_found():
    rows = [("A1", "B", 0.9, "merged", "Dara"), ("B", "C", 0.9, "merged", "Bopha")]
    assert find_contradiction(make_pairs(*rows)) is None
    apart = ("A1", "C", 0.9, "separate", "Dara")
    assert find_contradiction(make_pairs(*rows, apart)) == ("A1", "C")
    assert find_contradiction(make_pairs(*rows, ("A1", "C", 0.9))) is None


reports = st.lists(st.sampled_from(["police", "insurer", "F1", "F2"]), min_size=2, max_size=9)


@st.composite
def settled_pairs(draw, *, with_people):
    """Draw reports, pairs among some of them, and perhaps people's decisions."""
    names = {f"r{n}": source for n, source in enumerate(draw(reports))}
    every = list(itertools.combinations(sorted(names), 2))
    chosen = draw(st.lists(st.sampled_from(every), unique=True, max_size=14))
    probabilities = st.sampled_from([0.2, 0.6, 0.97, 0.98, 0.99, 1.0])
    decisions = ["matching", "matching", "merged", "separate", "queued"]
    rows = []
    for left, right in chosen:
        decision = draw(st.sampled_from(decisions)) if with_people else "matching"
        by = "matching" if decision == "matching" else "Dara"
        decision = "queued" if decision == "matching" else decision
        rows.append((left, right, draw(probabilities), decision, by))
    return make_pairs(*rows), pd.Series(names, dtype="object")


def list_events(pairs, sources):
    frame = pd.DataFrame({"crash_id": sources.index})
    return find_events(frame, pairs).set_axis(sources.index)


@given(drawn=settled_pairs(with_people=False))
def test_no_event_has_two_reports_of_one_source(drawn):
    pairs, sources = drawn
    event = list_events(settle_pairs(pairs, sources), sources)
    assert not pd.DataFrame({"event": event, "source": sources}).duplicated().any()


@given(drawn=settled_pairs(with_people=True), seed=st.integers(0, 99))
def test_neither_order_nor_earlier_decisions_of_matching_matter(drawn, seed):
    pairs, sources = drawn
    settled = settle_pairs(pairs, sources)
    rng = np.random.default_rng(seed)
    shuffled = pairs.iloc[rng.permutation(len(pairs))]
    is_matching = shuffled["decided_by"].eq("matching")
    other = pd.Series(rng.choice(["merged", "separate"], len(pairs)), index=shuffled.index)
    shuffled = shuffled.assign(decision=other.where(is_matching, shuffled["decision"]))
    again = settle_pairs(shuffled, sources.iloc[rng.permutation(len(sources))])
    pd.testing.assert_frame_equal(again, settled)


@given(drawn=settled_pairs(with_people=True))
def test_people_are_obeyed_unless_they_contradict_themselves(drawn):
    pairs, sources = drawn
    settled = settle_pairs(pairs, sources)
    theirs = settled[settled["decided_by"].ne("matching")]
    kept = pairs[pairs["decided_by"].ne("matching")].sort_values(["left_id", "right_id"])
    assert theirs["decision"].tolist() == kept["decision"].tolist()
    if find_contradiction(pairs) is None:
        event = list_events(settled, sources)
        for left, right, decision in zip(
            theirs["left_id"], theirs["right_id"], theirs["decision"], strict=True
        ):
            assert (event[left] == event[right]) == (decision == "merged")


@given(drawn=settled_pairs(with_people=False))
def test_a_certain_pair_waits_only_for_a_reason(drawn):
    """Joining it would put two reports of one source together."""
    pairs, sources = drawn
    settled = settle_pairs(pairs, sources)
    event = list_events(settled, sources)
    waits = settled[settled["probability"].ge(CERTAIN) & settled["decision"].eq("queued")]
    for left, right in zip(waits["left_id"], waits["right_id"], strict=True):
        one = set(sources[event == event[left]])
        other = set(sources[event == event[right]])
        assert event[left] != event[right]
        assert one & other
