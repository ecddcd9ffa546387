#!/usr/bin/env python3
"""Writes oral_minimal.csv: the oral minimal model integrated with SciPy, its equations written anew. `python3 oral_minimal.py`"""
import csv

import numpy as np
from scipy.integrate import solve_ivp

GB, IB, P1, P2, SI, V, SHARE, DOSE, WEIGHT = 90.0, 31.0, 0.014, 0.03, 1e-4, 1.7, 0.9, 75e3, 70.0
AT = np.array([0, 15, 30, 60, 90, 120, 180, 300.0])
HEIGHT = np.array([0, 0.7, 1, 1.0, 0.9, 0.7, 0.2, 0])
RA = SHARE * DOSE / WEIGHT * HEIGHT / np.trapezoid(HEIGHT, AT)
INSULIN_AT = np.array([0, 30, 60, 90, 120, 180, 240, 300.0])
INSULIN = np.array([31, 250, 300, 260, 220, 110, 50, 31.0])


def rates(t, y):
    glucose, action = y
    appearance = np.interp(t, AT, RA)
    return [-(P1 + action) * glucose + P1 * GB + appearance / V, P2 * (SI * (np.interp(t, INSULIN_AT, INSULIN) - IB) - action)]


y, t, rows = [GB, 0.0], 0.0, [(0, GB, 0.0)]
for end in [10, 20, 30, 45, 60, 75, 90, 105, 120, 150, 180, 210, 240, 270, 300]:
    # Never across a kink.
    stops = sorted({float(k) for k in (*AT, *INSULIN_AT) if t < k < end} | {float(end)})
    for stop in stops:
        y = solve_ivp(rates, (t, stop), y, method="DOP853", rtol=1e-12, atol=1e-12).y[:, -1]
        t = stop
    rows.append((end, y[0], np.interp(end, AT, RA)))
with open("oral_minimal.csv", "w", newline="") as file:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["time_min", "glucose_mg_dl", "appearance_mg_kg_min"])
    writer.writerows((t, f"{g:.9f}", f"{ra:.9f}") for t, g, ra in rows)
