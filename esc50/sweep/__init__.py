"""Many runs: jobs, GPU leases, progress, the Optuna study."""
