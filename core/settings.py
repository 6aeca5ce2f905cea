"""The settings a person may change, each with its meaning; loaded only at the edges.

`config/default.yaml` holds the same values with the same words and is kept equal to
this module by a test. Library code takes plain arguments, never a `Settings`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.errors import ConfigError
from core.vocabulary import RoadClass

__all__ = ["Settings", "load_settings"]

DEFAULT_ROAD_CLASSES = tuple(
    road_class.value
    for road_class in RoadClass
    if road_class not in {RoadClass.SERVICE, RoadClass.PATH}
)


class Settings(BaseModel):
    """Everything that can be tuned; unknown keys are refused, values cannot change."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    road_classes: tuple[str, ...] = Field(
        DEFAULT_ROAD_CLASSES,
        description="Road classes that take part; add service or path to include them.",
    )
    max_segment_length_m: float = Field(
        500.0, gt=0, description="A segment longer than this is cut into equal parts [m]."
    )
    intersection_tolerance_m: float = Field(
        15.0, ge=0, description="Junction nodes within this distance are one intersection [m]."
    )
    lixel_length_m: float = Field(
        50.0, gt=0, description="Length of a lixel, the smallest piece of road [m]."
    )
    snap_max_distance_m: float = Field(
        50.0, gt=0, description="A crash farther than this from every road is not placed [m]."
    )
    intersection_radius_m: float = Field(
        20.0, ge=0, description="A crash this close to an intersection belongs to it [m]."
    )
    ambiguity_margin_m: float = Field(
        5.0,
        ge=0,
        description="A crash is ambiguous when its second-best site is within this much more [m].",
    )
    window_length_m: float = Field(
        300.0,
        gt=0,
        le=2_000,
        description="Length of the sliding window along the network [m]; at most 2,000.",
    )
    hotspot_method: Literal["window", "density", "gi_star"] = Field(
        "window",
        description="How published hotspots are found: crashes in a window, density along the "
        "roads, or Gi* of rates.",
    )
    hotspot_null: Literal["length", "road_class", "exposure", "spf"] = Field(
        "road_class",
        description="What a stretch is compared with: every metre alike, the mean of its road "
        "class, workers who pass, or roads of its kind and surroundings.",
    )
    hotspot_control: Literal["pointwise", "fdr", "family"] = Field(
        "fdr",
        description="What chance may do: each place by itself, the share of false discoveries, or "
        "any false one anywhere.",
    )
    hotspot_fdr: float = Field(
        0.05,
        gt=0,
        lt=1,
        description="Level of that control, such as the share of false discoveries accepted.",
    )
    hotspot_bandwidth_m: float = Field(
        300.0,
        gt=0,
        le=5_000,
        description="A crash adds to the density up to this far along the roads [m]; at most "
        "5,000, less where that takes too much memory.",
    )
    n_simulations: int = Field(
        999,
        ge=199,
        description="Most maps of chance that the density is compared with; fewer are drawn where "
        "lixels times crashes are many, and the page says how many.",
    )
    hotspot_min_crashes: int = Field(
        3, ge=1, description="A hotspot has at least this many crashes."
    )
    hotspot_max_length_m: float = Field(
        1000.0,
        gt=0,
        description="A longer significant stretch is split at its weakest places [m].",
    )
    grade_smoothing_m: float = Field(
        100.0, gt=0, description="A road's grade is taken between places this far apart [m]."
    )
    around_distance_m: float = Field(
        1000.0, gt=0, description="People and night light are means within this distance [m]."
    )
    roadside_distance_m: float = Field(
        30.0, gt=0, description="A building or shop farther from every road is along none [m]."
    )
    time_zone: str = Field(
        "Asia/Phnom_Penh",
        description="Time zone of the clocks of shifts, for the light of commutes.",
    )
    dark_below_deg: float = Field(
        -6.0,
        ge=-18,
        le=0,
        description="It is dark when the sun stands lower than this [degrees]; -6 is the end of "
        "civil twilight, -0.8333 sunset.",
    )
    working_days_per_year: float = Field(
        290.0, gt=0, le=366, description="Days a year on which workers commute."
    )
    arrival_margin_min: float = Field(
        10.0,
        ge=0,
        le=240,
        description="Workers arrive this long before their shift and leave this long after it "
        "[min].",
    )
    n_route_alternatives: int = Field(
        3, ge=1, le=10, description="Greatest number of routes between a village and a factory."
    )
    min_worker_km: float = Field(
        1_000_000.0,
        ge=0,
        description="No rate of commute crashes is given on fewer worker-km over the period.",
    )
    epdo_weights: dict[str, float] = Field(
        {"fatal": 542.0, "serious": 29.0, "slight": 11.0, "damage_only": 1.0},
        description="Weight of a crash in the equivalent-property-damage-only (EPDO) score.",
    )
    epdo_source: str = Field(
        "Costs of K, A, B and O crashes relative to O, United States 2001 (FHWA-HRT-05-051, "
        "as used in the Highway Safety Manual 2010, ch. 4); replace by national costs",
        description="Where the EPDO weights come from, shown beside every score.",
    )
    seed: int = Field(20260101, ge=0, description="Seed of every random step.")


def load_settings(path: Path | None = None) -> Settings:
    """Read settings from a YAML file; with no path, the defaults.

    Raises
    ------
    ConfigError
        If the file cannot be read, is not a mapping, or holds an unknown key or a
        value out of range; the message names the key.
    """
    if path is None:
        return Settings()
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = str(error).splitlines()[0]
        message = f"{path}: settings cannot be read: {reason}; mend the file or remove it."
        raise ConfigError(message) from error
    if not isinstance(values, dict):
        message = f"{path}: settings must be 'key: value' lines; see config/default.yaml."
        raise ConfigError(message)
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        message = (
            f"{path}: {error.error_count()} setting(s) refused, first {key!r}: {first['msg']}; "
            "see config/default.yaml for what is allowed."
        )
        raise ConfigError(message) from error
