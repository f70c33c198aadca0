"""What the window loads before it is there: no library that only a reconstruction or a click asks for."""

from __future__ import annotations

import subprocess
import sys

LATER = ("scipy.fft", "scipy.ndimage", "scipy.signal", "scipy.spatial", "scipy.special", "scipy.stats", "matplotlib")


def test_the_window_waits_for_no_library_that_it_does_not_show_anything_with() -> None:
    loads = f"import sys, ptychogui.app; print(*[name for name in {LATER} if name in sys.modules])"
    told = subprocess.run([sys.executable, "-c", loads], capture_output=True, text=True, check=True)
    assert told.stdout.split() == []
