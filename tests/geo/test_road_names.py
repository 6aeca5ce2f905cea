"""Road names: what is the same road, and what only looks alike."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo.road_names import RoadNames, is_same_road, normalise_road_name


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("National Road No. 4", "nr 4"),
        ("RN4", "nr 4"),
        ("ផ្លូវជាតិលេខ៤", "nr 4"),
        ("Street 271", "271"),
        ("ផ្លូវលេខ ២៧១", "271"),
        ("AV BENTO GONCALVES", "bento goncalves"),
        ("Avenida Bento Gonçalves", "bento goncalves"),
        ("Rua da Praia", "praia"),
        ("The Avenue", "the avenue"),
        ("ព្រះ\u200bសីហនុ", "ព្រះសីហនុ"),
        (" . ", ""),
    ],
)
def test_a_name_is_reduced_to_what_tells_it_apart(name, plain):
    assert normalise_road_name(name) == plain


@pytest.mark.parametrize(
    ("reported", "mapped", "same"),
    [
        ("AV CEL LUCAS DE OLIVEIRA", "Rua Coronel Lucas de Oliveira", True),
        ("Preah Sihanouk Blvd", "Preah Sihanouk Boulevard", True),
        ("Preah Sihanuk Blvd", "Preah Sihanouk Boulevard", True),
        ("មហាវិថីព្រះសីហនុ", "ព្រះសីហនុ", True),
        ("National Road 4", "NR 04", True),
        ("Street 271", "Street 273", False),
        ("Street 4", "NR4", False),
        ("National Road 4", "National Road 5", False),
        ("Rua Garibaldi", "Rua Riachuelo", False),
        ("", "Street 1", False),
    ],
)
def test_same_road(reported, mapped, same):
    names = normalise_road_name(reported), normalise_road_name(mapped)
    assert is_same_road(*names) is same
    assert is_same_road(*names[::-1]) is same


def test_any_name_of_a_segment_counts():
    segments = pd.DataFrame(
        {
            "name": ["Veng Sreng", np.nan, np.nan, np.nan],
            "name_km": [np.nan, "ផ្លូវជាតិលេខ៣", np.nan, np.nan],
            "ref": [np.nan, np.nan, "5;AH1", np.nan],
        }
    ).astype("str")
    reported = np.array(["veng sreng blvd", "NR3", "National Road 5", "AH 1", None, "x"], object)
    which, segment = np.divmod(np.arange(24), 4)
    matches = RoadNames(segments).match(reported, which, segment).reshape(6, 4)
    expected = np.zeros((6, 4), dtype=bool)
    expected[[0, 1, 2, 3], [0, 1, 2, 2]] = True
    assert (matches == expected).all()
    bare = RoadNames(segments[[]]).match(reported, which, segment)
    assert not bare.any()


@given(st.text(max_size=40))
def test_any_text_is_taken(text):
    plain = normalise_road_name(text)
    assert plain == " ".join(plain.split())
    if plain:
        assert is_same_road(plain, plain)
