import pytest
from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins

from esc50.sweep.plugins import register_plugins


@pytest.mark.parametrize(
    ("name", "needs"),
    [
        ("sweepers.Grid", "hydra"),
        ("sweepers.Search", "hydra"),
        ("slurm.SlurmLauncher", "hydra_plugins.hydra_submitit_launcher"),
        ("ray.RayLauncher", "hydra_plugins.hydra_ray_launcher"),
    ],
)
def test_our_plugins_are_known_to_hydra_where_what_they_wrap_is_installed(name, needs):
    pytest.importorskip(needs)
    register_plugins()
    assert f"hydra_plugins.esc50.{name}" in Plugins.instance().class_name_to_class


def test_conf_alone_describes_the_launchers():
    register_plugins()
    stored = ConfigStore.instance().repo["hydra"]["launcher"]
    assert not {"joblib.yaml", "ray.yaml", "submitit_slurm.yaml"} & set(stored)
    assert "basic.yaml" in stored
