"""Paths that Qt's dialogs give."""

from __future__ import annotations

import os
from pathlib import Path

from ptychogui.views.dialog_paths import meant_path


def test_a_file_that_a_dialog_has_no_name_for_is_found(tmp_path: Path) -> None:
    """Qt gives U+FFFD for bytes that are no UTF-8."""
    folder = tmp_path / os.fsdecode(b"f\xe9\xe8")
    folder.mkdir()
    for name in (b"scan_\xe9.cxi", b"scan_x.cxi", "scan_Ω.cxi".encode()):
        (folder / os.fsdecode(name)).touch()
    assert meant_path(f"{tmp_path}/f\ufffd/scan_\ufffd.cxi") == folder / os.fsdecode(b"scan_\xe9.cxi")
    assert meant_path(f"{tmp_path}/f\ufffd\ufffd/scan_Ω.cxi") == folder / "scan_Ω.cxi"
    assert meant_path(f"{tmp_path}/gone\ufffd/a.cxi") == tmp_path / "gone\ufffd" / "a.cxi"
    (tmp_path / "really \ufffd").touch()
    assert meant_path(f"{tmp_path}/really \ufffd") == tmp_path / "really \ufffd"
