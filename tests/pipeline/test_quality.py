"""Data quality from records to the report: planted faults are found, small counts hidden."""

from __future__ import annotations

import json
from datetime import date

import pandas as pd
import pytest
from openpyxl import load_workbook

from pipeline.imports import import_records
from pipeline.matching import decide_duplicate
from pipeline.quality import assess_quality, compute_quality_digest, write_quality_report
from pipeline.quality_measures import find_period
from records.database import Database
from reports.quality_sections import list_sections

LON, LAT = 104.82, 11.40002  # on the trunk road of the small world
TODAY = date(2024, 1, 15)
HEADER = (
    "source_id,occurred_at,lon,lat,severity,n_killed,n_serious,n_slight,n_vehicles,"
    "is_worker_commute,factory_id,narrative"
)
NASTY = '=HYPERLINK("x")<script>alert(1)</script>'


def rows_of_factories():
    """F1 reports monthly through 2023; F2, as large, only in January; F3 three times."""
    for month in range(1, 13):
        for number in range(2):
            name = f"a{month}-{number}"
            when = f"2023-{month:02d}-{10 + number} 07:{(7 * month + number) % 60:02d}"
            place = f"{LON + month / 1000 + number / 777:.6f},{LAT + month / 99999:.6f}"
            yield f"{name},{when},{place},slight,0,0,1,2,yes,F1,"
    for number in range(9):
        yield f"b{number},2023-01-{number + 2:02d} 00:00,{LON},{LAT},serious,0,1,0,,yes,F2,"
    for month in (2, 5, 12):
        yield f"c{month},2023-{month:02d}-01,,,fatal,0,0,1,90,unknown,F3,{NASTY}"
    yield f"far,2023-06-06 12:00,{LON + 3},{LAT},slight,0,0,1,1,no,,"


@pytest.fixture
def reported(workspace, area, tmp_path):
    """The small world with three factories, one of them silent, and planted faults."""
    factories = tmp_path / "factories.csv"
    factories.write_text("factory_id,name,workers\nF1,One,900\nF2,Two,900\nF3,Three,\n")
    crashes = tmp_path / "crashes.csv"
    crashes.write_text("\n".join([HEADER, *rows_of_factories()]), encoding="utf-8")
    import_records(workspace, "factory", factories, area=area)
    import_records(workspace, "crash", crashes, area=area, source="factories")
    return area


def test_planted_faults_are_measured(workspace, reported):
    found = assess_quality(workspace, reported, as_of=TODAY)
    assert (found["n_reports"], found["n_crashes"], found["n_factories"]) == (37, 37, 3)
    assert found["period"] == {"start": "2023-01", "end": "2023-12", "n_months": 12}

    fields = {row["field"]: row for row in found["completeness"]["by_field"]}
    assert (fields["time_of_day"]["n_known"], fields["time_of_day"]["n_applies"]) == (34, 37)
    assert fields["is_worker_commute"]["n_known"] == 34
    assert fields["factory_id"]["n_applies"] == 33  # of workers' commutes only
    assert fields["factory_id"]["known_share"] == 1.0
    assert fields["n_vehicles"]["n_known"] == 28

    rows = {row["factory_id"]: row for row in found["factories"]["rows"]}
    assert rows["F2"]["n_silent_now"] == 11
    assert rows["F2"]["expected_per_month"] == pytest.approx(33 / 24)
    assert rows["F2"]["q_silent_now"] < 0.001
    assert rows["F1"]["n_silent_now"] == 0
    assert rows["F3"]["rate"] is None  # workers not known
    assert rows["F3"]["n_longest_gap"] == 6

    points = found["heaping"]["repeated_points"]
    assert (points["n_points"], points["most"]) == (1, 9)
    assert found["heaping"]["midnight"]["n_at"] in (0, 9)  # 00:00 may be read as no time
    reasons = pd.Series([row["reason"] for row in found["outliers"]["rows"]]).value_counts()
    assert reasons.to_dict() == {
        "fatal_but_none_killed": 3, "many_vehicles": 3, "outside_the_area": 1
    }  # fmt: skip
    assert found["agreement"]["pairs"] == []


def test_factories_are_named_by_identifier_and_small_counts_hidden(workspace, reported):
    sections = {s.title: s for s in list_sections(assess_quality(workspace, reported, as_of=TODAY))}
    silent = sections["Who has not reported"]
    assert any("F2 (no report for 11 months)" in one.text for one in silent.findings)
    assert any("Number of workers not known: F3" in one.text for one in silent.findings)
    rates = sections["Reports against the number of workers"].tables[0].frame.set_index("Factory")
    assert rates.loc["F3", "Reports"] == "fewer than 5"
    assert rates.loc["F3", "Per 1,000 workers and year"] == "not shown"
    assert rates.loc["F2", "Reports"] == "9"
    filled = sections["What is filled in"].tables[-1].frame.set_index("Factory")
    assert set(filled.loc["F3"]) == {"not shown"}


def test_the_same_state_is_measured_once(workspace, reported, monkeypatch):
    first = assess_quality(workspace, reported, as_of=TODAY)
    monkeypatch.setattr("pipeline.quality._measure", lambda _: pytest.fail("again"))
    assert assess_quality(workspace, reported, as_of=TODAY) == first


def test_a_merge_makes_it_another_state_and_shows_agreement(workspace, reported, tmp_path):
    before = compute_quality_digest(workspace, reported, as_of=TODAY)
    police = tmp_path / "police.csv"
    lines = [
        f"p{month},2023-{month:02d}-10 09:00,{LON + month / 1000:.6f},{LAT:.6f},"
        "serious,0,1,0,2,yes,F1,"
        for month in range(1, 9)
    ]
    police.write_text("\n".join([HEADER, *lines]), encoding="utf-8")
    import_records(workspace, "crash", police, area=reported, source="police")
    imported = compute_quality_digest(workspace, reported, as_of=TODAY)
    assert imported != before
    with Database(workspace.database_url) as database:
        crashes = database.read("crash", reported)
    ids = dict(zip(crashes["source_id"], crashes["crash_id"], strict=True))
    for month in range(1, 9):
        pair = ids[f"a{month}-0"], ids[f"p{month}"]
        decide_duplicate(workspace, reported, *pair, "merged", decided_by="Dara")
    assert compute_quality_digest(workspace, reported, as_of=TODAY) != imported

    found = assess_quality(workspace, reported, as_of=TODAY)
    assert (found["n_reports"], found["n_crashes"]) == (45, 37)
    both = found["agreement"]["pairs"][-1]
    assert (both["sources"], both["n_pairs"]) == ("factories and police", 8)
    assert both["severity_share"] == 0.0  # slight here, serious there
    assert both["time_share"] == 0.0  # 7 and 9 o'clock
    assert both["place_share"] == 1.0
    assert both["n_killed_share"] == 1.0
    (capture,) = found["agreement"]["captures"]
    # police 8, all of them known; of the factories' those of January to August
    n_factories = 16 + 9 + 2 + 1
    assert (capture["n_first"], capture["n_second"], capture["n_both"]) == (n_factories, 8, 8)
    assert capture["n_total"] == pytest.approx((n_factories + 1) * 9 / 9 - 1)


def test_a_known_change_of_definition_is_compared(workspace, reported, tmp_path):
    path = tmp_path / "interventions.csv"
    path.write_text("intervention_id,name,start,has_definition_changed\nNEW,Form,2023-07-01,yes\n")
    import_records(workspace, "intervention", path, area=reported)
    (row,) = assess_quality(workspace, reported, as_of=TODAY)["breaks"]["known"]
    assert (row["month"], row["n_before"], row["n_after"]) == ("2023-07", 24, 13)
    assert row["ratio"] == pytest.approx(13 / 24 / (184 / 181))
    assert row["ci_low"] < row["ratio"] < row["ci_high"]


@pytest.mark.parametrize(
    ("dates", "months"),
    [
        ([], 0),
        (["2023-05-05"], 1),
        (["2031-01-01", "1900-01-01"], 0),
        (["2023-01-05", "2023-03-05"] * 100 + ["2012-01-01"], 3),
        (["2021-01-05"] * 50 + ["2023-03-05"] * 50, 27),
    ],
)
def test_stray_dates_do_not_stretch_the_period(dates, months):
    when = pd.Series(pd.to_datetime(dates))
    assert len(find_period(when, pd.Timestamp("2024-01-15"))) == months


def test_an_area_without_reports_says_so(workspace, area, tmp_path):
    found = assess_quality(workspace, area, as_of=TODAY)
    (section,) = list_sections(found)
    assert "No crash report" in section.findings[0].text
    for file_format in ("html", "xlsx"):
        out = tmp_path / f"empty.{file_format}"
        write_quality_report(workspace, area, file_format=file_format, out=out, as_of=TODAY)
        assert out.stat().st_size > 500


def test_one_report_alone_is_enough_to_say_what_cannot_be_told(workspace, area, tmp_path):
    path = tmp_path / "one.csv"
    path.write_text("source_id,occurred_at,lon,lat,severity\nx,2023-05-05,,,slight\n")
    import_records(workspace, "crash", path, area=area)
    sections = list_sections(assess_quality(workspace, area, as_of=TODAY))
    levels = {s.title: {one.level for one in s.findings} for s in sections}
    assert levels["Who has not reported"] == {"cannot tell"}
    assert levels["Breaks in the series"] == {"cannot tell"}
    assert len(sections) == 8


def test_command_writes_both_files(call, reported, tmp_path):
    page, book = tmp_path / "q.html", tmp_path / "q.xlsx"
    words = ("report", "quality", "--area", reported, "--format")
    done = call(*words, "html", "--out", str(page), "--json")
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    assert (said["area"], said["n_reports"], said["file"]) == (reported, 37, str(page))
    assert {"question", "finding", "what_to_do"} == set(said["findings"][0])
    assert "<script" not in page.read_text(encoding="utf-8")
    assert call(*words, "xlsx", "--out", str(book)).stdout.splitlines()[0] == str(book)
    assert load_workbook(book).sheetnames[0] == "Findings"


def test_what_cannot_be_written_is_said_in_one_line(call, reported, tmp_path):
    out = tmp_path / "no" / "q.html"
    done = call("report", "quality", "--area", reported, "--format", "html", "--out", str(out))
    assert done.exit_code == 1
    assert "cannot be written" in str(done.exception)
    words = ("report", "quality", "--area", "nowhere", "--format", "html", "--out", str(out))
    assert "'nowhere'" in str(call(*words).exception)
    assert call(*words[:4], "--format", "pdf", "--out", str(out)).exit_code == 2
