"""Frame-mAP, video-mAP and error analysis of tubelets, under named protocols."""

from ..detectron2_parts import needs_detectron2
from .benchmark_files import (
    FRAME_FILE,
    TUBE_FILE,
    load_frame_boxes,
    load_tubes,
    save_benchmark_files,
)
from .detections_io import SavedDetections, load_detections, save_detections
from .error_analysis import ERROR_KINDS, error_analysis
from .metrics import Evaluation, evaluate_tubelets, run_evaluation, score
from .protocols import (
    METRICS,
    OPTIONS,
    PROTOCOLS,
    Protocol,
    configured_protocol,
    get_protocol,
    protocol_of,
)
from .report import comparison_table, evaluation_record, evaluation_table, markdown_table
from .saved_tubes import tubes_of_detections
from .tube_length import too_short

with needs_detectron2(__name__):
    from .evaluator import TubeletEvaluator

__all__ = [
    "ERROR_KINDS",
    "FRAME_FILE",
    "METRICS",
    "OPTIONS",
    "PROTOCOLS",
    "TUBE_FILE",
    "Evaluation",
    "Protocol",
    "SavedDetections",
    "TubeletEvaluator",
    "comparison_table",
    "configured_protocol",
    "error_analysis",
    "evaluate_tubelets",
    "evaluation_record",
    "evaluation_table",
    "get_protocol",
    "load_detections",
    "load_frame_boxes",
    "load_tubes",
    "markdown_table",
    "protocol_of",
    "run_evaluation",
    "save_benchmark_files",
    "save_detections",
    "score",
    "too_short",
    "tubes_of_detections",
]
