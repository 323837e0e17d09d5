"""A job of a sweep: checked here, run in a process of its own, noted for the sweep to see."""

from contextlib import nullcontext
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from esc50.config.validation import check
from esc50.errors import UserError
from esc50.sweep import jobs
from esc50.sweep.gpu_lease import leased
from esc50.sweep.jobs import LOG
from esc50.training.processes import start_worker, wait_for_result

SHARING = ("basic", "joblib")  # launchers whose jobs see all GPUs of the machine


def run_job(cfg: DictConfig) -> float | None:
    """Run what Hydra composed for one job of a sweep.

    Returns:
        The monitored metric; nan when the job failed or was pruned, so that the others go on.
    """
    hydra = HydraConfig.get()
    folder = Path(hydra.runtime.output_dir)
    try:
        check(cfg)
        log = folder / LOG
        with _devices(cfg, hydra.runtime.choices["hydra/launcher"]) as env:
            if env:
                jobs.update(devices=env["CUDA_VISIBLE_DEVICES"])
            if hydra.sweeper.get("study"):
                env = {
                    **env,
                    "ESC50_STUDY": hydra.sweeper.study,
                    "ESC50_TRIAL": str(hydra.sweeper.trial),
                }
            ended = wait_for_result(start_worker(cfg, folder, log, env), log)
    except UserError as refusal:
        ended = {"failed": str(refusal)}
    except Exception as error:  # whatever it is, the other jobs of the sweep go on
        ended = {"failed": f"{type(error).__name__}: {error}"}
    jobs.end(**ended)
    return float("nan") if ended.get("failed") or ended.get("pruned") else ended["metric"]


def _devices(cfg: DictConfig, launcher: str):
    if launcher not in SHARING or cfg.trainer.accelerator == "cpu":
        return nullcontext({})
    count = cfg.trainer.devices
    return leased(count if isinstance(count, int) and count > 0 else 10**6, cfg.jobs_per_gpu)
