"""The pages on factories and commutes: figures by hand, what is missing, what is hostile."""

from __future__ import annotations

import json

import geopandas as gpd
import pandas as pd
import pytest
import streamlit as st
from click.testing import CliRunner
from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

from core.errors import InputError
from pipeline.cli import cli
from pipeline.commute_views import (
    compare_vehicles,
    find_shed,
    list_factory_hotspots,
    summarise_factories,
    summarise_groups,
)
from reports.map_style import choose_worker_classes
from reports.what_if import describe_mode_shift
from tests.ui.fixture_commutes import add_commutes, km_per_year
from tests.ui.fixture_run import RUN_ID, build_home
from ui.commute import describe_known_light
from ui.factory_ranking import say_interval, say_km, say_rank, tabulate_ranking
from ui.flow_filter import FlowFilter, sum_workers
from ui.words import format_share, name_group


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    path = tmp_path_factory.mktemp("commutes")
    add_commutes(build_home(path))
    return path


@pytest.fixture
def run(home):
    return home / "runs" / "tiny" / RUN_ID


@pytest.fixture
def open_page(root, monkeypatch):
    st.cache_data.clear()
    st.cache_resource.clear()

    def opened(page, workspace, **query):
        monkeypatch.setenv("SAFECOMMUTE_HOME", str(workspace))
        monkeypatch.delenv("SAFECOMMUTE_DATABASE_URL", raising=False)
        app = AppTest.from_file(str(root / "ui" / "main.py"), default_timeout=60)
        app._page_hash = calc_hash(page)
        for key, value in query.items():
            app.query_params[key] = value
        return app.run()

    return opened


def words_of(app):
    blocks = (app.title, app.subheader, app.markdown, app.caption, app.info, app.error)
    parts = [element.value for block in (*blocks, app.warning, app.success) for element in block]
    return "\n".join([*map(str, parts), *(element.proto.body for element in app.get("html"))])


def test_a_factory_has_its_mean_way_its_dark_share_and_its_hotspots(run):
    table = summarise_factories(run).set_index("factory_id")
    assert table.index.tolist() == ["F1", "F2"]  # what cannot be ranked comes last
    first = table.loc["F1"]
    assert first["workers_per_day"] == 100
    assert first["distance_km"] == pytest.approx(4.0)  # eight segments of 500 m
    assert first["dark_share"] == pytest.approx(0.25)  # half of the way there, none of home
    assert first["n_hotspots"] == 1
    assert pd.isna(table.loc["F2", "distance_km"])
    assert table.loc["F2", "n_hotspots"] == 0


def test_a_hotspot_on_the_way_counts_the_kilometres_within_it(run):
    table = list_factory_hotspots(run, "F1")
    assert table["hotspot_id"].tolist() == ["H1"]  # the whole of segment 3
    assert table["workers_per_day"].tolist() == [100.0]
    assert table["worker_km_per_year"].tolist() == [pytest.approx(km_per_year(100, 1))]
    assert table["dark_share"].tolist() == [pytest.approx(0.25)]
    assert list_factory_hotspots(run, "F2").empty


def test_the_shed_lists_villages_with_their_way(run):
    shed = find_shed(run, "F1")
    assert shed[["village", "workers_per_day", "distance_km", "minutes"]].to_numpy().tolist() == [
        ["Phum Thmei", 100.0, 4.0, 10.0]
    ]
    assert find_shed(run, "nobody").empty


def test_groups_count_each_worker_once(run):
    table = summarise_groups(pd.read_parquet(run / "commute_groups.parquet"), "mode")
    assert table["workers_per_day"].to_dict() == {"van": 60.0, "motorcycle_driver": 40.0}
    assert table["worker_km_per_year"].sum() == pytest.approx(km_per_year(100))


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        (FlowFilter(), 100.0),
        (FlowFilter(mode="van"), 60.0),
        (FlowFilter(light="dark"), 25.0),
        (FlowFilter(light="day", mode="motorcycle_driver"), 30.0),
        (FlowFilter(factory_id="F2"), None),
    ],
)
def test_workers_that_pass_a_filter(run, chosen, expected):
    found = sum_workers(pd.read_parquet(run / "commute_flows.parquet"), chosen)
    assert found.get(3) == (None if expected is None else pytest.approx(expected))
    assert FlowFilter.from_query(chosen.to_query()) == chosen


def test_workers_of_an_unknown_light_are_in_neither(run):
    flows = pd.read_parquet(run / "commute_flows.parquet").assign(dark_share=float("nan"))
    assert sum_workers(flows, FlowFilter(light="dark")).empty
    assert sum_workers(flows, FlowFilter(light="day")).empty
    assert sum_workers(flows, FlowFilter()).loc[3] == 100


def test_fewer_than_five_of_one_factory_on_a_road_are_left_out(run):
    flows = pd.read_parquet(run / "commute_flows.parquet").assign(workers_per_day=2.0)
    assert sum_workers(flows, FlowFilter(factory_id="F1", mode="van")).empty
    assert sum_workers(flows, FlowFilter(mode="van")).loc[3] == 2


@pytest.mark.parametrize("query", [{"mode": "rocket"}, {"light": "dusk"}, {"factory": "x" * 300}])
def test_a_filter_with_unknown_words_is_refused(query):
    with pytest.raises(InputError, match="not known"):
        FlowFilter.from_query(query)


def test_the_style_colours_roads_by_workers(home, ask, monkeypatch):
    monkeypatch.setenv("SAFECOMMUTE_HOME", str(home))
    base = f"/tiles/tiny/{RUN_ID}/style.json"

    def layers(query):
        status, _, body = ask(base, query)
        return status, json.dumps(json.loads(body)["layers"]) if status == 200 else ""

    status, text = layers("show=workers")
    assert status == 200
    assert '["get", "workers"]' in text
    assert '"id": "hotspots"' not in text
    _, by_van = layers("show=workers&mode=van")
    assert '"S3"' in by_van
    assert '"S20"' not in by_van
    assert layers("show=workers&mode=rocket")[0] == 404
    assert '["get", "n_crashes"]' in layers("")[1]


def test_classes_of_workers_leave_the_darkest_to_the_few():
    assert [step.at_least for step in choose_worker_classes([10.0] * 50)] == [1, 20, 50, 100, 200]
    assert choose_worker_classes([400.0] * 50)[-1].label == "1,000 or more"


@pytest.mark.parametrize("page", ["factories", "commute"])
def test_pages_draw_and_say_synthetic(open_page, home, page):
    app = open_page(page, home)
    assert not app.exception
    assert not app.error
    words = words_of(app)
    assert "SYNTHETIC" in words
    assert "<b>Other</b>" not in words
    assert "connect <i>" not in words.replace("\\<i\\>", "")


def test_the_factory_of_the_address_is_shown(open_page, home):
    words = words_of(open_page("factories", home, factory="F2"))
    assert "no commute of its workers is known" in words
    assert "F2" in words


@pytest.mark.parametrize("page", ["factories", "commute"])
def test_pages_draw_without_hotspots_crashes_vehicles_or_routes(open_page, tmp_path, page):
    run = build_home(tmp_path)
    add_commutes(run)
    for name in ("hotspots", "crashes", "commute_routes", "commute_rates", "places"):
        path = run / f"{name}.parquet"
        read = pd.read_parquet if name == "commute_rates" else gpd.read_parquet
        table = read(path).iloc[:0]
        # an empty column comes back as numbers, not as words
        empty = {one: table[one].astype("float64") for one in table if table[one].dtype == "str"}
        table.assign(**empty).to_parquet(path)
    lixels = gpd.read_parquet(run / "lixels.parquet")
    lixels.assign(hotspot_id=float("nan")).to_parquet(run / "lixels.parquet")
    app = open_page(page, tmp_path)
    assert not app.exception
    assert not app.error
    if page == "factories":
        assert "None of the hotspots lies on its workers" in words_of(app)


def test_a_factory_without_coordinates_has_a_sentence_not_a_map(open_page, home):
    app = open_page("factories", home, factory="F2")
    assert not app.get("deck_gl_json_chart")
    assert "has no coordinates in the records" in words_of(app)
    assert open_page("factories", home, factory="F1").get("deck_gl_json_chart")


def test_the_commute_page_compares_vehicles(open_page, home):
    words = words_of(open_page("commute", home))
    assert "of 130 in the factories" in words
    assert "30 workers" in words
    assert "its roads do not connect" in words
    assert "workers hurt a year (95% interval" in words
    assert "not a measured effect" in words


@pytest.mark.parametrize("page", ["factories", "commute"])
def test_without_commutes_a_page_says_what_to_import(open_page, tmp_path, page):
    run = build_home(tmp_path)
    add_commutes(run)
    (run / "commute_summary.json").unlink()
    app = open_page(page, tmp_path)
    assert not app.exception
    assert "safecommute import origin FILE" in words_of(app)


def test_a_change_of_vehicle_is_told_with_its_interval(run):
    result = compare_vehicles(run, ("motorcycle_driver", "van", 0.5))
    words = describe_mode_shift(result)
    assert "If 50% of the kilometres by motorcycle driver were travelled by van" in words
    assert result["workers_hurt"]["difference"] < 0
    low, high = (result["workers_hurt"][f"difference_{end}"] for end in ("low", "high"))
    assert low < result["workers_hurt"]["difference"] < high
    assert compare_vehicles(run, ("motorcycle_driver", "van", 0.5)) == result  # seeded


def test_a_change_of_nobody_changes_nothing(run):
    words = describe_mode_shift(compare_vehicles(run, ("motorcycle_driver", "van", 0.0)))
    assert words == (
        "With 0% of the kilometres by motorcycle driver nobody changes vehicle: nothing would "
        "change."
    )


def test_workers_hurt_come_before_crashes_which_say_little(run):
    result = compare_vehicles(run, ("motorcycle_driver", "van", 0.5))
    words = describe_mode_shift(result)
    assert words.index("workers hurt a year") < words.index("Crashes: ")
    assert "one crash can hurt all who are aboard" in words
    assert "would be hurt. Crashes" in words or "fewer workers hurt. Crashes" in words
    result["n_crashes"]["van"] = 0
    assert "No crash of workers by van is reported yet" in describe_mode_shift(result)


def test_a_change_too_small_to_write_is_about_as_many(run):
    result = compare_vehicles(run, ("motorcycle_driver", "van", 0.5))
    nothing = {"difference": -0.0, "difference_low": -0.04, "difference_high": 0.04, "before": 3.0}
    words = describe_mode_shift({**result, "workers_hurt": nothing})
    assert "about as many workers hurt a year (95% interval +0.0 to +0.0)" in words


def test_the_dark_share_says_of_which_kilometres_it_is():
    assert describe_known_light(75.0, 25.0, 0.0) == "of these km"
    assert describe_known_light(3.0, 1.0, 1e6) == (
        "of those km whose light is known, less than 1% of all"
    )
    assert describe_known_light(30.0, 20.0, 50.0).endswith("known, 50% of all")
    assert describe_known_light(0.0, 0.0, 9.0) == "the light of none of their km is known"


def test_the_list_of_factories_says_how_sure_it_is(run, monkeypatch):
    told = summarise_factories(run).assign(rank_ci_low=[1, None], rank_ci_high=[2, None])
    told["p_worst_3"] = [0.96, None]
    table = tabulate_ranking(told)
    assert table["Rank, 95%"].tolist() == ["1 to 2", ""]
    assert table["From road class"].tolist() == ["40%", ""]
    assert say_rank(told.iloc[0]) == ("1", "1 to 2 at 95%; among the worst three: 96%")
    assert say_rank(told.iloc[1])[0] == "not ranked"
    assert say_interval(told.iloc[0]).endswith("8 to 17 at 95%; 40% from road classes")
    assert say_km(told["distance_km"].iloc[1]) == "not known"
    monkeypatch.setattr("ui.factory_ranking.is_phone", lambda: True)
    phone = tabulate_ranking(told)
    assert phone.columns[:4].tolist() == ["Rank", "Expected crashes", "95% interval", "Factory"]
    assert phone["Factory"].iloc[0] == "F1 · Sew & Sons"


def test_crashes_in_no_factorys_figure_are_told(open_page, tmp_path):
    run = build_home(tmp_path)
    add_commutes(run)
    path = run / "commute_summary.json"
    account = {"n_ranked": 400.0, "n_not_ranked": 0.0}
    account |= {"n_where_nobody_passes": 63.0, "n_without_place": 9}
    warnings = ["2 of 2 factories, with <b>1,000</b> workers, have no origins."]
    more = {"crashes_of_factories": account, "warnings": warnings, "workers_routed": 1e9}
    path.write_text(json.dumps(json.loads(path.read_text()) | more))
    words = words_of(open_page("factories", tmp_path))
    assert "The figures share out 400 of 472 commute crashes; in none of them: 63 on roads" in words
    assert "9 without a place" in words
    words = words_of(open_page("commute", tmp_path))
    assert "have no origins" in words
    assert "more than the 130 in the factories" in words


def test_words_for_groups():
    assert name_group("mode", "van") == "Van"
    assert name_group("hour", "6") == "06:00"
    assert name_group("light", "unknown") == "Not known"
    assert name_group("factory_id", "F1") == "F1"
    assert format_share(0.254) == "25%"
    assert format_share(None) == "not known"


def test_the_command_line_says_the_same(home, run):
    words = ["--home", str(home), "what-if", "tiny", "--from", "motorcycle_driver", "--to", "van"]
    told = CliRunner().invoke(cli, [*words, "--share", "0.5"])
    assert told.exit_code == 0
    result = compare_vehicles(run, ("motorcycle_driver", "van", 0.5))
    assert told.output.startswith(describe_mode_shift(result))
    assert (
        json.loads(CliRunner().invoke(cli, [*words, "--share", "0.5", "--json"]).output) == result
    )
    assert CliRunner().invoke(cli, [*words, "--share", "1.5"]).exit_code == 2
