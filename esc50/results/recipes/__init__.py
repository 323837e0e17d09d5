"""The runs of one recipe together, and recipes beside each other."""
