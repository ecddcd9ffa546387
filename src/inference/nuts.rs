//! The No-U-Turn sampler (Hoffman & Gelman 2014), its steps divided where they must be (WALNUTS, Bou-Rabee et al. 2025), by
//! `nuts-rs`; chains in parallel.

use std::cell::Cell;
use std::rc::Rc;

use nuts_rs::{Chain, CpuMath, DiagNutsSettings, LowRankNutsSettings, SamplerStats, Settings, WalnutsOptions};
use rand::RngExt;
use rand_distr::StandardNormal;
use rayon::prelude::*;
use thiserror::Error;

use super::chains::{MemoryTrace, Trace};
use super::density::Density;
use super::draws::Draws;
use super::journal::{Forget, Journal};
use super::target::LogDensityGradient;
use crate::stats::Seed;

/// Draws that the acceptance which is told is averaged over, the latest counting most.
const OF_LATE: usize = 50;
/// How often a start without a usable gradient is moved a little before it is given up.
const START_ATTEMPTS: i32 = 8;

/// How the sampler learns the scale of the target while it warms up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// [`Metric::Diagonal`] along the axes of a normal approximation that is curved as at a mode in every direction: correlations
    /// are in the axes, and learning them again from few draws adds noise. [`Metric::LowRank`] elsewhere.
    Automatic,
    /// One scale a parameter.
    Diagonal,
    /// One scale a parameter and the directions in which that is not enough; learns correlations.
    LowRank,
}

/// Settings of [`nuts`].
#[derive(Clone, Debug, PartialEq)]
pub struct NutsSettings {
    pub chains: usize,
    /// Draws a chain that adapt step size and metric, and are dropped.
    pub warmup: usize,
    /// Draws a chain that are kept.
    pub draws: usize,
    /// Mean acceptance that the step size is adapted to, in (0, 1).
    pub target_acceptance: f64,
    /// Energy error of a step above which it is taken in two, four, eight … smaller ones, if going back would divide it
    /// alike (Bou-Rabee, Carpenter, Kleppe and Liu 2025, arXiv:2506.18746); `None` keeps every step whole.
    pub divide_above: Option<f64>,
    /// A trajectory has at most 2 to this power leapfrogs.
    pub max_tree_depth: u64,
    pub metric: Metric,
}

impl Default for NutsSettings {
    fn default() -> Self {
        Self {
            chains: 4,
            warmup: 1000,
            draws: 1000,
            // Curved ridges ask for short steps: at 0.7 to 0.85 effective draws of the worst parameter of the glucose model fall
            // faster than gradients do.
            target_acceptance: 0.9,
            divide_above: Some(1.0),
            max_tree_depth: 10,
            metric: Metric::Automatic,
        }
    }
}

/// Where a chain is; told after every draw.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    pub chain: usize,
    /// Draws done, warmup included.
    pub done: usize,
    /// Draws to do, warmup included.
    pub total: usize,
    /// Whether this draw still adapts.
    pub warmup: bool,
    /// Divergences after warmup.
    pub divergences: usize,
    /// Gradients of this chain so far, warmup included.
    pub gradients: u64,
    pub step_size: f64,
    /// Mean acceptance of late; NaN where nothing was tried.
    pub acceptance: f64,
}

/// Why no draws could be taken.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum SampleError {
    #[error("the settings of the sampler cannot work: {0}")]
    Settings(String),
    #[error("chain {chain} cannot start: {reason}")]
    Start { chain: usize, reason: String },
    #[error("chain {chain} broke off at draw {draw}: {reason}")]
    Chain { chain: usize, draw: usize, reason: String },
    #[error("run {run} broke off after stage {stage}: {reason}")]
    Stage { run: usize, stage: usize, reason: String },
}

/// Draws from a target by NUTS; positions are on the target's own scale, `[chain, draw, parameter]`.
///
/// Chain `c` begins at `starts[c % starts.len()]`, which should be spread, and must have a density. A rejected point
/// ends its trajectory as a divergence. The draws depend on target, starts, settings and seed only, not on threads.
///
/// # Errors
/// Settings that cannot work; a start without a density.
pub fn nuts<T: LogDensityGradient>(
    target: &T,
    starts: &[Vec<f64>],
    settings: &NutsSettings,
    seed: Seed,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Draws, SampleError> {
    let trace = MemoryTrace::new(settings.chains);
    let gradients = nuts_kept(target, starts, settings, seed, (&Forget, &trace), progress)?;
    Ok(trace.draws(target.dimension(), settings.max_tree_depth as i64, gradients))
}

/// [`nuts`], told by a journal what it had computed before it was killed, and telling it what it computes; draws go to the
/// trace. Returns the gradients of all chains, warmup included.
pub(super) fn nuts_kept<T: LogDensityGradient>(
    target: &T,
    starts: &[Vec<f64>],
    settings: &NutsSettings,
    seed: Seed,
    kept: (&dyn Journal, &dyn Trace),
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<u64, SampleError> {
    settings.check()?;
    let dimension = target.dimension();
    if let Some(wrong) = starts.iter().find(|start| start.len() != dimension) {
        let found = wrong.len();
        return Err(SampleError::Settings(format!("a start has {found} parameters, the target {dimension}")));
    }
    if starts.is_empty() || dimension == 0 {
        return Err(SampleError::Settings("there is no start, or no parameter to draw".into()));
    }
    let gradients: Vec<u64> = (0..settings.chains)
        .into_par_iter()
        .map(|chain| {
            let start = &starts[chain % starts.len()];
            match settings.metric {
                // The two closures differ in the type of `word` alone, which cannot be named.
                Metric::Diagonal => {
                    run(settings.diagonal(), target, start, settings, (seed, chain, kept), progress, |word| Word {
                        ln_density: word.point.logp,
                        divergent: word.divergence.diverging,
                        tree_depth: word.depth,
                        leapfrogs: word.adapt.step_size.n_steps,
                        energy: word.point.energy,
                        acceptance: word.adapt.step_size.mean_tree_accept,
                    })
                }
                Metric::LowRank | Metric::Automatic => {
                    run(settings.low_rank(), target, start, settings, (seed, chain, kept), progress, |word| Word {
                        ln_density: word.point.logp,
                        divergent: word.divergence.diverging,
                        tree_depth: word.depth,
                        leapfrogs: word.adapt.step_size.n_steps,
                        energy: word.point.energy,
                        acceptance: word.adapt.step_size.mean_tree_accept,
                    })
                }
            }
        })
        .collect::<Result<_, _>>()?;
    Ok(gradients.into_iter().sum())
}

impl NutsSettings {
    /// Refuses settings that cannot work, before any work is done.
    ///
    /// # Errors
    /// [`SampleError::Settings`] with the reason.
    pub fn check(&self) -> Result<(), SampleError> {
        let wrong = |what: &str| Err(SampleError::Settings(what.into()));
        if self.chains == 0 || self.draws == 0 {
            return wrong("at least one chain and one draw are needed");
        }
        if self.warmup < 20 {
            return wrong("the step size cannot be learnt in fewer than 20 warmup draws");
        }
        if !(self.target_acceptance > 0.0 && self.target_acceptance < 1.0) {
            return wrong("the target acceptance must lie between 0 and 1");
        }
        if self.divide_above.is_some_and(|error| !(error > 0.0 && error.is_finite())) {
            return wrong("the energy error above which steps are divided must be positive");
        }
        if !(1..=20).contains(&self.max_tree_depth) {
            return wrong("the tree depth must be at least 1 and at most 20");
        }
        Ok(())
    }

    fn walnuts(&self) -> Option<WalnutsOptions> {
        self.divide_above.map(|max_error| WalnutsOptions { max_error, ..WalnutsOptions::default() })
    }

    fn diagonal(&self) -> DiagNutsSettings {
        let mut settings = DiagNutsSettings {
            num_tune: self.warmup as u64,
            num_draws: self.draws as u64,
            maxdepth: self.max_tree_depth,
            walnuts: self.walnuts(),
            ..DiagNutsSettings::default()
        };
        settings.adapt_options.step_size_settings.target_accept = self.target_acceptance;
        settings
    }

    fn low_rank(&self) -> LowRankNutsSettings {
        let mut settings = LowRankNutsSettings {
            num_tune: self.warmup as u64,
            num_draws: self.draws as u64,
            maxdepth: self.max_tree_depth,
            walnuts: self.walnuts(),
            ..LowRankNutsSettings::default()
        };
        settings.adapt_options.step_size_settings.target_accept = self.target_acceptance;
        // Each estimate is cheap against a gradient that solves differential equations.
        settings.adapt_options.mass_matrix_update_freq = 5;
        settings
    }
}

/// What the sampler says of one draw.
struct Word {
    ln_density: f64,
    divergent: bool,
    tree_depth: u64,
    leapfrogs: u64,
    energy: f64,
    acceptance: f64,
}

impl Word {
    /// In the order of [`Statistic::ALL`](super::Statistic::ALL).
    fn numbers(&self, step_size: f64) -> [f64; 7] {
        [
            self.ln_density,
            f64::from(u8::from(self.divergent)),
            self.tree_depth as f64,
            self.leapfrogs as f64,
            self.energy,
            self.acceptance,
            step_size,
        ]
    }
}

/// The statistics of a draw that a sampler with settings `S` gives.
type Statistics<'a, S, T> =
    <<S as Settings>::Chain<CpuMath<Density<'a, T>>> as SamplerStats<CpuMath<Density<'a, T>>>>::Stats;

fn run<'a, S: Settings, T: LogDensityGradient>(
    adaptation: S,
    target: &'a T,
    start: &[f64],
    settings: &NutsSettings,
    (seed, chain, (journal, trace)): (Seed, usize, (&'a dyn Journal, &dyn Trace)),
    progress: &(dyn Fn(Progress) + Sync),
    word: impl Fn(&Statistics<'a, S, T>) -> Word,
) -> Result<u64, SampleError> {
    let gradients = Rc::new(Cell::new(0));
    let mut jitter = seed.stream("nuts start", chain as u64);
    let mut position = start.to_vec();
    let mut attempt = 0;
    let mut sampler = loop {
        let density = Density { target, workspace: target.workspace(), gradients: gradients.clone(), chain, journal };
        let mut made = adaptation
            .new_chain(chain as u64, CpuMath::new(density), &mut seed.stream("nuts", chain as u64))
            .map_err(|error| SampleError::Settings(format!("{error:#}")))?;
        match made.set_position(&position) {
            Ok(()) => break made,
            // The sampler takes its first scale from the gradient, so that it cannot start exactly on a mode.
            Err(_) if attempt < START_ATTEMPTS => {
                let scale = 1e-3 * f64::powi(4.0, attempt);
                for (position, start) in position.iter_mut().zip(start) {
                    *position = start + scale * jitter.sample::<f64, _>(StandardNormal);
                }
                attempt += 1;
            }
            Err(error) => return Err(SampleError::Start { chain, reason: format!("{error:#}") }),
        }
    };
    let total = settings.warmup + settings.draws;
    let mut divergences = 0;
    let (mut step_size, mut acceptance) = (f64::NAN, 0.0);
    for done in 1..=total {
        let (position, _, statistics, state) = sampler.expanded_draw().map_err(|error| SampleError::Chain {
            chain,
            draw: done - 1,
            reason: format!("{error:#}"),
        })?;
        let warmup = done <= settings.warmup;
        let word = word(&statistics);
        acceptance += (word.acceptance - acceptance) / done.min(OF_LATE) as f64;
        if !warmup {
            divergences += usize::from(word.divergent);
            trace.record(chain, &position, &word.numbers(step_size));
        }
        // What the sampler tells is already the step size of the next draw.
        step_size = state.step_size;
        let gradients = gradients.get();
        progress(Progress { chain, done, total, warmup, divergences, gradients, step_size, acceptance });
    }
    Ok(gradients.get())
}
