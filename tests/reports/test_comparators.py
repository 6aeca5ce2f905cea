import pandas as pd
import pytest

from core.errors import DataSourceError, TableError
from models.before_after import evaluate_naive
from reports.comparators import illustrate_comparators, read_worker_crashes


@pytest.fixture
def series(root):
    return read_worker_crashes(root / "data" / "evidence" / "nssf_worker_crashes.csv")


def test_the_series_holds_the_published_counts(series):
    counts = series.set_index("year")["n_crashes"]
    assert counts[2016] == 5609
    assert counts[2018] == 1692
    assert counts[2019] == 1554
    assert pd.isna(counts[2017])


def test_the_pilot_moves_from_most_to_nothing_sure(series):
    found = illustrate_comparators(evaluate_naive(254, 57), series)
    assert [one.label for one in found] == ["2016 to 2019", "2017 to 2018", "2018 to 2019"]
    reductions = [-one.shift.percent_change for one in found]
    assert reductions == pytest.approx([19.4, 56.2, 75.7], abs=0.05)
    assert [one.shift.is_conclusive for one in found] == [False, True, True]
    assert [one.has_definition_break for one in found] == [True, True, False]
    first, second, third = (one.sentence for one in found)
    assert "5,609 to 1,554" in first
    assert "would be 19% (\N{MINUS SIGN}4% to 43%), so the data could not tell" in first
    assert "definition may have changed" in first
    assert "workers involved fell by 49%; its own error is not known" in second
    assert "definition" not in third
    for sentence in (first, second, third):
        assert sentence.startswith("Illustration:")


def test_a_pair_the_series_cannot_serve_is_refused(series):
    with pytest.raises(TableError, match="nothing known for 2017 to 2019"):
        illustrate_comparators(evaluate_naive(10, 5), series, pairs=((2017, 2019),))


def test_a_bad_series_file_says_what_is_wrong(tmp_path):
    with pytest.raises(DataSourceError, match=r"no\.csv: cannot be read"):
        read_worker_crashes(tmp_path / "no.csv")
    short = tmp_path / "short.csv"
    short.write_text("year,n_crashes\n2016,1\n", encoding="utf-8")
    with pytest.raises(TableError, match="definition"):
        read_worker_crashes(short)
    twice = tmp_path / "twice.csv"
    header = "year,n_crashes,workers_change_on_previous_year,definition,source\n"
    twice.write_text(f"{header}2016,1,,A,x\n2016,2,,A,x\n", encoding="utf-8")
    with pytest.raises(TableError, match="2016 is given more than once"):
        read_worker_crashes(twice)
