"""What studies of a drug measured, a line a group of people: areas and peaks of their curves, and numbers that their papers tell.

    python3 tests/validation/drug_studies.py FOLDER > tests/golden/drugs/studies.csv

FOLDER holds the snapshots of four models of Open Systems Pharmacology (Midazolam.json, Omeprazole.json, Warfarin.json, Dapagliflozin.json)
and, under glucose/, the tables of glucose in urine of matthiaskoenig/dapagliflozin-model (CC BY-SA 4.0). Every group that took the drug alone is in:
none is left out for its result. Areas are trapezoids, logarithmic where levels fall, and go on after the last level at the
slope of the last three.
"""

import csv
import json
import math
import pathlib
import re
import sys

FOLDER = pathlib.Path(sys.argv[1])
HOURS = {"h": 1, "min": 1 / 60, "day(s)": 24}
MASS = {"mg/l": 1, "µg/l": 1e-3, "ng/ml": 1e-3, "ng/l": 1e-6, "µg/ml": 1, "pg/ml": 1e-6}
MOLES = {"µmol/l": 1e-3, "nmol/l": 1e-6}


def curves(model):
    """Name and points (h, mg/L) of what was observed."""
    for data in json.load(open(FOLDER / f"{model}.json"))["ObservedData"]:
        columns = [column for column in data["Columns"] if "oncentration" in column.get("Dimension", "")]
        if not columns:
            continue
        column = columns[0]
        scale = MASS.get(column["Unit"]) or MOLES[column["Unit"]] * column["DataInfo"]["MolWeight"]
        times = [time * HOURS[data["BaseGrid"]["Unit"]] for time in data["BaseGrid"]["Values"]]
        yield data["Name"], sorted((time, scale * level) for time, level in zip(times, column["Values"]))


def seen(points, injected=False):
    """Area to infinity, its share after the last level, highest level."""
    points = [point for point in points if point[1] > 0 or point[0] <= 0.01]
    if not injected and points[0][0] > 0:
        points.insert(0, (0, 0))
    area = 0
    for (start, before), (end, after) in zip(points, points[1:]):
        falls = 0 < after < before
        area += (end - start) * ((before - after) / math.log(before / after) if falls else (before + after) / 2)
    if injected:
        (start, before), (end, after) = [point for point in points if point[1] > 0][:2]
        rate = math.log(before / after) / (end - start) if after < before and start > 0 else 0
        area += before * math.expm1(rate * start) / rate if rate else before * start
    peak = max(points, key=lambda point: point[1])
    tail = [point for point in points if point[0] > peak[0]][-3:]
    rest = 0
    if len(tail) > 1:
        mean = [sum(time for time, _ in tail) / len(tail), sum(math.log(level) for _, level in tail) / len(tail)]
        slope = sum((time - mean[0]) * (math.log(level) - mean[1]) for time, level in tail)
        slope /= sum((time - mean[0]) ** 2 for time, _ in tail)
        rest = points[-1][1] / -slope if slope < 0 else 0
    return area + rest, rest / (area + rest), peak[1]


# Sessions of the same people, that count as one group.
SESSIONS = {"Gurley 2006": 4, "Gurley 2008a": 4, "Olkkola 1996 po": 2, "Lam 2003": 2, "Bornemann 1986": 4, "Heizmann 1983 po": 12, "Heizmann 1983 iv": 6}
# Not a typical adult.
OTHERS = {"obese": "obese", "elderly": "70 years"}
lines = []


def line(drug, quantity, study, n, dose, value, unit, remark, source):
    lines.append([drug, quantity, study, n, f"{dose:g}", f"{value:.4g}", unit, remark, source])


def midazolam():
    for name, points in curves("Midazolam"):
        found = re.search(r"Midazolam - (IV|PO) - ([\d.]+)(?: - ([\d.]+))? (mg/kg|mg|µg) - (Plasma|Whole Blood)", name)
        if not found or "with Perpetrator" in name or "Reitman" in name:
            continue
        route, low, high, unit, where = found.groups()
        dose = (float(low) + float(high or low)) / 2 * {"mg": 1, "mg/kg": 70, "µg": 1e-3}[unit]
        study = name.split(" - ")[0]
        people = re.search(r"n=(\d+)", name)
        n = int(people.group(1)) if people else 6 if study.startswith("Heizmann") else 1
        key = f"{study} {route.lower()}" if study in ("Olkkola 1996", "Heizmann 1983") else study
        area, rest, peak = seen(points, route == "IV")
        remarks = [text for word, text in OTHERS.items() if word in name]
        remarks += ["blood"] if where == "Whole Blood" else []
        beyond = remarks + ([f"{100 * rest:.0f} % extrapolated"] if rest > 0.3 else [])
        group = name.split(" - ")[1].replace("Control (Perpetrator Placebo)", "").strip()
        n = f"{n / SESSIONS.get(key, 1):g}"
        remark, remark_of_peak = "; ".join(beyond), "; ".join(remarks)
        source = "curve in OSP Midazolam-Model"
        if route == "PO":
            line("midazolam", "area", f"{study} {group}".strip(), n, dose, area, "mg/L*h", remark, source)
            line("midazolam", "peak", f"{study} {group}".strip(), n, dose, peak, "mg/L", remark_of_peak, source)
        else:
            line("midazolam", "clearance", f"{study} {group}".strip(), n, dose, dose / area, "L/h", remark, source)
    for quantity, value, unit in [("area", 0.060, "mg/L*h"), ("peak", 0.031, "mg/L")]:
        line("midazolam", quantity, "Palovaara 2000", 9, 7.5, value, unit, "", "PMC2015005, table 1")
    for quantity, value, unit in [("area", 0.222, "mg/L*h"), ("peak", 0.062, "mg/L")]:
        line("midazolam", quantity, "ten Chinese men 2001", 10, 7.5, value, unit, "", "Acta Pharmacol Sin 22:634")


def omeprazole():
    # The snapshot calls Cho 2002 20 mg: the paper's abstract (PMC1874278) has 40 mg, and eight people of each genotype.
    people = {"Cho2002": 8, "Andersson1990": 10, "Andersson1991": 12, "Andersson1998": 12, "Uno2007": 6, "Regardh1990": 8, "Oosterhuis1992": 8}
    for name, points in curves("Omeprazole"):
        study = name.split(".")[0]
        if study not in people or "Day5" in name or re.search(r"_[27]$", name):
            continue
        dose = 40 if study == "Cho2002" else float(re.search(r"(\d+)mg", name).group(1))
        injected = re.search(r"\.iv|IV_", name) is not None
        genotype = "poor" if "PM" in name else "one allele" if "htEM" in name else ""
        n = people.get(study, "")
        n = 2 if study == "Andersson1998" and genotype else n
        area, rest, peak = seen(points, injected)
        kind = ", ".join(["area"] + ([genotype] if genotype else []) + (["injected"] if injected else []))
        remark = f"{100 * rest:.0f} % extrapolated" if rest > 0.3 else ""
        line("omeprazole", kind, study, n, dose, area, "mg/L*h", remark, "curve in OSP Omeprazole-Model")
    for study, n, dose, one, none, source in [
        ("Hu 2006", 6, 40, 2.8, 7.5, "doi:10.1007/s00228-005-0063-1"),
        ("Uno 2007", 6, 40, 3.382 / 1.079, 9.417 / 1.079, "curve in OSP Omeprazole-Model"),
        ("Andersson 1998", 2, 20, None, 3.819 / 0.5556, "curve in OSP Omeprazole-Model"),
        ("Cho 2002", 8, 40, None, 10.11 / 2.187, "curve in OSP Omeprazole-Model; PMC1874278"),
        ("Swedes, Ishizaki 1994", "", 20, None, 950 / 85, "doi:10.1097/00007691-199404000-00018, of oral clearance; dose assumed"),
        ("Chinese, Ishizaki 1994", "", 20, None, 426 / 73, "doi:10.1097/00007691-199404000-00018, of oral clearance; dose assumed"),
        ("Koreans, Ishizaki 1994", "", 20, None, 446 / 59, "doi:10.1097/00007691-199404000-00018, of oral clearance; dose assumed"),
    ]:
        if one:
            line("omeprazole", "one allele over two", study, n, dose, one, "1", "", source)
        line("omeprazole", "none over two", study, n, dose, none, "1", "", source)
    for study, n, dose, value, source in [
        ("Andersson 1991", 12, 20, 0.4418 / 0.3106, "curves in OSP Omeprazole-Model, day 5"),
        ("Andersson 1991", 12, 40, 1.375 / 0.4798, "curves in OSP Omeprazole-Model, day 5"),
        ("Andersson 1990, solution", 10, 20, 1.4, "PMC1380155, day 8"),
        ("Andersson 1990, granules", 10, 20, 1.6, "PMC1380155, day 8"),
    ]:
        line("omeprazole", "days over first", study, n, dose, value, "1", "", source)


def warfarin():
    # Doses of S-warfarin alone, and what the snapshot's protocols say of two that are not as their names have it.
    pure = {"Weber_1999": 13, "Schwartz_2008": 15, "Schwartz_2009": 15, "O'Sullivan_1993": 0.375 * 70}
    for name, points in curves("Warfarin"):
        study = "_".join(name.split("_")[:2])
        dose = 2 * pure[study] if study in pure else float(re.search(r"_([\d.]+) ?mg", name).group(1))
        kind = "R-warfarin, area" if "_R" in name.replace("_Rahimy", "") and re.search(r"_R(_|$)", name) else "S-warfarin, area"
        area, _, _ = seen(points, "_IV_" in name)
        line("warfarin", kind, study.replace("_", " "), "", dose, area, "mg/L*h", "", "curve in OSP Warfarin-Model")
    for study, n, value, remark, source in [
        ("Lane 2012", 306, 0.144 * 1.06, "", "doi:10.1111/j.1365-2125.2011.04051.x: 70 kg, 69.8 years, *1/*1, men and women"),
        ("Ohara 2014", 99, 0.240, "", "doi:10.1371/journal.pone.0105891: 68 kg, 64.5 years, *1/*1"),
        ("steady state 1997", 10, 0.0028 * 70, "any genotype", "doi:10.1002/(SICI)1520-636X(1997)9:1<13::AID-CHIR3>3.0.CO;2-H: 67 years"),
    ]:
        line("warfarin", "S-warfarin, clearance", study, n, 1, value, "L/h", remark, source)


def dapagliflozin():
    for name, points in curves("Dapagliflozin"):
        found = re.search(r"Dapagliflozin - PO - ([\d.]+) mg - Plasma", name)
        if not found or "T2DM" in name or "day 7" in name or points[-1][0] > 100:
            continue
        area, rest, peak = seen(points)
        people = re.search(r"n=(\d+)", name)
        study = " ".join(name.split(" - ")[:2]).replace("Dapagliflozin", "").strip()
        remark = f"{100 * rest:.0f} % extrapolated" if rest > 0.3 else ""
        n = people.group(1) if people else ""
        line("dapagliflozin", "area", study, n, float(found.group(1)), 1000 * area, "ug/L*h", remark, "curve in OSP Dapagliflozin-Model")
        line("dapagliflozin", "peak", study, n, float(found.group(1)), 1000 * peak, "ug/L", "", "curve in OSP Dapagliflozin-Model")
    healthy = {"FDAMB102002": "MB102002", "Gould2013": "Gould 2013", "Komoroski2009": "Komoroski 2009, single", "Kim2023": "Kim 2023", "Sha2015": "Sha 2015", "Yang2013": "Yang 2013, single"}
    for path in sorted((FOLDER / "glucose").glob("*.tsv")):
        study = path.name.split("_")[0]
        rows = list(csv.DictReader(open(path), delimiter="\t"))
        dose = re.search(r"^(?:DAP|MAD)([\d.]+)(?:M\d*)?$", rows[-1]["group"] if study == "FDAMB102002" else rows[-1]["intervention"].removeprefix("SD_"))
        if study not in healthy or not dose or float(dose.group(1)) < 2.5:
            continue
        day = [row for row in rows if abs(float(row["time"]) * {"hr": 1, "day": 24}[row["time_unit"]] - 24) < 1e-6]
        if not day:
            continue
        row = day[0]
        grams = float(row["mean"]) * (1e-3 if "mg" in (row.get("mean_unit"), row.get("value_unit")) else 1)
        n = f"{float(row['count']):g}"
        line("dapagliflozin", "glucose in urine, first day", healthy[study], n, float(dose.group(1)), grams, "g", "", "matthiaskoenig/dapagliflozin-model, healthy people")


def metoprolol():
    for quantity, n, value, source in [
        ("area, poor over extensive", 264, 4.9, "Blake 2013, doi:10.1038/clpt.2013.96"),
        ("half-life, poor over extensive", 264, 2.3, "Blake 2013, doi:10.1038/clpt.2013.96"),
        ("half-life, poor over ultrarapid", 264, 2.6, "Blake 2013, doi:10.1038/clpt.2013.96"),
    ]:
        line("metoprolol", quantity, "Blake 2013", n, 100, value, "1", "", source)
    korea = "pure.ewha.ac.kr, Jin 2008: *1/*1 6, *1/*10 7, *10/*10 5 people"
    line("metoprolol", "area, *1/*10 over *1/*1", "Jin 2008", 7, 100, 995.6 / 443.7, "1", "", korea)
    line("metoprolol", "area, *10/*10 over *1/*1", "Jin 2008", 5, 100, 2545.3 / 443.7, "1", "", korea)
    line("metoprolol", "half-life, *10/*10 over *1/*1", "Jin 2008", 5, 100, 5.0 / 2.7, "1", "", korea)
    for study, n, value, source in [
        ("Johnsson 1975", "", 48, "0.8 L/min, as in OSP Qualification-HI"),
        ("Regardh 1980", 6, 72, "doi:10.1097/00005344-198011000-00002"),
        ("product information", "", 60, "Switzerland, no. 56191: about 1 L/min"),
    ]:
        line("metoprolol", "clearance", study, n, 5, value, "L/h", "", source)


for drug in (midazolam, omeprazole, warfarin, dapagliflozin, metoprolol):
    drug()
writer = csv.writer(sys.stdout, lineterminator="\n")
writer.writerow(["drug", "quantity", "study", "n", "dose_mg", "value", "unit", "remark", "source"])
writer.writerows(lines)
