"""Runtimes of networks: Keras, OpenVINO, or that of an exported file; for whole pictures, tiles and stages."""
