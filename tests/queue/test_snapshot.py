"""Snapshots of the queue, taken again and again."""

from __future__ import annotations

import pytest

from ptychogui.queue.owner import RUN, Ownership
from ptychogui.queue.snapshot import Camera
from ptychogui.queue.store import changes, journal
from ptychogui.queue.store.store import Store
from ptychogui.states import State
from tests.queue.conftest import Add


def test_what_rests_and_what_is_under_way(store: Store, add: Add) -> None:
    first, second = add(), add()
    camera = Camera(store)
    assert [entry.id for entry in camera.take(False).resting.entries] == [first, second]
    journal.claim(store, "cpu", "owner", {})
    seen = camera.take(True)
    assert ([entry.id for entry in seen.under_way], list(seen.resting.by_id)) == ([first], [second])
    assert seen.is_mine and seen.owner is None and seen.lanes == {}
    found = seen.entry(first)
    assert found is not None and found.state is State.RUNNING
    assert seen.entry(second) is seen.resting.entries[0] and seen.entry(99) is None
    assert seen.resting.uids == {seen.resting.entries[0].uid}


def test_lanes_are_those_of_an_owner(store: Store) -> None:
    journal.begin_lanes(store, ["cpu"])
    with Ownership(store.folder, RUN):
        seen = Camera(store).take(False)
    assert seen.lanes == {"cpu": ""} and seen.owner is not None and seen.owner.kind == RUN


@pytest.mark.parametrize("change", ["hold", "move", "add", "remove", "priority"])
def test_what_rests_is_read_again_when_it_has_changed_and_only_then(store: Store, add: Add, change: str) -> None:
    first, second = add(), add()
    camera = Camera(store)
    before = camera.take(False).resting
    assert camera.take(False).resting is before
    if change == "hold":
        changes.hold(store, first)
    elif change == "move":
        changes.move(store, second, before=first)
    elif change == "remove":
        changes.remove(store, first)
    else:
        add(priority=1 if change == "priority" else 0)
    after = camera.take(False).resting
    assert after is not before and after.entries == tuple(store.entries())
