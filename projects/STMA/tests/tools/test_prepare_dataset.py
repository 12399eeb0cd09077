"""Videos become the frame layout whole or not at all, and a check lists all that is wrong."""

from __future__ import annotations

import pickle
import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from stma_d2.data import load_annotations, open_frames, save_annotations
from stma_d2.errors import InputError

SIZE = (48, 64)
LENGTHS = {"Run/a": 20, "Jump/b": 9}


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


@pytest.fixture
def run(tool, capsys):
    """Runs the command; gives what it printed, and the message that it ended with or ""."""

    def run(*arguments: object) -> tuple[str, str]:
        capsys.readouterr()
        error = ""
        try:
            tool("prepare_dataset").main([str(argument) for argument in arguments])
        except InputError as refused:
            error = str(refused)
        return capsys.readouterr().out, error

    return run


@pytest.fixture
def frames(run, raw):
    """Makes frames of the raw videos in the folder ``out``; gives what `run` does."""
    paths = ["--videos", raw / "raw", "--annotations", raw / "My-GT.pkl", "--output", raw / "out"]
    return lambda *options: run("frames", *paths, "--workers", 2, *options)


@pytest.fixture
def check(run, raw):
    """Checks the folder ``out``; gives what `run` does."""
    return lambda *options: run("check", "--root", raw / "out", *options)


def files(root: Path) -> list[str]:
    paths = (path for path in (root / "out").rglob("*") if path.is_file())
    return sorted(path.relative_to(root / "out").as_posix() for path in paths)


EXPECTED = sorted(
    [f"rgb-images/{name}/{f:05d}.jpg" for name, n in LENGTHS.items() for f in range(1, n + 1)]
    + ["My-GT.pkl"]
)
WITHOUT_JUMP = [name for name in EXPECTED if "Jump" not in name]


def test_annotated_videos_become_folders_of_frames(frames, check, raw):
    assert frames()[1] == ""
    assert files(raw) == EXPECTED
    for number, frame in enumerate(open_frames(str(raw / "out/rgb-images/Run/a")), start=1):
        assert frame.shape == (*SIZE, 3)
        assert np.abs(frame.astype(int) - 10 * number).max() < 4
    assert check("--full")[1] == ""


def test_all_includes_videos_without_annotation(frames, raw):
    assert frames("--all")[1] == ""
    others = (f"rgb-images/Other/c/{n:05d}.jpg" for n in (1, 2, 3))
    assert files(raw) == sorted([*EXPECTED, *others])


def test_a_second_run_does_only_what_is_left(frames, raw):
    frames()
    folder = raw / "out/rgb-images"
    kept = folder / "Run/a/00001.jpg"
    kept.write_bytes(b"kept")
    for path in (folder / "Jump/b").iterdir():
        path.unlink()
    (folder / "Jump/b").rename(folder / "Jump/.b.scratch-0")  # as a killed run leaves it
    for name in ("lock", "00099.jpg"):
        (folder / "Jump/.b.scratch-0" / name).touch()
    assert frames()[1] == ""
    assert files(raw) == EXPECTED
    assert kept.read_bytes() == b"kept"


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("nframes", 10, "decodes to 9 frames, 10 are annotated"),
        ("resolution", (50, 64), "64 x 48 pixels, expected 64 x 50"),
    ],
)
def test_a_video_that_does_not_fit_its_annotation_is_left_out(frames, raw, key, value, message):
    data = read_annotations(raw)
    data[key]["Jump/b"] = value
    write_annotations(raw, data)
    printed, error = frames()
    assert error.startswith("wrong things, listed above: 1")
    assert "Jump/b: " in printed and message in printed
    assert files(raw) == WITHOUT_JUMP
    assert not (raw / "out/rgb-images/Jump/b").exists()


def test_missing_and_damaged_videos_are_listed_and_the_rest_is_made(frames, raw):
    (raw / "raw/Jump/b.avi").write_bytes(b"not a video")
    assert "b.avi cannot be opened as a video" in frames()[0]
    (raw / "raw/Jump/b.avi").unlink()
    assert "Jump/b: no such video under" in frames()[0]
    assert files(raw) == WITHOUT_JUMP


def test_folders_of_another_origin_are_counted(frames, raw):
    frames()
    (raw / "out/rgb-images/Jump/b/00009.jpg").unlink()
    assert "holds 8 frames, 9 are annotated; delete it" in frames()[0]
    (raw / "out/rgb-images/Jump/b/00004.jpg").unlink()
    folder = raw / "out/rgb-images/Jump/b"
    assert f"frame 4 (00004.jpg) is missing; delete the folder {folder}" in frames()[0]


def test_empty_frames_are_told(frames, check, raw):
    frames()
    for number in (3, 7):
        (raw / f"out/rgb-images/Jump/b/{number:05d}.jpg").write_bytes(b"")
    told = f"{raw / 'out/rgb-images/Jump/b'}: 2 files are empty (00003.jpg, ...)"
    assert f"{told}; delete it" in frames()[0]
    assert f"Jump/b: {told}" in check()[0]


def test_other_annotations_are_not_written_over(frames, raw):
    frames()
    data = read_annotations(raw)
    data["labels"][0] = "Walk"
    write_annotations(raw, data)
    assert "move it away first" in frames()[1]


def test_a_folder_without_videos_is_refused(frames, raw):
    (raw / "raw").rename(raw / "elsewhere")
    assert re.fullmatch(
        r"none of the \d+ annotated videos lies under .*raw, which is no folder", frames()[1]
    )
    assert not (raw / "out").exists()


def test_check_counts_what_is_there(frames, check):
    frames()
    printed, error = check("--snippet-length", 3)
    assert error == ""
    header, _, train, test = (
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in printed.splitlines()
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
    assert "Nothing is wrong." in printed


def test_check_lists_all_that_is_wrong(frames, check, raw):
    frames()
    data = read_annotations(raw)
    data["nframes"]["Run/a"] = 21
    boxes = data["gttubes"]["Run/a"][0][0][:, 1:]
    boxes[6:8] = [[-2, 3, 9, 9], [1, 3, 64.5, 9]]
    boxes[9:12] = 0
    boxes[14] = [5, 5, 5.5, 9]
    (raw / "out/My-GT.pkl").write_bytes(pickle.dumps(data))
    (raw / "out/rgb-images/Jump/b/00004.jpg").unlink()
    printed, error = check()
    assert error.startswith("wrong things, listed above: 5")
    tube = "Run/a: tube 0: "
    assert printed.splitlines()[-5:-1] == [
        tube + "2 of 20 boxes leave the frame by up to 2 pixels, first in frame 7",
        tube + "3 of 20 boxes are all zero, as where nothing was annotated, first in frame 10",
        tube + "1 of 20 boxes are no wider or no higher than a pixel, first in frame 15",
        "Run/a: 20 frames, 21 are annotated",
    ]
    assert "frame 4 (00004.jpg) is missing" in printed.splitlines()[-1]


def test_check_says_that_boxes_are_fractions(frames, check, raw):
    frames()
    data = read_annotations(raw)
    for (tube,) in (data["gttubes"]["Run/a"][0], data["gttubes"]["Jump/b"][1]):
        tube[:, 1:] /= 64
    (raw / "out/My-GT.pkl").write_bytes(pickle.dumps(data))
    printed, error = check()
    assert "all boxes of the annotations lie within 0 .. 1" in printed
    assert error.startswith("wrong things, listed above: 3")  # and each tube's boxes are small


def test_check_reads_sizes_and_in_full_every_frame(frames, check, raw):
    frames()
    path = raw / "out/rgb-images/Run/a/00007.jpg"
    path.write_bytes(path.read_bytes()[:-40])
    assert check()[1] == ""
    assert "00007.jpg: the image is truncated or damaged" in check("--full")[0]
    cv2.imwrite(str(raw / "out/rgb-images/Run/a/00001.jpg"), np.zeros((10, 20, 3), np.uint8))
    assert "frame 1 is 20 x 10 pixels, expected 64 x 48" in check()[0]


def test_check_takes_video_files_and_explicit_paths(run, raw):
    arguments = ["check", "--annotations", raw / "My-GT.pkl", "--frames", raw / "raw"]
    assert run(*arguments)[1] == ""
    (raw / "raw/Jump/b.avi").unlink()
    assert "Jump/b: no folder of frames and no video file" in run(*arguments)[0]


def test_check_takes_what_frames_made_of_annotations_of_any_name(run, raw):
    annotations = load_annotations(raw / "My-GT.pkl")
    save_annotations(annotations, raw / "mine.json")
    paths = ["--videos", raw / "raw", "--annotations", raw / "mine.json", "--output", raw / "out"]
    assert run("frames", *paths)[1] == ""
    assert run("check", "--root", raw / "out")[1] == ""
    save_annotations(annotations, raw / "out/other.json")
    assert run("check", "--root", raw / "out")[1].startswith("2 annotation files")
    save_annotations(annotations, raw / "out/my-GT.json")
    assert run("check", "--root", raw / "out")[1] == ""


@pytest.mark.usefixtures("empty_catalogs")
def test_check_takes_a_data_set_file_with_its_own_splits(run, raw):
    file = raw / "mine.yaml"
    file.write_text("annotations: My-GT.pkl\nvideos: raw\nsplits: {train: [Jump/b, Run/a]}\n")
    assert run("check", "--dataset-file", file, "--root", raw)[1].endswith("give it alone")
    printed, error = run("check", "--dataset-file", file)
    assert error == "" and "| mine_train |        2 |       29 |" in printed
    (raw / "raw/Jump/b.avi").unlink()
    assert (
        "Jump/b: no folder of frames and no video file" in run("check", "--dataset-file", file)[0]
    )


def test_check_says_that_nothing_can_serve_for_training(frames, check):
    frames()
    printed, _ = check("--snippet-length", 21)
    assert "split 1 train: no window of its videos can serve for training" in printed


def test_check_needs_to_know_where_the_data_set_is(run, check):
    assert run("check")[1] == "give --root, --dataset-file, or both --annotations and --frames"
    assert check()[1].startswith("0 annotation files (*-GT*.pkl or .json")


def test_real_videos_become_a_data_set(run, shared, tmp_path):
    mini = shared / "ucf24-mini"
    sources = ["--videos", mini / "videos", "--annotations", mini / "UCF101v2-GT-fit.pkl"]
    assert run("frames", *sources, "--output", tmp_path / "out")[1] == ""
    assert len(files(tmp_path)) == 866 + 1
    assert run("check", "--root", tmp_path / "out")[1] == ""


def test_the_recipes_say_what_the_public_annotations_hold(tool, shared):
    page = (Path(__file__).resolve().parents[2] / "RECIPES.md").read_text()
    summarize = tool("prepare_dataset").summarize

    def counts(file):
        annotations = load_annotations(shared / "gt" / file)
        for split in annotations.splits:
            yield [summarize(annotations, names, 5) for names in (split.train, split.test)]

    (ucf,) = counts("UCF101v2-GT.pkl")
    for name, row in zip(("1 train", "1 test"), ucf, strict=True):
        assert f"| {name} | {' | '.join(map(str, row.values()))} |" in page
    jhmdb = [
        f"split {number} {train['videos']} / {test['videos']} and "
        f"{train['training windows']:,} / {test['training windows']:,}"
        for number, (train, test) in enumerate(counts("JHMDB-GT.pkl"), start=1)
    ]
    assert ", ".join(jhmdb) in page.replace("\n", " ")


def test_two_extractions_at_once_leave_whole_folders(tool, raw, monkeypatch):
    """The other one begins while the first writes, and ends before it."""
    module = tool("prepare_dataset")
    write, begun = module._write_frames, []

    def write_twice(file, folder, video):
        write(file, folder, video)
        if not begun:
            begun.append(folder)
            assert module.extract_frames(raw / "out", job) == []

    monkeypatch.setattr(module, "_write_frames", write_twice)
    job = ("Run/a", next((raw / "raw").rglob("a.*")), None)
    assert module.extract_frames(raw / "out", job) == []
    assert sorted(path.name for path in (raw / "out/Run").iterdir()) == ["a"]
    assert len(list((raw / "out/Run/a").iterdir())) == LENGTHS["Run/a"]
