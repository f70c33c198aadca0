"""What docs/architecture.md and the other pages name exists, and the page has a place for everything."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "ptychogui"
PAGE = ROOT / "docs" / "architecture.md"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]

_TOP = {path.name for folder in (ROOT, PACKAGE) for path in folder.iterdir() if path.is_dir()} - {"build"}
_MODULES = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()}
_ROW = re.compile(r"^\| (?P<change>.+?) \| (?P<open>.+?) \|$", re.MULTILINE)


def _quoted(page: Path) -> list[str]:
    """Return what stands in backticks, code blocks apart."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    return re.findall(r"`([^`\n]+)`", text)


def _paths(words: list[str]) -> list[str]:
    """Return those that are paths, with a name in a file behind '::'."""
    return [word for word in words if re.fullmatch(r"[\w.-]+/[\w./-]*(::[\w.]+)?|\w+\.(py|toml)", word)]


def _exists(named: str) -> bool:
    path, _, name = named.partition("::")
    found = next((folder / path for folder in (ROOT, PACKAGE) if (folder / path).exists()), None)
    if found is None or (path.endswith("/") and not found.is_dir()):
        return False
    return not name or _holds(found, name)


def _holds(file: Path, name: str) -> bool:
    """Whether a file has a function or class of a name, or a class a method: "run_job", "Class.method"."""
    text = file.read_text(encoding="utf-8")
    if file.suffix != ".py":
        return re.search(rf"^KERNEL {name}\(", text, re.MULTILINE) is not None
    body: list[ast.stmt] = ast.parse(text).body
    for part in name.split("."):
        found = [one for one in body if part in _names(one)]
        if not found:
            return False
        body = getattr(found[0], "body", [])
    return True


def _names(statement: ast.stmt) -> set[str]:
    """Return what a statement gives a name to."""
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        return {statement.name}
    if isinstance(statement, ast.ImportFrom):
        return {alias.asname or alias.name for alias in statement.names}
    targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
    return {target.id for target in targets if isinstance(target, ast.Name)}


def _is_there(dotted: str) -> bool:
    """Whether there is a module of a dotted name, or a function, class or value in one."""
    parts = dotted.removeprefix("ptychogui.").split(".")
    for count in range(len(parts), 0, -1):
        place = PACKAGE.joinpath(*parts[:count])
        file = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
        if file.is_file():
            return count == len(parts) or _holds(file, ".".join(parts[count:]))
    return False


def _rooms() -> list[str]:
    """Return every package, and every module and folder beside them."""
    packages = [f"{path.parent.relative_to(PACKAGE)}/" for path in PACKAGE.rglob("__init__.py")]
    modules = [path.name for path in PACKAGE.glob("*.py") if path.name != "__init__.py"]
    return [*(package for package in packages if package != "./"), *modules, "kernels/", "resources/", "scripts/"]


def test_all_that_the_page_names_exists() -> None:
    named = _paths(_quoted(PAGE))
    assert len(named) > 100
    assert [name for name in named if not _exists(name)] == []


@pytest.mark.parametrize("room", _rooms())
def test_the_page_says_what_a_room_is_for(room: str) -> None:
    part = PAGE.read_text(encoding="utf-8").split("## Room by room")[1].split("\n## ")[0]
    assert f"`{room}`" in part


def test_the_page_says_where_to_change_what() -> None:
    rows = list(_ROW.finditer(PAGE.read_text(encoding="utf-8")))[1:]
    rows = [row for row in rows if set(row["change"]) != {"-"}]
    assert len(rows) >= 25
    assert [row["change"] for row in rows if not _paths(re.findall(r"`([^`]+)`", row["open"]))] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_paths_modules_and_links_of_a_page_exist(page: Path) -> None:
    words = _quoted(page)
    paths = [path for path in _paths(words) if path.split("/")[0] in _TOP]
    dotted = [word for word in words if re.fullmatch(r"\w+(\.\w+)+", word) and word.split(".")[0] in _MODULES]
    links = re.findall(r"\]\((?!\w+:)([^)#]+)", page.read_text(encoding="utf-8"))
    missing = [path for path in paths if not _exists(path)]
    missing += [name for name in dotted if not (_is_there(name) or _exists(name))]
    missing += [link for link in links if not (page.parent / link).exists()]
    assert missing == []


@pytest.mark.parametrize(
    "named",
    ["jobs/cellar.py", "jobs/cellar/", "jobs/runner.py/", "jobs/runner.py::dream", "engines/lsqml.py::LSQML.dream"],
)
def test_what_is_not_there_is_seen(named: str) -> None:
    assert not _exists(named)


def test_a_module_that_is_not_there_is_seen() -> None:
    assert _is_there("physics.metrics.align")
    assert not _is_there("physics.metrics.dream")
    assert not _is_there("jobs.cellar")
