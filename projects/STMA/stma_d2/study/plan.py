"""What is to be trained: a run a row and seed, each in a folder of its own that knows it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from detectron2.config import CfgNode
from detectron2.data import DatasetCatalog, MetadataCatalog

from ..checkpoint import changed_keys
from ..config import by_full_name, load_config
from ..config.overriding import pairs
from ..engine.folder import check_contents
from ..errors import InputError
from ..files import file_sha256, write_json
from ..plain_values import mapping
from ..safe_json import read_json
from ..safe_yaml import parse_yaml
from .outcome import check_outcome
from .rows import FULL, ROWS, Row

_FILE = "run.json"
_PARAMETERS = ", its parameters"  # of a generated data set, after its name
# Overrides that the study makes, and its option for each.
_OPTIONS = {
    "SEED": "--seeds",
    "OUTPUT_DIR": "--output",
    "MODEL.DEVICE": "--devices",
    "SOLVER.MAX_ITER": "--iterations",
}
LAST_SEED = 2**31 - 1
_CPU = ("MODEL.DEVICE", "cpu")  # to read a configuration is no matter of a GPU
# Keys that may change between the starts of a run.
FREE_KEYS = ("MODEL.DEVICE", "SOLVER.CHECKPOINT_PERIOD", "SOLVER.CHECKPOINT_EPOCHS")


@dataclass(frozen=True)
class Settings:
    """What all runs of a study have in common.

    Attributes:
        config_file: of the full model, see `find_config_file`; it names the data sets.
        iterations: SOLVER.MAX_ITER of every run; None is the configuration's.
        overrides: further keys and values in turns. They win over a row's recipe, and a row's own
            switches over them.
    """

    config_file: str
    iterations: int | None = None
    overrides: Sequence[str] = ()

    def __post_init__(self) -> None:
        """Refuse an override without its value.

        Raises:
            InputError: naming it.
        """
        pairs(self.overrides)

    def full_config(self) -> CfgNode:
        """The full model's configuration in this study; the other rows change it."""
        return load_config(self.config_file, [*self.words(ROWS[FULL]), *_CPU])

    def words(self, row: Row) -> list[str]:
        """The overrides that make the configuration a row's.

        Raises:
            InputError: if an override is one that the study makes by an option.
        """
        for key, _ in pairs(self.overrides):
            if key in _OPTIONS:
                raise InputError(f"the study sets {key}; use its option {_OPTIONS[key]}")
        budget = {} if self.iterations is None else {"SOLVER.MAX_ITER": self.iterations}
        return [*_words({**budget, **row.recipe}), *self.overrides, *_words(row.switches())]


@dataclass(frozen=True)
class Run:
    """A row trained with a seed.

    Attributes:
        row: which.
        seed: SEED.
        folder: its own, OUTPUT_DIR.
        words: what follows ``train_net.py``, but for MODEL.DEVICE.
        cfg: the configuration that they make.
        data: SHA-256 of each data set's annotations by its name, and of the parameters that a
            generated one was made from.
    """

    row: Row
    seed: int
    folder: Path
    words: tuple[str, ...]
    cfg: CfgNode = field(repr=False)
    data: Mapping[str, str] = field(repr=False)

    @property
    def name(self) -> str:
        """For messages."""
        return f"{self.row.name}, seed {self.seed}"

    def recipe(self) -> dict[str, Any]:
        """The row's recipe as it is in effect, where overrides may win; plain values."""
        in_effect = dict(by_full_name(self.cfg))
        return {key: _plain(in_effect[key]) for key in self.row.recipe}

    def prepare(self) -> None:
        """Make the folder, which says of which run it is."""
        if self._record() is None:
            self._write(None)

    def finish(self, result: Mapping[str, Any]) -> None:
        """Keep what came out."""
        self._write(result)

    def result(self) -> dict[str, Any] | None:
        """What came out, where the run is finished.

        Raises:
            InputError: if the folder is of another run; names the keys that differ.
        """
        result = (self._record() or {}).get("result")
        if result is not None:
            where = f"{self.folder / _FILE} is damaged"
            check_outcome(result, where)
            of_another = [
                f"has {name} {result[name]} and not {value}"
                for name, value in (("row", self.row.name), ("seed", self.seed))
                if result[name] != value
            ]
            if told := of_another or self.differences(result):
                raise InputError(f"{where}: its result {told[0]}; remove the folder")
        return result

    def differences(self, result: Mapping[str, Any]) -> list[str]:
        """In what a result is another run's, a few words each; none: it is this run's.

        Args:
            result: of `results.read_run`, in whatever folder and on whatever machine.
        """
        cfg, switches = self.cfg, self.row.switches()
        planned = {
            "iterations": cfg.SOLVER.MAX_ITER,
            "batch": cfg.SOLVER.IMS_PER_BATCH,
            "learning_rate": cfg.SOLVER.BASE_LR,
            "datasets": list(cfg.DATASETS.TRAIN),
            "switches": {key: _plain(value) for key, value in switches.items()},
            "recipe": self.recipe(),
        }
        told = [
            f"has {name} {result.get(name)} and not {value}"
            for name, value in planned.items()
            if result.get(name) != value
        ]
        return told + [f"is of another {name}" for name in self._other_data(result["annotations"])]

    def _other_data(self, before: Mapping[str, str]) -> list[str]:
        """What of the data is another than ``before``; records of old do not tell parameters."""
        return [
            name
            for name, digest in self.data.items()
            if before.get(name, digest if name.endswith(_PARAMETERS) else None) != digest
        ]

    @property
    def _keys(self) -> tuple[str, ...]:
        """What the run's own words set."""
        return self.words[self.words.index("--resume") + 1 :: 2]

    def _record(self) -> dict[str, Any] | None:
        file = self.folder / _FILE
        if self.folder.is_dir():
            check_contents(self.folder)
        if not file.is_file():
            if self.folder.is_dir() and any(self.folder.iterdir()):
                raise InputError(
                    f"the folder {self.folder} holds something else than a run of the study; name "
                    "another --output"
                )
            return None
        try:
            record = read_json(file)
            data, _ = record["data"], record["result"]
            written = dict(by_full_name(parse_yaml(record["config"], "its configuration")))
            if missing := [key for key in self._keys if key not in written]:
                raise KeyError(f"its configuration lacks {missing[0]}")
            changes = changed_keys(record, self.cfg)
            mapping(data, "its data")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(
                f"{file} is damaged ({type(error).__name__}: {error}); remove the folder"
            ) from error
        told = [
            f"{key} was {old} and is {new}" for key, old, new in changes if key not in FREE_KEYS
        ]
        told += [f"another {name}" for name in self._other_data(data)]
        if told:
            raise InputError(
                f"{self.folder} holds a run of another study ({'; '.join(told)}); name another "
                "--output, or remove the folder"
            )
        return record

    def _write(self, result: Mapping[str, Any] | None) -> None:
        record = {"config": self.cfg.dump(), "data": self.data, "result": result}
        write_json(self.folder / _FILE, record)


def plan(settings: Settings, rows: Iterable[str], seeds: Iterable[int], output: Path) -> list[Run]:
    """The runs of a study, seed by seed and in each seed the most important rows first.

    A study that is cut short so has whole seeds.

    Raises:
        InputError: if a configuration or a data set is none that can be trained on.
    """
    chosen, data = set(rows), _data(settings)
    return [
        _run(settings, row, seed, output, data)
        for seed in seeds
        for row in ROWS.values()
        if row.name in chosen
    ]


def started(settings: Settings, output: Path) -> list[Run]:
    """The runs that have folders in ``output``, in the order of `plan`."""
    found = [
        (int(path.parent.name.removeprefix("seed-")), path.parent.parent.name)
        for path in output.glob(f"*/seed-*/{_FILE}")
        if re.fullmatch(r"seed-(0|[1-9][0-9]*)", path.parent.name)
    ]
    order, data = list(ROWS), _data(settings) if found else {}
    known = sorted(
        (seed, order.index(name)) for seed, name in found if name in ROWS and seed <= LAST_SEED
    )
    return [_run(settings, ROWS[order[i]], seed, output, data) for seed, i in known]


def check_devices(devices: Iterable[str]) -> None:
    """Refuse a device that this machine does not have.

    Raises:
        InputError: naming it.
    """
    for device in devices:
        if load_config("", ["MODEL.DEVICE", device]).MODEL.DEVICE != device:
            raise InputError(f"--devices names {device}, and no GPU is visible")


def _run(settings: Settings, row: Row, seed: int, output: Path, data: Mapping[str, str]) -> Run:
    folder = output / row.name / f"seed-{seed}"
    words = [*settings.words(row), "SEED", str(seed), "OUTPUT_DIR", str(folder)]
    cfg = load_config(settings.config_file, [*words, *_CPU])
    words = ["--config-file", settings.config_file, "--resume", *words]
    return Run(row, seed, folder, tuple(words), cfg, data)


def _data(settings: Settings) -> dict[str, str]:
    """`Run.data`; looks that all videos are there."""
    datasets = load_config(settings.config_file, [*settings.overrides, *_CPU]).DATASETS
    if len(datasets.TEST) != 1:
        raise InputError(f"DATASETS.TEST is {datasets.TEST}; the study has one test set")
    names = [*datasets.TRAIN, *datasets.TEST]
    for name in names:
        if name not in DatasetCatalog:
            raise InputError(f"DATASETS names '{name}', and no data set is called so")
        DatasetCatalog.get(name)
    found = {name: MetadataCatalog.get(name) for name in names}
    files = {name: metadata.annotations_file for name, metadata in found.items()}
    for name, metadata in found.items():
        # Annotations do not tell what else is to be seen in generated videos.
        if (parameters := metadata.get("parameters_file")) and os.path.isfile(parameters):
            files[name + _PARAMETERS] = parameters
    return {name: file_sha256(file) for name, file in files.items()}


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _words(changes: Mapping[str, Any]) -> list[str]:
    return [str(word) for pair in changes.items() for word in pair]
