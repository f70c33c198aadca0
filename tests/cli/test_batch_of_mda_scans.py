"""A night of fifty MDA scans, five of them broken in different ways: 45 results, five clear reports, one mail."""

from __future__ import annotations

import functools
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from ptychogui.cli import follow_batch
from ptychogui.io.mda.format import read_mda
from ptychogui.io.mda.mda_writer import write_mda
from ptychogui.io.mda.presets import list_presets
from ptychogui.io.mda.scan_writer import write_mda_scan
from ptychogui.jobs.job import Job
from ptychogui.physics.simulation import simulate
from ptychogui.queue.drain import Drain
from ptychogui.queue.store.batch import ended_untold
from ptychogui.queue.store.store import Store
from ptychogui.states import State
from tests.cli.runs import SMALL, run
from tests.notify.mail_server import MailServer, mail_server
from tests.queue.fakes import FakeProcess, Made

BROKEN = {
    "velo_0007.mda": "has no point that was measured",  # it is cut off
    "velo_0013.mda": "the file is empty",
    "velo_0021.mda": "no raw frames",
    "velo_0034.mda": "give --energy",
    "velo_0042.mda": "it is not an HDF5 file",  # the first raw file
}


def _check_mail(server: MailServer) -> None:
    (mail,) = server.mails
    assert mail["Subject"] == "[ptychogui] velo_0001 and 49 others: 45 of 50 done, 5 refused"
    text = mail.get_body(("plain",))
    assert text is not None
    for scan, said in BROKEN.items():
        assert any(f"{scan} refused: " in line and said in line for line in text.get_content().splitlines())
    assert len([*mail.iter_attachments()]) == 45


@pytest.fixture
def night(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PTYCHOGUI_HOME", str(tmp_path / "home"))
    named = next(named for named in list_presets()[0] if named.name == "velociprobe")
    simulated, raw = simulate(SMALL), {}
    for number in range(1, 51):
        scan = tmp_path / "mda" / f"velo_{number:04d}.mda"
        _, *raw[scan.name] = write_mda_scan(
            scan, named, simulated.counts, simulated.positions_m, SMALL.scan_dims, 8800.0
        )
    _break(tmp_path / "mda", raw)
    return tmp_path


def _break(folder: Path, raw: dict[str, list[Path]]) -> None:
    cut = folder / "velo_0007.mda"
    cut.write_bytes(cut.read_bytes()[:300])
    (folder / "velo_0013.mda").write_bytes(b"")
    shutil.rmtree(raw["velo_0021.mda"][0].parent)
    silent = read_mda(folder / "velo_0034.mda")
    write_mda(folder / "velo_0034.mda", replace(silent, pvs={}))
    for file in raw["velo_0042.mda"]:
        file.write_bytes(b"no HDF5")


class _Process(FakeProcess):
    """Writes each result at once: reconstructing fifty scans would take minutes, and is tested elsewhere."""

    def submit(self, job: Job) -> None:
        super().submit(job)
        self.finishes()


def test_fifty_scans_five_of_them_broken(night: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow_batch, "Drain", functools.partial(Drain, make_process=Made(_Process)))
    with mail_server() as server:
        run("mail", "--set", f"port={server.settings.port}")
        mail = ("--email", "user@example.org")
        outcome = run("batch", "mda", "-o", "results", "--distance", "1.92m", "--device", "numpy", *mail, status=1)
    _check_mail(server)
    results = [Path(line) for line in outcome.stdout.split()]
    assert len(results) == 45 and all(path.exists() for path in results)
    lines = outcome.stderr.splitlines()
    begun = next(place for place, line in enumerate(lines) if " begins on numpy" in line)
    for scan, said in BROKEN.items():
        (report,) = (line for line in lines[:begun] if line.startswith(f"ptychogui: mda/{scan}: "))
        assert said in report.removeprefix(f"ptychogui: mda/{scan}: ")
    assert "5 of 50 scans are not reconstructed:" in lines
    assert lines[-1] == "batch 1, velo_0001 and 49 others: 45 done, 5 refused"
    with Store(night / "home" / "queue") as store:
        assert {job.state for job in store.entries()} == {State.DONE}
        assert ended_untold(store) == []  # it was told by whoever ran the queue
        (told,) = store.read("SELECT refused FROM batches")
    assert [Path(scan).name for scan, _ in json.loads(told[0])] == list(BROKEN)
