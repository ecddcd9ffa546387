#!/usr/bin/env python3
"""The healthy population of the drink test, from people who are not in the check: typical values and spreads by EM.

    python3 tests/validation/ogtt_population.py OHASHI          # prints what healthy_glucose and glucose_drink quote
    python3 tests/validation/ogtt_population.py --golden FILE   # trajectories of two people, for tests/golden/ogtt

OHASHI holds ohashi_OGTT.csv and ohashi_subjectinfo.csv of Ohashi et al. 2018, doi:10.1038/s41540-018-0051-6 (CC BY 4.0), as in
the repository Tim0828/conditional-ude, data/ohashi_csv: 75 g, glucose, insulin and C-peptide at 0, 30, 60, 90 and 120 min. Used
are the people of normal tolerance and a body mass index below 30. The model is written here a second time, by another hand's
means (numpy, fixed steps of Runge-Kutta), so that it is also a check of the model files. Needs numpy.
"""

import argparse
import csv
import pathlib

import numpy as np

# On the scale of estimation: logarithms, HEb and gush as logits.
NAMES = ["Gb", "Ib", "HEb", "rise_ratio", "alpha", "responsivity", "emptying_rate", "kabs", "gush", "sensitivity", "m5", "p2u",
         "volume_ratio", "counter_regulation", "ki", "slow_half_life_ratio"]
TYPICAL = np.array([np.log(95), np.log(30), np.log(0.6 / 0.4), np.log(20.9), np.log(0.05), np.log(0.11), np.log(0.5), np.log(0.057),
                    np.log(0.15 / 0.85), 0.0, np.log(0.0304), np.log(0.0331), 0.0, np.log(0.05), np.log(0.0079), 0.0])
SPREAD = np.array([0.08, 0.5, 0.45, 0.5, 0.5, 0.5, 0.42, 0.8, 0.6, 0.5, 0.4, 0.3, 0.12, 0.47, 0.3, 0.15])
FREE = list(range(12))
LOGIT = {"HEb", "gush"}


def values(theta):
    return {n: 1 / (1 + np.exp(-theta[:, i])) if n in LOGIT else np.exp(theta[:, i]) for i, n in enumerate(NAMES)}


def surface(weight, height):
    return 0.007184 * weight**0.425 * height**0.725


def simulate(theta, people, times, drunk_over=5.0, dose=75e3, dt=1.0):
    """theta (lanes, parameters); people: weight, age, surface, sex of each; times in min. (lanes, times, 3)."""
    p = values(theta)
    weight, age, area, sex = people.T
    Vg, k1, k2, kp2, kp4, EGPb, Fsnc, Km0 = 1.88, 0.065, 0.079, 0.0021, 0.0618, 1.92, 1.0, 225.59
    Vi, m1, m2, m4, gamma, f, gush_rate, nearly_empty = 0.05, 0.19, 0.484, 0.194, 0.5, 0.9, 0.1, 5e3
    Vmx, kp3, K = 0.047 * p["sensitivity"], 0.009 * p["sensitivity"], p["responsivity"] * p["rise_ratio"]
    Gb, Ib, kabs = p["Gb"], p["Ib"], np.minimum(p["kabs"], 1.2)
    kp1 = EGPb + kp2 * Gb * Vg + kp3 * Ib
    Gtb = (Fsnc - EGPb + k1 * Gb * Vg) / k2
    Vm0 = (EGPb - Fsnc) * (Km0 + Gtb) / Gtb
    m3b = p["HEb"] * m1 / (1 - p["HEb"])
    Sb = Ib * Vi * ((m1 + m3b) * (m2 + m4) / m1 - m2)
    m6 = p["HEb"] + p["m5"] * Sb
    litres = (sex * (1.92 * area + 0.64) + (1 - sex) * (1.11 * area + 2.04)) * p["volume_ratio"]
    fast, slow = np.log(2) / 4.95, np.log(2) / (p["slow_half_life_ratio"] * (29.16 + 0.14 * age))
    k21 = 0.76 * slow + 0.24 * fast
    k10 = fast * slow / k21
    k12 = fast + slow - k21 - k10
    share = lambda G: G * G / (141.4**2 + G * G)  # noqa: E731

    def rates(t, y):
        gushing, stomach, gut, Gp, Gt, X, I1, Id, Ip, Il, Y, Po, c1, c2 = y
        drink = dose / drunk_over if 0 <= t < drunk_over else 0.0
        emptied = 1000 * p["emptying_rate"] * stomach / (stomach + nearly_empty)
        Ra = f * kabs * gut / weight
        G, insulin, S = Gp / Vg, Ip / Vi, gamma * Po
        HE = np.maximum(m6 - p["m5"] * S, 0)
        EGP = np.maximum(kp1 - kp2 * Gp - kp3 * Id - kp4 * (Po - Sb / gamma)
                         + p["counter_regulation"] * np.maximum(np.minimum(Gb, 90) - G, 0), 0)
        dGp = EGP + Ra - Fsnc - 0.0005 * np.maximum(Gp - 339, 0) - k1 * Gp + k2 * Gt
        call = np.maximum(p["responsivity"] * (G - Gb), Sb * (share(np.maximum(G, 0)) / share(Gb) - 1))
        return np.array([
            p["gush"] * drink - gush_rate * gushing, (1 - p["gush"]) * drink - emptied,
            emptied + gush_rate * gushing - kabs * gut,
            dGp, k1 * Gp - k2 * Gt - (Vm0 + Vmx * X) * Gt / (Km0 + Gt), p["p2u"] * (insulin - Ib - X),
            p["ki"] * (insulin - I1), p["ki"] * (I1 - Id),
            -(m2 + m4) * Ip + m1 * Il, -(m1 + HE * m1 / (1 - HE)) * Il + m2 * Ip + S,
            -p["alpha"] * (Y - call), Y + Sb + K * np.maximum(dGp / Vg, 0) - S,
            S * weight - (k10 + k12) * c1 + k21 * c2, k12 * c1 - k21 * c2])

    zero, Ip = np.zeros(len(theta)), Ib * Vi
    c = Sb * weight / k10
    y = np.array([zero, zero, zero, Gb * Vg, Gtb, zero, Ib, Ib, Ip, Ip * (m2 + m4) / m1, zero, Sb / gamma, c, c * k12 / k21])
    out, t = np.empty((len(theta), len(times), 3)), min(times[0], 0.0)
    for j, until in enumerate(times):
        while t < until - 1e-9:
            h = min(dt, until - t, *([drunk_over - t] if 0 <= t < drunk_over - 1e-9 else []), *([-t] if t < 0 else []))
            inside = 1e-9 * h
            a = rates(t + inside, y)
            b = rates(t + h / 2, y + h / 2 * a)
            c_ = rates(t + h / 2, y + h / 2 * b)
            d = rates(t + h - inside, y + h * c_)
            y, t = y + h / 6 * (a + 2 * b + 2 * c_ + d), t + h
        out[:, j] = np.array([y[3] / Vg, y[8] / Vi, y[12] / litres / 1000]).T
    return out


def ohashi(folder):
    with open(folder / "ohashi_subjectinfo.csv") as file:
        who = {row["No"]: row for row in csv.DictReader(file, delimiter=";")}
    readings, people = [], []
    with open(folder / "ohashi_OGTT.csv") as file:
        for row in csv.DictReader(file, delimiter=";"):
            one = who[row["No"]]
            if one["type"] != "NGT" or float(one["BMI"]) >= 30:
                continue
            found = [float(x) if x.strip() not in ("", "NA") else np.nan for x in list(row.values())[1:]]
            readings.append((np.array(found).reshape(3, 5) * np.array([[1], [6], [1 / 3.02]])).T)
            weight = float(one["BW"])
            people.append([weight, float(one["age"]), surface(weight, float(one["BH"])), float(one["sex(male1)"])])
    return np.array(readings), np.array(people), [0, 30, 60, 90, 120]


def modes(readings, people, times, mean, variance, errors, theta, steps):
    """Each person's mode by Levenberg-Marquardt, all at once, and the inverse Hessian there."""
    n, k = len(readings), len(FREE)
    precision = np.diag(1 / variance[FREE])
    known = ~np.isnan(readings)
    weight = np.where(known, 1 / errors**2, 0)
    logs = np.log(np.where(known, readings, 1))
    run = lambda t, who: np.log(np.maximum(simulate(t, who, times), 1e-9))  # noqa: E731
    loss = lambda t, l: (0.5 * (weight * (logs - l)**2).sum((1, 2))  # noqa: E731
                         + 0.5 * ((t - mean)[:, FREE]**2 / variance[FREE]).sum(1))
    damping = np.full(n, 1e-2)
    for _ in range(steps):
        shifted = np.concatenate([theta] + [theta + 1e-3 * np.eye(len(NAMES))[i] for i in FREE])
        found = run(shifted, np.tile(people, (k + 1, 1))).reshape(k + 1, n, len(times), 3)
        slope = ((found[1:] - found[0]) / 1e-3).transpose(1, 0, 2, 3)
        now = loss(theta, found[0])
        gradient = np.einsum("nktc,ntc,ntc->nk", slope, weight, logs - found[0]) - (theta - mean)[:, FREE] @ precision
        hessian = np.einsum("nktc,ntc,njtc->nkj", slope, weight, slope) + precision
        for _ in range(3):
            damped = hessian + damping[:, None, None] * np.einsum("nkk->nk", hessian)[:, :, None] * np.eye(k)
            step = np.clip(np.linalg.solve(damped, gradient[:, :, None])[:, :, 0], -0.5, 0.5)
            tried = theta.copy()
            tried[:, FREE] += step
            then = loss(tried, run(tried, people))
            better = then < now
            theta = np.where(better[:, None], tried, theta)
            damping = np.where(better, damping / 4, damping * 6)
            if better.mean() > 0.8:
                break
    return theta, np.linalg.inv(hessian)


def estimate(readings, people, times, rounds=30):
    """Typical values, variances and errors by EM over normal approximations."""
    mean, variance, errors = TYPICAL.copy(), SPREAD**2, np.array([0.08, 0.3, 0.1])
    theta = np.tile(mean, (len(readings), 1))
    for _ in range(rounds):
        theta, covariance = modes(readings, people, times, mean, variance, errors, theta, 3)
        mean[FREE] = theta[:, FREE].mean(0)
        variance[FREE] = ((theta - mean)[:, FREE]**2 + np.einsum("nkk->nk", covariance)).mean(0)
        residual = np.log(readings) - np.log(simulate(theta, people, times))
        # Of 15 readings about six are spent on the person's parameters.
        square = np.nanmean(residual**2, axis=(0, 1)) * 15 / 9
        errors = np.sqrt(0.5 * errors**2 + 0.5 * np.maximum(square, np.array([0.04, 0.08, 0.05])**2))
    return mean, variance, errors


def population(folder):
    readings, people, times = ohashi(folder)
    mean, variance, errors = estimate(readings, people, times)
    print(f"{len(readings)} people, {people[:, 0].mean():.0f} kg, {people[:, 1].mean():.0f} years")
    for i in FREE:
        typical = 1 / (1 + np.exp(-mean[i])) if NAMES[i] in LOGIT else np.exp(mean[i])
        print(f"{NAMES[i]:14} {typical:8.4g}  sd of {'logit' if NAMES[i] in LOGIT else 'log'} {variance[i]**0.5:.2f}")
    print("errors of glucose, insulin, C-peptide (sd of log):", np.round(errors, 3))


def golden(path):
    times = [0, 10, 20, 30, 45, 60, 75, 90, 120, 150, 180, 210, 240, 300]
    typical = dict(Gb=87, Ib=31, HEb=0.6, rise_ratio=16, alpha=0.073, responsivity=0.20, emptying_rate=0.46, kabs=0.068, gush=0.12,
                   sensitivity=1.93, m5=0.018, p2u=0.076, volume_ratio=1, counter_regulation=0.05, ki=0.0079,
                   slow_half_life_ratio=1)
    other = dict(typical, Gb=100, sensitivity=0.8, responsivity=0.1, emptying_rate=0.35, HEb=0.5, volume_ratio=1.1)
    rows = []
    for name, given, who in [("typical", typical, (57, 29, 164, 0)), ("other", other, (85, 45, 180, 1))]:
        theta = np.array([[np.log(v / (1 - v)) if n in LOGIT else np.log(v) for n, v in ((n, given[n]) for n in NAMES)]])
        people = np.array([[who[0], who[1], surface(who[0], who[2]), who[3]]], float)
        for t, (g, i, c) in zip(times, simulate(theta, people, times, dt=0.05)[0]):
            rows.append([name, t, f"{g:.6f}", f"{i:.6f}", f"{c:.8f}"])
    with open(path, "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["person", "time_min", "glucose_mg_dl", "insulin_pmol_l", "c_peptide_nmol_l"])
        writer.writerows(rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ohashi", type=pathlib.Path, nargs="?")
    parser.add_argument("--golden", type=pathlib.Path)
    chosen = parser.parse_args()
    if chosen.golden:
        golden(chosen.golden)
    if chosen.ohashi:
        population(chosen.ohashi)
