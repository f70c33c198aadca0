"""The page for docs/performance.md: what a trial found, as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any


def page(found: Mapping[str, Any]) -> str:
    """Return the page of a trial, whole or under way.

    Args:
        found: what gpu.json holds.
    """
    steps = found["steps"]
    parts = [
        _machine(found["began"], _figures(steps, "here")),
        _table(("step", "s", "outcome", "words"), (_outcome(step) for step in steps.values())),
        _bench(_figures(steps, "bench")),
        _times(_figures(steps, "times")),
        _engines(_figures(steps, "engines")),
        _memory(_figures(steps, "memory")),
        _star(_figures(steps, "star")),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _figures(steps: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    return steps.get(name, {}).get("figures", {})  # type: ignore[no-any-return]


def _machine(began: str, here: Mapping[str, Any]) -> str:
    libraries = ", ".join(f"{name} {version}" for name, version in here.get("libraries", {}).items())
    words = (
        f"compute capability {here.get('compute_capability')}", f"{here.get('multiprocessors')} multiprocessors",
        f"L2 of {here.get('l2_bytes')} bytes", f"driver {here.get('driver_cuda')}", f"NVRTC {here.get('nvrtc')}",
        f"Python {here.get('python')}", libraries,
    )  # fmt: skip
    return f"{began[:10]}, {here.get('gpu', 'no GPU')}: {', '.join(words)}."


def _outcome(step: Mapping[str, Any]) -> Sequence[Any]:
    return step["title"], step["seconds"], step.get("verdict", "under way"), step.get("words", "")


def _bench(figures: Mapping[str, Any]) -> str:
    if "rows" not in figures:
        return ""
    heads = ("engine", "N", "modes", "positions", "of L2", "graphs", "positions/s", "bare FFTs", "ratio", "of a copy")
    rows = (
        (row["engine"], row["n"], row["modes"], row["sub_pixel"], row["part_of_l2"] or "own batch", row["graphs"],
         round(row["positions_per_s"]), round(row["fft_positions_per_s"]), f"{row['ratio']:.2f}",
         f"{row['part_of_copy']:.2f}")
        for row in figures["rows"]
    )  # fmt: skip
    return f"A copy moves {figures['copy_bytes_per_s'] / 1e9:.0f} GB/s.\n\n{_table(heads, rows)}"


def _times(figures: Mapping[str, Any]) -> str:
    return _table(("what", "us"), ((name, _number(value)) for name, value in _flat(figures)))


def _flat(values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Return each number with the names on the way to it."""
    for name, value in values.items():
        if isinstance(value, dict):
            yield from ((f"{name}, {key}", part) for key, part in _flat(value))
        else:
            yield name, value


def _number(value: Any) -> str:
    return f"{value:.2f}" if isinstance(value, float) else str(value)


def _engines(figures: Mapping[str, Any]) -> str:
    rows = (
        (name, f"{value['cpu'][-1]:.5f}", f"{value['gpu'][-1]:.5f}", f"{value['largest_difference']:.1e}")
        if "gpu" in value else (name, "", value["error"], "")
        for name, value in figures.items()
    )  # fmt: skip
    return _table(("engine and options, 4 modes", "last error, CPU", "GPU", "largest difference"), rows)


def _memory(figures: Mapping[str, Any]) -> str:
    keys = ("announced_bytes", "taken_during_bytes", "taken_after_first_bytes", "taken_after_second_bytes")
    rows = ((name, *(f"{value[key] / 1e6:.1f}" for key in keys)) for name, value in figures.items())
    return _table(("engine", "announced, MB", "taken, MB", "left by the first, MB", "by both, MB"), rows)


def _star(figures: Mapping[str, Any]) -> str:
    rows = (
        (name, value["iterations"], value["modes"], round(value["positions_per_s"]), f"{value['error']:.3f}",
         f"{sum(value['seconds'].values()):.1f}")
        for name, value in figures.items()
    )  # fmt: skip
    return _table(("Siemens star by", "iterations", "modes", "positions/s", "error", "all, s"), rows)


def _table(heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return a table, or nothing where it has no rows."""
    lines = [_line(row) for row in rows]
    return "\n".join([_line(heads), _line(["---"] * len(heads)), *lines]) if lines else ""


def _line(cells: Iterable[Any]) -> str:
    return "| " + " | ".join(str(cell).replace("|", "/").replace("\n", " ") for cell in cells) + " |"
