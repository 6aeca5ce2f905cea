"""Mappings that people corrected and kept for next month's file, beside the ready ones."""

from __future__ import annotations

import re
from pathlib import Path

from core.errors import ConfigError, InputError
from pipeline.workspace import Workspace
from records.mapping import Mapping, list_ready_mappings, load_mapping
from records.proposal import dump_mapping

__all__ = ["find_mapping", "keep_mapping", "list_mappings"]

NAME_PATTERN = re.compile(r"[a-z0-9][a-z0-9_-]{0,60}")


def list_mappings(workspace: Workspace, kind: str) -> list[str]:
    """Return the names of the mappings for a kind: those kept here, then the ready ones."""
    kept = sorted(path.stem for path in _folder(workspace).glob("*.yaml"))
    names = [*kept, *(name for name in list_ready_mappings() if name not in kept)]
    return [name for name in names if find_mapping(workspace, name).find_table(kind) is not None]


def find_mapping(workspace: Workspace, name: str, kind: str = "") -> Mapping:
    """Return a mapping: one kept in the workspace, else a file or a ready one.

    `kind` is what a mapping describes that names no kind itself, if it can.

    Raises
    ------
    ConfigError
        If there is none, or it cannot be read.
    """
    kept = _folder(workspace) / f"{name}.yaml"
    is_kept = NAME_PATTERN.fullmatch(name) is not None and kept.is_file()
    return load_mapping(kept if is_kept else name, kind=kind)


def keep_mapping(workspace: Workspace, name: str, mapping: Mapping) -> Path:
    """Keep a mapping under a name; one kept under that name before is replaced.

    Raises
    ------
    InputError
        If the name is no plain word, or a ready mapping has it.
    ConfigError
        If it cannot be written.
    """
    if not NAME_PATTERN.fullmatch(name):
        message = f"mapping name {name!r}: use small letters, digits, '_' and '-'."
        raise InputError(message)
    if name in list_ready_mappings():
        message = f"mapping name {name!r}: a mapping that comes with the software has it."
        raise InputError(message)
    path = _folder(workspace) / f"{name}.yaml"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_suffix(".new")
        new.write_text(dump_mapping(mapping), encoding="utf-8")
        new.replace(path)
    except OSError as error:
        message = f"{path}: cannot be written: {error.strerror or error}; check the folder."
        raise ConfigError(message) from error
    return path


def _folder(workspace: Workspace) -> Path:
    return workspace.home / "mappings"
