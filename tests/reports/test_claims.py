import json

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import VocabularyError
from core.vocabulary import YesNoUnknown
from models.before_after import evaluate_naive
from reports.claims import InterventionFacts, compose_claim, list_caveats, write_claim

CONTRACT = [
    "method", "n_sites", "effect", "se", "ci_low", "ci_high", "percent_change", "prevented",
    "prevented_se", "claim", "grade", "warnings", "observed_before", "observed_after",
    "exposure_before", "exposure_after",
]  # fmt: skip
PILOT = InterventionFacts(
    name="Pilot",
    n_factories=5,
    counted_by="factories",
    is_published_total=True,
    published_claim="77% fewer",
)


@pytest.fixture
def pilot():
    return evaluate_naive(254, 57)


def test_the_pilot_is_shown_as_what_it_is(pilot):
    claim = compose_claim(pilot, PILOT)
    assert claim == (
        "Pilot: 254 self-reported crashes before and 57 after at 5 factories, in periods of "
        "unknown length, taken as equal: 77.6% fewer (95% interval 70.0% to 83.5% fewer), 197 "
        "fewer than expected had nothing changed (standard error 18). This is a naive "
        "before\N{EN DASH}after comparison with no comparison group: it cannot show that the "
        "intervention caused a change."
    )


def test_the_pilot_carries_every_caveat(pilot):
    text = " ".join(list_caveats(pilot, PILOT))
    for words in (
        "No comparison group",
        "Regression to the mean",
        "taken as equal",
        "self-reported",
        "not police records",
        "workers travelled",
        "chosen because they had many crashes is not known",
        "defined and recorded alike in both periods is not known",
        "Only published totals",
        "The source states 77% fewer",
        "below 24% would be missed",
    ):
        assert words in text


def test_json_has_the_contract_keys_and_is_json(pilot):
    found = write_claim(pilot, PILOT, illustrations=["An illustration."])
    assert set(CONTRACT) <= set(found)
    assert found["illustrations"] == ["An illustration."]
    assert found["grade"] == "E"
    assert "very weak" in found["grade_meaning"]
    json.dumps(found, allow_nan=False)


def test_an_interval_across_one_cannot_tell():
    result = evaluate_naive(8, 6, exposure_before=1, exposure_after=1.5, exposure_kind="years")
    claim = compose_claim(result, InterventionFacts(months_before=12, months_after=18))
    assert claim.startswith("The data cannot tell whether crashes changed: 8 reported crashes")
    assert "in 12 and 18 months" in claim
    assert "85.7% fewer to 64.3% more" in claim
    caveats = " ".join(list_caveats(result, InterventionFacts(months_before=12, months_after=18)))
    assert "The periods differ in length (12 and 18 months)" in caveats
    assert "Small numbers" in caveats


def test_nothing_before_claims_no_prevented_crashes():
    none = compose_claim(evaluate_naive(0, 3), InterventionFacts())
    assert none.startswith("The data cannot tell")
    many = compose_claim(evaluate_naive(0, 30), InterventionFacts())
    assert "more than before (95% interval 664.3% to no upper limit)" in many
    assert "standard error" not in many


def test_an_increase_is_said_as_one():
    claim = compose_claim(evaluate_naive(100, 160), InterventionFacts())
    assert "58.4% more (95% interval 23.9% to 107.5% more), 60 more than expected" in claim


def test_known_exposure_is_said_and_its_caveat_left_out():
    result = evaluate_naive([100, 50], [40, 20], exposure_before=[10, 5], exposure_after=[12, 6])
    claim = compose_claim(result, InterventionFacts())
    assert "at 2 sites, with exposure 20% higher after" in claim
    assert "workers travelled" not in " ".join(list_caveats(result, InterventionFacts()))


def test_synthetic_data_are_labelled(pilot):
    facts = InterventionFacts(name="Invented", is_synthetic=True)
    assert compose_claim(pilot, facts).startswith("SYNTHETIC data. Invented: ")


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"was_chosen_for_crashes": YesNoUnknown.YES}, "expect some fall"),
        ({"has_definition_changed": YesNoUnknown.YES}, "do not compare them"),
        ({"counted_by": "police"}, "police-recorded crashes; many crashes"),
        ({"counted_by": "unknown"}, "Who counted the crashes is not recorded"),
        ({"months_before": 6, "months_after": 6}, "the seasons are not balanced"),
    ],
)
def test_each_fact_brings_its_caveat(pilot, facts, words):
    assert words in " ".join(list_caveats(pilot, InterventionFacts(**facts)))


def test_a_year_counted_in_days_is_a_year(pilot):
    facts = InterventionFacts(months_before=11.99, months_after=12.0)
    assert "shorter than a year" not in " ".join(list_caveats(pilot, facts))


def test_what_is_known_to_be_sound_brings_no_caveat(pilot):
    facts = InterventionFacts(
        was_chosen_for_crashes=YesNoUnknown.NO, has_definition_changed=YesNoUnknown.NO
    )
    text = " ".join(list_caveats(pilot, facts))
    assert "chosen" not in text.replace("places chosen after a bad period", "")
    assert "defined" not in text


def test_a_word_that_is_not_known_is_refused(pilot):
    with pytest.raises(VocabularyError, match="counted_by: 'rumour'"):
        compose_claim(pilot, InterventionFacts(counted_by="rumour"))


@given(st.integers(0, 500), st.integers(0, 500), st.floats(0.2, 5))
def test_every_claim_has_its_design_its_interval_and_plain_words(before, after, ratio):
    result = evaluate_naive(before, after, exposure_before=1, exposure_after=ratio)
    found = write_claim(result)
    assert "naive" in found["claim"]
    assert "no comparison group" in found["claim"]
    assert ("cannot tell" in found["claim"]) == (not result.is_conclusive)
    assert before == 0 or "95% interval" in found["claim"]
    text = " ".join([found["claim"], *found["warnings"]])
    assert "accident" not in text.lower()
    assert "nan" not in text.lower().split()
    assert "inf" not in text.lower().split()
    json.dumps(found, allow_nan=False)


def test_the_pilots_record_holds_only_what_was_published(root):
    record = pd.read_csv(root / "data" / "evidence" / "interventions.csv").iloc[0]
    assert (record["published_before"], record["published_after"]) == (254, 57)
    unpublished = ["start_before", "start", "end", "end_after", "months_before", "months_after"]
    assert record[unpublished].isna().all()
    assert "Annual Report 2019" in record["citation"]
    assert "self-reported" in record["source"]
