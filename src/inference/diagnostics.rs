//! Convergence diagnostics of chains: rank-normalised split R̂, effective sample sizes, standard errors, E-BFMI.
//!
//! Vehtari, Gelman, Simpson, Carpenter & Bürkner 2021, "Rank-normalization, folding, and localization: an improved R̂",
//! Bayesian Analysis 16(2); computed as ArviZ does, except that constant draws have no diagnostics rather than good ones.
//! Chains are `[chain][draw]`, all equally long. Chains with a value that is not finite, with fewer than four draws or
//! with the same value everywhere give NaN, which passes no threshold.

use super::chains::{Chains, Statistic};
use super::draws::ParameterDiagnostics;
use crate::stats::{Distribution, normal_quantile};

/// Φ(−1) and Φ(1): the ends of an interval of one standard error, to the digits that ArviZ has.
const ONE_SIGMA: [f64; 2] = [0.158_655_3, 0.841_344_7];

/// All diagnostics of one parameter.
pub fn diagnose(chains: &[Vec<f64>]) -> ParameterDiagnostics {
    let (r_hat_rank, r_hat_folded) = (r_hat_rank(chains), r_hat_folded(chains));
    ParameterDiagnostics {
        r_hat: larger(r_hat_rank, r_hat_folded),
        r_hat_rank,
        r_hat_folded,
        ess_bulk: ess_bulk(chains),
        ess_tail: ess_tail(chains),
        mcse_mean: mcse_mean(chains),
        mcse_sd: mcse_sd(chains),
        mcse_q05: mcse_quantile(chains, 0.05),
        mcse_q95: mcse_quantile(chains, 0.95),
    }
}

/// The larger of [`r_hat_rank`] and [`r_hat_folded`]; NaN for one chain.
pub fn r_hat(chains: &[Vec<f64>]) -> f64 {
    larger(r_hat_rank(chains), r_hat_folded(chains))
}

/// Rank-normalised split R̂: sees chains that differ in place; NaN for one chain.
pub fn r_hat_rank(chains: &[Vec<f64>]) -> f64 {
    if !usable(chains) || chains.len() < 2 {
        return f64::NAN;
    }
    potential_scale_reduction(&normal_scores(&split(chains)))
}

/// Rank-normalised split R̂ of the distances from the median: sees chains that differ in width; NaN for one chain.
pub fn r_hat_folded(chains: &[Vec<f64>]) -> f64 {
    if !usable(chains) || chains.len() < 2 {
        return f64::NAN;
    }
    let split = split(chains);
    let median = quantile(&sorted(&split), 0.5);
    let folded: Vec<Vec<f64>> = split.iter().map(|chain| chain.iter().map(|x| (x - median).abs()).collect()).collect();
    potential_scale_reduction(&normal_scores(&folded))
}

/// Effective sample size of the rank-normalised draws.
pub fn ess_bulk(chains: &[Vec<f64>]) -> f64 {
    if !usable(chains) {
        return f64::NAN;
    }
    effective_sample_size(&normal_scores(&split(chains)))
}

/// The smaller of the effective sample sizes of the 5 % and the 95 % quantile.
pub fn ess_tail(chains: &[Vec<f64>]) -> f64 {
    let (low, high) = (ess_quantile(chains, 0.05), ess_quantile(chains, 0.95));
    if low.is_nan() || high.is_nan() { f64::NAN } else { low.min(high) }
}

/// Effective sample size of the mean.
pub fn ess_mean(chains: &[Vec<f64>]) -> f64 {
    if usable(chains) { effective_sample_size(&split(chains)) } else { f64::NAN }
}

/// Effective sample size of a quantile: that of the indicator of draws up to it.
pub fn ess_quantile(chains: &[Vec<f64>], probability: f64) -> f64 {
    if !usable(chains) {
        return f64::NAN;
    }
    let quantile = quantile(&sorted(chains), probability);
    let below: Vec<Vec<f64>> =
        chains.iter().map(|chain| chain.iter().map(|x| f64::from(u8::from(*x <= quantile))).collect()).collect();
    effective_sample_size(&split(&below))
}

/// Monte Carlo standard error of the mean, in the unit of the draws.
pub fn mcse_mean(chains: &[Vec<f64>]) -> f64 {
    let all: Vec<f64> = chains.concat();
    (variance(&all) / ess_mean(chains)).sqrt()
}

/// Monte Carlo standard error of the standard deviation, in the unit of the draws: by the variance of the squared
/// distances from the mean, with their own effective sample size, and the delta method.
pub fn mcse_sd(chains: &[Vec<f64>]) -> f64 {
    if !usable(chains) {
        return f64::NAN;
    }
    let centre = mean(&chains.concat());
    let squares: Vec<Vec<f64>> =
        chains.iter().map(|chain| chain.iter().map(|x| (x - centre).powi(2)).collect()).collect();
    // Two values at the same distance leave nothing to be uncertain about.
    let size = if usable(&squares) { effective_sample_size(&split(&squares)) } else { f64::INFINITY };
    let all = squares.concat();
    let second = mean(&all);
    let fourth = mean(&all.iter().map(|square| square * square).collect::<Vec<f64>>());
    ((fourth - second * second).max(0.0) / size / second / 4.0).sqrt()
}

/// Monte Carlo standard error of a quantile, in the unit of the draws: half the distance between the draws at the ends of
/// a 68 % interval of its probability, which is Beta by its effective sample size (Vehtari et al. 2021, section 4.4).
pub fn mcse_quantile(chains: &[Vec<f64>], probability: f64) -> f64 {
    let size = ess_quantile(chains, probability);
    if size.is_nan() {
        return f64::NAN;
    }
    let beta =
        Distribution::Beta { alpha: size * probability + 1.0, beta: size * (1.0 - probability) + 1.0, scale: 1.0 };
    let sorted = sorted(chains);
    let last = sorted.len() - 1;
    let [low, high] = ONE_SIGMA.map(|p| beta.quantile(p) * sorted.len() as f64 - 1.0);
    // Casts saturate at 0.
    let (low, high) = (low.floor() as usize, high.ceil() as usize);
    (sorted[high.min(last)] - sorted[low.min(last)]) / 2.0
}

/// Standard error of the mean from the spread between independent chains alone; NaN for one chain.
///
/// Right for draws that are not in the order of time, such as particles; its own relative error is 1 / √(2 (chains − 1)).
pub fn mcse_between(chains: &[Vec<f64>]) -> f64 {
    let means: Vec<f64> = chains.iter().map(|chain| mean(chain)).collect();
    (variance(&means) / means.len() as f64).sqrt()
}

/// Energy Bayesian fraction of missing information of each chain (Betancourt 2016), NaN where energies are constant.
pub fn e_bfmi(draws: &(impl Chains + ?Sized)) -> Vec<f64> {
    let of = |energy: &[f64]| {
        if energy.len() < 2 {
            return f64::NAN;
        }
        let steps = energy.windows(2).map(|pair| (pair[1] - pair[0]).powi(2)).sum::<f64>();
        steps / (energy.len() - 1) as f64 / variance(energy)
    };
    let [_, length, _] = draws.shape();
    draws.statistic(Statistic::Energy).unwrap_or_default().chunks(length.max(1)).map(of).collect()
}

/// `f64::max` would hide a NaN.
fn larger(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() { f64::NAN } else { a.max(b) }
}

/// Whether there is anything to compute a diagnostic from.
fn usable(chains: &[Vec<f64>]) -> bool {
    let Some(first) = chains.first().and_then(|chain| chain.first()) else { return false };
    let length = chains[0].len();
    length >= 4
        && chains.iter().all(|chain| chain.len() == length && chain.iter().all(|x| x.is_finite()))
        && chains.iter().flatten().any(|x| x != first)
}

/// First and last half of each chain; the middle draw of an odd number is left out.
fn split(chains: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let half = chains[0].len() / 2;
    let first = chains.iter().map(|chain| chain[..half].to_vec());
    first.chain(chains.iter().map(|chain| chain[chain.len() - half..].to_vec())).collect()
}

/// Normal quantiles of the ranks among all draws (Blom 1958), equal draws sharing their mean rank.
fn normal_scores(chains: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let length = chains[0].len();
    let all: Vec<f64> = chains.concat();
    let mut order: Vec<usize> = (0..all.len()).collect();
    order.sort_by(|a, b| all[*a].total_cmp(&all[*b]));
    let mut scores = vec![0.0; all.len()];
    let mut from = 0;
    while from < order.len() {
        let ties = order[from..].iter().take_while(|index| all[**index] == all[order[from]]).count();
        let rank = from as f64 + (ties as f64 + 1.0) / 2.0;
        let score = normal_quantile((rank - 0.375) / (all.len() as f64 + 0.25));
        order[from..from + ties].iter().for_each(|index| scores[*index] = score);
        from += ties;
    }
    scores.chunks(length).map(<[f64]>::to_vec).collect()
}

/// √(posterior variance estimated from all chains / mean variance within chains).
fn potential_scale_reduction(chains: &[Vec<f64>]) -> f64 {
    let draws = chains[0].len() as f64;
    let means: Vec<f64> = chains.iter().map(|chain| mean(chain)).collect();
    let within = chains.iter().map(|chain| variance(chain)).sum::<f64>() / chains.len() as f64;
    let between = draws * variance(&means);
    ((between / within + draws - 1.0) / draws).sqrt()
}

/// Effective sample size by Geyer's initial monotone sequence over the autocorrelation of all chains together.
fn effective_sample_size(chains: &[Vec<f64>]) -> f64 {
    let (count, draws) = (chains.len(), chains[0].len());
    let size = (count * draws) as f64;
    let first = chains[0][0];
    if chains.iter().flatten().all(|x| *x == first) {
        // An indicator that never changes is known exactly.
        return size;
    }
    let means: Vec<f64> = chains.iter().map(|chain| mean(chain)).collect();
    let centred: Vec<Vec<f64>> =
        chains.iter().zip(&means).map(|(chain, mean)| chain.iter().map(|x| x - mean).collect()).collect();
    let covariance = |lag: usize| {
        let one = |chain: &Vec<f64>| chain[lag..].iter().zip(chain).map(|(a, b)| a * b).sum::<f64>();
        centred.iter().map(one).sum::<f64>() / size
    };
    let within = covariance(0) * draws as f64 / (draws as f64 - 1.0);
    let mut total = covariance(0);
    if count > 1 {
        total += variance(&means);
    }
    let correlation = |lag: usize| 1.0 - (within - covariance(lag)) / total;
    let mut rho = vec![0.0; draws + 2];
    let (mut even, mut odd) = (1.0, correlation(1));
    (rho[0], rho[1]) = (even, odd);
    // Pairs of neighbouring lags, for as long as their sum is positive.
    let mut lag = 1;
    while lag + 3 < draws && even + odd > 0.0 {
        (even, odd) = (correlation(lag + 1), correlation(lag + 2));
        if even + odd >= 0.0 {
            (rho[lag + 1], rho[lag + 2]) = (even, odd);
        }
        lag += 2;
    }
    // rho[..used] count twice, rho[used] once.
    let used = lag - 1;
    if even > 0.0 {
        rho[used] = even;
    }
    // … and made to decrease.
    let mut lag = 1;
    while lag + 3 <= used {
        if rho[lag + 1] + rho[lag + 2] > rho[lag - 1] + rho[lag] {
            rho[lag + 1] = (rho[lag - 1] + rho[lag]) / 2.0;
            rho[lag + 2] = rho[lag + 1];
        }
        lag += 2;
    }
    if rho.iter().any(|x| x.is_nan()) {
        return f64::NAN;
    }
    let time = -1.0 + 2.0 * rho[..used].iter().sum::<f64>() + rho[used];
    size / time.max(1.0 / size.log10())
}

/// Quantile of sorted values by linear interpolation (type 7 of Hyndman & Fan 1996).
fn quantile(sorted: &[f64], probability: f64) -> f64 {
    let at = (sorted.len() - 1) as f64 * probability;
    let below = at.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    let part = at - below as f64;
    (1.0 - part) * sorted[below] + part * sorted[above]
}

fn sorted(chains: &[Vec<f64>]) -> Vec<f64> {
    let mut all: Vec<f64> = chains.concat();
    all.sort_by(f64::total_cmp);
    all
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Variance with n − 1.
fn variance(values: &[f64]) -> f64 {
    let mean = mean(values);
    values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (values.len() as f64 - 1.0)
}
