"""The configurations of the generated data set: one a level, and the baseline of `middle`."""

from __future__ import annotations

import pytest

from stma_d2.config import load_config
from stma_d2.config.file import by_full_name
from stma_d2.data.datasets.synthetic_levels import LEVELS


def difference(name, reference):
    """The keys in which a configuration differs from another, and their values."""
    own, others = (dict(by_full_name(load_config(f"{one}.yaml"))) for one in (name, reference))
    return {key: value for key, value in own.items() if value != others[key]}


@pytest.mark.parametrize("level", [name for name in LEVELS if name != "easy"])
def test_levels_differ_in_data_classes_and_schedule_alone(level):
    changed = difference(f"Synthetic/STMA_tiny_K5_{level}", "Synthetic/STMA_tiny_K5")
    folder = LEVELS[level].folder
    # Markings need more of the shared features, and the runs of results were made with both.
    assert changed.pop("MODEL.STMA.LOSS_WEIGHT.REG", 0.5) == 0.5
    assert changed.pop("MODEL.STMA.LOSS_WEIGHT.CLS", 1.0) == 1.0
    changed = {key: value for key, value in changed.items() if not key.startswith("SOLVER.")}
    assert changed == {
        "MODEL.STMA.NUM_CLASSES": len(LEVELS[level].labels),
        "DATASETS.TRAIN": (f"{folder}_train",),
        "DATASETS.TEST": (f"{folder}_val",),
        "OUTPUT_DIR": f"./output/Synthetic/STMA_tiny_K5_{level}",
    }


@pytest.mark.parametrize("level", ["", "_middle"])
def test_the_small_baselines_are_the_papers(level):
    """They differ from the whole method in what ``ablations/base.yaml`` differs in."""
    small = difference(f"Synthetic/STMA_base_tiny_K5{level}", f"Synthetic/STMA_tiny_K5{level}")
    full = difference("ablations/base", "UCF101-24/STMA_DLA34_RX101_K5")
    # Sizes by L1, in pixels of the feature map, have MOC's weight, which the full scale has anyway.
    assert small.pop("MODEL.STMA.LOSS_WEIGHT.SIZE") == 0.1
    assert small.pop("OUTPUT_DIR") != full.pop("OUTPUT_DIR")
    small = {key: value for key, value in small.items() if not key.startswith("SOLVER.")}
    assert small == full
