"""The methods register names every public method, and nothing that is not there."""

import importlib
import pkgutil
import re

import pytest

import models

UNLISTED = {  # guards, types and loops, no method
    "models.arrays",
    "models.nkde_paths",
    "models.nkde_walks",
}


@pytest.fixture(scope="module")
def register(root):
    return (root / "docs" / "methods.md").read_text(encoding="utf-8")


def test_every_method_of_models_is_in_the_register(register):
    for module in pkgutil.iter_modules(models.__path__, "models."):
        if module.name in UNLISTED:
            continue
        for name in importlib.import_module(module.name).__all__:
            is_function = re.match(
                r"(compute|estimate|evaluate|grow|scan|adjust|match|find|is)", name
            )
            if is_function:
                assert f"`{module.name}.{name}`" in register, f"{module.name}.{name}"


def test_the_register_names_only_what_exists(register):
    named = set(re.findall(r"`((?:geo|models|reports)\.\w+)\.(\w+)`", register))
    assert len(named) > 25
    for module, name in named:
        assert hasattr(importlib.import_module(module), name), f"{module}.{name}"


def test_every_entry_has_plain_words_and_limits_or_method(register):
    for entry in re.split(r"\n### ", register)[1:]:
        title = entry.splitlines()[0]
        assert "**In plain words**" in entry, title
        assert "**Function**" in entry, title
        assert "**Formula**" in entry or "**Method**" in entry, title
