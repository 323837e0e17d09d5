"""Numbers as people write them: percentages, means with their spread, durations."""


def percent(value: float | None) -> str:
    """Write a number in [0, 1] as a percentage; "-" where there is none."""
    return "-" if value is None else f"{value:.2%}"


def spread(mean_value: float, std: float | None) -> str:
    """Write mean ± standard deviation, in percent."""
    return f"{mean_value:.2%}" + ("" if std is None else f" ± {std:.2%}")


def duration(seconds: float) -> str:
    """Write a time in the unit that people would use: 40 s, 12 min, 3.5 h."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
