"""The networks, as graphs that Keras and OpenVINO build; each file has its models' entries, and `registry` has all."""
