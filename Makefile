# The project's commands. Each prepares its environment first; a second call installs nothing.

# Another interpreter than python3 of the PATH: make test PYTHON=/usr/bin/python3.12
RUN = sh packaging/python.sh

# Of the API reference: all, but for those that stma_d2 itself brings along.
PACKAGES = stma_d2 $(filter-out stma_d2.data stma_d2.data.datasets stma_d2.modeling, \
	$(subst /,.,$(patsubst projects/STMA/%/__init__.py,%, \
	$(wildcard projects/STMA/stma_d2/*/__init__.py projects/STMA/stma_d2/*/*/__init__.py))))

# Further arguments of the command: make test ARGS="-k linking"
ARGS ?=

# How the tests run: side by side, a file in one process, which computes in one thread.
SIDE_BY_SIDE = -n logical --maxprocesses 4 --dist loadfile

.PHONY: help demo test lint docs install clean

help:
	@echo "make demo     draw what a shipped model sees in a new video, train it anew, evaluate it"
	@echo "make test     run the tests"
	@echo "make lint     check style and format"
	@echo "make docs     write the API reference to projects/STMA/docs/api"
	@echo "make install  only prepare the environment: .venv, or the active one if it has Detectron2"
	@echo "make clean    remove what builds and tests leave, but neither .venv nor any output"

demo:
	@$(RUN) projects/STMA/tools/quick_demo.py $(ARGS)

test: export OMP_NUM_THREADS = 1
test:
	@$(RUN) -m pytest $(SIDE_BY_SIDE) projects/STMA/tests $(ARGS)

lint:
	@$(RUN) -m ruff check .
	@$(RUN) -m ruff format --check .

# Each package's public names, those of its __all__, on a page; of stma_d2.study, which is the work
# of tools/run_ablation.py, only what it is.
docs:
	@$(RUN) -m pdoc --docformat google --output-directory projects/STMA/docs/api \
		$(PACKAGES) '!stma_d2.study.'
	@echo "written: projects/STMA/docs/api/index.html"

install:
	@$(RUN)

clean:
	rm -rf .pytest_cache .ruff_cache .hypothesis
	rm -rf projects/STMA/build projects/STMA/dist projects/STMA/docs/api
	find packaging projects -name __pycache__ -type d -prune -exec rm -rf {} +
