//! Normal approximations along the way to a mode (Zhang, Carpenter, Gelman & Vehtari 2022).

use nalgebra::{DMatrix, DVector};

use super::blocks;
use super::gaussian::Gaussian;
use super::mode::{ModeSettings, Point, climb};
use super::target::{LogDensity, LogDensityGradient, Rejection, Target};
use crate::stats::Seed;

/// Pairs of steps and changes that an approximation is made of, a parameter, and at least.
///
/// The paper takes six, which is cheap and leaves the correlations of twenty parameters unknown; here a value of the
/// target costs more than the algebra.
const MEMORY_A_PARAMETER: usize = 2;
const LEAST_MEMORY: usize = 6;
/// ln density that is taken off the bound if every draw is rejected, and its share for fewer.
const PENALTY: f64 = 1000.0;

/// An approximation with its evidence lower bound.
pub(super) struct Bounded {
    pub normal: Gaussian,
    pub elbo: f64,
    pub gradients: u64,
    pub values: u64,
}

/// The approximation with the largest bound on the way from a start.
pub(super) fn path<T: LogDensityGradient + LogDensity>(
    target: &T,
    start: &[f64],
    draws: usize,
    seed: Seed,
    index: u64,
) -> Result<Bounded, Rejection> {
    let mut points: Vec<Point> = Vec::new();
    let memory = (MEMORY_A_PARAMETER * start.len()).max(LEAST_MEMORY);
    let settings = ModeSettings { memory, ..ModeSettings::default() };
    let mode = climb(target, start, &settings, &mut |point| points.push(point.clone()))?;
    let mut found: Option<Bounded> = None;
    let mut values = 0;
    for normal in approximations(&points, memory) {
        let elbo = elbo(target, &normal, draws, seed, index);
        values += draws as u64;
        if elbo.is_finite() && found.as_ref().is_none_or(|best| elbo > best.elbo) {
            found = Some(Bounded { normal, elbo, gradients: 0, values: 0 });
        }
    }
    let mut found =
        found.ok_or_else(|| Rejection::new("no normal approximation on the way to the mode has a density"))?;
    (found.gradients, found.values) = (mode.evaluations, values);
    Ok(found)
}

/// Mean of ln target − ln normal over draws of the normal; all approximations of a path have the same random numbers.
pub(super) fn elbo<T: LogDensity>(target: &T, normal: &Gaussian, draws: usize, seed: Seed, index: u64) -> f64 {
    let mut stream = seed.stream("evidence bound", index);
    let mean = normal.mean.as_slice();
    let points: Vec<Vec<f64>> = (0..draws).map(|_| normal.draw_around(mean, 1.0, &mut stream)).collect();
    let densities =
        blocks::ln_densities(&points, target.lanes(), || Target::workspace(target), |w, b| target.ln_densities(w, b));
    let terms = points.iter().zip(densities).filter_map(|(point, density)| {
        let density = density.ok().filter(|density| density.is_finite())?;
        Some(density - normal.ln_density_around(mean, point))
    });
    let terms: Vec<f64> = terms.collect();
    if terms.is_empty() {
        return f64::NEG_INFINITY;
    }
    let rejected = 1.0 - terms.len() as f64 / draws as f64;
    terms.iter().sum::<f64>() / terms.len() as f64 - PENALTY * rejected
}

/// The normal that the last steps suggest at each point after the first.
fn approximations(points: &[Point], memory: usize) -> Vec<Gaussian> {
    let dimension = points.first().map_or(0, |point| point.at.len());
    // The diagonal that the inverse curvature begins with (Gilbert & Lemaréchal 1989).
    let mut diagonal = DVector::from_element(dimension, 1.0);
    let mut pairs: Vec<(DVector<f64>, DVector<f64>)> = Vec::new();
    let mut found = Vec::new();
    for two in points.windows(2) {
        let difference = |to: &[f64], from: &[f64]| DVector::from_fn(dimension, |at, _| to[at] - from[at]);
        let step = difference(&two[1].at, &two[0].at);
        let change = difference(&two[0].gradient, &two[1].gradient);
        let along = step.dot(&change);
        if along > 1e-12 * change.norm_squared() {
            let a = change.component_mul(&diagonal).dot(&change);
            let c = step.component_div(&diagonal).dot(&step);
            let next = DVector::from_fn(dimension, |at, _| {
                let (d, s, y) = (diagonal[at], step[at], change[at]);
                (a / (along * d) + y * y / along - a * s * s / (along * c * d * d)).recip()
            });
            if next.iter().all(|d| d.is_finite() && *d > 0.0) {
                diagonal = next;
            }
            if pairs.len() == memory {
                pairs.remove(0);
            }
            pairs.push((step, change));
        }
        if pairs.is_empty() {
            continue;
        }
        let mut covariance = DMatrix::from_diagonal(&diagonal);
        for (step, change) in &pairs {
            let rho = step.dot(change).recip();
            // (1 − ρ s yᵀ) H (1 − ρ y sᵀ) + ρ s sᵀ
            let turned = &covariance * change;
            let again = rho * (1.0 + rho * change.dot(&turned));
            covariance.ger(-rho, step, &turned, 1.0);
            covariance.ger(-rho, &turned, step, 1.0);
            covariance.ger(again, step, step, 1.0);
        }
        let gradient = DVector::from_column_slice(&two[1].gradient);
        let mean = DVector::from_column_slice(&two[1].at) + &covariance * gradient;
        if mean.iter().all(|x| x.is_finite()) && covariance.iter().all(|x| x.is_finite()) {
            found.push(Gaussian::new(mean, covariance));
        }
    }
    found
}
