"""A run for other programs: a styled GeoPackage, GeoParquet, CSV, each with its dictionary.

No export names a worker, a narrative, a source's own number of a crash, or the factory a
crash is linked to: a factory, a place and a time together could point at a person.
"""

from __future__ import annotations

import csv
import tempfile
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pyogrio

from core.errors import InputError, MissingDataError
from geo.vector_io import write_layer
from pipeline.areas import load_area
from pipeline.paths import DATA_FOLDER
from pipeline.runs import find_published_run, find_run, load_manifest, load_table
from pipeline.workspace import Workspace
from reports.qgis import write_styles

__all__ = ["EXPORT_FORMATS", "export_run", "load_dictionary"]

EXPORT_FORMATS = ("gpkg", "parquet", "csv")
SUFFIXES = {"gpkg": ".gpkg", "parquet": ".parquet", "csv": ".csv"}
PRIVATE_COLUMNS = (
    *("crash_id", "source_id", "narrative", "factory_id", "village", "import_id"),
    *("row_number", "is_location_corrected"),
)
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def export_run(
    workspace: Workspace,
    key: str,
    *,
    file_format: str,
    out: Path,
    run_id: str | None = None,
) -> list[Path]:
    """Write the layers of a run: segments, intersections, hotspots, crashes.

    A GeoPackage holds all layers, their styles and the dictionary. For the other formats
    `out` names the first layer (segments); the others lie beside it, as
    `NAME-hotspots.csv` and so on, with `NAME-dictionary.csv`.

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
        The files that were written.

    Raises
    ------
    MissingDataError
        If nothing was published yet or there is no such run.
    InputError
        If the suffix does not fit the format.
    """
    load_area(workspace, key)
    if out.suffix.lower() != SUFFIXES[file_format]:
        message = f"{out}: a {file_format} file must end in {SUFFIXES[file_format]}; rename it."
        raise InputError(message)
    folder = find_run(workspace.home, key, run_id) if run_id else require_published(workspace, key)
    layers = read_layers(folder)
    dictionary = describe_columns(layers)
    is_synthetic = bool(load_manifest(folder)["is_synthetic"])
    out.parent.mkdir(parents=True, exist_ok=True)
    if file_format == "gpkg":
        write_geopackage(layers, dictionary, out, is_synthetic=is_synthetic)
        return [out]
    written = []
    for position, (name, layer) in enumerate(layers.items()):
        path = out if position == 0 else out.with_name(f"{out.stem}-{name}{out.suffix}")
        write_layer(make_cells_safe(layer) if file_format == "csv" else layer, path)
        written.append(path)
    path = out.with_name(f"{out.stem}-dictionary.csv")
    dictionary.to_csv(path, index=False, quoting=csv.QUOTE_MINIMAL)
    return [*written, path]


def require_published(workspace: Workspace, key: str) -> Path:
    """Return the published run's folder, or say how to publish one."""
    folder = find_published_run(workspace.home, key)
    if folder is None:
        message = f"area {key!r}: no run is published; use `safecommute run {key} --publish`."
        raise MissingDataError(message)
    return folder


def read_layers(folder: Path) -> dict[str, gpd.GeoDataFrame]:
    """Return the layers of an export; every row carries SYNTHETIC when the run is."""
    sites = gpd.GeoDataFrame(load_table(folder, "sites"))
    segments = gpd.GeoDataFrame(load_table(folder, "segments"))
    crashes = gpd.GeoDataFrame(load_table(folder, "crashes"))
    attributes = segments.drop(
        columns=["name", "road_class", "length_m", "province", "district", "geometry"]
    ).assign(site_id="S" + segments["segment_id"].astype(str))
    is_segment = sites["site_type"].eq("segment")
    layers = {
        "segments": sites[is_segment].merge(attributes, on="site_id", how="left"),
        "intersections": sites[~is_segment].drop(columns=["length_m", "crashes_per_km_year"]),
        "hotspots": gpd.GeoDataFrame(load_table(folder, "hotspots")),
        "crashes": crashes.drop(columns=[c for c in PRIVATE_COLUMNS if c in crashes]),
    }
    note = "SYNTHETIC: invented data" if load_manifest(folder)["is_synthetic"] else ""
    return {
        name: gpd.GeoDataFrame(layer.assign(note=note) if note else layer).reset_index(drop=True)
        for name, layer in layers.items()
    }


def load_dictionary() -> pd.DataFrame:
    """Return what every column means: `column, unit, meaning`."""
    return pd.read_csv(DATA_FOLDER / "dictionary.csv", keep_default_na=False)


def describe_columns(layers: dict[str, gpd.GeoDataFrame]) -> pd.DataFrame:
    """Return the dictionary of just these layers: `layer, column, type, unit, meaning`."""
    meanings = load_dictionary().set_index("column")
    rows = [
        {
            "layer": name,
            "column": column,
            "type": str(layer[column].dtype),
            "unit": meanings["unit"].get(column, ""),
            "meaning": meanings["meaning"].get(column, ""),
        }
        for name, layer in layers.items()
        for column in layer.columns
    ]
    return pd.DataFrame(rows)


def make_cells_safe(layer: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return text cells that no spreadsheet takes for a formula."""
    safe = layer.copy()
    for column in safe.columns.drop("geometry"):
        if pd.api.types.is_string_dtype(safe[column]) or safe[column].dtype == object:
            text = safe[column].astype("str")
            is_formula = text.str.startswith(FORMULA_STARTS).fillna(value=False)
            safe[column] = text.mask(is_formula, "'" + text)
    return safe


def write_geopackage(
    layers: dict[str, gpd.GeoDataFrame],
    dictionary: pd.DataFrame,
    out: Path,
    *,
    is_synthetic: bool,
) -> None:
    """Write all layers with their QGIS styles; the file appears whole."""
    with tempfile.TemporaryDirectory(dir=out.parent) as folder:
        partial = Path(folder) / "export.gpkg"
        for name, layer in layers.items():
            located = layer[~layer.geometry.is_empty & layer.geometry.notna()]
            pyogrio.write_dataframe(located, partial, layer=name, driver="GPKG")
        write_styles(partial, dictionary, is_synthetic=is_synthetic)
        partial.replace(out)
