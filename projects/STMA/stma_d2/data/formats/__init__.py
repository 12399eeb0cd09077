"""Annotations of other programs and data sets, in and out; one file a format."""

from ...detectron2_parts import needs_detectron2
from .cvat_writer import write_cvat

with needs_detectron2(__name__):  # for the labels of UCF101-24
    from .assembly import assemble
    from .reading import read_path
    from .report import Report
    from .settings import FormatSettings
    from .splits import split_by_list, split_by_ratio
    from .writing import ENDINGS, format_of, write_annotations

__all__ = [
    "ENDINGS",
    "FormatSettings",
    "Report",
    "assemble",
    "format_of",
    "read_path",
    "split_by_list",
    "split_by_ratio",
    "write_annotations",
    "write_cvat",
]
