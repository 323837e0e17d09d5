"""Run the published protocol and the honest one side by side, and say what leaked.

    python scripts/exhibit.py data=esc10 data.root=path/to/ESC-10

Arguments are Hydra overrides for all runs; finished runs are found, not repeated.
"""

import argparse

from esc50.config.typed import as_typed
from esc50.errors import UserError, exit_on_error


def main() -> None:
    """Run both protocols, or find that this has been done, and print the table."""
    parser = argparse.ArgumentParser(
        description=as_typed(__doc__), formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="Hydra overrides")
    with exit_on_error():
        _exhibit(parser.parse_args().overrides)


def _exhibit(overrides: list[str]) -> None:
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    from esc50.config.choices import describe_refusal
    from esc50.results.display.layout import show_table
    from esc50.training.exhibit import exhibit, exhibit_table

    try:
        rows = exhibit(overrides)
    except (HydraException, OmegaConfBaseException) as error:
        raise UserError(describe_refusal(error)) from None
    show_table(exhibit_table(rows))


if __name__ == "__main__":
    main()
