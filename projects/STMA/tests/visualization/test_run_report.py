"""The page about a small run: what is found there, and what is missing."""

from __future__ import annotations

import html
import json
import re

import pytest

from stma_d2.errors import InputError
from stma_d2.evaluation import TubeletEvaluator, get_protocol, load_detections, save_detections
from stma_d2.visualization.run_report import write_run_report


@pytest.fixture
def report(finished_run):
    """Writes the page and returns its text."""

    def write():
        write_run_report(finished_run, finished_run / "report.html")
        return (finished_run / "report.html").read_text()

    return write


def evaluation(run, name="metrics.json"):
    return run / "inference" / "looked_at" / name


def change_metrics(run, **values):
    path = evaluation(run)
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def words(page):
    """The page's visible text, in one line."""
    page = re.sub(r"<(script|style|svg).*?</\1>", " ", page, flags=re.DOTALL).replace("<wbr>", "")
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


def videos(page):
    scripts = re.findall(r'<script type="application/json">(.*?)</script>', page, re.DOTALL)
    return [json.loads(text) for text in scripts]


def test_the_page_tells_numbers_settings_and_training(report, evil):
    """One of two classes is found exactly; the other's actor is found elsewhere, as the first."""
    page = report()
    text = words(page)
    assert "Report of run" in text and "Evaluation on looked_at" in text
    assert "SEED 7" in text and "protocol moc" in text and "split 1" in text
    row = "this run 50.00 50.00 50.00 50.00 50.00"
    assert row in text
    assert f"{evil.label} 100.0 100.0 100.0 100.0 100.0 0.0 0.0 0.0 0.0 0.0" in text
    assert "Run 0.0 0.0 0.0 0.0 0.0 0.0 0.0 0.0 0.0 100.0" in text
    assert page.count("<figure>") == 6  # five of the evaluation, and the losses
    assert "loss_size, unweighted" in page
    assert "the paper's" not in text


def test_an_evaluation_is_told_with_its_own_settings_not_the_trainings(finished_run, report):
    """The training's configuration says TEST.FLIP False and another checkpoint."""
    assert "does not say with what settings" in words(report())
    settings = {"MODEL.WEIGHTS": "run/model_best.pth", "TEST.FLIP": True}
    change_metrics(finished_run, settings=settings)
    text = words(report())
    before, after = text.split("Evaluation on looked_at")
    assert "TEST.FLIP" not in before and "MODEL.WEIGHTS none" in before
    assert "MODEL.WEIGHTS run/model_best.pth TEST.FLIP True" in after
    assert "does not say" not in text


def test_best_and_worst_videos_with_their_tubes(report, evil):
    page = report()
    best, worst = videos(page)
    assert (best["name"], worst["name"]) == ("Run/a", evil.video)
    assert "overlap 1.00" in page and "overlap 0.00" in page
    assert len(best["pictures"]) == 20 and best["problem"] == ""
    truth, found = best["tubes"]
    assert (truth["label"], found["label"]) == (evil.label, evil.label)
    assert found["score"] == pytest.approx(0.9) and (found["first"], found["last"]) == (1, 20)
    assert found["boxes"] == [[4, 4, 15, 15]] * 20
    assert worst["pictures"] == [] and "neither a folder of frames" in worst["problem"]
    assert [tube["label"] for tube in worst["tubes"]] == ["Run", evil.label]
    assert "<script>document" not in page and "<img src=x" not in page


def test_the_paper_s_figures_stand_beside_the_same_data_set_only(finished_run, report):
    change_metrics(finished_run, dataset="ucf101_24_test")
    text = words(report())
    assert "the paper's 78.8 83.3 54.1 29.7 28.1" in text
    assert "its own training on UCF101-24, split 1, protocol moc" in text


def test_without_ground_truth_or_detections_the_rest_is_shown(finished_run, report):
    evaluation(finished_run, "detections.npz").unlink()
    page = report()
    assert "No videos are shown: no detections at" in words(page)
    assert not videos(page) and page.count("<figure>") == 6
    (finished_run.parent / "GT.pkl").unlink()
    assert "No videos are shown: data set 'looked_at': no annotation file" in words(report())


def test_an_older_evaluation_has_no_curves(finished_run, report):
    evaluation(finished_run, "curves.json").unlink()
    page = report()
    assert page.count("<figure>") == 3 and "evaluate again for the curves" in words(page)


def test_tubes_are_linked_by_the_rules_of_the_evaluation(finished_run, report):
    """They need not be those of config.yaml, which an evaluation leaves as it is."""
    path = evaluation(finished_run, "detections.npz")
    saved = load_detections(path)
    stricter = get_protocol("moc", min_tubelet_score=0.7)
    save_detections(path, saved.tubelets, saved.labels, stricter)
    best, worst = videos(report())
    assert [tube["kind"] for tube in best["tubes"]] == ["truth", "found"]
    assert [tube["kind"] for tube in worst["tubes"]] == ["truth"]


def test_detections_without_rules_or_of_other_labels_are_not_shown(finished_run, report):
    path = evaluation(finished_run, "detections.npz")
    saved = load_detections(path)
    for labels, protocol in ((saved.labels, None), (("Run", "Jump"), saved.protocol)):
        save_detections(path, saved.tubelets, labels, protocol)
        text = words(report())
        assert "No videos are shown" in text and "evaluate again" in text


def test_the_rules_of_multisports_have_their_own_metrics(finished_run, report):
    evaluator = TubeletEvaluator(
        "looked_at",
        str(evaluation(finished_run).parent),
        protocol=get_protocol("multisports"),
    )
    saved = load_detections(evaluation(finished_run, "detections.npz"))
    for name, tubelets in saved.tubelets.items():
        evaluator.process([{"video_id": name}], [{"tubelets": tubelets}])
    evaluator.evaluate()
    page = report()
    text = words(page)
    assert "video mAP @0.05:0.45" in text and "must not stand beside others'" in text
    assert "this run 50.00 50.00 50.00 50.00 50.00 50.00" in text
    assert page.count("<figure>") == 6 and len(videos(page)) == 2


def test_a_training_without_evaluation_and_an_evaluation_alone(finished_run, report):
    (finished_run / "inference").rename(finished_run / "elsewhere")
    assert report().count("<figure>") == 1
    (finished_run / "elsewhere").rename(finished_run / "inference")
    (finished_run / "metrics.json").unlink()
    page = report()
    assert page.count("<figure>") == 5 and "no record of a training" in words(page)


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("metrics.json", {"metrics": 5}, "metrics holds a int where a mapping"),
        ("metrics.json", {"metrics": {}}, "metrics lacks 'frame_mAP@0.5'"),
        ("metrics.json", {"error_analysis": []}, "error_analysis holds a list where a mapping"),
        ("metrics.json", {"settings": []}, "settings holds a list where a mapping"),
        ("metrics.json", {"dataset": 5}, "dataset is a int where text"),
        ("curves.json", {"frame_iou": "x"}, "frame_iou is 'x'; it must be a number"),
        ("curves.json", {"precision_recall": 5}, "precision_recall holds a int where"),
        ("curves.json", {"precision_recall": {"none": {}}}, "precision_recall: none is no class"),
        ("curves.json", {"video_mAP_over_iou": 5}, "video_mAP_over_iou holds a int where"),
        ("curves.json", {"video_mAP_over_iou": []}, "video_mAP_over_iou holds no list of pairs"),
        ("curves.json", {"confusion": 5}, "confusion holds a int where a mapping"),
        (
            "curves.json",
            {"confusion": {"labels": [], "min_score": 0, "counts": [[1, 2]]}},
            "counts is not of 1 rows of 1 numbers",
        ),
    ],
)
def test_a_value_of_another_kind_is_told_with_file_and_key(
    finished_run, report, name, values, message
):
    path = evaluation(finished_run, name)
    path.write_text(json.dumps(json.loads(path.read_text()) | values))
    with pytest.raises(InputError, match=rf"{name}: [^\n]*{message}"):
        report()


def test_what_is_no_run_is_refused(finished_run, report):
    whole = evaluation(finished_run).read_text()
    evaluation(finished_run).write_text(whole[:50])
    with pytest.raises(InputError, match=r"metrics\.json: not readable JSON.*evaluate again"):
        report()
    evaluation(finished_run).write_text(whole)
    for name in ("curves.json", "metrics.json"):
        evaluation(finished_run, name).write_text('{"dataset": "looked_at"}')
        with pytest.raises(InputError, match=rf"{name} is not what an evaluation writes now"):
            report()
        evaluation(finished_run, name).unlink()
    (finished_run / "metrics.json").unlink()
    with pytest.raises(InputError, match="nothing was trained or evaluated there yet"):
        report()
    (finished_run / "config.yaml").unlink()
    with pytest.raises(InputError, match=r"holds no config\.yaml"):
        report()
    assert not (finished_run / "report.html").exists()
