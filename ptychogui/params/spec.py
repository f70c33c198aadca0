"""Declarations of parameters: how one is made, and how it is read. Holds no parameter itself."""

from __future__ import annotations

import types
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined


class Group(BaseModel):
    """A frozen group of parameters; unknown names are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


@dataclass(frozen=True)
class TextForm:
    """What a text looks like that is no free one, as the option's help shows it; annotates the type."""

    text: str


MARKS = {
    "needed": "no reconstruction can do without it",
    "reading": "says how a scan's files are found and read",
    "of measured scans": "means nothing for a simulated scan",
    "of one scan": "means nothing for another scan, so that it is not carried over to it",
    "for now": "a batch of scans may share it, and another scan that is opened later is likely to have another",
    "geometry": "belongs to a beamline and its detector",
    "names a scan": "several scans can't share it",
    "of the start": "is used up before the first iteration",
    "or never": "is never at 0, and may be given as that word",
}
"""What else is to be known of some parameters: each mark and what it says."""


def param(  # noqa: PLR0913 - a declaration says everything about its parameter in one place
    default: Any,
    title: str,
    help: str,  # noqa: A002
    *,
    unit: str = "",
    flag: str = "",
    advanced: bool = False,
    ge: float | None = None,
    gt: float | None = None,
    le: float | None = None,
    lt: float | None = None,
    multiple_of: int | None = None,
    awaits: str = "",
    engines: tuple[str, ...] = (),
    suggestions: tuple[str, ...] = (),
    usual: tuple[float, float] | None = None,
    engine_defaults: Mapping[str, float] | None = None,
    marks: tuple[str, ...] = (),
    none: str = "none",
) -> Any:
    """Declare one parameter on a Group.

    Args:
        default: value when nobody says otherwise; None means 'not known' and shows as an empty editor.
        title: label of the form's editor.
        help: tooltip, option help and reference text; a full sentence.
        unit: SI unit of the stored value ("m", "eV", "s") or a counting unit ("px", "counts"); "" if none.
        flag: ptychopy's flag without the dash ("dx_d"); "" where ptychopy has none.
        advanced: folded away in the form at first.
        ge: smallest allowed value. Bounds are checked by pydantic; those of a pair are on its item type (PositiveInt).
        gt: the value is above this.
        le: largest allowed value.
        lt: the value is below this.
        multiple_of: step of the allowed values (2: even numbers).
        awaits: what this version lacks to give the parameter an effect; the form shows it disabled with
            this reason and a job that sets it is refused. "" (nearly always) means that it works.
        engines: engines in which the parameter has an effect; () where all of them heed it. A job that sets it for
            other engines is refused.
        suggestions: words that a text is often one of; the form offers them.
        usual: what X-ray ptychography is done with; smaller or larger values are mistakes, as a rule of the unit.
        engine_defaults: what engines take where the value is None.
        marks: words of MARKS that hold.
        none: how None is written: "none", or "auto" where the program chooses a value then, and says which.
    """
    assert set(marks) <= MARKS.keys(), f"{title}: a mark is one of {', '.join(MARKS)}"
    extra: Any = {"unit": unit, "flag": flag, "advanced": advanced, "awaits": awaits, "none": none,
                  "engines": list(engines), "suggestions": list(suggestions), "usual": usual,
                  "engine_defaults": dict(engine_defaults or {}), "marks": list(marks)}  # fmt: skip
    bounds: Any = {"ge": ge, "gt": gt, "le": le, "lt": lt, "multiple_of": multiple_of}
    return Field(default, title=title, description=help, json_schema_extra=extra, **bounds)


@dataclass(frozen=True)
class Param:
    """One declared parameter, as forms, options, files and the reference page read it.

    `kind` is the plain type: bool, int, float, str, Path, "choice" or "pair" (two numbers, row then column);
    `item` is the type of a pair's numbers; `optional` says whether None ('not known') is allowed, and `none` how it is
    written; the bounds are those of each number of a pair; `form` is what a text looks like, "" where any will do.
    """

    path: str
    group: str
    name: str
    kind: Any
    item: Any
    optional: bool
    default: Any
    title: str
    help: str
    unit: str
    flag: str
    advanced: bool
    awaits: str
    choices: tuple[str, ...]
    minimum: float | None
    maximum: float | None
    exclusive_minimum: bool
    exclusive_maximum: bool
    multiple_of: int | None
    engines: tuple[str, ...] = ()
    suggestions: tuple[str, ...] = ()
    form: str = ""
    usual: tuple[float, float] | None = None
    engine_defaults: Mapping[str, float] = field(default_factory=dict)
    marks: tuple[str, ...] = ()
    none: str = "none"

    def heeded_by(self, engines: Iterable[str]) -> bool:
        """Whether the parameter has an effect in one of these engines."""
        return not self.engines or not set(self.engines).isdisjoint(engines)

    @property
    def option(self) -> str:
        """Command-line option: the name without its unit suffix, dashed ("energy_eV" -> "--energy")."""
        stem = self.name
        for suffix in ("_eV", "_m", "_px", "_s", "_counts"):
            stem = stem.removesuffix(suffix)
        return "--" + stem.replace("_", "-")


def describe_group(group: str, model: type[Group]) -> tuple[Param, ...]:
    """List the parameters of one group in order of declaration."""
    return tuple(_describe(group, name, info) for name, info in model.model_fields.items())


def _describe(group: str, name: str, info: FieldInfo) -> Param:
    kind, item, choices, optional, constraints = plain_type(info.annotation)
    extra = info.json_schema_extra
    assert isinstance(extra, dict), f"{group}.{name} must be declared with param()"
    bounds = {key: value for entry in (*info.metadata, *constraints) for key, value in _bounds_of(entry)}
    low, high = bounds.get("ge", bounds.get("gt")), bounds.get("le", bounds.get("lt"))
    return Param(
        path=f"{group}.{name}", group=group, name=name, kind=kind, item=item, optional=optional,
        default=None if info.default is PydanticUndefined else info.default,
        title=info.title or name, help=info.description or "",
        unit=str(extra["unit"]), flag=str(extra["flag"]), advanced=bool(extra["advanced"]), awaits=str(extra["awaits"]),
        choices=choices, minimum=low, maximum=high,
        exclusive_minimum="gt" in bounds, exclusive_maximum="lt" in bounds, multiple_of=bounds.get("multiple_of"),
        engines=_words(extra["engines"]), suggestions=_words(extra["suggestions"]),
        form="".join(entry.text for entry in info.metadata if isinstance(entry, TextForm)),
        usual=extra["usual"], engine_defaults=extra["engine_defaults"], marks=_words(extra["marks"]),  # type: ignore[arg-type]
        none=str(extra["none"]),
    )  # fmt: skip


def _words(listed: Any) -> tuple[str, ...]:
    return tuple(map(str, listed))


def _bounds_of(entry: Any) -> Sequence[tuple[str, Any]]:
    """Read the bound that an annotated-types constraint (Ge, Gt, Le, Lt, MultipleOf) holds."""
    return [(key, getattr(entry, key)) for key in ("ge", "gt", "le", "lt", "multiple_of") if hasattr(entry, key)]


def plain_type(annotation: Any) -> tuple[Any, Any, tuple[str, ...], bool, tuple[Any, ...]]:
    """Take an annotation apart, as Param says: kind, item, choices, optional, and the constraints on a pair's items."""
    optional = False
    if get_origin(annotation) in (Union, types.UnionType):
        inner = [arg for arg in get_args(annotation) if arg is not type(None)]
        optional = len(inner) < len(get_args(annotation))
        assert len(inner) == 1, f"a parameter has one type, not {annotation}"
        annotation = inner[0]
    if get_origin(annotation) is Literal:
        return "choice", None, tuple(get_args(annotation)), optional, ()
    if get_origin(annotation) is tuple:
        item = get_args(annotation)[0]
        plain, *constraints = get_args(item) if get_origin(item) is Annotated else (item,)
        return "pair", plain, (), optional, tuple(constraints)
    assert annotation in (bool, int, float, str, Path), f"no editor knows the type {annotation}"
    return annotation, None, (), optional, ()
