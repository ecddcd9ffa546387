//! Leave-one-out cross-validation by Pareto-smoothed importance sampling: elpd, k̂ and LOO-PIT of every reading.
//!
//! Vehtari, Gelman & Gabry 2017, "Practical Bayesian model evaluation using leave-one-out cross-validation and WAIC",
//! Statistics and Computing 27; computed as ArviZ does. A reading is left out by weighting each draw with one over the
//! reading's likelihood. Where ln likelihoods are conditional on the reading before (correlated errors), what is left
//! out is that conditional density: the reading still stands behind the one after it, so that the score is not that of a
//! person measured once less.

use rayon::prelude::*;

use super::diagnostics::ess_mean;
use super::psis::{WORST_K_HAT, psis};
use crate::stats::ln_sum_exp;

/// Cross-validation of the readings of one quantity; lists have one entry a reading.
#[derive(Clone, Debug, PartialEq)]
pub struct Loo {
    /// ln density of the reading given all others.
    pub elpd: Vec<f64>,
    /// ln density of the reading given all readings, itself among them.
    pub lpd: Vec<f64>,
    /// How far the draws can stand for those without the reading; see [`psis`].
    pub k_hat: Vec<f64>,
    /// Draws that were used: all whose ln likelihoods are finite.
    pub draws: Vec<usize>,
    /// `[reading][used draw]`, ln weight without the reading.
    ln_weights: Vec<Vec<f64>>,
}

/// A sum of elpds.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Elpd {
    pub elpd: f64,
    /// Its standard error over readings.
    pub se: f64,
    /// Effective number of parameters: how much better readings are predicted by themselves.
    pub p_loo: f64,
}

/// Mean effective sample size of the parameters' means, over the number of draws; `[parameter][chain][draw]`.
///
/// 1 for one chain, and where no parameter has an effective sample size.
pub fn relative_efficiency(parameters: impl IntoIterator<Item: AsRef<[Vec<f64>]>>) -> f64 {
    let of = |chains: &[Vec<f64>]| ess_mean(chains) / chains.iter().map(Vec::len).sum::<usize>() as f64;
    let several = parameters.into_iter().filter(|chains| chains.as_ref().len() > 1);
    let found: Vec<f64> = several.map(|chains| of(chains.as_ref())).filter(|share| share.is_finite()).collect();
    if found.is_empty() { 1.0 } else { found.iter().sum::<f64>() / found.len() as f64 }
}

/// Cross-validates `readings` readings by their ln likelihoods, `[draw, reading]` with the reading fastest.
///
/// A draw with a value that is not finite could not be simulated, and is left out for all of them.
pub fn loo(ln_likelihood: &[f64], readings: usize, relative_efficiency: f64) -> Loo {
    let rows: Vec<&[f64]> = ln_likelihood.chunks_exact(readings.max(1)).collect();
    let draws: Vec<usize> = (0..rows.len()).filter(|draw| rows[*draw].iter().all(|value| value.is_finite())).collect();
    let of_reading = |reading: usize| {
        let ln_likelihood: Vec<f64> = draws.iter().map(|draw| rows[*draw][reading]).collect();
        let ratios: Vec<f64> = ln_likelihood.iter().map(|value| -value).collect();
        let smoothed = psis(&ratios, relative_efficiency);
        let left_out: Vec<f64> = smoothed.ln_weights.iter().zip(&ln_likelihood).map(|(w, value)| w + value).collect();
        let lpd = ln_sum_exp(&ln_likelihood) - (draws.len() as f64).ln();
        (ln_sum_exp(&left_out), lpd, smoothed)
    };
    let found: Vec<_> = (0..readings).into_par_iter().map(of_reading).collect();
    let mut loo = Loo { elpd: Vec::new(), lpd: Vec::new(), k_hat: Vec::new(), draws, ln_weights: Vec::new() };
    for (elpd, lpd, smoothed) in found {
        // No draw says nothing, and not that the reading is impossible.
        let known = !loo.draws.is_empty();
        loo.elpd.push(if known { elpd } else { f64::NAN });
        loo.lpd.push(if known { lpd } else { f64::NAN });
        loo.k_hat.push(smoothed.k_hat);
        loo.ln_weights.push(smoothed.ln_weights);
    }
    loo
}

impl Loo {
    /// Sum over the readings.
    pub fn total(&self) -> Elpd {
        Elpd::of(&[self])
    }

    /// Readings with k̂ above 0.7 or without one: their elpd and PIT cannot be relied on.
    pub fn unreliable(&self) -> usize {
        self.k_hat.iter().filter(|k_hat| k_hat.is_nan() || **k_hat > WORST_K_HAT).count()
    }

    /// LOO-PIT of each reading: the probability, given all others, of a replicate at or below it (Gelfand 1992).
    ///
    /// `replicates` are those of the draws given to [`loo`], `[draw, reading]`. Uniform where readings are predicted as
    /// well as the model says. NaN for a reading that has no replicate or no weights.
    pub fn pit(&self, observed: &[f64], replicates: &[f64]) -> Vec<f64> {
        let count = observed.len();
        let of_reading = |(reading, observed): (usize, &f64)| {
            let ln_weights = self.ln_weights.get(reading).filter(|weights| !weights.is_empty())?;
            let mut below = Vec::new();
            for (draw, ln_weight) in self.draws.iter().zip(ln_weights) {
                let replicate = replicates.get(draw * count + reading).filter(|replicate| !replicate.is_nan())?;
                if replicate <= observed {
                    below.push(*ln_weight);
                }
            }
            // `f64::min` would make a NaN 1.
            let probability = ln_sum_exp(&below).exp();
            Some(if probability > 1.0 { 1.0 } else { probability })
        };
        observed.iter().enumerate().map(|reading| of_reading(reading).unwrap_or(f64::NAN)).collect()
    }
}

impl Elpd {
    /// Sums over all readings of several quantities.
    pub fn of(parts: &[&Loo]) -> Self {
        let each: Vec<f64> = parts.iter().flat_map(|loo| &loo.elpd).copied().collect();
        let (count, elpd) = (each.len() as f64, each.iter().sum::<f64>());
        let squares: f64 = each.iter().map(|value| (value - elpd / count).powi(2)).sum();
        let lpd: f64 = parts.iter().flat_map(|loo| &loo.lpd).sum();
        // √(n · variance), the variance with n as in ArviZ.
        Self { elpd, se: squares.sqrt(), p_loo: lpd - elpd }
    }
}
