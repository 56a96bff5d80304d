#!/usr/bin/env python3
"""Times the course beside PyTorch on this machine, and prints a table.

    python3 benches/peers/compare.py                        # all cases
    python3 benches/peers/compare.py cfm_train sample/w64   # the cases that begin so
    python3 benches/peers/compare.py --rounds 5 --json

The first run makes a Python environment of its own beside this file (several gigabytes: PyTorch). Each round runs the
course and then PyTorch, once per number of threads, so that both meet the same neighbours. Of each setting (threads, and
PyTorch's ways to do the same, and its instructions) the median over the rounds counts, and of each side its best setting.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import venv
from collections import defaultdict
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
ENVIRONMENT = HERE / ".venv"

CASES = [
    "cfm_train/w64_selu/b256",
    "cfm_train/w64_selu/b2048",
    "cfm_train/w256_silu/b256",
    "cfm_train/w256_silu/b2048",
    "otcfm_train/w64_selu/b256",
    "dsm_train/w64_selu/b256",
    "dsm_train/w256_silu/b256",
    "sample/w64_selu_fixed/n10000/euler100",
    "sample/w256_silu_fixed/n10000/euler100",
    "realnvp_train/affine",
    "realnvp_train/spline",
    "residual_train/roulette/b256",
    "residual_train/exact2d/b256",
    "cnf_loglik/dopri5_1e-5/gain1/n1000",
    "cnf_loglik/dopri5_1e-5/gain2/n1000",
    "cnf_train/rk4_8/b256",
    "ot/exact/n128",
    "ot/exact/n256",
    "ot/exact/n512",
    "ot/exact/n1024",
    "ot/exact/n2048",
    "ot/sinkhorn_f64/n1024",
]
"""The word before the first stroke is the peer's program, or a name in PROGRAMS."""

PROGRAMS = {"cnf_loglik": "cnf", "cnf_train": "cnf", "ot": "transport", "otcfm_train": "cfm_train"}
"""Programs with another name."""

WIDTHS = ["default", "avx2"] if platform.machine() in ("x86_64", "AMD64") else ["default"]
"""PyTorch's vector instructions: on some processors its functions for the widest are slower than those for AVX2."""

CHECKS = {"mean_abs_x1": (1e-4, 0), "mean_loglik": (1e-3, 0), "mean_cost": (0, 1e-9)}
"""Numbers on which both sides must agree, and how closely: absolutely, and relative to the number."""


def arguments():
    description, _, rest = __doc__.partition("\n")
    parser = argparse.ArgumentParser(
        description=description, epilog=rest, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("cases", nargs="*", help="the beginnings of the cases to run; with none, all")
    parser.add_argument("--rounds", type=int, default=3, help="how often each setting is timed (%(default)s)")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2], help="numbers of threads to try (1 2)")
    parser.add_argument("--json", action="store_true", help="one line of JSON per case, with every round")
    parsed = parser.parse_args()
    if parsed.rounds < 1 or min(parsed.threads) < 1:
        parser.error("there must be at least one round and one thread")
    parsed.chosen = [case for case in CASES if case.startswith(tuple(parsed.cases or [""]))]
    if not parsed.chosen:
        parser.error(f"no case begins with {', '.join(parsed.cases)}; there are {', '.join(CASES)}")
    return parsed


def tell(text):
    print(text, file=sys.stderr, flush=True)


def environment():
    """The Python that has the peers' packages; installed where it is missing or of other versions."""
    python = ENVIRONMENT / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    stamp, requirements = ENVIRONMENT / "installed.txt", HERE / "requirements.txt"
    if not stamp.exists() or stamp.read_text() != requirements.read_text():
        tell(f"Installing PyTorch and what it needs into {ENVIRONMENT} (several gigabytes, once)")
        venv.create(ENVIRONMENT, clear=True, with_pip=True)
        install = [python, "-m", "pip", "install", "--no-input", "--quiet", "--requirement", requirements]
        subprocess.run(install, check=True, stdout=sys.stderr)
        stamp.write_text(requirements.read_text())
    return python


def course():
    """The `course` command, built for release."""
    tell("Building the course")
    subprocess.run(["cargo", "build", "--release", "--quiet"], check=True, cwd=ROOT)
    target = Path(os.environ.get("CARGO_TARGET_DIR", "target"))
    return ROOT / target / "release" / ("course.exe" if os.name == "nt" else "course")


def figures(command, changes):
    """The figures that a program prints, one line of JSON each."""
    environment = {**os.environ, **changes}
    done = subprocess.run(command, check=True, cwd=HERE, env=environment, stdout=subprocess.PIPE, text=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def runs(case, threads, binary, python):
    """The programs of one round: side, words of the setting, command, changes of the environment, threads."""
    family = case.partition("/")[0]
    peer = [python, f"{PROGRAMS.get(family, family)}.py", case]
    for count in threads:
        yield "ours", [], [binary, "measure", case, "--json", "--threads", str(count)], {}, count
        for width in WIDTHS:
            changes = {} if width == "default" else {"ATEN_CPU_CAPABILITY": width}
            yield "theirs", [width], [*peer, "--threads", str(count)], changes, count


def measure(case, rounds, threads, binary, python):
    """The values of each round: {side: {metric: {setting: [value, ...]}}}."""
    found = {side: defaultdict(lambda: defaultdict(list)) for side in ("ours", "theirs")}
    for turn in range(rounds):
        for side, words, command, changes, count in runs(case, threads, binary, python):
            tell(" ".join([case, f"round {turn + 1} of {rounds}:", side, *words, str(count)]))
            for figure in figures(command, changes):
                # A case's name may be the beginning of another's: b256 of b2560.
                if figure["case"] == case and not wrongly_compiled(figure, changes):
                    mode = [figure["mode"]] if "mode" in figure else []
                    setting = " ".join([*mode, *words, str(count)])
                    found[side][figure["metric"]][setting].append(figure["value"])
    return found


def wrongly_compiled(figure, changes):
    """torch.compile does not expect other instructions than the processor's: its sampler then gives wrong points."""
    return bool(changes) and figure.get("mode", "").startswith("compile")


def best(settings, faster):
    """The setting whose median is best, and that median."""
    medians = {setting: statistics.median(values) for setting, values in settings.items()}
    setting = faster(medians, key=medians.get)
    return setting, medians[setting]


def compared(case, found):
    """One row of the table."""
    metric, unit, faster = ("time", "ms", min) if "time" in found["ours"] else ("steps_per_s", "1/s", max)
    (our_setting, ours), (their_setting, theirs) = (
        best(found[side][metric], faster) for side in ("ours", "theirs")
    )
    return {
        "case": case,
        "metric": metric,
        "unit": unit,
        "ours": ours,
        "our_setting": our_setting,
        "theirs": theirs,
        "their_setting": their_setting,
        "ratio": theirs / ours if faster is min else ours / theirs,
        "rounds": found,
    }


def disagreements(case, found):
    """What the two sides computed differently."""
    for metric, (absolute, relative) in CHECKS.items():
        ours, theirs = ([v for values in found[side][metric].values() for v in values] for side in found)
        if ours and theirs and max(ours + theirs) - min(ours + theirs) > absolute + relative * abs(ours[0]):
            yield f"{case}: {metric} is {ours[0]} here and {theirs[0]} there"


def table(rows):
    """The rows as a Markdown table."""
    yield "| case | unit | course (threads) | PyTorch (mode, instructions, threads) | times as fast |"
    yield "|---|---|---|---|---|"
    for row in rows:
        ours = f"{row['ours']:.1f} ({row['our_setting']})"
        theirs = f"{row['theirs']:.1f} ({row['their_setting']})"
        yield f"| `{row['case']}` | {row['unit']} | {ours} | {theirs} | {row['ratio']:.2f} |"


def main():
    asked = arguments()
    python, binary = environment(), course()
    rows, wrong = [], []
    for case in asked.chosen:
        found = measure(case, asked.rounds, asked.threads, binary, python)
        rows.append(compared(case, found))
        wrong.extend(disagreements(case, found))
    print("\n".join(map(json.dumps, rows) if asked.json else table(rows)))
    sys.exit("\n".join(wrong) or None)


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as error:
        sys.exit(f"{' '.join(map(str, error.cmd))} failed: what it said is above")
    except FileNotFoundError as error:
        sys.exit(f"{error.filename} was not found")
    except KeyboardInterrupt:
        sys.exit("stopped")
