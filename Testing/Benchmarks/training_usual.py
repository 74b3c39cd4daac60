"""The usual training loop of holste2021's network, against which training.py measures the library's.

As the authors' published code does it, and most others: float32, channels first, each image read and changed by itself
on the CPU, in the process or in a DataLoader's workers. The changes and how often they are made are those of that code;
SciPy makes them in place of Albumentations, interpolating linearly each time.
"""

from __future__ import annotations

import numpy as np
import torch
import torchvision
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from training_library import Seconds, Work, now

__all__ = ["usual_epoch"]

Image = NDArray[np.float32]


class UsualCases(Dataset[tuple[Tensor, Tensor, Tensor]]):
    """Changed image (1, H, W), columns (F,) and label of one case."""

    def __init__(self, work: Work) -> None:
        """Hold all images in memory."""
        rows = range(len(work.cases))
        self._images = work.cases.images(rows)["mip"][:, 0].numpy()
        self._columns, self._labels = work.cases.vectors["clinical"], work.cases.labels.float()
        self._count = work.batches * work.batch_size

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return a case."""
        row = index % len(self._images)
        # Of PyTorch's generator, which is another one in each worker.
        random = np.random.default_rng(int(torch.randint(2**31, ())))
        return torch.from_numpy(changed(self._images[row], random))[None], self._columns[row], self._labels[row]


def changed(image: Image, random: np.random.Generator) -> Image:
    """Flip, blur or contrast, warp, scale and rotate an image (H, W), each by chance."""
    if random.random() < 0.5:
        image = image[:, ::-1]
    if random.random() < 0.5:
        image = ndimage.uniform_filter(image, int(random.integers(3, 5)))
    else:
        image = image * np.float32(random.uniform(0.8, 1.2))
    if random.random() < 0.5:
        image = warped(image, random)
    if random.random() < 0.5:
        image = mapped(image, np.eye(2) / random.uniform(0.8, 1.2))
    if random.random() < 0.5:
        image = ndimage.rotate(image, random.uniform(-20, 20), reshape=False, order=1)
    return np.ascontiguousarray(image)


def warped(image: Image, random: np.random.Generator) -> Image:
    """Move the image's corners by up to 10 pixels, then each pixel by a smooth field."""
    image = mapped(image, np.eye(2) + random.uniform(-10, 10, (2, 2)) / len(image))
    shift = [ndimage.gaussian_filter(random.uniform(-1, 1, image.shape), 5) for _ in range(2)]
    return ndimage.map_coordinates(image, np.indices(image.shape) + shift, order=1)


def mapped(image: Image, matrix: NDArray[np.float64]) -> Image:
    """Take each pixel from the place that a matrix gives about the image's centre."""
    centre = (np.array(image.shape) - 1) / 2
    return ndimage.affine_transform(image, matrix, centre - matrix @ centre, order=1)


class UsualNetwork(nn.Module):
    """holste2021's Learned Feature Fusion [L,L] (figure 1C)."""

    def __init__(self, encoder: str, columns: int) -> None:
        """Build it with a ResNet of torchvision."""
        super().__init__()
        self.image = torchvision.models.get_model(encoder)
        self.image.conv1 = nn.Conv2d(1, 64, 7, stride=2, padding=3, bias=False)
        self.image.fc = nn.Linear(self.image.fc.in_features, 512)
        self.columns = nn.Sequential(nn.Linear(columns, 1024), nn.ReLU(), nn.Linear(1024, 512), nn.ReLU())
        self.head = nn.Sequential(
            nn.Dropout(0.25), nn.Linear(1024, 512), nn.ReLU(), nn.Dropout(0.25), nn.Linear(512, 1)
        )

    def forward(self, images: Tensor, columns: Tensor) -> Tensor:
        """Return logits (N,)."""
        return self.head(torch.cat([self.image(images).relu(), self.columns(columns)], dim=1))[:, 0]


def usual_epoch(work: Work, workers: int, warm_up: int) -> Seconds:
    """Train a new network for one epoch; return the time behind the first batches, without that of worker processes."""
    torch.use_deterministic_algorithms(False)  # Lightning has switched it on for the library
    device = work.device
    encoder = work.recipe.model.encoder
    assert encoder is not None
    network = UsualNetwork(encoder.name, work.cases.vectors["clinical"].shape[1]).to(device).train()
    optimiser = torch.optim.Adam(network.parameters(), lr=work.recipe.training.learning_rate)
    loss_of = nn.BCEWithLogitsLoss(pos_weight=torch.tensor(4.0, device=device))
    batches = DataLoader(
        UsualCases(work), work.batch_size, shuffle=True, num_workers=workers, pin_memory=device != "cpu"
    )
    sum_of_losses = 0.0
    for number, batch in enumerate(batches):
        if number == warm_up:
            start = now(device)
        images, columns, labels = (tensor.to(device, non_blocking=True) for tensor in batch)
        optimiser.zero_grad()
        loss = loss_of(network(images, columns), 0.9 * labels + 0.05)
        loss.backward()
        optimiser.step()
        sum_of_losses += loss.item()
    return now(device).since(start)
