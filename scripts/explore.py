"""Look at a data set before training: a page of what is in it, what to mend, how it sounds.

python scripts/explore.py data=esc10
python scripts/explore.py data=folder data.root=/my/sounds augment=published
"""

from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from esc50.config.choices import CONF
from esc50.config.command import hydra_command
from esc50.config.files import show_files
from esc50.config.typed import as_typed
from esc50.errors import exit_on_error


def main() -> None:
    """Explore what the command line asks for."""
    with hydra_command(lambda: f"{as_typed(__doc__)}\n{show_files('explore')}"):
        _main()


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="explore")
def _main(cfg: DictConfig) -> None:
    """Write the page and clips.csv, and say where they are."""
    from esc50.report.exploration.report import Exploration

    with exit_on_error():
        name = HydraConfig.get().runtime.choices["data"]
        plain: Any = OmegaConf.to_container(cfg, resolve=True)
        exploration = Exploration(plain, name)
        exploration.write()
        if faults := len(exploration.statistics.faults):
            print(f"clips that cannot be read, at which training would stop: {faults}")
        print(f"the page is {exploration.page}")


if __name__ == "__main__":
    main()
