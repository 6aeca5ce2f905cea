from __future__ import annotations

import textwrap

import pytest
import yaml

from core.errors import ConfigError
from core.settings import Settings, load_settings


def test_default_yaml_says_the_same_as_the_code(root):
    text = (root / "config" / "default.yaml").read_text(encoding="utf-8")
    assert load_settings(root / "config" / "default.yaml") == Settings()
    assert set(yaml.safe_load(text)) == set(Settings.model_fields)
    for name, field in Settings.model_fields.items():
        comment = "\n".join("# " + line for line in textwrap.wrap(field.description, 92))
        assert comment in text, f"{name}: the comment differs from its description"


def test_an_unknown_key_is_refused_by_name(tmp_path):
    path = tmp_path / "settings.yaml"
    path.write_text("lixel_lenght_m: 20\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="lixel_lenght_m"):
        load_settings(path)


@pytest.mark.parametrize("text", ["- a list\n", "seed: [", "lixel_length_m: -1\n"])
def test_what_is_not_settings_is_refused_with_the_file_named(tmp_path, text):
    path = tmp_path / "settings.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"settings\.yaml"):
        load_settings(path)


def test_settings_cannot_change():
    with pytest.raises(ValueError, match="frozen"):
        Settings().seed = 1
