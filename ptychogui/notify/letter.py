"""The mail that a report becomes: subject, text, and pictures as far as there is room."""

from __future__ import annotations

import os
import socket
from email.message import EmailMessage
from email.utils import formatdate
from pathlib import Path

from ptychogui import __version__
from ptychogui.errors import DataError
from ptychogui.notify.attachments import Attachment, pictures_of, thumbnails_of
from ptychogui.notify.report import JobLine, Report
from ptychogui.notify.settings import PostSettings
from ptychogui.texts import counted, printable

_TEXT_BYTES = 20_000
"""Room for all but the pictures, beside the text itself."""


def letter(report: Report, settings: PostSettings, limit_bytes: int) -> EmailMessage:
    """Make the mail of a report; the same report gives the same Message-ID.

    Args:
        report: what is told.
        settings: who sends it.
        limit_bytes: how large the mail may be, as it is sent.
    """
    message = EmailMessage()
    message["From"] = settings.from_address
    message["To"] = report.to
    message["Subject"] = subject(report)
    message["Date"] = formatdate(localtime=True)
    message["Message-ID"] = f"<{report.uid}@{settings.from_address.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    text = body(report)
    files, problem = _pictures(report, limit_bytes - len(text.encode()) * 2 - _TEXT_BYTES)
    notes = [f"{file.name}: {file.note}" for file in files if file.note] + ([problem] if problem else [])
    message.set_content("\n".join([text, *notes, "", _signature(report)]))
    for file in files:
        main, _, sub = file.kind.partition("/")
        message.add_attachment(file.content, maintype=main, subtype=sub, filename=_of_file(file.name))
    return message


def subject(report: Report) -> str:
    """Say in one line what has ended, and how."""
    if report.jobs:
        done = sum(line.state == "done" for line in report.jobs)
        rest = ", ".join(f"{count} {word}" for word, count in _others(report).items())
        return _line(f"[ptychogui] {report.title}: {done} of {len(report.jobs)} done{f', {rest}' if rest else ''}")
    return _line(f"[ptychogui] {report.title}: {report.state}")


def body(report: Report) -> str:
    """Return the text of the mail."""
    head = _batch_head(report) if report.jobs else [f"{report.title} is {report.state}."]
    rows = {
        "cause": report.cause, "error": _error(report), "time": _time(report), "device": report.device,
        "scan": report.source, "result": report.result, "log": report.log,
    }  # fmt: skip
    lines = [*head, "", *(f"{name:8}{value}" for name, value in rows.items() if value)]
    if report.noticed:
        lines += ["", "Noticed:", *(f"  {sentence}" for sentence in report.noticed)]
    if report.parameters:
        width = max(map(len, report.parameters)) + 2
        lines += ["", "Parameters that are no defaults:"]
        lines += [f"  {name:{width}}{value}" for name, value in report.parameters.items()]
    return printable("\n".join(lines))


def _batch_head(report: Report) -> list[str]:
    """Say how many jobs of a batch ended how: first those that are not done, with why, then the others."""
    others = [line for line in report.jobs if line.state != "done"]
    done = [line for line in report.jobs if line.state == "done"]
    told = [f"{report.title} has ended: {len(done)} of {counted(len(report.jobs), 'job')} done."]
    told += ["", "Not done:", *map(_of_job, others)] if others else []
    return told + (["", "Done:", *map(_of_job, done)] if done else [])


def _of_job(line: JobLine) -> str:
    state = "" if line.state == "done" else f" {line.state}"
    why = f": {' '.join(line.cause.split())}" if line.cause else ""
    return f"  {line.title}{state}{why}{f'  {line.result}' if line.result else ''}"


def _others(report: Report) -> dict[str, int]:
    words = [line.state for line in report.jobs if line.state != "done"]
    return {word: words.count(word) for word in dict.fromkeys(words)}


def _error(report: Report) -> str:
    if report.error is None:
        return ""
    return f"{report.error:.4g} after {report.iteration} of {counted(report.iterations, 'iteration')}"


def _time(report: Report) -> str:
    return f"{report.started} to {report.ended}" if report.started and report.ended else report.ended


def _pictures(report: Report, limit_bytes: int) -> tuple[list[Attachment], str]:
    """Return the pictures, and what is to be said where there are none though there is a result."""
    if report.jobs:
        return thumbnails_of([Path(line.result) for line in report.jobs if line.result], limit_bytes), ""
    if not report.result:
        return [], ""
    try:
        return pictures_of(Path(report.result), limit_bytes), ""
    except DataError as error:
        return [], f"No pictures: {error}"


def _signature(report: Report) -> str:
    of = f", job {report.job} of its queue" if report.job else ""
    return f"-- \nptychogui {__version__} on {socket.gethostname()}{of}"


def _line(text: str) -> str:
    return " ".join(printable(text).split())


def _of_file(name: str) -> str:
    return printable(os.path.basename(name))
