"""Keys and their meanings are read off a source text; the page is written and compared whole."""

from __future__ import annotations

import inspect

import pytest

from stma_d2.config import defaults
from stma_d2.errors import InputError

SOURCE = '''
def add(cfg):
    """Adds."""
    # Height and
    # width.
    cfg.INPUT.SIZE = (2, 2)
    # Range of both.
    cfg.A.LOW = 0.5
    cfg.A.HIGH = 1.5

    # A note about nothing.

    # The head.
    cfg.B = CN()
    cfg.B.NAME = "head"
    # Its
    # width.
    cfg.B.WIDTH = 4
'''


@pytest.fixture(scope="module")
def tool_module(tool):
    return tool("make_configuration")


def test_a_comment_belongs_to_the_keys_below_it(tool_module):
    assert [(entry.keys, entry.meaning) for entry in tool_module.entries(SOURCE)] == [
        (["INPUT.SIZE"], "Height and width."),
        (["A.LOW", "A.HIGH"], "Range of both."),
        (["B.NAME"], "The head."),
        (["B.WIDTH"], "Its width."),
    ]


def test_every_key_of_the_project_is_in_the_table_with_a_meaning(tool_module):
    from detectron2.config import get_cfg

    def flat(node, path=""):
        for name, value in node.items():
            if isinstance(value, dict):
                yield from flat(value, f"{path}{name}.")
            else:
                yield f"{path}{name}", value

    theirs, ours = get_cfg(), get_cfg()
    defaults.add_stma_config(ours)
    before = dict(flat(theirs))
    changed = {key for key, value in flat(ours) if key not in before or before[key] != value}
    entries = tool_module.entries(inspect.getsource(defaults))
    assert changed <= {key for entry in entries for key in entry.keys}
    assert all(len(entry.meaning) > 10 for entry in entries)


def test_a_row_has_default_rule_and_meaning(tool_module):
    rows = tool_module.render_ours().splitlines()
    (row,) = (row for row in rows if row.startswith("| `INPUT.CLIP_LENGTH`"))
    assert row == (
        "| `INPUT.CLIP_LENGTH` | `16` | a whole number, at least 1 and at most 1024 | "
        "T: frames that the 3D backbone sees. |"
    )


def test_the_page_comes_again_to_the_byte_and_a_difference_is_told(tool_module, tmp_path):
    page = tmp_path / "page.md"
    end = "<!-- end of the generated part -->"
    page.write_text(f"# Keys\n{tool_module.OURS}\n{end}\nand\n{tool_module.DETECTRON2}\n{end}\n.\n")
    with pytest.raises(InputError, match=r"page\.md is not up to date; run tools/make_config"):
        tool_module.main(["--page", str(page), "--check"])
    tool_module.main(["--page", str(page)])
    first = page.read_text()
    assert first.startswith("# Keys\n") and first.endswith(f"{end}\n.\n") and "`SEED`" in first
    tool_module.main(["--page", str(page), "--check"])
    tool_module.main(["--page", str(page)])
    assert page.read_text() == first
