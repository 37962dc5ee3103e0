"""What we learn: pure functions over numpy arrays, one model per file."""
