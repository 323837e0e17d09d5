"""Settings: typed, checked before torch loads, and the signature that names a run."""
