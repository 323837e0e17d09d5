"""Hydra plugins, installed as `hydra_plugins.esc50`, the only place where Hydra takes them from."""
