//! Tempered sequential Monte Carlo (Del Moral, Doucet & Jasra 2006): particles from prior to posterior, and the evidence.

mod moves;
mod report;
mod stage;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::blocks;
use super::draws::Draws;
use super::nuts::SampleError;
use super::stages::{StageProgress, check_kept};
use super::target::{Rejection, Tempered};
use crate::stats::Seed;
pub use report::SmcReport;

/// Draws from the prior for each particle at most, where many have no likelihood.
const ROUNDS: usize = 100;

/// How particles move at a temperature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SmcMove {
    /// Hamiltonian trajectories in the scale of all particles, and jumps by differences of two particles.
    Hamiltonian,
    /// Random walks and differences of particles (ter Braak 2006); needs no gradient, and its points come in lanes.
    Walk,
}

/// Settings of [`smc`].
#[derive(Clone, Debug, PartialEq)]
pub struct SmcSettings {
    /// Independent runs, the `chains` of the draws.
    pub runs: usize,
    /// Particles a run, its draws.
    pub particles: usize,
    /// Share of the particles that are worth something after a rise of the temperature's power, in (0, 1).
    pub ess: f64,
    pub moves: SmcMove,
    /// Particles move until the correlation of each parameter, and of the ln likelihood, with its value before is at most
    /// this, in (0, 1).
    pub correlation: f64,
    /// … or they have moved this often.
    pub sweeps: usize,
    /// Leapfrogs of a trajectory at most.
    pub leapfrogs: usize,
    /// Temperatures at most, after which the run fails.
    pub stages: usize,
}

impl Default for SmcSettings {
    fn default() -> Self {
        Self {
            runs: 4,
            particles: 1000,
            ess: 0.5,
            moves: SmcMove::Hamiltonian,
            correlation: 0.1,
            sweeps: 50,
            leapfrogs: 64,
            stages: 500,
        }
    }
}

impl SmcSettings {
    /// Refuses settings that cannot work, before any work is done.
    ///
    /// # Errors
    /// [`SampleError::Settings`] with the reason.
    pub fn check(&self) -> Result<(), SampleError> {
        let wrong = |what: &str| Err(SampleError::Settings(what.into()));
        let inside = |x: f64| x > 0.0 && x < 1.0;
        if self.runs == 0 || self.particles < 10 {
            return wrong("at least one run of ten particles is needed");
        }
        if !inside(self.ess) || !inside(self.correlation) {
            return wrong("the effective share of the particles and the correlation must lie between 0 and 1");
        }
        if self.sweeps == 0 || self.leapfrogs == 0 || self.stages == 0 {
            return wrong("at least one temperature, one sweep and one leapfrog are needed");
        }
        Ok(())
    }
}

/// One particle.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Particle {
    /// `[parameter]`
    pub at: Vec<f64>,
    pub ln_prior: f64,
    pub ln_likelihood: f64,
    /// The draw from the prior that it descends from.
    pub family: usize,
}

/// What happened at one temperature.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SmcStage {
    /// Power of the likelihood.
    pub power: f64,
    /// Mean acceptance of the moves.
    pub acceptance: f64,
    pub sweeps: usize,
    /// Worst correlation of a parameter with its value before the moves.
    pub correlation: f64,
    /// Step size of the last sweep, in sds of the particles.
    pub step_size: f64,
}

/// One run between two temperatures; its particles have equal weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SmcRun {
    pub particles: Vec<Particle>,
    /// ln of the normalising constant so far.
    pub ln_evidence: f64,
    /// Step size that the next sweep begins with.
    pub step_size: f64,
    pub stages: Vec<SmcStage>,
    pub gradients: u64,
    pub likelihoods: u64,
}

impl SmcRun {
    /// Power of the likelihood so far.
    pub fn power(&self) -> f64 {
        self.stages.last().map_or(0.0, |stage| stage.power)
    }
}

/// All runs between two temperatures: everything that [`smc_from`] needs to go on, in finite numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SmcState {
    pub runs: Vec<SmcRun>,
}

/// Draws from prior · likelihood, `[run, particle, parameter]`, with the evidence.
///
/// Each rise of the power halves (with `ess` of ½) the effective number of particles; they are resampled and then moved
/// until they have forgotten where they were (Buchholz, Chopin & Jacob 2021). Runs are independent, so that R̂ compares
/// them; particles within a run are in random order. The draws depend on target, settings and seed only, not on threads.
///
/// `checkpoint` is told the state after every temperature; [`smc_from`] goes on from it to the same draws.
///
/// # Errors
/// Settings that cannot work; a prior of which fewer than one draw in a hundred has a likelihood; too many temperatures.
pub fn smc<T: Tempered>(
    target: &T,
    settings: &SmcSettings,
    seed: Seed,
    progress: &(dyn Fn(StageProgress) + Sync),
    checkpoint: &mut dyn FnMut(&SmcState),
) -> Result<(Draws, SmcReport), SampleError> {
    settings.check()?;
    if target.dimension() == 0 {
        return Err(SampleError::Settings("there is no parameter to draw".into()));
    }
    let runs = (0..settings.runs).map(|run| start(target, settings, seed, run)).collect::<Result<_, _>>()?;
    proceed(target, SmcState { runs }, settings, seed, progress, checkpoint)
}

/// [`smc`] from a state that its checkpoint was told, with the same settings and seed.
///
/// # Errors
/// As of [`smc`]; a state that is of other settings or another target.
pub fn smc_from<T: Tempered>(
    target: &T,
    state: SmcState,
    settings: &SmcSettings,
    seed: Seed,
    progress: &(dyn Fn(StageProgress) + Sync),
    checkpoint: &mut dyn FnMut(&SmcState),
) -> Result<(Draws, SmcReport), SampleError> {
    settings.check()?;
    let points = state.runs.iter().map(|run| run.particles.iter().map(|particle| particle.at.len()).collect());
    check_kept(points.collect(), [settings.runs, settings.particles, target.dimension()])?;
    proceed(target, state, settings, seed, progress, checkpoint)
}

/// As many draws from the prior that have a likelihood as there are particles; those without are only counted.
fn start<T: Tempered>(target: &T, settings: &SmcSettings, seed: Seed, run: usize) -> Result<SmcRun, SampleError> {
    let (wanted, name) = (settings.particles, format!("smc prior {run}"));
    let mut unused = vec![0.0; target.dimension()];
    let mut particles: Vec<Particle> = Vec::new();
    let mut reason = String::from("the likelihood is zero");
    // Draws up to the last that was taken.
    let mut drawn = 0;
    for round in 0..ROUNDS {
        let points: Vec<Vec<f64>> = (round * wanted..(round + 1) * wanted)
            .map(|family| target.draw(&mut seed.stream(&name, family as u64)))
            .collect();
        for (at, (point, likelihood)) in points.iter().zip(ln_likelihoods(target, &points)).enumerate() {
            match likelihood {
                Ok(ln_likelihood) if ln_likelihood.is_finite() && particles.len() < wanted => {
                    let ln_prior = target.ln_prior_gradient(point, &mut unused);
                    let family = round * wanted + at;
                    drawn = family + 1;
                    particles.push(Particle { at: point.clone(), ln_prior, ln_likelihood, family });
                }
                Ok(_) => (),
                Err(why) => reason = why.to_string(),
            }
        }
        if particles.len() == wanted {
            // An unbiased estimate of the share that has a likelihood (Haldane 1945).
            let share = (wanted as f64 - 1.0) / (drawn as f64 - 1.0);
            return Ok(SmcRun {
                particles,
                ln_evidence: share.ln(),
                step_size: moves::first_step_size(settings.moves, target.dimension()),
                stages: Vec::new(),
                gradients: 0,
                likelihoods: ((round + 1) * wanted) as u64,
            });
        }
    }
    let (found, all) = (particles.len(), ROUNDS * wanted);
    let reason = format!("{found} of {all} draws from the prior have a likelihood, {wanted} are needed: {reason}");
    Err(SampleError::Start { chain: run, reason })
}

fn proceed<T: Tempered>(
    target: &T,
    mut state: SmcState,
    settings: &SmcSettings,
    seed: Seed,
    progress: &(dyn Fn(StageProgress) + Sync),
    checkpoint: &mut dyn FnMut(&SmcState),
) -> Result<(Draws, SmcReport), SampleError> {
    while state.runs.iter().any(|run| run.power() < 1.0) {
        state.runs.par_iter_mut().enumerate().filter(|(_, run)| run.power() < 1.0).try_for_each(|(index, run)| {
            stage::advance(target, run, index, settings, seed)?;
            progress(StageProgress {
                run: index,
                stage: run.stages.len(),
                level: run.power(),
                acceptance: run.stages.last().map_or(f64::NAN, |stage| stage.acceptance),
                evaluations: run.gradients + run.likelihoods,
            });
            Ok(())
        })?;
        checkpoint(&state);
    }
    Ok(report::finish(state, target.dimension(), seed))
}

fn ln_likelihoods<T: Tempered>(target: &T, points: &[Vec<f64>]) -> Vec<Result<f64, Rejection>> {
    blocks::ln_densities(points, target.lanes(), || target.workspace(), |w, block| target.ln_likelihoods(w, block))
}
