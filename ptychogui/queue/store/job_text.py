"""A job as JSON: all that a run needs, and what was known when it was made. It holds no pickle and no array."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ptychogui.errors import DataError, ParameterError
from ptychogui.io.dataset import Dataset
from ptychogui.io.result_header import SourceFile
from ptychogui.jobs.job import Job, Sweep
from ptychogui.params.origins import Source
from ptychogui.params.storage import from_tree, to_tree

SCHEMA_VERSION = 1
"""Raised when a stored name changes its meaning; a new name needs no new version."""


@dataclass(frozen=True)
class JobText:
    """What is stored of a job.

    Attributes:
        job: the job, without what was open of its scan.
        files: its files as they were when it was made.
        facts: what its scan was then, in words and numbers by name.
        versions: version by name of the programs that made it.
    """

    job: Job
    files: tuple[SourceFile, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, job: Job, versions: Mapping[str, str]) -> JobText:
        """Describe a job that was just made, whose scan is known where Job.scan is there.

        Raises:
            ParameterError: the scan is in memory, and can't be stored.
        """
        if job.in_memory:
            raise ParameterError("a scan in memory can't wait in a queue: write it to a file first")
        sources = job.sources
        raw = () if job.scan is None else tuple(file.path for file in job.scan.files if file.path not in sources)
        there = [SourceFile.of(path) for path in sources if path.exists()]
        return cls(job, (*there, *SourceFile.of_series(raw)), _facts(job.scan), versions)

    def changed_files(self) -> tuple[str, ...]:
        """Return the paths of files that are no longer as they were, those of series apart."""
        before = {file.path: file for file in self.files if file.files == 1}
        now = {path: _file_now(path) for path in before}
        return tuple(path for path, file in before.items() if now[path] != file)


def to_text(stored: JobText) -> str:
    """Write a job as JSON text that `from_text` reads back."""
    job = stored.job
    default = Source.DEFAULT
    told = {path: origin for path, origin in job.origins.items() if origin.source is not default}
    return json.dumps(
        {
            "schema": SCHEMA_VERSION,
            "id": job.id,
            "source": None if job.source is None else os.fspath(job.source),
            "output": os.fspath(job.output),
            "command": job.command,
            "parameters": to_tree(job.parameters, told),
            "files": [asdict(file) for file in stored.files],
            "facts": dict(stored.facts),
            "versions": dict(stored.versions),
            **({} if job.sweep is None else {"sweep": asdict(job.sweep)}),
        },
        default=str,
        separators=(",", ":"),
    )


def from_text(text: str) -> JobText:
    """Read what `to_text` wrote, in this version or an older one.

    Raises:
        DataError: the text is no job, or has another schema version.
        ParameterError: it has a parameter or a value that this version does not know.
    """
    try:
        tree = json.loads(text)
        version = tree["schema"]
        if version != SCHEMA_VERSION:
            raise DataError(f"the stored job has schema version {version}; use the ptychogui that made it")
        parameters, origins = from_tree(tree["parameters"])
        source = None if tree["source"] is None else Path(tree["source"])
        sweep = Sweep(**tree["sweep"]) if "sweep" in tree else None
        job = Job(tree["id"], source, parameters, Path(tree["output"]), origins, tree["command"], sweep=sweep)
        files = tuple(SourceFile(**file) for file in tree["files"])
        return JobText(job, files, tree["facts"], tree["versions"])
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"the stored job can't be read ({type(error).__name__}: {error}): add it anew") from error


def _file_now(path: str) -> SourceFile | None:
    try:
        return SourceFile.of(Path(path))
    except OSError:
        return None


def _facts(scan: Dataset | None) -> dict[str, Any]:
    """Say what a scan is without its arrays."""
    if scan is None:
        return {}
    absent = [file.problem for file in scan.files if file.problem]
    return {
        "format": scan.format,
        "frames": list(scan.frames.shape),
        "dtype": str(scan.frames.dtype),
        "positions": None if scan.positions_m is None else len(scan.positions_m),
        "values": {path: [str(found.value), found.place] for path, found in scan.values.items()},
        "notes": list(scan.notes),
        "facts": dict(scan.facts),
        "raw_files": len(scan.files),
        "absent": absent[:20],
    }
