"""The registry of tubelet heads."""

from __future__ import annotations

from detectron2.utils.registry import Registry

TUBELET_HEAD_REGISTRY = Registry("TUBELET_HEAD")
TUBELET_HEAD_REGISTRY.__doc__ = """
Heads on the features of a snippet. A registered class is built as ``Head(cfg, channels)``, where
``channels`` is the number of channels of one frame's 2D feature map; the action head is built as
``Head(cfg, channels, clip_channels)`` with the channels of the 3D feature map (0 without one).
"""
