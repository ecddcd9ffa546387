#!/usr/bin/env python3
"""Draws synthetic people of `whole_person`, calibrates each from its files, and counts how often 90 % intervals hold the truth.

    python3 tests/validation/synthetic_people.py PATH/TO/homeostat FOLDER [first seed] [people]

About two minutes a person on two cores; people that are done already are not done again. Python's standard library is enough.
"""

import json
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

GROUPS = {
    "omeprazole.": "drug",
    "organs.": "anatomy",
    "cgm.": "sensor",
    "carbohydrate_intake.": "unknown meals",
    "rest_rate": "heart", "capacity": "heart", "lasting": "heart", "wave": "heart", "trough": "heart", "heart_": "heart",
    "filtration": "laboratory", "creatinine_": "laboratory", "ldl_": "laboratory", "cell_life": "laboratory",
}


def group(name):
    return next((group for start, group in GROUPS.items() if name.startswith(start)), "glucose")


def main():
    homeostat, folder = sys.argv[1], Path(sys.argv[2])
    first = int(sys.argv[3]) if len(sys.argv) > 3 else 101
    people = int(sys.argv[4]) if len(sys.argv) > 4 else 20
    folder.mkdir(parents=True, exist_ok=True)
    inside, worst = defaultdict(list), []
    for seed in range(first, first + people):
        bundle, twin = folder / f"person_{seed}", folder / f"person_{seed}.twin"
        if not bundle.exists():
            subprocess.run([homeostat, "synthesize", "whole_person", "--seed", str(seed), "-o", bundle], check=True,
                           stdout=subprocess.DEVNULL)
        if not twin.exists():
            # A verdict that is not passed exits with 3: the chains are short, and how good they are is told below.
            done = subprocess.run([homeostat, "calibrate", bundle, "-o", twin, "--chains", "2", "--warmup", "200",
                                   "--draws", "250", "--seed", str(seed)], capture_output=True, text=True)
            if done.returncode not in (0, 3):
                print(seed, done.stderr[-500:])
                continue
        summary = json.loads(subprocess.run([homeostat, "summary", twin, "--json"], capture_output=True, text=True).stdout)
        truth = json.loads((bundle / "truth.json").read_text())["parameters"]
        held = []
        for parameter in summary["parameters"]:
            interval, true = parameter["posterior"], truth[parameter["name"]]["value"]
            held.append(interval["q05"] <= true <= interval["q95"])
            inside[group(parameter["name"])].append(held[-1])
        worst.append(max(parameter["r_hat"] for parameter in summary["parameters"]))
        print(f"{seed}: {sum(held)} of {len(held)} intervals hold the truth, R-hat at most {worst[-1]:.3f}", flush=True)
    for name, held in sorted(inside.items()):
        print(f"{name}: {100 * sum(held) / len(held):.1f} % of {len(held)}")
    every = [one for held in inside.values() for one in held]
    print(f"all: {100 * sum(every) / len(every):.1f} % of {len(every)}; R-hat at most {max(worst):.3f}")


if __name__ == "__main__":
    main()
