//! Draws in seconds: normal approximations corrected by importance resampling, with the word on whether that is enough.

use nalgebra::DVector;
use rand::RngExt;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use statrs::function::gamma::ln_gamma;

use super::blocks;
use super::draws::Draws;
use super::gaussian::{Gaussian, standard_normals};
use super::laplace::laplace;
use super::mode::ModeSettings;
use super::nuts::SampleError;
use super::pathfinder::{self, Bounded};
use super::psis::{Smoothed, WORST_K_HAT, psis};
use super::resample::{effective_number, ln_mean_exp, normalised, shuffled, systematic};
use super::scaled::modes_scaled;
use super::target::{LogDensity, LogDensityGradient, Rejection, Target};
use crate::stats::{Seed, Stream};

/// Where the normal approximations come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Approximation {
    /// The curvature at every distinct mode.
    Laplace,
    /// The best normal on the way to each mode (Zhang et al. 2022); needs no mode at the end of the way.
    Pathfinder,
}

/// Settings of [`quick`].
#[derive(Clone, Debug, PartialEq)]
pub struct QuickSettings {
    pub approximation: Approximation,
    pub chains: usize,
    /// Draws a chain.
    pub draws: usize,
    /// Candidates a chain, from which its draws are resampled.
    pub candidates: usize,
    /// Draws by which approximations are compared.
    pub comparisons: usize,
    /// Share of the candidates that come from a Student-t distribution with the normal's scale, in [0, 1).
    pub heavy: f64,
    /// Its degrees of freedom.
    pub df: f64,
    /// Sds that the parameters have at most, of the prior for instance, for [`laplace`].
    pub scales: Option<Vec<f64>>,
}

impl Default for QuickSettings {
    fn default() -> Self {
        Self {
            approximation: Approximation::Pathfinder,
            chains: 4,
            draws: 1000,
            candidates: 4000,
            comparisons: 32,
            heavy: 0.2,
            df: 5.0,
            scales: None,
        }
    }
}

impl QuickSettings {
    /// Refuses settings that cannot work, before any work is done.
    ///
    /// # Errors
    /// [`SampleError::Settings`] with the reason.
    pub fn check(&self) -> Result<(), SampleError> {
        let wrong = |what: &str| Err(SampleError::Settings(what.into()));
        if self.chains == 0 || self.draws == 0 || self.comparisons == 0 {
            return wrong("at least one chain, one draw and one comparison are needed");
        }
        if self.candidates < 50 {
            return wrong("at least 50 candidates a chain are needed");
        }
        if !((0.0..1.0).contains(&self.heavy) && self.df > 0.0 && self.df.is_finite()) {
            return wrong("the share with heavy tails must be at least 0 and below 1, its degrees of freedom above 0");
        }
        Ok(())
    }
}

/// What the importance weights say.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QuickReport {
    /// Shape of the weights' tail: above [`WORST_K_HAT`] the draws are those of the approximation rather than the target.
    pub k_hat: f64,
    /// Effective number of the candidates of all chains.
    pub ess: f64,
    /// ln of the integral of the density as it is given.
    pub ln_evidence: f64,
    /// Evidence lower bound of each approximation that was used.
    pub elbos: Vec<f64>,
    pub gradients: u64,
    /// Values without gradient.
    pub values: u64,
}

impl QuickReport {
    pub fn reliable(&self) -> bool {
        self.k_hat <= WORST_K_HAT
    }
}

/// Draws near a target, `[chain, draw, parameter]`, from a mixture of normals, one a start that leads somewhere.
///
/// Each chain resamples candidates of its own, by weights against the whole mixture, with smoothed tails. Draws are
/// independent but for copies; R̂ says nothing about the approximation that chains share, k̂ does.
///
/// # Errors
/// Settings that cannot work; a target without a density at any start.
pub fn quick<T: LogDensityGradient + LogDensity>(
    target: &T,
    starts: &[Vec<f64>],
    settings: &QuickSettings,
    seed: Seed,
) -> Result<(Draws, QuickReport), SampleError> {
    settings.check()?;
    let dimension = Target::dimension(target);
    if starts.is_empty() || dimension == 0 || starts.iter().any(|start| start.len() != dimension) {
        return Err(SampleError::Settings("there is no start with as many parameters as the target".into()));
    }
    let components = match settings.approximation {
        Approximation::Laplace => laplaces(target, starts, settings, seed),
        Approximation::Pathfinder => starts
            .par_iter()
            .enumerate()
            .map(|(index, start)| pathfinder::path(target, start, settings.comparisons, seed, index as u64))
            .collect(),
    };
    let mut failed = None;
    let mut found: Vec<Bounded> = Vec::new();
    for component in components {
        match component {
            Ok(component) => found.push(component),
            Err(why) => failed = failed.or(Some(why)),
        }
    }
    if found.is_empty() {
        let reason = failed.map_or_else(|| "nothing was found".into(), |why| why.to_string());
        return Err(SampleError::Start { chain: 0, reason });
    }
    let proposal = Mixture::new(&found, settings);
    let candidate = |at: usize| proposal.draw(&mut seed.stream("quick candidate", at as u64));
    let points: Vec<Vec<f64>> = (0..settings.chains * settings.candidates).into_par_iter().map(candidate).collect();
    let densities: Vec<f64> =
        blocks::ln_densities(&points, target.lanes(), || Target::workspace(target), |w, b| target.ln_densities(w, b))
            .into_iter()
            .map(|density| density.unwrap_or(f64::NEG_INFINITY))
            .collect();
    let ratios: Vec<f64> = points.par_iter().zip(&densities).map(|(at, ln)| ln - proposal.ln_density(at)).collect();
    if !ratios.iter().any(|ratio| ratio.is_finite()) {
        return Err(SampleError::Start { chain: 0, reason: "no candidate has a density".into() });
    }
    let Smoothed { ln_weights: smoothed, k_hat } = psis(&ratios, 1.0);
    let (mut values, mut ln_density) = (Vec::new(), Vec::new());
    for chain in 0..settings.chains {
        let first = chain * settings.candidates;
        let weights = normalised(&smoothed[first..first + settings.candidates]);
        let mut stream = seed.stream("quick draws", chain as u64);
        let order = shuffled(weights.len(), &mut stream);
        let chosen = systematic(&weights, &order, settings.draws, &mut stream);
        for at in shuffled(chosen.len(), &mut stream) {
            values.extend_from_slice(&points[first + chosen[at]]);
            ln_density.push(densities[first + chosen[at]]);
        }
    }
    let mut draws = Draws::without_trajectories(settings.chains, dimension, values, ln_density);
    draws.gradients = found.iter().map(|component| component.gradients).sum();
    let report = QuickReport {
        k_hat,
        ess: effective_number(&normalised(&smoothed)),
        ln_evidence: ln_mean_exp(&ratios),
        elbos: found.iter().map(|component| component.elbo).collect(),
        gradients: draws.gradients,
        values: points.len() as u64 + found.iter().map(|component| component.values).sum::<u64>(),
    };
    Ok((draws, report))
}

/// Modes nearer than this share of an sd, a parameter, are one.
const SAME: f64 = 0.1;

/// The normal approximation at every distinct mode.
fn laplaces<T: LogDensityGradient + LogDensity>(
    target: &T,
    starts: &[Vec<f64>],
    settings: &QuickSettings,
    seed: Seed,
) -> Vec<Result<Bounded, Rejection>> {
    let mut found: Vec<Result<Bounded, Rejection>> = Vec::new();
    let scales = settings.scales.as_deref().unwrap_or(&[]);
    for mode in modes_scaled(target, scales, starts, &ModeSettings::default()) {
        let mode = match mode {
            Ok(mode) => mode,
            Err(why) => {
                found.push(Err(why));
                continue;
            }
        };
        let same = found.iter_mut().flatten().find(|other| {
            let distance = other.normal.squared_distance(&mode.position, other.normal.mean.iter().copied());
            distance < SAME * SAME * mode.position.len() as f64
        });
        if let Some(same) = same {
            same.gradients += mode.evaluations;
            continue;
        }
        let fit = laplace(target, &mode.position, settings.scales.as_deref());
        let normal = Gaussian::new(DVector::from_column_slice(&fit.mean), fit.covariance());
        let elbo = pathfinder::elbo(target, &normal, settings.comparisons, seed, found.len() as u64);
        let (gradients, values) = (mode.evaluations + fit.evaluations, settings.comparisons as u64);
        found.push(Ok(Bounded { normal, elbo, gradients, values }));
    }
    found
}

/// Least share of a component, of an equal share: an evidence bound may be wrong about a mode.
const LEAST_SHARE: f64 = 0.1;

/// Normals, each with a part that has heavy tails (defensive mixture, Hesterberg 1995).
struct Mixture<'a> {
    /// With ln of the share.
    components: Vec<(&'a Gaussian, f64)>,
    heavy: f64,
    df: f64,
}

impl<'a> Mixture<'a> {
    fn new(found: &'a [Bounded], settings: &QuickSettings) -> Self {
        let best = found.iter().map(|component| component.elbo).fold(f64::NEG_INFINITY, f64::max);
        let share = |component: &Bounded| {
            let share = if best.is_finite() { (component.elbo - best).exp() } else { 1.0 };
            share.max(LEAST_SHARE / found.len() as f64)
        };
        let sum: f64 = found.iter().map(share).sum();
        let components = found.iter().map(|component| (&component.normal, (share(component) / sum).ln())).collect();
        Self { components, heavy: settings.heavy, df: settings.df }
    }

    fn draw(&self, stream: &mut Stream) -> Vec<f64> {
        let mut left: f64 = stream.random();
        let mut chosen = self.components[self.components.len() - 1].0;
        for (normal, ln_share) in &self.components {
            if left < ln_share.exp() {
                chosen = normal;
                break;
            }
            left -= ln_share.exp();
        }
        let factor = if stream.random::<f64>() < self.heavy {
            // Student t: a normal over √(χ² / df).
            let squares = rand_distr::ChiSquared::new(self.df).map_or(self.df, |chi| stream.sample(chi));
            (self.df / squares).sqrt()
        } else {
            1.0
        };
        let moved = chosen.stretch(&standard_normals(chosen.dimension(), stream));
        chosen.mean.iter().zip(moved.iter()).map(|(mean, moved)| mean + factor * moved).collect()
    }

    fn ln_density(&self, at: &[f64]) -> f64 {
        let d = at.len() as f64;
        let half_ln_tau = 0.5 * std::f64::consts::TAU.ln();
        let student =
            ln_gamma(0.5 * (self.df + d)) - ln_gamma(0.5 * self.df) - 0.5 * d * (self.df * std::f64::consts::PI).ln();
        let terms: Vec<f64> = self
            .components
            .iter()
            .flat_map(|(normal, ln_share)| {
                let squared = normal.squared_distance(at, normal.mean.iter().copied());
                let light = -0.5 * squared - d * half_ln_tau + (1.0 - self.heavy).ln();
                let heavy = student - 0.5 * (self.df + d) * (squared / self.df).ln_1p() + self.heavy.ln();
                [light, heavy].map(|ln| ln + ln_share - normal.ln_volume())
            })
            .collect();
        // The sum, not the mean.
        ln_mean_exp(&terms) + (terms.len() as f64).ln()
    }
}
