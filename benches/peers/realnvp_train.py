"""Discrete flows on two moons by maximum likelihood, by normflows and zuko: batch 512, 2000 steps of Adam."""

import math
import statistics
import time

import normflows
import torch
import zuko

from common import arguments, emit

STEPS, BATCH, BLOCK = 2000, 512, 100
LAYERS, BINS = 8, 8


def moons(n, generator, noise=0.1):
    angle = math.pi * torch.rand(n, generator=generator)
    lower = torch.rand(n, generator=generator) < 0.5
    x = torch.where(lower, 1 - angle.cos(), angle.cos())
    y = torch.where(lower, 0.5 - angle.sin(), angle.sin())
    return torch.stack([x, y], 1) + noise * torch.randn(n, 2, generator=generator)


def normflows_coupling():
    """The way of normflows' README: one conditioner for each coupling layer, and the features swapped between layers."""
    layers = []
    for _ in range(LAYERS):
        conditioner = normflows.nets.MLP([1, 64, 64, 2], init_zeros=True)
        layers.append(normflows.flows.AffineCouplingBlock(conditioner))
        layers.append(normflows.flows.Permute(2, mode="swap"))
    flow = normflows.NormalizingFlow(normflows.distributions.base.DiagGaussian(2, trainable=False), layers)
    return flow, flow.log_prob


def zuko_realnvp():
    flow = zuko.flows.RealNVP(2, transforms=LAYERS, hidden_features=(64, 64))
    return flow, lambda x: flow().log_prob(x)


def zuko_nsf():
    flow = zuko.flows.NSF(2, transforms=LAYERS, hidden_features=(64, 64), bins=BINS)
    return flow, lambda x: flow().log_prob(x)


MODELS = {"affine": [normflows_coupling, zuko_realnvp], "spline": [zuko_nsf]}


def train(case, make, fused):
    generator = torch.Generator().manual_seed(1234)
    pool, test = moons(65536, generator), moons(10_000, generator)
    torch.manual_seed(0)
    model, log_prob = make()
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3, **({"fused": True} if fused else {}))
    rates = []
    for _ in range(STEPS // BLOCK):
        start = time.perf_counter()
        for _ in range(BLOCK):
            x = pool[torch.randint(0, pool.shape[0], (BATCH,))]
            optimiser.zero_grad()
            (-log_prob(x).mean()).backward()
            optimiser.step()
        rates.append(BLOCK / (time.perf_counter() - start))
    mode = make.__name__ + ("_fused" if fused else "")
    emit(case, mode, "steps_per_s", statistics.median(rates[1:]), "1/s")
    with torch.no_grad():
        emit(case, mode, "test_nll_last", -log_prob(test).mean().item(), "nat")


def main():
    wanted = arguments().case
    for name, models in MODELS.items():
        case = f"realnvp_train/{name}"
        for make in models if case.startswith(wanted) else []:
            for fused in (False, True):
                train(case, make, fused)


if __name__ == "__main__":
    main()
