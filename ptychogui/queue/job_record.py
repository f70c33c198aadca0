"""What is kept beside the store of one job while it runs: its log, and its preview."""

from __future__ import annotations

import contextlib
import logging
import math
import os
import time
from datetime import datetime
from pathlib import Path

from PIL import Image

from ptychogui.errors import OutputError
from ptychogui.jobs.job import Job, Progress
from ptychogui.jobs.processes.messages import Picture
from ptychogui.params.storage import to_json
from ptychogui.pictures.thumbnails import thumbnail
from ptychogui.queue.store.folders import LOG, PREVIEW, close_to_others, make_job_folder
from ptychogui.queue.store.job_text import JobText
from ptychogui.states import State

_PREVIEW_S = 3.0
"""Least time between previews."""

_log = logging.getLogger(__name__)


class JobRecord:
    """Log and preview of a job under way. What can't be written, as on a full disk, is lost; the job goes on.

    Args:
        queue: folder of the queue.
        job_id: number of the job.
    """

    def __init__(self, queue: Path, job_id: int) -> None:
        self._picture: Picture | None = None
        self._due_s = time.monotonic()
        self._folder: Path | None = None
        with contextlib.suppress(OutputError):
            self._folder = make_job_folder(queue, job_id)

    def begin(self, text: JobText, job: Job, attempt: int, device: str) -> None:
        """Write down what begins, with which parameters, versions and files."""
        versions = ", ".join(f"{name} {version}" for name, version in text.versions.items())
        self.say(f"start {attempt} of {job.title} on {device}; made with {versions}")
        if self._folder is not None:
            close_to_others(self._folder / LOG)
        self.say(f"source {job.source}; result {job.output}; {job.command}")
        for path in text.changed_files():
            self.say(f"{path} is not as it was when the job was made")
        if attempt == 1:
            self.say(f"parameters {to_json(job.parameters, job.origins)}")

    def iteration(self, progress: Progress) -> None:
        """Write down an iteration, and what was said on the way."""
        for note in progress.notes:
            self.say(f"note: {note}")
        if progress.iteration and progress.state is State.RUNNING:
            free = f", free error {progress.free_error:.6g}" if math.isfinite(progress.free_error) else ""
            self.say(
                f"iteration {progress.iteration}/{progress.iterations}: error {progress.error:.6g}{free}, "
                f"{progress.elapsed_s:.2f} s"
            )

    def say(self, text: str) -> None:
        """Write a line, or several."""
        if self._folder is None:
            return
        when = datetime.now().strftime("%Y-%m-%d %H:%M:%S")
        with contextlib.suppress(OSError):
            log = os.open(self._folder / LOG, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                os.write(log, f"{when} {text}\n".encode(errors="backslashreplace"))
            finally:
                os.close(log)

    def see(self, picture: Picture) -> None:
        """Take the newest picture."""
        self._picture = picture

    def develop(self, at_once: bool = False) -> None:
        """Write the newest picture as the preview, if one is due, or at once."""
        if self._picture is None or self._folder is None or not (at_once or time.monotonic() >= self._due_s):
            return
        self._due_s = time.monotonic() + _PREVIEW_S
        picture, self._picture = self._picture, None
        part = self._folder / f".{PREVIEW}"
        try:
            Image.fromarray(thumbnail(picture.estimate.object)).save(part, "PNG")
            close_to_others(part)
            os.replace(part, self._folder / PREVIEW)
        except (OSError, ValueError) as error:
            _log.debug("no preview: %s", error)
