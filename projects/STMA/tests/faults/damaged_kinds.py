"""The kinds of files that the package reads: good ones to damage, and how each is read."""

from __future__ import annotations

import csv
import io
import pickle
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
import torch
from detectron2.modeling import build_model
from mutations import BYTES, TEXT, Mutation, mutate, mutate_member

from stma_d2.checkpoint import TubeletCheckpointer, trained_config, training_record
from stma_d2.checkpoint.seal import seal
from stma_d2.config import load_config
from stma_d2.data import (
    Split,
    TubeAnnotations,
    VideoAnnotation,
    load_annotations,
    open_frames,
    register_dataset_file,
    save_annotations,
)
from stma_d2.data.formats import FormatSettings, Report, assemble, read_path, write_annotations
from stma_d2.data.image_file import load_image
from stma_d2.evaluation import evaluate_tubelets, load_detections
from stma_d2.evaluation.detections_io import save_detections
from stma_d2.evaluation.protocols import get_protocol
from stma_d2.structures import Tube, Tubelets
from stma_d2.visualization import write_video

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
LABELS = ("wave", "jump")
FRAMES = 12


@dataclass(frozen=True)
class Good:
    """A good file.

    Attributes:
        content: of the file.
        ending: of its name.
        ways: of damaging it.
        has_parts: whether it is a zip file, whose parts are damaged too.
        sealed: whether damage must be noticed, whatever it hits.
        harmful: whether it is refused as it is.
    """

    content: bytes
    ending: str
    ways: tuple[Mutation, ...] = BYTES
    has_parts: bool = False
    sealed: bool = False
    harmful: bool = False

    def damaged(self, rng: random.Random) -> tuple[bytes, bool]:
        """A damaged content, and whether it must be noticed."""
        if self.has_parts and rng.random() < 0.5:
            return mutate_member(self.content, self.ways, rng), False
        content = mutate(self.content, self.ways, rng)
        return content, self.sealed and content != self.content


@dataclass(frozen=True)
class Kind:
    """Files that one reader reads.

    Attributes:
        goods: files that it reads, or refuses because they mean harm.
        read: takes a path and whether damage must be noticed, and reads as the commands do; an
            ``AssertionError`` says that damage was not noticed.
    """

    goods: list[Good]
    read: Callable[[Path, bool], None]


class _Harm:
    """Runs a command where it is unpickled."""

    def __reduce__(self):
        import os

        return os.system, ("touch MARKER",)


def _pickled(content: object) -> bytes:
    return pickle.dumps(content, protocol=2)


def _annotations() -> TubeAnnotations:
    rng = np.random.default_rng(0)
    videos = {}
    for name in ("a", "b/c"):
        corners = rng.integers(0, 10, (FRAMES, 2)).astype(np.float32)
        boxes = np.concatenate([corners, corners + 20], axis=1)
        tubes = tuple(Tube(np.arange(1, FRAMES + 1), boxes, label) for label in (0, 1))
        videos[name] = VideoAnnotation(num_frames=FRAMES, height=240, width=320, tubes=tubes)
    return TubeAnnotations(LABELS, videos, (Split(train=("a",), test=("b/c",)),))


def annotations(folder: Path) -> Kind:
    """Ours, ACT's, CVAT's, MOT's, COCO's, AVA's and the corrected UCF101-24's."""
    truth = _annotations()
    one = TubeAnnotations(LABELS, {"a": truth.videos["a"]}, ())
    goods = []
    for ending in (".json", ".pkl"):
        save_annotations(truth, folder / f"good{ending}")
        ways = TEXT if ending == ".json" else BYTES
        goods.append(Good((folder / f"good{ending}").read_bytes(), f".ours{ending}", ways))
    for kind, ending in (("cvat", ".xml"), ("mot", ".zip"), ("coco", ".json")):
        path = folder / f"good_{kind}{ending}"
        write_annotations(one, str(path), kind, 0.0, Report())
        ways = BYTES if ending == ".zip" else TEXT
        goods.append(Good(path.read_bytes(), ending, ways, has_parts=ending == ".zip"))
    lines = io.StringIO()
    for second in (0, 1):
        csv.writer(lines).writerow(["a", second, 0.1, 0.2, 0.7, 0.8, 1, 7])
    goods.append(Good(lines.getvalue().encode(), ".csv", TEXT))
    tube = {"label": 0, "sf": 0, "ef": 3, "boxes": np.ones((3, 4), np.int16)}
    corrected = {"a": {"numf": FRAMES, "annotations": [tube]}}
    goods.append(Good(_pickled(corrected), ".pkl"))
    goods.append(Good(_pickled({"labels": _Harm()}), ".pkl", harmful=True))
    (folder / "labels.txt").write_text("\n".join(LABELS))
    for name in truth.videos:
        frames = folder / "videos" / name
        frames.mkdir(parents=True)
        for number in range(1, FRAMES + 1):
            cv2.imwrite(str(frames / f"{number:05d}.jpg"), np.zeros((240, 320, 3), np.uint8))
    settings = FormatSettings(
        labels_file=str(folder / "labels.txt"), videos=str(folder / "videos"), fps=1.0
    )

    def read(path: Path, must_be_noticed: bool) -> None:
        report = Report()
        readings = read_path(str(path), settings, report)
        assemble(readings, [], settings.videos, report)
        if ".ours" in path.suffixes:
            load_annotations(path)

    return Kind(goods, read)


def detections(folder: Path) -> Kind:
    """An evaluation's ``detections.npz``, scored again."""
    truth = _annotations()
    windows = np.arange(1, FRAMES - 3)
    rng = np.random.default_rng(1)
    corners = rng.uniform(0, 20, (len(windows), 3, 1, 2)).astype(np.float32)
    boxes = np.concatenate([corners, corners + 20], axis=3).repeat(5, axis=2)
    scores = rng.random((len(windows), 3, len(LABELS)), np.float32)
    found = dict.fromkeys(truth.videos, Tubelets(windows, boxes, scores))
    path = folder / "good.npz"
    save_detections(path, found, LABELS, get_protocol("moc"))
    harm = np.empty(1, object)
    harm[0] = _Harm()
    np.savez(folder / "harm.npz", videos=harm)
    goods = [
        Good((folder / name).read_bytes(), ".npz", has_parts=True, harmful=name.startswith("harm"))
        for name in ("good.npz", "harm.npz")
    ]

    def read(path: Path, must_be_noticed: bool) -> None:
        saved = load_detections(path)
        evaluate_tubelets(saved.tubelets, truth, list(truth.videos), "moc")

    return Kind(goods, read)


def checkpoints(folder: Path) -> Kind:
    """A training's, an initialization, and other people's."""
    tiny = (
        *("MODEL.DEVICE", "cpu", "MODEL.BACKBONE.STEM_CHANNELS", "8"),
        *("MODEL.BACKBONE_3D.STEM_CHANNELS", "4", "MODEL.STMA.HEAD_CHANNELS", "8"),
        *("MODEL.STMA.ACTION.CHANNELS", "8", "MODEL.STMA.ACTION.FUSED_CHANNELS", "8"),
    )
    cfg = load_config(str(CONFIGS / "Synthetic" / "STMA_tiny_K5.yaml"), tiny)
    torch.manual_seed(0)
    model = build_model(cfg)
    weights = {key: value.clone() for key, value in model.state_dict().items()}
    content = {"model": weights, "trainer": {"settings": training_record(cfg, ())}, "iteration": 3}
    arrays = {"model": {key: value.numpy() for key, value in weights.items()}, "__author__": "us"}
    goods = []
    for name, save in {
        "sealed.pth": lambda file: torch.save(content, file),
        "sealed.pkl": lambda file: pickle.dump(arrays, file),
        "other.pth": lambda file: torch.save({"state_dict": weights}, file),
        "old.pth": lambda file: torch.save(content, file, _use_new_zipfile_serialization=False),
        "harm.pth": lambda file: torch.save({"model": _Harm()}, file),
        "harm.pkl": lambda file: pickle.dump({"model": _Harm()}, file),
    }.items():
        sealed = name.startswith("sealed")
        with open(folder / name, "wb") as file:
            save(file)
            if sealed:
                seal(file)
        is_zip = name in ("sealed.pth", "other.pth", "harm.pth")
        data = (folder / name).read_bytes()
        is_ours = sealed or name == "old.pth"
        goods.append(
            Good(data, Path(name).suffix, has_parts=is_zip, sealed=sealed, harmful=not is_ours)
        )
    checkpointer = TubeletCheckpointer(model, cfg=cfg)

    def read(path: Path, must_be_noticed: bool) -> None:
        checkpointer.load(str(path))
        if must_be_noticed:
            now = model.state_dict()
            assert all(torch.equal(now[key], value) for key, value in weights.items())
        if path.suffix == ".pth":
            trained_config(str(path))

    return Kind(goods, read)


def configurations(folder: Path) -> Kind:
    """Training configurations, with and without a base, and files of data sets."""
    base = CONFIGS / "Base-STMA.yaml"
    derived = f"_BASE_: {base}\nMODEL:\n  BACKBONE_3D:\n    NAME: ''\nTEST:\n  FLIP: True\n"
    whole = load_config(str(CONFIGS / "Synthetic" / "STMA_tiny_K5.yaml")).dump()
    goods = [Good(text.encode(), ".yaml", TEXT) for text in (base.read_text(), derived, whole)]
    harm = "MODEL: !!python/object/apply:os.system ['touch MARKER']\n"
    goods.append(Good(harm.encode(), ".yaml", TEXT, harmful=True))
    save_annotations(_annotations(), folder / "mine.json")
    (folder / "clips").mkdir()
    annotated = f"annotations: {folder}/mine.json\n"
    ours = f"{annotated}videos: {folder}/clips\nlabels: [wave, jump]\nsplit: 1\n"
    splits = f"{annotated}frames: {folder}/clips\nsplits: {{train: [a], test: ['b/c']}}\n"
    goods += [Good(text.encode(), ".data.yaml", TEXT) for text in (ours, splits)]

    def read(path: Path, must_be_noticed: bool) -> None:
        if path.name.endswith(".data.yaml"):
            register_dataset_file(path)
        else:
            load_config(str(path))

    return Kind(goods, read)


def _pictures(seed: int, size: tuple[int, int]) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    scene = np.kron(rng.integers(0, 240, (size[0] // 8, size[1] // 8, 3)), np.ones((8, 8, 1)))
    return [(scene + rng.integers(0, 16, scene.shape)).astype(np.uint8) for _ in range(FRAMES)]


def images(folder: Path) -> Kind:
    """JPEG, progressive JPEG, grey and color PNG."""
    picture = _pictures(0, (48, 64))[0]
    encoded = (
        (".jpg", picture, []),
        (".jpg", picture, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1, cv2.IMWRITE_JPEG_RST_INTERVAL, 2]),
        (".png", picture, []),
        (".png", picture[..., 0], [cv2.IMWRITE_PNG_BILEVEL, 0]),
    )
    goods = [
        Good(cv2.imencode(ending, pixels, options)[1].tobytes(), ending)
        for ending, pixels, options in encoded
    ]

    def read(path: Path, must_be_noticed: bool) -> None:
        image = load_image(str(path))
        image.decode()
        image.decode(4)

    return Kind(goods, read)


def videos(folder: Path) -> Kind:
    """H.264 in MP4, MPEG-4 in AVI, motion JPEG in Matroska, VP9 in WebM."""
    pictures = _pictures(0, (48, 64))
    write_video(folder / "good.mp4", pictures, fps=25)
    for name, codec in (("good.avi", "mpeg4"), ("good.mkv", "mjpeg"), ("good.webm", "libvpx-vp9")):
        with av.open(str(folder / name), "w") as container:
            stream = container.add_stream(codec, rate=25)
            stream.width, stream.height = 64, 48
            stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
            for picture in pictures:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
            container.mux(stream.encode())
    names = ("good.mp4", "good.avi", "good.mkv", "good.webm")
    goods = [Good((folder / name).read_bytes(), Path(name).suffix) for name in names]

    def read(path: Path, must_be_noticed: bool) -> None:
        for _ in open_frames(str(path), conceal_damage=True):
            pass
        frames = open_frames(str(path))
        frames.read([1, frames.count()])

    return Kind(goods, read)


KINDS: dict[str, Callable[[Path], Kind]] = {
    "annotations": annotations,
    "npz": detections,
    "checkpoints": checkpoints,
    "configurations": configurations,
    "images": images,
    "videos": videos,
}


def make_kind(name: str, folder: Path) -> Kind:
    """The kind of that name; what it needs goes to a new folder beside ``folder``."""
    goods = folder.with_name(f"{folder.name}-good")
    shutil.rmtree(goods, ignore_errors=True)
    goods.mkdir(parents=True)
    return KINDS[name](goods)
