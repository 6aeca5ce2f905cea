"""Answers to a form, invented from its own rows, and the exports that would hold them."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import openpyxl

from records.forms import Form

TEXTS = ("Testville", "ផ្លូវជាតិលេខ ៤", "=1+1", "a; b, c", "<b>x</b>")
SILENT = ("begin", "end", "calculate")
INJURIES = ("fatal", "serious", "slight", "uninjured")


@dataclass
class Question:
    """A row of the survey sheet that a submission holds a value of."""

    name: str
    type: str
    path: str  # of the groups it is in, with a slash at the end
    repeat: str
    words: list[str] = field(default_factory=list)


def list_questions(form: Form) -> list[Question]:
    """Return what a submission holds, in the order of the form."""
    words: dict[str, list[str]] = {}
    for choice in form.choices:
        words.setdefault(choice["list_name"], []).append(choice["name"])
    groups: list[str] = []
    repeat = ""
    found = []
    for row in form.survey:
        kind, _, of = row["type"].partition(" ")
        if kind.startswith("begin"):
            groups.append(row["name"])
            repeat = row["name"] if kind == "begin_repeat" else repeat
        elif kind.startswith("end"):
            groups.pop()
            repeat = "" if kind == "end_repeat" else repeat
        else:
            path = "".join(f"{group}/" for group in groups)
            found.append(Question(row["name"], kind, path, repeat, words.get(of, [])))
    return found


class Answers:
    """Submissions of a form: one dictionary each, repeat groups as lists in it."""

    def __init__(self, form: Form, *, count: int, seed: int) -> None:
        self.form = form
        self.questions = list_questions(form)
        self._rng = np.random.default_rng(seed)
        self.submissions = [self._fill(number) for number in range(count)]

    def _pick(self, values):
        return values[int(self._rng.integers(len(values)))]

    def _answer(self, one: Question) -> str:
        if one.type in {"note", "calculate"} or self._rng.random() < 0.2:
            return ""
        rng = self._rng
        match one.type:
            case "dateTime":
                day, hour = rng.integers(1, 29), rng.integers(0, 24)
                return f"2024-{rng.integers(1, 13):02d}-{day:02d}T{hour:02d}:15:00.000+07:00"
            case "date":
                return f"2024-{rng.integers(1, 13):02d}-{rng.integers(1, 29):02d}"
            case "geopoint":
                return f"{rng.uniform(10, 14):.6f} {rng.uniform(102, 107):.6f} 12.5 4.2"
            case "integer":
                return str(rng.integers(0, 4))
            case "decimal":
                return f"{rng.uniform(0, 90):.1f}"
            case "select_one":
                return self._pick(one.words)
            case "select_multiple":
                return " ".join(w for w in one.words if rng.random() < 0.4)
            case "image":
                return f"{rng.integers(10**12)}.jpg"
        return self._pick(TEXTS)

    def _answer_all(self, repeat: str) -> dict[str, str]:
        answers = {one.name: self._answer(one) for one in self.questions if one.repeat == repeat}
        required = {row["name"] for row in self.form.survey if row.get("required")}
        for one in self.questions:
            while one.repeat == repeat and one.name in required and not answers[one.name]:
                answers[one.name] = self._answer(one)
        return answers

    def _fill(self, number: int) -> dict:
        answers: dict = {"_uuid": f"{number:04d}-abcd", **self._answer_all("")}
        repeats = {one.repeat for one in self.questions if one.repeat}
        for repeat in sorted(repeats):
            answers[repeat] = [self._answer_all(repeat) for _ in range(self._rng.integers(0, 3))]
        if self.form.kind == "crash":
            injuries = [one["injury"] for one in answers["casualties"]]
            for name, word in zip(("n_killed", "n_serious", "n_slight"), INJURIES, strict=False):
                answers[name] = str(injuries.count(word)) if injuries else ""
            answers["n_people"] = str(len(injuries)) if injuries else ""
            worst = next((word for word in INJURIES if word in injuries), "")
            answers["severity"] = "" if worst == "uninjured" else worst
            answers["n_vehicles"] = str(len(answers["vehicles"]))
        return answers

    def rows_of(self, repeat: str) -> list[tuple[int, int, dict]]:
        """Return number of the submission, number of the row, and answers."""
        rows = [
            (parent, row)
            for parent, one in enumerate(self.submissions, 1)
            for row in (one[repeat] if repeat else [one])
        ]
        return [(parent, at, row) for at, (parent, row) in enumerate(rows, 1)]


def make_cells(one: Question, value: str, *, groups: bool) -> dict[str, object]:
    """Return the columns that KoboToolbox makes of one question."""
    name = f"{one.path}{one.name}" if groups else one.name
    cells: dict[str, object] = {name: value}
    if one.type == "geopoint":
        parts = value.split() or [""] * 4
        ends = ("latitude", "longitude", "altitude", "precision")
        cells |= {f"_{name}_{end}": part for end, part in zip(ends, parts, strict=True)}
    if one.type == "select_multiple":
        chosen = value.split()
        cells |= {f"{name}/{w}": (int(w in chosen) if value else "") for w in one.words}
    if one.type == "image":
        cells[f"{name}_URL"] = f"https://example.org/{value}" if value else ""
    return cells


def make_table(answers: Answers, repeat: str, *, groups: bool) -> list[dict[str, object]]:
    """Return the rows of one sheet of a KoboToolbox export."""
    rows = []
    for parent, at, given in answers.rows_of(repeat):
        row: dict[str, object] = {}
        for one in answers.questions:
            if one.repeat == repeat:
                row |= make_cells(one, given[one.name], groups=groups)
        uuid = answers.submissions[parent - 1]["_uuid"]
        if repeat:
            row |= {
                "_index": at,
                "_parent_table_name": answers.form.settings["form_title"],
                "_parent_index": parent,
                "_submission__id": 7000 + parent,
                "_submission__uuid": uuid,
            }
        else:
            row |= {
                "_id": 7000 + parent,
                "_uuid": uuid,
                "_submission_time": "2025-01-01T00:00:00",
                "_validation_status": "",
                "_notes": "",
                "_status": "submitted_via_web",
                "_submitted_by": "somebody",
                "__version__": "vAbC",
                "_tags": "",
                "_index": at,
            }
        rows.append(row)
    return rows


def write_kobo_workbook(answers: Answers, path: Path, *, groups: bool = True) -> Path:
    """Write the export with XML values and headers, a sheet for each repeat group."""
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    names = ["", *dict.fromkeys(one.repeat for one in answers.questions if one.repeat)]
    for repeat in names:
        sheet = book.create_sheet(repeat or answers.form.settings["form_title"])
        rows = make_table(answers, repeat, groups=groups)
        for number, values in enumerate([list(rows[0]), *(list(row.values()) for row in rows)], 1):
            for at, value in enumerate(values, 1):
                cell = sheet.cell(number, at)
                cell.value = value
                if isinstance(value, str):
                    cell.data_type = "s"
    book.save(path)
    return path


def write_kobo_csv(answers: Answers, path: Path, *, groups: bool = True) -> Path:
    """Write the export as text: semicolons, every cell quoted, no repeat groups."""
    rows = make_table(answers, "", groups=groups)
    with path.open("w", encoding="utf-8-sig", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]), delimiter=";", quoting=csv.QUOTE_ALL)
        writer.writeheader()
        writer.writerows(rows)
    return path


def write_central_csv(answers: Answers, folder: Path) -> dict[str, Path]:
    """Write the files of an ODK Central export by their repeat group ("" is the form)."""
    written = {}
    names = ["", *dict.fromkeys(one.repeat for one in answers.questions if one.repeat)]
    for repeat in names:
        rows = []
        counted: dict[int, int] = {}
        for parent, _, given in answers.rows_of(repeat):
            row: dict[str, object] = {} if repeat else {"SubmissionDate": "2025-01-01T00:00:00Z"}
            for one in answers.questions:
                if one.repeat != repeat or one.type == "note":
                    continue
                path = one.path.removeprefix(f"{repeat}/") if repeat else one.path
                name = f"{path}{one.name}".replace("/", "-")
                value = given[one.name]
                if one.type == "geopoint":
                    parts = value.split() or [""] * 4
                    ends = ("Latitude", "Longitude", "Altitude", "Accuracy")
                    row |= {f"{name}-{end}": p for end, p in zip(ends, parts, strict=True)}
                else:
                    row[name] = value
            key = f"uuid:{answers.submissions[parent - 1]['_uuid']}"
            counted[parent] = counted.get(parent, 0) + 1
            if repeat:
                row |= {"PARENT_KEY": key, "KEY": f"{key}/{repeat}[{counted[parent]}]"}
            else:
                row |= {"meta-instanceID": key, "KEY": key, "SubmitterID": "3"}
                row |= {"AttachmentsPresent": "1", "AttachmentsExpected": "1", "Edits": "0"}
            rows.append(row)
        name = answers.form.form_id + (f"-{repeat}" if repeat else "")
        written[repeat] = folder / f"{name}.csv"
        with written[repeat].open("w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    return written
