#!/usr/bin/env python3
"""Draws synthetic people of a model, calibrates each from its files, and counts how often 90 % intervals hold the truth.

    python3 tests/validation/synthetic_people.py PATH/TO/homeostat FOLDER [first seed] [people]
    python3 tests/validation/synthetic_people.py PATH/TO/homeostat FOLDER 1 10 --model metabolic_day

The model is `whole_person` unless it is named; the design of another one is designs/MODEL.toml beside this script. About two
minutes a person of `whole_person` on two cores; people that are done already are not done again. Python's standard library is enough.
"""

import argparse
import json
import subprocess
from collections import defaultdict
from pathlib import Path

DESIGNS = Path(__file__).resolve().parent / "designs"

GROUPS = {
    "omeprazole.": "drug",
    "organs.": "anatomy",
    "cgm.": "sensor",
    "carbohydrate_intake.": "unknown meals",
    "rest_rate": "heart", "capacity": "heart", "lasting": "heart", "wave": "heart", "trough": "heart", "heart_": "heart",
    "gain": "sensor", "offset": "sensor", "error": "sensor", "correlation_time": "sensor",
    "resting_heart_rate": "exercise", "beats_by": "exercise", "uptake_by": "exercise", "sensitivity_by": "exercise",
    "filtration": "laboratory", "creatinine_": "laboratory", "ldl_": "laboratory", "cell_life": "laboratory",
}


def group(name):
    return next((group for start, group in GROUPS.items() if name.startswith(start)), "glucose")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("homeostat")
    parser.add_argument("folder", type=Path)
    parser.add_argument("first", type=int, nargs="?", default=101)
    parser.add_argument("people", type=int, nargs="?", default=20)
    parser.add_argument("--model", default="whole_person")
    parser.add_argument("--warmup", default="200")
    parser.add_argument("--draws", default="250")
    chosen = parser.parse_args()
    homeostat, folder = chosen.homeostat, chosen.folder
    folder.mkdir(parents=True, exist_ok=True)
    design = DESIGNS / f"{chosen.model}.toml"
    designed = ["--design", design] if design.exists() else []
    inside, worst = defaultdict(list), []
    for seed in range(chosen.first, chosen.first + chosen.people):
        bundle, twin = folder / f"person_{seed}", folder / f"person_{seed}.twin"
        if not bundle.exists():
            subprocess.run([homeostat, "synthesize", chosen.model, *designed, "--seed", str(seed), "-o", bundle], check=True,
                           stdout=subprocess.DEVNULL)
        if not twin.exists():
            # A verdict that is not passed exits with 3: the chains are short, and how good they are is told below.
            done = subprocess.run([homeostat, "calibrate", bundle, "-o", twin, "--chains", "2", "--warmup",
                                   chosen.warmup, "--draws", chosen.draws, "--seed", str(seed)], capture_output=True, text=True)
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
