"""Results that other programs wrote, and exports of ours: read into the same Result as our own files.

Foreign files say less: what one does not say is "", 0 or None, and its `versions` names the program in the first place.
"""

from ptychogui.io.foreign.any_result import MAY_BE_RESULTS, read_any_header, read_any_result
from ptychogui.io.foreign.array_pairs import second_of_pair

__all__ = ["MAY_BE_RESULTS", "read_any_header", "read_any_result", "second_of_pair"]
