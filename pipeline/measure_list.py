"""The measures that sites are ranked by: their columns, their names and a plain sentence."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["COMPARED", "CRASH_TYPES", "MEASURES", "SITE_TYPES", "Measure", "find_measure"]

CRASH_TYPES = {
    "pedestrian": "somebody on foot",
    "motorcycle": "a motorcycle",
    "dark": "darkness",
    "ksi": "a death or serious injury",
}
SITE_TYPES = {
    "segment": "Stretches of road",
    "intersection": "Intersections",
    "window": "300 m windows along named roads",
    "corridor": "Whole named roads",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One way to rank sites; more is worse.

    Its column is in the run's tables, its rank in `rank_KEY`, its interval in `low` and
    `high`. `beside` is a column shown with it: a size beside a probability.
    """

    key: str
    column: str
    title: str
    short: str
    sentence: str
    unit: str
    low: str | None = None
    high: str | None = None
    beside: str | None = None
    decimals: int = 2
    is_compared: bool = True  # takes part in the table of agreement
    sure: str | None = None  # the figure whose ranks were drawn for it; None: not known
    most: str = ""  # what the worst have most of, in the long run

    @property
    def rank_columns(self) -> tuple[str, ...]:
        """Columns of the probability to be among the worst, and of the range of the rank."""
        if self.sure is None:
            return ()
        end = "" if self.sure == "excess" else f"_{self.sure}"
        return f"p_worst{end}", f"rank_low{end}", f"rank_high{end}"

    @property
    def counted(self) -> str:
        """Column of the crashes that it is about."""
        return "n_ksi_crashes" if "ksi" in self.key else "n_crashes"


def _with_interval(
    key: str, column: str, *, title: str, short: str, sentence: str, unit: str, most: str
) -> Measure:
    return Measure(
        key=key,
        column=column,
        title=title,
        short=short,
        sentence=sentence,
        unit=unit,
        low=f"{column}_low",
        high=f"{column}_high",
        sure="excess" if key == "excess_expected" else key,
        most=most,
    )


MEASURES: tuple[Measure, ...] = (
    _with_interval(
        "excess_expected",
        "excess_expected",
        title="Excess, luck taken out (Empirical Bayes)",
        short="Excess, no luck",
        sentence="Crashes a year above what is usual for such a place, in the long run: the count "
        "is weighed against similar places, so that one bad year does not make a black spot.",
        unit="crashes a year",
        most="the most crashes above what is usual",
    ),
    _with_interval(
        "frequency",
        "crashes_per_year",
        title="Crashes",
        short="Crashes",
        sentence="Crashes reported a year. Busy and long places come first, and lucky or unlucky "
        "years show.",
        unit="crashes a year",
        most="the most crashes",
    ),
    _with_interval(
        "ksi",
        "ksi_per_year",
        title="Deaths and serious injuries",
        short="Fatal, serious",
        sentence="Crashes a year that killed or seriously injured somebody. They are few, so that "
        "most of the order is chance.",
        unit="crashes a year",
        most="the most fatal or serious crashes",
    ),
    _with_interval(
        "epdo",
        "epdo_per_year",
        title="Weighted by severity (EPDO)",
        short="EPDO",
        sentence="Crashes weighted by how bad they were, as if all were damage only. A single "
        "death decides the rank of most places.",
        unit="damage-only crashes a year",
        most="the greatest harm, weighted by severity",
    ),
    _with_interval(
        "rate",
        "crash_rate",
        title="Crashes for each worker-km",
        short="Worker rate",
        sentence="Crashes for each million kilometres that workers commute there (passings at an "
        "intersection). Only where commutes are known; it is not a rate of all traffic.",
        unit="crashes per million",
        most="the highest worker rate",
    ),
    Measure(
        key="critical_rate",
        column="rate_over_critical",
        title="Rate above the critical rate",
        short="Critical rate",
        sentence="By how much the rate is above what similar places reach by chance one time in "
        "twenty. Above 0 the place stands out.",
        unit="crashes per million",
        beside="critical_rate",
    ),
    Measure(
        key="excess_predicted",
        column="excess_predicted",
        title="Excess as counted",
        short="Excess, counted",
        sentence="Crashes a year above what is usual for such a place, luck and all. Beside it, "
        "how likely chance brings as many.",
        unit="crashes a year",
        beside="p_value",
        sure="excess",
        most="the most crashes above what is usual",
    ),
    Measure(
        key="epdo_expected",
        column="epdo_expected",
        title="Weighted by severity, luck taken out",
        short="EPDO, no luck",
        sentence="Long-run crashes a year weighted by severity; what a death weighs is spread over "
        "all injuries, so that one death does not decide.",
        unit="damage-only crashes a year",
        sure="epdo",
        most="the greatest harm, weighted by severity",
    ),
    _with_interval(
        "ksi_excess",
        "ksi_excess",
        title="Excess of deaths and serious injuries, luck taken out",
        short="Fatal excess",
        sentence="Crashes a year with deaths or serious injuries above what is usual for such a "
        "place, in the long run.",
        unit="crashes a year",
        most="the most fatal or serious crashes above what is usual",
    ),
    Measure(
        key="loss",
        column="loss_level",
        title="Level of service of safety",
        short="Safety level",
        sentence="1: far fewer crashes than similar places; 2: fewer; 3: more; 4: far more. From "
        "the count; the level with luck taken out stands beside it.",
        unit="level 1 to 4",
        beside="loss_level_expected",
        decimals=0,
    ),
    *(
        Measure(
            key=f"share_{name}",
            column=f"p_above_{name}",
            title=f"Greater share of crashes with {words}",
            short=f"Share: {name}",
            sentence=f"How sure it is that crashes with {words} are a greater part here than "
            "elsewhere; beside it by how much. A high share is not a high number.",
            unit="probability",
            beside=f"excess_share_{name}",
            is_compared=False,
        )
        for name, words in CRASH_TYPES.items()
    ),
)
COMPARED = tuple(measure for measure in MEASURES if measure.is_compared)


def find_measure(key: str) -> Measure:
    """Return the measure of that key; the first where there is none."""
    return next((measure for measure in MEASURES if measure.key == key), MEASURES[0])
