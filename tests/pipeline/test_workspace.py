from __future__ import annotations

import json

import pytest

from core.errors import ConfigError, InputError, MissingDataError
from pipeline.workspace import appearing_whole, open_workspace, read_json, require_key, write_json


@pytest.mark.parametrize("key", ["../x", "", "Kampong", "a/b", ".hidden", "a" * 41, "a b", "a\n"])
def test_a_key_that_could_leave_its_folder_is_refused(key):
    with pytest.raises(InputError, match="small letters"):
        require_key(key)


def test_a_home_that_is_a_file_is_a_clear_error(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(ConfigError, match="cannot be written"):
        open_workspace(tmp_path / "file" / "home")


def test_what_fails_half_way_leaves_nothing_behind(tmp_path):
    target = tmp_path / "runs" / "one"
    (tmp_path / "runs").mkdir()
    with pytest.raises(IsADirectoryError), appearing_whole(target) as partial:
        partial.write_text("a folder is no file")
    assert list((tmp_path / "runs").iterdir()) == []


def test_what_succeeds_appears_with_all_its_files(tmp_path):
    target = tmp_path / "runs" / "one"
    with appearing_whole(target) as partial:
        (partial / "a.txt").write_text("all")
        assert not target.exists()
    assert (target / "a.txt").read_text() == "all"
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["one"]


def test_json_that_cannot_be_written_leaves_the_old_file(tmp_path):
    path = tmp_path / "pointer.json"
    write_json(path, {"run_id": "one"})
    with pytest.raises(ValueError, match="Out of range"):
        write_json(path, {"run_id": float("nan")})
    assert json.loads(path.read_text()) == {"run_id": "one"}
    assert [found.name for found in tmp_path.iterdir()] == ["pointer.json"]


@pytest.mark.parametrize("text", ["", "[1]", "{"])
def test_a_damaged_file_of_the_workspace_is_named(tmp_path, text):
    path = tmp_path / "area.json"
    path.write_text(text)
    with pytest.raises(MissingDataError, match=r"area\.json"):
        read_json(path)


def test_two_commands_on_one_area_do_not_work_at_once(tmp_path):
    workspace = open_workspace(tmp_path)
    with workspace.locked("sample"):
        with pytest.raises(ConfigError, match="another command"), workspace.locked("sample"):
            pass
        with workspace.locked("other"):
            pass


def test_leftovers_of_an_interrupted_command_are_swept_away(tmp_path):
    workspace = open_workspace(tmp_path)
    left = workspace.runs_folder("sample") / ".partial-x"
    left.mkdir(parents=True)
    whole = workspace.runs_folder("sample") / "whole"
    whole.mkdir()
    with workspace.locked("sample"):
        assert not left.exists()
        assert whole.exists()
