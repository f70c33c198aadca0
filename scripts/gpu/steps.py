"""Steps of a trial on a GPU: what each is called, where it is, and how long it may take; the worst news comes first."""

from __future__ import annotations

from dataclasses import dataclass

STAR = "SIEMENS_STAR"
"""The environment's variable with the path of the Siemens star's scan."""

TOTAL_S = 475.0
"""What all steps together may take."""


@dataclass(frozen=True)
class Step:
    """One step, done by a process of its own.

    Attributes:
        name: what it is called on the command line and in the JSON.
        title: what it shows.
        limit_s: after so long its process is ended.
        work: "module:function" that is given Figures.
    """

    name: str
    title: str
    limit_s: float
    work: str


STEPS = (
    Step("here", "what is here, and whether the kernels compile", 25.0, "scripts.gpu.work.here:look"),
    Step(
        "kernels",
        "kernels against twins, FFTs, repeated bits, out of memory",
        75.0,
        "scripts.gpu.work.marked_tests:kernels",
    ),
    Step("engine_tests", "graphs, streaming, constraints", 55.0, "scripts.gpu.work.marked_tests:engines"),
    Step("engines", "errors of engines against the CPU's", 65.0, "scripts.gpu.work.compared:compare"),
    Step("memory", "memory before and after engines, collector off", 20.0, "scripts.gpu.work.memory:look"),
    Step("times", "plan making, launches, kernels", 40.0, "scripts.gpu.work.times:measure"),
    Step("bench", "engines over bare FFTs, by batch and graphs", 75.0, "scripts.gpu.work.bench:measure"),
    Step("star", "the Siemens star by each engine", 45.0, "scripts.gpu.work.star:reconstruct_star"),
    Step("sanitizer", "compute-sanitizer on a small case", 40.0, "scripts.gpu.work.sanitizer:look"),
    Step("child", "an index out of range in an engine's child", 30.0, "scripts.gpu.work.lost_child:lose"),
)
