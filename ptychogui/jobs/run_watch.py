"""The watch over a run: hands a chain's errors and estimates to the convergence watch, and keeps what it finds."""

from __future__ import annotations

from dataclasses import asdict

from ptychogui.engines.base import Estimate
from ptychogui.engines.state import EngineState, joined, part_of
from ptychogui.jobs.convergence import ConvergenceWatch
from ptychogui.jobs.engine_chain import EngineChain
from ptychogui.jobs.run_findings import RunFinding
from ptychogui.params.reconstruction import Reconstruction


class RunWatch:
    """What was found in a run so far.

    Args:
        settings: of the job.
        modes: of its probe.

    Attributes:
        findings: all, in their order.
    """

    def __init__(self, settings: Reconstruction, modes: int) -> None:
        self.findings: list[RunFinding] = []
        self._convergence = ConvergenceWatch(settings, modes)
        self._told = 0
        self._begin = self._seen = -1

    def look(self, chain: EngineChain) -> tuple[str, ...]:
        """Look at the errors after an iteration; return what is to be said, besides what the chain says itself."""
        self._enter_stage(chain)
        engine, begin = chain.stage
        self._take(chain)
        new = self._convergence.look(engine, begin, chain.errors, chain.iterations - chain.iteration)
        self.findings += new
        return tuple(finding.text for finding in new)

    def see(self, chain: EngineChain, estimate: Estimate) -> tuple[str, ...]:
        """Look at an estimate that was copied for something else; return what is to be said."""
        self._enter_stage(chain)
        self._take(chain)
        if chain.iteration == self._seen:
            return ()
        self._seen = chain.iteration
        positions_px = chain.positions_m() / chain.pixel_m
        new = self._convergence.see(chain.iteration, estimate.probe, positions_px, chain.stage[0])
        self.findings += new
        return tuple(finding.text for finding in new)

    def news(self) -> tuple[RunFinding, ...]:
        """Return what was found since this was asked."""
        news, self._told = tuple(self.findings[self._told :]), len(self.findings)
        return news

    def state(self) -> EngineState:
        """Return all that it has seen and found."""
        own = {"findings": [asdict(finding) for finding in self.findings], "begin": self._begin, "seen": self._seen}
        return {**own, **joined(convergence=self._convergence.state())}

    def restore(self, state: EngineState) -> None:
        """Go on as one that gave this state; all findings are told again."""
        self.findings = [RunFinding(**finding) for finding in state["findings"]]
        self._begin, self._seen, self._told = state["begin"], state["seen"], 0
        self._convergence.restore(part_of(state, "convergence"))

    def _enter_stage(self, chain: EngineChain) -> None:
        if chain.stage[1] != self._begin:
            self._begin = chain.stage[1]
            self._convergence.begin_stage()

    def _take(self, chain: EngineChain) -> None:
        """Take over what the chain has found, which it says itself."""
        self.findings += chain.findings
        chain.findings.clear()
