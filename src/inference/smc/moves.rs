//! Moves that leave prior · likelihood^power as it is: Hamiltonian trajectories, random walks, differences of particles.

use std::f64::consts::FRAC_PI_2;

use rand::RngExt;
use rayon::prelude::*;

use super::{Particle, SmcMove, SmcSettings, Tempered, ln_likelihoods};
use crate::inference::gaussian::{Gaussian, standard_normals};
use crate::stats::Seed;

/// Mean acceptances that the step size is adapted to.
const HAMILTONIAN_ACCEPTANCE: f64 = 0.8;
const WALK_ACCEPTANCE: f64 = 0.25;
/// Change of ln step size for an acceptance that is off by one.
const GAIN: f64 = 1.5;
/// A leapfrog of two sds is not stable (Neal 2011), however normal the target.
const LONGEST_STEP: f64 = 1.6;
const SHORTEST_STEP: f64 = 1e-4;
/// A trajectory that loses this much energy has diverged.
const DIVERGENCE: f64 = 1000.0;
/// Sweeps after which moving ends if the correlation fell by less than the share: modes may lie apart.
const PATIENCE: usize = 8;
const STALLED: f64 = 0.97;
/// At the posterior particles forget more of where they were.
const LAST_CORRELATION: f64 = 0.7;

/// Step size of the first sweep, in sds.
pub(super) fn first_step_size(moves: SmcMove, dimension: usize) -> f64 {
    match moves {
        // Falls with the fourth root of the dimension (Beskos et al. 2013).
        SmcMove::Hamiltonian => (dimension as f64).powf(-0.25),
        SmcMove::Walk => 1.0,
    }
}

/// What moving the particles at one temperature came to.
pub(super) struct Moved {
    pub acceptance: f64,
    pub sweeps: usize,
    pub correlation: f64,
}

/// The moves at one temperature.
pub(super) struct Moves<'a, T> {
    pub target: &'a T,
    pub power: f64,
    /// `[fold]`: of the particles outside a fold.
    pub scales: Vec<Gaussian>,
    /// Of each particle.
    pub folds: Vec<usize>,
    pub settings: &'a SmcSettings,
    pub seed: Seed,
    /// Of the streams.
    pub name: String,
    pub step_size: f64,
    /// Gradients and values of the likelihood.
    pub cost: [u64; 2],
}

/// A particle's tempered density and its gradient.
struct Slope {
    ln_prior: f64,
    ln_likelihood: f64,
    gradient: Vec<f64>,
}

impl<T: Tempered> Moves<'_, T> {
    /// Moves all particles until they have forgotten where they were.
    pub fn decorrelate(&mut self, particles: &mut [Particle]) -> Moved {
        let start = particles.to_vec();
        let hamiltonian = self.settings.moves == SmcMove::Hamiltonian;
        let mut slopes = if hamiltonian { self.slopes(particles) } else { Vec::new() };
        // A correlation of independent values is of this size by chance.
        let noise = 3.0 / (particles.len() as f64).sqrt();
        let last = if self.power < 1.0 { 1.0 } else { LAST_CORRELATION };
        let enough = (last * self.settings.correlation).max(noise);
        let (mut acceptances, mut correlations) = (0.0, Vec::new());
        let sweeps = loop {
            let sweep = correlations.len();
            let (acceptance, aim) = if hamiltonian {
                (self.hamiltonian(particles, &mut slopes, sweep), HAMILTONIAN_ACCEPTANCE)
            } else {
                (self.walk(particles, sweep, false), WALK_ACCEPTANCE)
            };
            acceptances += acceptance;
            self.step_size = (self.step_size * (GAIN * (acceptance - aim)).exp()).max(SHORTEST_STEP);
            if hamiltonian {
                self.step_size = self.step_size.min(LONGEST_STEP);
            }
            let correlation = worst_correlation(&start, particles);
            correlations.push(correlation);
            let done = correlations.len();
            let stalled = done > PATIENCE && correlation > STALLED * correlations[done - 1 - PATIENCE];
            if correlation <= enough || stalled || done == self.settings.sweeps {
                break done;
            }
        };
        if hamiltonian {
            // Trajectories do not cross from mode to mode, differences of particles do.
            self.walk(particles, sweeps, true);
        }
        Moved {
            acceptance: acceptances / sweeps as f64,
            sweeps,
            correlation: correlations.last().copied().unwrap_or(f64::NAN),
        }
    }

    /// Nothing where the target has no finite density or slope.
    fn slope(&self, workspace: &mut T::Workspace, at: &[f64]) -> Option<Slope> {
        let mut gradient = vec![0.0; at.len()];
        let ln_likelihood = self.target.ln_likelihood_gradient(workspace, at, &mut gradient).ok()?;
        gradient.iter_mut().for_each(|slope| *slope *= self.power);
        let ln_prior = self.target.ln_prior_gradient(at, &mut gradient);
        let finite = ln_prior.is_finite() && ln_likelihood.is_finite() && gradient.iter().all(|x| x.is_finite());
        finite.then_some(Slope { ln_prior, ln_likelihood, gradient })
    }

    fn slopes(&mut self, particles: &[Particle]) -> Vec<Option<Slope>> {
        self.cost[0] += particles.len() as u64;
        let slope = |workspace: &mut T::Workspace, particle: &Particle| self.slope(workspace, &particle.at);
        particles.par_iter().map_init(|| self.target.workspace(), slope).collect()
    }

    /// One trajectory for every particle; the mean acceptance.
    fn hamiltonian(&mut self, particles: &mut [Particle], slopes: &mut [Option<Slope>], sweep: usize) -> f64 {
        let name = format!("{} {sweep}", self.name);
        let this = &*self;
        let told: Vec<(f64, u64)> = particles
            .par_iter_mut()
            .zip(slopes.par_iter_mut())
            .enumerate()
            .map_init(
                || this.target.workspace(),
                |workspace, (index, (particle, slope))| {
                    this.trajectory(workspace, particle, slope, &name, index as u64).unwrap_or((0.0, 0))
                },
            )
            .collect();
        self.cost[0] += told.iter().map(|(_, leapfrogs)| leapfrogs).sum::<u64>();
        told.iter().map(|(acceptance, _)| acceptance).sum::<f64>() / told.len() as f64
    }

    /// Acceptance and leapfrogs of one trajectory about a quarter of a period long; nothing without a slope to start on.
    fn trajectory(
        &self,
        workspace: &mut T::Workspace,
        particle: &mut Particle,
        slope: &mut Option<Slope>,
        name: &str,
        index: u64,
    ) -> Option<(f64, u64)> {
        let scale = &self.scales[self.folds[index as usize]].scale;
        let energy = |slope: &Slope| -(slope.ln_prior + self.power * slope.ln_likelihood);
        let mut stream = self.seed.stream(name, index);
        let mut momentum = standard_normals(particle.at.len(), &mut stream);
        // Steps and times vary, so that no period is met by all.
        let step = self.step_size * stream.random_range(0.8..1.2);
        let time = FRAC_PI_2 * stream.random_range(0.6..1.4);
        let level: f64 = stream.random();
        let leapfrogs = ((time / step).ceil() as usize).clamp(1, self.settings.leapfrogs);
        let begin = energy(slope.as_ref()?) + 0.5 * momentum.norm_squared();
        let mut at = nalgebra::DVector::from_column_slice(&particle.at);
        let mut here: Option<Slope> = None;
        for leapfrog in 1..=leapfrogs {
            let gradient = &here.as_ref().or(slope.as_ref())?.gradient;
            let half = if leapfrog == 1 { 0.5 } else { 1.0 };
            momentum.gemv_tr(half * step, scale, &nalgebra::DVectorView::from_slice(gradient, at.len()), 1.0);
            at.gemv(step, scale, &momentum, 1.0);
            let Some(next) = self.slope(workspace, at.as_slice()) else { return Some((0.0, leapfrog as u64)) };
            if energy(&next) - begin > DIVERGENCE {
                return Some((0.0, leapfrog as u64));
            }
            here = Some(next);
        }
        let end = here?;
        let gradient = nalgebra::DVectorView::from_slice(&end.gradient, at.len());
        momentum.gemv_tr(0.5 * step, scale, &gradient, 1.0);
        let acceptance = (begin - energy(&end) - 0.5 * momentum.norm_squared()).exp().min(1.0);
        if level < acceptance {
            particle.at.copy_from_slice(at.as_slice());
            (particle.ln_prior, particle.ln_likelihood) = (end.ln_prior, end.ln_likelihood);
            *slope = Some(end);
        }
        Some((acceptance, leapfrogs as u64))
    }

    /// One step for every particle, half of the folds at a time against the other half; the mean acceptance of steps whose
    /// length can be adapted. With `jumps`, all steps are whole differences of two particles.
    fn walk(&mut self, particles: &mut [Particle], sweep: usize, jumps: bool) -> f64 {
        let dimension = self.target.dimension();
        let name = format!("{} {sweep} walk", self.name);
        let (mut sum, mut count) = (0.0, 0.0);
        for half in 0..2 {
            let others: Vec<usize> = (0..particles.len()).filter(|index| self.folds[*index] % 2 != half).collect();
            let mine: Vec<usize> = (0..particles.len()).filter(|index| self.folds[*index] % 2 == half).collect();
            let propose = |index: &usize| {
                let mut stream = self.seed.stream(&name, *index as u64);
                let from = &particles[*index].at;
                let scale = &self.scales[self.folds[*index]];
                let level: f64 = stream.random();
                let kind: f64 = if jumps { 1.0 } else { stream.random() };
                if kind < 0.5 || others.is_empty() {
                    // 2.38 / √d (Roberts, Gelman & Gilks 1997).
                    let factor = self.step_size * 2.38 / (dimension as f64).sqrt();
                    return (scale.draw_around(from, factor, &mut stream), level, true);
                }
                let adapted = kind < 0.9;
                let factor = if adapted { self.step_size * 2.38 / (2.0 * dimension as f64).sqrt() } else { 1.0 };
                let first = others[stream.random_range(0..others.len())];
                let second = others[stream.random_range(0..others.len())];
                let (first, second) = (&particles[first].at, &particles[second].at);
                // A little noise, so that every point can be reached.
                let mut to = scale.draw_around(from, 1e-3, &mut stream);
                to.iter_mut().zip(first.iter().zip(second)).for_each(|(to, (a, b))| *to += factor * (a - b));
                (to, level, adapted)
            };
            let proposals: Vec<(Vec<f64>, f64, bool)> = mine.par_iter().map(propose).collect();
            let points: Vec<Vec<f64>> = proposals.iter().map(|(to, ..)| to.clone()).collect();
            let likelihoods = ln_likelihoods(self.target, &points);
            self.cost[1] += points.len() as u64;
            let mut unused = vec![0.0; dimension];
            for ((index, (to, level, adapted)), likelihood) in mine.into_iter().zip(proposals).zip(likelihoods) {
                let particle = &mut particles[index];
                let ln_likelihood = likelihood.unwrap_or(f64::NEG_INFINITY);
                let ln_prior = self.target.ln_prior_gradient(&to, &mut unused);
                let gain = ln_prior - particle.ln_prior + self.power * (ln_likelihood - particle.ln_likelihood);
                let possible = ln_likelihood.is_finite() && ln_prior.is_finite();
                let acceptance = if possible { gain.exp().min(1.0) } else { 0.0 };
                if adapted {
                    sum += acceptance;
                    count += 1.0;
                }
                if level < acceptance {
                    *particle = Particle { at: to, ln_prior, ln_likelihood, family: particle.family };
                }
            }
        }
        if count > 0.0 { sum / count } else { 0.0 }
    }
}

/// The largest correlation, of either sign, that a parameter or the ln likelihood has with its value before; 0 of what
/// does not vary.
///
/// Trajectories of half a period turn particles to the other side without changing their density, hence either sign,
/// and hence the likelihood, on whose distribution the evidence rests.
fn worst_correlation(start: &[Particle], particles: &[Particle]) -> f64 {
    let dimension = start.first().map_or(0, |particle| particle.at.len());
    let parameter =
        |index: usize| correlation(start.iter().zip(particles).map(move |(a, b)| (a.at[index], b.at[index])));
    let likelihood = correlation(start.iter().zip(particles).map(|(a, b)| (a.ln_likelihood, b.ln_likelihood)));
    (0..dimension).map(parameter).fold(0.0, |worst, found| found.abs().max(worst)).max(likelihood.abs())
}

fn correlation(pairs: impl ExactSizeIterator<Item = (f64, f64)> + Clone) -> f64 {
    let count = pairs.len() as f64;
    let (x, y) = pairs.clone().fold((0.0, 0.0), |sum, pair| (sum.0 + pair.0 / count, sum.1 + pair.1 / count));
    let (mut both, mut squares) = (0.0, (0.0, 0.0));
    for pair in pairs {
        let (a, b) = (pair.0 - x, pair.1 - y);
        both += a * b;
        squares = (squares.0 + a * a, squares.1 + b * b);
    }
    if squares.0 > 0.0 && squares.1 > 0.0 { both / (squares.0 * squares.1).sqrt() } else { 0.0 }
}
