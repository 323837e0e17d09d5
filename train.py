"""Run one experiment, or with -m a sweep: `python train.py --help` says how."""

from esc50.cli import train

if __name__ == "__main__":
    train()
