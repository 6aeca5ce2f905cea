"""Addresses beside the pages: map tiles, the map's style, its scripts, and health."""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from xstatic.pkg import jquery, leaflet

from core.errors import SafeCommuteError
from pipeline.runs import find_run, list_areas, load_manifest, load_table
from pipeline.tiles import open_run_tiles
from reports.map_style import (
    CountClass,
    build_map_style,
    choose_count_classes,
    choose_worker_classes,
    write_attribution,
)
from ui.filters import CrashFilter, count_by, filter_crashes
from ui.flow_filter import FLOW_COLUMNS, FlowFilter, sum_workers
from ui.state import find_home

__all__ = ["build_routes", "choose_classes", "choose_flow_classes", "find_asset"]

LEAFLET = Path(leaflet.BASE_DIR)
KHMER = Path(str(files("fontpkg_noto_sans_khmer"))) / "files"
ASSETS = {
    "leaflet/leaflet.js": LEAFLET / "leaflet.js",
    "leaflet/leaflet.css": LEAFLET / "leaflet.css",
    "leaflet/images/layers.png": LEAFLET / "images" / "layers.png",
    "leaflet/images/layers-2x.png": LEAFLET / "images" / "layers-2x.png",
    "leaflet/images/marker-icon.png": LEAFLET / "images" / "marker-icon.png",
    "leaflet/images/marker-icon-2x.png": LEAFLET / "images" / "marker-icon-2x.png",
    "leaflet/images/marker-shadow.png": LEAFLET / "images" / "marker-shadow.png",
    "jquery/jquery.min.js": Path(jquery.BASE_DIR) / "jquery.min.js",
    "fonts/khmer.ttf": KHMER / "NotoSansKhmer[wdth,wght].ttf",
}
KEEP_A_DAY = "public, max-age=86400"
KEEP_FOREVER = "public, max-age=31536000, immutable"  # a run never changes
HOST_PATTERN = re.compile(r"[A-Za-z0-9.\-]+(:\d{1,5})?|\[[0-9a-fA-F:]+\](:\d{1,5})?")
FILTER_COLUMNS = ["site_id", "severity", "road_users", "occurred_at", "is_dark"]


def build_routes() -> list[Route]:
    """Return the routes that `app.py` serves beside the pages."""
    return [
        Route("/health", answer_health),
        Route("/assets/{name:path}", answer_asset),
        Route("/tiles/{area}/{run}/style.json", answer_style),
        Route("/tiles/{area}/{run}/{z:int}/{x:int}/{y:int}.mvt", answer_tile),
    ]


def find_asset(name: str) -> Path | None:
    """Return the file behind `/assets/NAME`; only the listed names exist."""
    path = ASSETS.get(name)
    return path if path is not None and path.is_file() else None


def answer_health(request: Request) -> Response:
    """Say that the app is up and how many areas it can show."""
    del request
    try:
        areas = list_areas(find_home())
    except SafeCommuteError:
        return JSONResponse({"status": "workspace damaged"}, status_code=503)
    published = [area.key for area in areas if area.published_run]
    return JSONResponse({"status": "ok", "n_areas": len(areas), "n_published": len(published)})


def answer_asset(request: Request) -> Response:
    """Send a script, style, picture or font of the maps."""
    path = find_asset(request.path_params["name"])
    if path is None:
        return not_found()
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    headers = {"cache-control": KEEP_A_DAY}
    return Response(path.read_bytes(), media_type=kind, headers=headers)


def answer_tile(request: Request) -> Response:
    """Send one vector tile of a finished run."""
    wanted = request.path_params
    try:
        reader = open_run_tiles(find_run(find_home(), wanted["area"], wanted["run"]))
    except SafeCommuteError:
        return not_found()
    takes_gzip = "gzip" in request.headers.get("accept-encoding", "")
    is_stored = takes_gzip and reader.is_gzipped
    tile = reader.read(wanted["z"], wanted["x"], wanted["y"], decompress=not is_stored)
    headers = {"cache-control": KEEP_FOREVER, "vary": "Accept-Encoding"}
    if tile is None:
        return Response(status_code=204, headers=headers)
    if is_stored:
        headers["content-encoding"] = "gzip"
    return Response(tile, media_type="application/vnd.mapbox-vector-tile", headers=headers)


def answer_style(request: Request) -> Response:
    """Send the map's style; filters in the address change what is counted."""
    wanted = request.path_params
    host = request.headers.get("host", "")
    try:
        path = find_run(find_home(), wanted["area"], wanted["run"])
        counted = choose_counted(path, request.query_params)
        zooms = open_run_tiles(path).zooms
        is_synthetic = bool(load_manifest(path).get("is_synthetic"))
        attribution = write_attribution(is_synthetic=is_synthetic)
    except SafeCommuteError:
        return not_found()
    if not HOST_PATTERN.fullmatch(host):
        return PlainTextResponse("bad host", status_code=400)
    base = f"{request.url.scheme}://{host}/tiles/{wanted['area']}/{wanted['run']}"
    style: dict[str, Any] = build_map_style(
        base + "/{z}/{x}/{y}.mvt", zooms=zooms, attribution=attribution, **counted
    )
    return JSONResponse(style, headers={"cache-control": "private, max-age=3600", "vary": "Host"})


def choose_counted(path: Path, query: Mapping[str, str]) -> dict[str, Any]:
    """Return what the roads are coloured by: crashes, or workers a day."""
    if query.get("show") == "workers":
        flow = FlowFilter.from_query(query)
        n_by_site = count_workers(path, flow) if flow.is_active else None
        classes = choose_flow_classes(path, flow.factory_id)
        return {"counted": "workers", "n_by_site": n_by_site, "classes": classes}
    chosen = CrashFilter.from_query(query)
    n_by_site = count_crashes(path, chosen) if chosen.is_active else None
    return {"n_by_site": n_by_site, "classes": choose_classes(path)}


def not_found() -> Response:
    """Say no more than that there is nothing."""
    return PlainTextResponse("not found", status_code=404)


@lru_cache(maxsize=16)
def choose_classes(path: Path) -> tuple[CountClass, ...]:
    """Return the classes of a run's legend; they stay the same under every filter."""
    return choose_count_classes(load_table(path, "sites", ["n_crashes"])["n_crashes"])


@lru_cache(maxsize=64)
def count_crashes(path: Path, chosen: CrashFilter) -> dict[str, int]:
    """Count the crashes of a run that pass the filter, by site."""
    crashes = load_table(path, "crashes", FILTER_COLUMNS)
    return count_by(filter_crashes(crashes, chosen), "site_id")


@lru_cache(maxsize=64)
def choose_flow_classes(path: Path, factory_id: str | None = None) -> tuple[CountClass, ...]:
    """Return the classes of a map of workers: of all factories, or of one."""
    if factory_id is None:
        sites = load_table(path, "sites", ["site_type", "workers_per_day"])
        return choose_worker_classes(sites.loc[sites["site_type"] == "segment", "workers_per_day"])
    flows = load_table(path, "commute_flows", FLOW_COLUMNS)
    return choose_worker_classes(sum_workers(flows, FlowFilter(factory_id=factory_id)))


@lru_cache(maxsize=64)
def count_workers(path: Path, chosen: FlowFilter) -> dict[str, int]:
    """Sum the workers a day that pass the filter, by site."""
    found = sum_workers(load_table(path, "commute_flows", FLOW_COLUMNS), chosen).round()
    return {f"S{segment}": int(n) for segment, n in found.items() if n}
