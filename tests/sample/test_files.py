"""The same seed gives the same bytes, and the committed files are what the generator writes."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pandas as pd
import pytest

from sample.__main__ import main
from sample.names import SYNTHETIC_NOTE
from sample.write import DEFAULT_SEED, write_sample

WRITTEN = {
    *("osm/sample.osm.pbf", "boundaries/sample_provinces.geojson"),
    *("boundaries/sample_districts.geojson", "sample/truth.json"),
    *("sample/factories.csv", "sample/origins.csv", "sample/vehicles.csv"),
    *("sample/crashes.csv", "sample/casualties.csv", "sample/interventions.csv"),
}
MOST_BYTES = 3_000_000


def read_all(folder):
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_the_generator_writes_these_files_and_no_others(generated):
    assert set(read_all(generated)) == WRITTEN


@pytest.mark.parametrize("name", sorted(WRITTEN))
def test_the_committed_file_is_what_the_generator_writes(root, generated, name):
    assert (root / "data" / name).read_bytes() == (generated / name).read_bytes(), (
        f"data/{name} has drifted; run `make sample` and commit what it writes"
    )


def test_the_sample_is_small(generated):
    assert sum(len(content) for content in read_all(generated).values()) < MOST_BYTES


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bytes_in_another_process(root, generated, tmp_path):
    command = [sys.executable, "-m", "sample", "--out", str(tmp_path), "--seed", str(DEFAULT_SEED)]
    # Another hash seed: no byte may depend on the order of a set of words.
    environment = {**os.environ, "PYTHONHASHSEED": "12345", "TZ": "Asia/Phnom_Penh"}
    subprocess.run(command, check=True, cwd=root, env=environment, timeout=120)
    assert read_all(tmp_path) == read_all(generated)


@pytest.mark.slow
def test_another_seed_gives_another_sample(generated, tmp_path):
    write_sample(tmp_path, seed=DEFAULT_SEED + 1)
    mine, other = read_all(generated), read_all(tmp_path)
    same = {name for name in WRITTEN if mine[name] == other[name]}
    # The borders follow the river, which no seed moves; two pilots may be alike by chance.
    assert same <= {name for name in WRITTEN if "boundaries" in name or "interventions" in name}


def test_every_file_says_that_it_is_synthetic(generated, tables, truth):
    for name, content in read_all(generated).items():
        if name.endswith((".geojson", ".json")):
            assert SYNTHETIC_NOTE in content.decode("utf-8"), name
    assert SYNTHETIC_NOTE.startswith("SYNTHETIC")
    assert truth["note"] == SYNTHETIC_NOTE
    assert tables["factories"]["name"].str.contains("SYNTHETIC").all()
    assert tables["factories"]["brands"].str.contains("SYNTHETIC").all()
    assert tables["interventions"]["name"].str.contains("SYNTHETIC").all()
    assert tables["interventions"]["notes"].str.startswith("SYNTHETIC").all()


def test_the_readme_says_so_first_and_names_every_file(root):
    text = (root / "data" / "sample" / "README.md").read_text("utf-8")
    assert "SYNTHETIC" in text.splitlines()[0]
    assert "make sample" in text
    for name in WRITTEN:
        assert name.rpartition("/")[2] in text, f"README.md does not say what {name} is"


def simplify(text):
    """Return letters and digits only, so that "Co., Ltd." equals "CO LTD"."""
    return re.sub(r"[\W_]+", "", text.casefold())


def test_no_real_company_is_named(generated, shared_data, osm):
    listed = pd.read_csv(shared_data / "cambodia" / "factories_public_lists.csv", dtype=str)
    companies = {simplify(name) for name in listed["name"].dropna()}
    assert len(companies) == 56
    assert min(map(len, companies)) > 8  # long enough not to be met by chance
    ways, nodes = osm
    tags = [way["tags"] for way in ways] + nodes
    texts = {"sample.osm.pbf": " ".join(str(value) for item in tags for value in item.values())}
    texts |= {
        name: content.decode("utf-8")
        for name, content in read_all(generated).items()
        if not name.endswith(".pbf")
    }
    for name, text in texts.items():
        plain = simplify(text)
        assert not {company for company in companies if company in plain}, name


def test_no_real_village_is_named(shared_data, osm):
    listed = pd.read_csv(shared_data / "cambodia" / "villages_points.csv", dtype=str)
    real = {simplify(name) for name in listed["village"].dropna()}
    assert len(real) > 1_000
    invented = {simplify(node["name"]) for node in osm[1] if "place" in node}
    assert len(invented) == 63
    assert not invented & real


@pytest.mark.parametrize("seed", ["-1", "1.5", "one", ""])
def test_a_seed_that_is_none_is_an_error_of_usage(tmp_path, seed, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["--out", str(tmp_path), f"--seed={seed}"])
    assert stopped.value.code == 2
    assert "is not a whole number from 0" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_said_in_one_line(tmp_path, capsys, monkeypatch):
    def refuse(out, **options):
        raise PermissionError(13, "Permission denied", str(out))

    monkeypatch.setattr("sample.__main__.write_sample", refuse)
    assert main(["--out", str(tmp_path / "no")]) == 1
    message = capsys.readouterr().err
    assert "cannot be written: Permission denied" in message
    assert message.count("\n") == 1
