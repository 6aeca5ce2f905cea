"""An import that is killed at any moment, and the same import again: as if undisturbed.

`SAFECOMMUTE_KILLS` says how many times it is killed on each database system.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from records.database import Database
from records.intake import import_file

N_KILLS = int(os.environ.get("SAFECOMMUTE_KILLS", "2"))
N_ROWS = 20_000 if N_KILLS > 2 else 8_000
IMPORTER = """
import sys
from records import preparing
from records.database import Database
from records.intake import import_file

url, path, ahead_bytes = sys.argv[1:]
preparing.AHEAD_BYTES = int(ahead_bytes)
print("begins", flush=True)
with Database(url) as database:
    import_file(database, "crash", path, area="a")
print("done", flush=True)
"""


def write_crashes(path, *, severity, first):
    """Write crashes; some twice, some in both files with other severities."""
    rng = np.random.default_rng(first)
    lines = ["source_id,occurred_at,lon,lat,severity"]
    for i in range(first, first + N_ROWS):
        at = rng.integers(0, 4 * 365 * 24 * 60)
        moment = str(np.datetime64("2020-01-01T00:00") + np.timedelta64(int(at), "m"))
        lines.append(f"X{i},{moment},{104 + i * 1e-5:.5f},11.5,{severity}")
        if i % 97 == 0:
            lines.append(lines[-1])
    path.write_text("\n".join(lines))
    return path


def read_all(database):
    frame = database.read("crash", "a")
    return frame.drop(columns=["import_id"]).to_csv(index=False)


def run_importer(root, url, path, *, is_ahead):
    """Import in a process of its own, which reads in yet another one when `is_ahead`."""
    ahead_bytes = "0" if is_ahead else "1000000000"
    return subprocess.Popen(
        [sys.executable, "-c", IMPORTER, url, str(path), ahead_bytes],
        cwd=root,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(root)},
    )


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_killed_at_any_moment_and_done_again_is_as_undisturbed(root, tmp_path, database_url):
    before = write_crashes(tmp_path / "before.csv", severity="slight", first=0)
    path = write_crashes(tmp_path / "new.csv", severity="fatal", first=N_ROWS // 2)
    with Database(f"sqlite:///{tmp_path / 'undisturbed.sqlite'}") as database:
        import_file(database, "crash", before, area="a")
        import_file(database, "crash", path, area="a")
        undisturbed = read_all(database)
        digest = database.compute_digest("a")

    with Database(database_url) as database:
        import_file(database, "crash", before, area="a")
        untouched = database.compute_digest("a")
    whole = run_importer(root, f"sqlite:///{tmp_path / 'timing.sqlite'}", path, is_ahead=False)
    whole.stdout.readline()
    begun = time.monotonic()
    assert whole.communicate(timeout=300)[0] == "done\n"
    lasts = time.monotonic() - begun
    assert lasts < 120

    rng = np.random.default_rng(7)
    n_interrupted = 0
    for kill in range(N_KILLS):
        importer = run_importer(root, database_url, path, is_ahead=kill % 2 == 1)
        importer.stdout.readline()
        time.sleep(rng.uniform(0, 1.1 * lasts))
        importer.send_signal(signal.SIGKILL)
        finished = importer.communicate()[0] == "done\n"
        with Database(database_url) as database:
            now = database.compute_digest("a")
            assert now in {untouched, digest}
            assert now == digest or not finished
        n_interrupted += now == untouched
        if now == digest:
            break_even(database_url, before)
    assert n_interrupted > 0, "no kill came in time; nothing was tried"
    with Database(database_url) as database:
        import_file(database, "crash", path, area="a")
        assert database.compute_digest("a") == digest
        assert read_all(database) == undisturbed


def break_even(url, before):
    """Bring the records back to where they were, for the next kill."""
    with Database(url) as database, database.writing() as connection:
        for table in ("audit_log", "crash", "import_batch"):
            connection.exec_driver_sql(f"DELETE FROM {table}")
    with Database(url) as database:
        import_file(database, "crash", before, area="a")
