"""Every page in a browser: drawn at both widths, asking nobody else; maps to take along."""

from __future__ import annotations

import pytest

from tests.browser.conftest import DESKTOP, PHONE, Watch, wait_until_still

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

PAGES = ["/", "/hotspots", "/hotspot?hotspot=H2", "/factories", "/commute", "/interventions"]
PAGES += ["/data", "/records"]
ROADS = "path.leaflet-interactive:not([d='M0 0'])"  # lines within the view


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
