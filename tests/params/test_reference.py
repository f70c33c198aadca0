from __future__ import annotations

from pathlib import Path

import pytest

from ptychogui.params.model import by_path, describe
from ptychogui.params.reference import option_help, range_text, reference, tooltip

PAGE = Path(__file__).resolve().parents[2] / "docs" / "parameters.md"


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == reference(), (
        "run: python -m ptychogui.params.reference > docs/parameters.md"
    )


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("experiment.energy_eV", "above 0 eV"),
        ("experiment.probe_modes", "1 to 64"),
        ("experiment.jitter_radius_px", "0 to 64 px"),
        ("experiment.step_m", "above 0 m"),
        ("preprocessing.size_px", "16 to 4096 px, a multiple of 2"),
        ("reconstruction.object_step", "above 0, at most 2"),
        ("reconstruction.seed", "at least 0"),
        ("reconstruction.sub_pixel", "one of fourier, nearest"),
        ("reconstruction.engine", ""),
        ("output.csv", ""),
    ],
)
def test_ranges_read_well(path: str, text: str) -> None:
    assert range_text(by_path()[path]) == text


def test_what_awaits_something_says_so_everywhere() -> None:
    for param in describe():
        for text in (tooltip(param), option_help(param), reference()):
            assert param.help in text
            assert f"awaits {param.awaits}" in text or not param.awaits


def test_what_only_some_engines_heed_says_so_everywhere() -> None:
    param = by_path()["reconstruction.momentum"]
    for text in (tooltip(param), option_help(param), reference()):
        assert f"{param.help} ePIE and LSQML only." in text
    assert by_path()["reconstruction.seed"].engines == ()
    assert " only." not in tooltip(by_path()["reconstruction.seed"])


def test_help_on_the_command_line_gives_range_and_default() -> None:
    assert option_help(by_path()["reconstruction.seed"]).endswith(" [at least 0; default: 0]")
    assert option_help(by_path()["output.job_id"]).endswith("when empty.")


def test_the_page_has_every_name() -> None:
    assert all(f"| `{param.path}` |" in reference() for param in describe())
