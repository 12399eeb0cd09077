"""Every figure on a tiny setting: what it compares and reports, not how fast."""

from __future__ import annotations

import json
import statistics
from pathlib import Path

import cv2
import pytest
import torch

from stma_d2 import model_zoo
from stma_d2.data import register_tube_dataset
from stma_d2.data.datasets.synthetic_actions import ANNOTATIONS, FRAMES
from stma_d2.errors import InputError

TESTS = Path(__file__).parents[1]
PLAIN_SAMPLER, PLAIN_RULES = (
    str(next(TESTS.rglob(name))) for name in ("plain_sampler.py", "plain_rules.py")
)
NETWORK = [
    *("--config-file", model_zoo.get_config_file("Synthetic/STMA_tiny_K5.yaml"), "--"),
    *("MODEL.DEVICE", "cpu", "MODEL.BACKBONE.STEM_CHANNELS", "8", "INPUT.SIZE", "(64, 64)"),
    *("MODEL.STMA.HEAD_CHANNELS", "8", "MODEL.STMA.ACTION.CHANNELS", "8"),
    *("INPUT.CLIP_LENGTH", "8", "SOLVER.IMS_PER_BATCH", "2"),
]
# Of one video, in which one actor of class 0 is found in every window.
GENERATOR = """
import numpy as np

load_gt = str

def simulate(gt, videos, K, seed):
    starts = np.arange(1, 22 - K)
    boxes = np.tile(np.array([10, 10, 49, 49], np.float32), (len(starts), 1, K, 1))
    scores = np.eye(10, dtype=np.float32)[np.zeros((len(starts), 1), int)]
    return {v: dict(starts=starts, boxes=boxes, scores=scores) for v in videos}

def checksum(detections):
    return "sum"
"""
TEST_SET = "--videos 3 --frames 60 --classes 2 --tubelets 2 --repeats 1".split()


@pytest.fixture
def measure(tool, tmp_path, capsys):
    """Measures a figure; gives its seconds per unit, run by run, and its numbers."""
    threads = cv2.getNumThreads(), torch.get_num_threads()

    def run(*arguments: str) -> tuple[dict[str, list[float]], dict[str, float]]:
        path = tmp_path / "figures" / "figure.json"
        figure, *options = arguments
        tool("benchmark").main([figure, "--json", str(path), *options])
        record, printed = json.loads(path.read_text()), capsys.readouterr().out
        assert set(record) == {"command", "unit", "seconds", "numbers", "machine"}
        for name, number in record["numbers"].items():
            assert f"{name}: {number:.4g}" in printed
        assert f"torch {torch.__version__}" in record["machine"]["versions"]
        return record["seconds"], record["numbers"]

    yield run
    cv2.setNumThreads(threads[0])
    torch.set_num_threads(threads[1])


@pytest.mark.parametrize(
    ("arguments", "slow", "fast"),
    [
        (
            ["data", "--clips", "2", "--against", PLAIN_SAMPLER, *NETWORK],
            "plain sampler",
            "mapper",
        ),
        (["video", "--frames", "60"], "from the start", "from the key frame"),
        (["inference", "--frames", "2", *NETWORK], "windows alone", "features shared"),
        (["deform", "--size", "32", "--batch", "1"], "torchvision's", "ours"),
        (["train", *NETWORK], "as configured", "SOLVER.AMP.ENABLED True"),
        (["stream", "--frames", "60", *NETWORK], "after 60 frames", "after 50 frames"),
        (["link", "--against", PLAIN_RULES, *TEST_SET], "plain loops", "small set"),
        (["evaluate", "--against", PLAIN_RULES, *TEST_SET], "plain loops", "whole set"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_a_figure_tells_the_ratio_of_two_ways(measure, arguments, slow, fast):
    seconds, numbers = measure(arguments[0], "--repeats", "3", *arguments[1:])
    assert min(min(times) for times in seconds.values()) > 0
    expected = statistics.median(seconds[slow]) / statistics.median(seconds[fast])
    assert numbers[f"{slow} / {fast}"] == pytest.approx(expected)


def test_an_exported_network_is_timed_beside_the_network(measure, exported):
    config = ["--config-file", model_zoo.get_config_file("Synthetic/STMA_tiny_K5.yaml")]
    options = ["--frames", "2", "--repeats", "3", "--exported", str(exported), *config]
    seconds, numbers = measure("inference", *options, "MODEL.DEVICE", "cpu")
    ratio = statistics.median(seconds["features shared"]) / statistics.median(seconds["exported"])
    assert numbers["features shared / exported"] == pytest.approx(ratio)


def test_things_are_timed_in_turns_after_an_untimed_turn(tool):
    order = []
    runs = {name: lambda name=name: order.append(name) for name in "ab"}
    timings = tool("benchmarks.timing").in_turns(runs, repeats=3, unit="clip", units=5)
    assert order == ["a", "b"] * 4
    assert [len(timing.times) for timing in timings] == [3, 3]


def test_a_registered_data_set_is_measured(measure, synthetic_root):
    folder = synthetic_root / "synthetic_actions"
    name = "data_of_the_benchmark"
    register_tube_dataset(name, str(folder / ANNOTATIONS), str(folder / FRAMES), subset="train")
    seconds, numbers = measure("data", "--clips", "1", "--dataset", name, *NETWORK)
    assert (list(seconds), numbers) == (["mapper"], {})


def test_batches_of_two_sizes_are_refused(tool):
    with pytest.raises(InputError, match="both need the same SOLVER.IMS_PER_BATCH, not 2 and 4"):
        tool("benchmark").main(["train", "--against", "SOLVER.IMS_PER_BATCH", "4", *NETWORK])


@pytest.mark.parametrize(("figure", "stored"), [("link", 7.0), ("evaluate", 9.0)])
def test_seconds_of_mocs_own_code_are_compared_with_ours(
    measure, synthetic_root, tmp_path, figure, stored
):
    (tmp_path / "gt").symlink_to(synthetic_root / "synthetic_actions")
    (tmp_path / "golden").mkdir()
    (tmp_path / "golden" / "make_detections.py").write_text(GENERATOR)
    case = {"gt_file": ANNOTATIONS, "videos": ["val_0001"], "K": 5, "seed": 0}
    case |= {"detections_sha256": "sum", "wall_s": {"BuildTubes": 7.0, "total": 9.0}}
    record = tmp_path / "golden" / "moc_metrics.json"
    record.write_text(json.dumps({"cases": {"small": case}}))
    arguments = [figure, "--golden", str(tmp_path / "golden"), *TEST_SET]
    seconds, numbers = measure(*arguments)
    ours = 16 * statistics.median(seconds["small"])  # tubelets
    assert numbers["MOC's stored seconds / small"] == pytest.approx(stored / ours)

    record.write_text(record.read_text().replace("sum", "another sum"))
    with pytest.raises(InputError, match="detections of small are not those that were timed"):
        measure(*arguments)


@pytest.mark.parametrize("option", ["--repeats", "--videos", "--frames", "--threads"])
def test_nothing_to_measure_is_refused(tool, capsys, option):
    with pytest.raises(SystemExit):
        tool("benchmark").main(["link", option, "0"])
    assert f"argument {option}: it is '0'; it must be " in capsys.readouterr().err
