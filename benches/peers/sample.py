"""Milliseconds to carry 10,000 points from t = 0 to t = 1 by 100 Euler steps, by PyTorch and by torchdiffeq."""

import math
import statistics
import time

import numpy as np
import torch
from torch import nn
from torchcfm.utils import torch_wrapper
from torchdiffeq import odeint

from common import arguments, can_compile, emit, fresh, network

CASES = [(64, "selu", 21, 1.0, 9), (256, "silu", 22, 2.0, 5)]
"""Width, activation, seed and gain of the network, and how many runs are timed."""


def uniform(seed, n):
    """n numbers of [0, 1) from SplitMix64."""
    steps = np.arange(1, n + 1, dtype=np.uint64)
    with np.errstate(over="ignore"):
        z = np.uint64(seed) + steps * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(11)).astype(np.float64) * 2.0**-53


def fill(model, seed, gain):
    """W = gain √(6 / (inputs + outputs)) (2u − 1), then b = (2u − 1) / √inputs, layer after layer from one stream."""
    layers = [layer for layer in model.modules() if isinstance(layer, nn.Linear)]
    count = sum(layer.weight.numel() + layer.bias.numel() for layer in layers)
    stream = torch.from_numpy(2 * uniform(seed, count) - 1)
    for layer in layers:
        outputs, inputs = layer.weight.shape
        weight, bias, stream = stream.split([outputs * inputs, outputs, len(stream) - outputs * (inputs + 1)])
        with torch.no_grad():
            layer.weight.copy_(weight.reshape(outputs, inputs) * gain * math.sqrt(6 / (inputs + outputs)))
            layer.bias.copy_(bias / math.sqrt(inputs))


def initial_points(n):
    """n points of N(0, I), by Box and Muller's method."""
    u = uniform(7, 2 * n).reshape(n, 2)
    radius, angle = np.sqrt(-2 * np.log(1 - u[:, 0])), 2 * np.pi * u[:, 1]
    return torch.from_numpy(np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1)).float()


def plain(velocity, x):
    ones = torch.ones(x.shape[0], 1)
    for step in range(100):
        x = x + 0.01 * velocity(torch.cat([x, (step * 0.01) * ones], 1))
    return x


def samplers(model):
    """Each way to take 100 steps of Euler's method."""
    field = torch_wrapper(model)
    yield "plain", lambda x: plain(model, x)
    yield "torchdiffeq", lambda x: odeint(field, x, torch.linspace(0, 1, 101), method="euler")[-1]
    if can_compile():
        compiled = fresh(model)
        yield "compile", lambda x: plain(compiled, x)


def timed(sample, x_0, repetitions):
    """The median of the runs after a warm-up, in milliseconds, and the points at t = 1."""
    x_1 = sample(x_0)
    times = []
    for _ in range(repetitions):
        start = time.perf_counter()
        x_1 = sample(x_0)
        times.append((time.perf_counter() - start) * 1e3)
    return statistics.median(times), x_1


def main():
    wanted = arguments().case
    x_0 = initial_points(10_000)
    for width, activation, seed, gain, repetitions in CASES:
        case = f"sample/w{width}_{activation}_fixed/n10000/euler100"
        if not case.startswith(wanted):
            continue
        model = network(width, activation)
        fill(model, seed, gain)
        for mode, sample in samplers(model):
            milliseconds, x_1 = timed(sample, x_0, repetitions)
            emit(case, mode, "time", milliseconds, "ms")
            emit(case, mode, "mean_abs_x1", x_1.abs().double().mean().item(), "-")


if __name__ == "__main__":
    with torch.no_grad():
        main()
