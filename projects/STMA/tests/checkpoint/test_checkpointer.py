"""Checkpoints are written whole, read without running anything, and loaded only where they fit."""

from __future__ import annotations

import os
import pickle
import random
import re
import resource

import numpy as np
import pytest
import torch
from detectron2.utils.file_io import PathHandler, PathManager
from torch import nn

from stma_d2.checkpoint import (
    ConvertedFile,
    TubeletCheckpointer,
    load_for_evaluation,
    write_initialization,
)
from stma_d2.checkpoint.conversion import Conversion
from stma_d2.config import load_config
from stma_d2.errors import InputError


def config(weights, output_dir):
    overrides = ["MODEL.WEIGHTS", str(weights), "OUTPUT_DIR", str(output_dir)]
    return load_config("", [*overrides, "MODEL.DEVICE", "cpu"])


def network(width=3):
    return nn.Sequential(nn.Linear(2, width), nn.BatchNorm1d(width), nn.Linear(width, 1))


@pytest.fixture
def trained():
    torch.manual_seed(1)
    return network()


@pytest.fixture
def folder(tmp_path, trained):
    """An OUTPUT_DIR with two checkpoints; the second is the last."""
    checkpointer = TubeletCheckpointer(trained, str(tmp_path))
    checkpointer.start_afresh()
    assert not checkpointer.claim_folder()
    for iteration in (1, 2):
        checkpointer.save(f"model_{iteration}", iteration=iteration)
    os.utime(tmp_path / "model_2.pth", (1, 1))  # as a copy may have it
    return tmp_path


@pytest.fixture
def weights(folder):
    return str(folder / "model_1.pth")


def assert_equal(model, other):
    for key, value in model.state_dict().items():
        assert torch.equal(value, other.state_dict()[key]), key


def initialize(path, model=None):
    model = model or network()
    TubeletCheckpointer(model, "").resume_or_load(str(path), resume=False)
    return model


def resume(folder, model=None):
    return TubeletCheckpointer(model or network(), str(folder)).resume_or_load("", resume=True)


# What fits.


def test_a_checkpoint_that_fits_is_loaded_whole(weights, trained, tmp_path):
    model = network()
    assert load_for_evaluation(model, config(weights, tmp_path / "none")).path == weights
    assert_equal(model, trained)


def test_an_evaluation_refuses_other_shapes_names_them_and_leaves_the_model(weights, tmp_path):
    model = network(5)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    with pytest.raises(InputError, match=r"model_1\.pth .*0\.weight has shape \(3, 2\).*\(5, 2\)"):
        load_for_evaluation(model, config(weights, tmp_path))
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


def test_an_evaluation_refuses_missing_and_surplus_tensors(weights, tmp_path):
    larger = nn.Sequential(*network(), nn.Linear(1, 1))
    with pytest.raises(InputError, match="2 tensors .*3.weight is missing"):
        load_for_evaluation(larger, config(weights, tmp_path))
    smaller = nn.Sequential(nn.Linear(2, 3))
    with pytest.raises(InputError, match="1.weight is not in the model"):
        load_for_evaluation(smaller, config(weights, tmp_path))


def test_a_size_head_of_four_distances_takes_the_first_layer_of_one_of_two(tmp_path, log):
    def model(channels):
        layers = nn.Sequential(nn.Conv2d(2, 3, 3), nn.ReLU(), nn.Conv2d(3, channels, 1))
        return nn.ModuleDict({"size_head": nn.ModuleDict({"layers": layers})})

    torch.save({"model": (centernet := model(2)).state_dict()}, tmp_path / "init.pth")
    ours = initialize(tmp_path / "init.pth", model(4))
    assert "Skip loading parameter 'size_head.layers.2.weight'" in log.text
    first = "size_head.layers.0.weight"
    assert torch.equal(ours.state_dict()[first], centernet.state_dict()[first])
    assert_equal(initialize(tmp_path / "init.pth", model(2)), centernet)


def test_resuming_insists_on_its_shapes(folder):
    """Naming the file, what changed in the configuration, and what to do."""
    cfg = config("", folder)
    content = torch.load(folder / "model_2.pth")
    content["trainer"] = {"settings": {"config": cfg.dump()}}
    cfg.merge_from_list(["MODEL.STMA.HEAD_CHANNELS", 5, "SOLVER.BASE_LR", 3.0])
    checkpointer = TubeletCheckpointer(network(5), str(folder), cfg=cfg)
    torch.save(content, folder / "model_2.pth")
    with pytest.raises(InputError) as refused:
        checkpointer.resume_or_load("", resume=True)
    path = re.escape(str(folder / "model_2.pth"))
    assert re.fullmatch(
        rf"cannot go on from {path}: the checkpoint {path} does not fit .*: "
        r"MODEL\.STMA\.HEAD_CHANNELS 256, now 5; "
        rf"or start another training from its weights: MODEL\.WEIGHTS {path} and another "
        "OUTPUT_DIR",
        str(refused.value),
    )


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({"epoch": 3, "state_dict": {"0.weight": torch.ones(3, 2)}}, "of Detectron2's kind"),
        ([torch.ones(3, 2)], "of Detectron2's kind"),
        (torch.ones(3, 2), "of Detectron2's kind"),
        ({"conv1.weight": torch.ones(3, 2)}, "fits nowhere in the configured model"),
        ({"0.weight": torch.ones(7, 7)}, "fits nowhere in the configured model"),
    ],
    ids=["wrapped", "a list", "a tensor", "other names", "other shapes"],
)
def test_what_other_projects_save_is_refused_with_the_tool_that_converts_it(
    tmp_path, content, reason
):
    torch.save(content, tmp_path / "other.pth")
    with pytest.raises(InputError, match=rf"other\.pth .*{reason}.*tools/convert_weights\.py"):
        initialize(tmp_path / "other.pth")


# What is read.


def test_states_come_back_as_they_were_saved(tmp_path):
    model = network()
    optimizer = torch.optim.Adam(model.parameters(), 0.1)
    model(torch.randn(4, 2)).sum().backward()
    optimizer.step()
    states = {"random": [torch.get_rng_state()], "python": b"\x00\xff", "best": (0.5, None)}
    TubeletCheckpointer(model, str(tmp_path), optimizer=optimizer).save("a", iteration=7, **states)

    other = network()
    optimizer_2 = torch.optim.Adam(other.parameters(), 0.5)
    checkpointer = TubeletCheckpointer(other, str(tmp_path), optimizer=optimizer_2)
    rest = checkpointer.resume_or_load("", resume=True)
    assert rest.keys() == {"iteration", *states}
    assert (rest["iteration"], rest["python"], rest["best"]) == (7, b"\x00\xff", (0.5, None))
    assert torch.equal(rest["random"][0], states["random"][0])
    assert optimizer_2.param_groups[0]["lr"] == 0.1
    for mine, theirs in zip(other.parameters(), model.parameters(), strict=True):
        found, expected = optimizer_2.state[mine], optimizer.state[theirs]
        assert torch.equal(found["exp_avg_sq"], expected["exp_avg_sq"])


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_file_of_detectron2s_zoo_is_read(tmp_path, trained, order):
    arrays = {key: value.numpy() for key, value in trained.state_dict().items()}
    arrays = {key: value.astype(value.dtype.newbyteorder(order)) for key, value in arrays.items()}
    (tmp_path / "a.pkl").write_bytes(pickle.dumps({"model": arrays, "__author__": "somebody"}))
    assert_equal(initialize(tmp_path / "a.pkl"), trained)


def test_a_file_of_the_first_detectrons_zoo_is_matched_by_names(tmp_path):
    model = nn.ModuleDict({"backbone": nn.ModuleDict({"res2": nn.Conv2d(3, 4, 1, bias=False)})})
    kernel = np.random.default_rng(0).random((4, 3, 1, 1), dtype=np.float32)
    blobs = {"res2_w": kernel, "res2_w_momentum": kernel + 1}
    (tmp_path / "a.pkl").write_bytes(pickle.dumps({"blobs": blobs}, protocol=2))
    found = initialize(tmp_path / "a.pkl", model).state_dict()["backbone.res2.weight"]
    np.testing.assert_array_equal(found, kernel)


def test_paths_are_what_detectron2s_path_manager_reads(weights, trained):
    class Handler(PathHandler):
        def _get_supported_prefixes(self):
            return ["fake://"]

        def _get_local_path(self, path, **kwargs):
            if path != "fake://zoo/a.pth":
                raise OSError("no route to host")
            return weights

    PathManager.register_handler(Handler(), allow_override=True)
    for path in (f"file://{weights}", "fake://zoo/a.pth"):
        assert_equal(initialize(path), trained)
    with pytest.raises(InputError, match=r"cannot get fake://b\.pth \(no route to host\)"):
        initialize("fake://b.pth")


def test_nothing_in_a_file_runs(tmp_path):
    class Hostile:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "was_run"),)

    (tmp_path / "evil.pkl").write_bytes(pickle.dumps({"model": Hostile(), "__author__": "x"}))
    with pytest.raises(InputError, match=r"evil\.pkl: refused.*mkdir"):
        initialize(tmp_path / "evil.pkl")
    for zipped in (True, False):
        content = {"model": {}, "optimizer": Hostile()}
        torch.save(content, tmp_path / "evil.pth", _use_new_zipfile_serialization=zipped)
        with pytest.raises(InputError, match=r"evil\.pth holds more than tensors .*mkdir"):
            initialize(tmp_path / "evil.pth")
    assert not (tmp_path / "was_run").exists()


def test_missing_weights_are_named(tmp_path):
    with pytest.raises(InputError, match=r"no checkpoint no\.pth; check MODEL\.WEIGHTS$"):
        load_for_evaluation(network(), config("no.pth", tmp_path))
    with pytest.raises(InputError, match=r"no checkpoint init\.pkl; .*tools/convert_weights\.py"):
        initialize("init.pkl")
    with pytest.raises(InputError, match="add MODEL.WEIGHTS"):
        load_for_evaluation(network(), config("", tmp_path), resume=True)


# Damage.


def _converted(model, path):
    conversion = Conversion(weights=dict(model.state_dict()))
    write_initialization(path, [ConvertedFile("resnet18.pth", "0" * 64, "resnet18", conversion)])


def test_an_initialization_that_lacks_a_part_is_trained_from_and_never_evaluated(tmp_path):
    conversion = Conversion(weights=dict(list(network().state_dict().items())[:-1]))
    file = ConvertedFile("resnet18.pth", "0" * 64, "resnet18", conversion)
    write_initialization(tmp_path / "init.pkl", [file])
    initialize(tmp_path / "init.pkl")
    with pytest.raises(InputError, match=r"init\.pkl is an initialization, .*; train with it as"):
        load_for_evaluation(network(), config(tmp_path / "init.pkl", tmp_path))


@pytest.mark.parametrize("ending", ["pth", "pkl"])
def test_a_damaged_file_is_refused_or_has_no_effect(folder, trained, ending):
    path = folder / f"model_1.{ending}"
    if ending == "pkl":
        _converted(trained, path)
    whole = path.read_bytes()
    assert_equal(initialize(path), trained)
    generator = random.Random(0)
    refused = 0
    for _ in range(300):
        content = bytearray(whole)
        if generator.random() < 0.2:
            del content[generator.randrange(len(content)) :]
        else:
            for _ in range(generator.choice((1, 1, 1, 8))):
                content[generator.randrange(len(content))] ^= 1 << generator.randrange(8)
        path.write_bytes(content)
        try:
            model = initialize(path)
        except InputError:
            refused += 1
        else:
            assert_equal(model, trained)
    assert refused > 150


def test_weights_that_are_far_larger_than_their_file_are_refused(tmp_path):
    torch.save({"model": {"0.weight": torch.zeros(1).expand(2**40)}}, tmp_path / "a.pth")
    with pytest.raises(InputError, match=rf"a\.pth is refused: .* {2**42} bytes"):
        initialize(tmp_path / "a.pth")


# Saving, and the last checkpoint.


def test_a_full_disk_leaves_the_checkpoints_of_before(folder, trained):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, hard))
    try:
        with pytest.raises(InputError, match=r"cannot write .*model_3\.pth.* before are intact"):
            TubeletCheckpointer(trained, str(folder)).save("model_3")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_what_a_kill_left_is_removed_by_the_next_save(folder, trained):
    (folder / "model_3.pth.partial-4242").write_bytes(b"half a file")
    TubeletCheckpointer(trained, str(folder)).save("model_3")
    assert {p.name for p in folder.iterdir()} == {
        *("model_1.pth", "model_2.pth", "model_3.pth"),
        *("last_checkpoint", "run_id"),
    }


def test_resuming_takes_the_last_checkpoint(folder, trained):
    model = network()
    assert resume(folder, model) == {"iteration": 2}
    assert_equal(model, trained)


def make_the_pointer_a_pipe(folder):
    (folder / "last_checkpoint").unlink()
    os.mkfifo(folder / "last_checkpoint")


FAULTS = {
    "empty pointer": (
        lambda folder: (folder / "last_checkpoint").write_text(""),
        "last_checkpoint is empty",
        2,
    ),
    "pipe as pointer": (
        make_the_pointer_a_pipe,
        "last_checkpoint is empty or no file",
        2,
    ),
    "dangling pointer": (
        lambda folder: (folder / "model_2.pth").unlink(),
        r"last_checkpoint names model_2\.pth, and there is no such file",
        1,
    ),
    "empty": (lambda folder: os.truncate(folder / "model_2.pth", 0), r"model_2\.pth is empty", 1),
    "cut off": (
        lambda folder: os.truncate(folder / "model_2.pth", 1000),
        r"model_2\.pth is cut off",
        1,
    ),
    "foreign": (
        lambda folder: (folder / "model_2.pth").write_text("version https://git-lfs.github.com/"),
        r"model_2\.pth is no PyTorch checkpoint",
        1,
    ),
}


@pytest.mark.parametrize(("break_it", "reason", "good"), FAULTS.values(), ids=FAULTS)
def test_where_the_last_checkpoint_is_lost_the_newest_good_one_is_named(
    folder, log, break_it, reason, good
):
    earlier = TubeletCheckpointer(network(), "")
    earlier.save_dir, earlier.run = str(folder), "another training"
    pointer = (folder / "last_checkpoint").read_text()
    earlier.save("later_but_of_another_training", iteration=9)
    for name in ("later_but_not_ours", "later_but_damaged"):
        torch.save({"model": network().state_dict(), "iteration": 9}, folder / f"{name}.pth")
    os.truncate(folder / "later_but_damaged.pth", 1000)
    for name in ("a_folder.pth", "left.pth.partial-1"):
        (folder / name).mkdir()
    os.mkfifo(folder / "a_pipe.pth")
    (folder / "last_checkpoint").write_text(pointer)
    break_it(folder)

    name = rf"model_{good}\.pth"
    with pytest.raises(InputError, match=rf"{reason}.* newest good checkpoint is .*{name}"):
        load_for_evaluation(network(), config("", folder), resume=True)

    assert resume(folder) == {"iteration": good}
    (warning,) = {r.getMessage() for r in log.records if r.levelname == "WARNING"}
    assert re.search(rf"{reason}.* newest good checkpoint instead, .*{name}", warning)

    TubeletCheckpointer(network(), str(folder)).save("model_best")
    for path in folder.glob("model_*.pth"):
        path.unlink()
    with pytest.raises(
        InputError, match=r"last_checkpoint .* holds no other good checkpoint of this"
    ):
        resume(folder)


def test_a_fresh_start_forgets_the_last_checkpoint_and_keeps_the_files(folder, log):
    TubeletCheckpointer(network(), str(folder)).start_afresh()
    assert re.search(r"starts afresh in .* \d checkpoints of another lie", log.text)
    assert resume(folder) == {}
    assert (folder / "model_2.pth").exists()
    TubeletCheckpointer(network(), str(folder)).start_afresh()
