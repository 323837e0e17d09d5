"""Hydra's Ray launcher, except that a job that Ray loses does not end the sweep."""

from collections.abc import Sequence
from types import SimpleNamespace
from unittest.mock import patch

from hydra.core.utils import JobReturn
from hydra_plugins.hydra_ray_launcher import ray_launcher

from esc50.sweep import jobs
from hydra_plugins.esc50.sweepers import not_a_number


class RayLauncher(ray_launcher.RayLauncher):
    """Ray's launcher; a job whose worker or node is lost counts as not a number."""

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        """Hand jobs to Ray and wait for all of them."""
        import ray
        from hydra_plugins.hydra_ray_launcher import _core

        asked = iter(range(initial_job_idx, initial_job_idx + len(job_overrides)))

        def get(run: ray.ObjectRef) -> JobReturn:
            number = next(asked)
            try:
                return ray.get(run)
            except ray.exceptions.RayError as error:
                why = f"Ray lost it: {type(error).__name__}"
                jobs.amend(number, list(job_overrides[number - initial_job_idx]), why)
                return not_a_number()

        # The launcher gets the results in a loop that the first lost one would end.
        with patch.object(_core, "ray", SimpleNamespace(get=get)):
            return super().launch(job_overrides, initial_job_idx)
