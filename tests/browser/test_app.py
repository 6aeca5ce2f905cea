"""The app in a browser: drawn at both widths, linked both ways, asking nobody else."""

from __future__ import annotations

import pytest

from tests.browser.conftest import DESKTOP, PHONE, Watch, wait_until_still

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

PAGES = ["/", "/hotspots", "/hotspot?hotspot=H2", "/interventions", "/data", "/records"]
BUDGET_BYTES = 2_000_000
ROADS = "path.leaflet-interactive:not([d='M0 0'])"  # lines within the view


def wait_for_map(page):
    """Wait until the map's tiles are drawn: the style is read and a tile was answered."""
    page.wait_for_function(
        "performance.getEntriesByType('resource').some(e => e.name.endsWith('style.json'))"
    )
    page.wait_for_selector(".mapboxgl-canvas", state="attached")
    page.wait_for_timeout(2_000)


@pytest.mark.parametrize("screen", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_pages_draw_and_ask_no_other_host(open_page, app_address, screen):
    page, watch = open_page(PAGES[0], **screen)
    for path in PAGES:
        page.goto(app_address + path)
        page.wait_for_selector("h1")
        wait_until_still(page)
        assert page.locator("h1").count() == 1, path
        assert page.get_by_text("SYNTHETIC").first.is_visible(), path
        if path.startswith("/hotspot"):
            page.wait_for_timeout(2_000)
        overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert page.evaluate(overflow) <= 0, f"{path} scrolls sideways"
    assert watch.find_foreign() == []
    assert watch.failed == []
    assert watch.errors == []


def test_explorer_shows_tiles_within_the_budget(open_page):
    page, watch = open_page("/hotspots")
    wait_for_map(page)
    assert watch.n_tiles > 0
    assert watch.n_bytes <= BUDGET_BYTES


def test_table_row_moves_the_map_and_opens_the_hotspot(open_page):
    page, watch = open_page("/hotspots")
    wait_for_map(page)
    before = page.get_by_test_id("stDeckGlJsonChart").screenshot()
    click_row(page, 1)
    page.wait_for_url("**hotspot=H2*")
    wait_until_still(page)
    wait_for_map(page)
    assert page.get_by_text("12 crashes were reported").is_visible()
    assert page.get_by_test_id("stDeckGlJsonChart").screenshot() != before
    page.get_by_text("Open this hotspot's page").click()
    page.wait_for_selector("h1:has-text('2.')")
    wait_until_still(page)
    assert "/hotspot?" in page.url
    assert "hotspot=H2" in page.url
    assert page.get_by_text("12 crashes were reported").is_visible()
    assert watch.errors == []


def test_map_click_chooses_the_table_row(open_page):
    page, watch = open_page("/hotspots?hotspot=H3")
    wait_for_map(page)
    assert page.get_by_text("6 crashes were reported").is_visible()
    box = page.get_by_test_id("stDeckGlJsonChart").bounding_box()
    for _ in range(3):  # a click on bare ground lets go of the choice
        page.mouse.click(box["x"] + 8, box["y"] + 8)
        page.wait_for_timeout(700)
    wait_until_still(page)
    found = find_hotspot_on_screen(page, box)
    assert found in page.url
    assert watch.errors == []


def test_filter_changes_table_and_map(open_page):
    page, watch = open_page("/hotspots")
    wait_for_map(page)
    n_styles = sum("style.json" in url for url in watch.requests)
    page.get_by_text("In the dark", exact=True).click()
    page.wait_for_selector("text=of 75 crashes match")
    wait_until_still(page)
    page.wait_for_timeout(1_500)
    styles = [url for url in watch.requests if "style.json" in url]
    assert len(styles) > n_styles
    assert styles[-1].endswith("?dark=dark")
    assert watch.errors == []


def test_text_of_records_is_shown_and_never_run(open_page):
    page, watch = open_page("/hotspot?hotspot=H2")
    dialogs = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    assert "<script>alert('x')</script> Road" in page.locator("h1").inner_text()
    frame = page.frame_locator("iframe").first
    frame.locator(ROADS).first.wait_for()
    assert "<script>alert('x')</script> Road" in frame.locator(".sc-title").inner_text()
    frame.locator(ROADS).first.hover(force=True)
    page.wait_for_timeout(500)
    assert dialogs == []
    assert watch.errors == []


def test_downloaded_map_opens_with_the_network_off(open_page, browser, tmp_path):
    page, _ = open_page("/hotspot?hotspot=H1")
    with page.expect_download() as download:
        page.get_by_role("button", name="Take this map along").click()
    file = tmp_path / "map.html"
    download.value.save_as(file)
    context = browser.new_context(**DESKTOP, offline=True)
    try:
        offline = context.new_page()
        watch = Watch(offline)
        offline.goto(file.as_uri())
        offline.locator(ROADS).first.wait_for(timeout=20_000)
        # 3 roads cross the surroundings, then the hotspot and its 20 crashes
        assert offline.locator(ROADS).count() >= 22
        for words in ("SYNTHETIC", "Roads invented", "none reported", "20 crashes"):
            assert offline.get_by_text(words).first.is_visible()
        assert offline.locator(".leaflet-control-scale-line").is_visible()
        assert [url for url in watch.requests if not url.startswith(("file:", "data:"))] == []
        assert watch.failed == []
        assert watch.errors == []
    finally:
        context.close()


def test_khmer_is_drawn_with_the_font_that_is_served(open_page):
    page, watch = open_page("/hotspot?hotspot=H1")
    page.evaluate("document.fonts.load('16px \"Noto Sans Khmer\"', 'អង្គស្នួល')")
    page.wait_for_timeout(1_000)
    assert page.evaluate("document.fonts.check('16px \"Noto Sans Khmer\"', 'អង្គស្នួល')")
    assert any(url.endswith("/assets/fonts/khmer.ttf") for url in watch.requests)


def click_row(page, row):
    """Tick a row of the table; it is drawn on a canvas, so by position."""
    box = page.get_by_test_id("stDataFrame").first.bounding_box()
    page.mouse.click(box["x"] + 17, box["y"] + 35 * (row + 1) + 17)


def find_hotspot_on_screen(page, box):
    """Click a grid over the map until a hotspot answers, and return its part of the address."""
    for y in range(40, int(box["height"]) - 20, 26):
        for x in range(30, int(box["width"]) - 20, 26):
            page.mouse.move(box["x"] + x, box["y"] + y)
            tooltip = page.locator(".deck-tooltip")
            if tooltip.is_visible() and "crash" in tooltip.inner_text():
                rank = tooltip.inner_text().split(".")[0]
                page.mouse.click(box["x"] + x, box["y"] + y)
                page.wait_for_url(f"**hotspot=H{rank}*")
                wait_until_still(page)
                return f"hotspot=H{rank}"
    raise AssertionError("no hotspot answered on the map")


POLICE = """Report No;Date of accident;Hour;Latitude;Longitude;Injury severity;Dead;Remarks
A-1;05/03/2024;07:45;11,4521;104,8123;Fatal;1;truck and moto
A-2;17/03/2024;18:20;11,4621;104,8223;Slight;0;
A-3;;18:20;11,4621;104,8223;Slight;0;<b>no date</b>
"""


def open_records(open_page, **screen):
    page, watch = open_page("/records", **screen)
    page.get_by_role("textbox", name="Your name").fill("Ann")
    page.keyboard.press("Enter")
    wait_until_still(page)
    return page, watch


def test_a_file_of_any_columns_is_dropped_looked_at_and_taken_in(open_page, tmp_path):
    file = tmp_path / "police march.csv"
    file.write_text(POLICE, encoding="utf-8")
    page, watch = open_records(open_page)
    page.locator("input[type=file]").set_input_files(str(file))
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
