"""Every key that the project adds to Detectron2's own, with what it means."""

from __future__ import annotations

from detectron2.config import CfgNode as CN


def add_stma_config(cfg: CN) -> None:
    """Add the project's keys with the paper's values (UCF101-24, 288 x 288, T = 16, K = 5).

    Args:
        cfg: a configuration from ``detectron2.config.get_cfg()``; changed in place.
    """
    # Files that describe data sets of one's own, such as ("mine.yaml",), which gives mine_train and
    # mine_test; see stma_d2/data/dataset_file.py.
    cfg.DATASETS.FILES = ()
    _add_input(cfg)
    _add_model(cfg)
    _add_solver(cfg)
    _add_test(cfg)


def _add_input(cfg: CN) -> None:
    # Height and width of the network's input, in pixels; multiples of its greatest stride (32).
    cfg.INPUT.SIZE = (288, 288)
    # T: frames that the 3D backbone sees.
    cfg.INPUT.CLIP_LENGTH = 16
    # From one of them to the next, in frames of the video; 2 sees twice as much time as 1.
    cfg.INPUT.CLIP_FRAME_STRIDE = 1
    # In training it is drawn anew for each clip, from this much less to this much more, so that
    # actions are seen at several speeds; evaluation always takes CLIP_FRAME_STRIDE itself.
    cfg.INPUT.CLIP_FRAME_STRIDE_JITTER = 0
    # K: consecutive frames that are detected; odd.
    cfg.INPUT.SNIPPET_LENGTH = 5
    # Where they lie in the clip: "middle" (the paper) or "end", which sees nothing later than the
    # snippet and so can run on a live stream; train a network the way it will be used.
    cfg.INPUT.SNIPPET_POSITION = "middle"
    # Share of training samples whose snippet has no action, or is cut by the start or end of one
    # (which then counts as none): they teach silence before and after actions. The paper has 0.
    cfg.INPUT.BACKGROUND_WINDOWS = 0.0

    # Augmentation of ACT and MOC, drawn once for a clip.
    cfg.INPUT.AUGMENTATION = CN()
    # Probability of a left-right flip. Set 0 where left and right are different actions.
    cfg.INPUT.AUGMENTATION.MIRROR_PROB = 0.5
    # Each photometric distortion below is applied with this probability.
    cfg.INPUT.AUGMENTATION.DISTORT_PROB = 0.5
    # Largest shift of brightness, in 8-bit levels.
    cfg.INPUT.AUGMENTATION.BRIGHTNESS = 32
    # Range of the contrast factor and of the saturation factor.
    cfg.INPUT.AUGMENTATION.CONTRAST = (0.5, 1.5)
    cfg.INPUT.AUGMENTATION.SATURATION = (0.5, 1.5)
    # Largest rotation of the hue, in degrees: ACT's and MOC's value (SSD rotates by up to 36: its
    # 18 are levels of OpenCV's 8-bit hue, of 2 degrees each).
    cfg.INPUT.AUGMENTATION.HUE = 18
    # Probability of placing the frames on a larger canvas of the mean color, and its largest side
    # in units of the frame's.
    cfg.INPUT.AUGMENTATION.EXPAND_PROB = 0.5
    cfg.INPUT.AUGMENTATION.MAX_EXPAND = 4.0
    # SSD's crop: one sampler is drawn among "whole frame", one per minimum overlap with some
    # instance of the snippet, and "anything". False: never crop.
    cfg.INPUT.AUGMENTATION.CROP = True
    # Range of a crop's side, in units of the frame's.
    cfg.INPUT.AUGMENTATION.CROP_SCALE = (0.3, 1.0)


def _add_model(cfg: CN) -> None:
    # The network: a name in META_ARCH_REGISTRY.
    cfg.MODEL.META_ARCHITECTURE = "STMA"
    # Compile the backbones (torch.compile; needs a C++ compiler, on GPUs Triton). The first batch
    # then takes minutes; worth it for long runs.
    cfg.MODEL.COMPILE = False

    # The 2D backbone, which sees single frames: a name in BACKBONE_REGISTRY, Detectron2's own among
    # them.
    cfg.MODEL.BACKBONE.NAME = "build_dla34_backbone"
    # Which of its feature maps is used, such as "p2" of a feature pyramid; "": its only one.
    cfg.MODEL.BACKBONE.OUT_FEATURE = ""
    # Its batch normalization: "BN"; "SyncBN", whose statistics are those of all GPUs; "FrozenBN",
    # which keeps weights and statistics as they were loaded. Detectron2's own backbones have
    # MODEL.RESNETS.NORM and MODEL.FPN.NORM instead.
    cfg.MODEL.BACKBONE.NORM = "BN"
    # The network that `build_timm_fpn_backbone` takes from timm.
    cfg.MODEL.BACKBONE.TIMM_NAME = "convnext_atto"
    # What the 2D backbone's frames are normalized by: 8-bit levels of blue, green and red, as
    # CenterNet and MOC have them.
    cfg.MODEL.PIXEL_MEAN = [104.01362025, 114.03422265, 119.9165958]
    cfg.MODEL.PIXEL_STD = [73.6027665, 69.8908182, 70.91507925]

    # Stages that Detectron2's own ResNets do not train; the project's backbones train whole.
    cfg.MODEL.BACKBONE.FREEZE_AT = 0

    cfg.MODEL.BACKBONE_3D = CN()
    # The 3D backbone, which sees the whole clip: a name in BACKBONE_REGISTRY; "" builds none (the
    # paper's ablation rows without STA).
    cfg.MODEL.BACKBONE_3D.NAME = "build_resnext3d_backbone"
    # As MODEL.BACKBONE.OUT_FEATURE and MODEL.BACKBONE.NORM.
    cfg.MODEL.BACKBONE_3D.OUT_FEATURE = ""
    cfg.MODEL.BACKBONE_3D.NORM = "BN"
    # Depth of the ResNeXt of Hara et al. that `build_resnext3d_backbone` makes: 50, 101 or 152.
    cfg.MODEL.BACKBONE_3D.DEPTH = 101
    # Network-input pixels per pixel of the maps of `build_resnext3d_backbone` and of
    # `build_small_resnext3d_backbone`, and of the class map where there is no 3D backbone: 32, the
    # paper's; or 16 for actors that are small beside 32 pixels, the last layer then halves the time
    # alone.
    cfg.MODEL.BACKBONE_3D.OUT_STRIDE = 32
    # The order in which this backbone takes the colors, and mean and std in that order (8-bit
    # levels; Hara et al. subtract a mean and divide by nothing).
    cfg.MODEL.BACKBONE_3D.INPUT_FORMAT = "RGB"
    cfg.MODEL.BACKBONE_3D.PIXEL_MEAN = [114.7748, 107.7354, 99.4750]
    cfg.MODEL.BACKBONE_3D.PIXEL_STD = [1.0, 1.0, 1.0]
    # Channels of the stems of the small backbones for the CPU, `build_small_resnet_backbone` and
    # `build_small_resnext3d_backbone`; the deeper layers widen from there.
    cfg.MODEL.BACKBONE.STEM_CHANNELS = 32
    cfg.MODEL.BACKBONE_3D.STEM_CHANNELS = 16
    # Train with only the inputs of the 3D blocks in memory and run each block once more in the
    # backward pass: less memory, same gradients, about a third more time for the 3D backbone.
    cfg.MODEL.BACKBONE_3D.CHECKPOINT_ACTIVATIONS = False

    cfg.MODEL.STMA = CN()
    # Classes without background; must equal the data set's. 0: as many as the data set has.
    cfg.MODEL.STMA.NUM_CLASSES = 24
    # Width of the hidden layer of the center, movement and size heads.
    cfg.MODEL.STMA.HEAD_CHANNELS = 256
    # Normalization of that layer: "" (none, as in CenterNet and MOC), "BN", "GN", ... Training from
    # random weights with a high learning rate needs one.
    cfg.MODEL.STMA.HEAD_NORM = ""

    # The center head, which says where in the key frame an actor is: a name in
    # TUBELET_HEAD_REGISTRY.
    cfg.MODEL.STMA.CENTER = CN()
    cfg.MODEL.STMA.CENTER.NAME = "build_center_head"
    # Class-agnostic localization (one heat map, the action head names the class), or class-aware
    # (one heat map a class and no action head: MOC).
    cfg.MODEL.STMA.CENTER.CLASS_AGNOSTIC = True

    # The movement head, which says where the actor is in the snippet's other frames: a name in
    # TUBELET_HEAD_REGISTRY.
    cfg.MODEL.STMA.MOVEMENT = CN()
    cfg.MODEL.STMA.MOVEMENT.NAME = "build_movement_head"
    # Gaussian regression trains on a Gaussian area around the center; without it on the single
    # center pixel (MOC).
    cfg.MODEL.STMA.MOVEMENT.GAUSSIAN = True
    # The size head, which says how large the actor is in each frame: a name in
    # TUBELET_HEAD_REGISTRY.
    cfg.MODEL.STMA.SIZE = CN()
    cfg.MODEL.STMA.SIZE.NAME = "build_size_head"
    # Gaussian regression, as of the movement. It also chooses what is regressed: four distances
    # with GIoU, or, without it, width and height with L1.
    cfg.MODEL.STMA.SIZE.GAUSSIAN = True
    # Whose center the size's Gaussian area lies around: "frame" (each frame's own, where inference
    # reads it) or "key" (the key frame's).
    cfg.MODEL.STMA.SIZE.AREA = "frame"
    # Width of this head's hidden layer; 0: MODEL.STMA.HEAD_CHANNELS. MOC's ResNet-18 has 64 here.
    cfg.MODEL.STMA.SIZE.HEAD_CHANNELS = 0

    # The action head, which names the class: a name in TUBELET_HEAD_REGISTRY.
    cfg.MODEL.STMA.ACTION = CN()
    cfg.MODEL.STMA.ACTION.NAME = "ActionHead"
    # Motion excitation (ME in the paper's tables): channels are weighted by how they change from
    # frame to frame.
    cfg.MODEL.STMA.ACTION.MOTION_EXCITATION = True
    # Channel-wise self-attention after the fusion: "gram" (softmax of the channels' Gram matrix) or
    # "cfam" (YOWO's: softmax of its maximum minus it, between two 3x3 convolutions).
    cfg.MODEL.STMA.ACTION.ATTENTION = "gram"
    # c1: channels of each frame's feature after the stride-2 convolutions.
    cfg.MODEL.STMA.ACTION.CHANNELS = 256
    # Channels after the 1x1 convolution that fuses the snippet's features with the clip's.
    cfg.MODEL.STMA.ACTION.FUSED_CHANNELS = 512

    # Weights of Eq. 8 and 9: of the action's class, of the center, of movement and size together,
    # and gamma, of the size within these.
    cfg.MODEL.STMA.LOSS_WEIGHT = CN()
    cfg.MODEL.STMA.LOSS_WEIGHT.CLS = 0.01
    cfg.MODEL.STMA.LOSS_WEIGHT.CENTER = 1.0
    cfg.MODEL.STMA.LOSS_WEIGHT.REG = 0.5
    cfg.MODEL.STMA.LOSS_WEIGHT.SIZE = 0.1
    # What a regression's weighted loss is divided by: "weights", the sum of its samples' weights (a
    # weighted mean, as in TTFNet), or "instances", their number (times K for the size).
    cfg.MODEL.STMA.LOSS_WEIGHT.NORMALIZER = "weights"


def _add_solver(cfg: CN) -> None:
    # Learning rate of Adam, the optimizer.
    cfg.SOLVER.BASE_LR = 1e-4
    # Its weight decay, of all weights and of those of normalization layers.
    cfg.SOLVER.WEIGHT_DECAY = 0.0
    cfg.SOLVER.WEIGHT_DECAY_NORM = 0.0
    # Clips in a batch, over all processes.
    cfg.SOLVER.IMS_PER_BATCH = 24
    # Each process works its share of a batch off in this many micro-batches, one in memory at a
    # time; the gradient stays the whole batch's.
    cfg.SOLVER.ACCUMULATION_STEPS = 1
    # How the learning rate falls: along a cosine to zero, or in steps.
    cfg.SOLVER.LR_SCHEDULER_NAME = "WarmupCosineLR"
    # Iterations, or passes over every training window: one of them is given, the other 0.
    cfg.SOLVER.MAX_ITER = 0
    cfg.SOLVER.EPOCHS = 0
    # When "WarmupMultiStepLR" multiplies the learning rate by SOLVER.GAMMA: after so many
    # iterations, or after so many epochs.
    cfg.SOLVER.STEPS = ()
    cfg.SOLVER.STEP_EPOCHS = ()
    # A checkpoint every so many iterations, or epochs; 0 and 0: only the last one.
    cfg.SOLVER.CHECKPOINT_PERIOD = 0
    cfg.SOLVER.CHECKPOINT_EPOCHS = 0
    # How many of them are kept, the newest; 0 keeps all. model_best.pth and model_final.pth stay.
    cfg.SOLVER.CHECKPOINTS_KEPT = 3
    # Exponential moving average of the weights, which is then evaluated and saved: the share of the
    # average that an iteration keeps, such as 0.999; 0 is off.
    cfg.SOLVER.EMA = CN()
    cfg.SOLVER.EMA.DECAY = 0.0
    # Seconds after which a batch that does not come from the data loading workers ends the run with
    # an error; 0 waits for ever.
    cfg.DATALOADER.TIMEOUT = 600
    # Share of the training videos that may have clips which cannot be read: others take the place
    # of such clips, with a warning for each video. 0: the first one ends the training.
    cfg.DATALOADER.SKIP_BAD_CLIPS = 0.0


def _add_test(cfg: CN) -> None:
    # Videos are evaluated in chunks of this many windows: they are read together, a GPU takes them
    # in one batch, and memory grows with them.
    cfg.TEST.WINDOWS_PER_CHUNK = 16
    # The 3D backbone runs once for this many consecutive windows, on the middle one's clip; 1 is
    # exact. It divides TEST.WINDOWS_PER_CHUNK.
    cfg.TEST.CLIP_STRIDE = 1
    # Average heat maps, class logits and sizes over the frames and their mirror images; the
    # movement stays as it is. The figures of MOC's paper do so; it takes twice the time. Only where
    # left and right are no different actions.
    cfg.TEST.FLIP = False
    # Compute in 16 bits where that is safe: bfloat16 on GPUs that multiply it and on CPUs, float16
    # on older GPUs. Decoding stays in single precision.
    cfg.TEST.AMP = CN()
    cfg.TEST.AMP.ENABLED = False
    # Evaluate in training every so many epochs (TEST.EVAL_PERIOD: iterations), and at its end.
    cfg.TEST.EVAL_EPOCHS = 0
    # The evaluation that is best by this metric, on the first test set, keeps its weights in
    # model_best.pth.
    cfg.TEST.BEST_METRIC = "action_detection/video_mAP@0.5"
    # N: tubelets that are decoded in a window.
    cfg.TEST.TUBELETS_PER_WINDOW = 10
    # Use a checkpoint also where labels, sizes, K, T or pixel statistics are not those that it was
    # trained with; results then say so. False refuses it.
    cfg.TEST.OTHER_SETTINGS = False
    # Rules of linking and metrics, by name: "moc", "act", "voc", "multisports".
    cfg.TEST.PROTOCOL = "moc"
    cfg.TEST.LINKING = CN()
    # Tubelets that score less are dropped before linking, which trims tubes in time;
    # 0 keeps all, as published.
    cfg.TEST.LINKING.MIN_TUBELET_SCORE = 0.0
    # Tubes of fewer frames are dropped; 15 is as published. Lower it where actions are short.
    cfg.TEST.LINKING.MIN_TUBE_LENGTH = 15
    # Cut tubes back at both ends to tubelets that score at least this share of the median of the
    # tube's scores; 0 is as published. Beside an action scores fall, and tubes overrun it.
    cfg.TEST.LINKING.TRIM_BELOW_MEDIAN = 0.0
    # Cut tubes back to the key frames of their first and last window, but not at the video's ends;
    # False is as published. Tubes overrun actions, and a window says most about its key frame.
    cfg.TEST.LINKING.TRIM_TO_KEY_FRAMES = False
    # Also write the boxes and tubes into the two files that the MultiSports benchmark scores,
    # frame_detections.pkl and video_detections.pkl.
    cfg.TEST.BENCHMARK_FILES = CN()
    cfg.TEST.BENCHMARK_FILES.ENABLED = False
    # Boxes on frames that score less are left out of the file; 0 keeps all: a box takes 32 bytes,
    # and every tubelet is one for every class, on each of its frames.
    cfg.TEST.BENCHMARK_FILES.MIN_SCORE = 0.0
