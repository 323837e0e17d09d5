"""The table of clips: read from a file or a folder, with its columns, folds and windows."""
