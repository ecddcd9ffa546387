//! One generation: candidates, simulations, scales, tolerance and weights.

use rand::RngExt;
use rayon::prelude::*;

use super::summary::{Projection, distance, scales};
use super::{AbcGeneration, AbcKernel, AbcParticle, AbcRun, AbcSettings, SampleError, Simulator};
use crate::inference::blocks::in_blocks;
use crate::inference::gaussian::{self, Gaussian};
use crate::inference::resample::{effective_number, normalised};
use crate::inference::target::Rejection;
use crate::stats::{Seed, Stream};

/// A candidate that the prior excludes is drawn again this often.
const REDRAWS: usize = 1000;
/// Batches of candidates hold at least this many blocks of lanes.
const LEAST_BLOCKS: usize = 16;

/// Takes a run to its next generation, or ends it.
pub(super) fn advance<T: Simulator>(
    target: &T,
    run: &mut AbcRun,
    index: usize,
    settings: &AbcSettings,
    seed: Seed,
) -> Result<(), SampleError> {
    if run.generations.is_empty() && settings.pilot > 0 {
        pilot(target, run, index, settings, seed)?;
    }
    let observed = run.projection.as_ref().map_or_else(|| target.observed(), |fit| fit.of(&target.observed()));
    let kernel = Kernel::of(run, target.dimension(), settings.kernel);
    let name = format!("abc candidate {index} {}", run.generations.len());
    let wanted = settings.wanted();
    let lanes = target.lanes().max(1);
    let passes = |summaries: &[f64]| {
        run.generations.iter().all(|past| distance(summaries, &observed, &past.scales) <= past.limit)
    };
    let mut simulated: Vec<Vec<f64>> = Vec::new();
    let mut accepted: Vec<(Vec<f64>, Vec<f64>)> = Vec::new();
    let (mut count, mut rejection) = (0_u64, None);
    while accepted.len() < wanted && run.simulations + count < settings.simulations {
        // As many as are expected to do, in whole blocks, whatever the number of threads.
        let rate = (accepted.len() as f64 / count.max(1) as f64).max(0.01);
        let missing = (wanted - accepted.len()) as f64;
        let expected = if count == 0 { missing } else { 1.1 * missing / rate };
        let blocks = ((expected / lanes as f64).ceil() as u64).max(LEAST_BLOCKS as u64);
        let batch = (blocks * lanes as u64).min(settings.simulations - run.simulations - count);
        let candidate = |at: u64| {
            let mut stream = seed.stream(&name, at);
            let point = kernel.propose(target, &mut stream);
            (stream, point)
        };
        let candidates: Vec<(Stream, Vec<f64>)> = (count..count + batch).into_par_iter().map(candidate).collect();
        for (at, found) in simulate(target, run.projection.as_ref(), candidates) {
            match found {
                Ok(summaries) if accepted.len() < wanted && passes(&summaries) => {
                    simulated.push(summaries.clone());
                    accepted.push((at, summaries));
                }
                Ok(summaries) => simulated.push(summaries),
                Err(why) => rejection = Some(why),
            }
        }
        count += batch;
    }
    run.simulations += count;
    if accepted.len() < settings.particles {
        if run.generations.is_empty() {
            let why = rejection.map_or_else(|| "too few were asked for".to_string(), |why| why.to_string());
            let reason = format!("of {count} simulations from the prior, {} succeed: {why}", accepted.len());
            return Err(SampleError::Start { chain: index, reason });
        }
        run.ended = Some("the simulations are spent".into());
        return Ok(());
    }
    let acceptance = accepted.len() as f64 / count as f64;
    let scales = match run.generations.first() {
        Some(first) if !settings.adaptive => first.scales.clone(),
        _ => scales(&simulated),
    };
    let mut particles: Vec<AbcParticle> = accepted
        .into_iter()
        .map(|(at, summaries)| AbcParticle {
            distance: distance(&summaries, &observed, &scales),
            at,
            summaries,
            weight: 0.0,
        })
        .collect();
    particles.sort_by(|a, b| a.distance.total_cmp(&b.distance));
    let farthest = particles.last().map_or(0.0, |farthest| farthest.distance);
    particles.truncate(settings.particles);
    let ln_weight = |particle: &AbcParticle| match &kernel {
        Kernel::Prior => 0.0,
        Kernel::Steps { .. } => target.ln_prior(&particle.at) - kernel.ln_density(&particle.at),
    };
    let weights = normalised(&particles.par_iter().map(ln_weight).collect::<Vec<f64>>());
    particles.iter_mut().zip(&weights).for_each(|(particle, weight)| particle.weight = *weight);
    let tolerance = particles.last().map_or(0.0, |farthest| farthest.distance);
    // Summaries that are counts may tie, so that keeping the nearest share keeps nothing out: go below the tie.
    let below = particles.iter().rev().map(|particle| particle.distance).find(|distance| *distance < tolerance);
    let limit = if tolerance < farthest { tolerance } else { below.unwrap_or(tolerance) };
    run.particles = particles;
    run.generations.push(AbcGeneration {
        tolerance,
        limit,
        acceptance,
        simulations: count,
        ess: effective_number(&weights),
        scales,
    });
    run.ended = end(run, settings, count);
    Ok(())
}

/// Why no further generation is worth it.
fn end(run: &AbcRun, settings: &AbcSettings, last: u64) -> Option<String> {
    let generation = run.generations.last()?;
    if generation.tolerance <= settings.tolerance {
        Some("the tolerance is reached".into())
    } else if generation.acceptance < settings.least_acceptance {
        Some("hardly any simulation is accepted".into())
    } else if run.generations.len() >= settings.generations {
        Some("the generations are spent".into())
    } else if run.simulations + last > settings.simulations {
        // The next generation takes at least as many as the last.
        Some("the simulations are spent".into())
    } else {
        None
    }
}

/// Learns the projection of the summaries from simulations from the prior.
fn pilot<T: Simulator>(
    target: &T,
    run: &mut AbcRun,
    index: usize,
    settings: &AbcSettings,
    seed: Seed,
) -> Result<(), SampleError> {
    let candidate = |at: usize| {
        let mut stream = seed.stream(&format!("abc pilot {index}"), at as u64);
        let point = target.draw(&mut stream);
        (stream, point)
    };
    let found = simulate(target, None, (0..settings.pilot).map(candidate).collect());
    run.simulations += settings.pilot as u64;
    let (points, summaries): (Vec<_>, Vec<_>) =
        found.into_iter().filter_map(|(at, found)| Some((at, found.ok()?))).unzip();
    run.projection = Projection::fit(&points, &summaries);
    if run.projection.is_none() {
        let reason = format!("{} simulations of the pilot do not predict the parameters", points.len());
        return Err(SampleError::Start { chain: index, reason });
    }
    Ok(())
}

/// A point and the summaries of data simulated there.
type Simulated = (Vec<f64>, Result<Vec<f64>, Rejection>);

/// Each candidate's point with the summaries of data simulated there.
fn simulate<T: Simulator>(
    target: &T,
    projection: Option<&Projection>,
    candidates: Vec<(Stream, Vec<f64>)>,
) -> Vec<Simulated> {
    let expected = target.observed().len();
    let check = |found: Vec<f64>| {
        if found.len() != expected || found.iter().any(|x| !x.is_finite()) {
            return Err(Rejection::new("a simulated summary is missing or not a finite number"));
        }
        Ok(projection.map_or_else(|| found.clone(), |projection| projection.of(&found)))
    };
    in_blocks(
        &candidates,
        target.lanes(),
        || target.workspace(),
        |workspace, block| {
            let points: Vec<Vec<f64>> = block.iter().map(|(_, at)| at.clone()).collect();
            let mut streams: Vec<Stream> = block.iter().map(|(stream, _)| stream.clone()).collect();
            let mut found = target.simulate(workspace, &points, &mut streams);
            found.resize(points.len(), Err(Rejection::new("the simulator says nothing of this point")));
            points.into_iter().zip(found).map(|(at, found)| (at, found.and_then(check))).collect()
        },
    )
}

/// What candidates are drawn from.
enum Kernel {
    Prior,
    /// Normal steps from the particles of the generation before.
    Steps {
        from: Vec<Vec<f64>>,
        weights: Vec<f64>,
        /// Sums of the weights up to each particle.
        sums: Vec<f64>,
        /// One for all, or one a particle.
        steps: Vec<Gaussian>,
    },
}

impl Kernel {
    fn of(run: &AbcRun, dimension: usize, kind: AbcKernel) -> Self {
        if run.particles.is_empty() {
            return Kernel::Prior;
        }
        let weights: Vec<f64> = run.particles.iter().map(|particle| particle.weight).collect();
        let from: Vec<Vec<f64>> = run.particles.iter().map(|particle| particle.at.clone()).collect();
        let points = from.iter().map(|at| &at[..]);
        let steps = match kind {
            AbcKernel::Global => {
                let (mean, covariance) = gaussian::moments(points, &weights, dimension);
                vec![Gaussian::new(mean, 2.0 * covariance)]
            }
            AbcKernel::Local => {
                // Particles are in the order of their distances.
                let half = from.len().div_ceil(2);
                let sum: f64 = weights[..half].iter().sum();
                let nearest: Vec<f64> = weights[..half].iter().map(|weight| weight / sum).collect();
                let (mean, covariance) = gaussian::moments(points.take(half), &nearest, dimension);
                let step = |at: &Vec<f64>| {
                    let off = &mean - nalgebra::DVector::from_column_slice(at);
                    Gaussian::new(mean.clone(), &covariance + &off * off.transpose())
                };
                from.par_iter().map(step).collect()
            }
        };
        let sums = weights.iter().scan(0.0, |sum, weight| {
            *sum += weight;
            Some(*sum)
        });
        Kernel::Steps { sums: sums.collect(), from, weights, steps }
    }

    fn propose<T: Simulator>(&self, target: &T, stream: &mut Stream) -> Vec<f64> {
        let Kernel::Steps { from, sums, steps, .. } = self else { return target.draw(stream) };
        let mut at = Vec::new();
        for _ in 0..REDRAWS {
            let place: f64 = stream.random();
            let chosen = sums.partition_point(|sum| *sum < place).min(from.len() - 1);
            at = steps[chosen % steps.len()].draw_around(&from[chosen], 1.0, stream);
            if target.ln_prior(&at) > f64::NEG_INFINITY {
                break;
            }
        }
        at
    }

    /// ln density of the proposals, by a sum over all particles.
    fn ln_density(&self, at: &[f64]) -> f64 {
        let Kernel::Steps { from, weights, steps, .. } = self else { return 0.0 };
        let terms: Vec<f64> = from
            .iter()
            .zip(weights)
            .enumerate()
            .map(|(index, (from, weight))| weight.ln() + steps[index % steps.len()].ln_density_around(from, at))
            .collect();
        crate::inference::resample::ln_mean_exp(&terms)
    }
}
