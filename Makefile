# The project's commands. Each prepares its environment first; a second call installs nothing.

# Another interpreter than python3 of the PATH: make test PYTHON=/usr/bin/python3.12
RUN = sh packaging/python.sh

# Further arguments of the command: make test ARGS="-k linking"
ARGS ?=

.PHONY: help demo test lint install clean

help:
	@echo "make demo     generate videos, draw what a shipped model sees, train it anew, evaluate it"
	@echo "make test     run the tests"
	@echo "make lint     check style and format"
	@echo "make install  only prepare the environment: .venv, or the active one if it has Detectron2"
	@echo "make clean    remove what builds and tests leave, but neither .venv nor any output"

demo:
	@$(RUN) projects/STMA/tools/quick_demo.py $(ARGS)

test:
	@$(RUN) -m pytest projects/STMA/tests $(ARGS)

lint:
	@$(RUN) -m ruff check .
	@$(RUN) -m ruff format --check .

install:
	@$(RUN)

clean:
	rm -rf .pytest_cache .ruff_cache .hypothesis
	rm -rf projects/STMA/build projects/STMA/dist
	find packaging projects -name __pycache__ -type d -prune -exec rm -rf {} +
