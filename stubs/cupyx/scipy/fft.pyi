from cupy import ndarray
from cupy.cuda.cufft import PlanNd

def get_fft_plan(
    a: ndarray, shape: tuple[int, ...] | None = None, axes: tuple[int, ...] | None = None, value_type: str = "C2C"
) -> PlanNd: ...
