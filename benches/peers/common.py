"""What the peer programs share: their command line, their output, their networks and how a rate is measured."""

import argparse
import json
import os
import shutil
import statistics
import time

import torch
import torch._dynamo
from torch import nn
from torchcfm.models.models import MLP

BLOCKS = 7
"""How many blocks are timed; the course takes the median of as many."""


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("case", help="the beginning of the cases to run")
    parser.add_argument("--threads", type=int, default=1, help="how many threads compute")
    parsed = parser.parse_args()
    torch.set_num_threads(parsed.threads)
    return parsed


def emit(case, mode, metric, value, unit):
    print(json.dumps({"case": case, "mode": mode, "metric": metric, "value": value, "unit": unit}), flush=True)


def network(width, activation):
    """3 inputs (x, y, t), three hidden layers, 2 outputs; torchcfm's own network where the activation is SELU."""
    if activation == "selu":
        return MLP(dim=2, time_varying=True, w=width)
    layers = [nn.Linear(3, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU()]
    return nn.Sequential(*layers, nn.Linear(width, width), nn.SiLU(), nn.Linear(width, 2))


def can_compile():
    """torch.compile needs a C++ compiler."""
    return shutil.which(os.environ.get("CXX", "g++")) is not None


def fresh(function):
    """The function, compiled anew: without the reset it might take over a graph of another case."""
    torch._dynamo.reset()
    return torch.compile(function)


def training_modes():
    """Each way to train that PyTorch offers: Adam as it is or fused, the loss as it is or compiled."""
    return ["eager", "eager_fused"] + (["compile_loss_fused"] if can_compile() else [])


def training_rate(model, loss_of, batches, mode):
    """Steps per second of Adam with this loss of a batch: the median over blocks of about half a second."""
    fused = {"fused": True} if "fused" in mode else {}
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3, **fused)
    loss = fresh(loss_of) if mode.startswith("compile") else loss_of

    def seconds(steps):
        start = time.perf_counter()
        for _ in range(steps):
            batch = batches()
            optimiser.zero_grad()
            loss(*batch).backward()
            optimiser.step()
        return time.perf_counter() - start

    seconds(20)
    block = max(5, int(0.5 / (seconds(20) / 20)))
    return statistics.median(block / seconds(block) for _ in range(BLOCKS))
