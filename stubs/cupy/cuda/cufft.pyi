from cupy import ndarray

CUFFT_FORWARD: int
CUFFT_INVERSE: int

class CuFFTError(RuntimeError): ...

class PlanNd:
    def fft(self, a: ndarray, out: ndarray, direction: int) -> None: ...
