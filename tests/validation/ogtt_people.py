#!/usr/bin/env python3
"""Twenty real people after 75 g of glucose: calibrated on the first 90 minutes, judged on 120 to 240.

    python3 tests/validation/ogtt_people.py fujita2022_ogtt75g_long.csv [OUT] [--chains 2] [--warmup 200] [--draws 200]

The table has the columns subject, time_min, analyte, unit, value (Fujita et al. 2022, doi:10.1038/s41540-022-00213-0). Each
person becomes a bundle for the model `ogtt_unweighed`: their weight is not published, nor sex, height and age of each; all get
those of the 48 people of Ohashi 2018 on average. Readings after 90 minutes are in the bundle only as `>20 mg/dL` and the like,
which every reading is, so that the twin says nothing of them but what it would read there, error included. Person 0 has no
readings at all: the population. Needs nothing beyond Python and a built Homeostat.
"""

import argparse
import csv
import gzip
import json
import math
import os
import pathlib
import struct
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
ANALYTES = {"Glucose": ("plasma_glucose", "mg/dL", 1, ">20"), "Insulin": ("plasma_insulin", "m[iU]/L", 1 / 6, ">0.001"),
            "C-peptide": ("c_peptide", "ng/mL", 3.02, ">0.001")}
BUNDLE = """name = "person {0}"
about = "Person {0} of 20 of Fujita et al. 2022, the first 90 minutes; body as that of other people on average"
model = "ogtt_unweighed"
start = "-10 min"

[covariates]
weight = "57 kg"
height = "164 cm"
age = "29 a"
sex = "male"

[[exposure]]
name = "carbohydrate_intake"
events = [{{ time = "0 min", amount = "75 g", duration = "5 min" }}]
"""


def bundle(folder, person, readings):
    folder.mkdir(parents=True, exist_ok=True)
    text = BUNDLE.format(person)
    for analyte, (name, unit, _, anything) in ANALYTES.items():
        text += f'\n[[observation]]\nname = "{name}"\nfile = "{name}.csv"\ntime = "minute [min]"\nvalue = "value [{unit}]"\n'
        lines = [f"{t},{value if t <= 90 and person else anything}" for t, value in sorted(readings[analyte].items())]
        (folder / f"{name}.csv").write_text("\n".join(["minute,value", *lines]) + "\n")
    (folder / "patient.toml").write_text(text)


def predicted(twin, name):
    """The readings that the twin predicts: a list of draws a time."""
    folder = twin / "posterior_predictive" / name
    chains, draws, times = json.loads((folder / "zarr.json").read_text())["shape"]
    found = []
    for chain in range(chains):
        values = struct.unpack(f"<{draws * times}d", gzip.decompress((folder / "c" / str(chain) / "0" / "0").read_bytes()))
        found += [values[i * times:(i + 1) * times] for i in range(draws)]
    return [sorted(column) for column in zip(*found)]


def quantile(values, share):
    at = share * (len(values) - 1)
    low = math.floor(at)
    return values[low] + (at - low) * (values[min(low + 1, len(values) - 1)] - values[low])


def nearest(values):
    """The reading that the twin expects to miss by the least share of what is measured, which is what people are judged by: the median
    of its draws, each counted as one over its value (Gneiting 2011, doi:10.1198/jasa.2011.r10138)."""
    half, so_far = sum(1 / value for value in values) / 2, 0
    for value in values:
        so_far += 1 / value
        if so_far >= half:
            return value


def mean(values):
    return 100 * sum(values) / len(values)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path, nargs="?", default=pathlib.Path("ogtt_people"))
    for option, value in [("chains", 2), ("warmup", 200), ("draws", 200), ("seed", 1), ("threads", 2)]:
        parser.add_argument(f"--{option}", default=str(value))
    chosen = parser.parse_args()
    people = {}
    with open(chosen.table) as file:
        for row in csv.DictReader(file):
            if row["analyte"] in ANALYTES and row["value"]:
                of = people.setdefault(int(row["subject"]), {analyte: {} for analyte in ANALYTES})
                of[row["analyte"]][int(row["time_min"])] = float(row["value"])
    people = {0: people[1], **dict(sorted(people.items()))}
    binary = os.environ.get("HOMEOSTAT", ROOT / "target" / "release" / "homeostat")
    apart = {"twin": [], "twin's median": [], "population": [], "population's median": [], "stays": [], "fasting": []}
    inside = {analyte: [] for analyte in ANALYTES}
    population = None
    for person, readings in people.items():
        folder = chosen.out / f"person_{person:02}"
        bundle(folder, person, readings)
        twin = chosen.out / f"person_{person:02}.twin"
        done = subprocess.run([binary, "calibrate", folder, "-o", twin, "--overwrite", "--json", "--chains", chosen.chains,
                               "--warmup", chosen.warmup, "--draws", chosen.draws, "--seed", chosen.seed, "--threads",
                               chosen.threads], capture_output=True, text=True)
        if done.returncode not in (0, 3):
            raise SystemExit(done.stderr)
        glucose = readings["Glucose"]
        times = sorted(glucose)
        late = [i for i, t in enumerate(times) if t >= 120]
        bands = {analyte: predicted(twin, name) for analyte, (name, *_) in ANALYTES.items()}
        told = [nearest(bands["Glucose"][i]) for i in late]
        medians = [quantile(bands["Glucose"][i], 0.5) for i in late]
        if person == 0:
            population = (told, medians)
            continue
        mine = []
        for at, i in enumerate(late):
            true = glucose[times[i]]
            mine.append(abs(told[at] / true - 1))
            apart["twin's median"].append(abs(medians[at] / true - 1))
            apart["population"].append(abs(population[0][at] / true - 1))
            apart["population's median"].append(abs(population[1][at] / true - 1))
            apart["stays"].append(abs(glucose[90] / true - 1))
            apart["fasting"].append(abs((glucose[-10] + glucose[0]) / 2 / true - 1))
            for analyte, (_, _, factor, _) in ANALYTES.items():
                low, high = (quantile(bands[analyte][i], q) * factor for q in (0.05, 0.95))
                inside[analyte].append(low <= readings[analyte][times[i]] <= high)
        apart["twin"] += mine
        verdict = json.loads(done.stdout)["verdict"]
        print(f"person {person:2}  MARD {mean(mine):5.1f} %  predicted {[round(m) for m in told]} measured "
              f"{[round(glucose[times[i]]) for i in late]}  verdict {'passed' if verdict['passed'] else 'FAILED'}", flush=True)
    print("\nglucose, 120 to 240 min, MARD: " + ", ".join(f"{name} {mean(all_):.1f} %" for name, all_ in apart.items()))
    print("readings within the 90 % band: " + ", ".join(f"{name} {mean(all_):.0f} %" for name, all_ in inside.items())
          + f", all {mean([x for all_ in inside.values() for x in all_]):.1f} %")


if __name__ == "__main__":
    main()
