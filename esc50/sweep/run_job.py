"""Runs one job of a sweep in a process of its own, and notes how it ended."""

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from esc50.config.validation import check
from esc50.errors import UserError
from esc50.sweep.gpu_lease import leased
from esc50.sweep.jobs import LOG, JobNote
from esc50.training.process.run_worker import start_worker, wait_for_result

SHARING = ("basic", "joblib")  # launchers whose jobs see all GPUs of the machine


def run_job(cfg: DictConfig) -> float | None:
    """Run what Hydra composed for one job of a sweep.

    Returns:
        The monitored metric; nan when the job failed or was pruned, so that the others go on.
    """
    note = JobNote.find(HydraConfig.get())
    try:
        ended = _run_in_process(cfg, note)
    except UserError as error:
        ended = {"failed": str(error)}
    except Exception as error:  # whatever it is, the other jobs of the sweep go on
        ended = {"failed": f"{type(error).__name__}: {error}"}
    note.end(**ended)
    return float("nan") if ended.get("failed") or ended.get("pruned") else ended["metric"]


def _run_in_process(cfg: DictConfig, note: JobNote) -> dict[str, Any]:
    hydra = HydraConfig.get()
    check(cfg)
    folder = Path(hydra.runtime.output_dir)
    with _lease(cfg, hydra.runtime.choices["hydra/launcher"]) as env:
        if env:
            note.update(devices=env["CUDA_VISIBLE_DEVICES"])
        return wait_for_result(start_worker(cfg, folder, folder / LOG, env), folder / LOG)


def _lease(cfg: DictConfig, launcher: str) -> AbstractContextManager[dict[str, str]]:
    if launcher not in SHARING or cfg.trainer.accelerator == "cpu":
        return nullcontext({})
    count = cfg.trainer.devices
    return leased(count if isinstance(count, int) and count > 0 else 10**6, cfg.jobs_per_gpu)
