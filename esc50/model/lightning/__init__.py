"""The LightningModule: losses, metrics, what one step does."""
