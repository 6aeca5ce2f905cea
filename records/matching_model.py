"""What is compared between two reports, in which steps, and which pairs are looked at.

Each comparison sorts a pair into the first of its levels whose condition holds. The weight
of a level is kept as data (`data/matching.yaml`): how often it occurs among pairs that are
one crash (m) and among those that are not (u); the log of m ÷ u is what the level counts.
`unknown` counts nothing. The conditions are SQL over the columns that
`records.matching_columns` makes; none of them tells left from right.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

from core.errors import ConfigError

if TYPE_CHECKING:
    from splink import SettingsCreator

__all__ = ["LEVELS", "UNKNOWN", "Weights", "build_settings", "load_weights"]

WEIGHTS_PATH: Final = Path(__file__).resolve().parents[1] / "data" / "matching.yaml"
UNKNOWN: Final = "unknown"

# Metres on the sphere, true enough within tens of kilometres.
_DISTANCE = (
    "(111195 * sqrt(pow(lat_l - lat_r, 2)"
    " + pow((lon_l - lon_r) * cos(radians((lat_l + lat_r) / 2)), 2)))"
)
_APART = "abs(minute_l - minute_r)"
_DAYS = "abs(day_l - day_r)"
_BOTH_TIMES = "(has_time_l and has_time_r)"
_BOTH_EXACT = "(is_exact_l and is_exact_r)"
_CLOCK = "abs(minute_l % 1440 - minute_r % 1440)"
_SAME_VILLAGE = (
    "(village_code_l = village_code_r or village_script_l = village_script_r"
    " and jaro_winkler_similarity(village_l, village_r) >= 0.93)"
)
_SAME_ROAD = "jaro_winkler_similarity(road_l, road_r) >= 0.93"
_IS_NUMBER = "(road_script_l = 'number')"


def _overlap(name: str) -> str:
    both, either = f"{name}_l & {name}_r", f"{name}_l | {name}_r"
    return f"(bit_count({both}) * 1.0 / bit_count({either}))"


def _lacks(*names: str) -> str:
    return " or ".join(f"{name}_{side} is null" for name in names for side in "lr")


_USERS, _PERSONS = _overlap("users"), _overlap("persons")
_BUSY = "greatest(busy_l, busy_r)"

# Comparison → level → condition; the first that holds counts.
LEVELS: Final[dict[str, dict[str, str]]] = {
    "time": {
        "swapped_same_hour": f"{_DAYS} > 1 and {_BOTH_TIMES} and {_CLOCK} <= 60",
        "swapped": f"{_DAYS} > 1",
        "within_15_min": f"{_BOTH_TIMES} and {_APART} <= 15",
        "within_1_h": f"{_BOTH_TIMES} and {_APART} <= 60",
        "within_6_h": f"{_BOTH_TIMES} and {_APART} <= 360",
        "same_day": f"{_BOTH_TIMES} and {_DAYS} = 0",
        "next_day": f"{_BOTH_TIMES}",
        "same_date": f"{_DAYS} = 0",
        "next_date": "true",
    },
    "place": {
        "within_100_m": f"{_BOTH_EXACT} and {_DISTANCE} <= 100",
        "within_500_m": f"{_BOTH_EXACT} and {_DISTANCE} <= 500",
        "within_2_km": f"{_BOTH_EXACT} and {_DISTANCE} <= 2000",
        "within_10_km": f"{_BOTH_EXACT} and {_DISTANCE} <= 10000",
        "farther": _BOTH_EXACT,
        "same_village": _SAME_VILLAGE,
        "about_2_km": f"{_DISTANCE} <= 2000",
        "about_10_km": f"{_DISTANCE} <= 10000",
        "farther_about": f"{_DISTANCE} > 10000",
        "other_village": "village_script_l = village_script_r",
        "same_district": "district_l = district_r",
        "other_district": "district_script_l = district_script_r",
        UNKNOWN: "true",
    },
    "road": {
        "same": f"road_script_l = road_script_r and ({_IS_NUMBER} and road_l = road_r"
        f" or not {_IS_NUMBER} and {_SAME_ROAD})",
        "other": "road_script_l = road_script_r"
        " or 'number' in (road_script_l, road_script_r) and road_l is not null"
        " and road_r is not null",
        UNKNOWN: "true",
    },
    "severity": {
        UNKNOWN: _lacks("severity"),
        "equal": "severity_l = severity_r",
        "one_step": "abs(severity_l - severity_r) = 1",
        "more_steps": "true",
    },
    "hurt": {
        UNKNOWN: _lacks("killed", "hurt"),
        "nobody": "hurt_l = 0 and hurt_r = 0",
        "same": "hurt_l = hurt_r and killed_l = killed_r",
        "same_total": "hurt_l = hurt_r",
        "one_more": "abs(hurt_l - hurt_r) = 1",
        "other": "true",
    },
    "users": {
        UNKNOWN: _lacks("users"),
        "same": f"{_USERS} = 1",
        "half": f"{_USERS} >= 0.5",
        "some": f"{_USERS} > 0",
        "none": "true",
    },
    "vehicles": {
        UNKNOWN: _lacks("vehicles"),
        "equal": "vehicles_l = vehicles_r",
        "other": "true",
    },
    "persons": {
        UNKNOWN: _lacks("persons"),
        "same_several": f"{_PERSONS} = 1 and bit_count(persons_l) > 1",
        "same": f"{_PERSONS} = 1",
        "half": f"{_PERSONS} >= 0.5",
        "some": f"{_PERSONS} > 0",
        "none": "true",
    },
    "worker": {
        "same_factory": "factory_l = factory_r",
        "other_factory": "factory_l <> factory_r",
        "both_workers": "is_worker_l and is_worker_r",
        "one_worker": "is_worker_l <> is_worker_r",
        UNKNOWN: "true",
    },
    "source": {
        "same": "source_l = source_r",
        "other": "true",
    },
    "busy": {
        "below_0_1": f"{_BUSY} < 0.1",
        "below_0_3": f"{_BUSY} < 0.3",
        "below_1": f"{_BUSY} < 1",
        "below_3": f"{_BUSY} < 3",
        "below_10": f"{_BUSY} < 10",
        "below_30": f"{_BUSY} < 30",
        "above_30": "true",
    },
}

# Places that speak for one crash at all: near, or of one name, or one of them not known.
_MAY_BE_NEAR = (
    "case when l.is_exact and r.is_exact"
    " then abs(l.lat - r.lat) < 0.1 and abs(l.lon - r.lon) < 0.12"
    " when l.lat is not null and r.lat is not null"
    " then abs(l.lat - r.lat) < 0.1 and abs(l.lon - r.lon) < 0.12"
    " when l.village_code = r.village_code then true"
    " when l.village_script = r.village_script then"
    " jaro_winkler_similarity(l.village, r.village) >= 0.93"
    " or l.district = r.district"
    " when l.district_script = r.district_script then l.district = r.district"
    " else l.day = r.day and (l.factory = r.factory"
    " or l.has_time and r.has_time and abs(l.minute - r.minute) <= 60) end"
)
_IS_NEAR = (
    "coalesce(abs(l.lat - r.lat) < 0.02 and abs(l.lon - r.lon) < 0.02, false)"
    " or coalesce(l.village_code = r.village_code, false)"
    " or coalesce(l.village_script = r.village_script"
    " and jaro_winkler_similarity(l.village, r.village) >= 0.93, false)"
    " or coalesce(l.factory = r.factory, false)"
)
BLOCKING: Final = (
    f"l.day = r.day and ({_MAY_BE_NEAR})",
    f"l.day = r.day + 1 and ({_MAY_BE_NEAR})",
    f"l.day + 1 = r.day and ({_MAY_BE_NEAR})",
    f"l.swapped_day = r.day and ({_IS_NEAR})",
)


@dataclass(frozen=True, slots=True)
class Weights:
    """How often each level occurs among pairs of one crash (m) and of two (u)."""

    prior: float  # share of one crash among the pairs looked at, all levels unknown
    m: dict[str, dict[str, float]]
    u: dict[str, dict[str, float]]


def load_weights(path: Path = WEIGHTS_PATH) -> Weights:
    """Read the weights of all levels.

    Raises
    ------
    ConfigError
        If the file cannot be read, or does not name every level with 0 < m, u <= 1.
    """
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
        weights = Weights(
            prior=float(found["prior"]),
            m=_read_side(found, "m"),
            u=_read_side(found, "u"),
        )
    except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError) as error:
        message = f"{path}: is no file of matching weights ({error}); restore it."
        raise ConfigError(message) from error
    numbers = [weights.prior]
    for name, levels in LEVELS.items():
        for side in (weights.m, weights.u):
            if set(side.get(name, {})) != set(levels) - {UNKNOWN}:
                message = f"{path}: {name} must have just the levels {', '.join(levels)}."
                raise ConfigError(message)
            numbers += side[name].values()
    if not all(0 < number <= 1 for number in numbers):
        message = f"{path}: every prior, m and u must be above 0 and at most 1."
        raise ConfigError(message)
    return weights


def _read_side(found: dict[str, Any], side: str) -> dict[str, dict[str, float]]:
    return {
        name: {level: float(pair[side]) for level, pair in one["levels"].items()}
        for name, one in found["comparisons"].items()
    }


def build_settings(weights: Weights) -> SettingsCreator:
    """Return the model as splink takes it."""
    from splink import SettingsCreator
    from splink.blocking_rule_library import CustomRule

    return SettingsCreator(
        link_type="dedupe_only",
        unique_id_column_name="crash_id",
        probability_two_random_records_match=weights.prior,
        blocking_rules_to_generate_predictions=[CustomRule(rule) for rule in BLOCKING],
        comparisons=[_build_comparison(name, weights) for name in LEVELS],
        retain_matching_columns=True,
        retain_intermediate_calculation_columns=False,
        linker_uid="safecommute",
    )


def _build_comparison(name: str, weights: Weights) -> dict[str, Any]:
    levels: list[dict[str, Any]] = []
    for level, condition in LEVELS[name].items():
        if level == UNKNOWN:
            values: dict[str, Any] = {"is_null_level": True}
        else:
            m, u = weights.m[name][level], weights.u[name][level]
            values = {"m_probability": m, "u_probability": u}
        sql = "ELSE" if condition == "true" and level != UNKNOWN else condition
        levels.append({"sql_condition": sql, "label_for_charts": level, **values})
    if levels[-1]["sql_condition"] != "ELSE":
        unknown = {"sql_condition": "ELSE", "label_for_charts": "else"}
        levels.append({**unknown, "m_probability": 1e-9, "u_probability": 1e-9})
    return {"output_column_name": name, "comparison_levels": levels}
