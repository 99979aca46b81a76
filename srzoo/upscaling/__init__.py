"""Upscaling images of any size in bounded memory."""

from srzoo.upscaling.upscaler import Upscaler

__all__ = ["Upscaler"]
