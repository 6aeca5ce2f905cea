"""Documents that name what does not exist, or leave out what does, fail here."""

from __future__ import annotations

import re

import click
import pandas as pd
import pytest

from core import vocabulary
from pipeline.cli import SUMMARIES, cli


def walk(command, path="safecommute"):
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            yield from walk(command.get_command(context, name), f"{path} {name}")
    else:
        yield path


@pytest.mark.parametrize("path", list(walk(cli)))
def test_every_command_is_documented(root, path):
    assert path in (root / "docs" / "command-line.md").read_text(encoding="utf-8")


def test_no_documented_command_is_missing(root):
    known = set(walk(cli))
    for page in [root / "README.md", *(root / "docs").rglob("*.md")]:
        text = page.read_text(encoding="utf-8")
        for found in re.findall(
            r"safecommute (?:--settings \S+\s+)?((?:[a-z-]+)(?: [a-z-]+)?)", text
        ):
            words = found.split()
            candidates = {f"safecommute {words[0]}", f"safecommute {' '.join(words)}"}
            is_prose = (
                words[0] in {"finds", "is", "needs", "run"} and page.name != "command-line.md"
            )
            assert candidates & known or is_prose, f"{page.name}: safecommute {found}"


def test_the_overview_of_commands_says_what_each_says_of_itself():
    context = click.Context(cli)
    for name, summary in SUMMARIES.items():
        help_text = cli.get_command(context, name).help
        assert help_text.split()[0] == summary.split()[0], name
    assert set(SUMMARIES) == set(cli.list_commands(context))


def test_no_document_calls_a_crash_an_accident(root):
    pages = [*root.glob("*.md"), *(root / "docs").rglob("*.md")]
    for page in pages:
        text = page.read_text(encoding="utf-8").lower()
        text = text.replace("never called an accident", "").replace("never accident", "")
        assert not re.search(r"\baccidents?\b", text), page.name


def test_the_dictionary_describes_each_column_once(root):
    dictionary = pd.read_csv(root / "data" / "dictionary.csv", keep_default_na=False)
    assert dictionary["column"].is_unique
    assert dictionary["meaning"].str.len().min() > 5


def test_the_vocabulary_is_lower_case_text():
    for name in vocabulary.__all__:
        if name != "LocationQuality":
            assert all(word.value == word.value.lower() for word in getattr(vocabulary, name))


def test_every_page_of_the_documentation_is_in_the_menu(root):
    menu = (root / "mkdocs.yml").read_text(encoding="utf-8")
    for page in (root / "docs").rglob("*.md"):
        assert page.relative_to(root / "docs").as_posix() in menu, page.name
