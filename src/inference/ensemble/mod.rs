//! Ensembles of walkers that need no gradient: stretches (Goodman & Weare 2010) and differences of walkers.

mod moves;

use rand::RngExt;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::blocks;
use super::draws::Draws;
use super::nuts::{Progress, SampleError};
use super::target::{LogDensity, Rejection};
use crate::stats::{Seed, Stream};
use moves::{Proposal, propose};

/// Settings of [`ensemble`]; the shares of the moves sum to anything above 0.
#[derive(Clone, Debug, PartialEq)]
pub struct EnsembleSettings {
    /// Independent ensembles, the `chains` of the draws.
    pub ensembles: usize,
    /// Walkers of an ensemble: even, and at least twice as many as parameters and one.
    pub walkers: usize,
    /// Steps of every walker that adapt, and are dropped.
    pub warmup: usize,
    /// Steps of every walker that are kept.
    pub draws: usize,
    /// Steps for each that is kept.
    pub thin: usize,
    /// Share of stretches (Goodman & Weare 2010); they slow down above some ten parameters.
    pub stretch: f64,
    /// Share of differences of two other walkers (ter Braak 2006; Nelson, Ford & Payne 2014).
    pub difference: f64,
    /// Share of snooker moves (ter Braak & Vrugt 2008).
    pub snooker: f64,
}

impl Default for EnsembleSettings {
    fn default() -> Self {
        Self {
            ensembles: 4,
            walkers: 64,
            warmup: 1000,
            draws: 100,
            thin: 10,
            stretch: 0.2,
            difference: 0.7,
            snooker: 0.1,
        }
    }
}

impl EnsembleSettings {
    /// Refuses settings that cannot work, before any work is done.
    ///
    /// # Errors
    /// [`SampleError::Settings`] with the reason.
    pub fn check(&self) -> Result<(), SampleError> {
        let wrong = |what: &str| Err(SampleError::Settings(what.into()));
        if self.ensembles == 0 || self.draws == 0 || self.thin == 0 {
            return wrong("at least one ensemble, one draw and a thinning of one are needed");
        }
        if self.walkers < 6 || self.walkers % 2 == 1 {
            return wrong("an even number of walkers is needed, at least six");
        }
        let shares = [self.stretch, self.difference, self.snooker];
        if !shares.iter().all(|share| share.is_finite() && *share >= 0.0) || shares.iter().sum::<f64>() == 0.0 {
            return wrong("the shares of the moves must be at least 0, and one above 0");
        }
        Ok(())
    }
}

/// What the ensembles say of themselves; every list is one an ensemble.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EnsembleReport {
    /// Mean acceptance after warmup.
    pub acceptance: Vec<f64>,
    /// Learnt length of differences, 1 for 2.38 / √(2 · parameters).
    pub step_size: Vec<f64>,
    /// How often a walker that was lost was put to another's place while warming up.
    pub replaced: Vec<usize>,
    /// Densities in all.
    pub values: u64,
}

/// Draws from a target by its values alone, `[ensemble, walker after walker, parameter]`.
///
/// Walker `w` of ensemble `e` begins at start number `e · walkers + w`, counted round; starts should be spread, and at
/// least as many as walkers. Half of the walkers move at a time, in blocks of lanes, by what the other half is. The draws
/// of a chain are those of its first walker in the order of time, then those of its second, and so on: effective sample
/// sizes see how long a walker remembers, R̂ compares ensembles and halves of their walkers. The draws depend on target,
/// starts, settings and seed only, not on threads.
///
/// # Errors
/// Settings that cannot work; starts that have no density.
pub fn ensemble<T: LogDensity>(
    target: &T,
    starts: &[Vec<f64>],
    settings: &EnsembleSettings,
    seed: Seed,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<(Draws, EnsembleReport), SampleError> {
    settings.check()?;
    let dimension = target.dimension();
    if dimension == 0 || starts.iter().any(|start| start.len() != dimension) {
        return Err(SampleError::Settings(
            "a start has not as many parameters as the target, or there are none".into(),
        ));
    }
    if starts.len() < settings.walkers || settings.walkers < 2 * (dimension + 1) {
        let reason = format!(
            "{} walkers need as many starts ({} were given), and must be at least {}",
            settings.walkers,
            starts.len(),
            2 * (dimension + 1)
        );
        return Err(SampleError::Settings(reason));
    }
    let runs: Vec<Run> = (0..settings.ensembles)
        .into_par_iter()
        .map(|index| run(target, starts, settings, seed, index, progress))
        .collect::<Result<_, _>>()?;
    let (mut values, mut ln_density) = (Vec::new(), Vec::new());
    for run in &runs {
        for walker in 0..settings.walkers {
            for (at, ln) in run.kept.iter().skip(walker).step_by(settings.walkers) {
                values.extend_from_slice(at);
                ln_density.push(*ln);
            }
        }
    }
    let report = EnsembleReport {
        acceptance: runs.iter().map(|run| run.acceptance).collect(),
        step_size: runs.iter().map(|run| run.step_size).collect(),
        replaced: runs.iter().map(|run| run.replaced).collect(),
        values: runs.iter().map(|run| run.values).sum(),
    };
    Ok((Draws::without_trajectories(settings.ensembles, dimension, values, ln_density), report))
}

/// One ensemble at its end.
struct Run {
    /// Positions with ln density, `[step][walker]`.
    kept: Vec<(Vec<f64>, f64)>,
    acceptance: f64,
    step_size: f64,
    replaced: usize,
    values: u64,
}

/// Acceptance of differences that their length is adapted to.
const ACCEPTANCE: f64 = 0.25;
/// Lost walkers are looked for this often, in the first four fifths of the warmup.
const SEARCHES: usize = 10;
/// A walker is lost this many quartile ranges of ln density below the lower quartile (as in Vrugt et al. 2009).
const LOST: f64 = 4.0;

fn run<T: LogDensity>(
    target: &T,
    starts: &[Vec<f64>],
    settings: &EnsembleSettings,
    seed: Seed,
    index: usize,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Run, SampleError> {
    let walkers = settings.walkers;
    let evaluate = |points: &[Vec<f64>]| {
        blocks::ln_densities(points, target.lanes(), || target.workspace(), |w, block| target.ln_densities(w, block))
    };
    let begin: Vec<Vec<f64>> = (0..walkers).map(|w| starts[(index * walkers + w) % starts.len()].clone()).collect();
    let densities = evaluate(&begin);
    if !densities.iter().any(|density| density.as_ref().is_ok_and(|ln| ln.is_finite())) {
        let why = densities.iter().find_map(|density| density.as_ref().err().map(Rejection::to_string));
        let reason = why.unwrap_or_else(|| "the density is zero at every start".into());
        return Err(SampleError::Start { chain: index, reason });
    }
    let densities = densities.into_iter().map(|density| density.unwrap_or(f64::NEG_INFINITY));
    let mut places: Vec<(Vec<f64>, f64)> = begin.into_iter().zip(densities).collect();
    let total = settings.warmup + settings.draws * settings.thin;
    let mut replaced = 0;
    if settings.warmup == 0 {
        let mut stream = seed.stream(&format!("ensemble lost {index}"), 0);
        replaced = replace_lost(&mut places, f64::INFINITY, &mut stream);
    }
    let mut run = Run { kept: Vec::new(), acceptance: 0.0, step_size: 1.0, replaced, values: walkers as u64 };
    for step in 0..total {
        let warmup = step < settings.warmup;
        let (mut accepted, mut tried) = (0.0, 0.0);
        for half in 0..2 {
            let name = format!("ensemble {index} {step}");
            let others: Vec<&[f64]> = places.iter().skip(1 - half).step_by(2).map(|(at, _)| at.as_slice()).collect();
            let propose = |walker: usize| {
                let mut stream = seed.stream(&name, walker as u64);
                propose(&places[walker].0, &others, settings, run.step_size, &mut stream)
            };
            let mine: Vec<usize> = (half..walkers).step_by(2).collect();
            let proposals: Vec<Proposal> = mine.iter().map(|walker| propose(*walker)).collect();
            let points: Vec<Vec<f64>> = proposals.iter().map(|proposal| proposal.to.clone()).collect();
            for ((walker, proposal), density) in mine.into_iter().zip(proposals).zip(evaluate(&points)) {
                let ln = density.unwrap_or(f64::NEG_INFINITY);
                // A walker without a density takes any place that has one.
                let gain = ln - places[walker].1 + proposal.ln_factor;
                let acceptance = if ln.is_finite() { gain.exp().min(1.0) } else { 0.0 };
                if proposal.adapted {
                    accepted += acceptance;
                    tried += 1.0;
                }
                if !warmup {
                    run.acceptance += acceptance / ((total - settings.warmup) * walkers) as f64;
                }
                if proposal.level < acceptance {
                    places[walker] = (proposal.to, ln);
                }
            }
        }
        run.values += walkers as u64;
        if warmup {
            if tried > 0.0 {
                let gain = ((step + 1) as f64).powf(-0.5);
                run.step_size = (run.step_size * (gain * (accepted / tried - ACCEPTANCE)).exp()).clamp(0.05, 3.0);
            }
            let every = (settings.warmup / SEARCHES).max(1);
            let last = step + 1 == settings.warmup;
            if last || (step + 1) % every == 0 && 5 * step < 4 * settings.warmup {
                let mut stream = seed.stream(&format!("ensemble lost {index}"), step as u64);
                run.replaced += replace_lost(&mut places, if last { f64::INFINITY } else { LOST }, &mut stream);
            }
        } else if (step + 1 - settings.warmup).is_multiple_of(settings.thin) {
            run.kept.extend(places.iter().cloned());
        }
        progress(Progress {
            chain: index,
            done: step + 1,
            total,
            warmup,
            divergences: 0,
            gradients: run.values,
            step_size: run.step_size,
            acceptance: accepted / tried,
        });
    }
    Ok(run)
}

/// Puts walkers that have no density, or far too little, to the place of others; how many.
fn replace_lost(places: &mut [(Vec<f64>, f64)], ranges: f64, stream: &mut Stream) -> usize {
    let mut sorted: Vec<f64> = places.iter().map(|(_, ln)| *ln).filter(|ln| ln.is_finite()).collect();
    if sorted.is_empty() {
        return 0;
    }
    sorted.sort_by(f64::total_cmp);
    let (lower, upper) = (sorted[sorted.len() / 4], sorted[3 * sorted.len() / 4]);
    let least = if ranges.is_finite() { lower - ranges * (upper - lower).max(1.0) } else { f64::MIN };
    let good: Vec<(Vec<f64>, f64)> = places.iter().filter(|(_, ln)| *ln >= least).cloned().collect();
    let mut replaced = 0;
    for place in places.iter_mut().filter(|(_, ln)| *ln < least) {
        *place = good[stream.random_range(0..good.len())].clone();
        replaced += 1;
    }
    replaced
}
