"""Groups of positions that are updated together: without overlap for ePIE, drawn or spread for LSQML."""

from __future__ import annotations

import numpy as np
import scipy

from ptychogui.engines.state import EngineState


def group_capacity(positions: int) -> int:
    """Return the most positions of a group: what they give to the object is kept until the group is done.

    That takes an eighth of the memory of the frames, or sixteen patterns of complex64 where this is more.
    """
    return min(positions, max(16, positions // 16))


def conflicts(corners: np.ndarray, support: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find which positions overlap which.

    Args:
        corners: int (positions, 2), window corners in the object.
        support: bool (N, N), True where the probe may change the object.

    Returns:
        (first, neighbors): the neighbors of position i are neighbors[first[i]:first[i + 1]].
    """
    reach = max(int(np.ptp(np.flatnonzero(support.any(axis=axis)))) for axis in (0, 1))
    pairs = scipy.spatial.cKDTree(corners).query_pairs(reach, p=np.inf, output_type="ndarray").astype(np.int32)
    shift = corners[pairs[:, 1]] - corners[pairs[:, 0]]
    overlap = _autocorrelation(support)
    pairs = pairs[overlap[shift[:, 0], shift[:, 1]] > 0.5]
    both = np.concatenate([pairs, pairs[:, ::-1]])
    both = both[np.argsort(both[:, 0], kind="stable")]
    first = np.searchsorted(both[:, 0], np.arange(len(corners) + 1))
    return first, both[:, 1]


def probe_ellipse(power: np.ndarray, share: float) -> np.ndarray:
    """Enclose a share of the probe's power in an ellipse of the shape that its second moments give.

    Args:
        power: float (N, N), sum over modes of |probe|^2.
        share: of the total power inside, in (0, 1].

    Returns:
        bool (N, N), True inside.
    """
    n = len(power)
    total = power.sum()
    axes = np.arange(n)
    center = np.array([(power.sum(axis=1) * axes).sum(), (power.sum(axis=0) * axes).sum()]) / total
    rows, columns = axes[:, None] - center[0], axes[None, :] - center[1]
    moments = [(power * product).sum() / total + same for product, same in
               ((rows * rows, 0.25), (columns * columns, 0.25), (rows * columns, 0.0))]  # fmt: skip
    determinant = moments[0] * moments[1] - moments[2] ** 2
    distance = (moments[1] * rows**2 + moments[0] * columns**2 - 2 * moments[2] * rows * columns) / determinant
    order = np.argsort(distance, axis=None)
    inside = np.searchsorted(np.cumsum(power.ravel()[order]), share * total)
    return np.asarray(distance <= distance.ravel()[order[min(inside, n * n - 1)]])


def _autocorrelation(support: np.ndarray) -> np.ndarray:
    """Pixels that the support shares with itself shifted by (rows, columns); negative shifts index from the end."""
    size = 2 * len(support)
    spectrum = scipy.fft.rfft2(support.astype(np.float64), (size, size))
    return np.asarray(scipy.fft.irfft2(np.abs(spectrum) ** 2, (size, size)))


def color(first: np.ndarray, neighbors: np.ndarray, capacity: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Split positions into groups without conflicts, evenly filled, at random.

    Greedy coloring in random order: once first-fit to learn how many groups are needed, once giving each position to
    the emptiest group that may take it.

    Args:
        first, neighbors: as `conflicts` gives them.
        capacity: most positions of a group, >= 1.
        rng: source of the order.

    Returns:
        int32 arrays of positions, in random order; every position is in exactly one.
    """
    order = rng.permutation(len(first) - 1)
    needed = int(_assign(first, neighbors, order, capacity, 0).max()) + 1
    groups = _assign(first, neighbors, order, capacity, needed)
    by_group = order[np.argsort(groups[order], kind="stable")]
    cuts = np.cumsum(np.bincount(groups))[:-1]
    split = [members.astype(np.int32) for members in np.split(by_group, cuts) if len(members)]
    return [split[i] for i in rng.permutation(len(split))]


def _assign(first: np.ndarray, neighbors: np.ndarray, order: np.ndarray, capacity: int, groups: int) -> np.ndarray:
    """Give every position a group: the emptiest possible of `groups`, or else the first possible, or else a new one."""
    chosen = np.full(len(order), -1)
    sizes = np.full(len(order) + 1, capacity)
    sizes[:groups] = 0
    known = groups
    for i in order:
        taken = chosen[neighbors[first[i] : first[i + 1]]]
        load = sizes[:known].copy()
        load[taken[taken >= 0]] = capacity
        best = int(load.argmin() if groups else (load < capacity).argmax()) if known else 0
        if not known or load[best] >= capacity:
            best, known = known, known + 1
            sizes[best] = 0
        chosen[i] = best
        sizes[best] += 1
    return chosen


class Grouping:
    """Groups of one support, drawn a few times and then reused in a new order each iteration."""

    _DRAWS = 6

    def __init__(self, corners: np.ndarray, support: np.ndarray, capacity: int, rng: np.random.Generator) -> None:
        self._first, self._neighbors = conflicts(corners, support)
        self._capacity, self._rng = capacity, rng
        self._drawn: list[list[np.ndarray]] = []

    def draw(self) -> list[np.ndarray]:
        """Return the groups of the next iteration."""
        if len(self._drawn) < self._DRAWS:
            self._drawn.append(color(self._first, self._neighbors, self._capacity, self._rng))
            return self._drawn[-1]
        groups = self._drawn[int(self._rng.integers(self._DRAWS))]
        return [groups[i] for i in self._rng.permutation(len(groups))]

    def state(self) -> EngineState:
        """Return what was drawn: positions int32 (draws, positions), and bool alike where a group begins."""
        positions = len(self._first) - 1
        members = np.array([np.concatenate(groups) for groups in self._drawn], np.int32).reshape(-1, positions)
        begins = np.zeros(members.shape, bool)
        for row, groups in zip(begins, self._drawn, strict=True):
            row[np.cumsum([0, *map(len, groups[:-1])])] = True
        return {"members": members, "begins": begins}

    def restore(self, state: EngineState) -> None:
        """Go on with what was drawn."""
        rows = zip(np.array(state["members"]), np.array(state["begins"]), strict=True)
        self._drawn = [np.split(members, np.flatnonzero(begins)[1:]) for members, begins in rows]


class SerialOrder:
    """Every position alone, in a fresh random order each iteration: the textbook's ePIE."""

    def __init__(self, positions: int, rng: np.random.Generator) -> None:
        self._positions, self._rng = positions, rng

    def draw(self) -> list[np.ndarray]:
        """Return the positions of the next iteration, one a group."""
        return [np.array([i], dtype=np.int32) for i in self._rng.permutation(self._positions)]

    def state(self) -> EngineState:
        """Return nothing: one order tells nothing of the next."""
        return {}

    def restore(self, _state: EngineState) -> None:
        """Do nothing."""


def draw_groups(kind: str, corners: np.ndarray, size: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Cut all positions into groups that are updated together, of `size` or a little less, in random order.

    Args:
        kind: "random"; "compact", of neighbors; or "sparse", each group spread evenly over the scan.
        corners: int (positions, 2), where the positions are.
        size: most positions of a group, >= 1.
        rng: source of the order.

    Returns:
        int32 arrays of positions; every position is in exactly one.
    """
    positions = len(corners)
    count = -(-positions // size)
    if kind == "compact":
        groups = _cells(corners, count, rng)
    elif kind == "sparse":
        groups = _dealt(_cells(corners, -(-positions // count), rng), count, rng)
    else:
        groups = np.array_split(rng.permutation(positions), count)
    return [groups[i].astype(np.int32) for i in rng.permutation(len(groups))]


def _cells(corners: np.ndarray, count: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Cut positions into `count` cells of neighbors, as equal as can be, by halving along axes turned at random."""
    angle = rng.uniform(0, np.pi)
    turned = corners @ np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])

    def halve(members: np.ndarray, parts: int) -> list[np.ndarray]:
        if parts == 1:
            return [members]
        axis = int(np.ptp(turned[members], axis=0).argmax())
        members = members[np.argsort(turned[members, axis], kind="stable")]
        first = len(members) * (parts // 2) // parts
        return halve(members[:first], parts // 2) + halve(members[first:], parts - parts // 2)

    return halve(np.arange(len(corners)), count)


def _dealt(cells: list[np.ndarray], count: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Deal the positions of each cell to `count` groups, beginning where the cell before ended."""
    deck = np.concatenate([rng.permutation(cell) for cell in cells])
    return [deck[first::count] for first in range(min(count, len(deck)))]
