"""Weights that training starts from, and what comes with them."""
