"""A training's checkpoint becomes a file of a zoo: small, evaluated, named by its hash."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace

import pytest
import torch
from detectron2.config import CfgNode
from detectron2.modeling import build_model

from stma_d2 import model_zoo
from stma_d2.checkpoint import training_record
from stma_d2.checkpoint.seal import verify_seal
from stma_d2.data import load_annotations, register_tube_dataset, save_annotations
from stma_d2.engine import evaluate
from stma_d2.errors import InputError
from stma_d2.files import file_sha256
from stma_d2.model_zoo import publishing
from stma_d2.safe_yaml import parse_yaml

NAME = "Mine/first.yaml"


@pytest.fixture(scope="module")
def main(tool):
    return tool("publish_model").main


@pytest.fixture
def training(tiny_cfg, tmp_path, synthetic_root, empty_catalogs):
    """The output of a training, as the tiny network's would be; gives its configuration."""
    data = synthetic_root / "synthetic_actions"
    files = (str(data / "SyntheticActions-GT.pkl"), str(data / "rgb-images"))
    register_tube_dataset("some_val", *files, subset="test")
    tiny_cfg.MODEL.STMA.NUM_CLASSES = 10
    tiny_cfg.DATASETS.TRAIN, tiny_cfg.DATASETS.TEST = ("some_train",), ("some_val",)
    tiny_cfg.DATALOADER.NUM_WORKERS = 0
    tiny_cfg.TEST.LINKING.MIN_TUBELET_SCORE = 0.01
    tiny_cfg.TEST.WINDOWS_PER_CHUNK = 64
    tiny_cfg.SEED = 7
    tiny_cfg.OUTPUT_DIR = str(tmp_path / "out")
    torch.manual_seed(0)
    model = build_model(tiny_cfg)
    record = training_record(tiny_cfg, ["some_val"])
    trainer = {"iteration": 99, "settings": record, "optimizer": torch.zeros(100_000)}
    (tmp_path / "out").mkdir()
    torch.save({"model": model.state_dict(), "trainer": trainer}, tmp_path / "out/model_final.pth")
    lines = [{"iteration": 19, "time": 0.5}, {"iteration": 39, "time": 2.0}, {"iteration": 59}]
    lines.append({"iteration": 79, "time": 3.0})
    (tmp_path / "out/metrics.json").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return tiny_cfg


def files(root):
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())


def test_a_published_network_is_what_its_record_says(main, training, tmp_path, capsys, monkeypatch):
    source, zoo = tmp_path / "out/model_final.pth", tmp_path / "zoo"
    main(["--weights", str(source), "--name", NAME, "--half", "--output", str(zoo)])
    (pth,) = zoo.glob("Mine/first-*.pth")
    assert files(zoo) == sorted(
        ["index.json", *(f"Mine/{pth.stem}{end}" for end in (".json", ".pth", ".yaml"))]
    )
    assert pth.stem == f"first-{file_sha256(pth)[:16]}" and verify_seal(pth)
    assert pth.stat().st_size < source.stat().st_size - 400_000  # without the optimizer
    content = torch.load(pth)
    assert content.keys() == {"model", "settings"}
    floats = {k: value.dtype for k, value in content["model"].items() if value.is_floating_point()}
    running = {key for key in floats if "running_" in key}
    assert running and {floats[key] for key in running} == {torch.float32}
    assert {floats[key] for key in floats.keys() - running} == {torch.float16}

    record = json.loads(pth.with_suffix(".json").read_text())
    assert (record["name"], record["file"]) == (NAME, f"Mine/{pth.name}")
    assert (record["bytes"], record["precision"]) == (pth.stat().st_size, "float16")
    parameters = sum(parameter.numel() for parameter in build_model(training).parameters())
    assert len(record["labels"]) == 10 and record["parameters"] == parameters
    # Medians of the log's times, 2.0 s, for 100 iterations.
    assert (
        record["training"].items()
        >= {
            "datasets": ["some_train"],
            "iterations": 100,
            "batch": 8,
            "seed": 7,
            "seconds": 200,
        }.items()
    )
    assert pth.with_suffix(".yaml").read_text() == content["settings"]["config"]
    assert str(tmp_path) not in pth.with_suffix(".yaml").read_text()

    # The figures are those of the file itself, by the training's rules.
    monkeypatch.setenv("STMA_MODEL_ZOO", str(zoo))
    again = evaluate(training, model_zoo.get(NAME, trained=True))["action_detection"]
    (evaluation,) = record["evaluations"]
    assert evaluation["dataset"] == "some_val" and evaluation["min_tubelet_score"] == 0.01
    assert {name: evaluation["metrics"][name] for name in again} == again
    assert f"video_mAP@0.5 {again['video_mAP@0.5']:.2f}" in capsys.readouterr().out


def test_a_number_too_large_for_half_precision_is_refused_and_nothing_is_left(
    main, training, tmp_path
):
    source = tmp_path / "out/model_final.pth"
    checkpoint = torch.load(source)
    checkpoint["model"]["center_head.out.bias"] = torch.tensor([70_000.0])
    torch.save(checkpoint, source)
    with pytest.raises(InputError, match=r"center_head\.out\.bias .*too large for torch\.float16"):
        main(
            ["--weights", str(source), "--name", NAME, "--half", "--output", str(tmp_path / "zoo")]
        )
    assert not (tmp_path / "zoo").exists()


@pytest.mark.parametrize("broken", ["missing data", "full disk"])
def test_a_failure_leaves_the_zoo_as_it_was(main, training, tmp_path, monkeypatch, broken):
    source, zoo, options = tmp_path / "out/model_final.pth", tmp_path / "zoo", []
    zoo.mkdir()
    before = publishing.index_text({"Other.yaml": f"other-{'0' * 16}.pth"})
    (zoo / "index.json").write_text(before)
    if broken == "full disk":
        write, written = publishing.atomic_write, []

        def fail_at_the_index(path):
            written.append(path)
            if path.name == "index.json":
                raise OSError(28, "No space left on device")
            return write(path)

        monkeypatch.setattr(publishing, "atomic_write", fail_at_the_index)
    else:
        options = ["DATASETS.TEST", "('gone',)"]
    with pytest.raises((InputError, OSError), match="gone|No space"):
        main(["--weights", str(source), "--name", NAME, "--output", str(zoo), *options])
    assert files(zoo) == ["index.json"] and (zoo / "index.json").read_text() == before


def test_the_packages_own_zoo_gets_a_record(tool, training, tmp_path, monkeypatch):
    module = tool("publish_model")
    zoo, records = tmp_path / "packaged", tmp_path / "records"
    monkeypatch.setattr(module, "PACKAGED", zoo)
    monkeypatch.setattr(module, "RECORDS", records)
    module.main(["--weights", str(tmp_path / "out/model_final.pth"), "--name", NAME])
    (record,) = publishing.read_records(records)
    assert record == json.loads((zoo / record["file"]).with_suffix(".json").read_text())
    assert record["precision"] == "float32"


@pytest.mark.parametrize(
    "name", ["", "first", "../first.yaml", "/first.yaml", "a//b.yaml", "a b.yaml", ".yaml"]
)
def test_a_name_that_is_no_path_in_a_zoo_is_refused(main, tmp_path, name):
    with pytest.raises(InputError, match="is no name of a network"):
        main(["--weights", "model_final.pth", "--name", name, "--output", str(tmp_path)])


@pytest.mark.parametrize(
    ("words", "told"),
    [
        *(
            ([key, "1"], f"^{key} cannot be published otherwise than it was trained; these can be:")
            for key in ("MODEL.WEIGHTS", "OUTPUT_DIR", "SEED", "SOLVER.BASE_LR", "DATASETS.TRAIN")
        ),
        (["TEST.FLIP", "True", "--half"], "--half stands among .* first of them, TEST.FLIP"),
    ],
)
def test_overrides_that_say_nothing_of_the_network_are_refused(main, tmp_path, words, told):
    with pytest.raises(InputError, match=told):
        main(["--weights", "no.pth", "--name", NAME, "--output", str(tmp_path / "zoo"), *words])


def test_a_refusal_names_the_file_that_was_given(main, training, tmp_path, synthetic_root):
    """And not the stripped copy that is evaluated in its place."""
    source, data = tmp_path / "out/model_final.pth", synthetic_root / "synthetic_actions"
    labels = tuple(reversed(load_annotations(data / "SyntheticActions-GT.pkl").labels))
    truth = tmp_path / "reversed.json"
    own = load_annotations(data / "SyntheticActions-GT.pkl")
    save_annotations(replace(own, labels=labels), str(truth))
    register_tube_dataset("reversed", str(truth), str(data / "rgb-images"), subset="test")
    words = ["--output", str(tmp_path / "zoo"), "DATASETS.TEST", "('reversed',)"]
    with pytest.raises(InputError, match=rf"^the checkpoint {source}: the labels: "):
        main(["--weights", str(source), "--name", NAME, *words])


def test_a_published_file_is_not_published_again(main, training, tmp_path):
    source, file = tmp_path / "out/model_final.pth", tmp_path / "published.pth"
    content = publishing.strip(torch.load(source, weights_only=False), half=False)
    publishing.write_stripped(file, content)
    with pytest.raises(InputError, match=r"published\.pth is published already"):
        main(["--weights", str(file), "--name", NAME, "--output", str(tmp_path / "zoo")])


def test_what_is_no_training_is_refused(main, training, tmp_path):
    path = tmp_path / "weights.pth"
    torch.save({"model": {}}, path)
    with pytest.raises(InputError, match="is no checkpoint of a training"):
        main(["--weights", str(path), "--name", NAME])
    torch.save({"model": {}, "trainer": {"iteration": 3, "settings": {"INPUT.SIZE": [1]}}}, path)
    with pytest.raises(InputError, match="is no checkpoint of a training.*: it lacks 'config'"):
        main(["--weights", str(path), "--name", NAME])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda trainer, _: trainer.update(iteration="x"), "iteration is 'x'; it must be a whole"),
        (lambda trainer, _: trainer.update(iteration=-5), "the training's iteration is -5"),
        (lambda trainer, _: trainer.update(iteration=float("nan")), "iteration is nan"),
        (lambda _, record: record.update(config=5), "config is a int where text"),
        (lambda _, record: record.update(config="SEED: 1"), "lacks 'DATASETS.TRAIN'"),
        (lambda _, record: record.pop("commit"), "it lacks 'commit'"),
        (lambda _, record: record.update(hardware=[1]), "hardware is a list where text"),
    ],
)
def test_a_training_that_says_something_else_of_itself_is_refused(
    main, training, tmp_path, change, words
):
    source = tmp_path / "out/model_final.pth"
    checkpoint = torch.load(source)
    change(checkpoint["trainer"], checkpoint["trainer"]["settings"])
    torch.save(checkpoint, source)
    with pytest.raises(InputError, match=rf"model_final\.pth is no checkpoint of a .*{words}"):
        main(["--weights", str(source), "--name", NAME, "--output", str(tmp_path / "zoo")])
    assert not (tmp_path / "zoo").exists()


def test_a_zoo_that_cannot_be_written_is_refused_before_the_evaluation(
    tool, training, tmp_path, monkeypatch
):
    module = tool("publish_model")
    monkeypatch.setattr(module, "evaluate", lambda *_: pytest.fail("it began"))
    (tmp_path / "file").touch()
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "index.json").write_text("[]")
    (tmp_path / "pipe").mkdir()
    os.mkfifo(tmp_path / "pipe" / "index.json")
    for zoo, words in (
        ("file", "file is no folder"),
        ("file/zoo", "cannot be written"),
        ("damaged", "is no index of a model zoo"),
        ("pipe", "index.json is a folder or device"),
    ):
        with pytest.raises(InputError, match=words):
            weights = str(tmp_path / "out/model_final.pth")
            module.main(["--weights", weights, "--name", NAME, "--output", str(tmp_path / zoo)])


def test_a_training_without_a_log_has_no_time(training, tmp_path):
    shutil.copy(tmp_path / "out/model_final.pth", tmp_path / "alone.pth")
    checkpoint = torch.load(tmp_path / "alone.pth")
    assert publishing.describe_training(checkpoint, tmp_path)["seconds"] is None


def test_overrides_become_part_of_what_is_published(tool):
    """Or the file alone would detect by other rules than those of its figures."""
    linking = CfgNode({"TRIM_BELOW_MEDIAN": 0.7, "MIN_TUBELET_SCORE": 0.1})
    cfg = CfgNode({"TEST": CfgNode({"LINKING": linking, "PROTOCOL": "moc"})})
    key = "TEST.LINKING.TRIM_BELOW_MEDIAN"
    text = tool("publish_model")._changed("TEST:\n  PROTOCOL: act\n", cfg, [key, "0.7"])
    expected = {"TEST": {"PROTOCOL": "act", "LINKING": {"TRIM_BELOW_MEDIAN": 0.7}}}
    assert parse_yaml(text, "the text") == expected


def test_the_protocols_own_metrics_are_told(main, training, tmp_path, capsys):
    source, zoo = tmp_path / "out/model_final.pth", tmp_path / "zoo"
    options = ["--weights", str(source), "--name", NAME, "--output", str(zoo)]
    main([*options, "TEST.PROTOCOL", "multisports"])
    assert "protocol multisports: frame_mAP@0.5 " in (printed := capsys.readouterr().out)
    assert "video_mAP@0.05:0.45 " in printed and f"{NAME} is published as" in printed
