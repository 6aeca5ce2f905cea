"""Mappings: what may stand in one, and what it does to rows."""

from __future__ import annotations

import pandas as pd
import pytest
import yaml

from core.errors import ConfigError, TableError
from records.mapping import Mapping, list_ready_mappings, load_mapping

REGISTER = """\
source: city
date_formats: ["%d/%m/%Y %H:%M", "%d/%m/%Y"]
decimal: ","
columns:
  source_id: [NUMERO, NUMERO_ANTIGO]
  occurred_at: DATA
  time: HORA
  lon: LONG
  lat: LAT
  road_name: {join: [RUA, CRUZ], with: " x "}
  n_killed: {sum: [MORTOS, MORTOS_DEPOIS]}
  light: LUZ
values:
  light: {1: day, 2: dark, 9: unknown}
constants: {province: Litoral, is_worker_commute: "unknown"}
rules:
  severity:
    - {word: fatal, when: {columns: [MORTOS, MORTOS_DEPOIS], above: 0}}
    - {word: slight, when: {columns: FERIDOS, above: 0}}
    - {word: damage_only}
road_users:
  car: {columns: [AUTO, TAXI], above: 0}
  pedestrian: {columns: TIPO, equals: [Atropelamento]}
skip:
  - {when: {columns: TIPO, equals: [TESTE]}, reason: test row}
optional: [light]
"""
HEADER = (
    "Numero;NUMERO_ANTIGO;DATA;HORA;LONG;LAT;RUA;CRUZ;MORTOS;MORTOS_DEPOIS;FERIDOS;AUTO;TAXI;"
    "TIPO;LUZ"
)
ROWS = (
    "1;;05/03/2024;07:45;-51,2;-30,1;Rua A;Rua B;0;1;2;1;0;Choque;2",
    ";77;06/03/2024;;-51,2;-30,1;Rua A;;0;0;2;0;1;ATROPELAMENTO;1",
    "3;;07/03/2024;10:00;-51,2;-30,1;;;;;0;0;0;Choque;9",
    "4;;07/03/2024;10:00;-51,2;-30,1;;;0;0;0;0;0;Teste;1",
)


@pytest.fixture
def register(write):
    return load_mapping(write(REGISTER, "register.yaml"))


def test_a_register_is_mapped(database, write, take, register):
    report = take(write("\n".join([HEADER, *ROWS]).encode("cp1252")), mapping=register)
    assert report.reasons == {"test row": 1}
    found = database.read("crash", "a").set_index("source_id").sort_index()
    assert found.index.tolist() == ["1", "3", "77"]
    assert found["source"].unique().tolist() == ["city"]
    assert found["severity"].tolist() == ["fatal", "damage_only", "slight"]
    assert found["n_killed"].tolist() == [1, pd.NA, 0]
    assert found["light"].tolist() == ["dark", "unknown", "day"]
    assert found["road_users"].tolist() == ["car", "", "car;pedestrian"]
    assert found["province"].unique().tolist() == ["Litoral"]
    assert found["has_time"].tolist() == [True, True, False]
    assert found.loc["1", "occurred_at"] == pd.Timestamp(2024, 3, 5, 7, 45)
    assert found.loc["77", "occurred_at"] == pd.Timestamp(2024, 3, 6)
    assert found.loc["1", ["lon", "lat"]].tolist() == [-51.2, -30.1]
    assert found.loc["1", "road_name"] == "Rua A x Rua B"
    assert found.loc["77", "road_name"] == "Rua A"


def test_an_optional_column_may_be_missing_others_may_not(write, take, register):
    lines = [line.rsplit(";", 1)[0] for line in (HEADER, *ROWS)]
    assert take(write("\n".join(lines)), mapping=register).accepted == 3
    lines = [line.split(";", 3)[0] + ";" + line.split(";", 3)[3] for line in lines]
    with pytest.raises(TableError, match=r"1 column\(s\) missing: DATA; found: Numero, HORA"):
        take(write("\n".join(lines), "b.csv"), mapping=register)


def test_columns_named_only_in_conditions_are_needed_too(write, take, register):
    text = "\n".join([HEADER, *ROWS]).replace("FERIDOS", "OTHER")
    with pytest.raises(TableError, match="missing: FERIDOS"):
        take(write(text), mapping=register)


def test_a_variant_replaces_columns(database, write, take):
    mapping = Mapping.model_validate(
        {
            "columns": {"occurred_at": "when", "lon": "x", "lat": "y"},
            "variants": [
                {"has_columns": ["easting"], "columns": {"lon": "easting", "lat": "northing"}}
            ],
        }
    )
    take(write("when,x,y\n2024-01-01,1,2\n"), mapping=mapping)
    take(write("when,easting,northing\n2024-01-02,3,4\n", "b.csv"), mapping=mapping)
    assert sorted(database.read("crash", "a")["lon"]) == [1.0, 3.0]


def test_coordinates_are_brought_to_degrees(database, write, take):
    mapping = Mapping.model_validate({"crs": 32648})
    # 105 E is the central meridian of zone 48, so its easting is 500 km exactly.
    report = take(
        write("occurred_at,lon,lat\n2024-01-01,500000,1271000\n2024-01-02,0,0\n"), mapping=mapping
    )
    assert report.accepted == 2
    found = database.read("crash", "a").set_index("occurred_at").sort_index()
    assert found["lon"].iloc[0] == pytest.approx(105.0, abs=1e-7)
    assert found["lat"].iloc[0] == pytest.approx(11.497, abs=0.01)
    assert found["place_note"].iloc[1] == "coordinates are zero"


def test_unknown_coordinate_system(write, take):
    mapping = Mapping.model_validate({"crs": 999_999})
    with pytest.raises(ConfigError, match="EPSG:999999"):
        take(write("occurred_at,lon,lat\n2024-01-01,5,1\n"), mapping=mapping)


def test_identifiers_from_some_columns(database, write, take):
    mapping = Mapping.model_validate({"kind": "factory", "id_columns": ["name"]})
    take(write("name,workers\nAlpha,5\n"), "factory", mapping=mapping)
    report = take(write("name,workers\nAlpha,6\n", "b.csv"), "factory", mapping=mapping)
    assert report.updated == 1
    assert database.read("factory", "a")["workers"].tolist() == [6]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("colums: {}", "'colums'"),
        ("columns: {colour: X}", "columns.colour: a crash has no field 'colour'"),
        ("columns: {lon: {first: [A], sum: [B]}}", "'columns.lon'"),
        ("columns: {lon: {}}", "exactly one of: first, sum, join"),
        ("kind: boat", "'kind'"),
        ("values: {severity: {1: deadly}}", "'deadly' is not one of fatal, serious"),
        ("rules: {severity: [{word: bad}]}", "'bad' is not one of"),
        ("road_users: {boat: {columns: [A], above: 0}}", "'boat' is not one of"),
        ("constants: {light: dusk}", "'dusk' is not one of"),
        ("rules: {severity: [{word: fatal, when: {columns: [A]}}]}", "exactly one of: above"),
        ("date_formats: ['%Q']", "date_formats"),
        ("decimal: ';'", "'decimal'"),
        ("- a\n- b", "key: value"),
        ("a: [", "cannot be read"),
        ("", "key: value"),
        ("a: !!python/object/apply:os.system ['true']", "cannot be read"),
        ("1: 2", "refused"),
        ("optional: [colour]", "optional.colour"),
    ],
)
def test_a_wrong_mapping_names_the_key(write, text, said):
    with pytest.raises(ConfigError) as caught:
        load_mapping(write(text, "wrong.yaml"))
    assert said in str(caught.value)
    assert "wrong.yaml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_ready_mappings_are_found_by_name(write):
    assert "porto_alegre" in list_ready_mappings()
    assert load_mapping("porto_alegre").source == "eptc"
    with pytest.raises(ConfigError, match=r"'nowhere': no such file.*porto_alegre"):
        load_mapping("nowhere")
    with pytest.raises(ConfigError, match="no such file"):
        load_mapping("../mappings/porto_alegre")
    with pytest.raises(ConfigError, match="larger than 1 MB"):
        load_mapping(write("#" * 1_000_001, "big.yaml"))
    with pytest.raises(ConfigError, match="cannot be read"):
        load_mapping(write(b"\xff\xfe\x00", "binary.yaml"))


def test_ready_mappings_say_what_they_decide(root):
    for path in (root / "data" / "mappings").glob("*.yaml"):
        mapping = load_mapping(path)
        assert mapping.title
        assert mapping.notes
        assert mapping.source
        assert yaml.safe_load(path.read_text(encoding="utf-8"))["kind"] == mapping.kind


def test_linked_tables_take_over_what_holds_for_all_of_a_source(write):
    mapping = load_mapping(
        write(
            "kind: crash\nsource: city\ndate_formats: '%d/%m/%Y'\ncrs: 32648\n"
            "tables:\n  casualty: {columns: {injury: I}}\n  vehicle: {source: insurer}\n",
            "register.yaml",
        )
    )
    casualty, vehicle = mapping.find_table("casualty"), mapping.find_table("vehicle")
    assert (casualty.source, casualty.crs, casualty.kind) == ("city", 32648, "casualty")
    assert (vehicle.source, vehicle.name) == ("insurer", "register")
    assert mapping.find_table("crash") is mapping
    assert mapping.find_table("factory") is None


@pytest.mark.parametrize(
    "tables",
    ["{crash: {}}", "{shoes: {}}", "{casualty: {columns: {lon: x}}}", "[casualty]",
     "{casualty: {tables: {vehicle: {}}}}"],
)  # fmt: skip
def test_tables_that_are_refused(write, tables):
    with pytest.raises(ConfigError, match="tables"):
        load_mapping(write(f"kind: crash\ntables: {tables}\n", "register.yaml"))


def test_a_table_of_another_kind_is_taken_by_itself(take, write):
    mapping = load_mapping(
        write("kind: crash\ntables:\n  casualty: {columns: {crash_source_id: N, injury: I}}\n",
              "register.yaml")
    )  # fmt: skip
    assert take(write("N,I\n1,slight\n"), "casualty", mapping=mapping).accepted == 1
    with pytest.raises(TableError, match="is for crash, casualty records, not vehicle"):
        take(write("N,I\n1,slight\n"), "vehicle", mapping=mapping)


def test_the_mappings_in_the_manual_are_mappings(root, write):
    text = (root / "docs" / "records.md").read_text(encoding="utf-8")
    blocks = [block.split("```")[0] for block in text.split("```yaml\n")[1:]]
    found = [load_mapping(write(block, "manual.yaml")) for block in blocks]
    assert [mapping.kind for mapping in found] == ["crash", "crash"]
    assert found[0].crs == 32648
    assert found[1].tables["casualty"].columns["crash_source_id"].columns == ("NO",)


def test_names_and_codes_are_text_however_they_look(write, take, database):
    mapping = load_mapping(
        write("columns: {source_id: NO, occurred_at: ON, lon: 1, lat: 2.0, light: Y}\n"
              "values: {light: {01: day, 011: dark, off: unknown}}\n", "odd.yaml")
    )  # fmt: skip
    rows = "NO,ON,1,2.0,Y\na,2024-03-05,104.9,11.5,01\nb,2024-03-06,104.9,11.5,011\n"
    assert take(write(rows), mapping=mapping).accepted == 2
    found = database.read("crash", "a").sort_values("source_id")
    assert found["light"].tolist() == ["day", "dark"]


def test_a_mapping_that_names_no_kind_describes_what_is_imported(write):
    route = write("constants: {factory_id: F01, vehicle_id: F01-V01}", "gpx.yaml")
    assert load_mapping(route, kind="route").kind == "route"
    with pytest.raises(ConfigError, match="a crash has no field 'vehicle_id'"):
        load_mapping(route)
    with pytest.raises(ConfigError, match="a factory has no field 'vehicle_id'"):
        load_mapping(route, kind="factory")
    register = write(REGISTER, "register.yaml")  # speaks of crashes without saying so
    assert load_mapping(register, kind="casualty").kind == "crash"
    stated = write("kind: vehicle\n", "vehicles.yaml")
    assert load_mapping(stated, kind="route").kind == "vehicle"
