#!/usr/bin/env python3
"""The second week's heart rate of real people, from their activity and the first week.

    python3 tests/validation/heart_rate_weeks.py PEOPLE [OUT] [--only mss01,…]

PEOPLE holds a folder a person with actiheart.csv: time_h, activity_counts, heart_rate_bpm, quality, every 5 min. Both are of the five
minutes that begin at time_h, so that a heart rate is read at their middle. Each person becomes a bundle with the activity of the whole record and the heart rate of the first seven days (quality at least 0.8), and is calibrated to
`heart_rate_days`. The twin then runs the days after that; heart rate measured then is read by this script only, to judge.
Printed and written to OUT/heart_rate_weeks.csv: the share of the variance that the median explains, 1 - SSE / SST about the second
week's own mean, and the same of what needs no model: the first week's mean, and its mean at that time of day. Needs nothing
beyond Python and a built Homeostat.
"""

import argparse
import csv
import json
import os
import pathlib
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
WEEK_H = 168
QUALITY = 0.8
MIDDLE_H = 2.5 / 60

BUNDLE = """about = "Activity of two weeks, heart rate of the first"
model = "heart_rate_days"
start = "{start} h"

[[exposure]]
name = "activity_counts"
file = "activity.csv"
time = "time_h [h]"
value = "activity_counts [1]"

[[observation]]
name = "heart_rate"
file = "heart_rate.csv"
time = "time_h [h]"
value = "heart_rate_bpm [1/min]"
"""


def homeostat(*arguments):
    binary = os.environ.get("HOMEOSTAT", ROOT / "target" / "release" / "homeostat")
    done = subprocess.run([binary, *map(str, arguments)], capture_output=True, text=True)
    if done.returncode not in (0, 3):
        raise SystemExit(f"{arguments}: {done.stderr}")
    return done


def write(path, names, rows):
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        writer.writerows(rows)


def record(path):
    """Activity, by the time from which it holds, and good heart rates, by the middle of theirs: pairs of time and value;
    and the last time."""
    activity, rates, last = [], [], 0
    with open(path) as file:
        for row in csv.DictReader(file):
            last = at = float(row["time_h"])
            # Counts hold until others come, so that the same again need not be said.
            if row["activity_counts"] not in ("", "NA") and (not activity or float(row["activity_counts"]) != activity[-1][1]):
                activity.append((at, float(row["activity_counts"])))
            if row["heart_rate_bpm"] not in ("", "NA") and float(row["quality"] or 0) >= QUALITY and float(row["heart_rate_bpm"]) > 0:
                rates.append((at + MIDDLE_H, float(row["heart_rate_bpm"])))
    return activity, rates, last


def explained(pairs):
    """Share of the variance of what was measured that is explained, from pairs of measured and predicted."""
    mean = sum(measured for measured, _ in pairs) / len(pairs)
    total = sum((measured - mean) ** 2 for measured, _ in pairs)
    return 1 - sum((measured - predicted) ** 2 for measured, predicted in pairs) / total


def by_time_of_day(rates):
    """Mean of the first week in each hour of the day, and over all of it where an hour has none."""
    mean = sum(value for _, value in rates) / len(rates)
    hours = [[value for at, value in rates if int(at % 24) == hour] for hour in range(24)]
    return mean, [sum(values) / len(values) if values else mean for values in hours]


def judge(table, rates):
    """Pairs of measured and predicted, at the times of the measurements."""
    with open(table) as file:
        rows = [row for row in csv.DictReader(file) if row["output"] == "heart_rate"]
    slot = lambda at: round((at - MIDDLE_H) * 12)
    predicted = {slot(float(row["time_h"])): float(row["q50"]) for row in rows}
    return [(value, predicted[slot(at)]) for at, value in rates if slot(at) in predicted]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("people", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path, nargs="?", default=pathlib.Path("heart_rate_weeks"))
    parser.add_argument("--only", help="names of people, with commas between them")
    parser.add_argument("--models", type=pathlib.Path, help="read model files from this folder")
    parser.add_argument("--threads", default="2")
    parser.add_argument("--warmup", default="200")
    parser.add_argument("--draws", default="200")
    parser.add_argument("--sampler", default="nuts")
    parser.add_argument("--chains", default="4")
    parser.add_argument("--tolerance", default="1e-4")
    parser.add_argument("--seed", default="1")
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    names = chosen.only.split(",") if chosen.only else sorted(p.parent.name for p in chosen.people.glob("*/actiheart.csv"))
    models = ["--models", chosen.models] if chosen.models else []
    table = []
    for name in names:
        activity, rates, last = record(chosen.people / name / "actiheart.csv")
        start, turn = activity[0][0], activity[0][0] + WEEK_H
        first, second = [r for r in rates if r[0] < turn], [r for r in rates if turn <= r[0] < turn + WEEK_H]
        bundle = chosen.out / name
        bundle.mkdir(exist_ok=True)
        (bundle / "patient.toml").write_text(BUNDLE.format(start=start))
        write(bundle / "activity.csv", ["time_h", "activity_counts"], activity)
        write(bundle / "heart_rate.csv", ["time_h", "heart_rate_bpm"], first)
        end = min(turn + WEEK_H, last) + MIDDLE_H
        (bundle / "second_week.toml").write_text(f'from = "{turn + MIDDLE_H} h"\nto = "{end} h"\nstep = "5 min"\n')
        begun = time.time()
        made = homeostat(*models, "calibrate", bundle, "-o", bundle / "twin", "--overwrite", "--json", "--warmup", chosen.warmup,
                         "--draws", chosen.draws, "--threads", chosen.threads, "--seed", chosen.seed, "--sampler", chosen.sampler,
                         "--chains", chosen.chains, "--tolerance", chosen.tolerance)
        seconds = time.time() - begun
        verdict = json.loads(made.stdout)["verdict"]
        homeostat("scenario", bundle / "twin", bundle / "second_week.toml", "-o", bundle / "tables", "--json", "--threads", chosen.threads)
        pairs = judge(bundle / "tables" / "second_week.csv", second)
        assert len(pairs) > 0.95 * len(second), f"{name}: {len(pairs)} of {len(second)} times are in the table"
        mean, hours = by_time_of_day(first)
        of_mean, of_hours = explained([(v, mean) for _, v in second]), explained([(v, hours[int(at % 24)]) for at, v in second])
        row = [name, len(first), len(pairs), f"{100 * explained(pairs):.1f}", f"{100 * of_mean:.1f}", f"{100 * of_hours:.1f}",
               f"{seconds:.0f}", verdict["passed"]]
        table.append(row)
        print(f"{name}: {row[1]} and {row[2]} readings; explained {row[3]} %  (the first week's mean {row[4]} %, by hour of the day {row[5]} %)  "
              f"{row[6]} s  verdict {'passed' if verdict['passed'] else 'FAILED: ' + ' '.join(verdict['reasons'])}", flush=True)
    columns = ["person", "first_week", "second_week", "explained_percent", "of_mean_percent", "of_hour_percent", "seconds", "verdict_passed"]
    write(chosen.out / "heart_rate_weeks.csv", columns, table)
    good = sum(float(row[3]) >= 40 for row in table)
    print(f"{good} of {len(table)} people: at least 40 % explained")


if __name__ == "__main__":
    main()
