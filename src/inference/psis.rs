//! Pareto-smoothed importance sampling: weights whose largest values are those of a fitted tail, and k̂, its shape.
//!
//! Vehtari, Simpson, Gelman, Yao & Gabry 2024, "Pareto smoothed importance sampling", Journal of Machine Learning
//! Research 25(72); the tail by Zhang & Stephens 2009, "A new and efficient estimation method for the generalized Pareto
//! distribution", Technometrics 51(3). Computed as ArviZ does, except that ratios which are all equal have k̂ = 0: equal
//! weights are exact.

use crate::stats::ln_sum_exp;

/// Largest k̂ with which estimates by importance sampling can be relied on, however many draws there are.
pub const WORST_K_HAT: f64 = 0.7;
/// With fewer draws in the tail nothing is fitted.
const LEAST_TAIL: usize = 5;
/// Differences of ln ratios below this are rounding.
const ROUNDING: f64 = 1e-12;

/// Importance weights after smoothing.
#[derive(Clone, Debug, PartialEq)]
pub struct Smoothed {
    /// ln weight of each draw; the weights sum to 1.
    pub ln_weights: Vec<f64>,
    /// Shape of the tail of the ratios: moments of order 1 / k̂ and above do not exist. Infinite where the tail is too
    /// short to tell, and the weights are then as they were.
    pub k_hat: f64,
}

impl Smoothed {
    /// Whether estimates with these weights can be relied on; a k̂ that is NaN says no.
    pub fn reliable(&self) -> bool {
        self.k_hat <= reliable_k_hat(self.ln_weights.len())
    }

    /// Effective number of draws that the weights leave, 1 / Σ w² (Kong 1992).
    pub fn effective_draws(&self) -> f64 {
        1.0 / self.ln_weights.iter().map(|weight| (2.0 * weight).exp()).sum::<f64>()
    }
}

/// Largest k̂ to rely on with this many draws: min(1 − 1 / log₁₀ S, 0.7) (Vehtari et al. 2024, section 3.2.4).
pub fn reliable_k_hat(draws: usize) -> f64 {
    (1.0 - 1.0 / (draws as f64).log10()).min(WORST_K_HAT)
}

/// Smooths the weights of draws given their ln importance ratios, ln target − ln proposal, up to a constant; `[draw]`.
///
/// `relative_efficiency` is the effective sample size of the draws over their number: 1 for independent ones, see
/// [`relative_efficiency`](super::relative_efficiency) for those of chains. A ratio of −∞ has no weight; with one that is
/// NaN or ∞, or with none that is finite, everything is NaN.
pub fn psis(ln_ratios: &[f64], relative_efficiency: f64) -> Smoothed {
    let largest = ln_ratios.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    // `f64::max` passes over a NaN.
    if !largest.is_finite() || ln_ratios.iter().any(|ratio| ratio.is_nan()) {
        return Smoothed { ln_weights: vec![f64::NAN; ln_ratios.len()], k_hat: f64::NAN };
    }
    let mut ln_weights: Vec<f64> = ln_ratios.iter().map(|ratio| ratio - largest).collect();
    let count = ln_weights.len() as f64;
    let tail = (count / 5.0).min(3.0 * (count / relative_efficiency).sqrt()).ceil() as usize;
    let k_hat = if tail < LEAST_TAIL {
        f64::INFINITY
    } else if ln_weights.iter().all(|weight| *weight > -ROUNDING) {
        0.0
    } else {
        smooth(&mut ln_weights, tail)
    };
    let sum = ln_sum_exp(&ln_weights);
    ln_weights.iter_mut().for_each(|weight| *weight -= sum);
    Smoothed { ln_weights, k_hat }
}

/// Replaces the about `tail` largest weights, of which the largest is ln 1, by quantiles of the distribution fitted to
/// them; returns k̂.
fn smooth(ln_weights: &mut [f64], tail: usize) -> f64 {
    let mut sorted = ln_weights.to_vec();
    let (_, cutoff, _) = sorted.select_nth_unstable_by(ln_weights.len() - tail - 1, f64::total_cmp);
    let cutoff = cutoff.max(f64::MIN_POSITIVE.ln());
    // Ties with the cutoff belong to the body, so that the tail can be shorter than asked for.
    let mut beyond: Vec<usize> = (0..ln_weights.len()).filter(|draw| ln_weights[*draw] > cutoff).collect();
    if beyond.len() < LEAST_TAIL {
        return f64::INFINITY;
    }
    beyond.sort_by(|a, b| ln_weights[*a].total_cmp(&ln_weights[*b]));
    let start = cutoff.exp();
    let excess: Vec<f64> = beyond.iter().map(|draw| ln_weights[*draw].exp() - start).collect();
    let (shape, scale) = fit_pareto(&excess);
    if shape.is_finite() && scale > 0.0 {
        for (rank, draw) in beyond.iter().enumerate() {
            let probability = (rank as f64 + 0.5) / excess.len() as f64;
            // No weight grows beyond the largest there was.
            ln_weights[*draw] = (pareto_quantile(probability, shape, scale) + start).ln().min(0.0);
        }
    }
    shape
}

/// Shape k and scale σ of a generalised Pareto distribution from 0, fitted to sorted values above 0.
///
/// The posterior mean of Zhang & Stephens 2009 over a grid, k then drawn to 0.5 as if by ten more values, which tames
/// short tails (Vehtari et al. 2024, appendix G). NaN where the values allow no fit.
pub fn fit_pareto(sorted: &[f64]) -> (f64, f64) {
    const PRIOR_SCALE: f64 = 3.0;
    const PRIOR_VALUES: f64 = 10.0;
    const PRIOR_SHAPE: f64 = 0.5;
    let Some(largest) = sorted.last() else { return (f64::NAN, f64::NAN) };
    let count = sorted.len() as f64;
    let quarter = sorted[((count / 4.0 + 0.5) as usize).saturating_sub(1)];
    // The parameter b is −k / σ with k of opposite sign to Zhang & Stephens'.
    let shape_at = |b: f64| sorted.iter().map(|x| (-b * x).ln_1p()).sum::<f64>() / count;
    let points = 30 + count.sqrt() as usize;
    let grid: Vec<f64> = (1..=points)
        .map(|i| (1.0 - (points as f64 / (i as f64 - 0.5)).sqrt()) / (PRIOR_SCALE * quarter) + 1.0 / largest)
        .collect();
    let ln_profile: Vec<f64> = grid
        .iter()
        .map(|b| {
            let shape = shape_at(*b);
            count * ((-b / shape).ln() - shape - 1.0)
        })
        .collect();
    let whole = ln_sum_exp(&ln_profile);
    let (mut mean, mut sum) = (0.0, 0.0);
    for (b, ln_profile) in grid.iter().zip(&ln_profile) {
        let weight = (ln_profile - whole).exp();
        if weight >= 10.0 * f64::EPSILON {
            mean += weight * b;
            sum += weight;
        }
    }
    let b = mean / sum;
    let shape = shape_at(b);
    let scale = -shape / b;
    ((count * shape + PRIOR_VALUES * PRIOR_SHAPE) / (count + PRIOR_VALUES), scale)
}

/// Quantile of a generalised Pareto distribution from 0.
fn pareto_quantile(probability: f64, shape: f64, scale: f64) -> f64 {
    let exponential = -(-probability).ln_1p();
    if shape.abs() < f64::EPSILON { scale * exponential } else { scale * (shape * exponential).exp_m1() / shape }
}
