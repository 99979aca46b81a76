"""Image files with all that they hold: transparency, 16 bits, grey, frames and pages, metadata.

`srzoo.images` is the plain way, to RGB of 8 bits, which training and measuring use.
"""
