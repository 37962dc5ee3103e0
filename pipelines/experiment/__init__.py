"""Experiments: designed from the history of the data, planned in a file, and scored by randomisation inference."""
