"""Public data that can be fetched: what each is, whose, under which licence, from where."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import yaml

from core.errors import ChecksumError, ConfigError, DataSourceError, DownloadError, MissingDataError
from core.progress import Progress, no_progress
from core.provenance import compute_file_sha256, utc_now_text
from geo.file_kinds import find_kind_problem
from geo.polite_http import Server
from geo.resumed_download import download_file

__all__ = ["RASTER_ROLES", "Fetched", "Manifest", "fetch_source", "find_manifest", "load_manifests"]

RASTER_ROLES: Final[Mapping[str, str]] = {
    "relief": "m",
    "night_lights": "nW/cm2/sr",
    "population": "people per pixel",
    "population_density": "people per km2",
}
ROLES: Final[Mapping[str, str]] = {"roads": "", **RASTER_ROLES}
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """One file that can be fetched.

    Attributes
    ----------
    name
        What it is called on the command line.
    title, what
        Its own title, and in plain words what it holds.
    publisher, licence, citation, homepage
        Whose it is, what may be done with it, and how to name it.
    role, unit
        What an area uses it for, and what its values are in; each role has one unit, so
        that people per pixel are never taken for people per km2.
    file_name
        What the file is called once it is here.
    url
        Where it is fetched from; None where only a person with an account can.
    needs_account, instructions
        Whether that is so, and what the person does.
    sha256, n_bytes
        What the file must be; None where its publisher changes it or does not say. Then
        the checksum of what came is recorded beside it.
    """

    name: str
    title: str
    what: str
    publisher: str
    licence: str
    citation: str
    homepage: str
    role: str
    unit: str
    file_name: str
    url: str | None
    needs_account: bool
    instructions: str
    sha256: str | None
    n_bytes: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A file that is here, and whether it was here before."""

    path: Path
    sha256: str
    n_bytes: int
    is_cached: bool


def load_manifests(
    folders: Iterable[Path],
) -> tuple[dict[str, Manifest], dict[str, ConfigError]]:
    """Read all manifests (`NAME.yaml`); one in a later folder replaces its namesake.

    Returns
    -------
    manifests, refused
        By name; of those that are not as they must be, the error, which names the file
        and the field. One that is refused hides its namesake of an earlier folder.
    """
    manifests: dict[str, Manifest] = {}
    refused: dict[str, ConfigError] = {}
    for path in (path for folder in folders for path in sorted(folder.glob("*.yaml"))):
        manifests.pop(path.stem, None)
        refused.pop(path.stem, None)
        try:
            manifests[path.stem] = _read_manifest(path)
        except ConfigError as error:
            refused[path.stem] = error
    return manifests, refused


def find_manifest(
    manifests: Mapping[str, Manifest], name: str, refused: Mapping[str, ConfigError] | None = None
) -> Manifest:
    """Return the manifest of that name.

    Raises
    ------
    MissingDataError
        If there is none; the message lists what there is.
    ConfigError
        If it was refused.
    """
    if refused and name in refused:
        raise refused[name]
    if name not in manifests:
        hint = "type `safecommute fetch list`."
        raise MissingDataError.no_such("source", name, sorted(manifests), hint)
    return manifests[name]


def fetch_source(
    manifest: Manifest,
    folder: Path,
    *,
    patience: Mapping[str, Any] | None = None,
    progress: Progress = no_progress,
) -> Fetched:
    """Fetch a file once; what is here is checked and not asked for again.

    Parameters
    ----------
    manifest
        Which file.
    folder
        Where it goes. Beside it `FILE.json` says where it came from, when, its checksum,
        licence and citation.
    patience
        Fields of `geo.polite_http.Server` other than the address.
    progress
        Called with the bytes that are there and their total.

    Raises
    ------
    DownloadError
        If an account is needed (the message says what to do), the server fails, or what
        came is not what the file's name says.
    ChecksumError
        If the file is not the one expected, or was changed since it was fetched.
    DataSourceError
        If a file of that name is there that did not come from here, or is not what its
        name says.
    """
    path = folder / manifest.file_name
    note = path.with_name(path.name + ".json")
    if path.is_file():
        return _accept(manifest, path, note)
    if manifest.url is None:
        instructions = " ".join(manifest.instructions.split())
        message = f"{manifest.name}: needs an account, so a person fetches it: {instructions}"
        raise DownloadError(message)
    server = Server(url=manifest.url, **(patience or {}))
    found = download_file(
        server,
        path,
        sha256=manifest.sha256,
        n_bytes=manifest.n_bytes,
        find_problem=lambda part: find_kind_problem(part, manifest.file_name),
        progress=progress,
    )
    known = {
        "source": manifest.name,
        "fetched_at": utc_now_text(),
        "url": manifest.url,
        "final_url": found.url,
        "sha256": found.sha256,
        "n_bytes": found.n_bytes,
        "etag": found.etag,
        "last_modified": found.last_modified,
        **{key: asdict(manifest)[key] for key in ("title", "licence", "citation", "role", "unit")},
    }
    note.write_text(json.dumps(known, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    return Fetched(path=path, sha256=found.sha256, n_bytes=found.n_bytes, is_cached=False)


def _accept(manifest: Manifest, path: Path, note: Path) -> Fetched:
    """Return the file that is here, if it is what was fetched."""
    digest, expected = compute_file_sha256(path), manifest.sha256
    try:
        known = json.loads(note.read_text(encoding="utf-8"))
        if known["source"] == manifest.name:
            expected = expected or str(known["sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        pass
    if expected is None:
        message = (
            f"{path}: is there already and did not come from here; move it away, or choose "
            "another folder with --to."
        )
        raise DataSourceError(message)
    if digest != expected.lower():
        message = (
            f"{path}: was changed since it was fetched, or is not whole (SHA-256 {digest[:16]}..., "
            f"expected {expected[:16].lower()}...); delete it and fetch it again."
        )
        raise ChecksumError(message)
    problem = "" if manifest.sha256 else find_kind_problem(path, manifest.file_name)
    if problem:  # kept by a version that did not look
        message = f"{path}: {problem}; delete it and fetch it again."
        raise DataSourceError(message)
    return Fetched(path=path, sha256=digest, n_bytes=path.stat().st_size, is_cached=True)


def _read_manifest(path: Path) -> Manifest:
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = str(error).splitlines()[0]
        message = f"{path}: manifest cannot be read: {reason}; mend the file."
        raise ConfigError(message) from error
    wanted = {field.name for field in fields(Manifest)}
    found = set(values) if isinstance(values, dict) else set()
    if found != wanted:
        missing, stray = sorted(wanted - found), sorted(map(str, found - wanted))
        message = (
            f"{path}: manifest lacks {', '.join(missing) or 'nothing'} and has "
            f"{', '.join(stray) or 'nothing'} that is not known; see data/sources."
        )
        raise ConfigError(message)
    problem = _find_problem(values, path.stem)
    if problem:
        message = f"{path}: {problem}; mend the manifest, as in data/sources."
        raise ConfigError(message)
    texts = {key: " ".join(item.split()) for key, item in values.items() if isinstance(item, str)}
    return Manifest(**{**values, **texts})


def _find_problem(values: Mapping[str, Any], stem: str) -> str:
    """Say what is wrong with the values of a manifest, "" when nothing is."""
    optional = {"url", "sha256", "n_bytes", "needs_account"}
    no_text = [key for key, value in values.items() if key not in optional and
               not isinstance(value, str)]  # fmt: skip
    url, digest, size = values["url"], values["sha256"], values["n_bytes"]
    role = values["role"]
    checks = [
        (bool(no_text), f"{', '.join(no_text)}: must be text"),
        (values["name"] != stem or not _NAME.fullmatch(stem), "name: must be the file's own"),
        (role not in ROLES, f"role: {role!r} is none of {', '.join(ROLES)}"),
        (
            role in ROLES and values["unit"] != ROLES[role],
            f"unit: {values['unit']!r}, but the unit of {role} is {ROLES.get(role, '')!r}",
        ),
        (not isinstance(values["needs_account"], bool), "needs_account: must be true or false"),
        (
            values["needs_account"] is (url is not None),
            "url: give one, or null and needs_account: true",
        ),
        (url is not None and not _is_web_address(url), f"url: {url!r} is no web address"),
        (url is None and not values["instructions"], "instructions: say what the person does"),
        (
            digest is not None and not (isinstance(digest, str) and _SHA256.fullmatch(digest)),
            "sha256: must be 64 hexadecimal digits or null",
        ),
        (size is not None and type(size) is not int, "n_bytes: must be a whole number or null"),
        (
            Path(str(values["file_name"])).name != values["file_name"] or not values["file_name"],
            "file_name: must be a plain name",
        ),
    ]
    return next((problem for is_wrong, problem in checks if is_wrong), "")


def _is_web_address(url: object) -> bool:
    if not isinstance(url, str):
        return False
    parts = urlsplit(url)
    return parts.scheme in {"http", "https"} and bool(parts.hostname)
