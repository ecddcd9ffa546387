//! Approximate Bayesian computation by population Monte Carlo (Beaumont et al. 2009, Toni et al. 2009), for simulators.

mod generation;
mod summary;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::diagnostics::mcse_between;
use super::draws::Draws;
use super::nuts::SampleError;
use super::resample::{effective_number, shuffled, systematic};
use super::stages::{StageProgress, check_kept};
use super::target::Simulator;
use crate::stats::Seed;
pub use summary::Projection;

/// How particles of one generation propose those of the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AbcKernel {
    /// Normal steps of twice the covariance of all particles (Beaumont et al. 2009).
    Global,
    /// Normal steps of a covariance of each particle's own, about the better half of them (Filippi et al. 2013).
    Local,
}

/// What is done about the distance that the last particles keep from the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AbcAdjustment {
    /// Nothing: draws are as wide as the tolerance makes them.
    None,
    /// All draws are moved together, by as much as regression moves their mean: they are no narrower for it.
    Location,
    /// Each is moved to the observed summaries by local linear regression (Beaumont et al. 2002).
    Full,
}

/// Settings of [`abc`].
#[derive(Clone, Debug, PartialEq)]
pub struct AbcSettings {
    /// Independent runs, the `chains` of the draws.
    pub runs: usize,
    /// Particles a run, its draws.
    pub particles: usize,
    /// Share of the accepted simulations that a generation keeps, the nearest ones, in (0, 1).
    pub keep: f64,
    pub kernel: AbcKernel,
    /// Whether the scales of the summaries are learnt anew in every generation (Prangle 2017), or only in the first.
    pub adaptive: bool,
    /// Simulations of a run at most.
    pub simulations: u64,
    /// A run ends after a generation that accepts less than this.
    pub least_acceptance: f64,
    /// … or whose tolerance is at most this, in scales of the summaries.
    pub tolerance: f64,
    /// Generations at most.
    pub generations: usize,
    /// Simulations from the prior by which the summaries are replaced by linear predictions of the parameters
    /// (Fearnhead & Prangle 2012); 0 keeps the summaries.
    pub pilot: usize,
    pub adjust: AbcAdjustment,
}

impl Default for AbcSettings {
    fn default() -> Self {
        Self {
            runs: 4,
            particles: 1000,
            keep: 0.5,
            kernel: AbcKernel::Global,
            adaptive: true,
            simulations: 200_000,
            least_acceptance: 0.02,
            tolerance: 0.0,
            generations: 30,
            pilot: 0,
            adjust: AbcAdjustment::Full,
        }
    }
}

impl AbcSettings {
    /// Refuses settings that cannot work, before any work is done.
    ///
    /// # Errors
    /// [`SampleError::Settings`] with the reason.
    pub fn check(&self) -> Result<(), SampleError> {
        let wrong = |what: &str| Err(SampleError::Settings(what.into()));
        if self.runs == 0 || self.particles < 10 || self.generations == 0 {
            return wrong("at least one run of ten particles and one generation are needed");
        }
        if !(self.keep > 0.0 && self.keep < 1.0) {
            return wrong("the share of accepted simulations that is kept must lie between 0 and 1");
        }
        if !(0.0..1.0).contains(&self.least_acceptance) || self.tolerance.is_nan() || self.tolerance < 0.0 {
            return wrong("the least acceptance must be at least 0 and below 1, the tolerance at least 0");
        }
        if self.simulations < (self.wanted() + self.pilot) as u64 {
            return wrong("the simulations are too few for one generation");
        }
        Ok(())
    }

    /// Simulations that a generation accepts before it keeps the nearest.
    fn wanted(&self) -> usize {
        (self.particles as f64 / self.keep).ceil() as usize
    }
}

/// One weighted particle.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AbcParticle {
    /// `[parameter]`
    pub at: Vec<f64>,
    /// `[summary]`
    pub summaries: Vec<f64>,
    /// Weights of a run sum to 1.
    pub weight: f64,
    /// From the observed summaries, in their scales.
    pub distance: f64,
}

/// What happened in one generation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AbcGeneration {
    /// Largest distance that was kept.
    pub tolerance: f64,
    /// Largest distance that the generations after accept: the tolerance, or less where too many distances tie.
    pub limit: f64,
    /// Of the simulations, under the tolerances of all generations before.
    pub acceptance: f64,
    pub simulations: u64,
    /// Effective number of the weighted particles.
    pub ess: f64,
    /// By which the summaries' differences are divided, `[summary]`.
    pub scales: Vec<f64>,
}

/// One run between two generations.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AbcRun {
    /// Of the simulator's summaries to those that are compared.
    pub projection: Option<Projection>,
    pub particles: Vec<AbcParticle>,
    pub generations: Vec<AbcGeneration>,
    /// So far, of the pilot too.
    pub simulations: u64,
    /// Why the run has ended, once it has.
    pub ended: Option<String>,
}

/// All runs between two generations: everything that [`abc_from`] needs to go on, in finite numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AbcState {
    pub runs: Vec<AbcRun>,
}

/// What the runs say of themselves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AbcReport {
    /// `[run][generation]`
    pub generations: Vec<Vec<AbcGeneration>>,
    /// Why each run ended.
    pub ended: Vec<String>,
    /// Effective number of each run's particles after the adjustment; its draws hold copies.
    pub ess: Vec<f64>,
    /// Monte Carlo standard error of each parameter's mean, from the spread between runs; no error of the tolerance.
    pub mcse_mean: Vec<f64>,
    /// Of all runs.
    pub simulations: u64,
}

/// Draws from the prior given that simulated summaries are near the observed ones, `[run, particle, parameter]`.
///
/// A generation accepts simulations that all tolerances before let pass, learns the scales of the summaries (their median
/// absolute deviations) and keeps the nearest share: its tolerance. Runs are independent, so that R̂ compares them.
/// Their ln density is not known. The draws depend on simulator, settings and seed only, not on threads.
///
/// `checkpoint` is told the state after every generation; [`abc_from`] goes on from it to the same draws.
///
/// # Errors
/// Settings that cannot work; a prior from which too few simulations succeed.
pub fn abc<T: Simulator>(
    target: &T,
    settings: &AbcSettings,
    seed: Seed,
    progress: &(dyn Fn(StageProgress) + Sync),
    checkpoint: &mut dyn FnMut(&AbcState),
) -> Result<(Draws, AbcReport), SampleError> {
    let run = AbcRun { projection: None, particles: Vec::new(), generations: Vec::new(), simulations: 0, ended: None };
    proceed(target, AbcState { runs: vec![run; settings.runs] }, settings, seed, progress, checkpoint)
}

/// [`abc`] from a state that its checkpoint was told, with the same settings and seed.
///
/// # Errors
/// As of [`abc`]; a state that is of other settings or another simulator.
pub fn abc_from<T: Simulator>(
    target: &T,
    state: AbcState,
    settings: &AbcSettings,
    seed: Seed,
    progress: &(dyn Fn(StageProgress) + Sync),
    checkpoint: &mut dyn FnMut(&AbcState),
) -> Result<(Draws, AbcReport), SampleError> {
    let points = state.runs.iter().map(|run| run.particles.iter().map(|particle| particle.at.len()).collect());
    check_kept(points.collect(), [settings.runs, settings.particles, target.dimension()])?;
    proceed(target, state, settings, seed, progress, checkpoint)
}

fn proceed<T: Simulator>(
    target: &T,
    mut state: AbcState,
    settings: &AbcSettings,
    seed: Seed,
    progress: &(dyn Fn(StageProgress) + Sync),
    checkpoint: &mut dyn FnMut(&AbcState),
) -> Result<(Draws, AbcReport), SampleError> {
    settings.check()?;
    let observed = target.observed();
    if target.dimension() == 0 || observed.is_empty() || observed.iter().any(|x| !x.is_finite()) {
        return Err(SampleError::Settings("there is no parameter, or no finite summary of the data".into()));
    }
    while state.runs.iter().any(|run| run.ended.is_none()) {
        state.runs.par_iter_mut().enumerate().filter(|(_, run)| run.ended.is_none()).try_for_each(|(index, run)| {
            generation::advance(target, run, index, settings, seed)?;
            let last = run.generations.last();
            progress(StageProgress {
                run: index,
                stage: run.generations.len(),
                level: last.map_or(f64::NAN, |last| last.tolerance),
                acceptance: last.map_or(f64::NAN, |last| last.acceptance),
                evaluations: run.simulations,
            });
            Ok(())
        })?;
        checkpoint(&state);
    }
    Ok(finish(&observed, state, target.dimension(), settings, seed))
}

/// Points moved together so that their weighted mean is this.
fn moved(mut points: Vec<Vec<f64>>, weights: &[f64], means: &[f64]) -> Vec<Vec<f64>> {
    let own = summary::means(&points, weights);
    for point in &mut points {
        point.iter_mut().zip(&own).zip(means).for_each(|((x, own), mean)| *x += mean - own);
    }
    points
}

fn finish(
    observed: &[f64],
    state: AbcState,
    dimension: usize,
    settings: &AbcSettings,
    seed: Seed,
) -> (Draws, AbcReport) {
    let (mut values, mut ess) = (Vec::new(), Vec::new());
    for (index, run) in state.runs.iter().enumerate() {
        let observed = run.projection.as_ref().map_or(observed.to_vec(), |projection| projection.of(observed));
        let plain = || run.particles.iter().map(|particle| (particle.at.clone(), particle.weight)).unzip();
        let adjusted = match settings.adjust {
            AbcAdjustment::None => None,
            _ => summary::adjusted(run, &observed, dimension),
        };
        let (points, weights) = match (settings.adjust, adjusted) {
            (AbcAdjustment::Location, Some((points, weights))) => {
                let (plain, own): (Vec<Vec<f64>>, Vec<f64>) = plain();
                (moved(plain, &own, &summary::means(&points, &weights)), own)
            }
            (_, Some(adjusted)) => adjusted,
            (_, None) => plain(),
        };
        ess.push(effective_number(&weights));
        let mut stream = seed.stream("abc draws", index as u64);
        let order = shuffled(points.len(), &mut stream);
        let chosen = systematic(&weights, &order, settings.particles, &mut stream);
        // Copies stand side by side after resampling.
        for at in shuffled(chosen.len(), &mut stream) {
            values.extend_from_slice(&points[chosen[at]]);
        }
    }
    let draws = Draws::without_trajectories(state.runs.len(), dimension, values, Vec::new());
    let report = AbcReport {
        ess,
        mcse_mean: (0..dimension).map(|parameter| mcse_between(&draws.parameter(parameter))).collect(),
        simulations: state.runs.iter().map(|run| run.simulations).sum(),
        ended: state.runs.iter().map(|run| run.ended.clone().unwrap_or_default()).collect(),
        generations: state.runs.into_iter().map(|run| run.generations).collect(),
    };
    (draws, report)
}
