#!/usr/bin/env python3
"""Priors of the drink test, judged on people they were not estimated from: 90 and 120 minutes predicted from 0, 30 and 60.

    python3 tests/validation/ogtt_held_out.py OHASHI [committed hand diag half full]

The 48 people of Ohashi 2018 (see ogtt_population.py) in eight folds, person i in fold i mod 8. In each fold the population is
estimated from the others, and each held-out person, given all readings to 60 min, predicts those at 90 and 120. The score is
the mean over people of the ln density of these readings, jointly, by importance sampling. What is compared:

    committed  typical values as ogtt_population.py finds them, spreads and errors as the model files have them
    hand       typical values by EM over draws, spreads and errors as the model files have them
    diag       typical values, spreads and errors by EM over draws, parameters independent
    half       the same with half of the correlations that are found
    full       the same with the correlations that are found

Needs numpy; half an hour.
"""

import argparse
import pathlib

import numpy as np

import ogtt_population as base

D = len(base.NAMES)
FREE = np.array(base.FREE)
# Spreads as the model files have them, on the scale of estimation; Beta priors by the sd of their logit.
HAND = {"Gb": 0.08, "Ib": 0.35, "HEb": 0.36, "rise_ratio": 0.53, "alpha": 0.70, "responsivity": 0.45, "emptying_rate": 0.25,
        "kabs": 0.60, "gush": 0.24, "sensitivity": 0.60, "m5": 0.40, "p2u": 0.30}
ERRORS = np.array([0.085, 0.30, 0.10])
FOLDS, KNOWN_TO = 8, 3


def by_hand():
    return np.diag([HAND.get(name, spread)**2 for name, spread in zip(base.NAMES, base.SPREAD)])


def outputs(theta, people, times):
    with np.errstate(all="ignore"):
        return np.log(np.maximum(base.simulate(theta, people, times), 1e-9))


def draws(readings, people, times, mean, covariance, errors, theta, count, random, steps):
    """From a t distribution at each person's mode: draws, their ln weights, ln outputs; and the modes. Missing is not known."""
    theta, spread = modes(readings, people, times, mean, covariance, errors, theta, steps)
    n, freedom = len(readings), 6.0
    factor = np.linalg.cholesky(1.21 * spread + 1e-12 * np.eye(D))
    unit = random.standard_normal((n, count, D)) / np.sqrt(random.chisquare(freedom, (n, count, 1)) / freedom)
    drawn = theta[:, None, :] + np.einsum("nij,nkj->nki", factor, unit)
    proposed = -0.5 * (freedom + D) * np.log1p((unit**2).sum(-1) / freedom) - np.log(np.einsum("nii->ni", factor)).sum(-1)[:, None]
    found = outputs(drawn.reshape(n * count, D), np.repeat(people, count, 0), times).reshape(n, count, len(times), 3)
    fails = ~np.isfinite(found).all((2, 3))
    found[fails] = 0
    known = ~np.isnan(readings)
    logs = np.log(np.where(known, readings, 1))
    likelihood = (-0.5 * (np.where(known, 1 / errors**2, 0)[:, None] * (logs[:, None] - found)**2).sum((2, 3))
                  - (np.log(errors) * known.sum(1)).sum(-1)[:, None])
    away = drawn - mean
    prior = -0.5 * np.einsum("nki,nki->nk", away @ np.linalg.inv(covariance), away) - 0.5 * np.linalg.slogdet(covariance)[1]
    weights = likelihood + prior - proposed
    weights[fails | np.isnan(weights)] = -np.inf
    return drawn, weights, found, theta


def modes(readings, people, times, mean, covariance, errors, theta, steps):
    """As base.modes, of all parameters, with correlated ones."""
    n, precision = len(readings), np.linalg.inv(covariance)
    known = ~np.isnan(readings)
    weight = np.where(known, 1 / errors**2, 0)
    logs = np.log(np.where(known, readings, 1))

    def loss(theta, found):
        away = theta - mean
        return 0.5 * (weight * (logs - found)**2).sum((1, 2)) + 0.5 * ((away @ precision) * away).sum(1)

    damping = np.full(n, 1e-2)
    for _ in range(steps):
        shifted = np.concatenate([theta] + [theta + step for step in 1e-3 * np.eye(D)])
        found = outputs(shifted, np.tile(people, (D + 1, 1)), times).reshape(D + 1, n, len(times), 3)
        slope = ((found[1:] - found[0]) / 1e-3).transpose(1, 0, 2, 3)
        now = loss(theta, found[0])
        gradient = np.einsum("nktc,ntc->nk", slope, weight * (logs - found[0])) - (theta - mean) @ precision
        hessian = np.einsum("nktc,njtc->nkj", slope * weight[:, None], slope) + precision
        for _ in range(3):
            damped = hessian + damping[:, None, None] * np.einsum("nkk->nk", hessian)[:, :, None] * np.eye(D)
            tried = theta + np.clip(np.linalg.solve(damped, gradient[:, :, None])[:, :, 0], -0.5, 0.5)
            better = loss(tried, outputs(tried, people, times)) < now
            theta = np.where(better[:, None], tried, theta)
            damping = np.where(better, damping / 4, damping * 6)
            if better.mean() > 0.8:
                break
    return theta, np.linalg.inv(hessian)


def shares(weights):
    """Of the ln weights of each person; none above 1 / sqrt(draws)."""
    share = np.exp(weights - weights.max(1, keepdims=True))
    share = np.minimum(share / share.sum(1, keepdims=True), 1 / np.sqrt(weights.shape[1]))
    return share / share.sum(1, keepdims=True)


def estimate(readings, people, times, kind, seed, rounds=30, count=200):
    if kind == "committed":
        return base.estimate(readings, people, times)[0], by_hand(), ERRORS
    random = np.random.default_rng(seed)
    mean, errors = base.TYPICAL.copy(), ERRORS.copy()
    covariance = by_hand() if kind == "hand" else np.diag(base.SPREAD**2)
    theta, logs = np.tile(mean, (len(readings), 1)), np.log(readings)
    for at in range(rounds):
        drawn, weights, found, theta = draws(readings, people, times, mean, covariance, errors, theta, count, random, 4 if at < 3 else 2)
        share = shares(weights)
        average = np.einsum("nk,nki->i", share, drawn) / len(readings)
        now = mean.copy()
        now[FREE] = average[FREE]
        away = drawn - now
        second = np.einsum("nki,nkj->ij", share[:, :, None] * away, away)[np.ix_(FREE, FREE)] / len(readings)
        square = np.nanmean((share[:, :, None, None] * (logs[:, None] - found)**2).sum(1), axis=(0, 1))
        # The last ten rounds are averaged over, more and more.
        part = 1 if at < rounds - 10 else (at - rounds + 11) ** -0.7
        mean = mean + part * (now - mean)
        if kind != "hand":
            sds = np.sqrt(np.maximum(np.diag(second), 1e-4))
            correlation = second / np.outer(sds, sds) * {"diag": 0, "half": 0.5, "full": 1}[kind]
            np.fill_diagonal(correlation, 1)
            target = covariance.copy()
            target[np.ix_(FREE, FREE)] = correlation * np.outer(sds, sds)
            covariance = covariance + part * (target - covariance)
            errors = np.sqrt(errors**2 + part * (square - errors**2))
    return mean, covariance, errors


def score(readings, people, times, population, seed=2, count=3000):
    """Of each person: ln density of all late readings, of glucose alone; relative differences of glucose; within the 90 % band."""
    mean, covariance, errors = population
    random = np.random.default_rng(seed)
    early = readings.copy()
    early[:, KNOWN_TO:] = np.nan
    theta = np.tile(mean, (len(readings), 1))
    _, weights, found, _ = draws(early, people, times, mean, covariance, errors, theta, count, random, 8)
    people_found = []
    for share, late, reading in zip(shares(weights), found[:, :, KNOWN_TO:], np.log(readings[:, KNOWN_TO:])):
        known = ~np.isnan(reading)
        density = np.where(known, -0.5 * ((reading - late) / errors)**2 - np.log(errors) - 0.5 * np.log(2 * np.pi) - reading, 0)
        mixed = lambda terms: terms.max() + np.log((share * np.exp(terms - terms.max())).sum())  # noqa: E731
        noisy = late + random.standard_normal(late.shape) * errors

        def quantile(values, q):
            order = np.argsort(values, axis=0)
            reached = np.cumsum(share[order], axis=0) < q
            return np.take_along_axis(values, np.take_along_axis(order, reached.sum(0)[None], 0), 0)[0]

        inside = (quantile(noisy, 0.05) <= reading) & (reading <= quantile(noisy, 0.95))
        apart = np.exp(quantile(late, 0.5) - reading)
        people_found.append((mixed(density.sum((1, 2))), mixed(density[:, :, 0].sum(1)), np.nanmean(np.abs(apart[:, 0] - 1)),
                             np.where(known, inside, np.nan)))
    return people_found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ohashi", type=pathlib.Path)
    parser.add_argument("kinds", nargs="*", default=["committed", "hand", "diag", "half", "full"])
    chosen = parser.parse_args()
    readings, people, times = base.ohashi(chosen.ohashi)
    fold, scores = np.arange(len(readings)) % FOLDS, {}
    for kind in chosen.kinds:
        of = {}
        for held in range(FOLDS):
            rest, out = fold != held, np.flatnonzero(fold == held)
            population = estimate(readings[rest], people[rest], times, kind, held)
            of.update(zip(out, score(readings[out], people[out], times, population)))
        total, glucose, apart = (np.array([of[i][j] for i in sorted(of)]) for j in range(3))
        inside = np.nanmean([of[i][3] for i in sorted(of)], axis=(0, 1))
        scores[kind] = total
        print(f"{kind:10} score {total.mean():.3f}, glucose alone {glucose.mean():.3f}, MARD of glucose {100 * apart.mean():.1f} %, "
              f"within the 90 % band: glucose, insulin, C-peptide {np.round(100 * inside).tolist()} %", flush=True)
        for other, before in scores.items():
            if other != kind:
                gain = total - before
                print(f"{'':10} over {other}: {gain.mean():+.3f} ± {gain.std(ddof=1) / len(gain)**0.5:.3f} (standard error)", flush=True)


if __name__ == "__main__":
    main()
