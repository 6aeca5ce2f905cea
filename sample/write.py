"""Write the whole sample into a folder: roads, boundaries, records, and the truth about them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd

from sample.crashes import build_crashes
from sample.dirt import add_dirt
from sample.frame import to_lonlat_point
from sample.names import SYNTHETIC_NOTE
from sample.osm_file import write_osm
from sample.people import (
    build_factories,
    tabulate_factories,
    tabulate_origins,
    tabulate_vehicles,
)
from sample.pilot import PILOT_START_YEAR, TRUE_EFFECT, YEARS, Pilot, choose_pilot
from sample.places_of_crashes import RATE_PER_KM, Hotspot, place_crashes, plant_hotspots
from sample.tables import tabulate_casualties, tabulate_crashes, tabulate_interventions
from sample.world import World, build_world

__all__ = ["DEFAULT_SEED", "write_sample"]

DEFAULT_SEED = 20260101


def write_sample(out: Path, *, seed: int = DEFAULT_SEED, with_hotspots: bool = True) -> None:
    """Write roads, boundaries, records and the truth about them into a folder.

    Parameters
    ----------
    out
        Gets `osm/`, `boundaries/` and `sample/`.
    seed
        The same seed gives the same bytes.
    with_hotspots
        Whether six hotspots are planted; without, crashes differ by road class only.
    """
    world = build_world(seed)
    hotspots = plant_hotspots(world) if with_hotspots else []
    factories = build_factories(world)
    pilot = choose_pilot(world, factories)
    crashes = build_crashes(world, place_crashes(world, hotspots), factories, pilot)
    clean = tabulate_crashes(world, crashes)
    dirty, dirt = add_dirt(world, clean)
    write_osm(world, out / "osm" / "sample.osm.pbf")
    write_boundaries(world, out / "boundaries")
    tables = {
        "factories": tabulate_factories(factories, set(pilot.factories)),
        "origins": tabulate_origins(world, factories),
        "vehicles": tabulate_vehicles(world, factories),
        "crashes": dirty,
        "casualties": tabulate_casualties(world, crashes, clean),
        "interventions": tabulate_interventions(pilot),
    }
    folder = out / "sample"
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        table.to_csv(folder / f"{name}.csv", index=False, lineterminator="\n")
    truth = describe_truth(seed, hotspots, pilot, clean, dirt)
    write_json(folder / "truth.json", truth)


def write_boundaries(world: World, folder: Path) -> None:
    """Write the provinces and districts as GeoJSON."""
    folder.mkdir(parents=True, exist_ok=True)
    provinces: dict[str, Any] = {}
    districts = []
    for district in world.districts:
        shape = provinces.get(district.province.latin)
        shape = (
            district.province,
            district.outline if shape is None else shape[1].union(district.outline),
        )
        provinces[district.province.latin] = shape
        properties = {
            "name": district.name.latin,
            "name_km": district.name.khmer,
            "province": district.province.latin,
            "note": SYNTHETIC_NOTE,
        }
        districts.append(as_feature(properties, district.outline.__geo_interface__))
    whole = [
        as_feature(
            {"name": name.latin, "name_km": name.khmer, "note": SYNTHETIC_NOTE},
            outline.__geo_interface__,
        )
        for name, outline in provinces.values()
    ]
    for name, features in (("provinces", whole), ("districts", districts)):
        write_json(
            folder / f"sample_{name}.geojson", {"type": "FeatureCollection", "features": features}
        )


def as_feature(properties: dict[str, Any], geometry: object) -> dict[str, Any]:
    """Return a GeoJSON feature."""
    return {"type": "Feature", "properties": properties, "geometry": geometry}


def describe_truth(
    seed: int,
    hotspots: list[Hotspot],
    pilot: Pilot,
    clean: pd.DataFrame,
    dirt: dict[str, list[str]],
) -> dict[str, Any]:
    """Return what was planted, for the tests."""
    return {
        "note": SYNTHETIC_NOTE,
        "seed": seed,
        "years": YEARS,
        "n_crashes": len(clean),
        "crashes_per_km_by_road_class": RATE_PER_KM,
        "hotspots": [describe_hotspot(spot) for spot in hotspots],
        "pilot": {
            "factories": pilot.factories,
            "start": f"{PILOT_START_YEAR}-01-01",
            "true_effect": TRUE_EFFECT,
            "true_percent_change": round(100 * (TRUE_EFFECT - 1), 1),
            "mean_per_year_without_pilot": pilot.mean_per_year,
            "counts": pilot.counts,
        },
        "dirt": dirt,
    }


def describe_hotspot(spot: Hotspot) -> dict[str, Any]:
    """Return one planted stretch: its road, from where to where, and how many crashes."""
    return {
        "road": spot.road.key,
        "ref": spot.road.tags.get("ref", spot.road.tags.get("name", "")),
        "from_m": spot.from_m,  # from the first vertex of the road as it was drawn
        "to_m": spot.to_m,
        "n_planted": spot.n_planted,
        "line": [to_lonlat_point(point) for point in spot.line()],
    }


def write_json(path: Path, values: object) -> None:
    """Write JSON that a person can read and that git can compare."""
    text = json.dumps(values, ensure_ascii=False, indent=1)
    path.write_text(text + "\n", encoding="utf-8")
