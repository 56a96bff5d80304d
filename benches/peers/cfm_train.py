"""Training steps per second of flow matching, with independent pairs or exact optimal transport, by torchcfm and PyTorch."""

import numpy as np
import torch
from torchcfm.conditional_flow_matching import ConditionalFlowMatcher, ExactOptimalTransportConditionalFlowMatcher
from torchcfm.utils import sample_moons

from common import arguments, emit, network, training_modes, training_rate

CASES = [
    ("cfm_train", 64, "selu", 256),
    ("cfm_train", 64, "selu", 2048),
    ("cfm_train", 256, "silu", 256),
    ("cfm_train", 256, "silu", 2048),
    ("otcfm_train", 64, "selu", 256),
]
MATCHERS = {"cfm_train": ConditionalFlowMatcher, "otcfm_train": ExactOptimalTransportConditionalFlowMatcher}


def rate(family, width, activation, batch, mode):
    torch.manual_seed(0)
    np.random.seed(0)  # torchcfm draws the pairs of a plan with NumPy
    model = network(width, activation)
    matcher = MATCHERS[family](sigma=0.1)
    pool = sample_moons(16384).contiguous()

    def batches():
        return torch.randn(batch, 2), pool[torch.randint(0, pool.shape[0], (batch,))]

    def loss(x_0, x_1):
        t, x_t, velocity = matcher.sample_location_and_conditional_flow(x_0, x_1)
        return torch.mean((model(torch.cat([x_t, t[:, None]], dim=-1)) - velocity) ** 2)

    return training_rate(model, loss, batches, mode)


def modes(family):
    """The plan is POT's, outside of PyTorch: there is nothing to compile it with."""
    return [mode for mode in training_modes() if family == "cfm_train" or not mode.startswith("compile")]


def main():
    wanted = arguments().case
    for family, width, activation, batch in CASES:
        case = f"{family}/w{width}_{activation}/b{batch}"
        for mode in modes(family) if case.startswith(wanted) else []:
            emit(case, mode, "steps_per_s", rate(family, width, activation, batch, mode), "1/s")


if __name__ == "__main__":
    main()
