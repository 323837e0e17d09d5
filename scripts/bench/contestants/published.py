"""The published pipeline as its notebooks run it: one process, one .npy file per clip, float32."""

from pathlib import Path

import cv2
import librosa
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torchvision.models import resnet18

FRAMES, SIZE = 500, 128


def load(path: Path) -> tuple[np.ndarray, float]:
    """Read a clip at its own rate."""
    return librosa.load(path, sr=None)


def picture(y: np.ndarray, sr: float) -> np.ndarray:
    """Log-mel, z-scored, padded to 500 frames, area-interpolated: float32 (128, 128)."""
    mel = librosa.feature.melspectrogram(
        y=y, sr=sr, n_fft=2048, hop_length=512, n_mels=SIZE, fmax=sr / 2
    )
    db = librosa.power_to_db(mel, ref=np.max)
    db = (db - db.mean()) / max(db.std(), 1e-6)
    padded = np.pad(db, ((0, 0), (0, max(0, FRAMES - db.shape[1]))))[:, :FRAMES]
    return cv2.resize(padded, (SIZE, SIZE), interpolation=cv2.INTER_AREA)


def change(y: np.ndarray, sr: float, rate: float, semitones: float, noise_std: float) -> np.ndarray:
    """Stretch, shift and add noise to a waveform, each where it is asked for."""
    if rate != 1:
        y = librosa.effects.time_stretch(y, rate=rate)
    if semitones != 0:
        y = librosa.effects.pitch_shift(y, sr=sr, n_steps=semitones)
    if noise_std:
        y = y + np.random.default_rng().normal(0, noise_std, len(y)).astype(np.float32)
    return y


class Files(Dataset):
    """One .npy file per item."""

    def __init__(self, paths: list[Path], targets: list[int]):
        """Take one path and one target per item."""
        self.paths, self.targets = paths, targets

    def __len__(self) -> int:
        """Count the items."""
        return len(self.paths)

    def __getitem__(self, i: int) -> tuple[torch.Tensor, int]:
        """Read one item: float32 (1, 128, 128) and its target."""
        x = torch.from_numpy(np.load(self.paths[i])).float().unsqueeze(0)
        return (x - 0.5) / 0.5, self.targets[i]


class Training:
    """torchvision's ResNet-18 with its first and last layer replaced, Adam, a plain loop."""

    def __init__(self, n_classes: int):
        """Build network and optimiser with the defaults of PyTorch."""
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        network = resnet18()
        network.conv1 = nn.Conv2d(1, 64, kernel_size=7, stride=2, padding=3, bias=False)
        network.fc = nn.Linear(512, n_classes)
        self.network = network.to(self.device)
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=1e-3)
        self.loss = nn.CrossEntropyLoss()

    def epoch(self, loader: DataLoader) -> float:
        """Train on every batch once; returns the accuracy meanwhile."""
        self.network.train()
        right = seen = 0
        running = 0.0
        for x, y in loader:
            x, y = x.to(self.device), y.to(self.device)
            self.optimizer.zero_grad()
            logits = self.network(x)
            loss = self.loss(logits, y)
            loss.backward()
            self.optimizer.step()
            running += loss.item()
            right += (logits.argmax(1) == y).sum().item()
            seen += len(y)
        return right / seen

    @torch.no_grad()
    def accuracy(self, loader: DataLoader) -> float:
        """Test on every batch once."""
        self.network.eval()
        right = seen = 0
        for x, y in loader:
            right += (self.network(x.to(self.device)).argmax(1).cpu() == y).sum().item()
            seen += len(y)
        return right / seen
