"""What came of a run, or of the folds of a cross-validation."""
