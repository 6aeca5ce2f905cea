"""A Shapefile comes as several files, so people send it as one archive: unpack it."""

from __future__ import annotations

import zipfile
from pathlib import Path, PurePosixPath

from core.errors import DataSourceError, InputError

__all__ = ["unpack_shapefile"]

PARTS = frozenset({".shp", ".shx", ".dbf", ".prj", ".cpg"})
MAX_BYTES = 500_000_000


def unpack_shapefile(archive: Path) -> Path:
    """Unpack the one Shapefile of a ZIP archive beside it; return its `.shp`.

    Parameters
    ----------
    archive
        The archive. Folders within it and files of other kinds are left out.

    Raises
    ------
    DataSourceError
        If it is no ZIP archive, is damaged, or unpacks to more than 500 MB.
    InputError
        If it holds no Shapefile, or more than one.
    """
    try:
        with zipfile.ZipFile(archive) as packed:
            parts = {
                PurePosixPath(member.filename.replace("\\", "/")).name: member
                for member in packed.infolist()
                if PurePosixPath(member.filename.lower()).suffix in PARTS
            }
            if sum(member.file_size for member in parts.values()) > MAX_BYTES:
                message = f"{archive.name}: unpacks to more than 500 MB; send a smaller layer."
                raise DataSourceError(message)
            shapes = [name for name in parts if name.lower().endswith(".shp")]
            if len(shapes) != 1:
                message = (
                    f"{archive.name}: holds {len(shapes)} Shapefiles (.shp); put exactly one, with "
                    "its .shx, .dbf and .prj, into the archive."
                )
                raise InputError(message)
            for name, member in parts.items():
                (archive.parent / name).write_bytes(packed.read(member))
    except (OSError, zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:
        raise DataSourceError.unreadable(archive, f"not unpacked ({error})") from error
    return archive.parent / shapes[0]
