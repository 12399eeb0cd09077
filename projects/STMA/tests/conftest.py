"""What several tests share: reference data, a small data set, a tiny network, and its training.

Trainings run as a user runs them, in processes of their own, which start quickly.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import re
import runpy
import shlex
import signal
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch

REPOSITORY = Path(__file__).resolve().parents[3]
CONFIGS = REPOSITORY / "projects" / "STMA" / "configs"
# Of the tiny network.
CLASSES = 3
CONFIG = CONFIGS / "Synthetic" / "STMA_tiny_K5.yaml"
SCRIPT = str(Path(__file__).with_name("run_training.py"))
# A network and a schedule that take a second.
TINY = [
    *("MODEL.DEVICE", "cpu"),
    *("MODEL.BACKBONE.STEM_CHANNELS", "8", "MODEL.STMA.HEAD_CHANNELS", "8"),
    *("MODEL.STMA.ACTION.CHANNELS", "8", "MODEL.STMA.ACTION.FUSED_CHANNELS", "16"),
    *("INPUT.SIZE", "(64, 64)", "INPUT.CLIP_LENGTH", "8", "SOLVER.IMS_PER_BATCH", "2"),
    *("SOLVER.MAX_ITER", "4", "SOLVER.CHECKPOINT_PERIOD", "2", "DATALOADER.NUM_WORKERS", "0"),
    *("TEST.LINKING.MIN_TUBELET_SCORE", "0.0", "TEST.LINKING.TRIM_BELOW_MEDIAN", "0.0"),
    *("SOLVER.AMP.ENABLED", "False", "INPUT.BACKGROUND_WINDOWS", "0.0", "SEED", "1"),
]
# Seconds that a test's process may take; a busy machine is slow, and the long tests do more.
LIMIT = 1800 if "STMA_LONG_TESTS" in os.environ else 300


@pytest.fixture(scope="session")
def shared() -> Path:
    """The optional folder with real videos, ground truth and golden numbers (STMA_SHARED)."""
    folder = Path(os.environ.get("STMA_SHARED", REPOSITORY.parent / "shared"))
    if not folder.is_dir():
        pytest.skip(f"reference data not found at {folder}; set STMA_SHARED to its folder")
    return folder


@pytest.fixture(scope="session")
def oracle() -> Iterator[Callable[[str], ModuleType]]:
    """``oracle(name)`` is the module ``tests/oracles/<name>.py``."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).parent / "oracles"))
        yield importlib.import_module


@pytest.fixture(scope="session")
def synthetic_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for DETECTRON2_DATASETS with a synthetic data set of 4 + 3 small videos."""
    from stma_d2.data.datasets.synthetic_actions import generate_synthetic_actions

    root = tmp_path_factory.mktemp("datasets")
    generate_synthetic_actions(str(root), num_train=4, num_val=3, image_size=64)
    return root


@pytest.fixture(scope="session")
def synthetic_videos(synthetic_root: Path) -> Iterator[str]:
    """The name under which the small data set's training videos are registered besides."""
    from detectron2.data import DatasetCatalog, MetadataCatalog

    from stma_d2.data import register_tube_dataset

    name, folder = "synthetic_videos", synthetic_root / "synthetic_actions"
    annotations = str(folder / "SyntheticActions-GT.pkl")
    register_tube_dataset(name, annotations, str(folder / "rgb-images"))
    yield name
    DatasetCatalog.remove(name)
    MetadataCatalog.remove(name)


@pytest.fixture
def empty_catalogs(monkeypatch: pytest.MonkeyPatch) -> None:
    """No data set is registered."""
    from detectron2.data import DatasetCatalog, MetadataCatalog

    for catalog in (DatasetCatalog, MetadataCatalog):
        monkeypatch.setattr(catalog, "data", {})


@pytest.fixture
def tiny_cfg():
    """A network that takes milliseconds: 64 x 64, K = 3, T = 8, 3 classes."""
    from stma_d2.config import load_config

    cfg = load_config(str(CONFIGS / "Synthetic" / "STMA_tiny_K5.yaml"))
    cfg.MODEL.DEVICE = "cpu"
    cfg.MODEL.BACKBONE.STEM_CHANNELS = 8
    cfg.MODEL.STMA.NUM_CLASSES = CLASSES
    cfg.MODEL.STMA.HEAD_CHANNELS = 8
    cfg.MODEL.STMA.ACTION.CHANNELS = 8
    cfg.MODEL.STMA.ACTION.FUSED_CHANNELS = 16
    cfg.INPUT.SIZE = (64, 64)
    cfg.INPUT.SNIPPET_LENGTH = 3
    cfg.INPUT.CLIP_LENGTH = 8
    return cfg


@pytest.fixture
def tiny_model(tiny_cfg):
    """The network of ``tiny_cfg`` with seeded weights, in evaluation mode."""
    from detectron2.modeling import build_model

    torch.manual_seed(0)
    return build_model(tiny_cfg).eval()


@pytest.fixture
def make_sample():
    """Makes a sample of some consecutive windows of random frames, with targets if asked for."""
    from stma_d2.data.targets import TargetRules, make_targets

    def make(cfg, num_windows=1, num_instances=None, seed=0, stride=4):
        generator = torch.Generator().manual_seed(seed)
        clip_length, snippet_length = cfg.INPUT.CLIP_LENGTH, cfg.INPUT.SNIPPET_LENGTH
        before = (clip_length - snippet_length) // 2
        offsets = torch.arange(num_windows)[:, None]
        shape = (clip_length + num_windows - 1, 3, *cfg.INPUT.SIZE)
        sample = {
            "video_id": "video",
            "height": 120,
            "width": 160,
            "windows": torch.arange(num_windows) + 1,
            "frames": torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8),
            "snippet_index": torch.arange(snippet_length)[None] + before + offsets,
            "clip_index": torch.arange(clip_length)[None] + offsets,
        }
        if num_instances is not None:
            corners = torch.rand(num_instances, 1, 2, generator=generator) * 20
            boxes = torch.cat([corners, corners + 24], dim=2).repeat(1, snippet_length, 1)
            labels = torch.arange(num_instances) % CLASSES
            rules = TargetRules.from_config(cfg, stride)
            sample["targets"] = make_targets(boxes, labels, cfg.INPUT.SIZE, rules)
        return sample

    return make


@pytest.fixture(scope="session")
def assert_same_tubelets():
    """Compares two `Tubelets`: the windows, and the rest up to rounding."""

    def assert_same(ours, theirs):
        assert ours.windows.tolist() == theirs.windows.tolist()
        ours, theirs = ours.numpy(), theirs.numpy()
        np.testing.assert_allclose(ours.boxes, theirs.boxes, atol=1e-4, rtol=1e-4)
        np.testing.assert_allclose(ours.scores, theirs.scores, atol=1e-5, rtol=1e-4)

    return assert_same


@pytest.fixture(scope="session")
def evil() -> SimpleNamespace:
    """A label and a video's name that would run in a page that does not escape them."""
    return SimpleNamespace(
        label="<script>document.title = 'label'</script>",
        video="Jump/<img src=x onerror=\"document.title = 'video'\">",
    )


@pytest.fixture
def finished_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, evil: SimpleNamespace) -> Path:
    """The folder of a small run: configuration, log of 60 iterations, an evaluation of two videos.

    Of 20 frames of 32 x 24 pixels each: in "Run/a" the tube is found exactly, class
    ``evil.label``; in ``evil.video`` it is found elsewhere, and the video has no frames.
    """
    import json
    import pickle

    import cv2
    from detectron2.data import DatasetCatalog, MetadataCatalog

    from stma_d2.config import load_config
    from stma_d2.data import register_tube_dataset
    from stma_d2.evaluation import TubeletEvaluator
    from stma_d2.structures import Tubelets

    for catalog in (DatasetCatalog, MetadataCatalog):
        monkeypatch.setattr(catalog, "data", dict(catalog.data))
    boxes = {"Run/a": (4, 4, 15, 15), evil.video: (16, 2, 27, 13)}
    tubes = {v: [np.array([[f, *box] for f in range(1, 21)], "f4")] for v, box in boxes.items()}
    truth = {
        "labels": ["Run", evil.label],
        "gttubes": {"Run/a": {1: tubes["Run/a"]}, evil.video: {0: tubes[evil.video]}},
        "nframes": dict.fromkeys(boxes, 20),
        "resolution": dict.fromkeys(boxes, (24, 32)),
        "train_videos": [[]],
        "test_videos": [list(boxes)],
    }
    (tmp_path / "GT.pkl").write_bytes(pickle.dumps(truth))
    frames = tmp_path / "frames" / "Run" / "a"
    frames.mkdir(parents=True)
    for number in range(1, 21):
        picture = np.full((24, 32, 3), 10 * number, np.uint8)
        cv2.imwrite(str(frames / f"{number:05d}.png"), picture)
    register_tube_dataset(
        "looked_at", str(tmp_path / "GT.pkl"), str(tmp_path / "frames"), subset="test"
    )

    run = tmp_path / "run"
    run.mkdir()
    cfg = load_config(str(CONFIGS / "Synthetic" / "STMA_tiny_K5.yaml"))
    cfg.DATASETS.TEST, cfg.SEED, cfg.MODEL.STMA.NUM_CLASSES = ("looked_at",), 7, 2
    cfg.TEST.LINKING.MIN_TUBELET_SCORE = 0.0
    (run / "config.yaml").write_text(cfg.dump())
    log = [
        {"iteration": i, "total_loss": 9 / i, "loss_size": 1 / i, "unweighted/loss_size": 2 / i}
        for i in (19, 39, 59)
    ]
    (run / "metrics.json").write_text("".join(json.dumps(line) + "\n" for line in log))
    evaluator = TubeletEvaluator(
        "looked_at", str(run / "inference" / "looked_at"), distributed=False
    )
    windows = np.arange(1, 17)
    for video, box, score in (("Run/a", (4, 4, 15, 15), 0.9), (evil.video, (0, 12, 9, 21), 0.6)):
        scores = np.zeros((16, 1, 2), np.float32)
        scores[..., 1] = score
        found = np.tile(np.array(box, np.float32), (16, 1, 5, 1))
        evaluator.process([{"video_id": video}], [{"tubelets": Tubelets(windows, found, scores)}])
    evaluator.evaluate()
    return run


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped network, as the command of docs/DEPLOY.md exports it."""
    guide = (REPOSITORY / "projects" / "STMA" / "docs" / "DEPLOY.md").read_text()
    (command,) = re.findall(r"^python (tools/export_model\.py .*)$", guide, re.MULTILINE)
    folder = tmp_path_factory.mktemp("deploy")
    tool, *arguments = shlex.split(command)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.syspath_prepend(str(REPOSITORY / "projects" / "STMA" / "tools"))
        importlib.import_module(Path(tool).stem).main(arguments)
    return folder / "exported"


@pytest.fixture
def count_rows():
    """``count_rows(module)`` is a list that gets the number of rows of each call of ``module``."""

    def count(module):
        counts = []
        module.register_forward_hook(lambda _, inputs, __: counts.append(len(inputs[0])))
        return counts

    return count


@pytest.fixture(scope="session")
def torchrun():
    """Makes the variables that torchrun sets for one of some processes that belong together."""
    ports = {}

    def environment(rank: int, world_size: int, local_size: int) -> dict[str, str]:
        if rank == 0:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                ports[world_size] = str(probe.getsockname()[1])
        return {
            "TORCHELASTIC_RUN_ID": "test",
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": ports[world_size],
            "RANK": str(rank),
            "WORLD_SIZE": str(world_size),
            "LOCAL_RANK": str(rank % local_size),
            "LOCAL_WORLD_SIZE": str(local_size),
        }

    return environment


@dataclass
class Run:
    """A call of train_net.py in one or several processes."""

    processes: list[multiprocessing.Process]
    log: Path
    losses_file: Path

    def losses(self) -> list[tuple[int, str]]:
        """Iteration and total loss, with all its digits, of each iteration that was done."""
        if not self.losses_file.is_file():
            return []
        lines = self.losses_file.read_text().splitlines()
        return [(int(number), loss) for number, loss in (line.split() for line in lines)]

    def wait_for(self, condition: Callable[[], bool]) -> None:
        """Wait until something holds; the run must still be going on."""
        deadline = time.monotonic() + LIMIT
        while not condition():
            alive = all(process.is_alive() for process in self.processes)
            assert alive and time.monotonic() < deadline, self.output
            time.sleep(0.005)

    def send(self, number: int, rank: int = 0) -> None:
        """Send a signal to one process."""
        os.kill(self.processes[rank].pid, number)

    def finish(self) -> Run:
        """Wait for the end."""
        deadline = time.monotonic() + LIMIT
        for process in self.processes:
            process.join(max(deadline - time.monotonic(), 0))
            if process.is_alive():
                process.kill()
                raise AssertionError(f"the run does not end:\n{self.output}")
        return self

    @property
    def returncode(self) -> int:
        """The first process's exit status that is not 0; negative for a signal."""
        return next((p.exitcode for p in self.processes if p.exitcode), 0)

    @property
    def output(self) -> str:
        """All that the processes printed."""
        return self.log.read_text()

    @property
    def last_line(self) -> str:
        """The message that a user sees last."""
        return self.output.strip().splitlines()[-1]


@pytest.fixture(scope="session")
def forkserver(synthetic_root):
    """Starts processes that have the package loaded and find the small synthetic set."""
    os.environ["DETECTRON2_DATASETS"] = str(synthetic_root)
    os.environ["OMP_NUM_THREADS"] = "1"
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["stma_d2.engine"])
    return context


@pytest.fixture(scope="session")
def tiny_words() -> list[str]:
    """What train_net.py is told for the tiny network and schedule."""
    return ["--config-file", str(CONFIG), *TINY]


@pytest.fixture(scope="session")
def start_train_net(forkserver, torchrun, tiny_words, tmp_path_factory):
    """Starts train_net.py on the tiny network; flags and overrides follow the output folder."""

    def start(output: Path, *arguments: str, processes: int = 1, config: Path = CONFIG) -> Run:
        folder = tmp_path_factory.mktemp("run")
        flags = [argument for argument in arguments if argument.startswith("--")]
        overrides = [argument for argument in arguments if not argument.startswith("--")]
        known = tiny_words if config == CONFIG else ["--config-file", str(config)]
        words = [*flags, *known, "OUTPUT_DIR", str(output), *overrides]
        run = Run([], folder / "log.txt", folder / "losses.txt")
        for rank in range(processes):
            settings = {
                "arguments": words,
                "log": str(run.log),
                "losses": str(run.losses_file),
                "environment": torchrun(rank, processes, processes) if processes > 1 else {},
            }
            process = forkserver.Process(
                target=runpy.run_path, args=(SCRIPT, {"SETTINGS": settings}, "__main__")
            )
            process.start()
            run.processes.append(process)
        return run

    return start


@pytest.fixture(scope="session")
def train_net(start_train_net):
    """Runs train_net.py to its end."""

    def run(output: Path, *arguments: str, **options) -> Run:
        return start_train_net(output, *arguments, **options).finish()

    return run


@pytest.fixture(scope="session")
def killed_train_net(start_train_net):
    """Runs train_net.py until it has told so many losses, and kills it."""

    def run(output: Path, *arguments: str, after: int, **options) -> Run:
        started = start_train_net(output, *arguments, **options)
        started.wait_for(lambda: len(started.losses()) >= after)
        for rank in range(len(started.processes)):
            started.send(signal.SIGKILL, rank)
        return started.finish()

    return run


@pytest.fixture(scope="session")
def assert_same_training():
    """Compares what two trainings saved, to the bit; each training has a name of its own."""

    def leaves(value, path=""):
        """The tensors and numbers of nested containers, by their place."""
        if isinstance(value, dict):
            value = value.items()
        elif isinstance(value, list | tuple):
            value = enumerate(value)
        else:
            return {path: value}
        return {k: v for key, part in value for k, v in leaves(part, f"{path}/{key}").items()}

    def assert_same(ours, theirs):
        ours, theirs = (leaves({**torch.load(path), "run": ""}) for path in (ours, theirs))
        assert ours.keys() == theirs.keys()
        theirs.pop("/trainer/settings/config")  # says the number of workers
        for name, value in theirs.items():
            same = torch.equal(ours[name], value) if torch.is_tensor(value) else ours[name] == value
            assert same, name

    return assert_same


@pytest.fixture
def make_run() -> Callable[..., dict]:
    """``make_run(row, seed, {label: AP})``: a run whose classes have that AP by every metric."""

    from stma_d2.evaluation import METRICS
    from stma_d2.study.rows import ROWS

    def make(row: str, seed: int, aps: dict[str, float], **others) -> dict:
        mean = sum(aps.values()) / len(aps)
        return {
            "row": row,
            "switches": ROWS[row].switches(),
            "recipe": {},
            "learning_rate": 0.001,
            "datasets": ["some_train"],
            "iterations": 1000,
            "batch": 8,
            "seed": seed,
            "hardware": "1 CPU thread",
            "commit": "abc",
            "seconds": 90,
            "jobs": 4,
            "evaluation": {
                "dataset": "some_val",
                "protocol": "moc",
                "min_tubelet_score": 0.0,
                "trim_below_median": 0.0,
                "trim_to_key_frames": False,
                "min_tube_length": 15,
                "num_videos": 32,
                "metrics": dict.fromkeys(METRICS, mean)
                | {f"AP/{metric}/{label}": ap for metric in METRICS for label, ap in aps.items()},
            },
            "video_mAP_over_iou": [[0.2, mean + 10], [0.5, mean]],
            **others,
        }

    return make
