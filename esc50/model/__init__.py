"""The single-channel ResNet-18 and the LightningModule that trains it."""
