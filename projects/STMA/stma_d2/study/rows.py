"""The rows of the study: those of the paper's Tables 2 to 4, and further comparisons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

from ..config import find_config_file
from ..config.file import read_config_file

FULL = "full"  # the row that the study's configuration itself is
# What a row's file says of the training on UCF101-24 and not of the row.
_NO_SWITCH = ("OUTPUT_DIR",)


@dataclass(frozen=True)
class Row:
    """One network of the study.

    Attributes:
        name: of its folder; where the paper has the row, of its file in ``configs/ablations``.
        settings: keys by which it differs from the full model where it has no such file.
        recipe: keys with which it is trained otherwise than the full model, since it would learn
            less with that one's; such as SOLVER.BASE_LR.
    """

    name: str
    settings: Mapping[str, Any] | None = None
    recipe: Mapping[str, Any] = field(default_factory=dict)

    def switches(self) -> dict[str, Any]:
        """The keys that make the full model this row, with their values.

        They are what the row's own file sets, over whichever full model.

        Raises:
            InputError: if that file cannot be read.
        """
        if self.settings is not None:
            return dict(self.settings)
        path = find_config_file(f"ablations/{self.name}.yaml")
        own = {k: one.value for k, one in read_config_file(path).items() if one.path == path}
        return {key: value for key, value in own.items() if key not in _NO_SWITCH}


# Without Gaussian regression the size's loss is an L1 distance in pixels of the feature map and not
# 1 - GIoU; this is MOC's weight for it.
_L1_SIZE = MappingProxyType({"MODEL.STMA.LOSS_WEIGHT.SIZE": 0.1})
# Heat maps of single classes learn slowly, and faster at a higher rate than the others bear.
_CLASS_AWARE = MappingProxyType({"SOLVER.BASE_LR": 0.01})
# In the order in which they are trained, the most important ones first.
ROWS = MappingProxyType(
    {
        row.name: row
        for row in (
            Row(FULL, {}),
            Row("base", recipe=_L1_SIZE | _CLASS_AWARE),
            Row("CAL", recipe=_L1_SIZE),
            Row("CAL_ME", recipe=_L1_SIZE),
            Row("CAL_ME_STA", recipe=_L1_SIZE),
            Row("CAL_ME_GR"),
            Row("K1"),
            Row("K3"),
            Row("K7"),
            Row("size", recipe=_CLASS_AWARE),
            Row("movement", recipe=_L1_SIZE | _CLASS_AWARE),
            Row("size_movement", recipe=_CLASS_AWARE),
            Row("cfam", {"MODEL.STMA.ACTION.ATTENTION": "cfam"}),
            Row("weights", {"MODEL.STMA.LOSS_WEIGHT.NORMALIZER": "weights"}),
            Row("gamma_0.1", {"MODEL.STMA.LOSS_WEIGHT.SIZE": 0.1}),
        )
    }
)


class Table(NamedTuple):
    """A table of rows, which it calls as the paper does."""

    title: str
    rows: Mapping[str, str]


TABLES = MappingProxyType(
    {
        "2": Table(
            "Table 2: spatio-temporal motion aggregation",
            {
                "base": "base",
                "CAL": "CAL",
                "CAL_ME": "CAL+ME",
                "CAL_ME_STA": "CAL+ME+STA",
                "CAL_ME_GR": "CAL+ME+GR",
                FULL: "CAL+ME+STA+GR (full)",
            },
        ),
        "3": Table(
            "Table 3: Gaussian regression",
            {
                "base": "base",
                "size": "size",
                "movement": "movement",
                "size_movement": "size + movement",
            },
        ),
        "4": Table(
            "Table 4: length of the tubelets",
            {"K1": "K = 1", "K3": "K = 3", FULL: "K = 5 (full)", "K7": "K = 7"},
        ),
        "further": Table(
            "What the paper leaves open",
            {
                FULL: "full",
                "cfam": "attention `cfam`",
                "weights": "loss normalized by `weights`",
                "gamma_0.1": "gamma = 0.1",
            },
        ),
    }
)


@dataclass(frozen=True)
class Part:
    """What a part of the method brings: a row, less the row that lacks it."""

    title: str
    row: str
    without: str
    in_plot: bool = field(default=False)


PARTS = (
    Part("all of it", FULL, "base", in_plot=True),
    Part("CAL", "CAL", "base", in_plot=True),
    Part("ME, after CAL", "CAL_ME", "CAL", in_plot=True),
    Part("STA, after CAL+ME", "CAL_ME_STA", "CAL_ME", in_plot=True),
    Part("GR, after CAL+ME+STA", FULL, "CAL_ME_STA", in_plot=True),
    Part("GR, after CAL+ME", "CAL_ME_GR", "CAL_ME"),
    Part("STA, after CAL+ME+GR", FULL, "CAL_ME_GR"),
    Part("GR of size, after base", "size", "base"),
    Part("GR of movement, after base", "movement", "base"),
    Part("GR of both, after base", "size_movement", "base"),
    Part("K = 5, not 1", FULL, "K1"),
    Part("K = 5, not 3", FULL, "K3"),
    Part("K = 5, not 7", FULL, "K7"),
    Part("`cfam`, not `gram`", "cfam", FULL),
    Part("`weights`, not `instances`", "weights", FULL),
    Part("gamma 0.1, not 1", "gamma_0.1", FULL),
)
