"""The picture of the architecture is that of the code as it is, and reads everything from it."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from scripts.architecture_picture import PICTURE, Room, draw_house, read_house

_SETTINGS = """\
[[tool.importlinter.contracts]]
type = "layers"
containers = ["ptychogui"]
layers = ["app", "views | (queue)", "physics"]

[[tool.importlinter.contracts]]
type = "layers"
containers = ["ptychogui.views"]
layers = ["shell", "form | theme"]

[[tool.importlinter.contracts]]
type = "forbidden"
forbidden_modules = ["PyQt5"]
ignore_imports = ["ptychogui.views.** -> *", "ptychogui.physics.optics -> *"]
"""

_FILES = {
    "ptychogui/app.py": "Joins `all`. And more.\n\nMuch more.",
    "ptychogui/views/__init__.py": "Widgets.",
    "ptychogui/views/theme.py": "Colors.",
    "ptychogui/views/shell/__init__.py": "The window.",
    "ptychogui/views/shell/actions.py": "What it can do.",
    "ptychogui/views/form/__init__.py": "The form.",
    "ptychogui/physics/__init__.py": "Optics & waves.",
    "ptychogui/physics/optics.py": "Lenses.",
    "ptychogui/physics/rays/__init__.py": "Rays.",
    "kernels/dm.cu": "",
    "resources/.hidden": "",
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Make a small source tree."""
    for name, docstring in _FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f'"""{docstring}"""\n')
    (tmp_path / "pyproject.toml").write_text(_SETTINGS)
    return tmp_path


def test_the_picture_in_the_docs_is_that_of_the_code() -> None:
    assert PICTURE.read_text(encoding="utf-8") == draw_house(read_house()), "rooms have changed: run `make docs`"


def test_a_house_is_read_from_its_code(tree: Path) -> None:
    app, views, physics, below = read_house(tree)
    assert app == (Room("app.py", "Joins all."),)
    shell, form = Room("shell/", "The window.", 1), Room("form/", "The form.", 0)
    assert views == (Room("views/", "Widgets.", 2, "may import PyQt5", ((shell,), (form, Room("theme", "")))),)
    assert physics == (
        Room("physics/", "Optics & waves.", 1, "may import PyQt5 in optics.py", ((Room("rays/", "Rays.", 0),),)),
    )
    assert [(room.name, room.count) for room in below] == [("kernels/", 1), ("resources/", 0)]


def test_a_layer_without_a_room_is_seen(tree: Path) -> None:
    (tree / "ptychogui" / "app.py").unlink()
    with pytest.raises(ValueError, match="no package or module app"):
        read_house(tree)


def test_every_room_is_drawn_once_and_inside_the_picture(tree: Path) -> None:
    picture = ElementTree.fromstring(draw_house(read_house(tree)))
    width, height = (float(picture.attrib[side]) for side in ("width", "height"))
    space = "{http://www.w3.org/2000/svg}"
    names = [text.text for text in picture.iter(f"{space}text") if text.attrib["class"] == "name"]
    assert sorted(map(str, names)) == sorted(
        ["app.py", "views/", "shell/", "form/", "theme", "physics/", "rays/", "kernels/", "resources/"]
    )
    for box in picture.iter(f"{space}rect"):
        x, y, wide, high = (float(box.attrib.get(side, 0)) for side in ("x", "y", "width", "height"))
        assert 0 <= x <= x + wide <= width
        assert 0 <= y <= y + high <= height


def test_what_has_no_room_beside_others_goes_below_them() -> None:
    many = tuple(Room(f"room{number}/", "With words.", number) for number in range(12))
    one = tuple(many[:2])
    assert _height(draw_house([many])) > _height(draw_house([one]))


def _height(picture: str) -> float:
    return float(ElementTree.fromstring(picture).attrib["height"])
