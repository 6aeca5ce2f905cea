"""The hotspot explorer in a browser: table and map linked both ways, within the budget."""

from __future__ import annotations

import pytest

from tests.browser.conftest import click_row, wait_until_still

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

BUDGET_BYTES = 2_000_000


def test_table_row_moves_the_map_and_opens_the_hotspot_within_the_budget(open_page):
    page, watch = open_page("/hotspots")
    wait_for_map(page)
    assert watch.n_tiles > 0
    assert watch.n_bytes <= BUDGET_BYTES
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


def test_another_method_changes_table_and_map_together(open_page):
    page, watch = open_page("/hotspots")
    wait_for_map(page)
    before = page.get_by_test_id("stDeckGlJsonChart").screenshot()
    page.get_by_label("Found by").first.click()
    page.get_by_role("option", name="Gi* (clusters of rates)").click()
    page.wait_for_selector("text=These are not the published hotspots.")
    wait_until_still(page)
    page.wait_for_timeout(1_500)
    assert page.get_by_test_id("stDeckGlJsonChart").screenshot() != before
    click_row(page, 1)
    page.wait_for_url("**hotspot=V1*")
    page.wait_for_selector("text=it has no page")
    assert watch.errors == []


def wait_for_map(page):
    """Wait until the map's tiles are drawn: the style is read and a tile was answered."""
    page.wait_for_function(
        "performance.getEntriesByType('resource').some(e => e.name.endsWith('style.json'))"
    )
    page.wait_for_selector(".mapboxgl-canvas", state="attached")
    page.wait_for_timeout(2_000)


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
