"""Data sets that are fetched or made."""
