"""OSM extract to simplified, projected network: this project beside osmnx.

Run as `python -m benchmarks.bench_network FILE.osm.pbf [--repeats N]`. Both read the same
ways (every road class, areas left out), each in a process of its own; osmnx gets them as
`.osm` XML, the only format it reads. Printed as JSON: seconds and processor seconds (which
are steadier on a shared machine) of the work without imports, seconds of the whole process,
its peak memory, the ratios, and how the answers compare.

With `--grid N` instead of a file, an invented country of about 2 N x N segments is written
and built by this project alone (`--grid 710` gives a million segments). With a file and
`--copies N`, the country is that many copies of it side by side (37 of Porto Alegre are a
million segments), cut at 500 m. With `--diff`, one way in a hundred of such a country is
then removed and one in a hundred moved by 4 m, and both networks are compared.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path, nargs="?")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--grid", type=int)
    parser.add_argument("--copies", type=int)
    parser.add_argument("--diff", action="store_true")
    parser.add_argument("--worker", choices=["ours", "osmnx", "country", "diff", "xml"])
    parser.add_argument("--answer", type=Path)
    arguments = parser.parse_args()
    if arguments.worker == "xml":
        write_roads_as_xml(arguments.file, arguments.answer)
        print("{}")
        return
    if arguments.worker:
        work(arguments.worker, arguments.file, arguments.answer)
        return
    if arguments.grid or arguments.copies:
        worker = "diff" if arguments.diff else "country"
        print(json.dumps(build_country(arguments, worker), indent=2))
        return
    print(json.dumps(compare(arguments.file, arguments.repeats), indent=2))


def compare(path: Path, repeats: int) -> dict[str, object]:
    """Time both in turns, then compare what they answer."""
    with tempfile.TemporaryDirectory() as folder:
        xml = Path(folder) / "roads.osm"
        run_worker("xml", path, xml)
        files = {"ours": path, "osmnx": xml}
        answers = {name: Path(folder) / f"{name}.json" for name in files}
        runs: dict[str, list[dict[str, float]]] = {name: [] for name in files}
        for _ in range(repeats):
            for name, file in files.items():
                runs[name].append(run_worker(name, file, answers[name]))
        ours, theirs = (json.loads(answers[name].read_text()) for name in ("ours", "osmnx"))
    best = {
        name: {key: statistics.median(run[key] for run in some) for key in some[0]}
        for name, some in runs.items()
    }
    return {
        "file": path.name,
        "repeats": repeats,
        **best,
        "times_faster": round(best["osmnx"]["work_s"] / best["ours"]["work_s"], 1),
        "times_less_cpu": round(best["osmnx"]["cpu_s"] / best["ours"]["cpu_s"], 1),
        "memory_share": round(best["ours"]["peak_mb"] / best["osmnx"]["peak_mb"], 2),
        "answers": compare_answers(ours, theirs),
    }


def compare_answers(ours: dict, theirs: dict) -> dict[str, object]:
    """Say how far the two networks are the same."""
    a, b = set(ours["junctions"]), set(theirs["junctions"])
    return {
        "length_km": {"ours": ours["length_km"], "osmnx": theirs["length_km"]},
        "projected_length_km": {
            "ours": ours["projected_length_km"],
            "osmnx": theirs["projected_length_km"],
        },
        # osmnx leaves out rings that touch no other road (remove_rings of simplify_graph).
        "lone_rings_only_ours_km": ours["lone_rings_km"],
        "difference_without_them_m": round(
            1000
            * (ours["projected_length_km"] - ours["lone_rings_km"] - theirs["projected_length_km"]),
            6,
        ),
        "junctions": {"both": len(a & b), "only_ours": len(a - b), "only_osmnx": len(b - a)},
        "examples": {"only_ours": sorted(a - b)[:5], "only_osmnx": sorted(b - a)[:5]},
        "crs": {"ours": ours["crs"], "osmnx": theirs["crs"]},
    }


def run_worker(name: str, file: Path, answer: Path) -> dict[str, float]:
    start = time.perf_counter()
    command = [sys.executable, "-m", "benchmarks.bench_network", str(file)]
    output = subprocess.run(
        [*command, "--worker", name, "--answer", str(answer)],
        check=True,
        capture_output=True,
        cwd=ROOT,
    ).stdout
    return {**json.loads(output), "process_s": round(time.perf_counter() - start, 2)}


def work(name: str, file: Path, answer: Path) -> None:
    builders = {
        "ours": build_ours,
        "country": partial(build_ours, max_segment_length_m=500.0),
        "osmnx": build_with_osmnx,
        "diff": compare_country,
    }
    result, work_s, cpu_s = builders[name](file)
    peak_mb = read_peak_mb()
    answer.write_text(json.dumps(result()))
    print(
        json.dumps(
            {"work_s": round(work_s, 2), "cpu_s": round(cpu_s, 2), "peak_mb": round(peak_mb)}
        )
    )


def read_peak_mb() -> float:
    """Read this process's own peak; rusage would count the parent's as well."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024 / 1e6


def build_country(arguments: argparse.Namespace, worker: str) -> dict[str, object]:
    with tempfile.TemporaryDirectory() as folder:
        path, answer = Path(folder) / "country.osm.pbf", Path(folder) / "answer.json"
        if arguments.copies:
            write_copies(path, arguments.file, arguments.copies)
        else:
            write_grid(path, arguments.grid)
        run = run_worker(worker, path, answer)
        result = json.loads(answer.read_text())
        return {
            **run,
            "file_mb": round(path.stat().st_size / 1e6),
            **result,
            "us_per_segment": round(1e6 * run["work_s"] / result["n_segments"], 1),
        }


def write_copies(path: Path, source: Path, copies: int) -> None:
    """Write copies of a file's nodes and ways in rows, two degrees across at most."""
    import osmium

    items = list(read_plain(source))
    lon = [item["location"][0] for item in items if "location" in item]
    lat = [item["location"][1] for item in items if "location" in item]
    width, height = max(lon) - min(lon) + 0.01, max(lat) - min(lat) + 0.01
    step = 2 * max(item["id"] for item in items)
    columns = max(int(2 / width), 1)
    with osmium.SimpleWriter(str(path), overwrite=True) as writer:
        for kind in ("location", "nodes"):
            for copy in range(copies):
                up, right = divmod(copy, columns)
                for item in items:
                    if kind not in item:
                        continue
                    new = item | {"id": item["id"] + copy * step}
                    if kind == "location":
                        x, y = item["location"]
                        new["location"] = (x + right * width, y + up * height)
                        writer.add_node(osmium.osm.mutable.Node(**new))
                    else:
                        new["nodes"] = [ref + copy * step for ref in item["nodes"]]
                        writer.add_way(osmium.osm.mutable.Way(**new))


def read_plain(source: Path):
    import osmium

    for item in osmium.FileProcessor(str(source), osmium.osm.NODE | osmium.osm.WAY):
        tags = {tag.k: tag.v for tag in item.tags}
        if item.is_node():
            spot = (item.location.lon, item.location.lat)
            yield {"id": item.id, "location": spot, "tags": tags}
        else:
            yield {"id": item.id, "nodes": [node.ref for node in item.nodes], "tags": tags}


def write_grid(path: Path, size: int, *, n_bends: int = 4) -> None:
    """Write `size` x `size` crossings 200 m apart, with bends and a way for every block."""
    import numpy as np
    import osmium

    rng = np.random.default_rng(20260101)
    step = 0.0018
    mutable = osmium.osm.mutable
    kinds = ["primary", "residential", "tertiary", "unclassified"]
    with osmium.SimpleWriter(str(path), overwrite=True) as writer:
        for row in range(size):
            for column in range(size):
                spot = (100 + column * step, 8 + row * step)
                writer.add_node(mutable.Node(id=1 + row * size + column, location=spot))
        blocks = [(r, c, 0, 1) for r in range(size) for c in range(size - 1)]
        blocks += [(r, c, 1, 0) for r in range(size - 1) for c in range(size)]
        first = size * size + 1
        bends = rng.normal(0, step / 60, (len(blocks), n_bends, 2))
        for number, (row, column, up, right) in enumerate(blocks):
            for bend in range(n_bends):
                share = (bend + 1) / (n_bends + 1)
                dx, dy = bends[number, bend]
                spot = (
                    100 + (column + right * share) * step + dx,
                    8 + (row + up * share) * step + dy,
                )
                writer.add_node(mutable.Node(id=first + number * n_bends + bend, location=spot))
        for number, (row, column, up, right) in enumerate(blocks):
            start, end = 1 + row * size + column, 1 + (row + up) * size + column + right
            inner = range(first + number * n_bends, first + (number + 1) * n_bends)
            street = row if right else column
            tags = {
                "highway": kinds[street % len(kinds)],
                "name": f"{'Street' if right else 'Road'} {street}",
            }
            writer.add_way(mutable.Way(id=1 + number, nodes=[start, *inner, end], tags=tags))


def compare_country(file: Path):
    """Compare a network with one of the same roads, some removed and some moved."""
    import numpy as np
    import shapely

    from core.vocabulary import RoadClass
    from geo.network import build_network_from_lines, build_network_from_osm
    from geo.network_diff import compare_networks

    options = {
        "road_classes": [word.value for word in RoadClass],
        "max_segment_length_m": 500.0,
        "intersection_tolerance_m": 15.0,
    }
    old = build_network_from_osm(file, **options)
    rng = np.random.default_rng(20260101)
    lot = rng.random(len(old.segments))
    lines = old.segments.geometry.to_numpy().copy()
    moved = np.flatnonzero((lot > 0.01) & (lot < 0.02))
    lines[moved] = shapely.transform(lines[moved], lambda xy: xy + np.array([3.0, 2.5]))
    columns = ["name", "ref", "highway", "oneway", "surface"]
    layer = old.segments[columns].set_geometry(lines, crs=old.segments.crs)
    layer["oneway"] = layer["oneway"].map({"forward": "yes", "backward": "-1"})
    new = build_network_from_lines(layer[lot > 0.01], **options)
    del layer, lines
    built_mb = read_peak_mb()
    start, cpu = time.perf_counter(), time.process_time()
    summary = compare_networks(old, new).summary
    seconds, cpu_s = time.perf_counter() - start, time.process_time() - cpu
    true_km = float(old.segments["length_m"][lot <= 0.01].sum() / 1000)
    answer = {
        "n_segments": len(old.segments),
        "peak_mb_of_both_built": round(built_mb),
        "removed_km": summary["removed_km"],
        "true_removed_km": round(true_km, 3),
        "by_status": summary["old_segments_by_status"],
    }
    return lambda: answer, seconds, cpu_s


def build_ours(file: Path, max_segment_length_m: float = float("inf")):
    from core.vocabulary import RoadClass
    from geo.network import build_network_from_osm

    start, cpu = time.perf_counter(), time.process_time()
    network = build_network_from_osm(
        file,
        road_classes=[word.value for word in RoadClass],
        max_segment_length_m=max_segment_length_m,  # osmnx does not cut
        intersection_tolerance_m=15.0,
    )
    seconds, cpu_s = time.perf_counter() - start, time.process_time() - cpu

    def answer() -> dict[str, object]:
        nodes, segments = network.nodes, network.segments
        degree = nodes["degree"].to_numpy()
        has_end = (degree[segments["u"]] != 2) | (degree[segments["v"]] != 2)
        touches = segments.assign(has_end=has_end).groupby("component")["has_end"].transform("any")
        if max_segment_length_m < float("inf"):
            return {"n_segments": len(segments), "n_intersections": len(network.intersections)}
        return {
            "n_segments": len(segments),
            "lone_rings_km": float(segments.loc[~touches, "length_m"].sum() / 1000),
            "length_km": measure_geodesic_km(network.segments),
            "projected_length_km": float(network.segments["length_m"].sum() / 1000),
            "junctions": nodes.loc[nodes["degree"] != 2, "osm_node_id"].tolist(),
            "crs": network.segments.crs.to_string(),
        }

    return answer, seconds, cpu_s


def build_with_osmnx(file: Path):
    import osmnx

    start, cpu = time.perf_counter(), time.process_time()
    graph = osmnx.graph_from_xml(file, bidirectional=True, retain_all=True)
    projected = osmnx.project_graph(graph)
    seconds, cpu_s = time.perf_counter() - start, time.process_time() - cpu

    def answer() -> dict[str, object]:
        undirected = osmnx.convert.to_undirected(projected)
        edges = osmnx.graph_to_gdfs(undirected, nodes=False)
        ends = dict.fromkeys(undirected.nodes, 0)
        for u, v in undirected.edges():
            ends[u] += 1
            ends[v] += 1
        return {
            "length_km": measure_geodesic_km(edges),
            "projected_length_km": float(edges.geometry.length.sum() / 1000),
            "junctions": [node for node, count in ends.items() if count != 2],
            "crs": edges.crs.to_string(),
        }

    return answer, seconds, cpu_s


def measure_geodesic_km(lines) -> float:
    from pyproj import Geod

    geod = Geod(ellps="WGS84")
    shapes = lines.geometry.to_crs(4326)
    return sum(geod.geometry_length(line) for line in shapes) / 1000


def write_roads_as_xml(path: Path, xml: Path) -> None:
    """Write the ways that are roads, with their nodes, as .osm XML."""
    import osmium

    from geo.osm_tags import ROAD_CLASS_OF_HIGHWAY

    with osmium.BackReferenceWriter(str(xml), str(path), overwrite=True) as writer:
        ways = osmium.FileProcessor(str(path), osmium.osm.WAY)
        for way in ways.with_filter(osmium.filter.KeyFilter("highway")):
            highway = way.tags["highway"].removesuffix("_link")
            if highway in ROAD_CLASS_OF_HIGHWAY and way.tags.get("area") != "yes":
                writer.add(way)


if __name__ == "__main__":
    main()
