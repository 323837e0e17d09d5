"""A checkpoint in, answers out: predict, evaluate, listen."""
