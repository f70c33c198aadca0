"""The queue in the window: what there is of it, its lanes, and what the user does with its jobs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from PyQt5.QtCore import QObject, QTimer, pyqtSignal

from ptychogui.backends import Device, list_devices
from ptychogui.controllers.error_message import explain
from ptychogui.controllers.queue.lane_thread import LaneThread
from ptychogui.controllers.queue.left_over import LeftOver
from ptychogui.controllers.queue.orders import change_of
from ptychogui.controllers.queue.queue_thread import Owned, QueueThread
from ptychogui.errors import ParameterError, PtychoError
from ptychogui.jobs.job import Progress
from ptychogui.jobs.provenance import versions
from ptychogui.queue.devices import devices_to_use, remember, switched
from ptychogui.queue.lane_process import MakeProcess, engine_process
from ptychogui.queue.owner import ask_to_leave
from ptychogui.queue.planning import Values, continued
from ptychogui.queue.snapshot import Snapshot
from ptychogui.queue.store import changes, journal
from ptychogui.queue.store.store import Store
from ptychogui.queue_state import QueueState, QueueView
from ptychogui.texts import counted

_GAUGES_MS = 3000
"""Between looks at how busy devices are."""

_CONTINUE = "Continue"
_REFUSED = "That can't be done with this job"


class QueueController(QObject):
    """Owns what the window knows of the queue, and a lane for each device that is ticked while the queue is its own.

    Signals:
        changed(QueueState): what is shown from now on.
        seen(Snapshot): the queue as it was read.
        heard(told, shot): what a lane has told, and the newest shot of the job shown, as LaneThread.take has it.
        ready(Ready): a device is open.
        added(ids, names): jobs came in from this window.
        message(text), problem(ErrorMessage): for the user.
        left(): all lanes have ended, as they were told.
    """

    changed = pyqtSignal(object)
    seen = pyqtSignal(object)
    heard = pyqtSignal(object, object)
    ready = pyqtSignal(object)
    added = pyqtSignal(object)
    message = pyqtSignal(str)
    problem = pyqtSignal(object)
    left = pyqtSignal()

    def __init__(self, folder: Path, make_process: MakeProcess = engine_process) -> None:
        super().__init__()
        self._folder, self._make_process = folder, make_process
        self._thread = QueueThread(folder)
        self._snapshot, self._state, self._view = Snapshot(), QueueState(), QueueView(folder)
        self._devices: tuple[Device, ...] = ()
        self._ticked: tuple[str, ...] = ()
        self._owner, self._shown, self._is_leaving = "", "", False
        self._lanes: dict[str, LaneThread] = {}
        self._opening: set[str] = set()
        self._left_s: dict[str, float] = {}
        self._left_over, self._closed = LeftOver(), ""
        self._thread.seen.connect(self._on_seen)
        self._thread.owned.connect(self._on_owned)
        self._thread.broken.connect(self._on_broken)
        self._gauges = QTimer(self)
        self._gauges.setInterval(_GAUGES_MS)
        self._gauges.timeout.connect(self._read_gauges)
        self._thread.batchEnded.connect(lambda batch: self.message.emit(f"{batch.line} — ended"))

    @property
    def state(self) -> QueueState:
        """What is shown."""
        return self._state

    @property
    def snapshot(self) -> Snapshot:
        """The queue as it was read last."""
        return self._snapshot

    @property
    def devices(self) -> tuple[str, ...]:
        """The devices that have lanes, or would have them."""
        return self._ticked

    @property
    def opening(self) -> frozenset[str]:
        """The devices that are being opened."""
        return frozenset(self._opening)

    @property
    def folder(self) -> Path:
        """Folder of the queue."""
        return self._folder

    def start(self) -> None:
        """Begin to look, and to own the queue if nobody does."""
        self._thread.start()
        self._thread.do(_known_devices, self._on_devices, self._tell_error("The devices can't be listed"))
        self._gauges.start()

    def do(self, work: Callable[[Store], Any], done: Callable[[Any], None], failed: Callable[[Any], None]) -> None:
        """Do something with the store beside the window's thread; see QueueThread.do."""
        self._thread.do(work, done, failed)

    def tick(self, device: str, on: bool) -> None:
        """Use a device from now on, or no more: the job that it has goes on elsewhere, or when it is used again."""
        self._ticked = switched(self._ticked, device, on)
        ticked = self._ticked
        self._thread.do(lambda store: remember(store, ticked))
        self._renew_lanes()
        self._show()

    def act(self, key: str, jobs: Sequence[int]) -> None:
        """Do with jobs what the action of this key says, where it can be done.

        Args:
            key: "pause", "retry" and so on: a key of the table of actions.
            jobs: numbers.
        """
        rows = [self._state.rows[job] for job in jobs if job in self._state.rows and key in self._state.rows[job].may]
        for row in reversed(rows) if key == "down" else rows:
            change = change_of(key, row)
            self._thread.do(change, failed=self._tell_error(_REFUSED))

    def move(self, job: int, before: int, device: str) -> None:
        """Put a job before another one, 0 for at the end, in the lane of a device."""
        self._thread.do(lambda store: changes.move(store, job, before or None, device),
                        failed=self._tell_error(_REFUSED))  # fmt: skip

    def hold_all(self) -> None:
        """Begin nothing more after what is under way."""
        self._thread.do(changes.hold_all, lambda count: self.message.emit(f"{counted(count, 'job')} held"),
                        self._tell_error("The queue can't be held"))  # fmt: skip

    def release_all(self) -> None:
        """Let all that is held begin when its turn comes."""
        self._thread.do(changes.release_all, lambda count: self.message.emit(f"{counted(count, 'job')} released"),
                        self._tell_error("The queue can't be released"))  # fmt: skip

    def clear(self) -> None:
        """Take out of the queue what has ended."""
        self._thread.do(changes.clear, lambda count: self.message.emit(f"{count} jobs are out of the queue"),
                        self._tell_error("The queue can't be cleared"))  # fmt: skip

    def go_on_from(self, job: int, iterations: int, engine: str = "", own: Values | None = None) -> None:
        """Add a job that goes on from the result of another one.

        Args:
            job: number of that one.
            iterations: how many more.
            engine: another one; "" for that of before.
            own: the user's values for this and other scans; those of preprocessing and reconstruction are taken.
        """
        groups, asked = ("preprocessing.", "reconstruction."), {"reconstruction.iterations": (iterations, _CONTINUE)}
        values: Values = {path: value for path, value in (own or {}).items() if path.startswith(groups)} | asked
        values = {**values, "reconstruction.engine": (engine, _CONTINUE)} if engine else values

        def add(store: Store) -> list[int]:
            with continued(store, job, values, "window: Continue", versions()) as new:
                return store.add([new])

        self._thread.do(add, self.added.emit, self._tell_error("This job can't be continued"))

    def answer(self, key: str) -> None:
        """Do what a button of the notice says."""
        if key == "take-over" and self._snapshot.owner is not None:
            self._take_over()
            return
        if key == "hold-left":
            self.hold_left()
        else:
            self._begin_all()

    def hold_left(self) -> None:
        """Hold what is left of another time and nobody has said to go on with."""
        if self._left_over.is_open:
            self._thread.do(changes.hold_all, self._on_held, lambda _error: self._begin_all())

    def show_job(self, uid: str) -> None:
        """Have pictures made of this job."""
        self._shown = uid
        for lane in self._lanes.values():
            lane.show(uid)

    def leave(self) -> None:
        """Have all lanes break off their jobs and end; `left` says when they have."""
        self._is_leaving = True
        self._renew_lanes()
        if not self._lanes:
            self.left.emit()

    def stay(self) -> None:
        """Own the queue, and have lanes, again."""
        self._is_leaving = False
        self._thread.own_again()
        self._renew_lanes()

    def give_up(self, done: Callable[[Any], None]) -> None:
        """Leave the queue to another process, once all lanes have ended."""
        self._owner = ""
        self._thread.give_up(done)

    def close(self) -> None:
        """End all lanes and threads, and wait for them."""
        self._is_leaving = True
        self._gauges.stop()
        for lane in self._lanes.values():
            lane.leave()
        for lane in self._lanes.values():
            lane.wait()
        self._thread.close()

    # What it hears

    def _on_devices(self, found: tuple[tuple[Device, ...], tuple[str, ...]]) -> None:
        self._devices, self._ticked = found
        self._renew_lanes()
        self._show()

    def _read_gauges(self) -> None:
        """See how busy the devices are; a GPU that does not answer in time is looked at the next time."""
        self._thread.do(lambda _store: list_devices(), self._on_gauges)

    def _on_gauges(self, found: tuple[Device, ...]) -> None:
        self._devices = found
        self._show()

    def _on_seen(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._left_s = {entry.uid: self._left_s[entry.uid] for entry in snapshot.under_way if entry.uid in self._left_s}
        self._left_over = self._left_over.seen(snapshot)
        self._show()
        self.seen.emit(snapshot)

    def _on_owned(self, owned: Owned) -> None:
        self._owner = owned.name
        self._left_over = self._left_over.owned(owned.broken_off, owned.waiting)
        self._renew_lanes()

    def _on_broken(self, error: PtychoError) -> None:
        self._closed = f"The queue can't be used: {error}"
        self.problem.emit(explain("The queue can't be used", error))
        self._show()

    def _on_held(self, count: int) -> None:
        self.message.emit(f"{count} jobs of last time are held; Release lets them begin")
        self._begin_all()

    def _on_heard(self, lane: LaneThread) -> None:
        told, picture = lane.take()
        self._left_s |= {one.job_id: one.seconds_left for one in told if isinstance(one, Progress)}
        self.heard.emit(told, picture)

    def _on_open(self, device: str) -> None:
        self._opening.discard(device)
        self._show()

    def _on_ended(self, device: str) -> None:
        self._opening.discard(device)
        self._lanes.pop(device).deleteLater()
        self._renew_lanes()
        if self._is_leaving and not self._lanes:
            self.left.emit()

    def _on_fell(self, device: str, error: Exception) -> None:
        self._ticked = switched(self._ticked, device, False)
        self.problem.emit(explain(f"The lane of {device} has ended", error, f"Tick {device} to begin it anew."))
        self._show()

    # What it does by itself

    def _begin_all(self) -> None:
        """Have lanes, now that what was left of another time has an answer."""
        self._left_over = self._left_over.answered()
        self._renew_lanes()
        self._show()

    def _renew_lanes(self) -> None:
        """Have a lane for each device that is to have one."""
        has_lanes = bool(self._owner) and not self._is_leaving and not self._left_over.is_open
        wanted = self._ticked if has_lanes else ()
        for device, lane in self._lanes.items():
            if device not in wanted:
                lane.leave()
        new = [device for device in wanted if device not in self._lanes]
        if self._owner:
            self._thread.do(lambda store: journal.change_lanes(store, wanted))
        for device in new:
            self._begin_lane(device)

    def _begin_lane(self, device: str) -> None:
        lane = LaneThread(self._folder, device, self._owner, self._make_process)
        lane.show(self._shown)
        lane.heard.connect(lambda: self._on_heard(lane))
        lane.ready.connect(self.ready)
        lane.ready.connect(lambda: self._on_open(device))
        lane.fell.connect(lambda error: self._on_fell(device, error))
        lane.finished.connect(lambda: self._on_ended(device))
        self._lanes[device] = lane
        self._opening.add(device)
        lane.start()
        self._show()

    def _take_over(self) -> None:
        assert self._snapshot.owner is not None
        try:
            ask_to_leave(self._snapshot.owner)
        except ParameterError as error:
            self.problem.emit(explain("The queue can't be taken over", error))
            return
        self.message.emit(f"{self._snapshot.owner} was asked to leave the queue")

    def _show(self) -> None:
        state = self._view.state(
            self._snapshot, self._devices, self._ticked, self._left_over.notice, self._opening, self._left_s
        )
        state = replace(state, closed=self._closed)
        if state != self._state:
            self._state = state
            self.changed.emit(state)

    def _tell_error(self, title: str) -> Callable[[Exception], None]:
        return lambda error: self.problem.emit(explain(title, error))


def _known_devices(store: Store) -> tuple[tuple[Device, ...], tuple[str, ...]]:
    """Return the devices of this machine, and those to use."""
    return list_devices(), devices_to_use(store, "")
