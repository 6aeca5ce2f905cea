"""The Records page in a browser: a file is dropped and taken in, a place is clicked."""

from __future__ import annotations

import pytest

from tests.browser.conftest import wait_until_still

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

POLICE = """Report No;Date of accident;Hour;Latitude;Longitude;Injury severity;Dead;Remarks
A-1;05/03/2024;07:45;11,4521;104,8123;Fatal;1;truck and moto
A-2;17/03/2024;18:20;11,4621;104,8223;Slight;0;
A-3;;18:20;11,4621;104,8223;Slight;0;<b>no date</b>
"""


def test_a_file_of_any_columns_is_dropped_looked_at_and_taken_in(open_page, tmp_path):
    file = tmp_path / "police march.csv"
    file.write_text(POLICE, encoding="utf-8")
    page, watch = open_records(open_page)
    page.locator("input[type=file]").first.set_input_files(str(file))
    page.get_by_text("What would become of its rows").wait_for()
    wait_until_still(page)
    assert page.get_by_text("How the file is read").is_visible()
    page.get_by_role("button", name="Take it in").click()
    page.get_by_text("police march.csv is taken in").wait_for()
    wait_until_still(page)
    cards = page.locator(".sc-card").all_inner_texts()
    found = {card.split("\n")[0].strip(): card.split("\n")[1].strip() for card in cards}
    assert (found["Rows read"], found["New"], found["Refused"]) == ("3", "2", "1")
    assert watch.find_foreign() == []


def test_villages_are_kept_for_the_files_to_come(open_page, tmp_path):
    points = tmp_path / "points.csv"
    points.write_text("code,name,lon,lat\n01020101,Ou Thum,104.85,11.41\n", encoding="utf-8")
    file = tmp_path / "villages only.csv"
    file.write_text("source_id,Date,Village code\nV-1,2024-03-05,01020101\n", encoding="utf-8")
    page, watch = open_records(open_page)
    page.get_by_text("Where villages are").click()
    page.locator("input[type=file]").nth(1).set_input_files(str(points))
    page.get_by_text("points.csv is kept").wait_for()
    page.locator("input[type=file]").first.set_input_files(str(file))
    page.get_by_text("What would become of its rows").wait_for()
    page.get_by_role("button", name="Take it in").click()
    page.get_by_text("villages only.csv is taken in").wait_for()
    page.get_by_text("Where villages are").click()
    assert page.get_by_text("Kept for every file that comes in: points.csv.").is_visible()
    assert watch.errors == []


def test_a_click_on_the_map_says_where_it_is(open_page):
    page, watch = open_records(open_page)
    page.get_by_text("Add", exact=True).click()
    wait_until_still(page)
    page.frame_locator("iframe").first.locator("#map_div").click(position={"x": 300, "y": 190})
    latitude = page.get_by_role("textbox", name="Latitude (north)")
    page.wait_for_function(
        "document.querySelector('input[aria-label=\"Latitude (north)\"]').value !== ''"
    )
    assert 11.0 < float(latitude.input_value()) < 12.0
    assert watch.find_foreign() == []


def open_records(open_page, **screen):
    page, watch = open_page("/records", **screen)
    page.get_by_role("textbox", name="Your name").fill("Ann")
    page.keyboard.press("Enter")
    wait_until_still(page)
    return page, watch
