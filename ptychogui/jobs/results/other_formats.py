"""Other formats of a result, beside its file."""

from __future__ import annotations

from pathlib import Path

from ptychogui.errors import OutputError
from ptychogui.io.export import export_binary, export_csv
from ptychogui.io.result import Result
from ptychogui.params.model import Output


def export_formats(result: Result, path: Path, wanted: Output, number: int = 0) -> tuple[str, ...]:
    """Write what is wanted besides the result; that is safe by now, so trouble here is a note.

    Args:
        result: what to write.
        path: of the result file.
        wanted: which formats are.
        number: of the checkpoint; 0 for the last result.

    Returns:
        what could not be written, a sentence each.
    """
    notes = []
    for export, is_wanted in ((export_csv, wanted.csv), (export_binary, wanted.binary)):
        try:
            if is_wanted:
                export(result, path.parent, path.stem, number)
        except OutputError as error:
            notes.append(str(error))
    return tuple(notes)
