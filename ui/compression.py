"""Send the app's own scripts compressed: Streamlit serves them plain, 3 MB for the map alone."""

from __future__ import annotations

import gzip
import mimetypes
from functools import lru_cache
from pathlib import Path, PurePosixPath

import pyarrow as pa
import streamlit
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["CompressedStatic", "choose_encoding", "read_static_file"]

STATIC_ROOT = Path(streamlit.__file__).resolve().parent / "static"
ICON_FOLDER = Path(__file__).resolve().parent / "icons"
COMPRESSED_SUFFIXES = {".js", ".css", ".json", ".svg", ".wasm", ".ttf"}
KEEP_FOR_A_YEAR = "public, max-age=31536000, immutable"
BROTLI_LEVEL = 9


class CompressedStatic:
    """Answer `/static/...` compressed when the browser takes it; pass all else on.

    The names of these files carry a digest of their content, so browsers may keep them.
    The icon font is sent with the icons that the app can show only (see `ui/icons`).
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http" and scope["method"] == "GET":
            path = str(scope["path"])
            encoding = choose_encoding(Headers(scope=scope).get("accept-encoding", ""))
            content = read_static_file(path, encoding)
            if content is not None:
                kind = mimetypes.guess_type(path)[0] or "application/octet-stream"
                headers = {"cache-control": KEEP_FOR_A_YEAR, "vary": "Accept-Encoding"}
                if PurePosixPath(path).suffix in COMPRESSED_SUFFIXES:
                    headers["content-encoding"] = encoding
                await Response(content, media_type=kind, headers=headers)(scope, receive, send)
                return
        await self.app(scope, receive, send)


def choose_encoding(accepted: str) -> str:
    """Return the best of `br` and `gzip` that an Accept-Encoding header allows, else ""."""
    words = {word.partition(";")[0].strip().lower() for word in accepted.split(",")}
    return next((encoding for encoding in ("br", "gzip") if encoding in words), "")


@lru_cache(maxsize=512)
def read_static_file(path: str, encoding: str) -> bytes | None:
    """Return what to send for a file of Streamlit's front end, or None to leave it alone.

    Parameters
    ----------
    path
        Path of the address, such as `/static/js/index.js`; it never leads out of the folder.
    encoding
        `br`, `gzip` or "".
    """
    name = PurePosixPath(path)
    if not path.startswith("/static/"):
        return None
    if path == f"/static/media/{name.name}" and name.suffix == ".woff2":
        icons = ICON_FOLDER / name.name
        return icons.read_bytes() if icons.is_file() else None
    if not encoding or name.suffix not in COMPRESSED_SUFFIXES:
        return None
    file = (STATIC_ROOT / path.lstrip("/")).resolve()
    if not file.is_relative_to(STATIC_ROOT / "static") or not file.is_file():
        return None
    content = file.read_bytes()
    if encoding == "br":
        codec = pa.Codec("brotli", compression_level=BROTLI_LEVEL)
        return bytes(codec.compress(content, asbytes=True))
    return gzip.compress(content, 6, mtime=0)
