"""What leaves a run for other programs: whole, described, safe, and nobody's name."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
from contextlib import closing

import geopandas as gpd
import pandas as pd
import pyogrio
import pytest
from click.testing import CliRunner

from core.errors import DataSourceError, InputError, MissingDataError
from core.settings import Settings
from pipeline import export_commutes, export_measures, exports
from pipeline.areas import SAMPLE_GENERATOR, AreaSources, add_area
from pipeline.cli import cli
from pipeline.export_commutes import COMMUTE_LAYERS
from pipeline.export_measures import MEASURE_LAYERS
from pipeline.exports import (
    CRASH_COLUMNS,
    EXPORT_FORMATS,
    PRIVATE_COLUMNS,
    describe_columns,
    export_run,
    hide_few,
    keep_described,
    load_dictionary,
    make_cells_safe,
    read_layers,
)
from pipeline.imports import import_records
from pipeline.run import run_area
from pipeline.runs import find_published_run, load_table, publish_run
from pipeline.workspace import open_workspace

EAST, NORTH = 104.84, 11.4  # on the trunk road of the small world
LAYERS = [
    *("segments", "intersections", "hotspots", "crashes", "factories", "unplaced_crashes"),
    *MEASURE_LAYERS,
    *COMMUTE_LAYERS,
]
FORMULA = '=HYPERLINK("http://evil.example","x")'
CRASHES = f"""source_id,occurred_at,lon,lat,road_name,village,severity,n_killed,road_users,\
is_worker_commute,factory_id,collision_type,narrative
secret-1,2021-01-04 06:30,{EAST},{NORTH},{FORMULA.replace('"', '""').join('""')},Home,fatal,1,car,\
yes,F1,+1,Sok Dara fell
secret-2,2021-02-05 18:30,{EAST},{NORTH},ផ្លូវជាតិ,Home,slight,,car,yes,F1,@x,Sok Dara again
secret-3,2021-03-06,"seen by Sok Dara",x,-2+3,Home,serious,,car,no,,head-on,no place
secret-4,2022-12-07 10:00,{EAST + 0.5},{NORTH},far away,Home,slight,,car,unknown,,,outside
"""
FACTORIES = f"""factory_id,name,lon,lat,workers,female_workers,shifts,brands,province,is_pilot
F1,=Garment One,{EAST},{NORTH + 0.001},1200,1100,06:30,Brandname,Testland,yes
F2,Nowhere Knitting,,,,,,,,
"""


@pytest.fixture(scope="module")
def made():
    """Hold what is made once for all tests here: the world and its exports."""
    return {}


@pytest.fixture
def world(made, tmp_path_factory, make_roads, make_crashes):
    """Return a published synthetic run with hostile and private cells; never changed."""
    if "world" not in made:
        folder = tmp_path_factory.mktemp("world")
        roads = make_roads()
        text = roads.read_text(encoding="utf-8")
        roads.write_text(text.replace('generator="test"', f'generator="{SAMPLE_GENERATOR}"'))
        workspace, settings = open_workspace(folder / "home"), Settings()
        sources = AreaSources(roads=roads, kind="osm")
        add_area(workspace, "test", sources, name="Test", settings=settings)
        (folder / "hostile.csv").write_text(CRASHES, encoding="utf-8")
        (folder / "factories.csv").write_text(FACTORIES, encoding="utf-8")
        import_records(workspace, "crash", folder / "hostile.csv", area="test")
        import_records(workspace, "crash", make_crashes(), area="test")
        import_records(workspace, "factory", folder / "factories.csv", area="test")
        run = run_area(workspace, "test", settings=settings)
        publish_run(workspace, "test", run["run_id"])
        made["world"] = workspace
    return made["world"]


@pytest.fixture
def files(made, world, tmp_path_factory):
    """Return the files of the export by format."""
    if "files" not in made:
        folder = tmp_path_factory.mktemp("out")
        made["files"] = {
            one: export_run(world, "test", file_format=one, out=folder / one / f"x.{one}")
            for one in EXPORT_FORMATS
        }
    return made["files"]


@pytest.fixture
def run_folder(world):
    return find_published_run(world.home, "test")


def read_format(paths, file_format):
    """Return the layers of an export by name, and its dictionary."""
    if file_format == "gpkg":
        names = [name for name, _ in pyogrio.list_layers(paths[0])]
        assert set(names) == {*LAYERS, "layer_styles", "data_dictionary"}
        tables = {name: pyogrio.read_dataframe(paths[0], layer=name) for name in LAYERS}
        return tables, pyogrio.read_dataframe(paths[0], layer="data_dictionary")
    read = {"csv": pd.read_csv, "parquet": pd.read_parquet}[file_format]
    tables = dict(zip(LAYERS, [read(path) for path in paths[:-1]], strict=True))
    return tables, pd.read_csv(paths[-1], keep_default_na=False)


@pytest.mark.parametrize("file_format", EXPORT_FORMATS)
def test_every_row_leaves_in_every_format(files, run_folder, file_format):
    tables, _ = read_format(files[file_format], file_format)
    sites = load_table(run_folder, "sites")["site_type"].value_counts()
    crashes = load_table(run_folder, "crashes")
    kinds = load_table(run_folder, "screening")["site_type"].value_counts()
    n_variants = len(load_table(run_folder, "hotspot_variants"))
    assert list(tables) == LAYERS
    assert {name: len(table) for name, table in tables.items()} == {
        "segments": sites["segment"],
        "intersections": sites["intersection"],
        "hotspots": len(load_table(run_folder, "hotspots")),
        "crashes": crashes["site_id"].notna().sum(),
        "factories": 2,
        "unplaced_crashes": 3,
        "segment_measures": sites["segment"],
        "intersection_measures": sites["intersection"],
        "corridors": kinds["corridor"],
        "windows": len(load_table(run_folder, "corridor_windows")),
        "high_injury": len(load_table(run_folder, "high_injury")),
        "hotspot_variants": n_variants,
        **{name: len(load_table(run_folder, name)) for name in COMMUTE_LAYERS},
    }
    assert n_variants
    assert len(tables["crashes"]) + 3 == len(crashes) == 80
    assert tables["unplaced_crashes"]["unplaced_reason"].notna().all()
    assert tables["hotspots"].shape[0] >= 1


@pytest.mark.parametrize("file_format", EXPORT_FORMATS)
def test_a_crash_without_a_place_can_be_found_in_its_file(files, file_format):
    tables, _ = read_format(files[file_format], file_format)
    unplaced = tables["unplaced_crashes"]
    where = list(zip(unplaced["source_file"], unplaced["source_row"].astype(int), strict=True))
    assert sorted(where) == [("crashes.csv", 77), ("hostile.csv", 4), ("hostile.csv", 5)]
    others = set().union(*(set(tables[name]) for name in LAYERS if name != "unplaced_crashes"))
    assert not others & {"source_file", "source_row", "import_id", "row_number"}


def test_an_import_nobody_recorded_leaves_the_file_empty(run_folder):
    unplaced = read_layers(run_folder, {})["unplaced_crashes"]
    assert unplaced["source_file"].isna().all()
    assert sorted(unplaced["source_row"]) == [4, 5, 77]


@pytest.mark.parametrize("file_format", EXPORT_FORMATS)
def test_every_column_of_every_layer_is_described(files, file_format):
    tables, dictionary = read_format(files[file_format], file_format)
    described = set(zip(dictionary["layer"], dictionary["column"], strict=True))
    shape = {"gpkg": {"geometry": "geom"}}.get(file_format, {})
    written = {(name, shape.get(c, c)) for name, table in tables.items() for c in table.columns}
    assert described == written
    assert dictionary["meaning"].str.len().min() > 5


def test_the_dictionary_describes_nothing_that_never_leaves(files):
    leaving = set()
    for one, paths in files.items():
        for layer, column in read_format(paths, one)[1][["layer", "column"]].to_numpy():
            leaving |= {column, f"{layer}.{column}"}
    described = load_dictionary()["column"]
    assert described.is_unique
    assert set(described) - leaving == set()


def test_a_meaning_of_one_layer_goes_before_that_of_all():
    layers = {name: pd.DataFrame({"p_value": [0.5]}) for name in ("hotspots", "windows")}
    hotspot, window = describe_columns(layers)["meaning"]
    assert "hotspot's most unlikely place" in hotspot
    assert "n_predicted" in window
    assert list(keep_described(pd.DataFrame({"shift": ["any"]}), "commute_groups")) == ["shift"]


@pytest.mark.parametrize("file_format", EXPORT_FORMATS)
def test_synthetic_is_said_in_every_layer(files, file_format):
    tables, _ = read_format(files[file_format], file_format)
    assert all(table["note"].str.startswith("SYNTHETIC").all() for table in tables.values())


def test_synthetic_is_said_of_the_layers_themselves(files):
    with closing(sqlite3.connect(files["gpkg"][0])) as connection:
        rows = connection.execute("SELECT table_name, description FROM gpkg_contents").fetchall()
    assert {name for name, text in rows if "SYNTHETIC" in text} == {*LAYERS, "data_dictionary"}


def test_real_data_are_not_called_synthetic(run_folder, monkeypatch):
    monkeypatch.setattr(exports, "load_manifest", lambda _: {"is_synthetic": False})
    assert all("note" not in layer for layer in read_layers(run_folder, {}).values())


@pytest.mark.parametrize("file_format", EXPORT_FORMATS)
def test_nothing_that_points_at_a_person_leaves(files, file_format):
    tables, _ = read_format(files[file_format], file_format)
    for table in tables.values():
        assert not set(PRIVATE_COLUMNS) & set(table.columns)
        text = table.drop(columns="geometry", errors="ignore").to_csv()
        for word in ("secret-", "Sok Dara", "Home", "<script", "Brandname", "F1"):
            assert word not in text
    assert set(tables["factories"]) - {"geometry", "lon", "lat", "note"} == {
        *("name", "workers", "province", "is_pilot")
    }


def test_a_crash_column_leaves_only_when_it_is_on_the_list(run_folder, monkeypatch):
    def load(folder, name):
        table = load_table(folder, name)
        return table.assign(source="x", driver_name="Sok") if name == "crashes" else table

    monkeypatch.setattr(exports, "load_table", load)
    layers = read_layers(run_folder, {})
    assert "driver_name" not in layers["crashes"]
    assert "driver_name" not in layers["unplaced_crashes"]
    assert not set(CRASH_COLUMNS) & set(PRIVATE_COLUMNS)


def test_small_numbers_of_workers_are_not_told(run_folder):
    counts = pd.DataFrame({"n_worker_commute": [0, 1, 4, 5, 12]})
    hidden = hide_few(counts)["n_worker_commute"]
    assert hidden.tolist() == [0, pd.NA, pd.NA, 5, 12]
    assert counts["n_worker_commute"].tolist() == [0, 1, 4, 5, 12]
    told = read_layers(run_folder, {})["hotspots"]["n_worker_commute"].dropna()
    assert not told.between(1, 4).any()


def test_a_column_nobody_described_stays_and_is_named(caplog):
    layer = pd.DataFrame({"site_id": ["S1"], "stray": [1], "narrative": ["x"], "n_lixels": [2]})
    assert list(keep_described(layer, "segments")) == ["site_id"]
    assert "segments: 1 column(s)" in caplog.text
    assert "stray" in caplog.text


def test_a_run_has_no_column_that_nobody_described(run_folder, caplog):
    read_layers(run_folder, {})
    assert caplog.text == ""


def test_no_cell_of_a_csv_is_a_formula(files):
    for path in files["csv"]:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
        for column in table.select_dtypes("str"):
            risky = table.loc[table[column].str.match(r"[=+@\-\t\r\n]"), column]
            assert all(re.fullmatch(r"-?\d+(\.\d+)?(e-?\d+)?", cell) for cell in risky), column
    crashes = pd.read_csv(files["csv"][LAYERS.index("crashes")])
    assert crashes["collision_type"].dropna().tolist() == ["'+1", "'@x"]
    assert f"'{FORMULA}" in set(crashes["road_name"])
    factories = pd.read_csv(files["csv"][LAYERS.index("factories")])
    assert factories["name"].tolist() == ["'=Garment One", "Nowhere Knitting"]


def test_making_cells_safe_leaves_numbers_gaps_and_the_table_given_alone():
    table = pd.DataFrame({"n": [-1.5, 2.0], "text": ["-1", None], "safe": ["a=b", "ក"]})
    safe = make_cells_safe(table)
    assert safe["n"].tolist() == [-1.5, 2.0]
    assert safe["text"].iloc[0] == "'-1"
    assert safe["text"].isna().tolist() == [False, True]
    assert safe["safe"].tolist() == ["a=b", "ក"]
    assert table["text"].iloc[0] == "-1"


def test_times_and_truths_of_a_csv_are_written_as_ever(files):
    crashes = files["csv"][LAYERS.index("crashes")]
    times = pd.read_csv(crashes, dtype=str)
    assert "2021-01-04 06:30:00" in set(times["occurred_at"])
    assert set(times["has_time"]) == {"True"}
    assert set(times["is_ambiguous"]) == {"False"}


def test_a_run_of_before_there_were_measures_leaves_without_them(run_folder, tmp_path):
    old = tmp_path / "old"
    shutil.copytree(run_folder, old)
    for name in ("screening", "commute_rates"):
        (old / f"{name}.parquet").unlink()
    assert list(read_layers(old, {})) == LAYERS[:6]


def test_a_csv_opens_in_a_spreadsheet_with_khmer_and_true_places(files):
    path = files["csv"][LAYERS.index("crashes")]
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    crash = pd.read_csv(path).set_index("road_name").loc["ផ្លូវជាតិ"]
    assert (crash["lon"], crash["lat"]) == (EAST, NORTH)
    segments = pd.read_csv(files["csv"][0])
    lines = gpd.GeoSeries.from_wkt(segments["wkt"], crs=4326)
    metric = lines.to_crs(lines.estimate_utm_crs())
    assert metric.length.to_numpy() == pytest.approx(segments["length_m"].to_numpy(), abs=0.5)
    factories = pd.read_csv(files["csv"][LAYERS.index("factories")])
    assert factories["lon"].tolist() == pytest.approx([EAST, float("nan")], nan_ok=True)


def test_the_geopackage_holds_shapes_of_one_kind_each_and_a_plain_table(files):
    path = files["gpkg"][0]
    kinds = {name: pyogrio.read_info(path, layer=name)["geometry_type"] for name in LAYERS}
    assert kinds == {
        "segments": "LineString",
        "intersections": "Point",
        "hotspots": "MultiLineString",
        "crashes": "Point",
        "factories": "Point",
        "unplaced_crashes": None,
        **MEASURE_LAYERS,
        **dict.fromkeys(COMMUTE_LAYERS),
    }
    crashes = pyogrio.read_dataframe(path, layer="crashes")
    assert crashes.crs.is_projected
    assert (~crashes.geometry.is_empty & crashes.geometry.notna()).all()
    factories = pyogrio.read_dataframe(path, layer="factories")
    assert factories.geometry.isna().tolist() == [False, True]


def test_geoparquet_keeps_shapes_and_types(files, run_folder):
    segments = gpd.read_parquet(files["parquet"][0])
    assert segments.crs == load_table(run_folder, "segments").crs
    crashes = gpd.read_parquet(files["parquet"][LAYERS.index("crashes")])
    assert crashes["occurred_at"].dtype.kind == "M"


@pytest.mark.parametrize("file_format", EXPORT_FORMATS)
def test_a_run_without_hotspots_or_crashes_still_has_every_layer(
    run_folder, tmp_path, world, monkeypatch, file_format
):
    def load(folder, name):
        table = load_table(folder, name)
        return table.iloc[:0] if name in emptied else table

    emptied = {"hotspots", "crashes", "factories", "corridor_windows", "high_injury"}
    emptied |= {"hotspot_variants", *COMMUTE_LAYERS}
    for module in (exports, export_measures, export_commutes):
        monkeypatch.setattr(module, "load_table", load)
    out = tmp_path / f"x.{file_format}"
    paths = export_run(world, "test", file_format=file_format, out=out)
    tables, dictionary = read_format(paths, file_format)
    assert list(tables) == LAYERS
    assert {len(tables[name]) for name in emptied - {"corridor_windows"} | {"windows"}} == {0}
    if file_format == "csv":
        assert "wkt" in set(dictionary.loc[dictionary["layer"] == "hotspots", "column"])


@pytest.mark.parametrize(
    ("file_format", "name", "right"),
    [("gpkg", "x.csv", "x.gpkg"), ("parquet", "x", "x.parquet"), ("csv", "a.b.gpkg", "a.b.csv")],
)
def test_a_wrong_suffix_names_the_right_one(world, tmp_path, file_format, name, right):
    with pytest.raises(InputError, match=rf"must end in \.{file_format}; call it {right}\."):
        export_run(world, "test", file_format=file_format, out=tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_an_unknown_format_names_the_known_ones(world, tmp_path):
    with pytest.raises(InputError, match="'shp' is not known; use one of: gpkg, parquet, csv"):
        export_run(world, "test", file_format="shp", out=tmp_path / "x.shp")


def test_nothing_published_says_what_to_do(workspace, area, tmp_path):
    with pytest.raises(MissingDataError, match="safecommute run test --publish"):
        export_run(workspace, area, file_format="csv", out=tmp_path / "x.csv")


def test_a_run_that_is_not_there_names_those_that_are(world, run_folder, tmp_path):
    with pytest.raises(MissingDataError, match=run_folder.name):
        export_run(world, "test", file_format="csv", out=tmp_path / "x.csv", run_id="nope")


@pytest.mark.parametrize("file_format", EXPORT_FORMATS)
def test_a_folder_that_cannot_be_written_is_one_clear_error(world, tmp_path, file_format):
    (tmp_path / "file").write_text("not a folder")
    out = tmp_path / "file" / f"x.{file_format}"
    with pytest.raises(DataSourceError, match=r"cannot be written: .*; choose a folder") as caught:
        export_run(world, "test", file_format=file_format, out=out)
    assert len(str(caught.value).splitlines()) == 1


def test_a_failure_half_way_leaves_what_was_there(world, tmp_path, monkeypatch):
    def fail(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    out = tmp_path / "x.gpkg"
    out.write_bytes(b"before")
    monkeypatch.setattr(exports, "write_styles", fail)
    with pytest.raises(DataSourceError, match="No space left on device; choose"):
        export_run(world, "test", file_format="gpkg", out=out)
    assert [path.name for path in tmp_path.iterdir()] == ["x.gpkg"]
    assert out.read_bytes() == b"before"


def test_a_geopackage_open_elsewhere_is_not_replaced(world, tmp_path):
    out = tmp_path / "x.gpkg"
    out.write_bytes(b"before")
    (tmp_path / "x.gpkg-wal").write_bytes(b"")
    with pytest.raises(DataSourceError, match="is open in another program"):
        export_run(world, "test", file_format="gpkg", out=out)
    assert out.read_bytes() == b"before"


def test_an_export_replaces_the_one_before(world, tmp_path, files):
    out = tmp_path / "x.gpkg"
    out.write_bytes(b"before")
    export_run(world, "test", file_format="gpkg", out=out)
    names = [name for name, _ in pyogrio.list_layers(out)]
    assert names == [name for name, _ in pyogrio.list_layers(files["gpkg"][0])]


def test_the_command_prints_the_files_it_wrote(world, tmp_path):
    out = tmp_path / "new" / "x.csv"
    words = ["--home", str(world.home), "export", "test", "--format", "csv", "--out", str(out)]
    done = CliRunner().invoke(cli, [*words, "--json"])
    assert done.exit_code == 0, done.output
    paths = json.loads(done.stdout)["files"]
    assert paths[0] == str(out)
    assert len(paths) == len(LAYERS) + 1
    assert sorted(str(path) for path in out.parent.iterdir()) == sorted(paths)
