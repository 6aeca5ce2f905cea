"""Asking public services as they wish to be asked: slowly, by name, and again later."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Final

import requests
from requests.exceptions import InvalidSchema, InvalidURL, MissingSchema

from core.errors import DownloadError

__all__ = [
    "BUSY_STATUS",
    "USER_AGENT",
    "BusyError",
    "Server",
    "download",
    "read_retry_after",
    "refuse_hopeless",
    "try_again",
]

logger = logging.getLogger(__name__)

BUSY_STATUS: Final = frozenset({429, 500, 502, 503, 504})
USER_AGENT = "safecommute (road safety analysis)"
_CHUNK_BYTES = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """How patiently a server is asked."""

    url: str
    timeout_s: float = 180.0  # for one answer to begin
    max_tries: int = 6
    first_wait_s: float = 5.0  # doubled after every try, unless the server says how long
    max_wait_s: float = 600.0
    pause: Callable[[float], None] = time.sleep


class BusyError(Exception):
    """The server asks for patience, or the connection broke: worth another try."""

    def __init__(self, reason: str, wait_s: float | None = None) -> None:
        super().__init__(reason)
        self.wait_s = wait_s


def download(
    server: Server,
    path: Path,
    *,
    data: Mapping[str, str] | None = None,
    params: Mapping[str, str] | None = None,
    check: Callable[[Path], None],
) -> Path:
    """Fetch one answer into a file, which appears whole or not at all.

    Parameters
    ----------
    server
        Whom to ask.
    path
        Where the answer goes; while it comes in it is `path` with `.part` added.
    data, params
        Form fields to post; or else query parameters to get.
    check
        Called with the finished part; raises `BusyError` if the answer is not complete.

    Raises
    ------
    DownloadError
        If the server refuses, or is still busy after the last try.
    """
    part = path.with_name(path.name + ".part")

    def ask() -> Path:
        try:
            _receive(server, part, data, params)
            check(part)
        except requests.RequestException as error:
            refuse_hopeless(server, error)
            reason = f"the connection broke ({type(error).__name__})"
            raise BusyError(reason) from error
        else:
            return part.replace(path)
        finally:
            part.unlink(missing_ok=True)  # the half of an answer is of no use

    return try_again(server, ask)


def try_again(server: Server, ask: Callable[[], Path]) -> Path:
    """Ask until there is an answer, waiting as long as the server says in between."""
    wait_s = server.first_wait_s
    for number in range(1, server.max_tries + 1):
        try:
            return ask()
        except BusyError as error:
            pause_s = wait_s if error.wait_s is None else error.wait_s
            if number == server.max_tries or pause_s > server.max_wait_s:
                message = (
                    f"{server.url}: {error} (try {number} of {server.max_tries}, asks to wait "
                    f"{pause_s:.0f} s); run the same command later, what was fetched is kept."
                )
                raise DownloadError(message) from error
            logger.warning("%s: %s; next try in %.0f s", server.url, error, pause_s)
            server.pause(pause_s)
            wait_s = min(2 * wait_s, server.max_wait_s)
    message = f"{server.url}: max_tries is {server.max_tries}; give 1 or more."
    raise DownloadError(message)


def _receive(
    server: Server,
    part: Path,
    data: Mapping[str, str] | None,
    params: Mapping[str, str] | None,
) -> None:
    method = "GET" if data is None else "POST"
    with requests.request(
        method,
        server.url,
        data=data,
        params=params,
        headers={"User-Agent": USER_AGENT, "Accept-Encoding": "gzip"},
        timeout=server.timeout_s,
        stream=True,
    ) as response:
        if response.status_code in BUSY_STATUS:
            wait_s = read_retry_after(response.headers.get("Retry-After"))
            if wait_s is None and response.status_code == 429:
                wait_s = _ask_status(server)
            reason = f"busy (HTTP {response.status_code})"
            raise BusyError(reason, wait_s)
        if response.status_code != 200:
            said = re.sub(r"<[^>]+>|\s+", " ", response.text)[:300].strip()
            message = (
                f"{server.url}: refused (HTTP {response.status_code}): {said}; "
                "check the address and the area."
            )
            raise DownloadError(message)
        with part.open("wb") as file:
            for chunk in response.iter_content(_CHUNK_BYTES):
                file.write(chunk)


def refuse_hopeless(server: Server, error: requests.RequestException) -> None:
    """Raise where asking again cannot help: nobody listens, redirects that lead nowhere.

    Raises
    ------
    DownloadError
        With what to do.
    """
    if isinstance(error, requests.TooManyRedirects):
        reason = "sends from one address to another without end"
    elif isinstance(error, (InvalidSchema, InvalidURL, MissingSchema)):
        reason = f"sends to an address that is none of the web ({str(error)[:120]})"
    elif _is_refused(error):
        reason = "nothing answers there (connection refused)"
    else:
        return
    message = f"{server.url}: {reason}; check the address, and the proxy if there is one."
    raise DownloadError(message) from error


def _is_refused(error: BaseException | None) -> bool:
    """Tell whether a refused connection is among the causes of an error."""
    seen = 0
    while error is not None and seen < 10:
        if isinstance(error, ConnectionRefusedError):
            return True
        inner = error.args[0] if error.args else None
        inner = getattr(inner, "reason", inner)  # urllib3 wraps what happened
        below = inner if isinstance(inner, BaseException) else None
        error, seen = error.__cause__ or error.__context__ or below, seen + 1
    return False


def read_retry_after(text: str | None) -> float | None:
    """Read a Retry-After header: seconds, or a date."""
    if text is None:
        return None
    if text.strip().isdigit():
        return float(text)
    try:
        when = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max((when - datetime.now(tz=UTC)).total_seconds(), 0.0)


def _ask_status(server: Server) -> float | None:
    """Ask Overpass when the next slot is free; null when it does not say."""
    if "/interpreter" not in server.url:
        return None
    url = server.url.replace("/interpreter", "/status")
    try:
        text = requests.get(url, headers={"User-Agent": USER_AGENT}, timeout=30).text
    except requests.RequestException:
        return None
    if re.search(r"\d+ slots? available now", text):
        return 1.0
    waits = [float(seconds) for seconds in re.findall(r"in (-?\d+) seconds", text)]
    return max(min(waits), 1.0) if waits else None
