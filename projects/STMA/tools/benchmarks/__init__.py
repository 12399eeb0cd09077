"""What `tools/benchmark.py` measures: a subject a file."""
