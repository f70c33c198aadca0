"""Read options: what the user says about how the frames of a scan are found and read."""

from __future__ import annotations

from dataclasses import dataclass

from ptychogui.params.model import Parameters, marked

OF_THE_FILES = marked("reading")
"""Parameters that say how a scan's files are read: what ReadOptions holds."""


@dataclass(frozen=True)
class ReadOptions:
    """What a reader is told besides the file's path; the defaults leave all to be found.

    Attributes:
        dataset_path: HDF5 path of the frames; "" to find them.
        file_pattern: path of a series of raw files, '#' and a width in place of the number; "" where the scan's own
            file holds the frames.
        first_file: number of the first raw file; None to find it.
        patterns_per_file: frames in each raw file; None for as many as are found.
        first_frame: place of the first position's frame in its file; None to find it.
        raw_shape_px: rows and columns of headerless frames.
        beamline: name of a preset; "" to recognize it.
    """

    dataset_path: str = ""
    file_pattern: str = ""
    first_file: int | None = None
    patterns_per_file: int | None = None
    first_frame: int | None = None
    raw_shape_px: tuple[int, int] | None = None
    beamline: str = ""

    @classmethod
    def of(cls, parameters: Parameters) -> ReadOptions:
        """Return what these parameters say."""
        given = parameters.preprocessing
        return cls(
            dataset_path=given.dataset_path,
            file_pattern=given.file_pattern,
            first_file=given.first_file,
            patterns_per_file=given.patterns_per_file,
            first_frame=given.first_frame,
            raw_shape_px=given.raw_shape_px,
            beamline=parameters.experiment.beamline,
        )
