"""What computes features: samples in, pictures out."""
