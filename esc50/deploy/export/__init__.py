"""A checkpoint as a file for other runtimes, and how it is checked."""
