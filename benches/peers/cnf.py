"""Continuous flows with the exact divergence by torchdiffeq: log-likelihood by dopri5, and training through rk4.

The state is (x, l) with dx/dt = v(t, x) and dl/dt = tr dv/dx, one reverse pass for each coordinate. Data are at t = 0.
"""

import math
import statistics
import time

import torch
from torch import nn
from torchdiffeq import odeint

from common import arguments, emit, training_rate
from realnvp_train import moons
from sample import fill, initial_points

REPETITIONS, BATCH = 9, 256


class Field(nn.Module):
    def __init__(self, training):
        super().__init__()
        widths, layers = [3, 64, 64, 64, 2], []
        for inputs, outputs in zip(widths, widths[1:]):
            layers += [nn.Linear(inputs, outputs), nn.Tanh()]
        self.net, self.graph, self.evaluations = nn.Sequential(*layers[:-1]), training, 0

    def forward(self, t, state):
        self.evaluations += 1
        x = state[0]
        with torch.enable_grad():
            if not x.requires_grad:
                x = x.detach().requires_grad_(True)
            v = self.net(torch.cat([x, t.expand(x.shape[0], 1)], 1))
            trace = sum(self.derivative(v, x, i) for i in range(x.shape[1]))
        return (v, trace) if self.graph else (v.detach(), trace)

    def derivative(self, v, x, i):
        keep = self.graph or i == 0
        return torch.autograd.grad(v[:, i].sum(), x, create_graph=self.graph, retain_graph=keep)[0][:, i]


def log_prob(field, x, **solver):
    z, l = odeint(field, (x, torch.zeros(x.shape[0])), torch.tensor([0.0, 1.0]), **solver)
    return -0.5 * (z[-1] ** 2).sum(1) - math.log(2 * math.pi) + l[-1]


def likelihood(case, gain):
    field, x, times = Field(training=False), initial_points(1000), []
    fill(field, 11, gain)
    for repetition in range(REPETITIONS + 2):
        field.evaluations = 0
        start = time.perf_counter()
        with torch.no_grad():
            log_p = log_prob(field, x, method="dopri5", atol=1e-5, rtol=1e-5)
        if repetition >= 2:
            times.append((time.perf_counter() - start) * 1e3)
    emit(case, "eager", "time", statistics.median(times), "ms")
    emit(case, "eager", "nfe", field.evaluations, "-")
    emit(case, "eager", "mean_loglik", log_p.double().mean().item(), "nat")


def training(case):
    pool = moons(65536, torch.Generator().manual_seed(1234))
    for mode in ("eager", "eager_fused"):
        torch.manual_seed(0)
        field = Field(training=True)

        def loss(x):
            return -log_prob(field, x, method="rk4", options={"step_size": 1 / 8}).mean()

        rate = training_rate(field, loss, lambda: (pool[torch.randint(0, len(pool), (BATCH,))],), mode)
        emit(case, mode, "steps_per_s", rate, "1/s")


def main():
    wanted = arguments().case
    for gain in (1, 2):
        case = f"cnf_loglik/dopri5_1e-5/gain{gain}/n1000"
        if case.startswith(wanted):
            likelihood(case, float(gain))
    if "cnf_train/rk4_8/b256".startswith(wanted):
        training("cnf_train/rk4_8/b256")


if __name__ == "__main__":
    main()
