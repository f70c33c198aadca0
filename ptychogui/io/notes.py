"""Notes on a scan: sentences for the user, each with what it is about, for code that has to know."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable

NO_POSITIONS = "no positions"
"""What a note is about that says just this; it is of no interest where positions come from elsewhere."""


class Note(str):
    """A sentence that says for code, too, what it is about: NO_POSITIONS, a parameter's path, or a raw file's Path."""

    about: Hashable

    def __new__(cls, text: str, about: Hashable) -> Note:
        """Make a note; it is equal to its text."""
        note = super().__new__(cls, text)
        note.about = about
        return note

    def __getnewargs__(self) -> tuple[str, Hashable]:  # type: ignore[override]
        return str(self), self.about


def notes_about(notes: Iterable[str], topics: Collection[Hashable]) -> tuple[str, ...]:
    """Return the notes that are about one of some topics."""
    return tuple(note for note in notes if isinstance(note, Note) and note.about in topics)


def notes_besides(notes: Iterable[str], topic: Hashable) -> tuple[str, ...]:
    """Return all notes but those about a topic."""
    return tuple(note for note in notes if not (isinstance(note, Note) and note.about == topic))
