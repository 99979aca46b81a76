"""How close SR is to HR."""

from srzoo.metrics.fidelity import luma, psnr, psnr_rgb, psnr_y, ssim_y

__all__ = ["luma", "psnr", "psnr_rgb", "psnr_y", "ssim_y"]
