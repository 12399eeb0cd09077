"""Videos become the frame layout whole or not at all, and a check lists all that is wrong."""

from __future__ import annotations

import importlib.util
import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest

from stma_d2.data import open_frames

TOOL = Path(__file__).resolve().parents[2] / "tools" / "prepare_dataset.py"
SIZE = (48, 64)
LENGTHS = {"Run/a": 20, "Jump/b": 9}


@pytest.fixture(scope="module")
def tool():
    spec = importlib.util.spec_from_file_location("prepare_dataset", TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def write_video(path: Path, length: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25, SIZE[::-1])
    for number in range(1, length + 1):
        writer.write(np.full((*SIZE, 3), 10 * number, dtype=np.uint8))
    writer.release()


@pytest.fixture
def raw(tmp_path):
    """Two raw videos, their annotations, and a video that is not annotated."""
    for name, length in LENGTHS.items():
        write_video(tmp_path / "raw" / f"{name}.avi", length)
    write_video(tmp_path / "raw" / "Other" / "c.avi", 3)
    box = np.array([2, 3, 40, 30], dtype=np.float32)
    data = {
        "labels": ["Run", "Jump"],
        "gttubes": {
            "Run/a": {0: [np.array([[f, *box] for f in range(1, 21)], dtype=np.float32)]},
            "Jump/b": {1: [np.array([[f, *box] for f in range(3, 9)], dtype=np.float32)]},
        },
        "nframes": dict(LENGTHS),
        "resolution": dict.fromkeys(LENGTHS, SIZE),
        "train_videos": [["Run/a"]],
        "test_videos": [["Jump/b"]],
    }
    write_annotations(tmp_path, data)
    return tmp_path


def write_annotations(root: Path, data: dict) -> None:
    (root / "My-GT.pkl").write_bytes(pickle.dumps(data))


def read_annotations(root: Path) -> dict:
    return pickle.loads((root / "My-GT.pkl").read_bytes())


def frames(tool, root: Path, *options: str) -> int:
    paths = {"videos": "raw", "annotations": "My-GT.pkl", "output": "out"}
    arguments = [part for key, name in paths.items() for part in (f"--{key}", str(root / name))]
    return tool.main(["frames", *arguments, "--workers", "2", *options])


def check(tool, root: Path, *options: str) -> int:
    return tool.main(["check", "--root", str(root / "out"), *options])


def files(root: Path) -> list[str]:
    paths = (path for path in (root / "out").rglob("*") if path.is_file())
    return sorted(path.relative_to(root / "out").as_posix() for path in paths)


EXPECTED = sorted(
    [f"rgb-images/{name}/{f:05d}.jpg" for name, n in LENGTHS.items() for f in range(1, n + 1)]
    + ["My-GT.pkl"]
)


def test_annotated_videos_become_folders_of_frames(tool, raw):
    assert frames(tool, raw) == 0
    assert files(raw) == EXPECTED
    for number, frame in enumerate(open_frames(str(raw / "out/rgb-images/Run/a")), start=1):
        assert frame.shape == (*SIZE, 3)
        assert np.abs(frame.astype(int) - 10 * number).max() < 4
    assert check(tool, raw, "--full") == 0


def test_all_includes_videos_without_annotation(tool, raw):
    assert frames(tool, raw, "--all") == 0
    assert files(raw) == sorted(
        [*EXPECTED, *(f"rgb-images/Other/c/{n:05d}.jpg" for n in (1, 2, 3))]
    )


def test_a_second_run_does_only_what_is_left(tool, raw):
    frames(tool, raw)
    folder = raw / "out/rgb-images"
    kept = folder / "Run/a/00001.jpg"
    kept.write_bytes(b"kept")
    for path in (folder / "Jump/b").iterdir():
        path.unlink()
    (folder / "Jump/b").rename(folder / "Jump/.b.partial")  # as a killed run leaves it
    (folder / "Jump/.b.partial/00099.jpg").touch()
    assert frames(tool, raw) == 0
    assert files(raw) == EXPECTED
    assert kept.read_bytes() == b"kept"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d["nframes"].update({"Jump/b": 10}), "decodes to 9 frames, 10 are annotated"),
        (
            lambda d: d["resolution"].update({"Jump/b": (50, 64)}),
            "64 x 48 pixels, expected 64 x 50",
        ),
    ],
)
def test_a_video_that_does_not_fit_its_annotation_is_left_out(tool, raw, capsys, change, message):
    data = read_annotations(raw)
    change(data)
    write_annotations(raw, data)
    assert frames(tool, raw) == 1
    assert files(raw) == [name for name in EXPECTED if "Jump" not in name]
    assert not (raw / "out/rgb-images/Jump/b").exists()
    output = capsys.readouterr().out
    assert "1 things are wrong" in output
    assert "Jump/b: " in output
    assert message in output


def test_missing_and_damaged_videos_are_listed_and_the_rest_is_made(tool, raw, capsys):
    (raw / "raw/Jump/b.avi").write_bytes(b"not a video")
    assert frames(tool, raw) == 1
    assert "b.avi cannot be opened as a video" in capsys.readouterr().out
    (raw / "raw/Jump/b.avi").unlink()
    assert frames(tool, raw) == 1
    assert "Jump/b: no such video under" in capsys.readouterr().out
    assert files(raw) == [name for name in EXPECTED if "Jump" not in name]


def test_folders_of_another_origin_are_counted(tool, raw, capsys):
    frames(tool, raw)
    (raw / "out/rgb-images/Jump/b/00009.jpg").unlink()
    assert frames(tool, raw) == 1
    assert "holds 8 frames, 9 are annotated; delete it" in capsys.readouterr().out


def test_other_annotations_are_not_written_over(tool, raw, capsys):
    frames(tool, raw)
    data = read_annotations(raw)
    data["labels"][0] = "Walk"
    write_annotations(raw, data)
    assert frames(tool, raw) == 1
    assert "move it away first" in capsys.readouterr().err


def test_a_folder_without_videos_is_one_error(tool, raw, capsys):
    (raw / "raw").rename(raw / "elsewhere")
    assert frames(tool, raw) == 1
    assert capsys.readouterr().err.startswith("error: no videos (")
    assert not (raw / "out").exists()


def test_check_counts_what_is_there(tool, raw, capsys):
    frames(tool, raw)
    capsys.readouterr()
    assert check(tool, raw, "--snippet-length", "3") == 0
    output = capsys.readouterr().out
    header, _, train, test = (
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in output.splitlines()
        if line.startswith("|")
    )
    # Windows of 3 frames: 18 in 20 frames; 4 in frames 3 to 8, 7 in 9 frames.
    assert dict(zip(header, train, strict=True)) == {
        "split": "1 train",
        "videos": "1",
        "frames": "20",
        "labels": "1 of 2",
        "tubes": "1",
        "boxes": "20",
        "training windows": "18",
        "all windows": "18",
    }
    assert test == ["1 test", "1", "9", "1 of 2", "1", "6", "4", "7"]
    assert "Nothing is wrong." in output


def test_check_lists_all_that_is_wrong(tool, raw, capsys):
    frames(tool, raw)
    capsys.readouterr()
    data = read_annotations(raw)
    data["nframes"]["Run/a"] = 21
    data["gttubes"]["Run/a"][0][0][6:8, 1:] = [[-2, 3, 9, 9], [1, 3, 64.5, 9]]
    (raw / "out/My-GT.pkl").write_bytes(pickle.dumps(data))
    (raw / "out/rgb-images/Jump/b/00004.jpg").unlink()
    assert check(tool, raw) == 1
    problems = [line for line in capsys.readouterr().out.splitlines() if line.startswith("  ")]
    assert len(problems) == 3
    assert (
        "Run/a: tube 0: 2 of 20 boxes leave the frame by up to 2 pixels, first in frame 7"
        in (problems[0])
    )
    assert "Run/a: 20 frames, 21 are annotated" in problems[1]
    assert "frame 4 (00004.jpg) is missing" in problems[2]


def test_check_reads_sizes_and_in_full_every_frame(tool, raw, capsys):
    frames(tool, raw)
    path = raw / "out/rgb-images/Run/a/00007.jpg"
    path.write_bytes(path.read_bytes()[:-40])
    assert check(tool, raw) == 0
    assert check(tool, raw, "--full") == 1
    assert "00007.jpg: the image is truncated or damaged" in capsys.readouterr().out
    cv2.imwrite(str(raw / "out/rgb-images/Run/a/00001.jpg"), np.zeros((10, 20, 3), np.uint8))
    assert check(tool, raw) == 1
    assert "frame 1 is 20 x 10 pixels, expected 64 x 48" in capsys.readouterr().out


def test_check_takes_video_files_and_explicit_paths(tool, raw, capsys):
    paths = ["--annotations", str(raw / "My-GT.pkl"), "--frames", str(raw / "raw")]
    assert tool.main(["check", *paths]) == 0
    (raw / "raw/Jump/b.avi").unlink()
    assert tool.main(["check", *paths]) == 1
    assert "Jump/b: no folder of frames and no video file" in capsys.readouterr().out


def test_check_says_that_nothing_can_serve_for_training(tool, raw, capsys):
    frames(tool, raw)
    assert check(tool, raw, "--snippet-length", "21") == 1
    assert "split 1: no window of its videos can serve for training" in capsys.readouterr().out


def test_check_reports_unreadable_annotations_in_one_line(tool, raw, capsys):
    frames(tool, raw)
    data = read_annotations(raw)
    data["gttubes"]["Run/a"][0][0][2, 3] = 0
    (raw / "out/My-GT.pkl").write_bytes(pickle.dumps(data))
    capsys.readouterr()
    assert check(tool, raw) == 1
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 1
    assert "My-GT.pkl: video 'Run/a', label 0 (Run), tube 0: the box of frame 3 has x2" in errors[0]


def test_check_needs_to_know_where_the_data_set_is(tool, tmp_path, capsys):
    assert tool.main(["check"]) == 1
    assert "give --root, or both --annotations and --frames" in capsys.readouterr().err
    assert check(tool, tmp_path) == 1
    assert "0 files *-GT*.pkl or *-GT*.json" in capsys.readouterr().err


def test_real_videos_become_a_data_set(tool, shared, tmp_path):
    mini = shared / "ucf24-mini"
    command = ["--videos", str(mini / "videos"), "--output", str(tmp_path / "out")]
    command += ["--annotations", str(mini / "UCF101v2-GT-fit.pkl")]
    assert tool.main(["frames", *command]) == 0
    assert len(files(tmp_path)) == 866 + 1
    assert check(tool, tmp_path) == 0
