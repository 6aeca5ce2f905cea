"""Overpass and Nominatim, played by a server of this machine."""

from __future__ import annotations

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from core.errors import DataSourceError, DownloadError, InputError, MissingDataError
from geo.fetch import OsmServers, fetch_overpass, find_place
from geo.network import build_network_from_osm
from geo.osm import read_osm
from geo.polite_http import Server

AREA = (104.90, 11.50, 104.94, 11.52)
NODES = {i: (104.895 + 0.01 * i, 11.51) for i in range(1, 6)}  # 1 and 5 lie outside
WAYS = {10 + i: [i, i + 1] for i in range(1, 5)}


class FakeOsm:
    """Answers as Overpass and Nominatim do, after the faults it was told to make."""

    def __init__(self) -> None:
        self.queries: list[str] = []
        self.agents: list[str] = []
        self.faults: list[str] = []
        self.as_json = False
        self.status = "Rate limit: 2\nSlot available after: 2026-01-01T00:00:00Z, in 7 seconds.\n"
        self.places: dict[str, object] = {}

    def answer(self, query: str) -> str:
        south, west, north, east = map(float, re.search(r"\[bbox:(.*?)\]", query)[1].split(","))
        inside = {i for i, (x, y) in NODES.items() if west <= x <= east and south <= y <= north}
        ways = {w: refs for w, refs in WAYS.items() if inside & set(refs)}
        nodes = {ref: NODES[ref] for refs in ways.values() for ref in refs}
        return self.as_elements(nodes, ways) if self.as_json else self.as_xml(nodes, ways)

    def as_xml(self, nodes, ways) -> str:
        lines = [f'<node id="{i}" lat="{y}" lon="{x}"/>' for i, (x, y) in sorted(nodes.items())]
        for way, refs in sorted(ways.items()):
            inner = "".join(f'<nd ref="{ref}"/>' for ref in refs)
            lines.append(f'<way id="{way}">{inner}<tag k="highway" v="primary"/></way>')
        body = "\n".join(lines)
        return f'<?xml version="1.0"?>\n<osm version="0.6" generator="Overpass">\n{body}\n</osm>\n'

    def as_elements(self, nodes, ways) -> str:
        elements = [{"type": "way", "id": w, "nodes": r, "tags": {"highway": "primary"}}
                    for w, r in ways.items()]  # fmt: skip
        elements += [{"type": "node", "id": i, "lon": x, "lat": y} for i, (x, y) in nodes.items()]
        return json.dumps({"version": 0.6, "elements": elements})


def make_handler(fake: FakeOsm):
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            size = int(self.headers["Content-Length"])
            query = parse_qs(self.rfile.read(size).decode())["data"][0]
            fake.queries.append(query)
            fake.agents.append(self.headers["User-Agent"])
            self.reply(fake.answer(query))

        def do_GET(self):
            url = urlsplit(self.path)
            if url.path.endswith("/status"):
                self.send(200, fake.status)
                return
            name = parse_qs(url.query)["q"][0]
            fake.queries.append(name)
            self.reply(json.dumps(fake.places.get(name, [])))

        def reply(self, text: str) -> None:
            fault = fake.faults.pop(0) if fake.faults else ""
            if fault.startswith("429 after "):
                self.send(429, "slow down", {"Retry-After": fault.removeprefix("429 after ")})
            elif fault.isdigit():
                self.send(int(fault), f"<html><body>code {fault}</body></html>")
            elif fault == "cut":
                self.send(200, text, promise=len(text.encode()) + 500)
            elif fault == "short":
                self.send(200, text[: len(text) // 2])
            elif fault == "page":
                self.send(200, "<html><body>The server is being repaired</body></html>")
            elif fault == "remark":
                remark = '<remark> runtime error: Query timed out in "query" at line 2 </remark>'
                self.send(200, text.replace("</osm>", f"{remark}</osm>"))
            elif fault == "nonsense":
                self.send(200, '{"elements": [{"type": "node"}]}')
            else:
                self.send(200, text)

        def send(self, code, text, headers=None, promise=None) -> None:
            body = text.encode()
            self.send_response(code)
            for key, value in (headers or {}).items():
                self.send_header(key, value)
            self.send_header("Content-Length", str(promise or len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    return Handler


@pytest.fixture
def fake():
    return FakeOsm()


@pytest.fixture
def pauses():
    return []


@pytest.fixture
def servers(fake, pauses):
    server = ThreadingHTTPServer(("127.0.0.1", 0), make_handler(fake))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    root = f"http://127.0.0.1:{server.server_port}"
    patience = {"timeout_s": 5.0, "max_tries": 4, "pause": pauses.append}
    yield OsmServers(
        overpass=Server(url=f"{root}/api/interpreter", **patience),
        nominatim=Server(url=f"{root}/search", **patience),
    )
    server.shutdown()
    thread.join()
    server.server_close()


def read_ids(path):
    roads = read_osm(path, road_classes=["primary"])
    return sorted(roads.ways["osm_way_id"]), sorted(set(roads.node_ref.tolist()))


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize(("tile_deg", "n_tiles"), [(0.25, 1), (0.015, 6)])
def test_tiles_are_fetched_merged_and_kept(fake, servers, tmp_path, as_json, tile_deg, n_tiles):
    fake.as_json = as_json
    steps = []
    options = {"cache_dir": tmp_path, "servers": servers, "tile_deg": tile_deg}
    path = fetch_overpass(AREA, progress=lambda *step: steps.append(step[:2]), **options)
    assert len(fake.queries) == n_tiles
    assert read_ids(path) == ([11, 12, 13, 14], [1, 2, 3, 4, 5])
    assert steps[-1] == (n_tiles, n_tiles)
    assert fake.agents == ["safecommute (road safety analysis)"] * n_tiles
    assert 'way["highway"]' in fake.queries[0]
    note = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    assert note["n_tiles"] == n_tiles
    assert "OpenStreetMap contributors" in note["attribution"]
    again = fetch_overpass(AREA, **options)
    assert (again, len(fake.queries)) == (path, n_tiles)
    assert sorted(p.suffix for p in tmp_path.iterdir()) == [".json", ".lock", ".osm"]


def test_a_fetched_file_becomes_a_network(servers, tmp_path, options):
    path = fetch_overpass(AREA, cache_dir=tmp_path, servers=servers)
    network = build_network_from_osm(path, **options)
    assert network.summary["n_ways_read"] == 4
    assert network.summary["network_km"] == pytest.approx(4.36, abs=0.01)


@pytest.mark.parametrize(
    ("faults", "waits"),
    [
        (["429 after 11"], [11.0]),
        (["429"], [7.0]),  # from /api/status
        (["504", "504"], [5.0, 10.0]),
        (["503"], [5.0]),
        (["cut"], [5.0]),
        (["short"], [5.0]),
        (["page"], [5.0]),
        (["remark"], [5.0]),
        (["429 after Thu, 01 Jan 1970 00:00:00 GMT"], [0.0]),
        (["504", "429 after 3", "cut"], [5.0, 3.0, 20.0]),
    ],
)
def test_a_busy_server_is_asked_again_after_the_wait_it_names(
    fake, servers, pauses, tmp_path, faults, waits
):
    fake.faults = list(faults)
    path = fetch_overpass(AREA, cache_dir=tmp_path, servers=servers)
    assert pauses == waits
    assert len(fake.queries) == len(faults) + 1
    assert read_ids(path)[0] == [11, 12, 13, 14]


def test_a_server_with_a_free_slot_is_asked_again_at_once(fake, servers, pauses, tmp_path):
    fake.status = "Rate limit: 2\n2 slots available now.\n"
    fake.faults = ["429"]
    fetch_overpass(AREA, cache_dir=tmp_path, servers=servers)
    assert pauses == [1.0]


def test_what_was_fetched_before_the_end_of_patience_is_not_asked_for_again(
    fake, servers, pauses, tmp_path
):
    options = {"cache_dir": tmp_path, "servers": servers, "tile_deg": 0.015}
    fake.faults = ["", "", "", *["504"] * 4]
    with pytest.raises(DownloadError, match=r"HTTP 504.*try 4 of 4.*fetched is kept"):
        fetch_overpass(AREA, **options)
    assert pauses == [5.0, 10.0, 20.0]
    assert not list(tmp_path.glob("*.osm"))
    done, fake.queries = fake.queries[:3], []
    path = fetch_overpass(AREA, **options)
    assert len(fake.queries) == 3
    assert not set(done) & set(fake.queries)
    assert read_ids(path) == ([11, 12, 13, 14], [1, 2, 3, 4, 5])


def test_a_damaged_tile_is_fetched_anew(fake, servers, tmp_path):
    options = {"cache_dir": tmp_path, "servers": servers, "tile_deg": 0.015}
    fake.faults = ["", *["504"] * 4]
    with pytest.raises(DownloadError):
        fetch_overpass(AREA, **options)
    (tile,) = tmp_path.rglob("0000.osm")
    tile.write_text('<osm version="0.6"><node id="x"', encoding="utf-8")
    with pytest.raises(DownloadError, match=r"0000\.osm: the tile is damaged"):
        fetch_overpass(AREA, **options)
    assert read_ids(fetch_overpass(AREA, **options))[0] == [11, 12, 13, 14]


def test_a_refusal_or_a_far_too_long_wait_ends_at_once(fake, servers, pauses, tmp_path):
    for fault, words in (
        ("400", r"refused \(HTTP 400\): code 400"),
        ("429 after 7200", "7200 s"),
        ("nonsense", "not understood"),
    ):
        fake.faults = [fault]
        with pytest.raises(DownloadError, match=words):
            fetch_overpass(AREA, cache_dir=tmp_path, servers=servers)
    assert pauses == []
    assert not [p for p in tmp_path.rglob("*") if "part" in p.name or "answer" in p.name]


def test_no_server_at_all_is_said_in_one_line(pauses, tmp_path):
    closed = Server(url="http://127.0.0.1:9/api/interpreter", max_tries=2, pause=pauses.append)
    with pytest.raises(DownloadError, match=r"127\.0\.0\.1:9.*connection refused") as caught:
        fetch_overpass(AREA, cache_dir=tmp_path, servers=OsmServers(overpass=closed))
    assert "\n" not in str(caught.value)
    assert pauses == []  # waiting brings no server


SQUARE = [[[104.9, 11.5], [104.94, 11.5], [104.94, 11.52], [104.9, 11.52], [104.9, 11.5]]]
HITS = [
    {"boundingbox": ["11.5", "11.5", "104.9", "104.9"], "geojson": {"type": "Point"}},
    {
        "boundingbox": ["11.5", "11.52", "104.9", "104.94"],
        "display_name": "Chbar Ampov, Phnom Penh",
        "geojson": {"type": "Polygon", "coordinates": SQUARE},
    },
]


def test_a_place_name_is_looked_up_once(fake, servers, tmp_path):
    fake.places["Chbar Ampov"] = HITS
    path = fetch_overpass("Chbar Ampov", cache_dir=tmp_path, servers=servers)
    assert read_ids(path)[0] == [11, 12, 13, 14]
    place = find_place(" Chbar Ampov ", cache_dir=tmp_path, server=servers.nominatim)
    assert fake.queries.count("Chbar Ampov") == 1
    assert place.bounds_wgs84 == AREA
    assert place.label.startswith("Chbar Ampov")
    assert place.boundary.area == pytest.approx(0.04 * 0.02)
    fetch_overpass(AREA, cache_dir=tmp_path, servers=servers)
    assert len(fake.queries) == 2  # the same area by name or by numbers


def test_an_unknown_place_is_named_and_not_remembered(fake, servers, tmp_path):
    for _ in range(2):
        with pytest.raises(MissingDataError, match="'Atlantis'"):
            fetch_overpass("Atlantis", cache_dir=tmp_path, servers=servers)
    assert fake.queries == ["Atlantis"] * 2
    fake.places["Odd"] = [{"boundingbox": ["a", "b"]}]
    with pytest.raises(DownloadError, match="not understood"):
        fetch_overpass("Odd", cache_dir=tmp_path, servers=servers)
    with pytest.raises(InputError, match="empty"):
        fetch_overpass("  ", cache_dir=tmp_path, servers=servers)


@pytest.mark.parametrize(
    ("area", "words"),
    [
        ((104.9, 11.5, 104.8, 11.6), "west < east"),
        ((104.9, 11.5, 105), "four numbers"),
        ((100, 5, 110, 20), "download.geofabrik.de"),
        ((float("nan"), 5, 110, 20), "west < east"),
    ],
)
def test_bounds_that_make_no_sense_never_reach_the_server(fake, servers, tmp_path, area, words):
    with pytest.raises(InputError, match=words):
        fetch_overpass(area, cache_dir=tmp_path, servers=servers)
    with pytest.raises(InputError, match="tile_deg"):
        fetch_overpass(AREA, cache_dir=tmp_path, servers=servers, tile_deg=0)
    assert fake.queries == []


def test_a_cache_folder_that_cannot_be_made_is_named(servers, tmp_path):
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    with pytest.raises(DataSourceError, match="cache folder"):
        fetch_overpass(AREA, cache_dir=tmp_path / "file" / "cache", servers=servers)
