"""Training steps per second of denoising score matching, by PyTorch."""

import math

import torch
from torchcfm.utils import sample_moons

from common import arguments, emit, network, training_modes, training_rate

CASES = [(64, "selu", 256), (256, "silu", 256)]


def rate(width, activation, batch, mode):
    torch.manual_seed(0)
    model = network(width, activation)
    pool = sample_moons(16384).contiguous()

    def batches():
        return (pool[torch.randint(0, pool.shape[0], (batch,))],)

    def loss(x):
        t = torch.rand(x.shape[0], 1)
        sigma = 0.01 * torch.exp(t * math.log(1000))
        noise = torch.randn_like(x)
        score = model(torch.cat([x + sigma * noise, t], dim=1))
        return ((sigma * score + noise) ** 2).sum(1).mean()

    return training_rate(model, loss, batches, mode)


def main():
    wanted = arguments().case
    for width, activation, batch in CASES:
        case = f"dsm_train/w{width}_{activation}/b{batch}"
        for mode in training_modes() if case.startswith(wanted) else []:
            emit(case, mode, "steps_per_s", rate(width, activation, batch, mode), "1/s")


if __name__ == "__main__":
    main()
