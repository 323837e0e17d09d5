"""One fold of one seed: data, network, training, the one test, results on disk."""

import gc
import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from pytorch_lightning.plugins.environments import LightningEnvironment

from esc50.config.hardware import processor, resolve_precision
from esc50.config.signature import signature
from esc50.data.datamodule import ESC50DataModule
from esc50.errors import DivergenceError
from esc50.model.classifier import Classifier
from esc50.results.ledger import append, read
from esc50.results.run_folder import (
    atomic_write_text,
    find_results,
    is_finished,
    keep_aside,
    provenance,
    sole_use,
    write_predictions,
    write_results,
)
from esc50.training.callbacks import DivergenceCheck
from esc50.training.checkpoints import (
    AtomicCheckpointIO,
    Origin,
    check_checkpoint,
    origin,
    read_specification,
)
from esc50.training.distributed import count, together
from esc50.training.log_filters import quiet
from esc50.training.memory import keep_freed_memory

IDENTITY = ("signature", "data_digest", "seed", "fold")  # what must agree to be the same run


def run_fold(cfg: DictConfig, folder: Path) -> dict[str, Any]:
    """Train and test one fold in `folder`, or find that this has been done.

    A finished run of the same signature on the same audio is returned as it is, unless
    `rerun=true`; one that was cut off goes on from its last checkpoint.

    Returns:
        The contents of results.json.

    Raises:
        UserError: whatever is wrong with data, config or checkpoint, in a sentence.
    """
    plain, data = _opened(cfg)
    count(plain["trainer"], cfg.batch_size)  # refuses devices that are not there
    with sole_use(folder):
        data.open_table()
        identity = dict(
            zip(IDENTITY, (signature(cfg), data.digest, cfg.seed, cfg.split.fold), strict=True)
        )
        results = find_results(folder)
        if results and not cfg.rerun and _same(results, identity):
            print(f"{folder} is already done (rerun=true repeats it)")
        else:
            start = _starting_point(cfg, plain, folder, identity, data)
            results = _make(cfg, plain, data, folder, identity, start)
            write_results(folder, results)
        _enter(Path(cfg.output_dir) / "results.csv", results)
    return results


def follow_fold(cfg: DictConfig, folder: Path) -> None:
    """Train and test one fold together with the process that leads it, and write nothing."""
    plain, data = _opened(cfg)
    _begin(cfg, data)
    _train_and_test(cfg, plain, data, folder, {}, cfg.ckpt_path and Path(cfg.ckpt_path))


def _opened(cfg: DictConfig) -> tuple[dict[str, Any], ESC50DataModule]:
    """The config as plain dictionaries, and the data it names."""
    plain = OmegaConf.to_container(cfg, resolve=True)
    trainer = plain["trainer"]
    trainer["precision"] = resolve_precision(trainer["accelerator"], trainer["precision"])
    sections = {key: plain[key] for key in ("data", "split", "features", "augment")}
    return plain, ESC50DataModule(**sections, batch_size=cfg.batch_size, seed=cfg.seed)


def _begin(cfg: DictConfig, data: ESC50DataModule) -> None:
    quiet()
    keep_freed_memory()
    # The last run's trainer, network and data hold one another: freed now, their memory serves
    # this run.
    gc.collect()
    pl.seed_everything(cfg.seed, workers=True, verbose=False)
    data.setup()


def _enter(ledger: Path, results: dict[str, Any]) -> None:
    """Append to the ledger, unless a process that was killed right after doing so did."""
    key = [results[name] for name in ("signature", "seed", "fold", "time")]
    rows = read(ledger) if ledger.exists() else []
    if not any(
        [row.get(name) for name in ("signature", "seed", "fold", "time")] == key for row in rows
    ):
        append(ledger, results)


def _same(theirs: dict[str, Any], identity: dict[str, Any]) -> bool:
    return all(theirs.get(key) == value for key, value in identity.items())


def _starting_point(
    cfg: DictConfig,
    plain: dict[str, Any],
    folder: Path,
    identity: dict[str, Any],
    data: ESC50DataModule,
) -> Path | None:
    """The checkpoint to go on from, or None; what else lies in the folder is kept aside."""
    last = folder / "checkpoints" / "last.ckpt"
    cut_off = not is_finished(folder) and not cfg.rerun and last.is_file()
    if cut_off and _same(read_specification(last) or {}, identity):
        print(f"going on from {last}")
        return last
    start = None
    if cfg.ckpt_path is not None:
        start = last if cfg.ckpt_path == "last" else Path(cfg.ckpt_path)
        check_checkpoint(start, plain, data.digest, list(data.table.classes))
    if start is None or folder not in start.parents:
        keep_aside(folder)
    return start


def _make(
    cfg: DictConfig,
    plain: dict[str, Any],
    data: ESC50DataModule,
    folder: Path,
    identity: dict[str, Any],
    start: Path | None,
) -> dict[str, Any]:
    """Train, choose, test once; returns the results and leaves all else in the folder."""
    atomic_write_text(folder / "config.yaml", OmegaConf.to_yaml(cfg, resolve=True))
    before = origin(cfg.ckpt_path, plain["model"].get("weights"))
    if before != Origin():
        data.seen_before = before.seen
    _begin(cfg, data)
    print(f"{cfg.split.protocol} split, fold {cfg.split.fold}: {data.audit.sentence}")
    machine = {
        "precision": plain["trainer"]["precision"],
        "threads": torch.get_num_threads(),
        "processor": processor(),
    }
    print("computing in {precision}, {threads} threads, on {processor}".format(**machine))
    table = data.table
    about = {
        **identity,
        "experiment": cfg.name,
        "protocol": cfg.split.protocol,
        "leaky": data.audit.leaky,
        "synthetic": table.synthetic,
        "origin": before.name,
        "pretrained_on": before.pretrained_on,
    }
    trainer, module, measured = _train_and_test(cfg, plain, data, folder, about, start)
    results = {
        **about,
        "n_classes": len(table.classes),
        "n_train": len(data.split.train),
        "n_train_clips": len(set(data.split.clip_of[data.split.train].tolist())),
        "n_val": len(data.split.val),
        "n_test": len(data.split.test),
        **{key: None for key in ("train/acc", "val/acc", "val/loss", "val/f1_macro")},
        "test/acc_category5": None,
        **measured,
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "audit": data.audit.sentence,
        **machine,
        "device": _device(trainer),
        "run_dir": str(folder.resolve()),
        **provenance(),
    }
    _write_predictions(folder, data, module)
    _log_hyperparameters(trainer, plain, results)
    return results


def _train_and_test(
    cfg: DictConfig,
    plain: dict[str, Any],
    data: ESC50DataModule,
    folder: Path,
    about: dict[str, Any],
    start: Path | None,
) -> tuple[pl.Trainer, Classifier, dict[str, Any]]:
    """What all processes of a run do together; returns what was measured, the same in all."""
    table = data.table
    with together(cfg, folder, start):
        clock = pl.callbacks.Timer()  # goes on from where a run was cut off
        trainer, checkpoint = _trainer(plain, data, folder, clock)
        module = Classifier(
            plain["model"],
            plain["optimizer"],
            plain["scheduler"],
            cfg.monitor,
            len(table.classes),
            (data.spec.height, data.spec.width),
            None if table.categories5 is None else table.categories5.tolist(),
            {
                **about,
                "seen": {name: sorted(clips) for name, clips in vars(data.seen).items()},
                "classes": list(table.classes),
                "class_labels": table.class_labels.tolist(),
                "features": plain["features"],
                "config": plain,
            },
        )
        trainer.fit(module, datamodule=data, ckpt_path=start, weights_only=True)
        measured = {
            "epochs": trainer.current_epoch,
            "seconds_fit": round(clock.time_elapsed("train"), 3),
        }
        chosen = Path(checkpoint.best_model_path)
        tested = trainer.test(module, data, ckpt_path=chosen, weights_only=True, verbose=False)[0]
        chosen_on = (read_specification(chosen) or {})["metrics"]
    measured |= chosen_on | tested
    unfit = next((key for key, value in measured.items() if not math.isfinite(value)), None)
    if unfit:
        raise DivergenceError(f"{unfit} of {chosen} is {measured[unfit]}: lower optimizer.lr")
    return trainer, module, measured


def _device(trainer: pl.Trainer) -> str:
    """Name what the trainer computes on."""
    device = trainer.strategy.root_device
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    return f"{trainer.world_size} x {name}" if trainer.world_size > 1 else name


def _trainer(
    plain: dict[str, Any], data: ESC50DataModule, folder: Path, clock: pl.Callback
) -> tuple[pl.Trainer, pl.callbacks.ModelCheckpoint]:
    entries = {name: dict(entry) for name, entry in plain["callbacks"].items() if entry}
    if not len(data.split.val):
        # Nothing may be chosen: the last epoch is the result, and there is no metric to watch.
        entries = {name: entry for name, entry in entries.items() if not entry.get("monitor")}
    for name in ("best", "last"):
        if name in entries:
            entries[name]["dirpath"] = str(folder / "checkpoints")
    callbacks = {name: instantiate(entry) for name, entry in entries.items()}
    loggers = [
        instantiate({**entry, "save_dir": str(folder)})
        for entry in plain["logger"].values()
        if entry
    ]
    world = count(plain["trainer"], data.batch_size)
    settings = plain["trainer"] | {"devices": world, "strategy": "ddp" if world > 1 else "auto"}
    if not settings["enable_progress_bar"]:
        callbacks.pop("progress", None)
    trainer = instantiate(
        settings,
        callbacks=[clock, DivergenceCheck(), *callbacks.values()],
        logger=loggers or False,
        # A run's processes are its own affair: else a scheduler's variables would say who is who.
        plugins=[AtomicCheckpointIO(), LightningEnvironment()],
        use_distributed_sampler=False,  # the data module shares the batches out
        default_root_dir=str(folder),
    )
    # Filling fresh memory with NaN finds bugs and costs a pass over every activation.
    torch.utils.deterministic.fill_uninitialized_memory = False
    return trainer, callbacks.get("best", callbacks["last"])


def _write_predictions(folder: Path, data: ESC50DataModule, module: Classifier) -> None:
    items = torch.cat([item for item, _ in module.tested]).numpy()
    probabilities = torch.cat([p for _, p in module.tested]).numpy()
    table = data.table
    write_predictions(
        folder / "predictions.csv",
        [table.filenames[item] for item in items],
        table.folds[items],
        table.labels[items],
        probabilities,
        table.classes,
        table.class_labels,
    )


def _log_hyperparameters(trainer: pl.Trainer, plain: dict[str, Any], results: dict) -> None:
    """Fill TensorBoard's HPARAMS tab: the choices, and the metrics they led to."""
    choices = {key: plain[key] for key in ("name", "seed", "batch_size")}
    choices |= {key: results[key] for key in ("leaky", "synthetic")}
    choices |= {
        section: {
            key: value
            for key, value in plain[section].items()
            if isinstance(value, (int, float, str, bool))
        }
        for section in ("split", "augment", "model", "optimizer", "scheduler", "trainer")
    }
    metrics = {
        # Under tags of their own: these values come with step 0, from which TensorBoard would
        # begin the curves of the same name anew.
        f"hp/{key}": value
        for key, value in results.items()
        if "/" in key and isinstance(value, (int, float))
    }
    for logger in trainer.loggers:
        if isinstance(logger, pl.loggers.TensorBoardLogger):
            logger.log_hyperparams(choices, metrics)
            logger.experiment.add_text("audit", results["audit"])
