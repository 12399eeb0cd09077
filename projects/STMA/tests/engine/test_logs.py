from __future__ import annotations

import io
import logging

import pytest

from stma_d2.engine.logs import drop_colors, leave_out_configuration

GREEN, END = "\x1b[32m", "\x1b[0m"


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def logger():
    logger = logging.getLogger("a_log_with_colors")
    logger.propagate = False
    yield logger
    logger.handlers.clear()


def test_colors_reach_a_terminal_and_nothing_else(logger):
    terminal, pipe = Terminal(), io.StringIO()
    for stream in (terminal, pipe):
        handler = logging.StreamHandler(stream)
        handler.setFormatter(logging.Formatter(f"{GREEN}[%(name)s]{END} %(message)s"))
        logger.addHandler(handler)
    drop_colors(logger.name)
    drop_colors(logger.name)  # a second call changes nothing
    logger.warning("%s is \x1b[1;38;5;197mmissing\x1b[39m", "a.pth")
    assert pipe.getvalue() == "[a_log_with_colors] a.pth is missing\n"
    assert terminal.getvalue().startswith(GREEN)


def test_the_configuration_is_left_out_and_the_rest_is_not():
    logger, written = logging.getLogger("detectron2"), io.StringIO()
    handler = logging.StreamHandler(written)
    logger.addHandler(handler)
    try:
        leave_out_configuration()
        logger.warning("Running with full config:\nSEED: 1")
        logger.warning("Contents of args.config_file=a.yaml:\nSEED: 1")
        logger.warning("Full config saved to out/config.yaml")
    finally:
        logger.removeHandler(handler)
    assert written.getvalue() == "Full config saved to out/config.yaml\n"
