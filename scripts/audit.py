"""Audit a split for leaks, without training; exits 1 when it leaks.

python scripts/audit.py data=esc50 split=official
python scripts/audit.py split=random split.keep_sources=false table=path/to/esc50.csv
"""

import sys
from pathlib import Path
from typing import Any

import hydra
from omegaconf import DictConfig, OmegaConf

from esc50.config.choices import CONF
from esc50.config.command import hydra_command
from esc50.config.files import show_files
from esc50.config.typed import as_typed
from esc50.errors import exit_on_error, printable


def main() -> None:
    """Audit what the command line asks for."""
    with hydra_command(lambda: f"{as_typed(__doc__)}\n{show_files('audit')}"):
        _main()


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="audit")
def _main(cfg: DictConfig) -> None:
    """Print every crossing of every fold asked for."""
    from esc50.data.audit import audit_split, describe
    from esc50.data.split import SplitSettings, choosable_folds, draw_split

    with exit_on_error():
        table, digests, logmels = _open(cfg)
        section: Any = OmegaConf.to_container(cfg.split)
        settings = SplitSettings.parse("split", section)
        leaky = False
        folds = choosable_folds(table, settings.protocol)
        for fold in folds if settings.fold == "all" else [settings.fold]:
            split = draw_split(table, settings.model_copy(update={"fold": fold}), cfg.seed)
            audit = audit_split(table, split, digests, logmels)
            print(f"{cfg.split.protocol} split, fold {fold}: {audit.sentence}")
            lines = map(printable, describe(audit))
            print(*lines, sep="\n", end="\n" if audit.crossings else "")
            leaky |= audit.leaky
    sys.exit(1 if leaky else 0)


def _open(cfg: DictConfig) -> tuple:
    """Open the table, digests and log-mels; the latter two are None for a table alone."""
    from esc50.data.tables.table import read_table

    if cfg.table is not None:
        path = Path(cfg.table)
        return read_table(path.parent, check_files=False, table=path), None, None
    from esc50.audio.spec import make_spec
    from esc50.config.schema.sections import DataSettings
    from esc50.data.cache.digests import clip_digests
    from esc50.data.datasets import open_clips
    from esc50.data.features import clip_features, profiles

    data: Any = OmegaConf.to_container(cfg.data, resolve=True)
    section: Any = OmegaConf.to_container(cfg.features, resolve=True)
    spec = make_spec(section)
    table = open_clips(data, spec.seconds)
    settings = DataSettings.of(data)
    cache_dir = Path(settings.cache_dir)
    digests = table.identify(clip_digests(table.paths, cache_dir))
    features = clip_features(table, spec, digests, cache_dir, settings.workers)
    return table, digests, profiles(features)


if __name__ == "__main__":
    main()
