"""What a run leaves, and what is computed and shown of finished runs."""
