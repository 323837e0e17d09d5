"""Clips: the table, where they come from, splits, cache and the LightningDataModule."""
