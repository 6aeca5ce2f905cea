from __future__ import annotations

import hashlib

import numpy as np
import pytest

from core.errors import ChecksumError, DataSourceError, DownloadError
from geo.polite_http import Server
from geo.resumed_download import download_file
from tests.geo.file_server import serve

CONTENT = np.random.default_rng(1).bytes(1_000_003)
BLOCK = 65_536  # written at once
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def files():
    with serve(CONTENT) as files:
        yield files


@pytest.fixture
def pauses():
    return []


@pytest.fixture
def fetch(files, pauses, tmp_path):
    def run(**options):
        patience = {"timeout_s": 5.0, "max_tries": 2, "pause": pauses.append}
        server = Server(url=options.pop("url", files.url), **patience)
        return download_file(server, tmp_path / "in" / "file.tif", **options)

    return run


def names(tmp_path):
    return sorted(path.name for path in (tmp_path / "in").iterdir())


def test_a_file_comes_in_whole_and_is_checked(fetch, files, tmp_path):
    steps = []
    found = fetch(sha256=DIGEST.upper(), n_bytes=len(CONTENT), progress=lambda *s: steps.append(s))
    assert found.path.read_bytes() == CONTENT
    assert (found.sha256, found.n_bytes, found.etag) == (DIGEST, len(CONTENT), files.etag)
    assert steps[-1][:2] == (len(CONTENT), len(CONTENT))
    assert files.asked[0]["User-Agent"] == "safecommute (road safety analysis)"
    assert names(tmp_path) == ["file.tif", "file.tif.lock"]


def test_what_came_before_a_cut_is_not_asked_for_again(fetch, files, pauses):
    files.faults = [("cut", 5 * BLOCK), ("cut", 8 * BLOCK)]
    assert fetch().path.read_bytes() == CONTENT
    ranges = [asked.get("Range") for asked in files.asked]
    assert ranges == [None, f"bytes={5 * BLOCK}-", f"bytes={13 * BLOCK}-"]
    assert all(asked["If-Range"] == files.etag for asked in files.asked[1:])
    assert len(pauses) == 1  # patience begins anew with each try that brought something


def test_a_command_that_was_stopped_goes_on_where_it_was(fetch, files, tmp_path):
    files.faults = [("cut", 6 * BLOCK), 503, 503, 503, 503]
    with pytest.raises(DownloadError, match="what was fetched is kept"):
        fetch()
    assert names(tmp_path) == ["file.tif.lock", "file.tif.part", "file.tif.part.json"]
    files.faults, files.asked = [], []
    assert fetch().path.read_bytes() == CONTENT
    assert [asked.get("Range") for asked in files.asked] == [f"bytes={6 * BLOCK}-"]


@pytest.mark.parametrize("kind", ["changed", "no ranges", "weak etag", "no version", "wrong range"])
def test_what_cannot_be_gone_on_with_starts_anew(fetch, files, tmp_path, kind):
    files.faults = [("cut", 6 * BLOCK), 503, 503, 503, 503]
    files.weak_etag = kind == "weak etag"
    files.has_version = kind != "no version"
    with pytest.raises(DownloadError):
        fetch()
    files.faults = ["wrong range"] if kind == "wrong range" else []
    files.has_ranges = kind != "no ranges"
    if kind == "changed":
        files.content = CONTENT[::-1]
    assert fetch().path.read_bytes() == files.content
    if kind == "weak etag":  # then the date says that it is the same file
        assert files.asked[-1]["If-Range"].startswith("Mon, 01 Jun")


def test_a_part_that_is_the_whole_file_is_taken(fetch, files, tmp_path):
    files.faults = [("cut", 6 * BLOCK), 503, 503, 503, 503]
    with pytest.raises(DownloadError):
        fetch()
    (tmp_path / "in" / "file.tif.part").write_bytes(CONTENT)
    assert fetch(sha256=DIGEST).path.read_bytes() == CONTENT


def test_redirects_are_followed(fetch, files):
    assert fetch(url=f"{files.root}/moved/file.tif").url == files.url


@pytest.mark.parametrize(
    ("status", "words"),
    [(401, "wants an account"), (403, "wants an account"), (404, "may have moved")],
)
def test_a_refusal_says_what_to_do_and_is_not_repeated(fetch, files, status, words):
    files.faults = [status, status]
    with pytest.raises(DownloadError, match=words):
        fetch()
    assert len(files.asked) == 1


def test_a_login_page_is_no_file(fetch, files):
    files.kind = "text/html; charset=utf-8"
    with pytest.raises(DownloadError, match="web page, not a file"):
        fetch()


def test_a_busy_server_is_asked_after_the_wait_it_names(fetch, files, pauses):
    files.faults = [503]
    fetch()
    assert pauses == [2.0]


@pytest.mark.parametrize("wrong", [{"sha256": "0" * 64}, {"n_bytes": 5}])
def test_another_file_than_expected_is_thrown_away(fetch, tmp_path, wrong):
    with pytest.raises(ChecksumError, match="expected"):
        fetch(**wrong)
    assert names(tmp_path) == ["file.tif.lock"]


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("", r"127\.0\.0\.1:9.*nothing answers there \(connection refused\)"),
        ("/loop", "from one address to another without end"),
        ("/local", "an address that is none of the web"),
    ],
)
def test_what_cannot_get_better_is_not_asked_for_again(fetch, files, pauses, path, words):
    with pytest.raises(DownloadError, match=words):
        fetch(url=files.root + path if path else "http://127.0.0.1:9/file.tif")
    assert pauses == []


def test_a_folder_that_cannot_be_written_is_named(files, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataSourceError, match="cannot be written"):
        download_file(Server(url=files.url), tmp_path / "file" / "x.tif")
