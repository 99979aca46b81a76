from srzoo.metrics.fidelity import psnr_y
