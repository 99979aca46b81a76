"""What runs a network: Keras, OpenVINO, or the runtime of an exported file; whole, in tiles and in stages."""
