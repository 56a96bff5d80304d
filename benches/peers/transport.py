"""Exact and entropic optimal transport between N(0, I) and eight Gaussians, by POT and SciPy."""

import statistics
import time

import numpy as np
import ot
from scipy.optimize import linear_sum_assignment
from threadpoolctl import threadpool_limits

from common import arguments, emit
from sample import uniform

SIZES = [128, 256, 512, 1024, 2048]

D = np.sqrt(0.5)
CENTRES = 5 * np.array([(1, 0), (-1, 0), (0, 1), (0, -1), (D, D), (D, -D), (-D, D), (-D, -D)])


def normal(u):
    """Points of N(0, I), by Box and Muller's method."""
    radius, angle = np.sqrt(-2 * np.log(1 - u[:, 0])), 2 * np.pi * u[:, 1]
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1)


def costs(n, seed):
    """The squared distances of points that every program can compute, rounded to f32."""
    u = uniform(seed + 1000, 3 * n).reshape(n, 3)
    x = normal(uniform(seed, 2 * n).reshape(n, 2))
    y = CENTRES[(8 * u[:, 0]).astype(int)] + 0.1**0.25 * normal(u[:, 1:])
    x, y = (points.astype(np.float32).astype(np.float64) for points in (x, y))
    return ((x[:, None] - y[None]) ** 2).sum(-1)


def timed(solve, repetitions):
    """The milliseconds of each repetition after a first, and what was found."""
    times, found = [], solve()
    for _ in range(repetitions):
        start = time.perf_counter()
        found = solve()
        times.append((time.perf_counter() - start) * 1e3)
    return times, found


def emd(matrix):
    weights = np.full(len(matrix), 1 / len(matrix))
    return ot.emd2(weights, weights, matrix)


def lsa(matrix):
    return matrix[linear_sum_assignment(matrix)].mean()


def exact(case, n):
    seeds, repetitions = (5, 5) if n <= 512 else (3, 3)
    matrices = [costs(n, seed) for seed in range(seeds)]
    for mode, solve in (("emd", emd), ("lsa", lsa)):
        runs = [timed(lambda: solve(matrix), repetitions) for matrix in matrices]
        emit(case, mode, "time", statistics.median(time for times, _ in runs for time in times), "ms")
        emit(case, mode, "mean_cost", statistics.mean(float(cost) for _, cost in runs), "-")


def sinkhorn(case, n):
    weights, rows = np.full(n, 1 / n), []
    for seed in range(3):
        matrix = costs(n, seed)
        epsilon = 0.05 * matrix.mean()
        times, (plan, log) = timed(lambda: ot.sinkhorn(weights, weights, matrix, epsilon, log=True), 3)
        iterations = log["niter"] + 1  # POT gives the index of the last
        rows += [(time, time / iterations, iterations, float((plan * matrix).sum())) for time in times]
    times, times_per_iteration, iterations, found = zip(*rows)
    emit(case, "sinkhorn", "time", statistics.median(times), "ms")
    emit(case, "sinkhorn", "time_per_iter", statistics.median(times_per_iteration), "ms")
    emit(case, "sinkhorn", "iterations", statistics.mean(iterations), "-")
    emit(case, "sinkhorn", "mean_cost", statistics.mean(found), "-")


def main():
    asked = arguments()
    with threadpool_limits(asked.threads):
        for n in SIZES:
            if f"ot/exact/n{n}".startswith(asked.case):
                exact(f"ot/exact/n{n}", n)
        if "ot/sinkhorn_f64/n1024".startswith(asked.case):
            sinkhorn("ot/sinkhorn_f64/n1024", 1024)


if __name__ == "__main__":
    main()
