# The project's commands. `make demo` and `make test` need only this folder: they make .venv and install into it.
#   make demo    a simulated scan, reconstructed while you watch; ends with the result's path
#   make test    all tests, two files at a time; choose some with  make test ARGS="tests/engines -k epie"
#   make lint    style, types and the direction of imports: what CI checks before the tests
#   make format  lay the code out as `make lint` wants it
#   make docs    regenerate docs/parameters.md and the picture of docs/architecture.md; with
#                SIEMENS_STAR=siemens-star.cxi the star's picture as well
#   make pictures  take pictures of the window in its main states: all to build/pictures, some into docs/images
#   make quality  measure reconstructions against the truth, and write docs/quality.md; with RASTERS=1 rasters as well, with
#                CONTESTS=1 sixteen scans, with SIEMENS_STAR=siemens-star.cxi that one; what is kept in build/quality is not
#                measured again
#   make gpu-wheels WHEELS=DIR  collect the wheels that `make gpu` needs on a machine without network; see below
#   make gpu WHEELS=DIR  try everything on an NVIDIA GPU, in less than 8 minutes: build/gpu/gpu.json, and tables in
#                gpu.md; with SIEMENS_STAR=siemens-star.cxi the star as well; GPU_ARGS="--pretend" is a dry run
#   make clean   remove .venv and everything that was generated

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
export PYTHON

.PHONY: demo test lint format docs pictures quality gpu gpu-wheels clean compiler

demo: $(VENV)/.run
	@$(BIN)/python scripts/system_libraries.py --advise
	@$(BIN)/ptychogui demo -o demo

test: compiler $(VENV)/.dev
	@$(BIN)/python scripts/system_libraries.py
	$(BIN)/python -m pytest $(or $(ARGS),-n 2 --dist loadfile --benchmark-disable)

lint: $(VENV)/.dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.dev
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

docs: $(VENV)/.run
	$(BIN)/python -m ptychogui.params.reference > docs/parameters.md
	$(BIN)/python -m scripts.architecture_picture
ifdef SIEMENS_STAR
	$(BIN)/ptychogui reconstruct $(SIEMENS_STAR) --iterations 100 --probe-modes 3 -o build/siemens-star.cxi
	$(BIN)/ptychogui export build/siemens-star.cxi --png
	cp build/siemens-star_phase.png docs/images/siemens-star.png
endif

pictures: $(VENV)/.run
	$(BIN)/python -m scripts.window_pictures

quality: $(VENV)/.docs
	$(BIN)/python -m scripts.quality $(if $(RASTERS),--rasters) $(if $(CONTESTS),--contests) $(if $(SIEMENS_STAR),--siemens-star $(SIEMENS_STAR)) $(ARGS)

# Of the machine with the GPU: its Python (3.12 or 3.11), the CUDA its driver knows (13 or 12), and what it has already.
# As it is, wheels are for one with a CUDA toolkit, CuPy and the usual libraries: 54 MB. GPU_HAS= collects all but CUDA's
# own libraries, 206 MB; CUDA_LIBRARIES=1 collects these as well, 1.3 GB, for a Python that is no virtual environment.
GPU_PYTHON ?= 3.12
GPU_CUDA ?= 13
GPU_HAS ?= cupy-cuda$(GPU_CUDA)x cuda-pathfinder numpy scipy h5py scikit-image imageio lazy-loader networkx pillow tifffile \
	psutil rich markdown-it-py mdurl pygments packaging pytest iniconfig pluggy
GPU_OUT ?= build/gpu

gpu-wheels: $(VENV)/.run
	@$(BIN)/python -m scripts.gpu.wheels $(or $(WHEELS),$(error name a folder: make gpu-wheels WHEELS=DIR)) \
		--python $(GPU_PYTHON) --cuda $(GPU_CUDA) $(if $(CUDA_LIBRARIES),--cuda-libraries) --has "$(GPU_HAS)"

gpu:
	@$(or $(PYTHON),python3) -m scripts.gpu $(GPU_OUT) $(if $(WHEELS),--wheels $(WHEELS)) \
		$(if $(SIEMENS_STAR),--star $(SIEMENS_STAR)) $(GPU_ARGS)

clean:
	rm -rf $(VENV) demo build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks .import_linter_cache

compiler:
	@for name in "$$CXX" c++ g++ clang++; do command -v "$$name" >/dev/null 2>&1 && exit 0; done; \
	echo "no C++ compiler was found, and the tests compile the kernels; on Debian or Ubuntu: apt-get install g++" >&2; exit 1

$(BIN)/pip:
	@sh scripts/make_venv.sh $(VENV)

$(VENV)/.run: pyproject.toml | $(BIN)/pip
	@echo "installing ptychogui and what it needs into $(VENV); the first time takes a minute or two"
	@$(PIP) --editable .
	@touch $@

$(VENV)/.dev: pyproject.toml | $(BIN)/pip
	@echo "installing ptychogui and what its tests need into $(VENV); the first time takes a minute or two"
	@$(PIP) --editable ".[dev]"
	@touch $@ $(VENV)/.run

$(VENV)/.docs: pyproject.toml | $(BIN)/pip
	@echo "installing ptychogui and what its figures need into $(VENV)"
	@$(PIP) --editable ".[docs]"
	@touch $@ $(VENV)/.run
