//! Where sampling begins: points of the prior that have a density, the modes above them, the normal approximation there.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rayon::prelude::*;

use super::calibrate::{CalibrateError, Progress};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::inference::{Laplace, LogDensityGradient, Mode, ModeSettings, Rejection, laplace, modes_scaled};
use crate::likelihood::{Posterior, hours_to_model};
use crate::population::Prior;
use crate::stats::Seed;

/// The normal approximation at the best mode that was found.
pub(super) struct Start {
    pub normal: Laplace,
    found: Vec<Mode>,
    best: usize,
    /// What it took.
    pub gradients: u64,
}

/// Climbs from several points of the prior and approximates the posterior at the best mode; `spreads` are the prior's.
///
/// # Errors
/// T3013 where no point has a density.
pub(super) fn start(
    posterior: &Posterior,
    spreads: &[f64],
    seed: Seed,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Start, CalibrateError> {
    let (starts, tried) = starts(posterior, seed)?;
    let found = climb(posterior, &starts, spreads, progress);
    let best = (0..found.len()).max_by(|a, b| found[*a].ln_density.total_cmp(&found[*b].ln_density));
    let Some(best) = best else {
        return Err(no_start(&["the density cannot be climbed from any start".to_string()]).into());
    };
    let normal = laplace(posterior, &found[best].position, Some(spreads));
    let gradients = tried + found.iter().map(|mode| mode.evaluations).sum::<u64>() + normal.evaluations;
    Ok(Start { normal, found, best, gradients })
}

/// So many points of the prior that have a density, where there are as many.
///
/// # Errors
/// T3013 where none has.
pub(super) fn spread(posterior: &Posterior, wanted: usize, seed: Seed) -> Result<Vec<Vec<f64>>, CalibrateError> {
    Ok(having_density(posterior, wanted, 10 * wanted as u64, seed)?.0)
}

/// Draws from the prior that are tried as starts.
const TRIES: u64 = 100;

/// The middle of the prior and draws from it, those of them that have a density, and the gradients this took.
///
/// How many: by the number of readings, which is the same on every machine, as the time of a gradient is not.
pub(super) fn starts(posterior: &Posterior, seed: Seed) -> Result<(Vec<Vec<f64>>, u64), Diagnostics> {
    let wanted = if posterior.readings() <= 100 { 8 } else { 4 };
    having_density(posterior, wanted, TRIES, seed)
}

fn having_density(
    posterior: &Posterior,
    wanted: usize,
    tries: u64,
    seed: Seed,
) -> Result<(Vec<Vec<f64>>, u64), Diagnostics> {
    let (mut starts, mut reasons, mut tried) = (Vec::new(), Vec::new(), 0);
    let mut workspace = posterior.workspace();
    let mut gradient = vec![0.0; posterior.dimension()];
    let draws = (0..tries).map(|draw| posterior.prior.draw(&mut seed.stream("start", draw)));
    for at in std::iter::once(posterior.prior.centre()).chain(draws) {
        tried += 1;
        match posterior.ln_density_gradient(&mut workspace, &at, &mut gradient) {
            Ok(density) if density.is_finite() => starts.push(at),
            Ok(_) => reasons.push(impossible(posterior, &at).unwrap_or_else(|| "the density is 0".into())),
            // What cannot be solved has the solver's own words.
            Err(rejection) => reasons.push(impossible(posterior, &at).unwrap_or_else(|| rejection.to_string())),
        }
        if starts.len() == wanted {
            break;
        }
    }
    if starts.is_empty() { Err(no_start(&reasons)) } else { Ok((starts, tried)) }
}

/// Which part of a density is 0 or not a number; nothing where all that can be computed are numbers.
fn impossible(posterior: &Posterior, at: &[f64]) -> Option<String> {
    let say = |ln: f64| if ln == f64::NEG_INFINITY { "0" } else { "not a number" };
    for (c, z) in posterior.prior.calibrated.iter().zip(at) {
        let ln = c.distribution.ln_density(c.transform.from_real(*z)) + c.transform.ln_jacobian(*z);
        if !ln.is_finite() {
            return Some(format!("the prior density of `{}` is {}", c.name, say(ln)));
        }
    }
    let mut workspace = posterior.workspace();
    let found = posterior.pointwise(&mut workspace, &posterior.prior.natural(at)).ok()?;
    let per_hour = hours_to_model(&posterior.program.model);
    for (term, scores) in posterior.terms.iter().zip(found) {
        if let Some(number) = scores.iter().position(|ln| !ln.is_finite()) {
            let reading = term.readings[number];
            return Some(format!(
                "the density of the reading of `{}` at {} h, {} {}, is {}",
                term.name,
                reading.time / per_hour,
                reading.value,
                term.unit.text(),
                say(scores[number])
            ));
        }
    }
    None
}

/// T3013 with the most common reason; reasons that differ by a number are one.
pub(super) fn no_start(reasons: &[String]) -> Diagnostics {
    let kind = |reason: &str| reason.replace(|c: char| c.is_ascii_digit() || c == '.', "");
    let count = |reason: &&String| reasons.iter().filter(|other| kind(other) == kind(reason)).count();
    let common = reasons.iter().rev().max_by_key(count);
    let label = common.map(|reason| {
        let times = count(&reason);
        if reasons.len() > 1 { format!("{times} of {} tries: {reason}", reasons.len()) } else { reason.clone() }
    });
    Diagnostic::error("T3013", "the person's record cannot be simulated at any start")
        .label(label.unwrap_or_default())
        .help("`homeostat simulate MODEL` shows one run; `homeostat explain T3013` says what the reasons mean")
        .into()
}

/// Steps that the climb's approximation of the curvature remembers: more than there are parameters in most models.
const MEMORY: usize = 30;

/// The mode reached from each start that reaches one.
///
/// Along axes in units of the prior's spreads: without them, where parameters have spreads of 0.1 and of 30 on the real line, a
/// climb may stop ten and more units of ln density below a mode, as no step seems to promise anything.
fn climb(
    posterior: &Posterior,
    starts: &[Vec<f64>],
    spreads: &[f64],
    progress: &(dyn Fn(Progress) + Sync),
) -> Vec<Mode> {
    let settings = ModeSettings { tolerance: 1e-4, memory: MEMORY, ..ModeSettings::default() };
    let (done, of) = (AtomicUsize::new(0), starts.len());
    progress(Progress::Mode { done: 0, of });
    let reached: Vec<Option<Result<Mode, Rejection>>> = starts
        .par_iter()
        .map(|start| {
            let mode = modes_scaled(posterior, spreads, std::slice::from_ref(start), &settings).pop();
            progress(Progress::Mode { done: done.fetch_add(1, Ordering::Relaxed) + 1, of });
            mode
        })
        .collect();
    reached.into_iter().flatten().filter_map(Result::ok).filter(|mode| mode.ln_density.is_finite()).collect()
}

/// Standard deviation of each parameter under the prior, on the real line, by draws of natural values.
pub(super) fn spreads(prior: &Prior, draws: &[Vec<f64>]) -> Vec<f64> {
    let of = |(index, c): (usize, &crate::population::Calibrated)| {
        super::health::variance(draws.iter().map(|draw| c.transform.to_real(draw[index]))).sqrt()
    };
    prior.calibrated.iter().enumerate().map(of).collect()
}

/// How much lower, in ln density, another mode may lie to be worth a word.
const RIVAL: f64 = 3.0;

/// Modes about as high as the best and far from it, and which of them draws have come near.
pub(super) struct Rivals<'a> {
    normal: &'a Laplace,
    /// Along the axes of the normal approximation.
    apart: Vec<(Vec<f64>, AtomicBool)>,
    best: Vec<f64>,
    near: f64,
}

fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
}

impl Start {
    /// The other modes that draws should visit.
    pub(super) fn rivals(&self) -> Rivals<'_> {
        let (best, normal) = (&self.found[self.best], &self.normal);
        // The bulk of a normal posterior lies at √dimension from its mode.
        let near = 1.5 * (best.position.len() as f64).sqrt();
        let rivals = self.found.iter().filter(|mode| mode.converged && mode.ln_density > best.ln_density - RIVAL);
        let white = rivals.map(|mode| normal.white(&mode.position));
        let best = normal.white(&best.position);
        let apart = white.filter(|at| distance(at, &best) > near).map(|at| (at, AtomicBool::new(false))).collect();
        Rivals { normal, apart, best, near }
    }
}

impl Rivals<'_> {
    /// Looks where a draw is, on the real line.
    pub(super) fn see(&self, draw: &[f64]) {
        if self.apart.iter().all(|(_, visited)| visited.load(Ordering::Relaxed)) {
            return;
        }
        let draw = self.normal.white(draw);
        for (at, visited) in &self.apart {
            if distance(at, &draw) <= self.near {
                visited.store(true, Ordering::Relaxed);
            }
        }
    }

    /// A sentence on one that no draw came near: the draws then show a part of the posterior.
    pub(super) fn missed(&self) -> Option<String> {
        let (missed, _) = self.apart.iter().find(|(_, visited)| !visited.load(Ordering::Relaxed))?;
        Some(format!(
            "The posterior has another mode about as high, {:.0} standard deviations away, that no chain visited: the draws \
         show a part of it. Sharpen the priors, or add data that tell the two apart.",
            distance(missed, &self.best)
        ))
    }
}
