//! One rise of the temperature's power: weights, resampling, moves.

use super::moves::{self, Moves};
use super::{Particle, SampleError, SmcRun, SmcSettings, SmcStage, Tempered};
use rayon::prelude::*;

use crate::inference::gaussian::{self, Gaussian};
use crate::inference::resample::{effective_number, ln_mean_exp, normalised, systematic};
use crate::stats::Seed;

/// Parts of the particles, each of which moves on the scales of the others.
const FOLDS: usize = 4;

/// Takes a run to its next temperature.
pub(super) fn advance<T: Tempered>(
    target: &T,
    run: &mut SmcRun,
    index: usize,
    settings: &SmcSettings,
    seed: Seed,
) -> Result<(), SampleError> {
    let stage = run.stages.len();
    if stage == settings.stages {
        let reason = format!("the power of the likelihood is only {:.2e}", run.power());
        return Err(SampleError::Stage { run: index, stage, reason });
    }
    let ln_likelihoods: Vec<f64> = run.particles.iter().map(|particle| particle.ln_likelihood).collect();
    let power = next_power(&ln_likelihoods, run.power(), settings.ess);
    let rise = power - run.power();
    let ln_weights: Vec<f64> = ln_likelihoods.iter().map(|ln| rise * ln).collect();
    run.ln_evidence += ln_mean_exp(&ln_weights);
    let weights = normalised(&ln_weights);
    let scale = of_particles(&run.particles, &weights, target.dimension());
    // Resampled along the axis on which particles differ most, separate modes keep their shares.
    let axis = scale.principal_axis();
    let along: Vec<f64> =
        run.particles.iter().map(|particle| particle.at.iter().zip(&axis).map(|(x, a)| x * a).sum()).collect();
    let mut order: Vec<usize> = (0..weights.len()).collect();
    order.sort_by(|a, b| along[*a].total_cmp(&along[*b]));
    let mut stream = seed.stream(&format!("smc resample {index}"), stage as u64);
    let chosen = systematic(&weights, &order, settings.particles, &mut stream);
    let folds: Vec<usize> = chosen.iter().map(|at| at % FOLDS).collect();
    // Moved on scales to which it contributed itself, a particle would not keep to its target: the ln evidence would be
    // about parameters / particles too small at every temperature.
    let without = |fold: usize| {
        let kept: Vec<f64> = ln_weights
            .iter()
            .enumerate()
            .map(|(at, ln)| if at % FOLDS == fold { f64::NEG_INFINITY } else { *ln })
            .collect();
        let weights = if kept.iter().any(|ln| ln.is_finite()) { normalised(&kept) } else { weights.clone() };
        of_particles(&run.particles, &weights, target.dimension())
    };
    let scales: Vec<Gaussian> = (0..FOLDS).into_par_iter().map(without).collect();
    run.particles = chosen.into_iter().map(|at| run.particles[at].clone()).collect();
    let name = format!("smc move {index} {stage}");
    let mut moves =
        Moves { target, power, scales, folds, settings, seed, name, step_size: run.step_size, cost: [0; 2] };
    let moved = moves.decorrelate(&mut run.particles);
    run.step_size = moves.step_size;
    run.gradients += moves.cost[0];
    run.likelihoods += moves.cost[1];
    let moves::Moved { acceptance, sweeps, correlation } = moved;
    run.stages.push(SmcStage { power, acceptance, sweeps, correlation, step_size: run.step_size });
    Ok(())
}

fn of_particles(particles: &[Particle], weights: &[f64], dimension: usize) -> Gaussian {
    gaussian::of_points(particles.iter().map(|particle| &particle.at[..]), weights, dimension)
}

/// The power at which the weights leave `ess` of the particles effective, by bisection; 1 at most.
fn next_power(ln_likelihoods: &[f64], power: f64, ess: f64) -> f64 {
    let enough = |rise: f64| {
        let ln_weights: Vec<f64> = ln_likelihoods.iter().map(|ln| rise * ln).collect();
        effective_number(&normalised(&ln_weights)) >= ess * ln_likelihoods.len() as f64
    };
    let (mut low, mut high) = (0.0, 1.0 - power);
    if enough(high) {
        return 1.0;
    }
    for _ in 0..100 {
        let middle = 0.5 * (low + high);
        if enough(middle) {
            low = middle
        } else {
            high = middle
        }
        if high - low < 1e-6 * low {
            break;
        }
    }
    // Where no rise is small enough, the next number up is: the run then ends by the bound on its temperatures.
    power + if low > 0.0 { low } else { high }
}
