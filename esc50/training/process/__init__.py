"""The processes that a run is made in: how they start, what they need, how they end."""
