"""Forms that pyxform accepts, whose names, types and choices are those of the records."""

from __future__ import annotations

import io
import re
import shutil
import xml.etree.ElementTree as ET
import zipfile

import openpyxl
import pytest

from core.errors import ConfigError, InputError
from records import forms
from records.codebooks import find_word, list_words
from records.fields import KINDS, FieldType
from records.form_workbook import write_workbook
from records.forms import FORM_KINDS, LANGUAGES, build_form
from records.mapping import Mapping
from records.plan import list_expected_names
from tests.records.form_exports import list_questions

xls2xform = pytest.importorskip("pyxform.xls2xform", reason="pyxform is not installed")

VERSION = "20261122"
FACTORIES = {"F001": "Golden Needle", "F002": "រោងចក្រ ពីរ", "F003": ""}
KHMER = re.compile(r"[\u1780-\u17ff]")
XFORMS = "{http://www.w3.org/2002/xforms}"
REPEAT_KINDS = {"casualties": "casualty", "vehicles": "vehicle"}


def build(kind, *, factories=None):
    return build_form(kind, version=VERSION, factories=factories, area="a" if factories else "")


def convert(form):
    warnings: list[str] = []
    converted = xls2xform.convert(write_workbook(form), warnings=warnings, file_type=".xlsx")
    return converted.xform, warnings


both = pytest.mark.parametrize("factories", [None, FACTORIES], ids=["typed", "listed"])
every_kind = pytest.mark.parametrize("kind", FORM_KINDS)


@every_kind
@both
def test_pyxform_accepts_it_without_a_warning(kind, factories):
    xform, warnings = convert(build(kind, factories=factories))
    assert warnings == []
    root = ET.fromstring(xform)
    texts = {
        node.get("lang"): {text.get("id"): "".join(text.itertext()).strip() for text in node}
        for node in root.iter(f"{XFORMS}translation")
    }
    assert set(texts) == set(LANGUAGES.values())
    english, khmer = texts["English (en)"], texts["Khmer (km)"]
    assert set(english) == set(khmer)
    assert "-" not in {*english.values(), *khmer.values()}  # what pyxform puts for none
    is_khmer = {key for key, text in khmer.items() if KHMER.search(text)}
    # a factory's name is as it was recorded
    assert {key for key in set(khmer) - is_khmer if not key.startswith("factory-")} == set()
    assert not any(KHMER.search(t) for k, t in english.items() if not k.startswith("factory-"))


@every_kind
@both
def test_each_question_is_a_field_or_is_named_as_not_imported(kind, factories):
    form = build(kind, factories=factories)
    for one in list_questions(form):
        fields = KINDS[REPEAT_KINDS.get(one.repeat, kind)].field_names
        if one.type == "geopoint":
            assert {"lon", "lat"} <= set(fields)
        else:
            assert (one.name in fields) != (one.name in form.not_imported), one.name


@every_kind
def test_what_is_not_imported_cannot_be_taken_for_a_field(kind):
    form = build(kind)
    groups = [row["name"] for row in form.survey if row["type"].startswith("begin")]
    kinds = {kind, *(REPEAT_KINDS[one.repeat] for one in list_questions(form) if one.repeat)}
    for other in kinds:
        names = list_expected_names(KINDS[other], Mapping.model_validate({"kind": other}))
        not_fields = {name for name in form.not_imported if name not in KINDS[other].field_names}
        assert not names & not_fields
        assert not (names & set(groups)) - set(REPEAT_KINDS)


@every_kind
def test_types_choices_and_requirements_are_those_of_the_fields(kind):
    form = build(kind)
    rows = {(row["name"], row["type"]): row for row in form.survey}
    repeats = {one.name: one.repeat for one in list_questions(form)}
    for (name, asked), row in rows.items():
        of = KINDS[REPEAT_KINDS.get(repeats.get(name, ""), kind)]
        one = next((one for one in of.fields if one.name == name), None)
        if one is None or asked == "calculate" or one.refers_to:
            continue
        if one.type is FieldType.COUNT:
            assert asked == "integer"
            assert "0" in row["constraint"]
        if one.type is FieldType.MOMENT:
            assert (asked, row["constraint"]) == ("dateTime", ". <= now()")
        if one.type is FieldType.WORDS:
            assert asked == f"select_multiple {one.codebook}"
        if one.type is FieldType.WORD:
            assert asked.startswith("select_one ")
        assert bool(row.get("required")) == (one.is_required or name == "injury")
        assert ("constraint" in row) == ("constraint_message::Khmer (km)" in row)


def test_every_word_that_a_form_offers_has_a_label_that_the_code_book_understands():
    lists = forms._read_all("choices.yaml", forms.ChoiceList)
    for name, one in lists.items():
        words = [word for word in list_words(one.codebook) if word not in one.leave_out]
        assert set(one.labels) == set(words), name
        for word, label in one.labels.items():
            assert find_word(one.codebook, label.en) == word, (name, label.en)
            assert KHMER.search(label.km), (name, word)
        assert len({label.km for label in one.labels.values()}) == len(words), name
    asked = {
        one.codebook
        for kind in (*FORM_KINDS, "casualty")
        for one in KINDS[kind].fields
        if one.codebook and one.name not in {"placed_by", "location_quality"}
    }
    assert asked == {one.codebook for one in lists.values()}


def test_a_word_without_a_label_stops_the_form(monkeypatch):
    monkeypatch.setitem(forms.list_words.__globals__["CODEBOOKS"]["light"], "dusk", "dusk")
    with pytest.raises(ConfigError, match=r"choices.yaml: light: 'dusk'"):
        build("crash")


@every_kind
def test_each_form_says_first_that_no_names_are_wanted(kind):
    first = build(kind).survey[0]
    assert first["type"] == "note"
    assert "names" in first["label::English (en)"]
    names = {row["name"] for row in build(kind).survey}
    assert not names & {"name", "phone", "deviceid", "username", "phonenumber", "driver"}
    types = {row["type"].split()[0] for row in build(kind).survey}
    assert not types & {"deviceid", "username", "phonenumber", "email", "audit", "start"}


@every_kind
def test_the_same_form_is_the_same_file(kind):
    form = build(kind, factories=FACTORIES)
    content = write_workbook(form)
    assert content == write_workbook(build(kind, factories=FACTORIES))
    other = build_form(kind, version="20261123", factories=FACTORIES, area="a")
    assert content != write_workbook(other)
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        assert {entry.date_time for entry in packed.infolist()} == {(2000, 1, 1, 0, 0, 0)}
        said = packed.read("docProps/core.xml").decode()
    assert set(re.findall(r"\d{4}-\d\d-\d\dT[\d:]+Z", said)) == {"2000-01-01T00:00:00Z"}


def test_the_workbook_holds_text_only():
    factories = {"=F1": "=1+1", "F2": "<b>${x}</b> [a](http://b)\n\u202eend"}
    form = build("crash", factories=factories)
    book = openpyxl.load_workbook(io.BytesIO(write_workbook(form)))
    assert book.sheetnames == ["survey", "choices", "settings"]
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row]
    assert {cell.data_type for cell in cells if cell.value is not None} == {"s"}
    shown = {row["name"]: row["label::Khmer (km)"] for row in form.choices}
    assert shown["=F1"] == "=1+1"
    assert shown["F2"] == "\u2039b\u203a$ {x}\u2039/b\u203a (a)(http://b) end"
    assert convert(form)[1] == []


def test_numbers_are_written_as_each_language_writes_them():
    (row,) = [row for row in build("vehicle").survey if row["name"] == "seats"]
    assert row["constraint_message::English (en)"] == "A whole number from 0 to 100."
    assert row["constraint_message::Khmer (km)"] == "ចំនួនគត់ពី ០ ដល់ ១០០។"


def test_settings():
    form = build("crash", factories=FACTORIES)
    assert form.settings["form_id"] == "safecommute_crash_a"
    assert form.settings["version"] == VERSION
    assert form.settings["default_language"] == "English (en)"
    assert build("crash").form_id == "safecommute_crash"


def test_factories_are_a_list_or_typed():
    listed = build("activity", factories=FACTORIES)
    asked = {row["name"]: row["type"] for row in listed.survey}
    assert asked["factories"] == "select_multiple factory"
    shown = [one for one in listed.choices if one["list_name"] == "factory"]
    labels = [one["label::English (en)"] for one in shown]
    assert [one["name"] for one in shown] == list(FACTORIES)
    assert labels == ["Golden Needle", "រោងចក្រ ពីរ", "F003"]
    typed = {row["name"]: row["type"] for row in build("activity").survey}
    assert typed["factories"] == "text"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"kind": "route"}, "use one of: crash, vehicle, observation, activity"),
        ({"kind": "crash", "version": "1.0"}, "YYYYMMDD"),
        ({"kind": "crash", "factories": {}}, "no factories"),
        ({"kind": "activity", "factories": {"F 1": "x", "F2": "y"}}, "1 of 2 .* first 'F 1'"),
    ],
)
def test_what_no_form_can_be_made_of(options, said):
    with pytest.raises(InputError, match=said):
        build_form(**{"version": VERSION, **options})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("title: {en: a, km: b}\nitems: [{field: nothing, label: {en: a, km: b}}]", "no field of"),
        ("title: {en: a, km: b}\nitems: [{field: has_time, label: {en: a, km: b}}]", "no field of"),
        ("title: {en: a, km: b}\nitems: [{field: light}]", "no label"),
        ("title: {en: a, km: b}\nitems: [{note: a, ask: b, label: {en: a, km: b}}]", "exactly one"),
        ("title: {en: a}\nitems: []", "title.km"),
        ("title: [", "cannot be read"),
    ],
)
def test_a_file_of_a_form_that_is_wrong(monkeypatch, tmp_path, text, said):
    for name in ("choices.yaml", "messages.yaml"):
        shutil.copy(forms.FORMS_FOLDER / name, tmp_path / name)
    (tmp_path / "crash.yaml").write_text(text, encoding="utf-8")
    monkeypatch.setattr(forms, "FORMS_FOLDER", tmp_path)
    forms._load.cache_clear()
    try:
        with pytest.raises(ConfigError, match=said):
            build("crash")
    finally:
        forms._load.cache_clear()
