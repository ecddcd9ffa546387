//! Pareto-smoothed importance sampling (Vehtari, Simpson, Gelman, Yao & Gabry 2024).

/// Smoothed ln weights, up to a constant, and the shape k̂ of their tail; k̂ is infinite where the tail cannot be fitted.
///
/// The largest weights, min(n / 5, 3 √n) of them, are replaced by quantiles of a generalised Pareto distribution that is
/// fitted to them (Zhang & Stephens 2009), with a weak prior on k̂ around one half.
pub fn psis(log_ratios: &[f64]) -> (Vec<f64>, f64) {
    let count = log_ratios.len();
    let largest = log_ratios.iter().copied().filter(|ln| !ln.is_nan()).fold(f64::NEG_INFINITY, f64::max);
    if !largest.is_finite() {
        return (log_ratios.to_vec(), f64::INFINITY);
    }
    let mut ln_weights: Vec<f64> =
        log_ratios.iter().map(|ln| if ln.is_nan() { f64::NEG_INFINITY } else { ln - largest }).collect();
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by(|a, b| ln_weights[*a].total_cmp(&ln_weights[*b]));
    let tail = (0.2 * count as f64).min(3.0 * (count as f64).sqrt()).ceil() as usize;
    if tail < 5 || tail >= count {
        return (ln_weights, f64::INFINITY);
    }
    let cutoff = ln_weights[order[count - tail - 1]].max(f64::MIN_POSITIVE.ln());
    let tail: Vec<usize> = order[count - tail..].iter().copied().filter(|at| ln_weights[*at] > cutoff).collect();
    if tail.len() < 5 {
        return (ln_weights, f64::INFINITY);
    }
    let excesses: Vec<f64> = tail.iter().map(|at| ln_weights[*at].exp() - cutoff.exp()).collect();
    let (k, sigma) = generalised_pareto(&excesses);
    if k.is_finite() && sigma.is_finite() {
        for (rank, at) in tail.iter().enumerate() {
            let p = (rank as f64 + 0.5) / tail.len() as f64;
            let quantile =
                if k.abs() < 1e-12 { -sigma * (-p).ln_1p() } else { sigma * (-k * (-p).ln_1p()).exp_m1() / k };
            ln_weights[*at] = (quantile + cutoff.exp()).ln().min(0.0);
        }
    }
    (ln_weights, k)
}

/// Shape and scale of sorted excesses, by the posterior mean of Zhang & Stephens.
fn generalised_pareto(sorted: &[f64]) -> (f64, f64) {
    let count = sorted.len() as f64;
    let grid = 30 + (count.sqrt() as usize);
    let quartile = sorted[((count / 4.0 + 0.5) as usize).max(1) - 1];
    let last = sorted[sorted.len() - 1];
    let shape = |b: f64| sorted.iter().map(|x| (-b * x).ln_1p()).sum::<f64>() / count;
    let candidates: Vec<f64> = (1..=grid)
        .map(|at| (1.0 - (grid as f64 / (at as f64 - 0.5)).sqrt()) / (3.0 * quartile) + last.recip())
        .collect();
    let ln_likelihoods: Vec<f64> = candidates
        .iter()
        .map(|b| {
            let k = shape(*b);
            let ln = count * ((-b / k).ln() - k - 1.0);
            if ln.is_nan() { f64::NEG_INFINITY } else { ln }
        })
        .collect();
    let weights = super::resample::normalised(&ln_likelihoods);
    let b: f64 = candidates.iter().zip(&weights).map(|(b, weight)| b * weight).sum();
    let k = shape(b);
    let sigma = -k / b;
    ((count * k + 5.0) / (count + 10.0), sigma)
}
