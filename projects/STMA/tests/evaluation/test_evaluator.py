from __future__ import annotations

import json
import logging
import multiprocessing
import socket

import pytest
import torch
from detectron2.data import DatasetCatalog, MetadataCatalog
from detectron2.evaluation import print_csv_format

from stma_d2.data import Split, TubeAnnotations, register_tube_dataset, save_annotations
from stma_d2.errors import InputError
from stma_d2.evaluation import (
    FRAME_FILE,
    TUBE_FILE,
    TubeletEvaluator,
    evaluate_tubelets,
    get_protocol,
    load_detections,
    load_frame_boxes,
    load_tubes,
    run_evaluation,
    score,
)
from stma_d2.structures import Tubelets

NAME = "evaluator_test"
BOX, FAR = (0, 0, 19, 19), (200, 0, 219, 19)


@pytest.fixture
def register(tmp_path):
    """Registers annotations, whose first split's test videos are evaluated, as NAME."""

    def register(annotations):
        path = tmp_path / "annotations.json"
        save_annotations(annotations, path)
        register_tube_dataset(
            NAME, str(path), str(tmp_path), subset="test", labels=annotations.labels
        )

    yield register
    DatasetCatalog.remove(NAME)
    MetadataCatalog.remove(NAME)


@pytest.fixture
def dataset(make, register):
    """Two videos of 20 frames, classes a and b, one actor each; the annotations."""
    truth = make.annotate("ab", u=(20, [make.tube(1, 20, BOX)]), v=(20, [make.tube(3, 20, BOX, 1)]))
    register(truth)
    return truth


@pytest.fixture
def detections(make, dataset):
    """Right in u; in v the tube is right, but a better-scored one is not."""
    u = make.follow([make.tube(1, 20, BOX)], 20, 5, 2)
    v = make.follow([make.tube(3, 20, BOX, 1), make.tube(1, 20, FAR, 1)], 20, 5, 2)
    v.scores[:, 0] /= 2
    return {"u": u, "v": v}


def batches(detections, windows_per_chunk=6):
    """(inputs, outputs) as loader and model give them."""
    for video, found in detections.items():
        for start in range(0, len(found), windows_per_chunk):
            part = found[start : start + windows_per_chunk]
            fields = (part.windows, part.boxes, part.scores)
            tubelets = Tubelets(*(torch.tensor(field) for field in fields))
            yield [{"video_id": video}], [{"tubelets": tubelets}]


def fill(evaluator, detections):
    evaluator.reset()
    for inputs, outputs in batches(detections):
        evaluator.process(inputs, outputs)


def test_reports_what_evaluate_tubelets_gives(dataset, detections, tmp_path, caplog):
    rules = {"min_tubelet_score": 0.1, "trim_to_key_frames": True}
    evaluator = TubeletEvaluator(NAME, str(tmp_path / "out"), protocol=get_protocol("moc", **rules))
    fill(evaluator, detections)
    with caplog.at_level(logging.INFO):
        results = evaluator.evaluate()
        print_csv_format(results)
    expected = evaluate_tubelets(detections, dataset, ["u", "v"], **rules)
    assert 0 < expected["frame_mAP@0.5"] < 100
    metrics = results["action_detection"]
    assert len(metrics) == 5 and metrics.items() <= expected.items()
    assert caplog.text.count("Protocol moc") == 1 and "0.1 dropped, tubes cut" in caplog.text

    record = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert record["metrics"] == expected
    assert (record["dataset"], record["split"], record["subset"]) == (NAME, 1, "test")
    assert (record["protocol"], record["num_videos"]) == ("moc", 2)
    assert record["error_analysis"]["mean"].keys() >= {"timing", "missed"}
    saved = load_detections(tmp_path / "out" / "detections.npz")
    assert saved.labels == dataset.labels
    again = run_evaluation(saved.tubelets, dataset, ["u", "v"], saved.protocol)
    assert again.flat() == expected


def test_writes_the_benchmarks_files_on_request(dataset, detections, tmp_path):
    for name, options in (("without", {}), ("with", {"benchmark_files": True})):
        evaluator = TubeletEvaluator(NAME, str(tmp_path / name), **options)
        fill(evaluator, detections)
        means = evaluator.evaluate()["action_detection"]
    names = {path.name for path in (tmp_path / "with").iterdir()}
    assert names - {path.name for path in (tmp_path / "without").iterdir()} == {
        FRAME_FILE,
        TUBE_FILE,
    }
    boxes = load_frame_boxes(tmp_path / "with" / FRAME_FILE, dataset, ("u", "v"))
    tubes = load_tubes(tmp_path / "with" / TUBE_FILE, dataset, ("u", "v"))
    assert score(boxes, tubes, dataset, ["u", "v"], evaluator.protocol).means == means


def test_reset_forgets(dataset, detections):
    evaluator = TubeletEvaluator(NAME)
    fill(evaluator, detections)
    evaluator.reset()
    assert set(evaluator.evaluate()["action_detection"].values()) == {0.0}


def test_actions_below_the_shortest_tube_are_told(dataset, caplog):
    TubeletEvaluator(NAME, protocol=get_protocol("moc", min_tube_length=18))
    assert caplog.text == ""
    evaluator = TubeletEvaluator(NAME, protocol=get_protocol("moc", min_tube_length=19))
    assert evaluator.protocol.linking.min_tube_length == 19
    assert f"'{NAME}': 1 of 2 annotated tubes and 0 of 2 videos are shorter" in caplog.text


def test_videos_without_output_are_told_and_count_as_missed(dataset, detections, caplog):
    evaluator = TubeletEvaluator(NAME)
    fill(evaluator, {"u": detections["u"]})
    assert evaluator.evaluate()["action_detection"]["frame_mAP@0.5"] == 50
    assert "1 of 2 videos" in caplog.text and "is v" in caplog.text


def test_chunks_may_come_in_any_order_and_twice_as_tensors_or_arrays(dataset, detections):
    evaluator = TubeletEvaluator(NAME)
    fill(evaluator, detections)
    once = evaluator.evaluate()
    evaluator.reset()
    for inputs, outputs in list(batches(detections))[::-1]:
        evaluator.process(inputs, outputs)
    evaluator.process([{"video_id": "u"}], [{"tubelets": detections["u"][3:9]}])
    assert evaluator.evaluate() == once


def test_bad_output_is_refused_at_once(dataset, detections):
    evaluator = TubeletEvaluator(NAME)
    inputs, outputs = next(batches(detections))
    outputs[0]["tubelets"].boxes[1, 0, 2, 1] = float("nan")
    with pytest.raises(InputError, match="u: window 2 has a box that is NaN"):
        evaluator.process(inputs, outputs)
    found = outputs[0]["tubelets"]
    outputs = [{"tubelets": Tubelets(found.windows, found.boxes, torch.ones(6, 1, 3))}]
    with pytest.raises(InputError, match=f"scores 3 classes, but the data set '{NAME}' has 2"):
        evaluator.process(inputs, outputs)


def test_ground_truth_needs_no_frames_and_is_read_once(dataset, monkeypatch):
    """The data set's folder holds no frames; its file was read by another evaluator."""
    TubeletEvaluator(NAME)
    monkeypatch.setattr("stma_d2.data.catalog.load_annotations", None)
    assert TubeletEvaluator(NAME).annotations.videos.keys() == {"u", "v"}


def test_wrong_names_are_refused_before_inference(dataset):
    with pytest.raises(InputError, match="no data set of tubes is called 'coco_2017_val'"):
        TubeletEvaluator("coco_2017_val")
    with pytest.raises(InputError, match="no data set of tubes is called 'nothing'"):
        TubeletEvaluator("nothing")


def run_worker(rank, size, port, detections, folder):
    """One of several processes: takes every size-th batch."""
    torch.set_num_threads(1)
    torch.distributed.init_process_group(
        "gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=size
    )
    evaluator = TubeletEvaluator(NAME)
    for inputs, outputs in list(batches(detections))[rank::size]:
        evaluator.process(inputs, outputs)
    (folder / f"{rank}.json").write_text(json.dumps(evaluator.evaluate()))
    torch.distributed.destroy_process_group()


def evaluate_in_two_processes(detections, folder):
    """What the main process reports; the other one must report nothing."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    context = multiprocessing.get_context("fork")  # the registered data set goes along
    arguments = 2, port, detections, folder
    workers = [context.Process(target=run_worker, args=(rank, *arguments)) for rank in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(timeout=120)
        worker.kill()
    assert json.loads((folder / "1.json").read_text()) is None
    return json.loads((folder / "0.json").read_text())


def test_two_processes_report_what_one_does(dataset, detections, tmp_path):
    evaluator = TubeletEvaluator(NAME)
    fill(evaluator, detections)
    assert evaluate_in_two_processes(detections, tmp_path) == evaluator.evaluate()


def test_one_and_two_processes_report_the_golden_figures(golden, register, tmp_path):
    """Each process sees every other chunk of each video."""
    truth, videos = golden.annotations, tuple(golden.videos)
    only = {video: truth.videos[video] for video in videos}
    register(TubeAnnotations(truth.labels, only, (Split((), videos),)))
    evaluator = TubeletEvaluator(NAME)
    fill(evaluator, golden.detections)
    metrics = evaluator.evaluate()["action_detection"]
    expected = {f"video_mAP@{iou}": v for iou, v in golden.expected["video_map_f64"].items()}
    expected["frame_mAP@0.5"] = golden.expected["frame_map_stable_f64"]
    assert metrics == pytest.approx(expected, abs=1e-6)
    assert evaluate_in_two_processes(golden.detections, tmp_path)["action_detection"] == metrics
