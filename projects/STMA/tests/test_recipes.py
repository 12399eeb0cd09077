"""The commands of RECIPES.md name programs, options, files and keys that exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from detectron2.engine import default_argument_parser

from stma_d2.config import load_config

PROJECT = Path(__file__).resolve().parents[1]


COMMANDS = [
    shlex.split(line)[1:]
    for block in re.findall(
        r"^```\n(.*?)^```", (PROJECT / "RECIPES.md").read_text(), re.MULTILINE | re.DOTALL
    )
    for line in block.replace("\\\n", " ").replace("$split", "1").splitlines()
    if re.match(r" *python \S+\.py", line)
]


def test_there_are_commands_for_every_stage():
    programs = {words[0] for words in COMMANDS}
    tools = {f"tools/{name}.py" for name in ("convert_weights", "prepare_dataset", "evaluate")}
    assert programs >= tools | {"train_net.py", "tools/visualize_data.py"} and len(COMMANDS) > 10


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: " ".join(words)[:60])
def test_a_command_exists_with_its_options_and_keys(words):
    program, *arguments = words
    source = (PROJECT / program).read_text()
    options = [word for word in arguments if word.startswith("--")]
    if program == "train_net.py":
        known = default_argument_parser().format_help()
        assert all(f"{option} " in known for option in options)
    else:
        assert all(f'"{option}"' in source for option in options)
    configs = [word for word in arguments if word.endswith(".yaml")]
    assert configs or program != "train_net.py"
    key = re.compile(r"[A-Z][A-Z0-9_]*(\.[A-Z][A-Z0-9_]*)+")
    keys = [place for place, word in enumerate(arguments) if key.fullmatch(word)]
    overrides = [part for place in keys for part in arguments[place : place + 2]]
    for config in configs:
        load_config(str(PROJECT / config), overrides)
