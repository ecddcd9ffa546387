//! Are the ranks of true values among posterior draws uniform, as those of a right posterior are? Simulation-based calibration.
//!
//! Talts, Betancourt, Simpson, Vehtari & Gelman 2018, "Validating Bayesian inference algorithms with simulation-based
//! calibration", arXiv:1804.06788; Modrák et al. 2023, doi:10.1214/23-BA1404, for test quantities that depend on the data;
//! Säilynoja, Bürkner & Vehtari 2022, doi:10.1007/s11222-022-10090-6, for bands that an ECDF leaves nowhere.

use rand::RngExt;

use super::diagnostics::{ess_bulk, ess_tail};
use crate::stats::{Stream, normal_quantile};

/// Share of checks of right posteriors that pass.
pub const CONFIDENCE: f64 = 0.95;

/// Where the truth stands among draws.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThinnedRank {
    /// Draws below the truth: 0 to the largest rank.
    pub rank: usize,
    /// Draws that were nearly independent and were compared, at most as many as the largest rank.
    pub draws: usize,
}

/// The rank of `truth` among `largest` nearly independent ones of the draws, `[chain][draw]`.
///
/// Draws are taken at even distances, as many as the smaller of their bulk and tail effective sample sizes. Where these are
/// fewer, the rank among them is spread at random over the ranks that it stands for, which leaves uniform ranks uniform.
pub fn thinned_rank(truth: f64, chains: &[Vec<f64>], largest: usize, stream: &mut Stream) -> ThinnedRank {
    let all: Vec<f64> = chains.concat();
    // NaN, as of draws that are all the same, becomes 0.
    let independent = ess_bulk(chains).min(ess_tail(chains)) as usize;
    let draws = independent.clamp(1, largest.max(1)).min(all.len().max(1));
    let kept = (0..draws).filter_map(|number| all.get((2 * number + 1) * all.len() / (2 * draws)));
    let below = kept.filter(|draw| **draw < truth).count();
    let rank = if draws == largest {
        below
    } else {
        let share = (below as f64 + stream.random::<f64>()) / (draws as f64 + 1.0);
        ((share * (largest as f64 + 1.0)) as usize).min(largest)
    };
    ThinnedRank { rank, draws }
}

/// Simultaneous bands of how many of some uniform ranks lie below k, for every k from 1 to the largest rank.
#[derive(Clone, Debug, PartialEq)]
pub struct RankBand {
    /// Ranks, one a simulation.
    pub simulations: usize,
    /// Probability that uniform ranks stay inside everywhere: the least possible that is not below what was asked for.
    pub coverage: f64,
    /// Fewest ranks below k that are inside, from k = 1.
    pub low: Vec<usize>,
    /// Most ranks below k that are inside, from k = 1.
    pub high: Vec<usize>,
}

impl RankBand {
    fn of(walk: &Walk, confidence: f64) -> Self {
        // ln of the largest tail probability that leaves enough inside; coverage falls in steps as it grows.
        let (mut low, mut high) = ((1e-14_f64).ln(), 0.0);
        for _ in 0..40 {
            let middle = 0.5 * (low + high);
            if walk.coverage(f64::exp(middle)) >= confidence { low = middle } else { high = middle }
        }
        let inside: Vec<(usize, usize)> = walk.tails.iter().map(|tails| inside(tails, low.exp())).collect();
        Self {
            simulations: walk.simulations,
            coverage: walk.coverage(low.exp()),
            low: inside.iter().map(|(low, _)| *low).collect(),
            high: inside.iter().map(|(_, high)| *high).collect(),
        }
    }

    /// The band as differences of ECDFs from that of uniform ranks: `(low, high)` from k = 1, at k / (largest rank + 1).
    pub fn differences(&self) -> Vec<(f64, f64)> {
        let share = |count: usize, k: usize| difference(count, self.simulations, k, self.low.len());
        self.low.iter().zip(&self.high).zip(1..).map(|((low, high), k)| (share(*low, k), share(*high, k))).collect()
    }
}

/// ECDF at k / (largest + 1) less the uniform one.
fn difference(below: usize, simulations: usize, k: usize, largest: usize) -> f64 {
    below as f64 / simulations.max(1) as f64 - k as f64 / (largest as f64 + 1.0)
}

/// How ranks are not uniform, as what the draws are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Departure {
    BiasedLow,
    BiasedHigh,
    /// Narrower than they should be: over-confident.
    UnderDispersed,
    /// Wider than they should be.
    OverDispersed,
    /// Neither place nor width, but the shape.
    Shape,
}

impl Departure {
    /// In words, after "the draws are".
    pub fn words(self) -> &'static str {
        match self {
            Self::BiasedLow => "biased low",
            Self::BiasedHigh => "biased high",
            Self::UnderDispersed => "under-dispersed (too narrow)",
            Self::OverDispersed => "over-dispersed (too wide)",
            Self::Shape => "of another shape",
        }
    }
}

/// The ranks of one quantity.
#[derive(Clone, Debug, PartialEq)]
pub struct RankResult {
    /// Exact p-value of the largest departure of the ECDF from uniform, over all k.
    pub p_value: f64,
    /// Whether the ECDF stays within the band of this quantity alone.
    pub within_band: bool,
    /// Whether it stays within the band of all quantities at once.
    pub passed: bool,
    /// Mean of ranks between 0 and 1; 0.5 where the draws are not biased.
    pub mean: f64,
    /// Spread of ranks around 0.5 in that of uniform ones: above 1 the draws are too narrow.
    pub spread: f64,
    /// ECDF less the uniform one at k / (largest rank + 1), from k = 1.
    pub differences: Vec<f64>,
    /// In which ways the ranks depart from uniform; empty where this quantity passed.
    pub departures: Vec<Departure>,
}

/// The ranks of all quantities, and whether they pass together.
#[derive(Clone, Debug, PartialEq)]
pub struct RankCheck {
    /// In the order in which they were given.
    pub quantities: Vec<RankResult>,
    /// Of one quantity, at 95 %.
    pub band: RankBand,
    /// Of all quantities at once, at 95 % or more however they depend on each other (Bonferroni).
    pub joint_band: RankBand,
    pub passed: bool,
}

impl RankCheck {
    /// Judges ranks `[quantity][simulation]` from 0 to `largest`; none pass.
    pub fn of(ranks: &[Vec<usize>], largest: usize) -> Self {
        let simulations = ranks.first().map_or(0, Vec::len);
        let walk = Walk::new(simulations, largest);
        let band = RankBand::of(&walk, CONFIDENCE);
        let joint_band = RankBand::of(&walk, 1.0 - (1.0 - CONFIDENCE) / ranks.len().max(1) as f64);
        let quantities: Vec<RankResult> =
            ranks.iter().map(|ranks| result(ranks, largest, &walk, [&band, &joint_band])).collect();
        let passed = quantities.iter().all(|quantity| quantity.passed);
        Self { quantities, band, joint_band, passed }
    }
}

fn result(ranks: &[usize], largest: usize, walk: &Walk, bands: [&RankBand; 2]) -> RankResult {
    let below: Vec<usize> = (1..=largest).map(|k| ranks.iter().filter(|rank| **rank < k).count()).collect();
    let within = |band: &RankBand| {
        below.iter().zip(band.low.iter().zip(&band.high)).all(|(below, (low, high))| (low..=high).contains(&below))
    };
    let passed = within(bands[1]);
    let count = ranks.len().max(1) as f64;
    let places: Vec<f64> = ranks.iter().map(|rank| (*rank as f64 + 0.5) / (largest as f64 + 1.0)).collect();
    let mean = places.iter().sum::<f64>() / count;
    let square = places.iter().map(|place| (place - 0.5).powi(2)).sum::<f64>() / count;
    let (bias, width) = of_normal_scores(&places, largest);
    let departures = if passed { Vec::new() } else { departures(bias, width) };
    RankResult {
        p_value: walk.p_value(&below),
        within_band: within(bands[0]),
        passed,
        mean,
        spread: (12.0 * square).sqrt(),
        differences: below.iter().zip(1..).map(|(below, k)| difference(*below, ranks.len(), k, largest)).collect(),
        departures,
    }
}

/// Mean and variance of the normal scores of ranks, less those of uniform ranks, in standard errors: what is biased without
/// another width leaves the variance as it is, which of the ranks themselves it does not.
fn of_normal_scores(places: &[f64], largest: usize) -> (f64, f64) {
    let count = places.len().max(1) as f64;
    let scores: Vec<f64> = places.iter().map(|place| normal_quantile(*place)).collect();
    let mean = scores.iter().sum::<f64>() / count;
    let variance = scores.iter().map(|score| (score - mean).powi(2)).sum::<f64>() / count;
    let ranks = largest as f64 + 1.0;
    let uniform = (0..=largest).map(|rank| normal_quantile((rank as f64 + 0.5) / ranks).powi(2)).sum::<f64>() / ranks;
    (mean * (count / uniform).sqrt(), (variance / uniform - 1.0) * (count / 2.0).sqrt())
}

/// What stands out: more than 2 standard errors, and not a mere shadow of the other.
fn departures(bias: f64, width: f64) -> Vec<Departure> {
    let stands_out = |this: f64, other: f64| this.abs() > 2.0 && this.abs() > 0.5 * other.abs();
    let mut found = Vec::new();
    if stands_out(bias, width) {
        // The truth above its draws: they are too low.
        found.push(if bias > 0.0 { Departure::BiasedLow } else { Departure::BiasedHigh });
    }
    if stands_out(width, bias) {
        found.push(if width > 0.0 { Departure::UnderDispersed } else { Departure::OverDispersed });
    }
    if found.is_empty() {
        found.push(Departure::Shape);
    }
    found
}

/// How many of n uniform ranks lie below k, as k goes from 1 to the largest: a Markov chain with binomial steps, whose law
/// is summed exactly.
struct Walk {
    simulations: usize,
    /// Possible ranks.
    ranks: usize,
    /// Two-sided binomial tail probability of each count, `[k − 1][count]`.
    tails: Vec<Vec<f64>>,
    /// ln n!
    ln_factorial: Vec<f64>,
}

impl Walk {
    fn new(simulations: usize, largest: usize) -> Self {
        let mut ln_factorial = vec![0.0];
        for n in 1..=simulations {
            ln_factorial.push(ln_factorial[n - 1] + (n as f64).ln());
        }
        let mut walk = Self { simulations, ranks: largest + 1, tails: Vec::new(), ln_factorial };
        for k in 1..=largest {
            let p = k as f64 / walk.ranks as f64;
            let density: Vec<f64> = (0..=simulations).map(|count| walk.binomial(simulations, count, p)).collect();
            let mut tails = density.clone();
            let (mut up_to, mut from) = (0.0, 0.0);
            density.iter().zip(&mut tails).for_each(|(density, tail)| {
                up_to += density;
                *tail = up_to;
            });
            density.iter().zip(&mut tails).rev().for_each(|(density, tail)| {
                from += density;
                *tail = 2.0 * tail.min(from);
            });
            walk.tails.push(tails);
        }
        walk
    }

    fn binomial(&self, of: usize, count: usize, p: f64) -> f64 {
        let choose = self.ln_factorial[of] - self.ln_factorial[count] - self.ln_factorial[of - count];
        (choose + count as f64 * p.ln() + (of - count) as f64 * (-p).ln_1p()).exp()
    }

    /// Probability that every count has a tail probability above `tail`.
    fn coverage(&self, tail: f64) -> f64 {
        let Some(first) = self.tails.first() else { return 1.0 };
        let (mut low, mut high) = inside(first, tail);
        let p = 1.0 / self.ranks as f64;
        let mut at: Vec<f64> = (low..=high).map(|count| self.binomial(self.simulations, count, p)).collect();
        for (k, tails) in self.tails.iter().enumerate().skip(1) {
            // A rank that is not below k is k itself with this probability.
            let p = 1.0 / (self.ranks - k) as f64;
            let (next_low, next_high) = inside(tails, tail);
            let mut next = vec![0.0; (next_high + 1).saturating_sub(next_low)];
            for (count, probability) in (low..=high).zip(&at) {
                let left = self.simulations - count;
                let fewest = next_low.saturating_sub(count);
                if fewest > left {
                    continue;
                }
                let mut step = probability * self.binomial(left, fewest, p);
                for more in fewest..=left.min(next_high.saturating_sub(count)) {
                    if count + more > next_high {
                        break;
                    }
                    next[count + more - next_low] += step;
                    step *= (left - more) as f64 / (more + 1) as f64 * p / (1.0 - p);
                }
            }
            (low, high, at) = (next_low, next_high, next);
        }
        at.iter().sum::<f64>().min(1.0)
    }

    /// Probability of a least tail probability as small as that of these counts; 1 of no simulation.
    fn p_value(&self, below: &[usize]) -> f64 {
        let tails = self.tails.iter().zip(below).filter_map(|(tails, below)| tails.get(*below));
        let least = tails.copied().fold(f64::INFINITY, f64::min);
        if self.simulations == 0 || !least.is_finite() { 1.0 } else { (1.0 - self.coverage(least)).max(0.0) }
    }
}

/// Fewest and most counts with a tail probability above `tail`; more than most where there is none.
fn inside(tails: &[f64], tail: f64) -> (usize, usize) {
    let low = tails.iter().position(|of| *of > tail);
    let high = tails.iter().rposition(|of| *of > tail);
    low.zip(high).unwrap_or((1, 0))
}
