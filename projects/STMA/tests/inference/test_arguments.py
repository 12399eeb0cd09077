"""The command line of the demo."""

from __future__ import annotations

import pytest
from detectron2.config import CfgNode, get_cfg

from stma_d2 import add_stma_config
from stma_d2.errors import InputError
from stma_d2.inference.arguments import PLAIN_KEYS, SECTIONS, parse_args, take_overrides


def test_overrides_stand_anywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "INPUT.MP4").touch()
    line = (
        "SEED -1 --config-file C --input INPUT.MP4 MODEL.WEIGHTS w.pth --output o.json "
        "INPUT.SIZE (64,64) --device cpu TEST.FLIP True"
    )
    args = parse_args(line.split())
    assert args.opts == [
        *("SEED", "-1", "MODEL.WEIGHTS", "w.pth", "INPUT.SIZE", "(64,64)", "TEST.FLIP", "True"),
        *("MODEL.DEVICE", "cpu"),
    ]
    assert (args.input, args.output[0].path, args.stream) == (["INPUT.MP4"], "o.json", False)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--weights ck.json --output ck.json", "ck.json is the input itself"),
        ("--config-file C MODEL.WEIGHTS ck.json --output ./ck.json", "is the input itself"),
        ("--weights ck.json --output=", "the name of an output is empty; what can be written: "),
    ],
)
def test_an_output_that_is_read_or_has_no_name_is_refused(tmp_path, monkeypatch, line, message):
    monkeypatch.chdir(tmp_path)
    for name in ("in.mp4", "ck.json"):
        (tmp_path / name).touch()
    with pytest.raises(InputError, match=message):
        parse_args(["--input", "in.mp4", *line.split()])


@pytest.mark.parametrize(
    ("line", "overrides"),
    [
        ("--classes RUN TEST SEED.X --input a.MP4 MODEL", []),
        ("MODEL.WEIGHTS --input a", ["MODEL.WEIGHTS"]),  # the configuration tells what is missing
        ("TEST.FLIP MODEL.X --input a", ["TEST.FLIP", "MODEL.X"]),
    ],
)
def test_what_is_no_key_is_left_to_the_options(line, overrides):
    rest, taken = take_overrides(line.split())
    assert taken == overrides
    assert rest == [word for word in line.split() if word not in overrides]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--input in.mp4", "--output is missing"),
        ("--input in.mp4 --output o.mp4 --show", "--show goes with a camera or"),
        ("--input 0 --output a.mp4 b.gif", "is drawn once, not into a.mp4 and others"),
        ("--input in.mp4 --output o.mp4 --fps 0", "--fps: it is '0'; it must be a number"),
        ("--input in.mp4 --output o.mp4 --fps 1e-9", "--fps: it is '1e-9'; it must be a number"),
        (f"--input {__file__} --output o.gif --fps 101", "--fps: a GIF holds at most 100 frames"),
        ("--input in.mp4 --output o.mp4 --min-score run=x", "--min-score: it is 'x'; it must be a"),
        ("--input in.mp4 --output o.mp4 --weights W", "--weights: not allowed with argument --con"),
        ("--input in.mp4 --output o.mp4 --onnx=", "argument --onnx: it is empty"),
        ("--input in.mp4 --output o.mp4 MODLE.X 1 --stram", "unrecognized arguments: --stram"),
    ],
)
def test_options_that_do_not_go_together_are_refused(capsys, line, message):
    with pytest.raises(SystemExit, match="2"):
        parse_args(["--config-file", "C", *line.split()])
    assert message in capsys.readouterr().err


def test_scores_are_of_all_classes_or_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.mp4").touch()
    line = "--weights W --input a.mp4 --output o.json --min-score 0.5 a=b=1 --fps 12.5"
    args = parse_args(line.split())
    assert args.min_score == [("", 0.5), ("a=b", 1)]
    assert (args.weights, args.fps, args.opts) == ("W", 12.5, [])
    args = parse_args(["--model", "M", "--input", "a.mp4", "--output", "o.json"])
    assert (args.model, args.min_score) == ("M", [("", 0.2)])


def test_keys_begin_with_the_configurations_uppermost_names():
    cfg = get_cfg()
    add_stma_config(cfg)
    names = {name for name, value in cfg.items() if isinstance(value, CfgNode)}
    assert names == SECTIONS
    # Newer versions of Detectron2 have one more.
    assert PLAIN_KEYS - {"FLOAT32_PRECISION"} <= cfg.keys() - names <= PLAIN_KEYS
