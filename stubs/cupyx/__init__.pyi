from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

def empty_pinned(shape: Sequence[int], dtype: DTypeLike = ...) -> np.ndarray[Any, Any]: ...
