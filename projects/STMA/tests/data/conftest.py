"""What the tests of data share: tubes, a small set of annotations, catalogs and spying readers."""

from __future__ import annotations

import operator
from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np
import pytest

from stma_d2.structures import Tube


@pytest.fixture(scope="session")
def make_tube() -> Callable[..., Tube]:
    """Makes a tube whose box, of 20 x 16 pixels, starts at x1 = the frame's number."""

    def make(first: int, last: int, label: int = 0) -> Tube:
        x1 = np.arange(first, last + 1)
        boxes = np.stack([x1, x1 * 0 + 12, x1 + 19, x1 * 0 + 27], axis=1)
        return Tube(x1, boxes.astype(np.float32), label)

    return make


@pytest.fixture
def act_data() -> dict[str, Any]:
    """Two videos of 20 frames, 32 x 24 pixels, with three tubes, as ACT's pickles have them."""

    def tube(first: int, last: int, box: tuple[float, ...]) -> np.ndarray:
        return np.array([[frame, *box] for frame in range(first, last + 1)], dtype=np.float32)

    return {
        "labels": ["Run", "Jump"],
        "gttubes": {
            "Run/a": {0: [tube(1, 20, (1, 2, 10, 12)), tube(5, 9, (0.25, 3, 31, 23))]},
            "Jump/b": {1: [tube(3, 20, (4, 4, 4, 9))]},
        },
        "nframes": {"Run/a": 20, "Jump/b": 20},
        "resolution": {"Run/a": (24, 32), "Jump/b": (24, 32)},
        "train_videos": [["Run/a"], ["Jump/b"]],
        "test_videos": [["Jump/b"], ["Run/a"]],
    }


@pytest.fixture
def put(act_data: dict[str, Any]) -> Callable[[tuple, Any], None]:
    """``put(keys, value)`` changes what lies under these keys of ``act_data``."""

    def put(keys: tuple, value: Any) -> None:
        reduce(operator.getitem, keys[:-1], act_data)[keys[-1]] = value

    return put


class SpyReader:
    """A reader that writes down what is decoded."""

    def __init__(self, path: str, size: tuple[int, int] | None = None) -> None:
        self.decoded: list[int] = []
        self.size = size

    def read(self, frame_numbers: list[int], reduction: int = 1) -> list[np.ndarray]:
        self.decoded.extend(frame_numbers)
        return [np.full((*self.size, 3), number, np.uint8) for number in frame_numbers]


@pytest.fixture
def spy_readers(monkeypatch: pytest.MonkeyPatch) -> list[SpyReader]:
    """The readers that `RecentFrames` opens, which show frames of their own number's level."""
    opened: list[SpyReader] = []

    def open_spy(
        path: str, size: tuple[int, int], conceal_damage: bool, keep_index: bool
    ) -> SpyReader:
        opened.append(SpyReader(path, size))
        return opened[-1]

    monkeypatch.setattr("stma_d2.data.recent_frames.open_frames", open_spy)
    return opened
