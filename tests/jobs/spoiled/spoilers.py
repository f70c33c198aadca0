"""Everything that goes wrong with scan files, each with the words that name it."""

from __future__ import annotations

from tests.jobs.spoiled.spoilers_of_files import FILES
from tests.jobs.spoiled.spoilers_of_frames import FRAMES

SPOILINGS = (*FRAMES, *FILES)
