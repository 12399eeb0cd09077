"""Training learns: a quick schedule reaches the results that its file expects."""

from __future__ import annotations

from pathlib import Path

QUICK = Path(__file__).resolve().parents[2] / "configs" / "quick_schedules" / "overfit_tiny.yaml"


def test_a_few_videos_are_learned_by_heart(train_net, tmp_path):
    trained = train_net(tmp_path / "trained", config=QUICK)
    assert trained.returncode == 0, trained.output
    assert "Results verification passed" in trained.output

    weights = ("--eval-only", "MODEL.WEIGHTS", str(tmp_path / "trained" / "model_final.pth"))
    evaluated = train_net(tmp_path / "evaluated", *weights, config=QUICK)
    assert evaluated.returncode == 0, evaluated.output
    assert "Results verification passed" in evaluated.output

    other = '[["action_detection", "video_mAP@0.5", 50.0, 1.0]]'
    refused = train_net(
        tmp_path / "refused", *weights, "TEST.EXPECTED_RESULTS", other, config=QUICK
    )
    assert refused.returncode == 1
    assert refused.last_line.startswith("error: TEST.EXPECTED_RESULTS")
    assert "Traceback" not in refused.output
