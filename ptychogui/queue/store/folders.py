"""Folders of the queue: readable by their owner alone, or by the group where the folder above is shared with it."""

from __future__ import annotations

import contextlib
import shutil
import stat
from pathlib import Path

from ptychogui.errors import OutputError
from ptychogui.io.atomic import make_folders, output_error, sync_folder
from ptychogui.jobs.checkpoints.state_file import part_of_state_file

STORE = "queue.sqlite"
LOG = "log.txt"
PREVIEW = "preview.png"
CHECKPOINT = "checkpoint"

_SHARED = stat.S_ISGID | stat.S_IWGRP
"""What a shared account sets on a folder (chmod g+ws) whose content belongs to the group."""


def make_folder(folder: Path) -> Path:
    """Make a folder of the queue if there is none, closed to others; return it.

    Raises:
        OutputError: it can't be made.
    """
    try:
        make_folders(folder.parent)
        is_shared = _is_shared(folder.parent)
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700)
            folder.chmod(0o2770 if is_shared else 0o700)
            sync_folder(folder.parent)
    except OSError as error:
        raise output_error(folder, error) from error
    if not folder.is_dir():
        raise OutputError(f"can't make the folder {folder}: a file has this name; move it away, or set PTYCHOGUI_HOME")
    return folder


def close_to_others(file: Path) -> None:
    """Give a file of the queue the rights of its folder."""
    with contextlib.suppress(OSError):
        file.chmod(0o660 if _is_shared(file.parent) else 0o600)


def job_folder(queue: Path, job_id: int) -> Path:
    """Return the folder of a job: its log, its preview, and its checkpoint."""
    return queue / "jobs" / str(job_id)


def job_log(queue: Path, job_id: int) -> str:
    """Return the path of a job's log, whether it is there or not."""
    return f"{queue}/jobs/{job_id}/{LOG}"


def job_checkpoint(queue: Path, job_id: int) -> Path:
    """Return where the whole state of a job is kept while it runs."""
    return job_folder(queue, job_id) / CHECKPOINT


def forget_state(queue: Path, job_id: int) -> None:
    """Remove the whole state of a job, and what a killed process has left of one, so that it begins anew."""
    checkpoint = job_checkpoint(queue, job_id)
    for path in (checkpoint, part_of_state_file(checkpoint)):
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


def make_job_folder(queue: Path, job_id: int) -> Path:
    """Make the folder of a job.

    Raises:
        OutputError: it can't be made.
    """
    make_folder(queue / "jobs")
    return make_folder(job_folder(queue, job_id))


def remove_job_folder(queue: Path, job_id: int) -> None:
    """Remove what is kept with a job, as far as that can be done."""
    shutil.rmtree(job_folder(queue, job_id), ignore_errors=True)


def _is_shared(folder: Path) -> bool:
    return folder.stat().st_mode & _SHARED == _SHARED
