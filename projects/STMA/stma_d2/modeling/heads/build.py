"""The registry of tubelet heads."""

from __future__ import annotations

from detectron2.utils.registry import Registry

TUBELET_HEAD_REGISTRY = Registry("TUBELET_HEAD")
TUBELET_HEAD_REGISTRY.__doc__ = """
Heads on the features of a snippet. A registered class or function is called as
``Head(cfg, input_shape)`` with the ``ShapeSpec`` of one frame's 2D feature map; the action head as
``Head(cfg, input_shape, clip_shape)`` with that of the 3D feature map, or None without one.
"""
