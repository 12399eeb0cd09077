"""Damaged files are read as another content or refused in a message; nothing else ever happens.

STMA_LONG_TESTS=1 damages 100,000 of them; the table at the end counts by kind.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

LONG = "STMA_LONG_TESTS" in os.environ
COUNTS = {"annotations": 45_000, "npz": 10_000, "checkpoints": 5_000}
COUNTS |= {"configurations": 5_000, "images": 30_000, "videos": 5_000}
if not LONG:
    COUNTS = {kind: count // 250 for kind, count in COUNTS.items()}
MOST_MEMORY = 256.0  # MB that a reader may take for a file of some hundred bytes
LONGEST = 10.0  # seconds of the processor


def test_damaged_files_are_read_or_refused(tmp_path, tell_damage):
    command = [sys.executable, str(Path(__file__).with_name("run_mutations.py")), str(tmp_path)]
    words = [f"{kind}={count}" for kind, count in COUNTS.items()]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    run = subprocess.run([*command, *words], env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    records = [json.loads(line) for line in run.stdout.splitlines()]
    assert [record["kind"] for record in records] == list(COUNTS)
    for record in records:
        tell_damage(*(f"{v:.1f}" if isinstance(v, float) else v for v in record.values()))
    for record in records:
        assert record["accepted"] + record["refused"] == record["inputs"], (record, tmp_path)
        unwanted = ("executions", "writes outside", "crashes", "hangs")
        assert not any(record[name] for name in unwanted), (record, tmp_path)
        assert record["MB"] < MOST_MEMORY and record["seconds"] < LONGEST, record
