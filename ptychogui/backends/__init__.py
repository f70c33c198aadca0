"""Where arrays live and kernels run."""
