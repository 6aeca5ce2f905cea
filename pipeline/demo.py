"""The embedded sample, built with the same steps as anybody's own area."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from core.progress import Progress, no_progress
from core.settings import Settings
from pipeline.areas import AreaSources, add_area
from pipeline.imports import import_records
from pipeline.paths import DATA_FOLDER
from pipeline.run import run_area
from pipeline.runs import publish_run
from pipeline.workspace import Workspace

__all__ = ["DEMO_KEY", "build_demo"]

DEMO_KEY = "sample"
DEMO_NAME = "Sample corridor (SYNTHETIC)"
DEMO_RECORDS = (
    ("factory", "sample/factories.csv"),
    ("origin", "sample/origins.csv"),
    ("vehicle", "sample/vehicles.csv"),
    ("crash", "sample/crashes.csv"),
    ("casualty", "sample/casualties.csv"),
    ("intervention", "sample/interventions.csv"),
    ("intervention", "evidence/interventions.csv"),
)


def say_nothing(text: str) -> None:
    """Take a message and leave it at that."""
    del text


def build_demo(
    workspace: Workspace,
    *,
    settings: Settings,
    progress: Progress = no_progress,
    tell: Callable[[str], object] = say_nothing,
) -> dict[str, Any]:
    """Add the sample area, import its records, run and publish; return the manifest."""
    sources = AreaSources(
        roads=DATA_FOLDER / "osm" / "sample.osm.pbf",
        kind="osm",
        provinces=DATA_FOLDER / "boundaries" / "sample_provinces.geojson",
        districts=DATA_FOLDER / "boundaries" / "sample_districts.geojson",
    )
    tell("Building the road network of the sample (SYNTHETIC: invented roads and crashes) ...")
    add_area(workspace, DEMO_KEY, sources, name=DEMO_NAME, settings=settings, progress=progress)
    for kind, name in DEMO_RECORDS:
        report = import_records(workspace, kind, DATA_FOLDER / name, area=DEMO_KEY)
        tell(
            f"Imported {name}: {report['read']} read, {report['accepted']} accepted, "
            f"{report['updated']} updated, {report['unchanged']} unchanged, "
            f"{report['duplicates']} duplicates, {report['rejected']} rejected."
        )
    tell("Placing the crashes, scanning for hotspots ...")
    manifest = run_area(workspace, DEMO_KEY, settings=settings, progress=progress)
    publish_run(workspace, DEMO_KEY, manifest["run_id"])
    return manifest
