//! Pareto-smoothed weights against ArviZ, and where there is nothing to smooth.

use homeostat::inference::{Smoothed, fit_pareto, psis, reliable_k_hat};

use super::{close, uniforms};

/// Seed and number of uniforms, ln ratio of each, relative efficiency; k̂; the first two ln weights, the least and the
/// largest, and 1 / Σ w².
type Golden = (&'static str, u64, usize, fn(f64) -> f64, f64, f64, [f64; 5]);

#[test]
fn smoothed_weights_are_those_of_arviz() {
    // `arviz.psislw(ln_ratios, reff)` of ArviZ 0.23.4 (NumPy 2.4.6, SciPy 1.17.1) on the same ratios, made in Python.
    #[rustfmt::skip]
    let golden: [Golden; 8] = [
        ("light", 1, 2000, |u| 0.3 * (u / (1.0 - u)).ln(), 1.0, 2.810403741441e-01, [-7.856862737743e+00, -7.752688533208e+00, -9.920913986450e+00, -5.610561341475e+00, 1.410477556886e+03]),
        ("good", 2, 501, |u| 0.6 * (u / (1.0 - u)).ln(), 0.4, 3.338353118727e-01, [-6.087314293323e+00, -5.323687875567e+00, -1.336886716004e+01, -3.493519191182e+00, 1.726669364995e+02]),
        ("heavy", 3, 1000, |u| -1.2 * (1.0 - u).ln(), 1.0, 1.207911790149e+00, [-9.989292845212e+00, -9.662129919287e+00, -1.013295821818e+01, -9.456685675530e-01, 5.926286014200e+00]),
        ("bounded", 4, 333, |u| u, 1.7, -6.967279253761e-01, [-5.870691863191e+00, -5.596369091403e+00, -6.326368188705e+00, -5.330687051234e+00, 3.062422325169e+02]),
        ("ties", 5, 400, |u| (8.0 * u).floor() / 4.0, 1.0, -4.988021756820e+00, [-5.505044866021e+00, -6.755044866021e+00, -7.005044866021e+00, -5.255044866021e+00, 3.057988283199e+02]),
        ("tied_body", 6, 300, |u| (40.0 * u - 36.0).max(0.0), 0.9, 3.404725267987e-01, [-6.363629675938e+00, -6.363629675938e+00, -6.363629675938e+00, -2.705310723231e+00, 5.339387353046e+01]),
        ("few", 7, 20, |u| 2.0 * u, 1.0, f64::INFINITY, [-3.175032569051e+00, -2.250138025919e+00, -4.034993776740e+00, -2.198814228949e+00, 1.404405115219e+01]),
        ("large", 8, 250, |u| 700.0 + 900.0 * u, 1.0, 4.946810097190e+01, [-1.334063066018e+02, -5.735887896032e+02, -8.987254658887e+02, -1.098612315709e+00, 3.000000162248e+00]),
    ];
    for (name, seed, count, ratio, efficiency, k_hat, expected) in golden {
        let ratios: Vec<f64> = uniforms(seed, count).into_iter().map(ratio).collect();
        let found = psis(&ratios, efficiency);
        assert!(close(found.k_hat, k_hat), "{name}: {} against {k_hat}", found.k_hat);
        let weights = &found.ln_weights;
        let least = weights.iter().copied().fold(f64::INFINITY, f64::min);
        let largest = weights.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        for (found, expected) in [weights[0], weights[1], least, largest, found.effective_draws()].iter().zip(expected)
        {
            assert!(close(*found, expected), "{name}: {found} against {expected}");
        }
        assert_eq!(found.reliable(), k_hat < reliable_k_hat(count), "{name}");
    }
}

#[test]
fn weights_that_cannot_be_smoothed_say_so() {
    let nan = |found: Smoothed| found.k_hat.is_nan() && found.ln_weights.iter().all(|weight| weight.is_nan());
    for broken in [f64::NAN, f64::INFINITY] {
        let mut ratios = uniforms(1, 100);
        ratios[3] = broken;
        let found = psis(&ratios, 1.0);
        assert!(!found.reliable() && nan(found));
    }
    assert!(nan(psis(&[f64::NEG_INFINITY; 50], 1.0)));
    assert!(nan(psis(&[], 1.0)));
    let even = psis(&[3.0; 50], 1.0);
    assert!(even.reliable() && even.k_hat == 0.0);
    assert!(even.ln_weights.iter().all(|weight| (weight + 50f64.ln()).abs() < 1e-12));
    // One draw is no evidence that draws are alike.
    let one = psis(&[3.0], 1.0);
    assert!(!one.reliable() && one.ln_weights == [0.0]);
    // A draw outside the target has no weight, and changes that of no other.
    let mut ratios = uniforms(1, 100);
    ratios[0] = f64::NEG_INFINITY;
    let found = psis(&ratios, 1.0);
    assert!(found.ln_weights[0] == f64::NEG_INFINITY && found.reliable());
    assert!(fit_pareto(&[]).0.is_nan() && fit_pareto(&[0.0; 9]).0.is_nan());
}

#[test]
fn a_pareto_tail_is_found() {
    // Quantiles of a generalised Pareto distribution, k 0.4, σ 2.
    let sorted: Vec<f64> =
        (0..20_000).map(|i| 2.0 * ((1.0 - (f64::from(i) + 0.5) / 2e4).powf(-0.4) - 1.0) / 0.4).collect();
    let (shape, scale) = fit_pareto(&sorted);
    assert!((shape - 0.4).abs() < 2e-3 && (scale - 2.0).abs() < 0.01, "{shape} {scale}");
}
