"""A served app and a Chromium that can reach this machine only."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

from tests.ui.fixture_commutes import add_commutes
from tests.ui.fixture_hotspots import add_variants
from tests.ui.fixture_run import build_home

HOST = "127.0.0.1"
CHROMIUM_OPTIONS = [
    "--no-sandbox",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    f"--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE {HOST}",
]
DESKTOP = {"viewport": {"width": 1440, "height": 900}}
PHONE = {
    "viewport": {"width": 390, "height": 844},
    "user_agent": "Mozilla/5.0 (Linux; Android 13) Chrome/130 Mobile Safari/537.36",
    "has_touch": True,
}


@pytest.fixture(scope="session")
def browser():
    """A headless Chromium: SAFECOMMUTE_CHROMIUM, else the one on the path."""
    sync_api = pytest.importorskip("playwright.sync_api")
    path = os.environ.get("SAFECOMMUTE_CHROMIUM")
    path = path or shutil.which("chromium") or shutil.which("chromium-browser")
    if not path:
        pytest.skip("no Chromium on this machine (set SAFECOMMUTE_CHROMIUM)")
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=CHROMIUM_OPTIONS)
        yield started
        started.close()


@pytest.fixture(scope="session")
def app_address(root, tmp_path_factory):
    """The app as `streamlit run app.py` serves it, on a workspace with one published run."""
    home = tmp_path_factory.mktemp("served")
    add_commutes(add_variants(build_home(home)))
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port = probe.getsockname()[1]
    command = [
        *(sys.executable, "-m", "streamlit", "run", "app.py"),
        *("--server.port", str(port), "--server.address", HOST),
    ]
    environment = {**os.environ, "SAFECOMMUTE_HOME": str(home)}
    environment.pop("SAFECOMMUTE_DATABASE_URL", None)
    log = (home / "app.log").open("wb")
    process = subprocess.Popen(
        command, cwd=root, env=environment, stdout=log, stderr=subprocess.STDOUT
    )
    try:
        wait_until_up(f"http://{HOST}:{port}/health", process, home / "app.log")
        yield f"http://{HOST}:{port}"
    finally:
        process.terminate()
        process.wait(timeout=20)
        log.close()


def wait_until_up(address, process, log, seconds=90):
    for _ in range(seconds * 4):
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(address, timeout=5) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.25)
    pytest.fail(f"the app did not start:\n{log.read_text(errors='replace')[-3000:]}")


class Watch:
    """Everything a page asked for and complained of."""

    def __init__(self, page):
        self.page = page
        self.requests, self.failed, self.errors = [], [], []
        self.n_bytes = self.n_tiles = 0
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("requestfailed", self._take_failure)
        page.on("response", self._take_response)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", self._take_console)
        session = page.context.new_cdp_session(page)
        session.send("Network.enable")
        session.on("Network.loadingFinished", self._take_bytes)

    def _take_failure(self, request):
        if request.failure != "net::ERR_ABORTED":  # given up on leaving the page
            self.failed.append(f"{request.url}: {request.failure}")

    def _take_response(self, response):
        self.n_tiles += response.url.endswith(".mvt") and response.status == 200
        # Streamlit looks for its own base address below the page's path first.
        if response.status >= 400 and "/_stcore/" not in response.url:
            self.errors.append(f"{response.status} {response.url}")

    def _take_console(self, message):
        is_probe = "/_stcore/" in str(message.location)
        if message.type == "error" and not is_probe:
            self.errors.append(message.text)

    def _take_bytes(self, event):
        self.n_bytes += int(event["encodedDataLength"])

    def find_foreign(self):
        """Requests to any other host than this machine."""
        own = (f"http://{HOST}:", f"ws://{HOST}:", "data:", "blob:", "file:", "about:")
        return [address for address in self.requests if not address.startswith(own)]


@pytest.fixture
def open_page(browser, app_address):
    """Open a page of the app and wait until it is drawn."""
    contexts = []

    def opened(path, **options):
        context = browser.new_context(**(options or DESKTOP))
        context.set_default_timeout(60_000)
        contexts.append(context)
        page = context.new_page()
        watch = Watch(page)
        page.goto(app_address + path)
        page.wait_for_selector("h1")
        wait_until_still(page)
        return page, watch

    yield opened
    for context in contexts:
        context.close()


def wait_until_still(page):
    """Wait until Streamlit has run the script to its end."""
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")
    page.wait_for_timeout(300)


def click_row(page, row):
    """Tick a row of the table; it is drawn on a canvas, so by position."""
    box = page.get_by_test_id("stDataFrame").first.bounding_box()
    page.mouse.click(box["x"] + 17, box["y"] + 35 * (row + 1) + 17)
