"""This package's Hydra plugins: the sweepers and launchers of hydra_plugins/esc50."""

import warnings
from importlib import import_module

from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins
from hydra.plugins.plugin import Plugin


def register_plugins() -> None:
    """Make this package's sweepers and launchers known to Hydra.

    Hydra finds plugins by itself only where they are not installed as editable. Launchers whose
    own plugin is not installed are left out.
    """
    plugins = Plugins.instance()  # the plugins that Hydra finds load first: ours build on them
    for name in ("sweepers", "slurm", "ray"):
        try:
            module = import_module(f"hydra_plugins.esc50.{name}")
        except ModuleNotFoundError as error:
            if error.name and "_launcher" in error.name:
                continue
            raise
        for plugin in vars(module).values():
            own = isinstance(plugin, type) and plugin.__module__ == module.__name__
            if own and issubclass(plugin, Plugin):
                plugins.register(plugin)
    # conf/ has launchers of the same names, with every setting explained; Hydra would warn. In
    # joblib's workers it finds the plugins once more, after this.
    stored = ConfigStore.instance().repo["hydra"]["launcher"]
    for name in ("joblib", "ray", "submitit_slurm"):
        stored.pop(f"{name}.yaml", None)
    warnings.filterwarnings("ignore", r"\n'hydra/launcher/\w+' is validated against ConfigStore")
