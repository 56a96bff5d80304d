"""Residual flows on two moons by maximum likelihood, by normflows: 8 blocks, batch 256.

Each network is Swish before every linear layer, 2-64-64-2, with spectral norms at most 0.9, of which a step takes five
power iterations (normflows' own default is fifty).
"""

import normflows
import torch

from common import arguments, emit, training_rate
from realnvp_train import moons

BLOCKS, BATCH, ITERATIONS = 8, 256, 5

MODES = {
    "roulette": {"memory_efficient": {"reduce_memory": True}, "plain": {"reduce_memory": False}},
    "exact2d": {"brute_force": {"reduce_memory": False, "brute_force": True}},
}
"""Russian roulette with two exact terms and a geometric number of others, or the determinant of each 2 x 2 matrix."""


def residual_flow(keywords):
    layers = []
    for _ in range(BLOCKS):
        network = normflows.nets.LipschitzMLP([2, 64, 64, 2], init_zeros=True, lipschitz_const=0.9)
        layers += [normflows.flows.Residual(network, **keywords), normflows.flows.ActNorm(2)]
    return normflows.NormalizingFlow(normflows.distributions.DiagGaussian(2, trainable=False), layers)


def main():
    wanted = arguments().case
    pool = moons(65536, torch.Generator().manual_seed(1234))
    for name, modes in MODES.items():
        case = f"residual_train/{name}/b{BATCH}"
        for mode, keywords in modes.items() if case.startswith(wanted) else []:
            for fused in ("", "_fused"):
                torch.manual_seed(0)
                model = residual_flow(keywords)

                def batch():
                    normflows.utils.update_lipschitz(model, ITERATIONS)
                    return (pool[torch.randint(0, pool.shape[0], (BATCH,))],)

                rate = training_rate(model, model.forward_kld, batch, mode + fused)
                emit(case, mode + fused, "steps_per_s", rate, "1/s")


if __name__ == "__main__":
    main()
