"""Hypothesis strategies of parameter values, from the declarations alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from ptychogui.params.chain import ENGINE_NAMES
from ptychogui.params.model import Parameters, describe, device_name
from ptychogui.params.preprocessing import numbers_text
from ptychogui.params.schedule import Schedule
from ptychogui.params.spec import Param

_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)


def _stages() -> st.SearchStrategy[str]:
    """One engine, its iterations, its crop, as a chain writes them."""
    counts = st.integers(1, 10_000).map(lambda count: f":{count}")
    return st.builds(
        "{}{}{}".format, st.sampled_from(ENGINE_NAMES), st.just("") | counts, st.sampled_from(["", "/2", "/8"])
    )


def _schedules() -> st.SearchStrategy[str]:
    return st.builds(
        lambda first, more, every: str(Schedule(first, None if more is None else first + more, every)),
        st.integers(0, 1000), st.none() | st.integers(0, 1000), st.integers(1, 20),
    )  # fmt: skip


def _addresses() -> st.SearchStrategy[str]:
    return st.from_regex(r"[a-z.+-]{1,6}@[a-z0-9]{1,4}(\.[a-z]{2})?", fullmatch=True)


_FORMS = {
    "ENGINE:N/CROP,...": st.lists(_stages(), min_size=1, max_size=3).map(",".join),
    "FROM:UNTIL:EVERY": _schedules(),
    "N,N-N,...": st.sets(st.integers(1, 40), max_size=8).map(
        lambda numbers: numbers_text(range(number, number + 1) for number in numbers)
    ),
    "ADDRESS[,ADDRESS]": st.lists(_addresses(), max_size=2).map(", ".join),
}
"""Values of texts that have a form."""


def values_of(param: Param) -> st.SearchStrategy[Any]:
    """Every value that the declaration allows."""
    if param.kind is bool:
        return st.booleans()
    if param.kind == "choice":
        values: st.SearchStrategy[Any] = st.sampled_from(param.choices)
    elif param.kind == "pair":
        values = st.tuples(_numbers(param.item, param), _numbers(param.item, param))
    elif param.kind is Path:
        values = st.one_of(_TEXT, st.sampled_from(["none", " None", "0", "1", "a b/c'd.csv"])).map(Path)
    elif param.form:
        values = _FORMS[param.form]
    elif param.kind is str:
        values = _TEXT.map(device_name) if param.path == "devices.device" else _TEXT
    else:
        values = _numbers(param.kind, param)
    return st.one_of(st.none(), values) if param.optional else values


def parameters(only_flagged: bool = False) -> st.SearchStrategy[Parameters]:
    """Sets of parameters, a few of them changed."""
    chosen = [param for param in describe() if param.flag or not only_flagged]
    changes = st.fixed_dictionaries({}, optional={param.path: values_of(param) for param in chosen})
    return changes.map(lambda values: Parameters().replace(values))


def _numbers(kind: type, param: Param) -> st.SearchStrategy[Any]:
    if kind is int:
        low = None if param.minimum is None else int(param.minimum) + param.exclusive_minimum
        high = None if param.maximum is None else int(param.maximum)
        step = param.multiple_of or 1
        return st.integers(low and -(-low // step), high and high // step).map(lambda number: number * step)
    return st.floats(
        param.minimum, param.maximum, exclude_min=param.exclusive_minimum, exclude_max=param.exclusive_maximum,
        allow_nan=False, allow_infinity=False,
    )  # fmt: skip
