"""Logs without colour codes where no terminal shows them, and without the whole configuration."""

from __future__ import annotations

import logging
import re

_COLOR_CODES = re.compile(r"\x1b\[[0-9;]*m")
# Detectron2 logs both; they fill pages, and config.yaml beside the log holds them.
_CONFIGURATION = ("Contents of args.config_file=", "Running with full config:")


class PlainFormatter(logging.Formatter):
    """Another formatter's lines without their colour codes."""

    def __init__(self, inner: logging.Formatter) -> None:
        super().__init__()
        self._inner = inner

    def format(self, record: logging.LogRecord) -> str:
        """The line of ``record``."""
        return _COLOR_CODES.sub("", self._inner.format(record))


def leave_out_configuration() -> None:
    """Keep the configuration out of Detectron2's log; call it before its ``default_setup``."""
    logging.getLogger("detectron2").addFilter(_is_no_configuration)


def _is_no_configuration(record: logging.LogRecord) -> bool:
    return not record.getMessage().startswith(_CONFIGURATION)


def drop_colors(*names: str) -> None:
    """Let the loggers' handlers write plain text, but to a terminal; files and pipes get no codes.

    Args:
        names: of loggers that Detectron2's ``setup_logger`` has set up.
    """
    for name in names:
        for handler in logging.getLogger(name).handlers:
            stream = getattr(handler, "stream", None)
            if stream is None or not hasattr(stream, "isatty") or stream.isatty():
                continue
            if not isinstance(handler.formatter, PlainFormatter):
                handler.setFormatter(PlainFormatter(handler.formatter or logging.Formatter()))
