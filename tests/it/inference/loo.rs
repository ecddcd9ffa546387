//! Cross-validation, LOO-PIT and predictive p-values against ArviZ.

use homeostat::inference::{Elpd, PredictivePValues, loo, predictive_p_value, relative_efficiency};

use super::{close, uniforms};

/// A normal with the parameters μ and s, its readings, and what they say under each draw.
pub(super) struct Example {
    /// `[parameter][chain][draw]`
    pub parameters: [Vec<Vec<f64>>; 2],
    /// `[draw, reading]`
    pub ln_likelihood: Vec<f64>,
    pub replicates: Vec<f64>,
}

/// ln(u / (1 − u))
fn logits(seed: usize, count: usize) -> Vec<f64> {
    uniforms(seed as u64, count).into_iter().map(|u| (u / (1.0 - u)).ln()).collect()
}

/// In chain `c`, μ is 0.1 times the logits of seed `10 + c`, and s the exponential of 0.15 times those of `20 + c`;
/// replicates of reading `i` are μ + s / 1.7 times those of `100 + 10 i + c`. Several chains then have μ ← ½ μ before + μ.
pub(super) fn example(chains: usize, draws: usize, readings: &[f64]) -> Example {
    let scaled = |seed: usize, by: f64| logits(seed, draws).into_iter().map(|x| by * x).collect::<Vec<f64>>();
    let free: Vec<Vec<f64>> = (0..chains).map(|c| scaled(10 + c, 0.1)).collect();
    let s: Vec<Vec<f64>> = (0..chains).map(|c| scaled(20 + c, 0.15).into_iter().map(f64::exp).collect()).collect();
    let mut mu = free.clone();
    if chains > 1 {
        for chain in &mut mu {
            for draw in 1..draws {
                chain[draw] += 0.5 * chain[draw - 1];
            }
        }
    }
    let (mut ln_likelihood, mut replicates) = (Vec::new(), Vec::new());
    for c in 0..chains {
        let noise: Vec<Vec<f64>> = (0..readings.len()).map(|i| logits(100 + 10 * i + c, draws)).collect();
        for d in 0..draws {
            for (reading, noise) in readings.iter().zip(&noise) {
                let z = (reading - mu[c][d]) / s[c][d];
                ln_likelihood.push(-0.5 * z * z - s[c][d].ln());
                replicates.push(free[c][d] + s[c][d] * noise[d] / 1.7);
            }
        }
    }
    Example { parameters: [mu, s], ln_likelihood, replicates }
}

/// Chains, draws, readings; relative efficiency, elpd, its standard error and p_loo; then, of each reading, elpd, k̂ and
/// LOO-PIT; predictive p-values of mean, sd, min and max.
type Golden = (usize, usize, &'static [f64], [f64; 4], [&'static [f64]; 3], [f64; 4]);

#[test]
fn cross_validation_is_that_of_arviz() {
    // `arviz.loo(pointwise=True)` and `loo_pit` of ArviZ 0.23.4 (NumPy 2.4.6, SciPy 1.17.1) on the same numbers, made in
    // Python; relative efficiency as `loo` computes it; predictive p-values by NumPy. Readings far out have k̂ > 0.7.
    #[rustfmt::skip]
    let golden: [Golden; 3] = [
        (4, 250, &[0.4, -0.3, 1.2, 0.0, -1.5, 2.2, 0.8], [6.620236988334e-01, -1.853102142219e+01, 1.094919314749e+01, 1.380971384563e+01],
            [&[-1.565259375008e-01, -1.136048511943e-01, -1.297281520416e+00, -6.600033120777e-02, -4.228222672469e+00, -1.221187582339e+01, -4.575102860113e-01],
             &[3.975671150051e-02, -3.715652454757e-02, 1.162953203910e+00, 3.327992856790e-02, 1.868828808052e+00, 2.837626168043e+00, 7.289471719327e-01],
             &[6.543240313327e-01, 4.038318254233e-01, 9.348740246865e-01, 4.821142245992e-01, 3.792567720189e-03, 9.999990753465e-01, 8.113874271209e-01]], [1.400000000000e-01, 3.230000000000e-01, 5.500000000000e-01, 1.800000000000e-01]),
        (3, 151, &[0.5, -2.5, 6.0], [5.464099845624e-01, -9.106508271380e+01, 6.072670873610e+01, 8.003560933900e+01],
            [&[-2.117666347050e-01, -1.133260515576e+01, -7.952071092333e+01],
             &[1.441484940957e-01, 2.651530741957e+00, 1.094229160270e+01],
             &[7.127416379815e-01, 3.016125072633e-06, 1.000000000000e+00]], [2.428256070640e-02, 2.207505518764e-03, 9.293598233996e-01, 2.207505518764e-03]),
        (1, 400, &[0.1, -0.7], [1.000000000000e+00, -3.909359355074e-01, 1.800949680675e-01, 1.123687526290e-01],
            [&[-6.812159457562e-02, -3.228143409318e-01],
             &[1.660661533328e-02, -2.577049841971e-01],
             &[5.493852854242e-01, 2.405941138838e-01]], [6.700000000000e-01, 5.675000000000e-01, 6.175000000000e-01, 6.850000000000e-01]),
    ];
    for (chains, draws, readings, [efficiency, elpd, se, p_loo], [elpds, k_hats, pits], p_values) in golden {
        let Example { parameters, ln_likelihood, replicates } = example(chains, draws, readings);
        let found_efficiency = relative_efficiency(&parameters);
        assert!(close(found_efficiency, efficiency), "{found_efficiency} against {efficiency}");
        let found = loo(&ln_likelihood, readings.len(), found_efficiency);
        let total = found.total();
        for (found, expected) in [(total.elpd, elpd), (total.se, se), (total.p_loo, p_loo)] {
            assert!(close(found, expected), "{found} against {expected}");
        }
        let found_pits = found.pit(readings, &replicates);
        for (found, expected) in [(&found.elpd, elpds), (&found.k_hat, k_hats), (&found_pits, pits)] {
            assert_eq!(found.len(), expected.len());
            for (found, expected) in found.iter().zip(expected) {
                assert!(close(*found, *expected), "{found} against {expected}");
            }
        }
        assert_eq!(found.unreliable(), k_hats.iter().filter(|k_hat| **k_hat > 0.7).count());
        let PredictivePValues { mean, sd, min, max } = PredictivePValues::of(readings, &replicates);
        for (found, expected) in [mean, sd, min, max].into_iter().zip(p_values) {
            assert!(close(found, expected), "{found} against {expected}");
        }
    }
}

#[test]
fn quantities_sum_up_and_lost_draws_are_left_out() {
    let readings = [0.4, -0.3, 1.2];
    let whole = example(4, 100, &readings);
    let found = loo(&whole.ln_likelihood, 3, 0.8);
    let columns = |from: usize, to: usize| -> Vec<f64> {
        whole.ln_likelihood.chunks(3).flat_map(|draw| draw[from..to].to_vec()).collect()
    };
    let (first, rest) = (loo(&columns(0, 1), 1, 0.8), loo(&columns(1, 3), 2, 0.8));
    let (sum, total) = (Elpd::of(&[&first, &rest]), found.total());
    assert!(close(sum.elpd, total.elpd) && close(sum.se, total.se) && close(sum.p_loo, total.p_loo));

    // Draw 7 could not be simulated: as if it had never been.
    let mut lost = whole.ln_likelihood.clone();
    let mut replicates = whole.replicates.clone();
    lost[21..24].fill(f64::NAN);
    replicates[21..24].fill(f64::NAN);
    let without = |values: &[f64]| [&values[..21], &values[24..]].concat();
    let (found, expected) = (loo(&lost, 3, 0.8), loo(&without(&whole.ln_likelihood), 3, 0.8));
    assert_eq!((found.draws.len(), &found.elpd, &found.k_hat), (399, &expected.elpd, &expected.k_hat));
    assert_eq!(found.pit(&readings, &replicates), expected.pit(&readings, &without(&whole.replicates)));
    let p_values = PredictivePValues::of(&readings, &replicates);
    assert_eq!(p_values, PredictivePValues::of(&readings, &without(&whole.replicates)));

    let none = loo(&[f64::NAN; 6], 3, 1.0);
    assert!(none.total().elpd.is_nan() && none.unreliable() == 3);
    assert!(none.pit(&readings, &[0.0; 6]).iter().all(|pit| pit.is_nan()));
    assert!(loo(&[], 0, 1.0).elpd.is_empty());
}

#[test]
fn equal_replicates_count_half() {
    assert_eq!(predictive_p_value(2.0, &[1.0, 2.0, 3.0, f64::NAN, 2.0]), 0.5);
    assert_eq!(predictive_p_value(0.0, &[1.0, 2.0]), 1.0);
    assert!(predictive_p_value(0.0, &[]).is_nan() && predictive_p_value(f64::NAN, &[1.0]).is_nan());
    // One reading has no standard deviation.
    let one = PredictivePValues::of(&[1.0], &[0.0, 2.0]);
    assert!(one.mean == 0.5 && one.sd.is_nan());
}
