"""Draws docs/figures/drugs.svg: levels of the library over points that others measured, and stable doses of warfarin.

    python3 tests/validation/drug_figure.py DATA

DATA is the folder with `iwpc/iwpc_half.csv`. Runs `target/release/homeostat simulate` with the files in models/.
"""

import csv
import math
import statistics
import subprocess
import sys
import tempfile

# Curves as in the Midazolam-Model and Omeprazole-Model of Open Systems Pharmacology (h, mg/L; h, umol/L).
AHONEN = [(0.5, 15.6), (1, 28), (1.5, 23.5), (2, 18.5), (3, 11.8), (4, 8.5), (5, 5.3), (6, 4.1), (7, 3.5)]
LINK = [(0.17, 12.1), (0.33, 48.4), (0.5, 45.4), (0.67, 38.2), (1, 27.2), (1.5, 22.4), (2, 17), (3, 10.8), (4, 7.5), (6, 4), (8, 2)]
OLKKOLA = [(0.5, 4.1), (1, 18.3), (1.5, 19), (2, 17.1), (3, 10.3), (4, 6.7), (5, 3.6), (6, 2.6), (7, 2)]
EXTENSIVE = [(0.5, 0.018), (1, 0.612), (1.5, 0.859), (2, 0.588), (2.5, 0.422), (3, 0.28), (3.5, 0.187), (4, 0.127), (5, 0.038)]
POOR = [(0.5, 0.438), (1, 2.712), (1.5, 2.916), (2, 2.542), (2.5, 2.284), (3, 1.956), (3.5, 1.674), (4, 1.347), (5, 0.888), (6, 0.625)]


def simulate(model, give, output, hours, settings=()):
    with tempfile.NamedTemporaryFile(suffix=".csv") as file:
        command = ["target/release/homeostat", "simulate", model, "--models", "models", "--give", give, "--output", output]
        command += ["--to", f"{hours}h", "--step", f"{hours / 300}h", "-o", file.name]
        for setting in settings:
            command += ["--set", setting]
        subprocess.run(command, check=True, capture_output=True)
        with open(file.name) as table:
            return [(float(row["time_h"]), float(row["q50"] or row["mean"])) for row in csv.DictReader(table)]


def steady_dose(two, three, a, age, weight, inr=2.307):
    """mg/week, by the published numbers in closed form, as the test solves it by the program."""
    effect = (inr - 1) / 20
    level = 4.1 * (1 - 0.532 * a / 2) * (effect / (1 - effect)) ** (1 / 1.15)
    clearance = 0.348 * (1 - 0.19 * two - 0.37 * three) * (1 - 0.00571 * (age - 71)) * (weight / 80) ** 0.321
    return level * clearance * 24 * 7 * 2


class Panel:
    def __init__(self, left, top, title, across, up, wide, high):
        self.at, self.wide, self.high = (left, top), wide, high
        self.body = [f'<text x="{left}" y="{top - 12}" font-weight="bold">{title}</text>']
        self.body.append(f'<rect x="{left}" y="{top}" width="380" height="240" fill="none" stroke="#999"/>')
        for share in (0, 0.25, 0.5, 0.75, 1):
            x, y = left + 380 * share, top + 240 * (1 - share)
            self.body.append(f'<text x="{x}" y="{top + 256}" text-anchor="middle">{wide * share:g}</text>')
            self.body.append(f'<text x="{left - 6}" y="{y + 4}" text-anchor="end">{high * share:g}</text>')
        self.body.append(f'<text x="{left + 190}" y="{top + 274}" text-anchor="middle">{across}</text>')
        turn = f'transform="rotate(-90 {left - 44} {top + 120})"'
        self.body.append(f'<text x="{left - 44}" y="{top + 120}" text-anchor="middle" {turn}>{up}</text>')

    def place(self, point):
        x, y = point
        return self.at[0] + 380 * x / self.wide, self.at[1] + 240 * (1 - y / self.high)

    def line(self, points, colour, dashes=""):
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in map(self.place, points))
        self.body.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2" stroke-dasharray="{dashes}"/>')

    def dots(self, points, colour, radius=3.5):
        for x, y in map(self.place, points):
            self.body.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" fill="{colour}" fill-opacity="0.75"/>')

    def say(self, point, text, colour):
        x, y = self.place(point)
        self.body.append(f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}">{text}</text>')


def main(data):
    blue, red, grey = "#1f5fa8", "#b5432c", "#555"
    midazolam = Panel(80, 50, "Midazolam, 7.5 mg swallowed", "h", "µg/L", 8, 60)
    midazolam.line([(t, 1000 * c) for t, c in simulate("midazolam", "oral_midazolam=7.5 mg", "plasma_midazolam", 8)], blue)
    for points, colour in ((AHONEN, grey), (LINK, red), (OLKKOLA, "#3d7d3a")):
        midazolam.dots(points, colour)
    midazolam.say((3.2, 52), "dots: three control groups", grey)

    omeprazole = Panel(560, 50, "Omeprazole, 20 mg swallowed", "h", "µmol/L", 6, 4)
    for score, points, colour in ((2, EXTENSIVE, blue), (0, POOR, red)):
        levels = simulate("omeprazole", "oral_omeprazole=20 mg", "plasma_omeprazole", 6, [f"cyp2c19_score={score}"])
        omeprazole.line([(t, 1000 * c / 345.42) for t, c in levels], colour)
        omeprazole.dots(points, colour)
    omeprazole.say((2.3, 3.6), "poor metabolisers, Andersson 1998", red)
    omeprazole.say((2.3, 3.3), "extensive", blue)

    warfarin = Panel(80, 390, "Warfarin: stable doses by genotype, mg/week", "predicted (mean of the group)", "taken (mean)", 60, 60)
    warfarin.line([(0, 0), (60, 60)], "#999", "4 4")
    groups = {}
    for row in csv.DictReader(open(f"{data}/iwpc/iwpc_half.csv")):
        gene, target = row["cyp2c9"], row["vkorc1_1639"]
        known = all(row[name] != "NA" for name in ("dose_mg_per_week", "weight_kg", "age_decade", "vkorc1_1639"))
        if row["stable"] == "1" and known and gene in ("*1/*1", "*1/*2", "*1/*3", "*2/*2", "*2/*3", "*3/*3"):
            age, weight = float(row["age_decade"][:2]) + 5, float(row["weight_kg"])
            dose = steady_dose(gene.count("*2"), gene.count("*3"), target.count("A"), age, weight)
            dose *= 1 - 0.22 * (row["amiodarone"] == "1")
            groups.setdefault((gene, target), []).append((dose, float(row["dose_mg_per_week"])))
    colours = {"A/A": red, "A/G": grey, "G/G": blue}
    labels = []
    for (gene, target), pairs in sorted(groups.items(), key=lambda group: -len(group[1])):
        if len(pairs) >= 5:
            middle = tuple(statistics.mean(side) for side in zip(*pairs))
            warfarin.dots([middle], colours[target], 2 + math.sqrt(len(pairs)) / 2.5)
            along, over = {"A/A": (1.5, -3.5), "A/G": (1.2, -2), "G/G": (-6.5, 1.5)}[target]
            label = (middle[0] + along, middle[1] + over)
            # Names that would lie upon each other go downwards, with a line to their dot.
            while any(abs(label[0] - x) < 5.5 and abs(label[1] - y) < 2.8 for x, y in labels):
                label = (label[0] + 0.8, label[1] - 1)
            labels.append(label)
            if label != (middle[0] + along, middle[1] + over):
                warfarin.line([middle, (label[0] - 0.2, label[1] + 0.7)], "#bbb")
            warfarin.say(label, gene, colours[target])
    for place, target in ((56, "A/A"), (51, "A/G"), (46, "G/G")):
        warfarin.say((2, place), f"VKORC1 {target}", colours[target])

    metoprolol = Panel(560, 390, "Metoprolol, 50 mg: heart rate under load", "h", "fall of heart rate, %", 24, 32)
    for score, colour in ((0, red), (1, grey), (2, blue)):
        levels = simulate("metoprolol", "oral_metoprolol=50 mg", "heart_rate_factor", 24, [f"cyp2d6_score={score}"])
        metoprolol.line([(t, 100 - 100 * factor) for t, factor in levels], colour)
        metoprolol.say((15, 29 - 2.2 * score), f"CYP2D6 score {score}", colour)
    metoprolol.dots([(1.6, 19)], "#000", 4)
    metoprolol.say((0.8, 29), "dot: most, in twelve men, 1990", "#000")

    panels = "".join("".join(panel.body) for panel in (midazolam, omeprazole, warfarin, metoprolol))
    with open("docs/figures/drugs.svg", "w") as file:
        file.write('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 970 690" font-family="sans-serif" font-size="12">'
                   f'<rect width="970" height="690" fill="#fff"/>{panels}</svg>\n')


main(sys.argv[1])
