"""Any timm network of feature maps under Detectron2's feature pyramid."""

from __future__ import annotations

import timm
import torch
from detectron2.config import CfgNode
from detectron2.layers import ShapeSpec
from detectron2.modeling import BACKBONE_REGISTRY, FPN, Backbone

from ...errors import InputError


class TimmBackbone(Backbone):
    """A timm network whose feature maps are named by their strides: "stride4", "stride8", ..."""

    def __init__(self, name: str) -> None:
        """Build ``name`` with random weights.

        Raises:
            InputError: if timm has no such network, or it gives no feature maps.
        """
        super().__init__()
        try:
            self.net = timm.create_model(name, pretrained=False, features_only=True)
        except (RuntimeError, AttributeError) as error:
            raise InputError(
                f"MODEL.BACKBONE.TIMM_NAME is {name!r}: timm has no network of that name that "
                f"gives feature maps ({error})"
            ) from error
        info = self.net.feature_info
        self._shapes = {
            f"stride{stride}": ShapeSpec(channels=channels, stride=stride)
            for channels, stride in zip(info.channels(), info.reduction(), strict=True)
        }

    def output_shape(self) -> dict[str, ShapeSpec]:
        """Channels and stride of each map, finest first."""
        return self._shapes

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        """Map normalized frames (N, 3, H, W) to maps (N, c, H / stride, W / stride) by name."""
        return dict(zip(self._shapes, self.net(x), strict=True))


@BACKBONE_REGISTRY.register()
def build_timm_fpn_backbone(cfg: CfgNode, input_shape: ShapeSpec) -> FPN:
    """Build MODEL.BACKBONE.TIMM_NAME under an FPN of MODEL.FPN's channels and normalization.

    Its maps are "p2" (stride 4), "p3", ...; maps finer than stride 4 are left out.
    """
    network = TimmBackbone(cfg.MODEL.BACKBONE.TIMM_NAME)
    coarse = [name for name, shape in network.output_shape().items() if shape.stride >= 4]
    return FPN(
        bottom_up=network,
        in_features=coarse,
        out_channels=cfg.MODEL.FPN.OUT_CHANNELS,
        norm=cfg.MODEL.FPN.NORM,
    )
