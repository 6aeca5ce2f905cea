"""The report on data quality: self-contained, no text of a record runs, small counts hidden."""

from __future__ import annotations

import re
from io import BytesIO
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import load_workbook

from reports.quality import render_quality_html, write_quality_xlsx
from reports.quality_factories import tell_rates
from reports.quality_sources import tell_agreement, tell_breaks
from reports.quality_svg import draw_bars, draw_funnel, draw_months
from reports.quality_words import hide_small

NASTY = "<script>alert(1)</script>"


def rate_row(name, n, *, q=0.5):
    return {
        "factory_id": name, "workers": 1000.0, "n_reports": n, "rate": n / 2, "ci_low": 0.1,
        "ci_high": 9.0, "expected": 6.0, "funnel_low": 1.0, "funnel_high": 5.0, "q_value": q,
    }  # fmt: skip


@pytest.fixture
def result():
    """An assessment with little in it, and text that tries to be more than text."""
    silence = {
        "n_silent_now": 1, "p_silent_now": 0.1, "q_silent_now": 0.2, "n_longest_gap": 2,
        "p_longest_gap": 1.0, "q_longest_gap": 1.0,
    }  # fmt: skip
    share = {"n_at": 0, "n_all": 9, "share": 0.0, "expected_share": 0.001, "p_value": 1.0}
    minutes = {
        "n_times": 9, "counts": [0] * 59 + [9], "n_on_heaps": 0, "excess_share": 0.0,
        "chi_square": 1.0, "p_uniform": None, "p_heaps": 1.0,
    }  # fmt: skip
    months = [
        {"month": f"2023-{at:02d}", "n": at, "mean": None, "low": None, "high": None,
         "is_outside": False}
        for at in range(1, 4)
    ]  # fmt: skip
    rows = [{**rate_row(name, n), **silence} for name, n in (("=F1", 9), ("F2", 3))]
    outlier = {"source": NASTY, "source_id": "=1+1", "row_number": 7, "reason": "too_old"}
    return {
        "area": "x", "name": f"Area {NASTY}", "is_synthetic": True, "as_of": "2024-01-15",
        "digest": "0", "period": {"start": "2023-01", "end": "2023-03", "n_months": 3},
        "n_reports": 9, "n_crashes": 9, "n_people": 0, "n_factories": 2,
        "intake": {
            "by_kind": [{"kind": "crash", "read": 9, "accepted": 9, "rejected": 0}],
            "reasons": [{"kind": "crash", "reason": NASTY, "n": 1}],
        },
        "completeness": {"by_field": [], "by_source": [], "by_month": [], "by_factory": []},
        "factories": {"n_months": 3, "n_unknown_factories": 0, "rows": rows},
        "heaping": {
            "minutes": minutes, "midnight": share, "first_of_month": share, "n_without_time": 0,
            "decimals": [0] * 7 + [9], "more_than": 3,
            "repeated_points": {"n_points": 0, "n_crashes": 0, "most": 0, "top": []},
        },
        "outliers": {
            "rows": [{**outlier, "file": "=cmd.csv"}], "is_area_known": True,
            "place_notes": [{"note": NASTY, "n": 2}], "months": months,
        },
        "agreement": {"n_sources": 1, "pairs": [], "captures": [], "fewest_on_both": 7},
        "breaks": {"series": [], "known": []},
    }  # fmt: skip


def test_the_page_is_one_file_and_runs_nothing(result):
    page = render_quality_html(result)
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "SYNTHETIC" in page
    assert not re.findall(r"(?:src|href)\s*=|url\(|@import", page)
    links = set(re.findall(r"https?://[^\s\"<]+", page))
    assert links <= {"http://www.w3.org/2000/svg"}  # a name, not an address


def test_real_data_are_not_called_synthetic(result):
    assert "SYNTHETIC" not in render_quality_html({**result, "is_synthetic": False})


def test_no_cell_of_the_workbook_is_a_formula(result):
    book = load_workbook(BytesIO(write_quality_xlsx(result)))
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row]
    assert {cell.data_type for cell in cells} <= {"s", "inlineStr", "n"}  # "f" would be a formula
    texts = {cell.value for cell in cells}
    assert {"=1+1", "=F1", "=cmd.csv"} <= texts
    assert any("SYNTHETIC" in str(text) for text in texts)
    assert len(book.sheetnames) > 4


@given(st.lists(st.integers(0, 40), min_size=1, max_size=8))
def test_counts_of_one_to_four_never_leave(counts):
    rows = [rate_row(f"F{at}", n) for at, n in enumerate(counts)]
    section = tell_rates({"rows": rows, "n_months": 12, "n_unknown_factories": 0})
    frame = section.tables[0].frame.set_index("Factory")
    for at, n in enumerate(counts):
        shown = frame.loc[f"F{at}"]
        is_small = 0 < n < 5
        assert (shown["Reports"] == "fewer than 5") == is_small
        assert (shown["Per 1,000 workers and year"] == "not shown") == is_small
        for _, svg in section.charts:
            assert (f">F{at}<" in svg) != is_small
    assert [hide_small(n) for n in (0, 1, 4, 5, 1200)] == [
        "0", "fewer than 5", "fewer than 5", "5", "1,200"
    ]  # fmt: skip


def test_few_and_many_reports_are_both_findings():
    rows = [rate_row("LOW", 0, q=0.01), rate_row("HIGH", 30, q=0.01), rate_row("MEAN", 6)]
    section = tell_rates({"rows": rows, "n_months": 12, "n_unknown_factories": 0})
    assert [one.text.split(":")[0] for one in section.findings] == ["LOW", "HIGH"]
    assert "before calling it safe" in section.findings[0].do


def test_agreement_of_few_crashes_shows_no_share():
    row = {
        "sources": "a and b", "n_pairs": 3, "n_severity": 3, "severity_share": 0.33, "kappa": 0.1,
        "kappa_low": 0.0, "kappa_high": 0.3, "time_share": 1.0, "place_share": None,
        "median_m": None, "n_killed_share": 1.0, "n_serious_share": 1.0, "n_slight_share": 1.0,
    }  # fmt: skip
    capture = {"first": "a", "second": "b", "n_both": 3}
    section = tell_agreement(
        {"n_sources": 2, "pairs": [row], "captures": [capture], "fewest_on_both": 7}
    )
    shown = section.tables[0].frame.iloc[0]
    assert shown["Crashes"] == "fewer than 5"
    assert shown["Severity"] == shown["Kappa of severity"] == "not shown"
    assert [one.level for one in section.findings] == ["cannot tell"]


def test_a_break_is_never_called_a_change_in_safety():
    level = {
        "series": "all crashes", "kind": "level", "month": "2018-01", "p_value": 0.003,
        "ratio": 0.3, "dispersion": 1.0,
    }  # fmt: skip
    known = {
        "intervention_id": "NEW", "month": "2018-01", "ratio": 0.3, "ci_low": 0.2, "ci_high": 0.4
    }  # fmt: skip
    section = tell_breaks({"series": [level], "known": [known]})
    assert "0.30 times as many" in section.findings[0].text
    assert "not a change in safety" in section.findings[0].do
    assert "Never pool" in section.findings[1].do


@pytest.mark.parametrize(
    "svg",
    [
        draw_bars([0] * 60, label="none", unit="reports", strong=(0,)),
        draw_months(
            [{"month": "2023-01", "n": 3, "low": 1, "high": 9, "is_outside": False}], label="one"
        ),
        draw_funnel([{**rate_row(NASTY, 9), "is_far": True}], label="<one>"),
        draw_funnel([], label="empty"),
    ],
)
def test_charts_are_well_formed_and_described(svg):
    tree = ElementTree.fromstring(svg)
    assert tree.get("role") == "img"
    assert tree.get("aria-label")
    assert not [one for one in tree.iter() if one.tag.endswith("script")]
