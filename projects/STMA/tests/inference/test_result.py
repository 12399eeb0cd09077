"""What was found, as text, table and drawn video."""

from __future__ import annotations

import json
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from stma_d2.data import ArrayReader, open_frames
from stma_d2.errors import InputError
from stma_d2.inference import DetectedTube, VideoResult
from stma_d2.structures import Tube
from stma_d2.visualization import draw_tubes, write_video

# When four frames appear, and when the last one ends.
TIMES = np.array([2.0, 2.1, 2.4, 2.5, 2.6])


def tube(first, last, label, score):
    frames = np.arange(first, last + 1)
    boxes = np.stack([frames, frames, frames + 10.126, frames + 12], axis=1)
    return Tube(frames, boxes.astype(np.float32), label, score)


@pytest.fixture
def result(tmp_path):
    """Two tubes in a video file of four frames."""
    path = str(tmp_path / "in.mp4")
    write_video(path, (np.full((48, 80, 3), 40 * i, np.uint8) for i in range(4)), fps=10)
    tubes = [tube(2, 3, 1, 0.25), tube(1, 4, 0, 0.5)]
    return VideoResult.of(path, (48, 80), TIMES, ("wave", "jump"), tubes)


def test_tubes_have_names_and_times_best_first(result):
    best, other = result.tubes
    assert isinstance(best, DetectedTube)
    assert [(t.name, t.label, t.score) for t in result.tubes] == [
        ("wave", 0, 0.5),
        ("jump", 1, 0.25),
    ]
    # From the first frame on; a tube ends when its last frame does.
    assert (best.start_seconds, best.end_seconds) == pytest.approx((0.0, 0.6))
    assert (other.start_seconds, other.end_seconds) == pytest.approx((0.1, 0.5))


def test_json_holds_all_of_it(result):
    content = json.loads(result.to_json())
    best, other = content.pop("tubes")
    assert content == {
        "video": result.source,
        "width": 80,
        "height": 48,
        "num_frames": 4,
        "duration_seconds": pytest.approx(0.6),
    }
    assert other == {
        "id": 2,
        "label": "jump",
        "class": 1,
        "score": 0.25,
        "start_seconds": 0.1,
        "end_seconds": 0.5,
        "frames": [2, 3],
        "seconds": [0.1, 0.4],
        "boxes": [[2, 2, 12.13, 14], [3, 3, 13.13, 15]],
    }
    assert (best["id"], len(best["boxes"])) == (1, 4)


def test_a_stream_s_password_is_not_told():
    source = "rtsp://me:pw@host/street"
    result = VideoResult.of(source, (48, 80), TIMES, ("wave", "jump"), [tube(1, 1, 0, 0.5)])
    assert result.source == source
    assert json.loads(result.to_json())["video"] == "rtsp://host/street"


def test_a_data_frame_has_a_row_a_box(result, monkeypatch):
    def frame(rows, columns):
        return [dict(zip(columns, row, strict=True)) for row in rows]

    pandas = SimpleNamespace(DataFrame=frame)
    monkeypatch.setitem(sys.modules, "pandas", pandas)
    rows = result.to_dataframe()
    assert [(row["tube_id"], row["frame"]) for row in rows] == [
        *((1, 1), (1, 2), (1, 3), (1, 4)),
        *((2, 2), (2, 3)),
    ]
    assert rows[-1] == {
        **{"video": result.source, "tube_id": 2, "label": "jump", "score": 0.25},
        **{"frame": 3, "seconds": 0.4, "x1": 3, "y1": 3, "x2": 13.13, "y2": 15},
    }


def test_pandas_makes_a_data_frame(result):
    pandas = pytest.importorskip("pandas")
    assert isinstance(result.to_dataframe(), pandas.DataFrame)


def test_without_pandas_the_message_says_so(result, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(InputError, match="needs pandas, which is not installed: pip install"):
        result.to_dataframe()


def test_every_frame_is_drawn(result, tmp_path):
    seen = []
    result.draw(tmp_path / "out.mp4", lambda frames: (seen.append(1) or f for f in frames))
    assert len(seen) == 4
    sources = open_frames(result.source)
    for number, frame in enumerate(open_frames(str(tmp_path / "out.mp4")), start=1):
        expected = draw_tubes(sources.read([number])[0], number, result.tubes, result.labels)
        assert np.abs(frame.astype(int) - expected).mean() < 4  # the codec loses a little


def test_frames_in_memory_are_drawn_too(tmp_path):
    frames = np.full((4, 48, 80, 3), 90, np.uint8)
    reader = ArrayReader(frames)
    result = VideoResult.of(reader, (48, 80), reader.times(), ("wave",), [tube(1, 4, 0, 0.5)])
    result.draw(tmp_path / "out.mp4")
    assert open_frames(str(tmp_path / "out.mp4")).count() == 4
    assert json.loads(result.to_json())["video"] == "the array of frames"


def test_the_video_is_never_written_over_and_other_endings_are_refused(result, tmp_path):
    with pytest.raises(InputError, match="is the input itself"):
        result.draw(result.source)
    for name in ("out.avi", "out.json"):
        with pytest.raises(InputError, match=rf"{name} ends in .*; what can be drawn: \.mp4, "):
            result.draw(tmp_path / name)


def test_a_folder_has_the_drawn_frames_and_a_gif_its_rate(result, tmp_path):
    result.draw(tmp_path / "pictures")
    drawn = open_frames(str(tmp_path / "pictures"))
    (source,) = open_frames(result.source).read([3])
    expected = draw_tubes(source, 3, result.tubes, result.labels)
    assert drawn.count() == 4
    assert np.abs(drawn.read([3])[0].astype(int) - expected).mean() < 4
    result.draw(tmp_path / "out.gif", fps=5)  # 0.6 seconds
    with Image.open(tmp_path / "out.gif") as picture:
        assert picture.n_frames == 3 and picture.info["duration"] == 200


def test_each_actor_has_its_number(result, tmp_path):
    result.draw(tmp_path / "pictures", color_by="actor")
    (source,) = open_frames(result.source).read([2])
    (drawn,) = open_frames(str(tmp_path / "pictures")).read([2])
    expected = draw_tubes(source, 2, result.tubes, result.labels, [1, 2], "actor")
    by_class = draw_tubes(source, 2, result.tubes, result.labels)
    distance = [np.abs(drawn.astype(int) - other).mean() for other in (expected, by_class)]
    assert distance[0] < distance[1]
