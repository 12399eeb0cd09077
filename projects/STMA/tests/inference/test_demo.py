"""The demo command, as a user types it."""

from __future__ import annotations

import csv
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import torch
from detectron2.modeling import build_model

from stma_d2.checkpoint import training_record
from stma_d2.config import load_config
from stma_d2.data import TubeAnnotations, readers, save_annotations
from stma_d2.data.datasets.synthetic_actions import draw_video
from stma_d2.data.datasets.synthetic_levels import LEVELS
from stma_d2.data.readers import TimedFrame, open_frames
from stma_d2.files import file_sha256
from stma_d2.inference import VideoPredictor, demo
from stma_d2.inference.demo import command_line
from stma_d2.model_zoo import get_config_file
from stma_d2.model_zoo.checkpoints import index_text
from stma_d2.visualization import write_timed_video, write_video

CONFIG = get_config_file("Synthetic/STMA_tiny_K5.yaml")
SMALL = [
    *("MODEL.DEVICE", "cpu", "MODEL.BACKBONE.STEM_CHANNELS", "8", "INPUT.SIZE", "(64, 64)"),
    *("MODEL.STMA.HEAD_CHANNELS", "8", "MODEL.STMA.ACTION.CHANNELS", "8"),
]
CAUSAL = ["INPUT.SNIPPET_POSITION", "end"]


@pytest.fixture
def video(tmp_path):
    path = tmp_path / "in.mp4"
    scene = np.kron(np.random.default_rng(0).integers(0, 99, (6, 8, 3)), np.ones((8, 8, 1)))
    write_video(path, ((scene + 3 * i).astype(np.uint8) for i in range(20)), fps=10)
    return str(path)


@pytest.fixture
def weights(tmp_path):
    path = str(tmp_path / "weights.pth")
    torch.manual_seed(0)
    torch.save({"model": build_model(load_config(CONFIG, SMALL)).state_dict()}, path)
    return path


@pytest.fixture
def run_demo(weights, monkeypatch, capsys):
    """Runs the command and gives what it printed."""

    def run(*arguments, overrides=()):
        if not {"--weights", "--model"} & set(arguments):
            arguments = ["--config-file", CONFIG, *arguments]
            overrides = [*SMALL, "MODEL.WEIGHTS", weights, *overrides]
        command = ["demo.py", *arguments, *overrides]
        monkeypatch.setattr(sys, "argv", command)
        command_line()
        return capsys.readouterr().out

    return run


@pytest.fixture
def refusing_demo(run_demo, monkeypatch):
    """The command, which must refuse before it reads a configuration."""
    monkeypatch.setattr("stma_d2.config.load_config", lambda *_: pytest.fail("it began"))
    return run_demo


def tubes_in(printed):
    """Class and frames of each tube: its score may be rounded the other way."""
    lines = (line for line in printed.splitlines() if line.startswith("  #"))
    return sorted(re.sub(r"#\d+|score \S+", "", line) for line in lines)


def frames_in(path):
    with av.open(str(path)) as container:
        assert container.streams.video[0].average_rate == 10
        return sum(1 for _ in container.decode(video=0))


def test_every_frame_is_drawn_into_a_playable_file(video, tmp_path, run_demo):
    output = tmp_path / "out.mp4"
    printed = run_demo("--input", video, "--output", str(output), "--min-score", "0")
    assert frames_in(output) == 20
    assert f"written: {output}" in printed and f"{video}: " in printed


def test_a_stream_is_drawn_as_it_comes_and_has_the_same_tubes(video, tmp_path, run_demo):
    arguments = ["--input", video, "--min-score", "0", "--output"]
    overrides = [*CAUSAL, "TEST.LINKING.MIN_TUBELET_SCORE", "0.0"]
    output = tmp_path / "stream.mp4"
    streamed = run_demo("--stream", *arguments, str(output), overrides=overrides)
    whole = run_demo(*arguments, str(tmp_path / "whole.mp4"), overrides=overrides)
    assert frames_in(output) == 20
    assert tubes_in(streamed) == tubes_in(whole) != []


@pytest.fixture
def trained(weights, tmp_path):
    """The same weights as a training leaves them, on labels of its own."""
    path = str(tmp_path / "model_final.pth")
    record = training_record(load_config(CONFIG, [*SMALL, *CAUSAL]), ())
    record["the labels"] = [f"action {letter}" for letter in "abcdefghij"]
    torch.save({**torch.load(weights), "trainer": {"settings": record}}, path)
    return path


@pytest.mark.parametrize("stream", [[], ["--stream"]])
def test_a_trained_checkpoint_needs_nothing_else(video, trained, tmp_path, run_demo, stream):
    output = tmp_path / "out.mp4"
    arguments = ["--weights", trained, "--input", video, "--output", str(output)]
    overrides = ["TEST.LINKING.MIN_TUBELET_SCORE", "0.0"]
    printed = run_demo(*arguments, "--min-score", "0", *stream, overrides=overrides)
    assert frames_in(output) == 20
    assert tubes_in(printed) and all("  action " in f" {line}" for line in tubes_in(printed))


def test_a_network_of_the_zoo_is_used_by_its_name(video, trained, tmp_path, run_demo, monkeypatch):
    zoo, name = tmp_path / "zoo", f"own-{file_sha256(trained)[:16]}.pth"
    zoo.mkdir()
    os.rename(trained, zoo / name)
    (zoo / "index.json").write_text(index_text({"Mine/own.yaml": name}))
    monkeypatch.setenv("STMA_MODEL_ZOO", str(zoo))
    arguments = ["--input", video, "--output", str(tmp_path / "out.mp4"), "--model"]
    assert f"{video}: " in run_demo(*arguments, "Mine/own.yaml")
    with pytest.raises(SystemExit, match=r"error: no .* 'no\.yaml'; there are: Mine/own\.yaml"):
        run_demo(*arguments, "no.yaml")


def test_a_checkpoint_that_does_not_say_its_configuration_is_refused(
    video, weights, tmp_path, run_demo
):
    arguments = ["--weights", weights, "--input", video, "--output", str(tmp_path / "o.mp4")]
    with pytest.raises(SystemExit, match=r"error: .*weights\.pth does not say its configuration"):
        run_demo(*arguments)


@pytest.mark.parametrize("stream", [[], ["--stream"]])
def test_tables_say_what_the_library_says_and_nothing_is_left_beside(
    video, trained, tmp_path, run_demo, stream
):
    before = set(tmp_path.iterdir())
    other = shutil.copyfile(video, tmp_path / "other.mp4")
    outputs = [tmp_path / name for name in ("o.json", "o.csv", "drawn")]
    arguments = ["--weights", trained, "--input", video, str(other), "--min-score", "0", *stream]
    overrides = ["TEST.LINKING.MIN_TUBELET_SCORE", "0.0"]
    run_demo(*arguments, "--output", *map(str, outputs), overrides=overrides)
    content = json.loads(outputs[0].read_text())
    result = VideoPredictor.from_pretrained(trained, overrides)(video)
    assert content["labels"] == list(result.labels)
    expected = json.loads(result.to_json())
    found = content["videos"][0]
    assert {key: found[key] for key in found if key != "tubes"} == {
        key: expected[key] for key in expected if key != "tubes"
    }
    assert sorted(tube["frames"] for tube in found["tubes"]) == sorted(
        tube["frames"] for tube in expected["tubes"]
    )
    assert content["videos"][1]["video"] == str(other)
    rows = list(csv.DictReader(outputs[1].open(newline="")))
    boxes = sum(len(tube["boxes"]) for one in content["videos"] for tube in one["tubes"])
    assert len(rows) == boxes > 0
    assert sorted(folder.name for folder in outputs[2].iterdir()) == ["in", "other"]
    assert set(tmp_path.iterdir()) == before | {other, *outputs}


@pytest.mark.parametrize("stream", [[], ["--stream"]])
def test_an_input_that_cannot_be_used_leaves_the_others_their_tables(
    video, trained, tmp_path, run_demo, stream, caplog
):
    (tmp_path / "bad.mp4").write_bytes(b"no video")
    output = tmp_path / "all.json"
    arguments = ["--weights", trained, "--output", str(output), *stream]
    inputs = ["--input", str(tmp_path / "bad.mp4"), video]
    with pytest.raises(SystemExit, match=r"error: 1 of 2 inputs could not be used: .*bad\.mp4"):
        run_demo(*arguments, *inputs)
    assert [one["video"] for one in json.loads(output.read_text())["videos"]] == [video]
    assert "bad.mp4" in caplog.text


def test_a_stream_that_is_stopped_ends_the_command_with_its_tables(
    video, trained, tmp_path, run_demo, monkeypatch
):
    """Ctrl-C in the eighth frame of the first input."""

    def opened_until_interrupted(name):
        with opened_source(name) as frames:
            for number, frame in enumerate(frames, start=1):
                if number == 8:
                    os.kill(os.getpid(), signal.SIGINT)
                yield frame

    opened_source = demo.opened_source
    monkeypatch.setattr(
        demo, "opened_source", lambda name: nullcontext(opened_until_interrupted(name))
    )
    other = shutil.copyfile(video, tmp_path / "other.mp4")
    output = tmp_path / "all.json"
    inputs = ["--stream", "--input", video, str(other), "--output", str(output)]
    printed = run_demo("--weights", trained, *inputs)
    assert f"{video}: " in printed and "other.mp4" not in printed
    (found,) = json.loads(output.read_text())["videos"]
    assert (found["video"], found["num_frames"]) == (video, 7)


def test_a_folder_of_frames_has_the_named_rate(video, trained, tmp_path, run_demo):
    folder = tmp_path / "frames"
    folder.mkdir()
    for number, frame in enumerate(open_frames(video), start=1):
        cv2.imwrite(str(folder / f"{number:05d}.png"), frame)
    outputs = [str(tmp_path / name) for name in ("o.json", "o.mp4")]
    arguments = ["--weights", trained, "--input", str(folder), "--output", *outputs]
    run_demo(*arguments, "--fps", "10")
    assert json.loads(Path(outputs[0]).read_text())["videos"][0]["duration_seconds"] == 2.0
    assert frames_in(outputs[1]) == 20 and open_frames(outputs[1]).times()[-1] == pytest.approx(2)


def test_a_stream_of_a_network_that_looks_ahead_is_refused(video, tmp_path, run_demo):
    arguments = ["--stream", "--input", video, "--output", str(tmp_path / "o.mp4")]
    with pytest.raises(SystemExit, match=r"error: .*set INPUT\.SNIPPET_POSITION to 'end'"):
        run_demo(*arguments)


def test_a_camera_that_does_not_open_ends_in_one_message(tmp_path, run_demo, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match="error: OpenCV cannot open camera 99"):
        run_demo("--input", "99", "--output", "o.mp4", overrides=CAUSAL)
    assert not (tmp_path / "o.mp4").exists()


def test_labels_of_another_data_set_are_refused(video, tmp_path, run_demo):
    arguments = ["--input", video, "--output", str(tmp_path / "out.mp4")]
    other = ["DATASETS.TEST", "('ucf101_24_test',)"]
    with pytest.raises(SystemExit, match="ucf101_24_test has 24 labels, the network 10 classes"):
        run_demo(*arguments, overrides=other)
    assert not (tmp_path / "out.mp4").exists()


def test_a_missing_video_ends_in_one_message(tmp_path, run_demo):
    with pytest.raises(SystemExit, match=r"error: .*no\.mp4"):
        run_demo("--input", "no.mp4", "--output", str(tmp_path / "o.mp4"))


@pytest.mark.parametrize("stream", [[], ["--stream"]])
@pytest.mark.parametrize("link", [False, True])
def test_the_input_is_never_written_over(video, tmp_path, refusing_demo, stream, link):
    output, content = video, Path(video).read_bytes()
    if link:
        output = str(tmp_path / "link.mp4")
        os.symlink(video, output)
    with pytest.raises(SystemExit, match=r"error: .* is the input itself"):
        refusing_demo("--input", video, "--output", output, *stream)
    assert Path(video).read_bytes() == content


def test_annotations_of_a_known_data_set_are_never_written_over(
    video, tmp_path, run_demo, empty_catalogs
):
    annotations = tmp_path / "mine.json"
    save_annotations(TubeAnnotations(("a",), {}, ()), annotations)
    content = annotations.read_bytes()
    (tmp_path / "clips").mkdir()
    (tmp_path / "mine.yaml").write_text("annotations: mine.json\nvideos: clips\n")
    known = ["DATASETS.FILES", f"('{tmp_path / 'mine.yaml'}',)"]
    with pytest.raises(SystemExit, match=r"error: .*mine\.json is the input itself"):
        run_demo("--input", video, "--output", str(annotations), overrides=known)
    assert annotations.read_bytes() == content


def test_outputs_that_cannot_be_written_are_refused_first(video, tmp_path, refusing_demo):
    (tmp_path / "folder.mp4").mkdir()
    for name, message in [
        ("folder.mp4", "is a folder"),
        ("in.mp4/out.mp4", "cannot be written"),
        ("out.avi", r"ends in \.avi; what can be written"),
    ]:
        with pytest.raises(SystemExit, match=f"error: .*{name} {message}"):
            refusing_demo("--input", video, "--output", str(tmp_path / name))


@pytest.mark.parametrize("stream", [[], ["--stream"]])
def test_the_drawn_video_lasts_as_long_as_its_source(tmp_path, run_demo, stream):
    source, output = str(tmp_path / "uneven.mp4"), str(tmp_path / "out.mp4")
    times = [0.0, 0.04, 0.08, 1.0, 1.5, 1.54, 6.0]
    picture = np.full((48, 64, 3), 90, np.uint8)
    write_timed_video(source, (TimedFrame(picture, time, 0.04) for time in times))
    run_demo("--input", source, "--output", output, *stream, overrides=CAUSAL)
    drawn = list(open_frames(output).timed())
    assert [frame.time for frame in drawn] == pytest.approx(times)
    assert drawn[-1].duration == pytest.approx(0.04)


@pytest.mark.parametrize("stream", [[], ["--stream"]])
def test_a_damaged_video_is_drawn_and_the_damage_named(shared, tmp_path, run_demo, caplog, stream):
    source, output = str(shared / "cases/videos/xvid_bad_frame_10.avi"), str(tmp_path / "out.mp4")
    readers._warn_once.cache_clear()  # each message is logged once a process
    run_demo("--input", source, "--output", output, *stream, overrides=CAUSAL)
    assert open_frames(output).count() == 24
    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == [
        f"{source}: frame 9 of about 24 could not be decoded"
    ]


@pytest.mark.parametrize("score", ["nan", "-1", "2"])
def test_scores_that_nothing_can_have_are_refused(refusing_demo, video, tmp_path, capsys, score):
    with pytest.raises(SystemExit):
        refusing_demo("--input", video, "--output", str(tmp_path / "o.mp4"), f"--min-score={score}")
    assert f"argument --min-score: it is '{score}'; it must be a" in capsys.readouterr().err


def test_without_weights_the_key_is_named(video, tmp_path, run_demo):
    arguments = ["--input", video, "--output", str(tmp_path / "o.mp4")]
    with pytest.raises(SystemExit, match="error: no weights are named: add MODEL.WEIGHTS "):
        run_demo(*arguments, overrides=["MODEL.WEIGHTS", "''"])


# Fails where Detectron2 is imported, as on a machine that does not have it; then runs the demo.
WITHOUT_DETECTRON2 = """
import importlib.abc, runpy, sys

class Block(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "detectron2":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Block())
for words in [sys.argv[1:], [*sys.argv[1:2], "--model", "Any.yaml", *sys.argv[4:]]]:
    sys.argv = words
    try:
        runpy.run_path(words[0], run_name="__main__")
    except SystemExit as end:
        print(end)
assert not any(name.partition(".")[0] == "detectron2" for name in sys.modules)
"""


def test_an_exported_network_runs_as_the_guide_says_where_detectron2_is_not_installed(exported):
    project = Path(get_config_file("Synthetic/STMA_tiny_K5.yaml")).parents[2]
    (command,) = re.findall(
        r"^python (demo\.py --onnx .*)$", (project / "docs" / "DEPLOY.md").read_text(), re.MULTILINE
    )
    words = shlex.split(command)
    _, frames = draw_video([3, 8], LEVELS["easy"], 160, seed=1)
    write_video(exported.parent / "street.mp4", frames, fps=25)
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_DETECTRON2, str(project / words[0]), *words[1:]],
        cwd=exported.parent,
        env={**os.environ, "PYTHONPATH": str(project)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    tubes = json.loads((exported.parent / "tubes.json").read_text())["videos"][0]["tubes"]
    expected = VideoPredictor.from_pretrained(
        "Synthetic/STMA_tiny_K5.yaml", ["MODEL.DEVICE", "cpu"]
    )(str(exported.parent / "street.mp4"))
    assert [tube["label"] for tube in tubes] == [
        tube.name for tube in expected.tubes if tube.score >= 0.2
    ]
    assert tubes
    with av.open(str(exported.parent / "tubes.mp4")) as container:
        assert sum(1 for _ in container.decode(video=0)) == len(frames)
    # What needs Detectron2 says so in one line.
    assert "error: networks are built by Detectron2, which is not installed; " in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
