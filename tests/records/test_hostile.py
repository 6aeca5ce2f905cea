"""Hostile content: kept as text or refused with a reason; no traceback, no lost row."""

from __future__ import annotations

import csv
import random
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import DataSourceError, SafeCommuteError
from records.database import Database
from records.intake import import_file
from records.rejects import RejectsFile, make_safe

HEADER = b"source_id,occurred_at,lon,lat,severity,n_killed,road_users,narrative\n"
ROW = '{},2024-03-05 07:{:02d},104.9,11.5,slight,0,car;bus,"hit a dog, ""hard"""\n'
VALID = HEADER + "".join(ROW.format(i, i) for i in range(12)).encode()


@pytest.mark.parametrize(
    "narrative",
    [
        "<script>alert(1)</script>",
        "=HYPERLINK(1)",
        "Robert'); DROP TABLE crash;--",
        "ភ្នំពេញ 🚌",
        "%s {0} \\N",
        "nan is a name",
    ],
)
def test_text_is_kept_as_it_is(database, write, take, narrative):
    path = write(HEADER + f"1,2024-03-05,104.9,11.5,slight,0,car,{narrative}\n".encode())
    assert take(path).accepted == 1
    assert database.read("crash", "a")["narrative"].tolist() == [narrative]


def test_refused_rows_cannot_run_in_a_spreadsheet(write, take, tmp_path):
    cells = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "plain"]
    lines = [f"1,{cell},1,1,slight,0,car,{cell}" for cell in cells]
    path = write(HEADER + "\n".join(lines).encode())
    report = take(path, rejects_dir=tmp_path)
    assert report.rejected == len(cells)
    with Path(report.rejects_file).open(encoding="utf-8-sig", newline="") as handle:
        listed = [row[3] for row in csv.reader(handle)][1:]
    assert listed == ["'=1+1", "'+1", "'-1", "'@SUM(A1)", "'\t=1", "plain"]


def test_formulas_in_headers_are_made_safe_too(write, take, tmp_path):
    path = write("occurred_at,lon,lat,=cmd|x\n,1,1,2\n")
    report = take(path, rejects_dir=tmp_path)
    assert "'=cmd|x" in Path(report.rejects_file).read_text(encoding="utf-8-sig")


def test_long_cells_are_cut_in_the_list_only(write, take, database, tmp_path):
    long = "x" * 100_000
    path = write(HEADER + f"1,,1,1,slight,0,car,{long}\n2,2024-01-01,1,1,,,,{long}\n".encode())
    report = take(path, rejects_dir=tmp_path)
    assert (report.accepted, report.rejected) == (1, 1)
    assert len(database.read("crash", "a")["narrative"].iloc[0]) == 100_000
    assert Path(report.rejects_file).stat().st_size < 40_000


def test_thousands_of_different_unknown_words_stay_one_short_report(write, take):
    rows = "".join(f"{i},2024-01-01,1,1,word{i},0,,\n" for i in range(3000))
    report = take(write(HEADER + rows.encode()))
    assert report.rejected == 3000
    assert len(report.reasons) <= 61


def test_the_list_of_refused_rows_appears_whole_or_not_at_all(tmp_path):
    with RejectsFile(tmp_path, "r.csv", ["a"]) as rejects:
        rejects.write([(2, "why", ["x"])])
        assert not (tmp_path / "r.csv").exists()
    assert list(tmp_path.iterdir()) == []
    with RejectsFile(tmp_path, "r.csv", ["a"]) as rejects:
        assert rejects.keep() == ""
    assert list(tmp_path.iterdir()) == []


def test_a_list_that_cannot_be_written_stops_the_import(database, write, tmp_path):
    path = write(HEADER + b"1,,1,1,slight,0,,\n2,2024-01-01,1,1,slight,0,,\n")
    (tmp_path / "blocked").write_text("a file")
    with pytest.raises(SafeCommuteError, match="nothing was imported"):
        import_file(database, "crash", path, area="a", rejects_dir=tmp_path / "blocked" / "in")
    assert database.count("crash", "a") == 0


def test_a_workbook_that_unpacks_to_too_much_is_refused(database, tmp_path, monkeypatch):
    monkeypatch.setattr("records.xlsx.MAX_UNZIPPED_BYTES", 1_000_000)
    path = tmp_path / "bomb.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", b"0" * 1_000_001)
    assert path.stat().st_size < 2_000
    with pytest.raises(DataSourceError, match="unpacks to"):
        import_file(database, "crash", path, area="a")


def test_a_workbook_that_is_only_a_zip(database, tmp_path):
    path = tmp_path / "other.xlsx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("hello.txt", "hello")
    with pytest.raises(DataSourceError, match="cannot be read"):
        import_file(database, "crash", path, area="a")


def mutate(content: bytes, rng: random.Random) -> bytes:
    """Damage a file the way transport, editors and people do."""
    data = bytearray(content)
    for _ in range(rng.randint(1, 6)):
        at = rng.randrange(len(data) + 1)
        match rng.randrange(7):
            case 0:
                data[at:at] = rng.choice([b'"', b",", b"\n", b"\r", b"\0", b";", b"\xff", b"'"])
            case 1:
                del data[at : at + rng.randint(1, 30)]
            case 2:
                data[at:at] = rng.randbytes(rng.randint(1, 20))
            case 3:
                data[at:at] = data[max(0, at - 60) : at]
            case 4:
                data = data[: max(1, at)]
            case 5:
                data[at : at + 1] = rng.choice([b"=", b"-", b"<b>", b"9" * 400, b"1e309"])
            case _:
                data[at:at] = rng.choice(["ភ", "\u202e", "\U0001d7d8", "\u2028"]).encode(
                    "utf-16-le"
                )
    return bytes(data)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=8, deadline=None
)
@given(seed=st.integers(0, 2**32 - 1))
def test_damaged_files_are_accounted_for_or_refused(write, tmp_path, seed):
    path = write(mutate(VALID, random.Random(seed)))
    with Database("sqlite://") as database:
        try:
            report = import_file(database, "crash", path, area="a", rejects_dir=tmp_path)
        except SafeCommuteError:
            return
        outcomes = (report.accepted, report.updated, report.unchanged, report.duplicates)
        assert report.read == sum(outcomes) + report.rejected
        assert database.count("crash", "a") == report.accepted
        again = import_file(database, "crash", path, area="a", rejects_dir=tmp_path)
        assert again.accepted == again.updated == 0
        assert again.read == report.read


@settings(deadline=None)
@given(st.text(max_size=40))
def test_no_cell_starts_like_a_formula(cell):
    assert not make_safe(cell).startswith(("=", "+", "-", "@", "\t", "\r"))
    assert make_safe(cell).endswith(cell)
