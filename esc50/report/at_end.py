"""The report that ends a run: it must neither cost the run nor hold it up to load."""

from pathlib import Path

from esc50.report.run.subject import PAGE


def report_at_end(folder: Path, anew: bool = False) -> None:
    """Write the report of what has just ended, unless it is there.

    The run is finished by then: whatever goes wrong here costs a sentence.

    Args:
        folder: of a run, or of the folds and seeds of a recipe.
        anew: whether to replace a report that is there, as that of fewer runs.
    """
    if (folder / PAGE).exists() and not anew:
        return
    try:
        from esc50.report.run.report import write_report  # loads plotly and scikit-learn

        print(f"the report is {write_report(folder, trusted=True)}")
    except Exception as error:  # of whatever kind
        again = f"python scripts/report.py {folder}"
        print(f"the report was not written ({error or type(error).__name__}); try again by {again}")
