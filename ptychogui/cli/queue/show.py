"""`ptychogui queue list`, `show` and `log`: where jobs stand."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from ptychogui.cli.shared_options import json_option
from ptychogui.cli.terminal import stdout_width, table, tell
from ptychogui.errors import DataError
from ptychogui.params.click_words import Command
from ptychogui.params.commandline import format_text
from ptychogui.params.model import by_path
from ptychogui.params.origins import Source
from ptychogui.queue.owner import owner_text
from ptychogui.queue.store.entry import Entry
from ptychogui.queue.store.folders import PREVIEW, job_folder, job_log
from ptychogui.queue.store.job_text import JobText
from ptychogui.queue.store.store import Store
from ptychogui.queue.waiting import why_it_waits
from ptychogui.states import State

_OF_JOBS = [state.value for state in State if state not in (State.CHECKPOINT, State.TRUTH)]


@click.command("list", cls=Command)
@json_option
@click.option("--state", type=click.Choice(_OF_JOBS), help="Only jobs in this state.")
def list_command(as_json: bool, state: str | None) -> None:
    """List the jobs in the order in which they come."""
    with Store() as store:
        lanes = store.lanes() if owner_text(store.folder) else None
        rows = [_told(store, entry, lanes) for entry in store.entries(None if state is None else State(state))]
    if as_json:
        lines = ",\n".join(map(json.dumps, rows))
        tell(f"[\n{lines}\n]" if rows else "[]")
    elif rows:
        tell(table([_HEAD, *map(_line, rows)], stdout_width()))


@click.command(cls=Command)
@click.argument("job", type=int)
@json_option
def show(job: int, as_json: bool) -> None:
    """Say all that is known of a job: where it stands, its starts, its values, its files."""
    with Store() as store:
        told = _told(store, store.entry(job), store.lanes() if owner_text(store.folder) else None)
        text, starts, findings = store.text(job), store.starts(job), store.findings(job)
    told["preview"] = str(job_folder(store.folder, job) / PREVIEW)
    if as_json:
        more = {"findings": findings, "starts": [asdict(start) for start in starts]}
        tell(json.dumps({**told, **more, **_content(text)}, indent=1))
        return
    tell(table([(name, _cell(value)) for name, value in told.items()], stdout_width()))
    for finding in findings:
        tell(f"{finding['title']}: {finding['reason']}; try {finding['advice']} {finding['options']}".rstrip())
    for start in starts:
        tell(f"start on {start.lane}: {start.started} to {start.ended or 'now'} {start.state} {start.cause}".rstrip())
    tell(table([(name, value, origin) for name, (value, origin) in _content(text)["values"].items()], stdout_width()))


@click.command("log", cls=Command)
@click.argument("job", type=int)
def log_command(job: int) -> None:
    """Print the log of a job: parameters, every iteration, what was noticed, how it ended."""
    with Store() as store:
        path = Path(job_log(store.folder, store.entry(job).id))
    try:
        text = path.read_text(encoding="utf-8", errors="backslashreplace")
    except FileNotFoundError:
        raise DataError(f"job {job} has no log yet: it was not begun") from None
    except OSError as error:
        raise DataError(f"can't read {path}: {(error.strerror or str(error)).lower()}") from error
    tell(text.rstrip("\n"))


_HEAD = ("job", "state", "lane", "iteration", "error", "title", "")


def _told(store: Store, entry: Entry, lanes: dict[str, str] | None) -> dict[str, Any]:
    """Return what is told of a job by name."""
    return {
        "id": entry.id, "title": entry.title, "state": entry.state.value, "device": entry.device, "lane": entry.lane,
        "priority": entry.priority, "attempts": entry.attempts, "iteration": entry.iteration,
        "iterations": entry.iterations, "error": entry.error, "cause": entry.cause or why_it_waits(entry, lanes),
        "asked": entry.asked, "source": entry.source, "result": entry.result,
        "log": job_log(store.folder, entry.id), "made": entry.made, "started": entry.started, "ended": entry.ended,
        "batch": entry.batch, "sweep": json.loads(entry.sweep) if entry.sweep else None,
    }  # fmt: skip


def _line(told: dict[str, Any]) -> tuple[str, ...]:
    error = "" if told["error"] is None else f"{told['error']:.4g}"
    state = f"{told['state']}, to {told['asked']}" if told["asked"] else told["state"]
    done = f"{told['iteration']}/{told['iterations']}" if told["attempts"] else ""
    return str(told["id"]), state, told["lane"] or told["device"], done, error, told["title"], told["cause"]


def _cell(value: Any) -> str:
    return "" if value is None else str(value)


def _content(text: JobText) -> dict[str, Any]:
    """Return what a job is made of: values that are no defaults with their origins, files, facts, versions."""
    job = text.job
    named = {path: origin for path, origin in job.origins.items() if origin.source is not Source.DEFAULT}
    values = {path: (format_text(by_path()[path], job.parameters.get(path)), str(origin))
              for path, origin in named.items()}  # fmt: skip
    return {
        "values": values, "command": job.command, "files": [asdict(file) for file in text.files],
        "facts": dict(text.facts), "versions": dict(text.versions),
    }  # fmt: skip
