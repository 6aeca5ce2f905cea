"""Reading and cleaning GPS traces: formats, messy data, every fix accounted for."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import CrsError, DataSourceError, InputError, MissingDataError, TableError
from geo.trace_cleaning import CleaningRules, clean_traces
from geo.trace_times import estimate_offset_min, read_times
from geo.traces import Traces, read_traces

UTM48 = 32648


def fix(lon, lat, time=""):
    stamp = f"<time>{time}</time>" if time else ""
    return f'<trkpt lat="{lat}" lon="{lon}"><ele>3</ele>{stamp}</trkpt>'


def write_gpx(path, *tracks, extra="", close="</gpx>"):
    body = "".join(
        f"<trk><name>{name}</name>{''.join(f'<trkseg>{one}</trkseg>' for one in parts)}</trk>"
        for name, parts in tracks
    )
    path.write_text(
        f'<?xml version="1.0"?><gpx xmlns="http://www.topografix.com/GPX/1/1">{extra}{body}{close}',
        encoding="utf-8",
    )
    return path


def test_gpx_with_tracks_segments_and_a_route(tmp_path):
    first = [fix(104.9, 11.5, "2024-05-01T23:30:00Z") + fix(104.91, 11.5, "2024-05-01T23:31:00Z"),
             fix(104.92, 11.5, "2024-05-01T23:35:00Z")]  # fmt: skip
    plan = '<rte><name>plan</name><rtept lat="11.5" lon="104.9"/></rte>'
    extra = '<wpt lat="1" lon="2"><name>gate</name></wpt>' + plan
    traces = read_traces(write_gpx(tmp_path / "a.gpx", ("bus", first), ("", []), extra=extra))
    assert traces.traces["name"].tolist() == ["plan", "bus", "a 3"]
    assert traces.traces["form"].tolist() == ["route", "track", "track"]
    assert traces.traces["n_read"].tolist() == [1, 3, 0]
    bus = traces.points[traces.points["trace"] == 1]
    assert bus["part"].tolist() == [0, 0, 1]
    assert bus["time"].iloc[0] == pd.Timestamp("2024-05-01 23:30")
    assert traces.traces["offset_min"].fillna(-1).tolist() == [-1, 0, -1]
    assert traces.notes["waypoints left out"] == 1


def test_a_gpx_that_was_cut_off_is_read_as_far_as_it_goes(tmp_path):
    path = write_gpx(tmp_path / "a.gpx", ("bus", [fix(1, 2) + fix(1, 3)]), close="<trk><trkseg>")
    traces = read_traces(path)
    assert len(traces.points) == 2
    assert any("breaks off at line 1" in note for note in traces.notes)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        ("lon,lat", "no GPX"),
        ("<kml></kml>", "first element is kml"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><gpx></gpx>', "document type"),
    ],
)
def test_what_is_no_gpx_is_refused(tmp_path, text, reason):
    path = tmp_path / "a.gpx"
    path.write_text(text)
    with pytest.raises(DataSourceError, match=reason) as caught:
        read_traces(path)
    assert str(caught.value).count(str(path)) == 1  # said once


def test_files_without_a_trace(tmp_path):
    with pytest.raises(TableError, match="no track"):
        read_traces(write_gpx(tmp_path / "a.gpx"))
    with pytest.raises(MissingDataError):
        read_traces(tmp_path / "none.gpx")


def test_csv_of_fixes_with_all_that_can_be_wrong(tmp_path):
    path = tmp_path / "a.csv"
    rows = [
        "Trip ID;Timestamp;Longitude;Latitude;factory_id",
        "b;2024-05-01 06:31:00+07:00;104,91;11,5;F1",
        "a;2024-05-01 06:30:00;104,9;11,5;",
        "b;2024-05-01 06:30:00+07:00;104,90;11,5;",
        "a;noon;104,9;11,6;",
        "a;2024-05-01 06:32:00;;11,6;",
        "a;2024-05-01 06:33:00;0;0;",
        "a;2024-05-01 06:33:00;500;11,6;",
        ";2024-05-01 06:33:00;104;11,6;",
    ]
    path.write_text("\n".join(rows), encoding="utf-8")
    traces = read_traces(path)
    assert traces.traces["name"].tolist() == ["b", "a"]
    assert traces.traces["offset_min"].fillna(-1).tolist() == [420, -1]
    assert traces.about["factory_id"].tolist() == ["F1", ""]
    b = traces.points[traces.points["trace"] == 0]
    assert b["lon"].tolist() == [104.90, 104.91]  # in order of time, in UTC
    assert b["time"].iloc[0] == pd.Timestamp("2024-04-30 23:30")
    assert dict(zip(traces.dropped["reason"], traces.dropped["n_points"], strict=True)) == {
        "no coordinates": 1,
        "coordinates are not on Earth": 2,
        "no trace named": 1,
    }
    assert traces.notes["times that are not understood; kept without"] == 1
    assert traces.notes["traces whose fixes were not in order; sorted"] == 1


def test_csv_without_a_trace_column_is_one_trace_in_order_of_its_numbers(tmp_path):
    path = tmp_path / "drive.csv"
    path.write_text("seq,x,y\n2,104.2,11\n10,104.3,11\n1,104.1,11\n")
    traces = read_traces(path)
    assert traces.traces["name"].tolist() == ["drive"]
    assert traces.points["lon"].tolist() == [104.1, 104.2, 104.3]
    path.write_text("trip,time\n1,2\n")
    with pytest.raises(TableError, match="lon, lat"):
        read_traces(path)


def test_geojson_of_lines_and_of_points_say_the_same(tmp_path):
    xy, times = [[104.9, 11.5], [104.91, 11.51], [104.92, 11.5]], [f"2024-05-01T06:3{i}:00Z"
                                                                  for i in range(3)]  # fmt: skip
    line = {"type": "Feature", "properties": {"trace_id": "t", "riders": 30, "coordTimes": times},
            "geometry": {"type": "LineString", "coordinates": xy}}  # fmt: skip
    polygon = {"type": "Feature", "properties": {"trace_id": "p"},
               "geometry": {"type": "Polygon", "coordinates": [[*xy, xy[0]]]}}  # fmt: skip
    dots = [{"type": "Feature", "properties": {"trace_id": "t", "time": time, "riders": 30},
             "geometry": {"type": "Point", "coordinates": one}}
            for one, time in zip(xy, times, strict=True)]  # fmt: skip
    found = []
    for name, features in (("lines", [line, polygon]), ("points", dots[::-1])):
        path = tmp_path / f"{name}.geojson"
        path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
        found.append(read_traces(path))
    pd.testing.assert_frame_equal(found[0].points, found[1].points)
    assert found[0].traces["form"].tolist() == ["line", "Polygon"]
    assert [one.about["riders"].iloc[0] for one in found] == ["30", "30"]


def test_a_line_of_several_parts_is_one_trace(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('name,wkt\nbus,"MULTILINESTRING ((1 2, 3 4), (5 6, 7 8))"\n')
    traces = read_traces(path)
    assert traces.points["part"].tolist() == [0, 0, 1, 1]


def test_exchanged_axes_are_put_right(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("trace,lon,lat\nkh,11.5,104.9\nkh,11.6,104.9\nbr,-30.03,-51.2\n")
    traces = read_traces(path, near_wgs84=(-51.3, -30.2, -51.1, -30.0))
    assert traces.points["lon"].tolist() == [104.9, 104.9, -51.2]
    note = "traces with longitude and latitude exchanged; put right"
    assert traces.notes[note] == 2
    assert read_traces(path).notes[note] == 1  # only a latitude above 90 tells


def test_times_of_all_kinds():
    texts = ["2024-05-01T06:30:00Z", "2024-05-01 06:30", "2024/05/01 06:30:00+0700",
             "01/05/2024 06:30:00", "1714545000", "1714545000000", "2024-05-01T06:30:00.5-05:30",
             "2024-05-01T06:30Z+07:00", ""]  # fmt: skip
    time, offset = read_times(pd.Series(texts))
    six, night = pd.Timestamp("2024-05-01 06:30"), pd.Timestamp("2024-04-30 23:30")
    assert time.tolist()[:6] == [six, six, night, six, six, six]
    assert time[6] == pd.Timestamp("2024-05-01 12:00:00.5")
    assert time[7:].isna().all()
    assert offset.tolist()[:7] == pytest.approx([0, np.nan, 420, np.nan, 0, 0, -330], nan_ok=True)
    assert [estimate_offset_min(lon) / 60 for lon in (104.9, -51.2, 2.3)] == [7, -3, 0]


def make_traces(rows):
    """Traces from (trace, metres east, metres north, second)."""
    frame = pd.DataFrame(rows, columns=["trace", "x", "y", "s"])
    n = int(frame["trace"].max()) + 1 if len(frame) else 0
    from pyproj import Transformer

    back = Transformer.from_crs(UTM48, 4326, always_xy=True)
    lon, lat = back.transform(500_000 + frame["x"].to_numpy(), 1_280_000 + frame["y"].to_numpy())
    time = pd.Timestamp("2024-05-01") + pd.to_timedelta(frame["s"], unit="s")
    points = pd.DataFrame({"trace": frame["trace"], "point": frame.groupby("trace").cumcount(),
                           "part": 0, "time": time.astype("datetime64[us]"), "lon": lon,
                           "lat": lat})  # fmt: skip
    read = np.bincount(frame["trace"], minlength=n)
    table = pd.DataFrame({"name": "t", "form": "track", "n_read": read, "offset_min": pd.NA})
    none = pd.DataFrame({"trace": [], "reason": [], "n_points": []})
    return Traces(traces=table, about=pd.DataFrame(index=table.index), points=points, dropped=none)


def count_reasons(cleaned):
    return cleaned.dropped.groupby("reason")["n_points"].sum().to_dict()


def test_repeats_jumps_and_clouds_are_left_out_and_counted():
    drive = [(0, 100 * i, 0, 10 * i) for i in range(10)]
    repeated = [(0, 900, 0, 95), (0, 905, 0, 95)]
    jump = [(0, 900, 30_000, 100), (0, 950, 30_000, 105)]
    stop = [(0, 1_000 + i % 3, i % 2, 110 + 10 * i) for i in range(10)]
    cleaned = clean_traces(make_traces([*drive, *repeated, *jump, *stop]), crs=UTM48)
    assert count_reasons(cleaned) == {
        "repeated": 1,
        "would need more than 180 km/h": 2,
        "standing still": 8,  # all but the first and the last
    }
    assert len(cleaned.points) == len(drive) + 1 + 2


def test_a_trace_that_begins_with_a_wrong_fix_keeps_the_rest():
    wrong_start = [(0, 50_000, 0, 0), *((0, 100 * i, 0, 10 * i) for i in range(1, 8))]
    cleaned = clean_traces(make_traces(wrong_start), crs=UTM48)
    assert cleaned.points["point"].tolist() == list(range(1, 8))


def test_without_times_only_a_single_fix_far_from_both_sides_is_a_jump():
    rows = [(0, x, 0, np.nan) for x in (0, 100, 200, 90_000, 300, 400, 5_000, 5_100, 5_200)]
    cleaned = clean_traces(make_traces(rows), crs=UTM48)
    assert cleaned.points["point"].tolist() == [0, 1, 2, 4, 5, 6, 7, 8]


def test_wrong_rules_and_systems_are_told():
    traces = make_traces([(0, 0, 0, 0)])
    with pytest.raises(CrsError, match="metres"):
        clean_traces(traces, crs=4326)
    with pytest.raises(InputError, match="stand_s"):
        clean_traces(traces, crs=UTM48, rules=CleaningRules(stand_s=0))


steps = st.lists(
    st.tuples(st.integers(0, 2), st.integers(-50, 50), st.integers(-50, 50), st.integers(0, 30)),
    max_size=40,
)


@given(rows=steps)
@settings(max_examples=20, deadline=None)
def test_every_fix_is_kept_or_counted(rows):
    rows = sorted(((a, 50 * x, 50 * y, s) for a, x, y, s in rows), key=lambda r: (r[0], r[3]))
    traces = make_traces(rows)
    cleaned = clean_traces(traces, crs=UTM48)
    n = len(traces.traces)
    kept = np.bincount(cleaned.points["trace"], minlength=n)
    lost = cleaned.dropped.groupby("trace")["n_points"].sum().reindex(range(n), fill_value=0)
    assert (kept + lost.to_numpy() == traces.traces["n_read"]).all()
    again = cleaned.points.groupby("trace")["point"]
    assert all(one.is_monotonic_increasing for _, one in again)


def write_drive(path, places, minutes):
    stamps = [f"2024-05-01T{8 + m // 60:02d}:{m % 60:02d}:00Z" for m in minutes]
    fixes = [fix(104.9 + 0.005 * x, 11.5, t) for x, t in zip(places, stamps, strict=True)]
    return write_gpx(path, ("bus", ["".join(fixes)]))


def test_a_clock_that_jumps_back_does_not_tear_the_drive_apart(tmp_path):
    minutes = [*range(20), *range(20 - 180, 40 - 180)]
    traces = read_traces(write_drive(tmp_path / "a.gpx", range(40), minutes))
    assert traces.points["lon"].is_monotonic_increasing
    assert traces.points["time"].notna().sum() == 20  # which clock is right nobody knows
    assert [note for note in traces.notes if "clock jumps back" in note]
    assert traces.traces["clock_jumped"].tolist() == [True]
    cleaned = clean_traces(traces, crs=UTM48)
    assert len(cleaned.points) == 40


def test_fixes_that_are_merely_out_of_order_are_sorted_by_time(tmp_path):
    later, sooner = list(range(20, 40)), list(range(20))
    traces = read_traces(write_drive(tmp_path / "a.gpx", later + sooner, later + sooner))
    assert traces.points["lon"].is_monotonic_increasing
    assert traces.points["time"].notna().all()
    mixed = np.random.default_rng(1).permutation(40).tolist()
    traces = read_traces(write_drive(tmp_path / "a.gpx", mixed, mixed))
    assert traces.points["lon"].is_monotonic_increasing
    assert traces.notes == {"traces whose fixes were not in order; sorted": 1}
