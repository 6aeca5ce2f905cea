"""A run for other programs: a styled GeoPackage, GeoParquet, CSV, each with its dictionary.

What leaves, and what does not
    Of a crash only `CRASH_COLUMNS` leave: no narrative, no number that leads back to the
    source's own file, no village, no linked factory, not even whether a worker was on the way
    to work. Exact place and time, that flag and a factory next door would together point at a
    person. Hotspots say how many were on their way to work, from `MIN_PERSONS` upwards. Of a
    factory only its name, workers, province and place leave, and how commutes to it add up
    (`pipeline.export_commutes`). A crash without a site also says which row of which file it
    is, for whoever has that file and is to mend it.

Nothing is dropped
    `crashes` are those that have a site, `unplaced_crashes` (a table without shapes) all the
    others with the reason, in every format; together they are the run's crashes. Sites,
    hotspots and measures (`pipeline.export_measures`) keep every row. A column that the
    dictionary does not describe stays behind and is named in the log.
"""

from __future__ import annotations

import codecs
import logging
import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyogrio
from pyarrow import csv as arrow_csv

from core.errors import DataSourceError, InputError
from pipeline.areas import load_area
from pipeline.commute_tables import MIN_PERSONS
from pipeline.export_commutes import read_commute_layers
from pipeline.export_measures import MEASURE_LAYERS, find_few, read_measure_layers
from pipeline.import_log import list_imports
from pipeline.paths import DATA_FOLDER
from pipeline.runs import find_run, load_manifest, load_table, require_published_run
from pipeline.workspace import Workspace
from reports.qgis import write_styles

__all__ = [
    "CRASH_COLUMNS",
    "EXPORT_FORMATS",
    "PRIVATE_COLUMNS",
    "export_run",
    "load_dictionary",
    "read_layers",
]

logger = logging.getLogger(__name__)

EXPORT_FORMATS = ("gpkg", "parquet", "csv")
SUFFIXES = {"gpkg": ".gpkg", "parquet": ".parquet", "csv": ".csv"}
PRIVATE_COLUMNS = (
    *("crash_id", "source_id", "narrative", "factory_id", "village", "is_worker_commute"),
    *("place_note", "import_id", "row_number", "record_id", "corrected_fields"),
    "report_ids",
)
CRASH_COLUMNS = (
    *("source", "sources", "n_reports", "occurred_at", "has_time", "lon", "lat"),
    *("road_name", "district", "province"),
    *("severity", "n_killed", "n_serious", "n_slight", "n_vehicles", "road_users", "light"),
    *("is_dark", "collision_type", "site_id", "site_type", "segment_id", "intersection_id"),
    *("offset_m", "snap_distance_m", "intersection_distance_m", "runner_up_site_id"),
    *("runner_up_distance_m", "is_ambiguous", "location_quality"),
)
PLACED_ONLY = tuple(c for c in CRASH_COLUMNS[CRASH_COLUMNS.index("site_id") :])
FACTORY_COLUMNS = ("name", "workers", "province", "is_pilot")
HOTSPOT_FIRST = ["hotspot_id", "rank", "name", "road_class", "province", "district"]
INTERNAL_COLUMNS = ("n_lixels", "lixel_ids")
SHAPES = {
    "segments": "LineString",
    "intersections": "Point",
    "hotspots": "MultiLineString",
    "crashes": "Point",
    "factories": "Point",
    **MEASURE_LAYERS,
}
SEGMENTS_ONLY = ["length_m", "crashes_per_km_year", "worker_km_per_year"]
ABOUT_WORKERS = (
    *("workers_per_day", "worker_km_per_year", "worker_passings_per_year"),
    *("worker_dark_share", "n_factories"),
)
SYNTHETIC_NOTE = "SYNTHETIC: invented data"
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
WGS84_DECIMALS = 7  # about a centimetre
TIME_FORMAT = "%Y-%m-%d %H:%M:%S"

Layers = dict[str, pd.DataFrame]


def export_run(
    workspace: Workspace,
    key: str,
    *,
    file_format: str,
    out: Path,
    run_id: str | None = None,
) -> list[Path]:
    """Write a run: its sites, hotspots, crashes, factories, measures, and tables of commutes.

    A GeoPackage holds all layers, their styles and the dictionary. For the other formats
    `out` names the first layer (segments); the others lie beside it, as
    `NAME-hotspots.csv` and so on, with `NAME-dictionary.csv`. GeoPackage and GeoParquet are
    in the run's metric coordinate system; CSV has WGS84 `lon`, `lat` or `wkt`.

    Parameters
    ----------
    workspace, key
        Whose run.
    file_format
        One of `EXPORT_FORMATS`.
    out
        File to write; its suffix must be that of the format.
    run_id
        Another run than the published one.

    Returns
    -------
    list of Path
        The files that were written, each whole.

    Raises
    ------
    MissingDataError
        If nothing was published yet or there is no such run.
    InputError
        If there is no such format or the suffix does not fit it.
    DataSourceError
        If the records cannot be read or a file cannot be written.
    """
    load_area(workspace, key)
    require_suffix(out, file_format)
    folder = (
        find_run(workspace.home, key, run_id)
        if run_id
        else require_published_run(workspace.home, key)
    )
    imports = list_imports(workspace, key)
    file_names = dict(zip(imports["import_id"], imports["file_name"], strict=True))
    layers = read_layers(folder, file_names)
    if file_format == "gpkg":
        is_synthetic = bool(load_manifest(folder)["is_synthetic"])
        write = partial(write_geopackage, layers=layers, is_synthetic=is_synthetic)
        return [write_whole(out, write)]
    if file_format == "csv":
        layers = {name: make_cells_safe(make_table(layer, name)) for name, layer in layers.items()}
    written = []
    for position, (name, layer) in enumerate(layers.items()):
        path = out if position == 0 else out.with_name(f"{out.stem}-{name}{out.suffix}")
        written.append(write_whole(path, choose_writer(layer, file_format)))
    path = out.with_name(f"{out.stem}-dictionary.csv")
    return [*written, write_whole(path, choose_writer(describe_columns(layers), "csv"))]


def require_suffix(out: Path, file_format: str) -> None:
    """Refuse a format that is not known, or a file name that belongs to another one."""
    if file_format not in SUFFIXES:
        message = f"format {file_format!r} is not known; use one of: {', '.join(EXPORT_FORMATS)}."
        raise InputError(message)
    suffix = SUFFIXES[file_format]
    if out.suffix.lower() != suffix:
        name = out.with_suffix(suffix).name
        message = f"{out}: a {file_format} file must end in {suffix}; call it {name}."
        raise InputError(message)


def read_layers(folder: Path, file_names: Mapping[int, str]) -> Layers:
    """Return what of a run may leave; every row says SYNTHETIC when the run is.

    Parameters
    ----------
    folder
        Of the run.
    file_names
        `import_id` of the records: the file that was imported.
    """
    all_sites = load_table(folder, "sites")
    sites = hide_few_workers(all_sites)
    crashes = load_table(folder, "crashes")
    factories = load_table(folder, "factories")
    hotspots = load_table(folder, "hotspots")
    segments, intersections = load_table(folder, "segments"), load_table(folder, "intersections")
    is_segment = sites["site_type"].eq("segment")
    is_placed = crashes["site_id"].notna()
    kept = [column for column in CRASH_COLUMNS if column in crashes]
    first = [column for column in HOTSPOT_FIRST if column in hotspots]
    layers: Layers = {
        "segments": add_attributes(
            sites[is_segment].drop(columns="worker_passings_per_year", errors="ignore"),
            segments,
            "S",
        ),
        "intersections": add_attributes(
            sites[~is_segment].drop(columns=SEGMENTS_ONLY, errors="ignore"),
            intersections,
            "I",
        ),
        "hotspots": hide_few(hotspots[[*first, *hotspots.columns.drop(first)]]),
        "crashes": crashes.loc[is_placed, [*kept, "geometry"]],
        "factories": factories[[c for c in FACTORY_COLUMNS if c in factories] + ["geometry"]],
        "unplaced_crashes": list_unplaced(crashes[~is_placed], file_names),
        **read_measure_layers(folder, segments, intersections, all_sites),
        **read_commute_layers(folder, factories),
    }
    note = {"note": SYNTHETIC_NOTE} if load_manifest(folder)["is_synthetic"] else {}
    return {
        name: keep_described(layer.assign(**note), name).reset_index(drop=True)
        for name, layer in layers.items()
    }


def add_attributes(sites: pd.DataFrame, network: pd.DataFrame, letter: str) -> pd.DataFrame:
    """Add to sites what the network knows of them; `S12` is segment 12, `I3` intersection 3."""
    number = network["segment_id" if letter == "S" else "intersection_id"]
    known = ["site_id", "name", "road_class", "length_m", "province", "district", "geometry"]
    attributes = pd.DataFrame(network.drop(columns=known, errors="ignore"))
    attributes["site_id"] = letter + number.astype("str")
    return sites.merge(attributes, on="site_id", how="left", validate="one_to_one")


def list_unplaced(crashes: pd.DataFrame, file_names: Mapping[int, str]) -> pd.DataFrame:
    """Return crashes without a site, with the reason and where to find them in their file."""
    kept = [column for column in CRASH_COLUMNS if column in crashes and column not in PLACED_ONLY]
    return pd.DataFrame(crashes[[*kept, "unplaced_reason"]]).assign(
        source_file=crashes["import_id"].map(file_names).astype("str"),
        source_row=crashes["row_number"],
    )


def hide_few(hotspots: pd.DataFrame) -> pd.DataFrame:
    """Return hotspots whose count of worker commutes is empty where it is 1 to 4."""
    n_persons = hotspots["n_worker_commute"].astype("Int64")
    return hotspots.assign(n_worker_commute=n_persons.mask(n_persons.between(1, MIN_PERSONS - 1)))


def hide_few_workers(sites: pd.DataFrame) -> pd.DataFrame:
    """Return sites without the workers that pass where they are fewer than five."""
    if "workers_per_day" not in sites:  # a run of an earlier version
        return sites
    is_few = find_few(sites)
    return sites.assign(**{name: sites[name].mask(is_few) for name in ABOUT_WORKERS})


def keep_described(layer: pd.DataFrame, name: str) -> pd.DataFrame:
    """Leave behind what is private or internal, and, with a warning, what nobody described."""
    described = set(load_dictionary()["column"])
    known = {c for c in layer.columns if {c, f"{name}.{c}"} & described}
    withheld = {*PRIVATE_COLUMNS, *INTERNAL_COLUMNS}
    stray = [c for c in layer.columns if c not in known and c not in withheld]
    if stray:
        logger.warning(
            "%s: %d column(s) are not exported, for data/dictionary.csv does not describe them: %s",
            name,
            len(stray),
            ", ".join(stray),
        )
    return layer.drop(columns=[c for c in layer.columns if c in withheld or c in stray])


def load_dictionary() -> pd.DataFrame:
    """Return what every column means: `column, unit, meaning`.

    A column whose meaning is its own in one layer has a row `LAYER.COLUMN` beside.
    """
    return pd.read_csv(DATA_FOLDER / "dictionary.csv", keep_default_na=False)


def describe_columns(layers: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return the dictionary of just these layers: `layer, column, type, unit, meaning`."""
    known = load_dictionary().set_index("column")[["unit", "meaning"]].to_dict("index")
    nothing = {"unit": "", "meaning": ""}
    rows = [
        {
            "layer": name,
            "column": column,
            "type": str(layer[column].dtype),
            **known.get(f"{name}.{column}", known.get(column, nothing)),
        }
        for name, layer in layers.items()
        for column in layer.columns
    ]
    return pd.DataFrame(rows)


def make_table(layer: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return a layer as a plain table: `lon` and `lat` for points, `wkt` for lines (WGS84)."""
    if not isinstance(layer, gpd.GeoDataFrame):
        return layer
    table = pd.DataFrame(layer.drop(columns="geometry"))
    if "lon" in table:  # as reported
        return table
    shapes = layer.geometry.to_crs(4326)
    if SHAPES[name] == "Point":
        points = shapes.where(~shapes.is_empty)
        return table.assign(lon=points.x.round(WGS84_DECIMALS), lat=points.y.round(WGS84_DECIMALS))
    return table.assign(wkt=shapes.to_wkt(rounding_precision=WGS84_DECIMALS))


def make_cells_safe(table: pd.DataFrame) -> pd.DataFrame:
    """Return text cells that no spreadsheet takes for a formula."""
    safe = table.copy()
    for column in safe.columns:
        if pd.api.types.is_string_dtype(safe[column]) or safe[column].dtype == object:
            text = safe[column].astype("str")
            is_formula = text.str.startswith(FORMULA_STARTS).fillna(value=False)
            safe[column] = text.mask(is_formula, "'" + text)
    return safe


def choose_writer(table: pd.DataFrame, file_format: str) -> Callable[[Path], None]:
    """Return what writes one table."""
    if file_format == "csv":
        return partial(write_csv, table=table)
    return lambda path: table.to_parquet(path, index=False)


def write_csv(path: Path, *, table: pd.DataFrame) -> None:
    """Write a CSV that starts with the mark by which Excel knows UTF-8."""
    cells = pa.Table.from_pandas(table, preserve_index=False).replace_schema_metadata()
    for position, field in enumerate(cells.schema):
        column = cells.column(position)
        if pa.types.is_boolean(field.type):  # True and False, as pandas has them
            column = pc.if_else(column, "True", "False")
        elif pa.types.is_timestamp(field.type):
            column = pc.strftime(column.cast(pa.timestamp("s"), safe=False), format=TIME_FORMAT)
        cells = cells.set_column(position, field.name, column)
    with path.open("wb") as stream:
        stream.write(codecs.BOM_UTF8)
        arrow_csv.write_csv(cells, stream, arrow_csv.WriteOptions(quoting_style="needed"))


def write_whole(path: Path, write: Callable[[Path], None]) -> Path:
    """Write a file beside its place and move it there, so that it appears whole or not at all."""
    if path.with_name(f"{path.name}-wal").exists():  # replacing it now would corrupt it
        message = f"{path}: is open in another program (QGIS?); close it there and try again."
        raise DataSourceError(message)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".export-") as folder:
            part = Path(folder) / path.name
            write(part)
            part.replace(path)
    except (OSError, RuntimeError) as error:  # GDAL's are RuntimeErrors
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        message = (
            f"{path}: cannot be written: {reason.splitlines()[0]}; "
            "choose a folder that you may write to and that has room."
        )
        raise DataSourceError(message) from error
    return path


def write_geopackage(path: Path, *, layers: Layers, is_synthetic: bool) -> None:
    """Write all layers with their QGIS styles and the dictionary."""
    description = f"{SYNTHETIC_NOTE}." if is_synthetic else ""
    written: Layers = {}
    for name, layer in layers.items():
        written[name] = layer
        if isinstance(layer, gpd.GeoDataFrame):
            shapes = layer.geometry.where(~layer.geometry.is_empty)  # QGIS wants NULL, not EMPTY
            written[name] = layer.set_geometry(shapes).rename_geometry("geom")
        pyogrio.write_dataframe(
            written[name],
            path,
            layer=name,
            driver="GPKG",
            geometry_type=SHAPES.get(name),
            use_arrow=True,  # three times as fast
            dataset_options={"VERSION": "1.2"},  # read by every QGIS 3 without a warning
            layer_options={"IDENTIFIER": name, "DESCRIPTION": description},
        )
    write_styles(path, describe_columns(written), is_synthetic=is_synthetic)
