"""Frame-mAP, video-mAP and error analysis of tubelets, under named protocols."""

from .detections_io import SavedDetections, load_detections, save_detections
from .error_analysis import ERROR_KINDS, error_analysis
from .evaluator import TubeletEvaluator
from .metrics import METRICS, Evaluation, evaluate_tubelets, run_evaluation
from .protocols import PROTOCOLS, Protocol, configured_protocol, get_protocol
from .report import comparison_table, evaluation_record, evaluation_table, write_json
from .tube_length import too_short

__all__ = [
    "ERROR_KINDS",
    "METRICS",
    "PROTOCOLS",
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
    "run_evaluation",
    "save_detections",
    "too_short",
    "write_json",
]
