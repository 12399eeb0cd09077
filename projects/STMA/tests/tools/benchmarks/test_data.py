"""The benchmark of the data: what it reports, not how fast."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from stma_d2.errors import InputError

TOOLS = Path(__file__).resolve().parents[3] / "tools"
SMALL = ["--clips", "3", "--repeats", "1"]


@pytest.fixture(scope="module")
def benchmarks() -> Iterator[SimpleNamespace]:
    """The modules ``data`` and ``report``."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(TOOLS))
        from benchmarks import data, report

        yield SimpleNamespace(data=data, report=report)


def run(benchmarks: SimpleNamespace, *arguments: str):
    parser = argparse.ArgumentParser()
    benchmarks.data.add_arguments(parser)
    return benchmarks.data.run(parser.parse_args([*SMALL, *arguments]))


def test_report_compares_the_mapper_with_the_plain_sampler(benchmarks, tmp_path: Path) -> None:
    threads = cv2.getNumThreads()
    report = run(benchmarks, "INPUT.SIZE", "(64, 64)")
    assert "T = 7, K = 7, 64 x 64; generated frames of 320 x 240" in report.title
    mapper, plain = report.timings
    assert (mapper.name, plain.name, mapper.units, report.unit) == ("mapper", "plain", 3, "clip")
    assert report.ratios == {"plain / mapper": plain.median / mapper.median}
    rate = report.facts["frames per second, mapper"]
    assert rate == pytest.approx(7 * 3 / mapper.median, abs=0.1)
    shares = {name: v for name, v in report.facts.items() if name.startswith("share of ")}
    assert set(shares) == {f"share of {part}" for part in [*benchmarks.data.PARTS, "the rest"]}
    assert all(share > 0 for share in shares.values())
    assert sum(shares.values()) == pytest.approx(1, abs=0.01)
    assert cv2.getNumThreads() == threads
    benchmarks.report.write_json(report, str(tmp_path / "data.json"))
    assert json.loads((tmp_path / "data.json").read_text())["ratios"] == report.ratios


def test_configuration_sets_clip_and_snippet(benchmarks) -> None:
    report = run(benchmarks, "INPUT.SIZE", "(32, 32)", "INPUT.SNIPPET_LENGTH", "3")
    assert report.title.startswith("Training clips, one thread: T = 3, K = 3, 32 x 32")


def test_real_frames_come_from_a_registered_data_set(
    benchmarks, synthetic_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from detectron2.data import DatasetCatalog, MetadataCatalog

    from stma_d2.data import register_tube_dataset
    from stma_d2.data.datasets.synthetic_motion import LABELS

    folder = synthetic_root / "synthetic_actions"
    register_tube_dataset(
        "data_of_the_benchmark",
        str(folder / "SyntheticActions-GT.pkl"),
        str(folder / "rgb-images"),
    )
    try:
        arguments = ["INPUT.SIZE", "(32, 32)", "MODEL.STMA.NUM_CLASSES", str(len(LABELS))]
        report = run(benchmarks, "--dataset", "data_of_the_benchmark", *arguments)
        assert report.title.endswith("data_of_the_benchmark")
    finally:
        DatasetCatalog.remove("data_of_the_benchmark")
        MetadataCatalog.remove("data_of_the_benchmark")
    with pytest.raises(InputError, match="no data set is called 'nowhere'"):
        run(benchmarks, "--dataset", "nowhere")


def test_generated_frames_are_like_real_ones(benchmarks, tmp_path: Path) -> None:
    (video,) = benchmarks.data.generate_videos(tmp_path, np.random.default_rng(0), 1, 8)
    files = sorted(Path(video["frames"]).iterdir())
    assert [file.name for file in files] == [f"{number:05d}.jpg" for number in range(1, 9)]
    assert cv2.imread(str(files[0])).shape == (240, 320, 3)
    # UCF101's frames have about 23,000 bytes at this quality.
    assert 17_000 < np.mean([file.stat().st_size for file in files]) < 30_000
    for tube in video["tubes"]:
        assert tube.frames.tolist() == list(range(1, 9))
        assert (tube.boxes >= 0).all() and (tube.boxes <= [319, 239, 319, 239]).all()
