"""Sound into numbers: reading, log-mel features, augmentation."""
