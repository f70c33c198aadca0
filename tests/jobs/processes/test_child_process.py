"""A child seen from outside: whatever it does, what it said arrives, and how it ended is said in one line."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import psutil
import pytest

from ptychogui.errors import DataError, DeviceError, PtychoError
from ptychogui.jobs.processes import child_process
from ptychogui.jobs.processes.child_main import InternalError
from ptychogui.jobs.processes.child_process import ChildProcess, End
from ptychogui.notify import log
from tests.jobs.processes import works

LIMIT_S = 30.0
"""For what must come; a test that waits so long has failed."""

Start = Callable[..., ChildProcess]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start children that are ended with the test."""
    children: list[ChildProcess] = []

    def run(work: Callable[..., None], *arguments: Any) -> ChildProcess:
        children.append(ChildProcess(work, *arguments, name="test child"))
        return children[-1]

    yield run
    for child in children:
        child.close(at_once=True)


def end_of(child: ChildProcess) -> End:
    """Hear a child out."""
    for _message in child.until_end():
        pass
    assert child.end is not None
    return child.end


def test_a_child_unpickles_messages_beside_its_work_only_once_the_work_says_so(start: Start) -> None:
    child = start(works.tell_who_unpickles)
    child.send(works.Unpickler())
    assert next(child.until_end()) == "MainThread"
    child.send(works.Unpickler())
    assert next(child.until_end()) in ("listener", "MainThread")  # MainThread: it came before `on_message`
    child.send(works.Unpickler())
    assert next(child.until_end()) == "listener"


def test_messages_come_and_go_in_order_and_a_hang_up_ends_it(start: Start) -> None:
    child = start(works.echo)
    said = [1, "two", {"three": None}]
    for message in said:
        child.send(message)
    heard: list[Any] = []
    while len(heard) < len(said):
        heard += child.receive(LIMIT_S)
    assert heard == said and child.end is None
    child.close()
    assert child.end == End()
    assert not psutil.pid_exists(child.pid)


def test_all_that_was_said_before_the_end_is_heard(start: Start) -> None:
    child = start(works.count, 5000)
    assert list(child.until_end()) == [*range(5000)]
    assert end_of(child) == End()


def test_a_message_of_any_size_arrives(start: Start) -> None:
    child = start(works.say_much, 100_000_000)
    assert [len(message) for message in child.until_end()] == [100_000_000]


def test_a_huge_message_goes_to_the_child(start: Start) -> None:
    child = start(works.echo)
    child.send(bytes(50_000_000))
    assert [len(message) for message in child.receive(LIMIT_S)] == [50_000_000]


def test_a_flood_is_taken_in_portions_and_ends_with_close(start: Start) -> None:
    child = start(works.flood)
    for _ in range(3):
        assert 0 < len(child.receive(LIMIT_S)) <= 1000
    child.close(at_once=True)
    assert not psutil.pid_exists(child.pid)


def test_much_on_the_standard_error_holds_nothing_up(start: Start, capfd: pytest.CaptureFixture[str]) -> None:
    assert list(start(works.write_much_to_stderr).until_end()) == ["done"]


@pytest.mark.parametrize(
    ("work", "arguments", "cause"),
    [
        (works.leave, (7,), "ended with exit code 7"),
        (works.leave, (0,), "ended without a word"),
        (works.kill_itself, (9,), "killed by signal 9 (SIGKILL): out of memory or kill -9"),
        (works.kill_itself, (15,), "killed by signal 15 (SIGTERM): ended from outside"),
        (works.kill_itself, (40,), "killed by signal 40: ended from outside"),
    ],
)
def test_a_death_is_said_with_its_cause(start: Start, work: Any, arguments: Any, cause: str) -> None:
    child = start(work, *arguments)
    assert list(child.until_end()) == ["good bye"]
    assert end_of(child) == End(cause)
    with pytest.raises(DeviceError, match="the process ended by itself"):
        end_of(child).check()


def test_a_segfault_says_where_python_was(start: Start, capfd: pytest.CaptureFixture[str]) -> None:
    end = end_of(start(works.segfault))
    assert end.cause == "killed by signal 11 (SIGSEGV): a crash in compiled code"
    assert "works.py" in end.last_words and "in segfault" in end.last_words
    assert "in segfault" in capfd.readouterr().err


def test_last_words_are_quoted(start: Start, capfd: pytest.CaptureFixture[str]) -> None:
    cause = end_of(start(works.abort_with_words)).cause
    assert cause == 'killed by signal 6 (SIGABRT): a crash in compiled code; its last words: "free(): invalid pointer"'


@pytest.mark.parametrize(
    ("what", "line"),
    [
        ("defect", "ZeroDivisionError: a bug"),
        ("memory", "MemoryError: the memory is used up"),
        ("exit", "SystemExit: 3"),
        ("interrupt", "KeyboardInterrupt"),
        ("generator", "GeneratorExit"),
        ("import", "ModuleNotFoundError: No module named 'a_module_that_is_nowhere'"),
        ("unprintable", "UnprintableError: it can't be put into words"),
    ],
)
def test_what_is_raised_comes_as_one_line_with_its_traceback(
    start: Start, what: str, line: str, capfd: pytest.CaptureFixture[str]
) -> None:
    end = end_of(start(works.throw, what))
    assert end.cause == "" and end.raised is not None
    with pytest.raises(InternalError) as caught:
        end.check()
    assert str(caught.value) == line
    assert "works.py" in str(caught.value.__cause__) and "in throw" in str(caught.value.__cause__)


def test_an_exception_that_cant_be_pickled_is_one_line(start: Start, capfd: pytest.CaptureFixture[str]) -> None:
    raised = end_of(start(works.throw, "local")).raised
    assert raised is not None
    assert raised.line.startswith("LocalError: ('line one\\nline two', <unlocked")
    assert "\n" not in raised.line


def test_endless_recursion_is_said(start: Start, capfd: pytest.CaptureFixture[str]) -> None:
    raised = end_of(start(works.throw, "recursion")).raised
    assert raised is not None and raised.line.startswith("RecursionError: maximum recursion depth")


def test_a_refusal_is_raised_as_it_was(start: Start, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(DataError, match=r"^scan\.h5: no frames$"):
        end_of(start(works.throw, "refusal")).check()


def test_a_refusal_that_cant_be_pickled_says_the_same(start: Start, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(PtychoError, match=r"^scan\.h5: no frames$"):
        end_of(start(works.throw, "unpicklable")).check()


class Vanished:
    """Stands for a class whose module the child can't import."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _fail_in_the_child, (os.getpid(),)


def _fail_in_the_child(parent: int) -> Vanished:
    if os.getpid() != parent:
        raise ModuleNotFoundError("No module named 'yesterday'")
    return Vanished()


def test_an_argument_that_cant_be_made_in_the_child_is_said(start: Start, capfd: pytest.CaptureFixture[str]) -> None:
    raised = end_of(start(works.count, Vanished())).raised
    assert raised is not None and raised.line == "ModuleNotFoundError: No module named 'yesterday'"


def test_what_cant_be_sent_is_a_defect_of_the_child(start: Start, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InternalError, match=r"TypeError: cannot pickle '_thread\.lock' object"):
        end_of(start(works.say_what_cant_be_sent)).check()


def test_what_cant_be_read_ends_the_child(start: Start, capfd: pytest.CaptureFixture[str]) -> None:
    child = start(works.say_what_cant_be_read)
    assert end_of(child).cause.startswith("it said what can't be read (ValueError: ")
    child.close()
    assert not psutil.pid_exists(child.pid)


def test_what_the_child_cant_read_ends_it(start: Start, capfd: pytest.CaptureFixture[str]) -> None:
    child = start(works.echo)
    child.send(works.UnreadableMessage())
    with pytest.raises(InternalError, match="ValueError: invalid literal"):
        end_of(child).check()


def test_sending_to_a_child_that_is_gone_does_nothing(start: Start) -> None:
    child = start(works.leave, 7)
    end_of(child)
    child.send(bytes(10_000_000))
    child.kill()
    child.close()
    child.send("anyone there?")
    assert child.receive(0) == []


def test_sending_to_a_child_that_dies_meanwhile_returns(start: Start) -> None:
    child = start(works.hang)
    (pid,) = child.receive(LIMIT_S)
    os.kill(pid, signal.SIGSTOP)
    sender = threading.Thread(target=child.send, args=(bytes(50_000_000),))
    sender.start()
    os.kill(pid, signal.SIGKILL)
    sender.join(LIMIT_S)
    assert not sender.is_alive()
    assert "SIGKILL" in end_of(child).cause


def test_silence_is_noticed_once(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    child = start(works.hang)
    (pid,) = child.receive(LIMIT_S)
    assert child.new_silence_s() is None
    os.kill(pid, signal.SIGSTOP)
    while not Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T":
        child.receive(0)
    monkeypatch.setattr(child_process, "SILENCE_S", 0.0)
    child.receive(0.01)
    assert child.new_silence_s() is not None
    assert child.new_silence_s() is None
    child.close(at_once=True)
    assert not psutil.pid_exists(pid)


def test_one_that_does_not_heed_the_hang_up_is_ended(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child_process, "_CLOSE_S", 0.01)
    child = start(works.hang)
    child.receive(LIMIT_S)
    child.close()
    assert not psutil.pid_exists(child.pid)
    child.close()


def test_what_it_started_ends_with_it(start: Start) -> None:
    child = start(works.hang_with_a_child)
    (grandchild,) = child.receive(LIMIT_S)
    watch = os.pidfd_open(grandchild)
    child.kill()
    ended, _, _ = select.select([watch], [], [], LIMIT_S)
    os.close(watch)
    assert ended


def test_it_is_alone_in_its_process_group_and_deaf_to_ctrl_c(start: Start) -> None:
    child = start(works.own_group)
    assert list(child.until_end()) == [(child.pid, child.pid, True)]


def test_no_process_to_be_had_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_process: object) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(get_context("spawn").Process, "start", refuse)
    with pytest.raises(DeviceError, match="can't start test child: Resource temporarily unavailable"):
        ChildProcess(works.echo, name="test child")


_PARENT = """
import sys
from pathlib import Path
from ptychogui.jobs.processes.child_process import ChildProcess
from ptychogui.notify import log
from tests.jobs.processes import works

if __name__ == "__main__":
    children = [
        ChildProcess(works.hang, name="hangs"), ChildProcess(works.flood, name="floods"),
        ChildProcess(works.touch_when_gone, Path(sys.argv[1]), name="tidies up"),
    ]
    for child in children:
        child.receive(30)
    print(*(child.pid for child in children), flush=True)
    children[0].receive()
"""


def test_children_end_with_their_parent_and_may_tidy_up(tmp_path: Path, repo_root: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(repo_root)}
    (tmp_path / "parent.py").write_text(_PARENT)
    command = [sys.executable, str(tmp_path / "parent.py"), str(tmp_path / "tidy")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as parent:
        assert parent.stdout is not None
        watches = [os.pidfd_open(int(pid)) for pid in parent.stdout.readline().split()]
        assert len(watches) == 3
        parent.kill()
        for watch in watches:
            assert select.select([watch], [], [], LIMIT_S)[0]
            os.close(watch)
    assert (tmp_path / "tidy").exists()


@pytest.fixture
def log_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Keep the log, in a folder of the test's own."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    log.set_up(show=lambda _line: None)
    yield log.log_file()
    log.take_down()


def test_the_log_has_what_children_say_and_how_they_die(
    start: Start, log_file: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    child = start(works.log_and_segfault)
    end_of(child)
    child.close()
    said = log_file.read_text()
    assert f"INFO {child.pid} ptychogui.tests: on the edge" in said
    assert f"ERROR {os.getpid()} {child_process.__name__}: test child (process {child.pid}) died: killed by" in said
    assert "in log_and_segfault" in said


def test_the_log_has_a_defects_traceback(start: Start, log_file: Path, capfd: pytest.CaptureFixture[str]) -> None:
    child = start(works.throw, "defect")
    end_of(child)
    child.close()
    assert "the work of this process has failed\nTraceback (most recent call last)" in log_file.read_text()
    assert "ZeroDivisionError: a bug" in log_file.read_text()
