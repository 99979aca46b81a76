"""Files of weights and of models: what they declare is checked before Keras or HDF5 take memory for it."""
