"""What is sent with a form comes back without a mapping, value by value."""

from __future__ import annotations

import pandas as pd
import pytest

from records.fields import KINDS, FieldType
from records.forms import FORM_KINDS, build_form
from tests.records.form_exports import (
    Answers,
    write_central_csv,
    write_kobo_csv,
    write_kobo_workbook,
)

COUNT = 12
FACTORIES = {"F001": "Golden Needle", "F002": "Second Factory", "F003": ""}
REPEAT_KINDS = {"casualties": "casualty", "vehicles": "vehicle"}
every_kind = pytest.mark.parametrize("kind", FORM_KINDS)
with_groups = pytest.mark.parametrize("groups", [True, False], ids=["groups", "plain"])


@pytest.fixture
def database_url(tmp_path):
    """One database system is enough here: what is tested is the way into it."""
    return f"sqlite:///{tmp_path / 'records.sqlite'}"


def answer(kind: str, *, seed: int, factories=FACTORIES) -> Answers:
    form = build_form(kind, version="20261122", factories=factories)
    return Answers(form, count=COUNT, seed=seed)


def require_same(found: pd.DataFrame, kind: str, rows: dict[str, dict], questions) -> None:
    """Check that the records hold what was answered, field by field."""
    spec = KINDS[kind]
    found = found.set_index(spec.key)
    assert sorted(found.index) == sorted(rows)
    names = {one.name for one in questions}
    checked = 0
    for key, given in rows.items():
        record = found.loc[key]
        for one in spec.fields:
            if one.name not in names:
                continue
            said, value = given[one.name], record[one.name]
            checked += 1
            if one.type is FieldType.WORDS or (one.is_list):
                expected = ";".join(sorted(said.split()))
                assert (value if isinstance(value, str) else "") == expected
            elif not said:
                assert pd.isna(value) if one.fallback is None else value == one.fallback
            elif one.type in {FieldType.MOMENT, FieldType.DATE}:
                assert value == pd.Timestamp(said[:19])
            elif one.type in {FieldType.COUNT, FieldType.NUMBER}:
                assert float(value) == float(said)
            else:
                assert value == said, (key, one.name)
        if "lon" in spec.field_names and given.get("place"):
            lat, lon = map(float, given["place"].split()[:2])
            assert (record["lon"], record["lat"]) == pytest.approx((lon, lat))
            checked += 1
    assert checked > len(rows)


def require_round_trip(database, report, answers: Answers, *, with_repeats: bool) -> None:
    form = answers.form
    assert (report.accepted, report.rejected) == (len(answers.submissions), 0)
    rows = {one["_uuid"]: one for one in answers.submissions}
    outer = [one for one in answers.questions if not one.repeat]
    require_same(database.read(form.kind, "a"), form.kind, rows, outer)
    assert not any("photo" in note for note in report.notes)
    assert any("photo" in column for column in report.unused_columns)
    for repeat, kind in REPEAT_KINDS.items() if with_repeats else ():
        inner = [one for one in answers.questions if one.repeat == repeat]
        rows = {
            f"{one['_uuid']}/{repeat}[{at}]": row
            for one in answers.submissions
            for at, row in enumerate(one[repeat], 1)
        }
        found = database.read(kind, "a")
        require_same(found, kind, rows, inner)
        parents = found[KINDS[kind].key].str.partition("/")[0]
        assert found["crash_source_id"].tolist() == parents.tolist()


@every_kind
@with_groups
def test_a_workbook_of_kobotoolbox_comes_back(database, take, tmp_path, kind, groups):
    answers = answer(kind, seed=7)
    path = write_kobo_workbook(answers, tmp_path / "export.xlsx", groups=groups)
    require_round_trip(database, take(path, kind), answers, with_repeats=kind == "crash")
    before = database.compute_digest("a")
    again = take(path, kind)
    assert again.unchanged == again.read == COUNT
    assert all(one.unchanged == one.read > 0 for one in again.linked)
    assert database.compute_digest("a") == before


@every_kind
@with_groups
def test_a_text_of_kobotoolbox_comes_back(database, take, tmp_path, kind, groups):
    answers = answer(kind, seed=8)
    path = write_kobo_csv(answers, tmp_path / "export.csv", groups=groups)
    require_round_trip(database, take(path, kind), answers, with_repeats=False)
    assert take(path, kind).unchanged == COUNT


@every_kind
def test_an_export_of_odk_central_comes_back(database, take, tmp_path, kind):
    answers = answer(kind, seed=9)
    files = write_central_csv(answers, tmp_path)
    linked = {REPEAT_KINDS[repeat]: path for repeat, path in files.items() if repeat}
    report = take(files[""], kind, linked=linked)
    require_round_trip(database, report, answers, with_repeats=kind == "crash")
    assert take(files[""], kind, linked=linked).unchanged == COUNT


def test_factories_that_are_typed_in_come_back_too(database, take, tmp_path):
    answers = answer("activity", seed=10, factories=None)
    for one in answers.submissions:
        one["factories"] = "F001 F002"
    assert take(write_kobo_workbook(answers, tmp_path / "a.xlsx"), "activity").accepted == COUNT
    assert set(database.read("activity", "a")["factories"]) == {"F001;F002"}


def test_a_report_without_anybody_described_has_no_numbers(database, take, tmp_path):
    answers = answer("crash", seed=11)
    for one in answers.submissions:
        one |= {"casualties": [], "vehicles": [], "severity": "fatal"}
        one |= {"n_people": "", "n_killed": "", "n_serious": "", "n_slight": "", "n_vehicles": ""}
    take(write_kobo_csv(answers, tmp_path / "export.csv"), "crash")
    found = database.read("crash", "a")
    assert found[["n_killed", "n_serious", "n_slight", "n_vehicles"]].isna().all(axis=None)
    assert set(found["severity"]) == {"fatal"}
