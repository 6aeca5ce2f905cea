"""Read GPX files: tracks and routes with their points, also of a file that was cut off."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from xml.parsers import expat

from core.errors import DataSourceError

__all__ = ["GpxFile", "GpxTrack", "read_gpx"]

POINTS: Final = {"trkpt": "track", "rtept": "route"}
BLOCK: Final = 1 << 20
MAX_TEXT: Final = 10_000  # characters of a name or time; more is no name


@dataclass(slots=True)
class GpxTrack:
    """One track or route, its points as text; `part` numbers the track's segments."""

    form: str  # track or route
    name: str = ""
    about: dict[str, str] = field(default_factory=dict)  # desc, cmt, src, type
    lon: list[str] = field(default_factory=list)
    lat: list[str] = field(default_factory=list)
    time: list[str] = field(default_factory=list)
    part: list[int] = field(default_factory=list)


@dataclass(slots=True)
class GpxFile:
    """All tracks and routes of a file; `n_waypoints` are left out."""

    tracks: list[GpxTrack] = field(default_factory=list)
    n_waypoints: int = 0
    broken_at: int = 0  # line at which the file stops being GPX; 0: whole


def read_gpx(path: Path) -> GpxFile:
    """Read the tracks and routes of a GPX file.

    A receiver that lost its power leaves a file without an end: what is before that is
    read, and `broken_at` tells the line.

    Raises
    ------
    DataSourceError
        If the file cannot be read, is no GPX from its start, or declares a document type
        (which GPX never needs, and harmful files do).
    """
    reader = _Reader(path)
    parser = expat.ParserCreate()
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.read_text
    parser.StartDoctypeDeclHandler = reader.refuse_doctype
    try:
        with path.open("rb") as handle:
            while block := handle.read(BLOCK):
                parser.Parse(block, False)
            parser.Parse(b"", True)
    except expat.ExpatError as error:
        if not reader.is_gpx:
            reason = f"it is no GPX (line {error.lineno}: {expat.ErrorString(error.code)})"
            raise DataSourceError.unreadable(path, reason) from error
        reader.file.broken_at = error.lineno
    except DataSourceError:  # an OSError too: what the reader refused, in its own words
        raise
    except OSError as error:
        raise DataSourceError.unreadable(path, error.strerror or str(error)) from error
    if not reader.is_gpx:
        raise DataSourceError.unreadable(path, "it is no GPX: its first element is not gpx")
    return reader.file


class _Reader:
    """Takes the elements of one file as they come."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.file = GpxFile()
        self.is_gpx = False
        self.depth: list[str] = []
        self.text = ""
        self.part = 0
        self.time = ""

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        name = tag.rpartition(":")[2]
        if not self.depth:
            if name != "gpx":
                raise DataSourceError.unreadable(
                    self.path, f"it is no GPX: its first element is {name[:40]}"
                )
            self.is_gpx = True
        self.depth.append(name)
        self.text = ""
        if name in ("trk", "rte") and len(self.depth) == 2:
            self.file.tracks.append(GpxTrack("track" if name == "trk" else "route"))
            self.part = -1 if name == "trk" else 0
        elif name == "trkseg":
            self.part += 1
        elif name == "wpt":
            self.file.n_waypoints += 1
        elif name in POINTS and self.file.tracks:
            track = self.file.tracks[-1]
            track.lon.append(attributes.get("lon", ""))
            track.lat.append(attributes.get("lat", ""))
            track.part.append(max(self.part, 0))
            track.time.append("")

    def end(self, tag: str) -> None:
        name = tag.rpartition(":")[2]
        self.depth.pop()
        above = self.depth[-1] if self.depth else ""
        text, self.text = self.text.strip(), ""
        if not text or not self.file.tracks:
            return
        track = self.file.tracks[-1]
        if name == "time" and above in POINTS:
            track.time[-1] = text
        elif above in ("trk", "rte") and name == "name":
            track.name = text
        elif above in ("trk", "rte") and name in ("desc", "cmt", "src", "type"):
            track.about[name] = text

    def read_text(self, text: str) -> None:
        if len(self.text) < MAX_TEXT:
            self.text += text

    def refuse_doctype(self, *_: object) -> None:
        raise DataSourceError.unreadable(self.path, "it declares a document type, which no GPX has")
