import logging
import warnings

from esc50.training.process.log_filters import EXPECTED, filter_logs


def test_the_expected_is_passed_over_and_the_rest_is_heard(monkeypatch):
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        filter_logs()
        for text in EXPECTED:
            warnings.warn(f"Lightning says: {text} (see its manual)", stacklevel=1)
        warnings.warn("the disk is nearly full", stacklevel=1)
    assert [str(warning.message) for warning in heard] == ["the disk is nearly full"]
    for name in ("pytorch_lightning", "lightning_fabric"):
        # Hydra, where another test has run it in this process, switches off loggers that it finds.
        monkeypatch.setattr(logging.getLogger(name), "disabled", False)
        assert not logging.getLogger(name).isEnabledFor(logging.INFO)
        assert logging.getLogger(name).isEnabledFor(logging.WARNING)
