"""Training steps per second of conditional flow matching, by torchcfm and PyTorch."""

import torch
from torchcfm.conditional_flow_matching import ConditionalFlowMatcher
from torchcfm.utils import sample_moons

from common import arguments, emit, network, training_modes, training_rate

CASES = [(64, "selu", 256), (64, "selu", 2048), (256, "silu", 256), (256, "silu", 2048)]


def rate(width, activation, batch, mode):
    torch.manual_seed(0)
    model = network(width, activation)
    matcher = ConditionalFlowMatcher(sigma=0.1)
    pool = sample_moons(16384).contiguous()

    def batches():
        return torch.randn(batch, 2), pool[torch.randint(0, pool.shape[0], (batch,))]

    def loss(x_0, x_1):
        t, x_t, velocity = matcher.sample_location_and_conditional_flow(x_0, x_1)
        return torch.mean((model(torch.cat([x_t, t[:, None]], dim=-1)) - velocity) ** 2)

    return training_rate(model, loss, batches, mode)


def main():
    wanted = arguments().case
    for width, activation, batch in CASES:
        case = f"cfm_train/w{width}_{activation}/b{batch}"
        for mode in training_modes() if case.startswith(wanted) else []:
            emit(case, mode, "steps_per_s", rate(width, activation, batch, mode), "1/s")


if __name__ == "__main__":
    main()
