"""Commutes that leave a run: added up, with no number of few people."""

from __future__ import annotations

import pandas as pd
import pytest

from pipeline.export_commutes import (
    COMMUTE_LAYERS,
    hide_few_hurt,
    merge_groups,
    read_commute_layers,
)


def make_rates(counts, dimension="factory_id"):
    table = pd.DataFrame({"dimension": dimension, "group": list("abcdefgh")[: len(counts)]})
    rates = dict.fromkeys(("crashes_per_million", "crashes_low", "crashes_high"), 1.0)
    hurt = dict.fromkeys(("hurt_per_million", "hurt_low", "hurt_high"), 2.0)
    return table.assign(n_crashes=counts, n_hurt=counts, worker_km=1e6, **rates, **hurt, reason="")


def make_groups(rows):
    names = ["factory_id", "mode", "shift", "direction", "workers_per_day", "worker_km_per_year"]
    table = pd.DataFrame(rows, columns=names)
    km = table["worker_km_per_year"]
    table = table.assign(worker_km_day=km / 2, worker_km_dark=km / 4, worker_km_unknown=km / 4)
    return table[[*table.columns[1:], "factory_id"]]


def test_one_to_four_are_not_told_nor_what_tells_them():
    hidden = hide_few_hurt(make_rates([0, 1, 4, 5], dimension="mode"))
    assert hidden["n_crashes"].tolist() == [0, pd.NA, pd.NA, 5]
    for name in ("n_hurt", "crashes_per_million", "crashes_low", "hurt_per_million", "hurt_high"):
        assert hidden[name].isna().tolist() == [False, True, True, False]
    assert hidden["reason"].tolist() == ["", *["fewer than five: not told"] * 2, ""]
    assert hidden["worker_km"].notna().all()


def test_one_factory_alone_cannot_be_told_from_the_rest():
    assert hide_few_hurt(make_rates([3, 0, 20, 9]))["n_hurt"].isna().tolist() == [
        *(True, False, False, True)
    ]
    assert hide_few_hurt(make_rates([3, 2, 9]))["n_hurt"].isna().tolist() == [True, True, False]
    assert hide_few_hurt(make_rates([3]))["n_hurt"].isna().tolist() == [True]


def test_small_groups_are_merged_over_shifts_then_over_factories():
    merged = merge_groups(
        make_groups(
            [
                ("F1", "bus", "day", "to_work", 40.0, 400.0),
                ("F1", "bus", "night", "to_work", 3.0, 30.0),
                ("F2", "van", "day", "to_work", 2.0, 20.0),
                ("F3", "van", "day", "to_work", 1.0, 10.0),
            ]
        )
    )
    rows = merged[["factory_id", "mode", "shift", "workers_per_day"]].fillna("").to_numpy().tolist()
    assert rows == [["F1", "bus", "any", 43.0], ["", "van", "any", 3.0]]
    assert merged["worker_km_per_year"].tolist() == pytest.approx([430.0, 30.0])
    assert merged["worker_km_unknown"].tolist() == pytest.approx([107.5, 7.5])
    assert merged["direction"].tolist() == ["to_work", "to_work"]


def test_factories_leave_by_name_and_one_of_few_workers_without_figures(tmp_path):
    rates = pd.concat([make_rates([9]), make_rates([9]).assign(group="unknown")])
    rates = rates.replace({"group": {"a": "F1"}})
    expected = pd.DataFrame({"factory_id": ["F1", "F2"], "rank": [1, 2], "reason": ""})
    groups = make_groups(
        [
            ("F1", "bus", "day", "to_work", 40.0, 400.0),
            ("F2", "bus", "day", "to_work", 4.0, 40.0),
        ]
    )
    for name, table in zip(COMMUTE_LAYERS, (rates, expected, groups), strict=True):
        table.reset_index(drop=True).to_parquet(tmp_path / f"{name}.parquet")
    factories = pd.DataFrame({"factory_id": ["F1", "F2"], "name": ["One", "Two"]})
    layers = read_commute_layers(tmp_path, factories)
    told = layers["commute_rates"]
    assert told[["dimension", "group"]].to_numpy().tolist() == [
        *(["factory", "One"], ["factory", "unknown"])
    ]
    assert layers["commute_factories"]["name"].tolist() == ["One", "Two"]
    assert layers["commute_factories"]["rank"].isna().tolist() == [False, True]
    assert "not told" in layers["commute_factories"]["reason"].iloc[1]
    assert layers["commute_groups"]["name"].fillna("").tolist() == ["One", ""]
    assert not any("factory_id" in table for table in layers.values())
    (tmp_path / "commute_rates.parquet").unlink()
    assert read_commute_layers(tmp_path, factories) == {}
