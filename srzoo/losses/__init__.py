"""Losses between SR and HR pixels."""

from srzoo.losses.pixel import PIXEL_LOSSES, charbonnier, l1, l2

__all__ = ["PIXEL_LOSSES", "charbonnier", "l1", "l2"]
