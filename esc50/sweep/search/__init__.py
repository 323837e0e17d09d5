"""An Optuna study, and what it leaves for people."""
