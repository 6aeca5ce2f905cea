"""Roads from OpenStreetMap, when they are asked for by name or box."""

from __future__ import annotations

import os
from pathlib import Path

from core.errors import InputError
from core.progress import Progress, no_progress
from geo.fetch import NOMINATIM, OVERPASS, OsmServers, fetch_overpass
from geo.polite_http import Server
from pipeline.workspace import Workspace

__all__ = ["fetch_roads", "parse_bbox"]


def fetch_roads(
    workspace: Workspace,
    *,
    place: str | None = None,
    bbox: str | None = None,
    progress: Progress = no_progress,
) -> Path:
    """Fetch the roads of a place or a box into the workspace, once.

    The servers are the public ones unless `SAFECOMMUTE_OVERPASS_URL` and
    `SAFECOMMUTE_NOMINATIM_URL` name others.

    Returns
    -------
    Path
        The `.osm` file; asking again returns the same file without a request.

    Raises
    ------
    InputError
        If the box is not one.
    DownloadError, MissingDataError
        If the servers fail, or know no such place.
    """
    servers = OsmServers(
        overpass=Server(url=os.environ.get("SAFECOMMUTE_OVERPASS_URL", OVERPASS)),
        nominatim=Server(url=os.environ.get("SAFECOMMUTE_NOMINATIM_URL", NOMINATIM)),
    )
    area = parse_bbox(bbox) if bbox is not None else (place or "")
    return fetch_overpass(
        area, cache_dir=workspace.home / "fetched", servers=servers, progress=progress
    )


def parse_bbox(text: str) -> tuple[float, float, float, float]:
    """Return west, south, east, north [degrees] from `W,S,E,N`.

    Raises
    ------
    InputError
        If these are not four numbers in that order and range.
    """
    try:
        west, south, east, north = (float(part) for part in text.split(","))
    except ValueError:
        message = f"--bbox {text!r}: give four numbers in degrees: W,S,E,N."
        raise InputError(message) from None
    if not (-180 <= west < east <= 180 and -90 <= south < north <= 90):
        message = f"--bbox {text!r}: need west < east and south < north, in degrees: W,S,E,N."
        raise InputError(message)
    return west, south, east, north
