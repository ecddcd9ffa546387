//! Distributions against scipy, and against themselves: slopes, quantiles, integrals, draws.

use homeostat::stats::{Distribution, FAMILIES, Family, Seed};

/// (family, arguments, x, ln density, cumulative distribution) by scipy.stats 1.x: gamma(a, scale=1/rate), beta, t,
/// lognorm(sigma, scale=median), halfcauchy, halfnorm, cauchy, expon, norm, uniform.
#[rustfmt::skip]
const GOLDEN: &[(Family, &[f64], f64, f64, f64)] = &[
    (Family::Gamma, &[2.5, 1.3], 0.3, -1.8247314157930956, 0.021708571522279695),
    (Family::Gamma, &[2.5, 1.3], 2.0, -1.1890514384642736, 0.6080371084003661),
    (Family::Gamma, &[2.5, 1.3], 9.0, -8.032935343299863, 0.999716985267308),
    (Family::Beta, &[2.5, 0.7], 0.1, -3.082414774643398, 0.0018170062819625442),
    (Family::Beta, &[2.5, 0.7], 0.6, -0.15149650593641661, 0.1870359086374321),
    (Family::Beta, &[2.5, 0.7], 0.99, 1.7063302621664982, 0.920601460528444),
    (Family::StudentT, &[3.5, 1.0, 2.0], -6.0, -5.0667949145660645, 0.015448617122796762),
    (Family::StudentT, &[3.5, 1.0, 2.0], 1.5, -1.722444820293099, 0.5917196002524621),
    (Family::StudentT, &[3.5, 1.0, 2.0], 30.0, -10.934720085292827, 0.9998502717636456),
    (Family::LogNormal, &[2.8, 0.4], 0.5, -8.584265465434498, 8.277303478905834e-06),
    (Family::LogNormal, &[2.8, 0.4], 2.8, -1.0322672185116757, 0.5),
    (Family::LogNormal, &[2.8, 0.4], 9.0, -6.460190534981505, 0.9982442915401628),
    (Family::HalfCauchy, &[2.0], 0.1, -1.1472267660479873, 0.031804502512352756),
    (Family::HalfCauchy, &[2.0], 3.0, -2.3233848821910463, 0.6256659163780024),
    (Family::HalfCauchy, &[2.0], 50.0, -7.584080256949498, 0.9745487773040165),
    (Family::HalfNormal, &[2.0], 0.1, -0.9201885332046726, 0.039877611676744924),
    (Family::HalfNormal, &[2.0], 3.0, -2.0439385332046727, 0.8663855974622838),
    (Family::HalfNormal, &[2.0], 9.0, -11.043938533204672, 0.9999932046537505),
    (Family::Cauchy, &[1.0, 2.0], -30.0, -7.323710806628441, 0.020507699924729308),
    (Family::Cauchy, &[1.0, 2.0], 0.0, -2.061020617723555, 0.35241638234956674),
    (Family::Cauchy, &[1.0, 2.0], 5.0, -3.447314978843446, 0.8524163823495667),
    (Family::Exponential, &[1.7], 0.1, 0.36062825106217034, 0.15633518340361635),
    (Family::Exponential, &[1.7], 1.0, -1.1693717489378295, 0.8173164759472653),
    (Family::Exponential, &[1.7], 6.0, -9.669371748937829, 0.9999628296813159),
    (Family::Normal, &[1.0, 2.0], -9.0, -14.112085713764618, 2.866515718791933e-07),
    (Family::Normal, &[1.0, 2.0], 0.0, -1.737085713764618, 0.3085375387259869),
    (Family::Normal, &[1.0, 2.0], 5.0, -3.612085713764618, 0.9772498680518208),
    (Family::Uniform, &[-1.0, 2.0], -0.5, -1.0986122886681098, 0.16666666666666666),
    (Family::Uniform, &[-1.0, 2.0], 0.0, -1.0986122886681098, 0.3333333333333333),
    (Family::Uniform, &[-1.0, 2.0], 1.5, -1.0986122886681098, 0.8333333333333334),
];

/// One of every family, and combinations.
fn examples() -> Vec<Distribution> {
    let mut all: Vec<Distribution> =
        GOLDEN.iter().step_by(3).map(|row| Distribution::new(row.0, row.1).unwrap()).collect();
    let normal = |mean, sd| Distribution::Normal { mean, sd };
    all.push(Distribution::mixture(vec![(1.0, normal(-2.0, 1.0)), (3.0, normal(3.0, 0.5))]).unwrap());
    all.push(Distribution::truncated(normal(0.0, 1.0), 0.5, f64::INFINITY).unwrap());
    // Far in the tail: the mass is 3e-7.
    all.push(Distribution::truncated(normal(0.0, 1.0), 5.0, f64::INFINITY).unwrap());
    let mixture = Distribution::mixture(vec![(0.2, normal(1.0, 1.0)), (0.8, normal(4.0, 2.0))]).unwrap();
    all.push(Distribution::truncated(mixture, 0.0, 6.0).unwrap());
    all.push(Distribution::new(Family::Gamma, &[2.5, 1.3]).unwrap().scaled(4.0));
    all
}

#[test]
fn densities_and_cumulative_distributions_are_scipys() {
    for (family, arguments, x, ln_density, cdf) in GOLDEN {
        let distribution = Distribution::new(*family, arguments).unwrap();
        let close = |found: f64, expected: f64| (found - expected).abs() <= 1e-10 * expected.abs().max(1e-3);
        assert!(close(distribution.ln_density(*x), *ln_density), "{distribution} at {x}");
        assert!(close(distribution.cdf(*x), *cdf), "{distribution} at {x}: {} {cdf}", distribution.cdf(*x));
    }
    assert!(FAMILIES.iter().all(|row| GOLDEN.iter().any(|golden| golden.0 == row.family)));
}

#[test]
fn slopes_are_differences_quantiles_invert_and_densities_integrate_to_one() {
    for distribution in examples() {
        let mut integral = 0.0;
        let n = 20_000;
        let mut last: Option<(f64, f64)> = None;
        for i in 1..n {
            let p = f64::from(i) / f64::from(n);
            let x = distribution.quantile(p);
            assert!((distribution.cdf(x) - p).abs() < 1e-9, "{distribution} at {p}");
            let density = distribution.ln_density(x).exp();
            if let Some((x0, d0)) = last {
                integral += 0.5 * (density + d0) * (x - x0);
            }
            last = Some((x, density));
            if i % 997 == 0 {
                let step = 1e-6 * x.abs().max(1e-3);
                let slope = (distribution.ln_density(x + step) - distribution.ln_density(x - step)) / (2.0 * step);
                let found = distribution.d_ln_density(x);
                assert!((found - slope).abs() < 1e-4 * slope.abs().max(1e-2), "{distribution} at {x}: {found} {slope}");
            }
        }
        assert!((integral - 1.0).abs() < 2e-3, "{distribution}: {integral}");
    }
}

#[test]
fn draws_follow_the_cumulative_distribution() {
    for (index, distribution) in examples().into_iter().enumerate() {
        let mut stream = Seed(11).stream("draws", index as u64);
        let n = 4000;
        let mut shares: Vec<f64> = (0..n).map(|_| distribution.cdf(distribution.draw(&mut stream))).collect();
        shares.sort_by(f64::total_cmp);
        let distance = shares
            .iter()
            .enumerate()
            .map(|(i, share)| (share - i as f64 / n as f64).abs().max((share - (i + 1) as f64 / n as f64).abs()))
            .fold(0.0, f64::max);
        // Kolmogorov's distribution: exceeded with probability 1e-4.
        assert!(distance * f64::from(n).sqrt() < 2.23, "{distribution}: {distance}");
    }
}
