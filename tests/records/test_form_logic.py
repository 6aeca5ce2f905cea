"""What a form does while it is filled in, by the engine of ODK Collect itself."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from records.form_workbook import write_workbook
from records.forms import FORM_KINDS, build_form

xls2xform = pytest.importorskip("pyxform.xls2xform", reason="pyxform is not installed")
validators = pytest.importorskip("pyxform.validators", reason="pyxform is not installed")

JAR = Path(validators.__file__).parent / "odk_validate" / "bin" / "ODK_Validate.jar"
DRIVER = Path(__file__).parent / "FormDriver.java"
OK, REFUSED = "OK", "CONSTRAINT_VIOLATED"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("javac") is None, reason="no Java to run ODK's engine with"),
]


def convert(kind: str, *, validate: bool = False) -> str:
    content = write_workbook(build_form(kind, version="20261122", factories={"F1": "One"}))
    warnings: list[str] = []
    form = xls2xform.convert(content, warnings=warnings, validate=validate, file_type=".xlsx")
    assert warnings == []
    return form.xform


@pytest.mark.parametrize("kind", FORM_KINDS)
def test_odk_validate_accepts_it(kind):
    convert(kind, validate=True)


@pytest.fixture
def fill(tmp_path):
    """Fill in a form: (line, what must come of it) one after the other."""

    def fill_in(kind: str, *script: tuple[str, str]) -> None:
        path = tmp_path / "form.xml"
        path.write_text(convert(kind), encoding="utf-8")
        ended = subprocess.run(
            ["java", "-cp", str(JAR), str(DRIVER), str(path)],
            input="\n".join(line for line, _ in script) + "\n",
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        said = [line[2:] for line in ended.stdout.splitlines() if line.startswith("= ")]
        assert list(zip([line for line, _ in script], said, strict=False)) == list(script), (
            ended.stderr[-2000:]
        )

    return fill_in


def test_a_crash(fill):
    event, people, person = "/data/event", "/data/hurt/n_people", "/data/casualties"
    fill(
        "crash",
        # nobody is hurt: nobody is asked about, and the numbers are known
        (f"set {event}/severity damage_only", OK),
        ("shown /data/hurt", "false"),
        ("get /data/n_killed", "0"),
        ("get /data/n_slight", "0"),
        # not known how many: no numbers
        ("new", ""),
        ("get /data/n_killed", ""),
        (f"set {event}/severity fatal", OK),
        ("get /data/n_killed", ""),
        ("shown /data/check_worst", "false"),
        # the numbers are the sums over the people
        (f"set {people} 0", REFUSED),
        (f"set {people} -1", REFUSED),
        (f"set {people} 101", REFUSED),
        (f"set {people} 3", OK),
        (f"set {person}[1]/injury slight", OK),
        (f"set {person}[2]/injury serious", OK),
        ("shown /data/check_worst", "true"),
        (f"set {person}[3]/injury fatal", OK),
        ("shown /data/check_worst", "false"),
        ("get /data/n_killed", "1"),
        ("get /data/n_serious", "1"),
        ("get /data/n_slight", "1"),
        (f"set {person}[3]/injury uninjured", OK),
        ("get /data/n_killed", "0"),
        ("shown /data/check_worst", "true"),
        # nobody is hurt worse than the worst
        ("new", ""),
        (f"set {event}/severity slight", OK),
        (f"set {people} 1", OK),
        (f"set {person}[1]/injury serious", REFUSED),
        (f"set {person}[1]/injury fatal", REFUSED),
        (f"set {person}[1]/injury slight", OK),
        # a helmet is asked of those on two wheels, a factory of workers
        (f"shown {person}[1]/helmet", "false"),
        (f"set {person}[1]/road_user motorcycle_passenger", OK),
        (f"shown {person}[1]/helmet", "true"),
        (f"shown {person}[1]/factory_id", "false"),
        (f"set {person}[1]/is_worker yes", OK),
        (f"shown {person}[1]/factory_id", "true"),
        ("shown /data/work/factory_id", "false"),
        ("set /data/work/is_worker_commute yes", OK),
        ("shown /data/work/factory_id", "true"),
        # vehicles, as many as there were
        ("set /data/involved/n_vehicles 21", REFUSED),
        ("set /data/involved/n_vehicles 2", OK),
        ("set /data/vehicles[2]/type bus", OK),
        ("set /data/vehicles[2]/seats 101", REFUSED),
        ("set /data/vehicles[2]/seats -1", REFUSED),
        ("set /data/vehicles[2]/seats 45", OK),
        # not in the future
        (f"time {event}/occurred_at 2999-01-01T07:45:00", REFUSED),
        (f"time {event}/occurred_at 2024-01-01T07:45:00", OK),
    )


def test_a_vehicle(fill):
    fill(
        "vehicle",
        ("set /data/what/riders 40", OK),
        ("shown /data/what/check_riders", "false"),  # seats are not known
        ("set /data/what/seats 30", OK),
        ("shown /data/what/check_riders", "true"),
        ("set /data/what/seats 40", OK),
        ("shown /data/what/check_riders", "false"),
        ("set /data/what/riders 201", REFUSED),
    )


def test_an_observation(fill):
    seen = "/data/seen"
    fill(
        "observation",
        (f"shown {seen}/n_yes", "false"),
        (f"set {seen}/type helmet", OK),
        (f"shown {seen}/answer", "false"),
        (f"shown {seen}/road_user", "true"),
        (f"set {seen}/n_observed 50", OK),
        (f"shown {seen}/n_yes", "true"),
        (f"set {seen}/n_yes 51", REFUSED),
        (f"set {seen}/n_yes 50", OK),
        (f"set {seen}/type policy_item", OK),
        (f"shown {seen}/n_observed", "false"),
        (f"shown {seen}/answer", "true"),
        ("time /data/event/observed_at 2999-01-01T07:45:00", REFUSED),
    )


def test_an_activity(fill):
    who = "/data/who"
    fill(
        "activity",
        (f"set {who}/n_participants 12", OK),  # nobody counted women and men
        (f"set {who}/n_female 10", OK),
        (f"set {who}/n_participants 9", REFUSED),
        (f"set {who}/n_male 5", OK),
        (f"set {who}/n_participants 14", REFUSED),
        (f"set {who}/n_participants 15", OK),
        ("day /data/event/held_on 2999-01-01", REFUSED),
        ("day /data/event/held_on 2024-01-01", OK),
    )
