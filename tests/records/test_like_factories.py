"""Factories that two lists write in two ways: named in the account, never merged."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from records.like_factories import Factory, find_like_factories

NAN = float("nan")


def pairs(*names, places=None):
    places = places or [(NAN, NAN)] * len(names)
    found = [Factory(f"F{at}", name, *places[at]) for at, name in enumerate(names)]
    return find_like_factories(found)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Liutan International (Cambodia) Co.,Ltd", "Liutan International(Cambodia) Co."),
        (
            "Sabrina (Cambodia) Garment Manufacturing Corp.",
            "Sabrina Cambodia Garment Manufacturing",
        ),
        ("Makalot Garments (Cambodia) Co., Ltd MK2", "Makalot Garments(Cambodia) Co."),
        ("KKN Apparel Co.,ltd", "KKN Apparel Co.,Ltd. (Single Member Private Limited Company)"),
        ("MARVEL GARMENT CO.,LTD.", "Marvel Garments"),
        ("Hi-Tech Apparel Cambodia Co., Ltd.", "Hitech Apparel"),
        ("Bowker Garment Factory", "Bowkar Garment Factory"),
    ],
)
def test_one_factory_written_in_two_ways(one, other):
    assert pairs(one, other) == pairs(other, one) == [(0, 1)]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Apple Apparel Cambodia Co Ltd", "Berry Apparel Cambodia Co., Ltd."),
        ("Y&W Garment Co., LTD", "Y&Q Garment Co., LTD"),
        ("Sportex Industry Co Ltd", "Sixplus Industry Co., Ltd."),
        ("Garment Co., Ltd", "Apparel Co., Ltd"),
        ("Reatrei Sample Garments (SYNTHETIC)", "Rasmei Sample Garments (SYNTHETIC)"),
        ("Grace Glory (Cambodia) Garment LTD", "Morning Glory Garment Enterprise Co.Ltd"),
    ],
)
def test_two_factories(one, other):
    assert pairs(one, other) == []


def test_a_somewhat_like_name_counts_at_the_same_place_only():
    names = "Solamoda Garments", "Solamoda Garments Building Two"
    at = (104.93, 11.3)
    assert pairs(*names) == []
    assert pairs(*names, places=[at, (104.9308, 11.3)]) == [(0, 1)]  # 87 m
    assert pairs(*names, places=[at, (104.9312, 11.3)]) == []  # 131 m
    assert pairs("Solamoda", "Yorks", places=[at, at]) == []


def test_an_import_names_them_and_keeps_both(write, take, database):
    head = "factory_id,name,lon,lat\n"
    first = take(write(head + "A1,Liutan International (Cambodia) Co.,104.6,11.2\n"), "factory")
    assert first.notes == {}
    path = write(
        head + "B7,Liutan International(Cambodia) Co Ltd,104.7,11.2\nB8,Yorks,104.8,11.2\n"
    )
    note = (
        "pairs of factories that may be one, kept apart until a person looks (A1 'Liutan "
        "International (Cambodia) Co.' and B7 'Liutan International(Cambodia) Co Ltd')"
    )
    assert take(path, "factory", dry_run=True).notes == {note: 1}
    report = take(path, "factory")
    assert (report.accepted, report.notes) == (2, {note: 1})
    assert database.count("factory", "a") == 3
    assert take(write(head + "C1,Trax Apparel,104.9,11.2\n", "c.csv"), "factory").notes == {}
    assert take(path, "factory").notes == {note: 1}


def test_many_factories_take_seconds():
    names = [f"{word}{at % 97} Garment {at}" for at, word in enumerate(["Lotus", "Sun"] * 5_000)]
    began = time.perf_counter()
    pairs(*names)
    assert time.perf_counter() - began < 10


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(max_size=20), max_size=8))
def test_a_name_is_like_itself_and_any_text_is_a_name(names):
    found = pairs(*names, *names)
    assert all(one < other for one, other in found)
    named = [at for at, name in enumerate(names) if any(letter.isalnum() for letter in name)]
    assert {(at, at + len(names)) for at in named} <= set(found)
