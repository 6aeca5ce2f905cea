"""Reports of one crash found again: how well, how fast, beside splink with learned weights.

Run as `python -m benchmarks.bench_matching [--seeds N] [--sizes 1000 10000 100000]`. The
labelled sets are those of `sample.duplicates`, with seeds none of which the weights were
counted on. Printed as JSON:

- `pairs`: of pairs of different sources, the share that is right (precision) and the share of
  true pairs found (recall), of those merged and of those merged or queued, queued pairs per
  report; and the same for all pairs at DOUBTFUL or above.
- `events`: precision is the share of events of several reports that hold one crash only;
  recall the share of crashes reported by several sources of which all those reports are
  in one event.
- `learned`: splink's ready comparisons of the same columns, with weights that it learns from
  the reports themselves (u from random pairs, m by expectation maximisation), on the same
  pairs, with the same thresholds and rules. Where it cannot learn, `failures` says why.
- `seconds` of finding pairs and merging reports, for each size.
"""

from __future__ import annotations

import argparse
import json
import logging
import time
from collections import defaultdict

import numpy as np
import pandas as pd

from records.events import find_events, merge_reports
from records.fields import KINDS
from records.matching import _to_arrow, find_pairs
from records.matching_columns import make_matching_columns
from records.matching_model import BLOCKING
from records.settling import CERTAIN, DOUBTFUL, settle_pairs
from records.tables import list_frame_columns
from sample.duplicates import LabelledReports, build_labelled_reports, to_crash_frame

FIRST_SEED = 1  # the weights were counted on seeds 101 to 106
APART = "abs(minute_l - minute_r)"
NO_TIME = "not (has_time_l and has_time_r)"
SETS = {
    "province": {"n_crashes": 1_000, "days": 730, "width_m": 60_000.0},
    "city": {"n_crashes": 5_000, "days": 730, "width_m": 25_000.0},
    "corridor": {"n_crashes": 40, "days": 90, "width_m": 40_000.0},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--sizes", type=int, nargs="*", default=[1_000, 10_000, 100_000])
    arguments = parser.parse_args()
    result = {"certain": CERTAIN, "doubtful": DOUBTFUL, "sets": {}, "seconds": {}}
    for name, options in SETS.items():
        result["sets"][name] = measure(options, arguments.seeds)
    for size in arguments.sizes:
        result["seconds"][size] = time_matching(size)
    print(json.dumps(result, indent=2))


def measure(options: dict[str, float], n_seeds: int) -> dict[str, object]:
    """Add up the pairs and events of all seeds, and count."""
    totals: dict[str, dict[str, float]] = {
        name: defaultdict(float) for name in ("fixed", "learned")
    }
    failures: defaultdict[str, int] = defaultdict(int)
    for seed in range(FIRST_SEED, FIRST_SEED + n_seeds):
        labelled, reports = build(seed, options)
        for name, find in (("fixed", find_with_ours), ("learned", find_with_learned)):
            try:
                pairs = find(reports, labelled.casualties)
            except Exception as error:
                failures[f"{name}: {str(error).splitlines()[0][:120]}"] += 1
                continue
            for key, value in count_outcome(labelled, reports, pairs).items():
                totals[name][key] += value
    described = {name: describe(total) for name, total in totals.items() if total}
    return {**described, "failures": dict(failures)}


def build(seed: int, options: dict[str, float]) -> tuple[LabelledReports, pd.DataFrame]:
    labelled = build_labelled_reports(seed=seed, **options)
    return labelled, to_crash_frame(labelled, list_frame_columns(KINDS["crash"]))


def find_with_ours(reports: pd.DataFrame, casualties: pd.DataFrame) -> pd.DataFrame:
    return find_pairs(reports, casualties)


def find_with_learned(reports: pd.DataFrame, casualties: pd.DataFrame) -> pd.DataFrame:
    """Find pairs with splink as its handbook has it: ready comparisons, weights learned."""
    import splink.comparison_library as cl
    from splink import DuckDBAPI, Linker, SettingsCreator, block_on
    from splink.blocking_rule_library import CustomRule

    logging.getLogger("splink").setLevel(logging.ERROR)
    settings = SettingsCreator(
        link_type="dedupe_only",
        unique_id_column_name="crash_id",
        blocking_rules_to_generate_predictions=[CustomRule(rule) for rule in BLOCKING],
        comparisons=[
            cl.CustomComparison(
                output_column_name="time",
                comparison_levels=[
                    {"sql_condition": NO_TIME, "label_for_charts": "no", "is_null_level": True},
                    *({"sql_condition": f"{APART} <= {limit}"} for limit in (15, 60, 360, 1440)),
                    {"sql_condition": "ELSE"},
                ],
            ),
            cl.DistanceInKMAtThresholds("lat", "lon", [0.1, 0.5, 2, 10]),
            cl.JaroWinklerAtThresholds("village", [0.93]),
            *(cl.ExactMatch(name) for name in ("road", "severity", "users", "persons", "factory")),
        ],
    )
    columns = _to_arrow(make_matching_columns(reports, casualties))
    linker = Linker(
        DuckDBAPI().register(columns), settings, log_level=None, validate_settings=False
    )
    training = linker.training
    likely = [block_on("day", "village"), block_on("day", "factory"), block_on("day", "persons")]
    training.estimate_probability_two_random_records_match(likely, recall=0.5)
    training.estimate_u_using_random_sampling(max_pairs=1e6, seed=1)
    for rule in (block_on("day"), block_on("village")):
        training.estimate_parameters_using_expectation_maximisation(rule)
    found = linker.inference.predict(threshold_match_probability=DOUBTFUL, warning_mode="never")
    pairs = pd.DataFrame(found.as_duckdbpyrelation().df())
    pairs = pairs.rename(columns={"crash_id_l": "left_id", "crash_id_r": "right_id"})
    pairs = pairs.rename(columns={"match_probability": "probability"})
    pairs = pairs[["left_id", "right_id", "probability"]]
    pairs = pairs.assign(reasons="", decision="queued", decided_by="matching")
    return settle_pairs(pairs, reports.set_index("crash_id")["source"])


def count_outcome(
    labelled: LabelledReports, reports: pd.DataFrame, pairs: pd.DataFrame
) -> dict[str, float]:
    """Count right and wrong pairs and events of one set."""
    crash, source = labelled.truth, reports.set_index("crash_id")["source"]
    true = labelled.list_true_pairs()
    is_right = pairs["left_id"].map(crash).eq(pairs["right_id"].map(crash))
    is_merged = pairs["decision"].eq("merged")
    event = find_events(reports, pairs).set_axis(reports["crash_id"])
    told = pd.DataFrame({"crash": crash.reindex(reports["crash_id"]), "event": event})
    told["source"] = source
    by_event = told.groupby("event")["crash"].agg(["size", "nunique"])
    several = by_event[by_event["size"] > 1]
    by_crash = told.drop_duplicates(["crash", "source"]).groupby("crash")["event"]
    n_sources, n_events = by_crash.size(), by_crash.nunique()
    is_other = true["left_id"].map(source).ne(true["right_id"].map(source))
    return {
        "reports": len(reports),
        "true": len(true),
        "true_other": float(is_other.sum()),
        "merged": float(is_merged.sum()),
        "merged_right": float((is_merged & is_right).sum()),
        "found": len(pairs),
        "found_right": float(is_right.sum()),
        "events": len(several),
        "events_right": float(several["nunique"].eq(1).sum()),
        "crashes": float((n_sources > 1).sum()),
        "crashes_whole": float(((n_sources > 1) & (n_events == 1)).sum()),
    }


def describe(total: dict[str, float]) -> dict[str, object]:
    def share(one: str, other: str) -> float | None:
        return round(total[one] / total[other], 4) if total[other] else None

    n_queued = total["found"] - total["merged"]
    queued_right = total["found_right"] - total["merged_right"]
    return {
        "reports": int(total["reports"]),
        "true_pairs": int(total["true"]),
        "pairs_merged": {
            "n": int(total["merged"]),
            "precision": share("merged_right", "merged"),
            "recall": share("merged_right", "true_other"),
        },
        "pairs_merged_or_queued": {
            "n": int(total["found"]),
            "precision": share("found_right", "found"),
            "recall": share("found_right", "true"),
        },
        "queued": {
            "n": int(n_queued),
            "share_right": round(queued_right / n_queued, 4) if n_queued else None,
            "per_report": round(n_queued / total["reports"], 4),
        },
        "events": {
            "n": int(total["events"]),
            "precision": share("events_right", "events"),
            "recall": share("crashes_whole", "crashes"),
        },
    }


def time_matching(n_reports: int) -> dict[str, float]:
    """Return seconds for about so many reports of four years; the best of two."""
    options = {"n_crashes": round(n_reports / 1.52), "days": 1_461, "width_m": 60_000.0}
    labelled, reports = build(FIRST_SEED, options)
    best = {"find_s": np.inf, "merge_s": np.inf}
    for _ in range(2):
        start = time.perf_counter()
        pairs = find_pairs(reports, labelled.casualties)
        found = time.perf_counter()
        events = merge_reports(reports, pairs)
        merged = time.perf_counter()
        best = {
            "find_s": min(best["find_s"], found - start),
            "merge_s": min(best["merge_s"], merged - found),
        }
    counts = {"reports": len(reports), "pairs": len(pairs), "events": len(events)}
    return {**counts, **{name: round(value, 2) for name, value in best.items()}}


if __name__ == "__main__":
    main()
