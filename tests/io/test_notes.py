"""Notes that say for code, too, what they are about."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

from ptychogui.io.notes import NO_POSITIONS, Note, notes_about, notes_besides

NOTES = (
    Note("the file has no scan positions", NO_POSITIONS),
    "the frames are on a grid",
    Note("the photon energy at /energy is 0, and is ignored", "experiment.energy_eV"),
    Note("line 3: there is no file line_3.h5; its 4 positions are left out", Path("line_3.h5")),
)


def test_notes_are_found_by_what_they_are_about() -> None:
    assert notes_about(NOTES, ["experiment.energy_eV", "experiment.distance_m"]) == (NOTES[2],)
    assert notes_about(NOTES, [Path("line_3.h5")]) == (NOTES[3],)
    assert notes_about(NOTES, ["the frames are on a grid"]) == ()
    assert notes_besides(NOTES, NO_POSITIONS) == NOTES[1:]


def test_a_note_is_its_sentence_to_all_others() -> None:
    assert NOTES[0] == "the file has no scan positions"
    assert json.loads(json.dumps(NOTES)) == [str(note) for note in NOTES]


def test_a_note_knows_what_it_is_about_in_another_process() -> None:
    kept = pickle.loads(pickle.dumps(NOTES))
    assert kept == NOTES
    assert notes_besides(kept, NO_POSITIONS) == NOTES[1:]
    assert notes_about(kept, [Path("line_3.h5")]) == NOTES[3:]
