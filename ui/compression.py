"""Send the app's own scripts compressed: Streamlit serves them plain, 3 MB for the map alone."""

from __future__ import annotations

import gzip
import mimetypes
from functools import lru_cache
from pathlib import Path, PurePosixPath

import streamlit
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["CompressedStatic", "compress_static_file"]

STATIC_ROOT = Path(streamlit.__file__).resolve().parent / "static"
COMPRESSED_SUFFIXES = {".js", ".css", ".json", ".svg", ".wasm", ".ttf"}
KEEP_FOR_A_YEAR = "public, max-age=31536000, immutable"


class CompressedStatic:
    """Answer `/static/...` with gzip when the browser takes it; pass all else on.

    The names of these files carry a digest of their content, so browsers may keep them.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http" and scope["method"] == "GET":
            path = str(scope["path"])
            takes_gzip = "gzip" in Headers(scope=scope).get("accept-encoding", "")
            content = compress_static_file(path) if takes_gzip else None
            if content is not None:
                kind = mimetypes.guess_type(path)[0] or "application/octet-stream"
                headers = {
                    "content-encoding": "gzip",
                    "cache-control": KEEP_FOR_A_YEAR,
                    "vary": "Accept-Encoding",
                }
                await Response(content, media_type=kind, headers=headers)(scope, receive, send)
                return
        await self.app(scope, receive, send)


@lru_cache(maxsize=512)
def compress_static_file(path: str) -> bytes | None:
    """Return a file of Streamlit's front end as gzip, or None when it is not one.

    Parameters
    ----------
    path
        Path of the address, such as `/static/js/index.js`; it never leads out of the folder.
    """
    parts = PurePosixPath(path)
    if not path.startswith("/static/") or parts.suffix not in COMPRESSED_SUFFIXES:
        return None
    file = (STATIC_ROOT / path.lstrip("/")).resolve()
    if not file.is_relative_to(STATIC_ROOT / "static") or not file.is_file():
        return None
    return gzip.compress(file.read_bytes(), 6, mtime=0)
