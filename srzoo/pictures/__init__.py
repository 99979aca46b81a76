"""Image files with all that they hold: transparency, 16 bits, grey, frames and pages, metadata.

`reading.read_image` is the plain way, to RGB of 8 bits, which training and measuring use.
"""
