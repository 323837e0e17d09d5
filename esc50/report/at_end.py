"""The report that ends a run: it must neither cost the run nor hold it up to load."""

import shlex
from pathlib import Path

from esc50.config.typed import as_command
from esc50.report.run.subject import PAGE


def report_at_end(folder: Path, anew: bool = False, quiet: bool = False) -> None:
    """Write the report of what has just ended, unless it is there.

    The run is finished by then: whatever goes wrong here costs a sentence.

    Args:
        folder: of a run, or of the folds and seeds of a recipe.
        anew: whether to replace a report that is there, as that of fewer runs.
        quiet: whether to print only what went wrong.
    """
    if (folder / PAGE).exists() and not anew:
        return
    try:
        from esc50.report.run.report import write_report  # loads plotly and scikit-learn

        page = write_report(folder, trusted=True)
        if not quiet:
            print(f"the report is {page}")
    except Exception as error:  # of whatever kind
        again = f"{as_command('report')} {shlex.quote(str(folder))}"
        print(f"the report was not written ({error or type(error).__name__}); try again by {again}")
