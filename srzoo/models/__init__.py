"""The networks, as Keras functional builders; each file has the entries of its models (`registry` has them all)."""
