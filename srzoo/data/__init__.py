"""From a data set's name to the same batches of LR and HR crops, whatever the source."""
