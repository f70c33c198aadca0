"""Jobs as JSON: what is written is read back, and what can't be read is said."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from ptychogui.errors import DataError, ParameterError
from ptychogui.io.simulated import write_scan
from ptychogui.jobs.job import Job
from ptychogui.jobs.job_values import plan_job
from ptychogui.params.model import Parameters
from ptychogui.params.origins import Origin, Source
from ptychogui.physics.simulation import simulate
from ptychogui.queue.store.job_text import JobText, from_text, to_text
from tests.cli.runs import SMALL
from tests.params.strategies import parameters


def _stored(job: Job) -> JobText:
    return from_text(to_text(JobText.of(job, {"ptychogui": "1.2"})))


@given(values=parameters(), name=st.binary(min_size=1).filter(lambda name: b"\0" not in name))
def test_any_job_is_read_as_it_was_written(values: Parameters, name: bytes) -> None:
    source, output = Path(os.fsdecode(b"/scans/" + name)), Path(os.fsdecode(b"/results/" + name))
    origins = {"experiment.energy_eV": Origin(Source.FILE, "scan: /energy"), "output.job_id": Origin(Source.USER, "-o")}
    job = Job("1f", source, values, output, origins, "ptychogui queue add")
    found = _stored(job).job
    told = {path: origin for path, origin in found.origins.items() if origin.source is not Source.DEFAULT}
    assert replace(found, origins=job.origins) == job and told == dict(origins)


def test_it_tells_what_the_scan_was_and_notices_that_it_is_another(tmp_path: Path) -> None:
    scan = tmp_path / "scan.cxi"
    write_scan(scan, simulate(SMALL))
    stored = _stored(plan_job(scan, {}, tmp_path / "result.cxi"))
    assert (
        stored.facts["format"] == "CXI" and stored.facts["frames"] == [16, 32, 32] and stored.facts["positions"] == 16
    )
    assert stored.facts["values"]["experiment.energy_eV"][1].endswith("energy")
    assert stored.versions == {"ptychogui": "1.2"}
    assert [Path(file.path) for file in stored.files] == [scan] and stored.changed_files() == ()
    scan.write_bytes(b"another")
    assert stored.changed_files() == (str(scan),)
    scan.unlink()
    assert stored.changed_files() == (str(scan),)


def test_a_scan_in_memory_is_refused() -> None:
    with pytest.raises(ParameterError, match="write it to a file first"):
        JobText.of(Job("1", None, Parameters(), Path("result.cxi"), in_memory=True), {})


@pytest.mark.parametrize("text", ["", "{", "[]", "7", "{}", '{"schema": 1}'])
def test_what_is_no_job_is_said(text: str) -> None:
    with pytest.raises(DataError, match="can't be read"):
        from_text(text)


def test_a_job_of_a_later_version_is_said() -> None:
    tree = json.loads(to_text(JobText(Job("1", None, Parameters(), Path("result.cxi")))))
    with pytest.raises(DataError, match="schema version 2"):
        from_text(json.dumps({**tree, "schema": 2}))
