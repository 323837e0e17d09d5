"""What machines and people do to runs: the faults of soak.py, and the phases they strike in."""
