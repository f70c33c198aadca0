"""`ptychogui queue`: what its commands print, do and refuse."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from ptychogui.queue.owner import Ownership
from ptychogui.queue.store import journal
from ptychogui.queue.store.folders import make_job_folder
from ptychogui.queue.store.store import Store
from ptychogui.states import State
from tests.cli.runs import FAST, refusal, run


def _add(*arguments: object) -> list[int]:
    return [int(word) for word in run("queue", "add", *arguments).stdout.split()]


def _list(*arguments: object) -> list[dict[str, Any]]:
    return json.loads(run("queue", "list", "--json", *arguments).stdout)  # type: ignore[no-any-return]


def _begin(home: Path) -> journal.Claim:
    with Store(home / "queue") as store:
        claim = journal.claim(store, "cpu:0", "me", {})
    assert claim is not None
    return claim


def _end(home: Path, state: State) -> None:
    claim = _begin(home)
    with Store(home / "queue") as store:
        journal.end(store, claim, state, "a cause")


class TestAdd:
    def test_prints_the_number_of_each_job(self, scan: Path) -> None:
        assert _add(scan, scan) == [1, 2]
        assert _add(scan, "--hold", "--priority", 3, "--device", "cpu:1", *FAST[2:]) == [3]
        held = _list()[0]
        assert (held["id"], held["state"], held["priority"], held["device"]) == (3, "held", 3, "cpu:1")

    def test_says_which_files_are_no_scans_and_adds_the_others(self, scan: Path, tmp_path: Path) -> None:
        (tmp_path / "no.cxi").write_text("no scan")
        outcome = run("queue", "add", scan, "no.cxi", scan, status=1)
        assert outcome.stdout.split() == ["1", "2"]
        assert outcome.stderr.startswith("ptychogui: no.cxi: ") and outcome.stderr.count("\n") == 1

    def test_one_that_is_no_scan_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "no.cxi").write_text("no scan")
        assert "no.cxi" in refusal("queue", "add", "no.cxi")
        assert _list() == []

    def test_results_of_several_go_into_a_folder(self, scan: Path, tmp_path: Path) -> None:
        _add(scan, scan, "-o", "results")
        assert [job["result"] for job in _list()] == [
            str(tmp_path / "results" / name) for name in ("scan-result.cxi", "scan-result-001.cxi")
        ]

    def test_a_sweep_adds_a_job_of_each_combination(self, scan: Path) -> None:
        sweeps = ("--sweep", "reconstruction.probe_modes=1,3", "--sweep", "experiment.energy_eV=8.7e3:8.9e3:3")
        assert _add(scan, *sweeps) == [1, 2, 3, 4, 5, 6]
        told = [job["sweep"] for job in _list()]
        assert len({one["group"] for one in told}) == 1
        assert told[4]["values"] == {"experiment.probe_modes": 3, "experiment.energy_eV": 8800.0}
        assert json.loads(run("queue", "show", 5, "--json").stdout)["sweep"] == told[4]

    def test_a_simulated_scan_needs_no_file(self) -> None:
        assert _add("--simulate") == [1] and _list()[0]["source"] is None

    def test_without_a_scan_it_says_what_to_give(self) -> None:
        assert "give a scan file, or --simulate" in refusal("queue", "add")


class TestList:
    def test_has_all_that_others_want_to_know(self, scan: Path, tmp_path: Path, home: Path) -> None:
        _add(scan, *FAST)
        (job,) = _list()
        wanted = {
            "id": 1, "title": "scan", "state": "queued", "device": "numpy", "lane": "", "attempts": 0, "iteration": 0,
            "iterations": 3, "error": None, "cause": "", "source": str(scan),
            "result": str(tmp_path / "scan-result.cxi"), "log": str(home / "queue" / "jobs" / "1" / "log.txt"),
        }  # fmt: skip
        assert wanted.items() <= job.items()

    def test_a_table_has_a_line_for_each_job(self, scan: Path) -> None:
        assert run("queue", "list").stdout == ""
        _add(scan, scan, "--hold")
        head, *lines = run("queue", "list").stdout.splitlines()
        assert head.split()[:2] == ["job", "state"]
        assert [line.split()[:2] for line in lines] == [["1", "held"], ["2", "held"]]

    def test_can_show_one_state_alone(self, scan: Path, home: Path) -> None:
        _add(scan, scan)
        _end(home, State.FAILED)
        assert [job["id"] for job in _list("--state", "failed")] == [1]
        assert _list("--state", "done") == []

    def test_says_why_a_job_waits_while_the_queue_is_run(self, scan: Path, home: Path) -> None:
        _add(scan, "--device", "cuda:3")
        _add(scan)
        with Ownership(home / "queue", "test"), Store(home / "queue") as store:
            journal.begin_lanes(store, ["cpu:0"])
            journal.note_lane(store, "cpu:0", "no compiler")
            assert [job["cause"] for job in _list()] == ["no lane for cuda:3; there are cpu:0", "cpu:0: no compiler"]
        assert [job["cause"] for job in _list()] == ["", ""]


class TestShow:
    def test_tells_values_with_origins_starts_files_and_facts(self, scan: Path, home: Path) -> None:
        _add(scan, *FAST[2:])
        _begin(home)
        told = json.loads(run("queue", "show", 1, "--json").stdout)
        assert told["values"]["reconstruction.iterations"] == ["3", "user: --iterations"]
        assert told["values"]["experiment.energy_eV"][1].startswith("file: scan.cxi: ")
        assert told["starts"][0]["lane"] == "cpu:0" and told["files"][0]["path"] == str(scan)
        assert told["facts"]["positions"] == 16 and "ptychogui" in told["versions"]
        text = run("queue", "show", 1).stdout
        assert re.search(r"reconstruction\.iterations +3 +user: --iterations", text) and "start on cpu:0" in text

    def test_a_job_that_is_not_there_is_said(self) -> None:
        assert "there is no job 7 in the queue" in refusal("queue", "show", 7)

    def test_log_prints_it_or_says_that_there_is_none(self, scan: Path, home: Path) -> None:
        _add(scan)
        assert "job 1 has no log yet" in refusal("queue", "log", 1)
        (make_job_folder(home / "queue", 1) / "log.txt").write_text("one\ntwo\n")
        assert run("queue", "log", 1).stdout == "one\ntwo\n"


class TestOrders:
    def test_an_order_to_a_job_under_way_is_left_and_shown(self, scan: Path, home: Path) -> None:
        _add(scan)
        _begin(home)
        outcome = run("queue", "pause", 1)
        assert "nobody runs the queue now; the order waits for ptychogui run" in outcome.stderr
        assert _list()[0]["asked"] == "pause"
        with Ownership(home / "queue", "test"):
            assert run("queue", "stop", 1).stderr == ""

    @pytest.mark.parametrize("order", ["pause", "resume", "step"])
    def test_one_that_waits_takes_no_such_order(self, scan: Path, order: str) -> None:
        _add(scan)
        assert f"job 1 is queued and can't be told to {order}; hold it, or cancel it" in refusal("queue", order, 1)

    def test_all_that_can_be_changed_are_and_the_others_named(self, scan: Path, home: Path) -> None:
        _add(scan, scan, scan)
        _begin(home)
        assert "job 1 is running and can't be held; there is no job 9" in refusal("queue", "hold", 1, 2, 9, 3)
        assert [job["state"] for job in _list()] == ["running", "held", "held"]
        run("queue", "release", 2)
        run("queue", "cancel", 2, 3)
        run("queue", "retry", 3)
        run("queue", "remove", 2)
        assert {job["id"]: job["state"] for job in _list()} == {1: "running", 3: "queued"}

    def test_move(self, scan: Path) -> None:
        _add(scan, scan, scan)
        run("queue", "move", 3, "--before", 1, "--device", "cpu:1")
        assert [(job["id"], job["device"]) for job in _list()] == [(3, "cpu:1"), (1, "any"), (2, "any")]
        run("queue", "move", 3, "--device", "auto")
        run("queue", "move", 3)
        assert [(job["id"], job["device"]) for job in _list()] == [(1, "any"), (2, "any"), (3, "any")]

    def test_clear_leaves_what_is_not_over(self, scan: Path, home: Path) -> None:
        _add(scan, scan)
        _end(home, State.DONE)
        assert run("queue", "clear").stderr == "1 jobs cleared\n"
        assert [job["id"] for job in _list()] == [2]

    def test_a_damaged_queue_is_put_aside_only_when_that_is_asked_for(self, scan: Path, home: Path) -> None:
        _add(scan)
        store = home / "queue" / "queue.sqlite"
        store.write_bytes(b"damaged" * 1000)
        assert "clear --begin-anew" in refusal("queue", "list")
        assert store.read_bytes().startswith(b"damaged")
        with Ownership(home / "queue", "test"):
            assert "is run by test" in refusal("queue", "clear", "--begin-anew")
        outcome = run("queue", "clear", "--begin-anew")
        assert (home / "queue" / "queue.sqlite.old-1").read_bytes().startswith(b"damaged")
        assert "queue.sqlite.old-1" in outcome.stderr and _list() == []

    def test_continue_wants_a_result(self, scan: Path) -> None:
        _add(scan)
        assert "has left no result to go on from" in refusal("queue", "continue", 1)
