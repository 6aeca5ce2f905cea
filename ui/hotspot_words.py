"""How hotspots were found, and how sure each is, in plain words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final

from ui.words import describe_period, format_number

__all__ = [
    "CONTROL_WORDS",
    "EXPECTED_NOTES",
    "METHOD_WORDS",
    "NULL_WORDS",
    "describe_agreement",
    "describe_certainty",
    "describe_choice",
    "describe_found",
    "describe_last_seen",
    "describe_long_run",
    "describe_maps",
    "describe_rank",
    "describe_since",
    "describe_stability",
]

METHOD_WORDS: Final = {
    "window": ("Crashes in a window", "crashes within a short stretch around each place"),
    "density": (
        "Density along roads",
        "each crash spread along the road before and behind it, beside maps of chance",
    ),
    "gi_star": (
        "Gi* (clusters of rates)",
        "high rates next to high rates, beside all rates dealt out anew",
    ),
}
NULL_WORDS: Final = {
    "length": ("Every metre of road", "crashes that fall evenly on every metre of road"),
    "road_class": ("Roads of the same class", "the mean of all roads of the same class"),
    "exposure": (
        "Workers who pass",
        "crashes that follow the commuting workers who pass (other traffic is not known)",
    ),
    "spf": (
        "Roads of the same kind",
        "roads of the same class, length and surroundings, and how much such roads differ",
    ),
}
CONTROL_WORDS: Final = {
    "pointwise": ("Loose", "each place by itself: on a large map many are marked by chance"),
    "fdr": ("Usual", "of all stretches marked, at most about {level} are marked by chance"),
    "family": ("Strict", "at most {level} maps of chance would have any stretch marked at all"),
}
EXPECTED_WORDS: Final = {
    "length": "If crashes fell evenly on every metre of road, there would be {n} here",
    "road_class": "A stretch of this length and kind of road had {n} on average",
    "exposure": "If crashes followed the workers who pass, there would be {n} here",
    "spf": "Stretches of this class, length and surroundings had {n} on average",
}
EXPECTED_NOTES: Final = {
    "length": "if every metre were alike",
    "road_class": "on an average such road",
    "exposure": "if crashes followed workers",
    "spf": "on roads of its kind",
}
SPREAD_NAME: Final = ("How much roads of one class differ", "")
SPREAD_WORDS: Final = {
    True: " It stands out even among the unlike roads of its class.",
    False: " Roads of one class differ, in traffic if nothing else: measured against that spread, "
    "the data cannot tell whether this place is more than busy.",
}
WEAK_WORDS: Final = {  # why a place may not be found against a comparison
    "length": "where it has too few crashes to show: its class of road has few",
    "road_class": "whose crashes are so many that its own are no surprise",
    "exposure": "who are so many that its crashes are no surprise",
    "spf": "because what is around it, or how much such roads differ, may explain its crashes",
}
SEEN_WORDS: Final = {
    "window": "",
    "density": " by the density along the roads",
    "gi_star": " by Gi*",
}


def describe_choice(chosen: Mapping[str, str], level: float) -> str:
    """Say in a sentence what the hotspots shown are."""
    method, null_model, control = (
        words[chosen[key]][1]
        for words, key in (
            (METHOD_WORDS, "method"), (NULL_WORDS, "null_model"), (CONTROL_WORDS, "control"),
        )
    )  # fmt: skip
    told = control.format(level=f"{level * 100:g} in 100")
    return f"{method.capitalize()}, compared with {null_model}; {told}."


def describe_maps(n_drawn: int, n_asked: int) -> str:
    """Say from how many maps of chance a figure comes, and how small it can be."""
    fewer = (
        f" of the {n_asked:,} asked for, because the network is large," if n_drawn < n_asked else ""
    )
    return (
        f"{n_drawn:,} maps of chance{fewer} were drawn: no p or q can be below "
        f"{1 / (n_drawn + 1):.2g}."
    )


def describe_found(n: int, weak: Sequence[str] | None) -> str:
    """Say how many hotspots there are, and of how many it is not known that they are unusual.

    `weak` are the comparisons that each does not stand out against; None where it is not known.
    """
    words = f"{n:,} hotspots" if n != 1 else "One hotspot"
    words += ", ranked by how many crashes there are above what is expected."
    if weak is None or not n:
        return words if n else ""
    n_strong = sum(not one for one in weak)
    n_busy = sum("spread" in one.split(";") for one in weak)
    stand = "stands" if n_strong == 1 else "stand"
    words += f" {n_strong:,} of them {stand} out against every comparison."
    if n_busy:
        words += f" Of {n_busy:,} the data cannot tell whether they are more than busy."
    rest = n - n_strong - n_busy
    if rest:
        are = "is" if rest == 1 else "are"
        words += f" {rest:,} more {are} not found by one of the other comparisons."
    return words


def describe_certainty(hotspot: Mapping[str, Any], period: str) -> str:
    """Say how sure a hotspot is: observed beside expected, interval, chance."""
    n, expected = int(hotspot["n_crashes"]), float(hotspot["expected_crashes"])
    ratio = format_number(hotspot["rate_ratio"], 1)
    low, high = (format_number(hotspot[key], 1) for key in ("ci_low", "ci_high"))
    usual = EXPECTED_WORDS[str(hotspot.get("null_model") or "road_class")]
    words = (
        f"{n} crashes were reported on these {format_number(hotspot['length_m'])} m "
        f"({period}). {usual.format(n=f'{expected:.1f}')}, "
        f"so this is {ratio} times as many (95% interval {low} to {high}). "
    )
    return words + _describe_chance(hotspot) + _describe_spread(hotspot)


def _describe_chance(hotspot: Mapping[str, Any]) -> str:
    control = str(hotspot.get("control") or "fdr")
    key = {"pointwise": "p_value", "fdr": "q_value", "family": "p_family"}[control]
    p = float(hotspot[key])
    if p != p:
        return "The data cannot tell how likely this is to be chance."
    limit = "fewer than 1 in 1,000" if p < 0.001 else f"at most {max(p * 100, 0.1):.1f} in 100"
    shown = _format_p(p)
    seen = SEEN_WORDS[str(hotspot.get("method") or "window")]
    if control == "pointwise":
        return (
            f"By chance alone, {limit} such places would stand out as much{seen} (p {shown}); "
            "that is of this place by itself, and a map has very many."
        )
    if control == "family":
        return (
            f"Of all maps of chance, {limit} would show anything as unlikely{seen} anywhere "
            f"(family-wise p {shown})."
        )
    return (
        f"Of all stretches that stand out at least this much{seen}, {limit} "
        f"would be expected to do so by chance alone (false-discovery rate q {shown})."
    )


def _describe_spread(hotspot: Mapping[str, Any]) -> str:
    """Say whether the place is unusual by every comparison, and by which it is not, and why."""
    if "stands_out" not in hotspot:
        return ""
    weak = hotspot.get("not_against")
    if not isinstance(weak, str):  # of a run made before the comparisons were counted together
        return SPREAD_WORDS[bool(hotspot["stands_out"])]
    if not weak:
        return (
            " It stands out against every comparison made here, and even among the unlike roads of "
            "its class."
        )
    names = weak.split(";")
    is_unlike = "spread" not in names
    told = [
        f"against {NULL_WORDS[name][0].lower()}, {WEAK_WORDS[name]}"
        for name in names
        if name in WEAK_WORDS
    ]
    if not told:
        return SPREAD_WORDS[False]
    start = " It stands out among the unlike roads of its class, but is" if is_unlike else " It is"
    return f"{'' if is_unlike else SPREAD_WORDS[False]}{start} not found {'; nor '.join(told)}."


def describe_long_run(hotspot: Mapping[str, Any]) -> str:
    """Say how many crashes are left when luck is taken out; empty where it was not computed."""
    n = _read(hotspot, "n_long_run")
    expected = _read(hotspot, "expected_crashes")
    if n is None or not expected:
        return ""
    low, high = _read(hotspot, "n_long_run_ci_low"), _read(hotspot, "n_long_run_ci_high")
    return (
        f"It was picked because it came out high, and places picked so come out lower later. With "
        f"that taken out, {n:.1f} crashes are to be expected in as long a period (95% interval "
        f"{low or 0:.1f} to {high or 0:.1f}), {n / expected:.1f} times what is usual."
    )


def describe_since(hotspot: Mapping[str, Any]) -> str:
    """Say since when the place is a hotspot; empty in a run made before it was kept."""
    first, back = (_read_day(hotspot, key) for key in ("first_seen", "back_since"))
    if not first:
        return ""
    if back:
        return (
            f"It was a hotspot before (first in the results of {first}), then was none for a "
            f"while; it is back since the results of {back}."
        )
    return f"It is a hotspot since the results of {first}."


def describe_last_seen(known: Mapping[str, Any]) -> str:
    """Say of a place that is no hotspot now when it was one last."""
    period = describe_period({key: known[f"period_{key}"] for key in ("start", "end")})
    return (
        f"{known['name']} ({known['hotspot_id']}) is no hotspot in the results published now: "
        "by their crashes and settings it does not stand out by more than chance, or lies within "
        f"another hotspot. It was one last in the results of {_write_day(str(known['last_seen']))} "
        f"(crashes of {period}). Should it become one again, it will have the same number."
    )


def describe_rank(hotspot: Mapping[str, Any], n_hotspots: int) -> str:
    """Say how sure the rank is; empty where it was not computed."""
    low, high = _read(hotspot, "rank_ci_low"), _read(hotspot, "rank_ci_high")
    if low is None or high is None:
        return ""
    between = (
        f"it is rank {low:.0f}"
        if low == high
        else f"its rank lies between {low:.0f} and {high:.0f}"
    )
    words = f"Of the {n_hotspots:,} places found, {between} (95% interval)"
    sizes = [k for k in (5, 10, 20) if k < n_hotspots]
    shares = [(k, _read(hotspot, f"p_worst_{k}")) for k in sizes]
    told = [f"{_chance(p)} to be among the worst {k}" for k, p in shares if p is not None]
    return f"{words}; the chance is {', '.join(told)}." if told else f"{words}."


def describe_stability(hotspot: Mapping[str, Any]) -> str:
    """Say when the place is found again; empty where it was not computed."""
    stability = _read(hotspot, "stability")
    if stability is None:
        return ""
    half, double = (
        bool(hotspot["found_with_half_window"]),
        bool(hotspot["found_with_double_window"]),
    )
    windows = {
        (True, True): "with windows half and twice as long",
        (True, False): "with windows half as long, not with windows twice as long",
        (False, True): "with windows twice as long, not with windows half as long",
        (False, False): "neither with windows half as long nor twice as long",
    }[half, double]
    moved, redrawn = (
        _percent(_read(hotspot, key) or 0.0) for key in ("found_when_moved", "found_when_redrawn")
    )
    firm = "firm" if stability >= 0.8 else "fairly firm" if stability >= 0.5 else "not firm"
    words = (
        f"The finding is {firm}: it is found {windows}; in {moved} of tries with every crash moved "
        f"25 to 50 m; and in {redrawn} of periods drawn anew with luck taken out."
    )
    method = str(hotspot.get("method") or "window")
    if method == "window":
        return words
    name = SEEN_WORDS[method].removeprefix(" by ")
    return f"{words} All these tries are by crashes in a window, whether or not {name} finds it."


def describe_agreement(hotspot: Mapping[str, Any]) -> str:
    """Say which methods and comparisons find the place; empty where it was not computed."""
    n_methods, n_nulls = _read(hotspot, "n_methods"), _read(hotspot, "n_nulls")
    if n_methods is None or n_nulls is None:
        return ""
    found, nulls = str(hotspot["methods_found"]), str(hotspot["nulls_found"])
    words = f"Found by {int(hotspot['n_methods_found'])} of {n_methods:.0f} methods"
    words += _list_words(found, METHOD_WORDS)
    n_found, weak = int(hotspot["n_nulls_found"]), hotspot.get("not_against")
    names = NULL_WORDS
    if isinstance(weak, str):  # the spread among roads of its class is a comparison too
        n_nulls += 1
        names = {**NULL_WORDS, "spread": SPREAD_NAME}
        if "spread" not in weak.split(";"):
            n_found, nulls = n_found + 1, f"{nulls};spread"
    words += f", and against {n_found} of {n_nulls:.0f} comparisons"
    words += _list_words(nulls, names)
    if isinstance(weak, str) and weak:
        words += f", not against the {'others' if ';' in weak else 'other'}"
        words += _list_words(weak, names)
    return f"{words}."


def _list_words(joined: str, words: Mapping[str, tuple[str, str]]) -> str:
    names = [
        "Gi*" if name == "gi_star" else words[name][0].lower() for name in joined.split(";") if name
    ]
    return f" ({', '.join(names)})" if names else ""


def _read_day(hotspot: Mapping[str, Any], key: str) -> str:
    value = hotspot.get(key)
    return _write_day(value) if isinstance(value, str) and value else ""


def _write_day(day: str) -> str:
    """Write an ISO day as people do."""
    found = date.fromisoformat(day)
    return f"{found.day} {found:%B %Y}"


def _read(hotspot: Mapping[str, Any], key: str) -> float | None:
    """Return a number of the hotspot; None where it is missing."""
    value = hotspot.get(key)
    if value is None or not hasattr(value, "__float__") or value != value:
        return None
    return float(value)


def _percent(share: float) -> str:
    if 0 < share < 0.01:
        return "under 1%"
    return "over 99%" if 0.99 < share < 1 else f"{share:.0%}"


def _chance(share: float) -> str:
    """Write a probability from draws, which are never enough to say always or never."""
    return "over 99%" if share > 0.99 else "under 1%" if share < 0.01 else f"{share:.0%}"


def _format_p(p: float) -> str:
    return "below 0.001" if p < 0.001 else f"= {p:.3f}"
