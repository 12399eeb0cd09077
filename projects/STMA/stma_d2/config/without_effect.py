"""Keys that nothing here reads, or nothing with this backbone."""

from __future__ import annotations

from detectron2.config import CfgNode

from .schema import is_known_backbone

_OTHER_NETWORKS = "it belongs to other networks"
# Keys, or all keys under a name, with the reason.
WITHOUT_EFFECT: dict[str, str] = {
    "MODEL.LOAD_PROPOSALS": _OTHER_NETWORKS,
    "MODEL.MASK_ON": _OTHER_NETWORKS,
    "MODEL.KEYPOINT_ON": _OTHER_NETWORKS,
    "MODEL.PROPOSAL_GENERATOR": _OTHER_NETWORKS,
    "MODEL.ANCHOR_GENERATOR": _OTHER_NETWORKS,
    "MODEL.RPN": _OTHER_NETWORKS,
    "MODEL.ROI_HEADS": _OTHER_NETWORKS,
    "MODEL.ROI_BOX_HEAD": _OTHER_NETWORKS,
    "MODEL.ROI_BOX_CASCADE_HEAD": _OTHER_NETWORKS,
    "MODEL.ROI_MASK_HEAD": _OTHER_NETWORKS,
    "MODEL.ROI_KEYPOINT_HEAD": _OTHER_NETWORKS,
    "MODEL.SEM_SEG_HEAD": _OTHER_NETWORKS,
    "MODEL.PANOPTIC_FPN": _OTHER_NETWORKS,
    "MODEL.RETINANET": _OTHER_NETWORKS,
    "INPUT.MIN_SIZE_TRAIN": "INPUT.SIZE is the network's input",
    "INPUT.MIN_SIZE_TRAIN_SAMPLING": "INPUT.SIZE is the network's input",
    "INPUT.MAX_SIZE_TRAIN": "INPUT.SIZE is the network's input",
    "INPUT.MIN_SIZE_TEST": "INPUT.SIZE is the network's input",
    "INPUT.MAX_SIZE_TEST": "INPUT.SIZE is the network's input",
    "INPUT.RANDOM_FLIP": "INPUT.AUGMENTATION.MIRROR_PROB mirrors",
    "INPUT.CROP": "INPUT.AUGMENTATION.CROP and CROP_SCALE crop",
    "INPUT.FORMAT": "frames are read as BGR; MODEL.BACKBONE_3D.INPUT_FORMAT is the 3D backbone's",
    "INPUT.MASK_FORMAT": "there are no masks",
    "DATASETS.PROPOSAL_FILES_TRAIN": "there are no proposals",
    "DATASETS.PROPOSAL_FILES_TEST": "there are no proposals",
    "DATASETS.PRECOMPUTED_PROPOSAL_TOPK_TRAIN": "there are no proposals",
    "DATASETS.PRECOMPUTED_PROPOSAL_TOPK_TEST": "there are no proposals",
    "DATALOADER.ASPECT_RATIO_GROUPING": "all clips have INPUT.SIZE",
    "DATALOADER.FILTER_EMPTY_ANNOTATIONS": "INPUT.BACKGROUND_WINDOWS says how many are empty",
    "DATALOADER.SAMPLER_TRAIN": "an epoch has every training window once, in random order",
    "DATALOADER.RANDOM_SUBSET_RATIO": "an epoch has every training window once, in random order",
    "DATALOADER.REPEAT_THRESHOLD": "an epoch has every training window once, in random order",
    "DATALOADER.REPEAT_SQRT": "an epoch has every training window once, in random order",
    "SOLVER.MOMENTUM": "the optimizer is Adam",
    "SOLVER.NESTEROV": "the optimizer is Adam",
    "SOLVER.NUM_DECAYS": "no schedule of SOLVER.LR_SCHEDULER_NAME reads it",
    "TEST.KEYPOINT_OKS_SIGMAS": "there are no keypoints",
    "TEST.DETECTIONS_PER_IMAGE": "TEST.TUBELETS_PER_WINDOW bounds the tubelets",
    "TEST.AUG": "TEST.FLIP averages over mirror images",
    "TEST.PRECISE_BN": (
        "running statistics are averaged over the processes, and with SOLVER.EMA over iterations"
    ),
    "VIS_PERIOD": "tools/visualize_data.py draws training samples",
    "GLOBAL": "it is for hacks",
}

# Keys, or all keys under a name, that some of Detectron2's backbones and ours read, and others not.
_RESNET_FPNS = ("build_resnet_fpn_backbone", "build_retinanet_resnet_fpn_backbone")
READ_BY: dict[str, tuple[str, ...]] = {
    "MODEL.RESNETS": ("build_resnet_backbone", *_RESNET_FPNS),
    "MODEL.FPN": ("build_timm_fpn_backbone", *_RESNET_FPNS),
    "MODEL.BACKBONE.TIMM_NAME": ("build_timm_fpn_backbone",),
    "MODEL.BACKBONE.STEM_CHANNELS": ("build_small_resnet_backbone",),
    "MODEL.BACKBONE_3D.STEM_CHANNELS": ("build_small_resnext3d_backbone",),
    "MODEL.BACKBONE_3D.DEPTH": ("build_resnext3d_backbone",),
}


def why_without_effect(key: str, cfg: CfgNode) -> str | None:
    """Why a key has no effect with the backbones of ``cfg``; None where it has, or has none yet."""
    readers = next((names for k, names in READ_BY.items() if f"{key}.".startswith(f"{k}.")), None)
    if readers:
        node = "BACKBONE_3D" if key.startswith("MODEL.BACKBONE_3D.") else "BACKBONE"
        name = cfg.MODEL[node].NAME
        if name and name not in readers and is_known_backbone(name):
            return f"MODEL.{node}.NAME {name} does not"
    return next((why for k, why in WITHOUT_EFFECT.items() if f"{key}.".startswith(f"{k}.")), None)
