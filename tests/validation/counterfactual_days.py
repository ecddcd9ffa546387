#!/usr/bin/env python3
"""What would have happened, against what did: twins of virtual people judged by the true glucose of other fourth days.

    python3 tests/validation/counterfactual_days.py PEOPLE [OUT] [--only adult_001,…] [--data "four days"]

PEOPLE holds a folder a person with cgm.csv, meals.csv, boluses.csv, person.json, scenarios.json, truth.csv. Each person
becomes a bundle by copying patient.toml of patients/virtual_adult_001, and is calibrated twice: on all four days, and on
day 4 alone (its start unknown). Each twin then runs every day 4 of scenarios.json. Printed and written to
OUT/counterfactual_days.csv: the median's mean absolute relative difference from the truth (MARD, %), and the share of the
time for which the truth lies within the 90 % band of the glucose. Needs nothing beyond Python and a built Homeostat.
"""

import argparse
import csv
import json
import os
import pathlib
import shutil
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
FROM_H, TO_H = 72, 96
OUTPUT = "interstitial_glucose"


def homeostat(*arguments):
    binary = os.environ.get("HOMEOSTAT", ROOT / "target" / "release" / "homeostat")
    done = subprocess.run([binary, *map(str, arguments)], capture_output=True, text=True)
    if done.returncode not in (0, 3):
        raise SystemExit(f"{arguments}: {done.stderr}")
    return done


def scenario(name, day):
    """A scenario file in which day 4 has these meals and boluses and no others."""
    lines = [f'name = "{name}"', f'from = "{FROM_H} h"', f'to = "{TO_H} h"', 'step = "5 min"']
    for key, given, unit in [("carbohydrate_intake", day["carbs"], "g"), ("bolus_insulin", day["bolus"], "[iU]")]:
        lines += ["[[remove]]", f'input = "{key}"']
        for minute, amount in given:
            if amount > 0:
                lines += ["[[add]]", f'input = "{key}"', f'time = "{minute} min"', f'amount = "{amount} {unit}"']
    return "\n".join(lines) + "\n"


def judge(table, truth):
    """MARD and coverage of a trajectory table against the truth by minute, both in %."""
    apart, inside = [], []
    with open(table) as file:
        for row in csv.DictReader(file):
            minute = round(float(row["time_h"]) * 60)
            if row["output"] != OUTPUT or minute not in truth or minute <= FROM_H * 60:
                continue
            true = truth[minute]
            apart.append(abs(float(row["q50"]) - true) / true)
            inside.append(float(row["q05"]) <= true <= float(row["q95"]))
    assert len(apart) > 200, f"{table}: {len(apart)} times"
    return 100 * sum(apart) / len(apart), 100 * sum(inside) / len(inside)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("people", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path, nargs="?", default=pathlib.Path("counterfactual_days"))
    parser.add_argument("--only", help="names of people, with commas between them")
    parser.add_argument("--data", choices=["four days", "day 4 alone"], help="calibrate to these only")
    parser.add_argument("--threads", default="2")
    parser.add_argument("--warmup", default="300")
    parser.add_argument("--draws", default="700")
    parser.add_argument("--seed", default="1")
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    names = chosen.only.split(",") if chosen.only else sorted(p.parent.name for p in chosen.people.glob("*/truth.csv"))
    settings = {
        "four days": [],
        "day 4 alone": ["--model", "t1d_window", "--from", f"{FROM_H}h", "--to", f"{TO_H}h"],
    }
    settings = {data: settings[data] for data in settings if chosen.data in (None, data)}
    rows = []
    for name in names:
        bundle = chosen.out / name
        bundle.mkdir(exist_ok=True)
        for file in ["cgm.csv", "meals.csv", "boluses.csv", "person.json"]:
            shutil.copy(chosen.people / name / file, bundle)
        shutil.copy(ROOT / "patients" / "virtual_adult_001" / "patient.toml", bundle)
        days = json.loads((chosen.people / name / "scenarios.json").read_text())
        files = []
        for day in days:
            files.append(bundle / f"{day}.toml")
            files[-1].write_text(scenario(day, days[day]))
        with open(chosen.people / name / "truth.csv") as file:
            truth = list(csv.DictReader(file))
        for data, options in settings.items():
            begun = time.time()
            twin = bundle / f"{data.replace(' ', '_')}.twin"
            made = homeostat("calibrate", bundle, "-o", twin, "--overwrite", "--json", "--warmup", chosen.warmup, "--draws",
                             chosen.draws, "--threads", chosen.threads, "--seed", chosen.seed, *options)
            seconds = time.time() - begun
            verdict = json.loads(made.stdout)["verdict"]
            tables = bundle / data.replace(" ", "_")
            homeostat("scenario", twin, *files, "-o", tables, "--json", "--threads", chosen.threads)
            for day in days:
                by_minute = {int(row["time_min"]): float(row[day]) for row in truth}
                mard, coverage = judge(tables / f"{day}.csv", by_minute)
                rows.append([name, data, day, f"{mard:.2f}", f"{coverage:.1f}", f"{seconds:.0f}", verdict["passed"]])
            mine = [row for row in rows if row[:2] == [name, data] and row[2] != "factual"]
            mean = [sum(float(row[i]) for row in mine) / len(mine) for i in (3, 4)]
            print(f"{name:15} {data:12} MARD {mean[0]:5.2f} %  in the 90 % band {mean[1]:5.1f} %  {seconds:4.0f} s  "
                  f"verdict {'passed' if verdict['passed'] else 'FAILED: ' + ' '.join(verdict['reasons'])}", flush=True)
    with open(chosen.out / "counterfactual_days.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["person", "data", "day_4", "mard_percent", "in_90_band_percent", "seconds", "verdict_passed"])
        writer.writerows(rows)
    for data in settings:
        mine = [row for row in rows if row[1] == data and row[2] != "factual"]
        mean = [sum(float(row[i]) for row in mine) / len(mine) for i in (3, 4)]
        print(f"{len(names)} people, {data}: MARD {mean[0]:.2f} %, in the 90 % band {mean[1]:.1f} % of the time "
              f"(mean over {len(mine)} other day 4s)")


if __name__ == "__main__":
    main()
