"""LR as cameras, editors and the web make it: blur, resizing, noise and JPEG at random, in presets.

NumPy, SciPy and Pillow alone, on one thread: what comes out follows from the picture, the preset and the generator.
"""
