from __future__ import annotations

from core.vocabulary import Severity


def test_severities_are_ranked_worst_first():
    ranked = sorted(Severity, key=lambda severity: severity.rank)
    assert ranked == [Severity.FATAL, Severity.SERIOUS, Severity.SLIGHT, Severity.DAMAGE_ONLY]
