"""Null models: where crashes would fall if nothing but the null mattered."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InputError
from models.null_models import NULL_MODELS, NullModel, build_null

LENGTH = [50.0, 50.0, 100.0]


def test_by_length_by_class_by_exposure_and_by_spf():
    crashes = [3, 1, 4]
    assert build_null("length", crashes, LENGTH).expected == pytest.approx([2, 2, 4])
    classes = np.array(["a", "a", "b"])
    by_class = build_null("road_class", crashes, LENGTH, reference_class=classes)
    assert by_class.expected == pytest.approx([2, 2, 4])
    by_exposure = build_null("exposure", crashes, LENGTH, exposure=[1.0, 2.0, 5.0])
    assert by_exposure.expected == pytest.approx([1, 2, 5])
    foretold = build_null("spf", crashes, LENGTH, expected=[1.0, 2.0, 1.0])
    assert foretold.expected == pytest.approx([2, 4, 2])


def test_roads_without_exposure_are_a_class_of_their_own_by_length():
    null = build_null("exposure", [3, 1, 4], LENGTH, exposure=[7.0, np.nan, 0.0])
    assert null.expected == pytest.approx([3, 5 / 3, 10 / 3])
    assert (null.n_not_counted, null.n_crashes_not_counted) == (2, 5)
    least = build_null(
        "exposure", [3, 1, 4], LENGTH, exposure=[7.0, 0.4, 9.0], min_exposure_per_km=10.0
    )
    assert (least.n_not_counted, least.n_crashes_not_counted) == (1, 1)
    assert least.expected == pytest.approx([7 * 7 / 16, 1, 7 * 9 / 16])


@given(
    st.sampled_from(NULL_MODELS),
    st.lists(
        st.tuples(st.integers(0, 9), st.floats(1, 80), st.floats(0, 5), st.sampled_from("ab")),
        min_size=1,
        max_size=12,
    ),
)
def test_as_many_are_expected_as_were_observed(name, rows):
    crashes, length, exposure, kind = (np.array(one) for one in zip(*rows, strict=True))
    exposure = np.append(exposure, 1.0)
    null = build_null(
        name,
        np.append(crashes, 0),
        np.append(length, 10.0),
        reference_class=np.append(kind, "a"),
        exposure=exposure,
        expected=exposure + 0.1,
    )
    lost = crashes.sum() if name == "exposure" and not (exposure[:-1] > 0).any() else None
    assert null.expected.sum() == pytest.approx(crashes.sum())
    assert lost is None or null.n_crashes_not_counted == lost
    assert (null.expected[:-1][crashes > 0] > 0).all()


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("traffic", {}, "not known; use one of"),
        ("road_class", {}, "needs reference_class"),
        ("exposure", {}, "needs exposure"),
        ("spf", {}, "needs expected"),
        ("exposure", {"exposure": [1, -1, 2]}, "first lixel 1"),
        ("exposure", {"exposure": [0, 0, 0]}, "use another null"),
        ("spf", {"expected": [1, 0, 2]}, "crashes where none are expected"),
        ("spf", {"expected": [1, np.nan, 2]}, "missing"),
        ("length", {"overdispersion_k": -0.1}, "must be 0 or more"),
        ("length", {"group": [0, -1, 0]}, "have no group"),
        ("length", {"group": [0, 1]}, "equally long"),
    ],
)
def test_what_makes_no_null_is_said(name, given, message):
    with pytest.raises(InputError, match=message):
        build_null(name, [3, 1, 4], LENGTH, **given)


def test_a_null_of_no_lixels_and_one_with_missing_means():
    assert build_null("length", [], []).expected.shape == (0,)
    with pytest.raises(InputError, match="first lixel 1"):
        NullModel(name="own", expected=np.array([1.0, np.nan]))
