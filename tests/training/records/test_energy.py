import pytest

from esc50.training.records.energy import EnergyMeter


@pytest.fixture
def counters(tmp_path):
    """Sets the two packages' counters, in microjoules."""

    def count(*values):
        for number, value in enumerate(values):
            zone = tmp_path / f"intel-rapl:{number}"
            zone.mkdir(exist_ok=True)
            (zone / "max_energy_range_uj").write_text("9999999\n")
            (zone / "energy_uj").write_text(f"{value}\n")

    count(1_000_000, 8_000_000)
    return count


def test_the_counters_of_all_packages_are_added_also_where_they_begin_anew(counters, tmp_path):
    meter = EnergyMeter(tmp_path)
    meter.on_train_start(None, None)
    counters(3_000_000, 9_000_000)
    meter.on_train_epoch_end(None, None)
    assert meter.joules == pytest.approx(3.0)
    counters(3_500_000, 1_000_000)  # the second ended at 9,999,999
    meter.on_train_epoch_end(None, None)
    assert meter.joules == pytest.approx(5.5)


def test_a_run_that_goes_on_adds_to_what_it_took_before(counters, tmp_path):
    meter = EnergyMeter(tmp_path)
    meter.load_state_dict({"joules": 40.0})
    meter.on_train_start(None, None)
    counters(2_000_000, 8_000_000)
    meter.on_train_epoch_end(None, None)
    assert meter.state_dict() == {"joules": pytest.approx(41.0)}


def test_a_machine_without_counters_or_with_hidden_ones_says_nothing(counters, tmp_path):
    assert EnergyMeter(tmp_path / "none").joules is None
    meter = EnergyMeter(tmp_path)
    (tmp_path / "intel-rapl:1" / "energy_uj").unlink()
    meter.on_train_start(None, None)
    meter.on_train_epoch_end(None, None)
    assert meter.joules is None
