"""The report's recipe as PyTorch users run it (eager, f32, DataLoader over a folder of pictures):
the peer of bench/train. Written from the recipe, not copied; prints one line of JSON."""

import json
import os
import sys
import time

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset
from PIL import Image

BATCH, NOISE, WIDTH, SIDE = 64, 100, 64, 96
MATRIX, PRODUCTS, STEPS = 2048, 16, 12
# As pytorch-book has them: they read the pictures while the networks train.
WORKERS = 4


def generator():
    layers, channels = [], NOISE
    for out, stride, padding in [(8 * WIDTH, 1, 0), (4 * WIDTH, 2, 1), (2 * WIDTH, 2, 1), (WIDTH, 2, 1)]:
        layers += [nn.ConvTranspose2d(channels, out, 4, stride, padding, bias=False), nn.BatchNorm2d(out), nn.ReLU(True)]
        channels = out
    return nn.Sequential(*layers, nn.ConvTranspose2d(channels, 3, 5, 3, 1, bias=False), nn.Tanh())


def discriminator():
    layers, channels = [nn.Conv2d(3, WIDTH, 5, 3, 1, bias=False), nn.LeakyReLU(0.2, True)], WIDTH
    for out in [2 * WIDTH, 4 * WIDTH, 8 * WIDTH]:
        layers += [nn.Conv2d(channels, out, 4, 2, 1, bias=False), nn.BatchNorm2d(out), nn.LeakyReLU(0.2, True)]
        channels = out
    return nn.Sequential(*layers, nn.Conv2d(channels, 1, 4, 1, 0, bias=False), nn.Sigmoid(), nn.Flatten(0))


class Pictures(Dataset):
    """A folder of pictures, decoded as they are asked for."""

    def __init__(self, folder):
        self.paths = sorted(os.path.join(folder, name) for name in os.listdir(folder))

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, index):
        import numpy

        picture = Image.open(self.paths[index]).convert("RGB").resize((SIDE, SIDE))
        return torch.from_numpy(numpy.array(picture)).permute(2, 0, 1).float() / 127.5 - 1


class Game:
    """Both players with their optimisers."""

    def __init__(self):
        self.g, self.d, self.loss = generator(), discriminator(), nn.BCELoss()
        self.g_adam = torch.optim.Adam(self.g.parameters(), 1e-3, betas=(0.5, 0.999))
        self.d_adam = torch.optim.Adam(self.d.parameters(), 1e-3, betas=(0.5, 0.999))
        self.real, self.fake = torch.ones(BATCH), torch.zeros(BATCH)

    def train_discriminator(self, heads):
        self.d_adam.zero_grad()
        real = self.loss(self.d(heads), self.real)
        real.backward()
        fake = self.loss(self.d(self.g(torch.randn(BATCH, NOISE, 1, 1)).detach()), self.fake)
        fake.backward()
        self.d_adam.step()
        return (real + fake).item()

    def train_generator(self):
        self.g_adam.zero_grad()
        loss = self.loss(self.d(self.g(torch.randn(BATCH, NOISE, 1, 1))), self.real)
        loss.backward()
        self.g_adam.step()
        return loss.item()


def products():
    matrix = torch.rand(MATRIX, MATRIX)
    matrix @ matrix
    return 2 * MATRIX**3 / quickest(PRODUCTS, lambda: matrix @ matrix) / 1e9


def quickest(count, call):
    """Seconds of the quickest of so many calls: what else the machine does only ever adds."""
    found = []
    for _ in range(count):
        began = time.perf_counter()
        call()
        found.append(time.perf_counter() - began)
    return min(found)


def timed(step):
    for _ in range(2):
        step()
    return quickest(STEPS, step)


def steps():
    before, game = products(), Game()
    heads = torch.rand(BATCH, 3, SIDE, SIDE) * 2 - 1
    d, g = timed(lambda: game.train_discriminator(heads)), timed(game.train_generator)
    return {"discriminator": d, "generator": g, "matmul": [before, products()]}


def epoch(folder, place):
    """One epoch: data, both players, a log line every 20 batches, both networks saved at its end."""
    began, game = time.perf_counter(), Game()
    loader = DataLoader(Pictures(folder), BATCH, shuffle=True, drop_last=True, num_workers=WORKERS)
    for number, heads in enumerate(loader):
        losses = [game.train_discriminator(heads)]
        if number % 5 == 0:
            losses.append(game.train_generator())
        if number % 20 == 0:
            print(number, losses, file=sys.stderr)
    torch.save(game.g.state_dict(), os.path.join(place, "g.pth"))
    torch.save(game.d.state_dict(), os.path.join(place, "d.pth"))
    return {"seconds": time.perf_counter() - began, "heads": len(loader) * BATCH}


if __name__ == "__main__":
    torch.set_num_threads(int(sys.argv[2]))
    print(json.dumps(steps() if sys.argv[1] == "steps" else epoch(sys.argv[3], sys.argv[4])))
