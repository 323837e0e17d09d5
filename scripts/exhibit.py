"""Run the published protocol and the honest one side by side, and say what leaked.

    python scripts/exhibit.py data=esc10 data.root=path/to/ESC-10

Arguments are Hydra overrides for all runs; finished runs are found, not repeated.
"""

import argparse
import sys


def main() -> None:
    """Run, print, say where the table is."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="Hydra overrides")
    overrides = parser.parse_args().overrides

    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    from esc50.errors import UserError
    from esc50.results.layout import show_table
    from esc50.training.exhibit import exhibit, exhibit_table

    try:
        rows = exhibit(overrides)
    except (UserError, HydraException, OmegaConfBaseException) as error:
        sys.exit(f"error: {error}")
    show_table(exhibit_table(rows))


if __name__ == "__main__":
    main()
