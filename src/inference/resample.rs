//! Weights of particles: their effective number, and resampling.

use rand::RngExt;

use crate::stats::Stream;

/// ln of the mean of exp; −∞ if all are.
pub(super) fn ln_mean_exp(terms: &[f64]) -> f64 {
    let largest = terms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if largest == f64::NEG_INFINITY {
        return largest;
    }
    largest + (terms.iter().map(|term| (term - largest).exp()).sum::<f64>() / terms.len() as f64).ln()
}

/// Weights that sum to 1, from their logarithms.
pub(super) fn normalised(ln_weights: &[f64]) -> Vec<f64> {
    let largest = ln_weights.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let weights: Vec<f64> =
        ln_weights.iter().map(|ln| if *ln == largest { 1.0 } else { (ln - largest).exp() }).collect();
    let sum: f64 = weights.iter().sum();
    weights.into_iter().map(|weight| weight / sum).collect()
}

/// 1 / Σ w² of weights that sum to 1 (Kish 1965).
pub(super) fn effective_number(weights: &[f64]) -> f64 {
    1.0 / weights.iter().map(|weight| weight * weight).sum::<f64>()
}

/// Indices of `count` points by systematic resampling (Kitagawa 1996): a stretch of `order` with the share w gets
/// `count` · w places, to within one.
///
/// Where `order` puts neighbours side by side, no region gains or loses more than one place by chance.
pub(super) fn systematic(weights: &[f64], order: &[usize], count: usize, stream: &mut Stream) -> Vec<usize> {
    let offset: f64 = stream.random();
    let mut chosen = Vec::with_capacity(count);
    let mut sum = 0.0;
    let mut last = None;
    for index in order.iter().copied().filter(|index| weights[*index] > 0.0) {
        sum += weights[index] * count as f64;
        while chosen.len() < count && chosen.len() as f64 + offset < sum {
            chosen.push(index);
        }
        last = Some(index);
    }
    // Rounding of the sum may leave the last place open.
    if let Some(last) = last {
        chosen.resize(count, last);
    }
    chosen
}

/// A random order of `count` things.
pub(super) fn shuffled(count: usize, stream: &mut Stream) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    for at in (1..count).rev() {
        order.swap(at, stream.random_range(0..=at));
    }
    order
}
