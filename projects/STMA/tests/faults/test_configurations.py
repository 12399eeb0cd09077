"""Odd configurations are refused in one line that names the key, or run to their end.

STMA_LONG_TESTS=1 tries all of them; the table at the end counts by section what came of them.
"""

from __future__ import annotations

import json
import os
import runpy
from collections import Counter
from pathlib import Path

SCRIPT = str(Path(__file__).with_name("run_configurations.py"))
ALL = 0
SAMPLE = ALL if "STMA_LONG_TESTS" in os.environ else 40
OUTCOMES = (
    *("refused", "ran", "without the key", "several lines", "stack traces", "hangs"),
    *("taken without meaning", "no numbers", "not done"),
)


def test_odd_configurations_are_refused_in_a_line_or_run_to_their_end(
    forkserver, tiny_words, tmp_path, tell_configurations
):
    (tmp_path / "cases").mkdir()
    settings = {
        "here": str(Path(__file__).parent),
        "config": tiny_words[1],
        "words": [*tiny_words[2:], "SOLVER.MAX_ITER", "2"],
        "folder": str(tmp_path / "cases"),
        "results": str(tmp_path / "results.json"),
        "sample": SAMPLE,
    }
    arguments = (SCRIPT, {"SETTINGS": settings}, "__main__")
    process = forkserver.Process(target=runpy.run_path, args=arguments)
    process.start()
    process.join()
    assert process.exitcode == 0, tmp_path
    records = [json.loads(line) for line in (tmp_path / "results.json").read_text().splitlines()]
    for section in dict.fromkeys(record["section"] for record in records):
        own = [record for record in records if record["section"] == section]
        counts = Counter(record["outcome"] for record in own)
        meaningless = sum(record["meaningless"] for record in own)
        tell_configurations(section, len(own), meaningless, *(counts[name] for name in OUTCOMES))
    assert not [record for record in records if record["outcome"] not in ("refused", "ran")]
