"""Pages for people: one file each, that opens from disk without a network."""
