"""`safecommute form`: the file it writes, and that what is sent with it can be imported."""

from __future__ import annotations

import json
import re

import openpyxl
import pytest

from pipeline.imports import import_records
from records.database import Database
from records.forms import FORM_KINDS, build_form
from tests.records.form_exports import Answers, write_kobo_workbook


def read_sheet(path, name):
    rows = openpyxl.load_workbook(path)[name].iter_rows(values_only=True)
    header = next(rows)
    return [dict(zip(header, row, strict=True)) for row in rows]


@pytest.fixture
def factories(workspace, area, tmp_path):
    path = tmp_path / "factories.csv"
    path.write_text("factory_id,name\nF1,=Golden Needle\nF2,រោងចក្រ ពីរ\n", encoding="utf-8")
    import_records(workspace, "factory", path, area=area)
    return {"F1": "=Golden Needle", "F2": "រោងចក្រ ពីរ"}


@pytest.mark.parametrize("kind", FORM_KINDS)
def test_a_form_without_an_area_needs_no_workspace(call, workspace, tmp_path, kind):
    before = sorted(workspace.home.iterdir())
    out = tmp_path / "new" / "form.xlsx"
    result = call("form", kind, "--out", str(out), "--json")
    assert result.exit_code == 0, result.output
    said = json.loads(result.stdout)
    assert (said["kind"], said["n_factories"], said["file"]) == (kind, 0, str(out))
    (settings,) = read_sheet(out, "settings")
    assert settings["form_id"] == said["form_id"] == f"safecommute_{kind}"
    assert settings["version"] == said["version"]
    assert re.fullmatch(r"20\d{6}", said["version"])
    asked = {"note", "calculate", "begin_group", "end_group", "begin_repeat", "end_repeat"}
    questions = [row for row in read_sheet(out, "survey") if row["type"] not in asked]
    assert len(questions) == said["n_questions"]
    assert sorted(workspace.home.iterdir()) == before


def test_the_factories_of_an_area_are_a_list(call, area, factories, tmp_path):
    out = tmp_path / "form.xlsx"
    result = call("form", "crash", "--area", area, "--form-version", "2026112203",
                  "--out", str(out), "--json")  # fmt: skip
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["n_factories"] == 2
    listed = [row for row in read_sheet(out, "choices") if row["list_name"] == "factory"]
    assert {row["name"]: row["label::English (en)"] for row in listed} == factories
    first = out.read_bytes()
    call("form", "crash", "--area", area, "--form-version", "2026112203", "--out", str(out))
    assert out.read_bytes() == first


def test_what_is_sent_comes_back_with_the_import_command(
    call, workspace, area, factories, tmp_path
):
    form = build_form("crash", version="20261122", factories=factories, area=area)
    answers = Answers(form, count=8, seed=3)
    path = write_kobo_workbook(answers, tmp_path / "export.xlsx")
    result = call("import", "crash", str(path), "--area", area, "--json")
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert (report["read"], report["accepted"], report["rejected"]) == (8, 8, 0)
    with Database(workspace.database_url) as database:
        for kind, repeat in (("casualty", "casualties"), ("vehicle", "vehicles")):
            sent = sum(len(one[repeat]) for one in answers.submissions)
            assert database.count(kind, area) == sent > 0
        digest = database.compute_digest(area)
        again = json.loads(call("import", "crash", str(path), "--area", area, "--json").stdout)
        assert again["unchanged"] == 8
        assert database.compute_digest(area) == digest


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--area", "nowhere", "--out", "f.xlsx"], "nowhere"),
        (["--area", "test", "--out", "f.xlsx"], "no factories"),
        (["--out", "f.csv"], "ends in .xlsx"),
        (["--out", "f.xlsx", "--form-version", "v1"], "YYYYMMDD"),
    ],
)
def test_what_cannot_be_done(call, area, tmp_path, monkeypatch, words, said):
    monkeypatch.chdir(tmp_path)
    result = call("form", "crash", *words)
    assert result.exit_code == 1
    assert said in str(result.exception)
    assert not list(tmp_path.glob("f.*"))
