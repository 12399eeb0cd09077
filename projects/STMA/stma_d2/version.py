"""The package's version; setup.py and every checkpoint say it."""

__version__ = "0.1.0"
