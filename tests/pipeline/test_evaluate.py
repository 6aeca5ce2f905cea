"""Evaluations from crash records: what is counted, and what is refused."""

from __future__ import annotations

import csv

import pytest

from core.errors import InputError, MissingDataError
from pipeline.evaluate import evaluate_intervention
from pipeline.imports import import_records

FIELDS = ["intervention_id", "name", "factories", "start_before", "start", "end_after"]


@pytest.fixture
def area_with_factories(workspace, area, tmp_path):
    """Two factories; F1 has 6 crashes in 2021 and 2 in 2022, F2 has 4 and 4."""
    factories = tmp_path / "factories.csv"
    factories.write_text("factory_id,name,lon,lat\nF1,One,104.8,11.4\nF2,Two,104.81,11.4\n")
    import_records(workspace, "factory", factories, area=area)
    path = tmp_path / "crashes.csv"
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["source_id", "occurred_at", "lon", "lat", "factory_id"])
        counts = {("F1", 2021): 6, ("F1", 2022): 2, ("F2", 2021): 4, ("F2", 2022): 4}
        for (factory, year), n in counts.items():
            for number in range(n):
                day = f"{year}-{1 + number * 2:02d}-15 06:00"
                writer.writerow([f"{factory}-{year}-{number}", day, 104.82, 11.4, factory])
        writer.writerow(["last", "2022-12-30 06:00", 104.82, 11.4, ""])
    import_records(workspace, "crash", path, area=area)
    return area


@pytest.fixture
def evaluate(workspace, area_with_factories, tmp_path):
    """Return a function that records an intervention and evaluates it."""

    def run(factories="F1;F2", first="2021-01-01", start="2022-01-01", last="2022-12-31"):
        path = tmp_path / "interventions.csv"
        with path.open("w", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(FIELDS)
            writer.writerow(["T", "Test", factories, first, start, last])
        import_records(workspace, "intervention", path, area=area_with_factories)
        return evaluate_intervention(workspace, area_with_factories, "T")

    return run


def test_crashes_are_counted_by_factory_and_period(evaluate):
    result = evaluate()
    assert (result["observed_before"], result["observed_after"]) == (10, 6)
    assert result["n_sites"] == 2
    assert result["rate_ratio"] == pytest.approx(0.6, rel=1e-9)
    assert not result["is_conclusive"]
    assert "The data cannot tell" in result["claim"] or "the data cannot tell" in result["claim"]


@pytest.mark.parametrize("factories", ["F1,F2", "F1; F2;F1"])
def test_commas_and_repeated_factories_are_understood(evaluate, factories):
    assert evaluate(factories)["observed_before"] == 10


def test_an_unknown_factory_is_refused_by_name(evaluate):
    with pytest.raises(InputError, match="first 'F99'"):
        evaluate("F1;F99")


@pytest.mark.parametrize(
    ("first", "last"), [("2001-01-01", "2022-12-31"), ("2021-01-01", "2030-12-31")]
)
def test_time_without_records_is_not_time_without_crashes(evaluate, first, last):
    with pytest.raises(InputError, match="the crash records cover 2021-01-01 to 2022-12-31"):
        evaluate(first=first, last=last)


def test_periods_out_of_order_are_refused(evaluate):
    with pytest.raises(InputError, match="must follow one another"):
        evaluate(first="2022-01-01", start="2021-06-01")


def test_an_unknown_intervention_names_those_there_are(workspace, area_with_factories):
    with pytest.raises(MissingDataError, match="safecommute import intervention"):
        evaluate_intervention(workspace, area_with_factories, "NONE")
