"""Large files from public servers: taken up where they broke off, and checked."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import requests
from filelock import FileLock

from core.errors import ChecksumError, DataSourceError, DownloadError
from core.progress import Progress, no_progress
from core.provenance import compute_file_sha256
from geo.polite_http import (
    BUSY_STATUS,
    USER_AGENT,
    BusyError,
    Server,
    read_retry_after,
    refuse_hopeless,
    try_again,
)

__all__ = ["Download", "download_file"]

logger = logging.getLogger(__name__)

_CHUNK_BYTES: Final = 1 << 16  # the most that a cut can lose
_ACCOUNT_STATUS: Final = frozenset({401, 403, 407})


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """A file that was fetched, and what the server said of it."""

    path: Path
    sha256: str
    n_bytes: int
    url: str  # where it came from in the end, after redirects
    etag: str
    last_modified: str


@dataclass(slots=True, kw_only=True)
class _Part:
    """The part of a file that is there, and the version of the file it belongs to."""

    path: Path
    url: str
    etag: str = ""
    last_modified: str = ""
    final_url: str = ""

    @property
    def note(self) -> Path:
        return self.path.with_name(self.path.name + ".json")

    @property
    def size(self) -> int:
        return self.path.stat().st_size if self.path.is_file() else 0

    @property
    def version(self) -> str:
        """What `If-Range` may name: a strong ETag, else the date of the last change."""
        strong = self.etag if self.etag and not self.etag.startswith("W/") else ""
        return strong or self.last_modified

    def load(self) -> None:
        """Take up what an earlier try left; forget it when it is of another address."""
        try:
            known = json.loads(self.note.read_text(encoding="utf-8"))
            same = known["url"] == self.url
            self.etag, self.last_modified = str(known["etag"]), str(known["last_modified"])
        except (OSError, ValueError, KeyError, TypeError):
            same = False
        if not (same and self.version):
            self.forget()

    def save(self, response: requests.Response) -> None:
        """Keep which version of the file is coming in."""
        self.etag = response.headers.get("ETag", "")
        self.last_modified = response.headers.get("Last-Modified", "")
        known = {"url": self.url, "etag": self.etag, "last_modified": self.last_modified}
        self.note.write_text(json.dumps(known), encoding="utf-8")

    def forget(self) -> None:
        self.path.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)
        self.etag = self.last_modified = ""


def download_file(
    server: Server,
    path: Path,
    *,
    sha256: str | None = None,
    n_bytes: int | None = None,
    find_problem: Callable[[Path], str] | None = None,
    progress: Progress = no_progress,
) -> Download:
    """Fetch a file, which appears whole and checked or not at all.

    What came in before the connection broke, or before the command was stopped, stays
    beside it as `NAME.part` and is not asked for again, if the server can go on from there
    and its file is still the same.

    Parameters
    ----------
    server
        Its `url` is that of the file.
    path
        Where the file goes; its folder is made. A file that is there is replaced.
    sha256, n_bytes
        What the file must be, where that is known.
    find_problem
        Says of the finished file why it cannot be the one that was asked for, else "".
    progress
        Called with the bytes that are there and their total (0: not known).

    Raises
    ------
    DownloadError
        If the server refuses, answers with a web page, or stays busy.
    ChecksumError
        If the file is not the one expected; it is thrown away. So is one with a problem
        (DownloadError).
    DataSourceError
        If the file cannot be written.
    """
    part = _Part(path=path.with_name(path.name + ".part"), url=server.url)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_name(path.name + ".lock")):
            part.load()
            _fetch_all(server, part, progress)
            digest = _check(part, sha256, n_bytes)
            _require_kind(part, find_problem)
            part.note.unlink(missing_ok=True)
            size = part.size
            part.path.replace(path)
    except DataSourceError:
        raise
    except OSError as error:
        message = (
            f"{path}: cannot be written: {error.strerror or error}; choose a folder that you may "
            "write to and that has room; what was fetched is kept."
        )
        raise DataSourceError(message) from error
    return Download(
        path=path,
        sha256=digest,
        n_bytes=size,
        url=part.final_url or server.url,
        etag=part.etag,
        last_modified=part.last_modified,
    )


def _fetch_all(server: Server, part: _Part, progress: Progress) -> None:
    """Ask until the file is whole, or patience ends without a single byte more."""
    while True:
        before = part.size
        try:
            try_again(server, lambda: _fetch_rest(server, part, progress))
        except DownloadError:
            if part.size <= before:
                raise
        else:
            return


def _fetch_rest(server: Server, part: _Part, progress: Progress) -> Path:
    """Ask for what is missing; `BusyError` when it is worth asking again."""
    headers = {"User-Agent": USER_AGENT, "Accept-Encoding": "identity"}
    if part.size and not part.version:  # whether it is still the same file cannot be told
        part.forget()
    start = part.size
    if start:
        headers |= {"Range": f"bytes={start}-", "If-Range": part.version}
    try:
        with requests.get(
            server.url, headers=headers, timeout=server.timeout_s, stream=True
        ) as response:
            part.final_url = response.url
            if response.status_code == 416:
                return _settle_end(part, response.headers)
            _require_file(server, response)
            is_rest = response.status_code == 206
            if is_rest and _read_start(response.headers) != start:
                part.forget()
                reason = "the server went on from another place than asked"
                raise BusyError(reason, 0.0)
            if not is_rest:
                if start:
                    logger.warning("%s: has changed, or cannot go on; starting anew", server.url)
                part.forget()
                part.save(response)
                start = 0
            total = _read_total(response, start)
            _append(part, response, total, progress)
    except requests.RequestException as error:
        refuse_hopeless(server, error)
        reason = f"the connection broke after {part.size} bytes ({type(error).__name__})"
        raise BusyError(reason) from error
    if total and part.size != total:
        if part.size > total:
            part.forget()
        reason = f"the connection broke after {part.size} of {total} bytes"
        raise BusyError(reason)
    return part.path


def _append(part: _Part, response: requests.Response, total: int, progress: Progress) -> None:
    n_bytes = part.size
    with part.path.open("ab") as file:
        progress(n_bytes, total, "fetching")
        for chunk in response.iter_content(_CHUNK_BYTES):
            file.write(chunk)
            n_bytes += len(chunk)
            progress(n_bytes, total, "fetching")


def _require_file(server: Server, response: requests.Response) -> None:
    """Refuse what is no file: an error, a login page."""
    status = response.status_code
    if status in BUSY_STATUS:
        reason = f"busy (HTTP {status})"
        raise BusyError(reason, read_retry_after(response.headers.get("Retry-After")))
    if status in _ACCOUNT_STATUS:
        message = (
            f"{server.url}: refused (HTTP {status}): the server wants an account or forbids it; "
            "fetch the file with a browser and give it to the command that needs it."
        )
        raise DownloadError(message)
    if status not in {200, 206}:
        message = (
            f"{server.url}: refused (HTTP {status}); the file may have moved: look for it at its "
            "publisher and correct the address in the manifest."
        )
        raise DownloadError(message)
    kind = response.headers.get("Content-Type", "")
    if kind.lower().startswith("text/html"):
        message = (
            f"{server.url}: answered with a web page, not a file (at {response.url}); it may ask "
            "for an account: fetch the file with a browser."
        )
        raise DownloadError(message)


def _settle_end(part: _Part, headers: Mapping[str, str]) -> Path:
    """After "range not satisfiable": the part is the whole file, or of no use."""
    found = re.fullmatch(r"bytes \*/(\d+)", headers.get("Content-Range", "").strip())
    if found and int(found[1]) == part.size:
        return part.path
    part.forget()
    reason = "the part that was there is of no use"
    raise BusyError(reason, 0.0)


def _read_start(headers: Mapping[str, str]) -> int | None:
    found = re.match(r"bytes (\d+)-", headers.get("Content-Range", "").strip())
    return int(found[1]) if found else None


def _read_total(response: requests.Response, start: int) -> int:
    """Return the size of the whole file, 0 when the server does not say."""
    length = response.headers.get("Content-Length", "")
    return start + int(length) if length.isdigit() else 0


def _require_kind(part: _Part, find_problem: Callable[[Path], str] | None) -> None:
    problem = find_problem(part.path) if find_problem is not None else ""
    if problem:
        part.forget()
        message = (
            f"{part.url}: what came {problem}; it was thrown away: open the address in a browser "
            "(it may ask for an account), and correct it in the manifest if the file has moved."
        )
        raise DownloadError(message)


def _check(part: _Part, sha256: str | None, n_bytes: int | None) -> str:
    """Return the checksum of the finished part when it is the file that was expected."""
    size, digest = part.size, compute_file_sha256(part.path)
    wrong = ""
    if n_bytes is not None and size != n_bytes:
        wrong = f"has {size} bytes, expected {n_bytes}"
    elif sha256 is not None and digest != sha256.lower():
        wrong = f"has SHA-256 {digest[:16]}..., expected {sha256[:16].lower()}..."
    if wrong:
        part.forget()
        message = (
            f"{part.url}: {wrong}; it was thrown away: fetch it again, and if it stays so, the "
            "publisher has changed it: compare with its page before you correct the manifest."
        )
        raise ChecksumError(message)
    return digest
