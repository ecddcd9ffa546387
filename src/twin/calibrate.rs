//! Calibrates a model to a person: match, prior, mode, draws, verdict, predictions. A pure function of its arguments.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use rayon::prelude::*;
use thiserror::Error;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::inference::{
    self, Draws, Laplace, LogDensityGradient, Mode, ModeSettings, NutsSettings, Rejection, SampleError, Verdict,
    laplace, modes, nuts_from, nuts_resumable,
};
use crate::likelihood::{Matching, Posterior, match_patient};
use crate::model::{Composed, Program};
use crate::patient::Patient;
use crate::population::{Prior, PriorError};
use crate::sim::{Method, Settings, Used};
use crate::stats::Seed;

use super::checkpoint::{Checkpoint, Earlier, RunIdentity};
use super::predict::predictions;
use super::{Person, Predictions, Provenance, StoreError, Twin};

/// How to calibrate.
#[derive(Clone, Debug, PartialEq)]
pub struct Calibration {
    pub nuts: NutsSettings,
    pub solver: Settings,
    /// Draws from the prior that are kept beside the posterior's.
    pub prior_draws: usize,
    /// Replicates of readings that are kept in all, about; draws are thinned to meet it.
    pub predictions: usize,
}

impl Default for Calibration {
    fn default() -> Self {
        Self { nuts: NutsSettings::default(), solver: Settings::default(), prior_draws: 1000, predictions: 500_000 }
    }
}

/// Where a calibration is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Progress {
    /// Climbs to the mode that are done, and how many there are.
    Mode { done: usize, of: usize },
    /// Evaluations that an interrupted run had kept and that are not computed again.
    Resumed { evaluations: usize },
    /// A draw of a chain.
    Draw(inference::Progress),
    /// Kept draws whose predictions are done, and how many there are.
    Prediction { done: usize, of: usize },
}

/// Why there is no twin.
#[derive(Debug, Error)]
pub enum CalibrateError {
    /// The bundle or the model is wrong, or both do not fit.
    #[error("the bundle cannot be calibrated with this model")]
    Files(Diagnostics),
    /// The settings cannot work.
    #[error("{0}")]
    Settings(String),
    /// The sampler broke off for a reason of its own.
    #[error("{0}")]
    Sampler(SampleError),
}

impl From<Diagnostics> for CalibrateError {
    fn from(found: Diagnostics) -> Self {
        Self::Files(found)
    }
}

/// Calibrates a model to a person, on the threads of the current `rayon` pool; the result does not depend on them.
/// Warnings about the meeting of model and bundle come with the twin.
///
/// # Errors
/// L1001 to L1004 and U1002 where bundle and model do not fit, T3012 to T3014 where there is nothing to calibrate, no
/// start, or a name that a twin cannot keep; settings that cannot work.
pub fn calibrate(
    model: Composed,
    patient: &Patient,
    settings: &Calibration,
    seed: Seed,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<(Twin, Diagnostics), CalibrateError> {
    let begun = Instant::now();
    let met = meet(model, patient, settings.solver)?;
    sample(met, patient, settings, seed, begun, None, progress)
}

/// [`calibrate`], keeping what it computes beside the twin to be written, so that a run that is killed can be resumed: it then
/// gives the same draws, bit for bit. The checkpoint is to be finished once the twin is written.
///
/// # Errors
/// Those of [`calibrate`]; T3015 to T3018 where the checkpoint cannot be used.
pub fn calibrate_resumable(
    model: Composed,
    patient: &Patient,
    settings: &Calibration,
    seed: Seed,
    (twin, earlier): (&Path, Earlier),
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<(Twin, Diagnostics, Checkpoint), CalibrateError> {
    let begun = Instant::now();
    let met = meet(model, patient, settings.solver)?;
    let run = identity(&met.0, patient, settings, seed);
    let checkpoint = Checkpoint::begin(twin, &run, earlier).map_err(|error| error.diagnostics())?;
    progress(Progress::Resumed { evaluations: checkpoint.kept() });
    let (twin, warnings) = sample(met, patient, settings, seed, begun, Some(&checkpoint), progress)?;
    Ok((twin, warnings, checkpoint))
}

fn sample(
    (posterior, matching, warnings): (Arc<Posterior>, Matching, Diagnostics),
    patient: &Patient,
    settings: &Calibration,
    seed: Seed,
    begun: Instant,
    checkpoint: Option<&Checkpoint>,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<(Twin, Diagnostics), CalibrateError> {
    let prior = &posterior.prior;
    let mut twin = Twin {
        person: person(patient, &matching, &posterior),
        draws: Draws { dimension: prior.dimension(), ..Draws::default() },
        verdict: Verdict::of(&Draws::default(), &[]),
        prior_draws: (0..settings.prior_draws as u64)
            .map(|draw| prior.natural(&prior.draw(&mut seed.stream("prior", draw))))
            .collect(),
        predictions: Predictions::none(posterior.terms.len()),
        provenance: provenance(&posterior, patient, settings, seed),
        posterior: posterior.clone(),
    };
    // A name that cannot be kept is told before the work, not after it.
    twin.check_names().map_err(name_error)?;

    let Approach { found, best, normal, mut gradients } =
        approach(&posterior, &spreads(prior, &twin.prior_draws), seed, progress)?;
    let told = |at| progress(Progress::Draw(at));
    let draws = match checkpoint {
        Some(journal) => nuts_resumable(&*posterior, &normal, &settings.nuts, seed, journal, &told),
        None => nuts_from(&*posterior, &normal, &settings.nuts, seed, &told),
    };
    let mut draws = draws.map_err(unsampled)?;
    gradients += draws.gradients;
    let missed = missed(&found, &best, &normal, &draws);
    let every = (draws.values.len() / prior.dimension()).div_ceil(LOOKED_AT).max(1);
    let positions: Vec<Vec<f64>> = draws.values.chunks(prior.dimension()).step_by(every).map(<[f64]>::to_vec).collect();
    for draw in draws.values.chunks_mut(prior.dimension()) {
        let natural = prior.natural(draw);
        draw.copy_from_slice(&natural);
    }
    let names: Vec<String> = prior.calibrated.iter().map(|c| c.name.clone()).collect();
    twin.provenance.solver = solver(&posterior, &positions);
    twin.verdict = Verdict::of(&draws, &names);
    if let Some(missed) = missed {
        twin.verdict.passed = false;
        twin.verdict.reasons.push(missed);
    }
    draws.gradients = gradients;
    twin.predictions = predictions(&posterior, &draws, settings.predictions, seed, progress);
    twin.draws = draws;
    twin.provenance.gradients = gradients;
    twin.provenance.seconds = begun.elapsed().as_secs_f64();
    Ok((twin, warnings))
}

/// Where the draws of a posterior begin.
pub(super) struct Approach {
    /// The mode reached from each start that reaches one.
    found: Vec<Mode>,
    best: Mode,
    /// The normal approximation at the best.
    pub normal: Laplace,
    /// Gradients it took.
    pub gradients: u64,
}

/// Climbs from starts spread over the prior to the best mode; `spreads` are the prior's, on the real line.
pub(super) fn approach(
    posterior: &Posterior,
    spreads: &[f64],
    seed: Seed,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Approach, CalibrateError> {
    let (starts, tried) = starts(posterior, seed)?;
    let found = climb(posterior, &starts, progress);
    let Some(best) = found.iter().max_by(|a, b| a.ln_density.total_cmp(&b.ln_density)).cloned() else {
        return Err(no_start(&["the density cannot be climbed from any start".to_string()]).into());
    };
    let normal = laplace(posterior, &best.position, Some(spreads));
    let gradients = tried + found.iter().map(|mode| mode.evaluations).sum::<u64>() + normal.evaluations;
    Ok(Approach { found, best, normal, gradients })
}

/// Why NUTS gave no draws.
pub(super) fn unsampled(error: SampleError) -> CalibrateError {
    match error {
        SampleError::Settings(reason) => CalibrateError::Settings(reason),
        SampleError::Start { reason, .. } => no_start(&[reason]).into(),
        SampleError::Chain { .. } | SampleError::Stage { .. } => CalibrateError::Sampler(error),
    }
}

/// The posterior of a bundle under a model, with what was and was not used, and warnings.
///
/// # Errors
/// As those of [`calibrate`], where bundle and model do not fit.
pub fn meet(
    model: Composed,
    patient: &Patient,
    solver: Settings,
) -> Result<(Arc<Posterior>, Matching, Diagnostics), CalibrateError> {
    let (mut matched, warnings) = match_patient(&model, patient)?;
    let prior = Prior::new(&model, &matched.covariates).map_err(|error| {
        let PriorError::Factor { parameter, .. } = &error;
        let of = model.parameters.iter().find(|p| p.name == *parameter);
        let diagnostic = Diagnostic::error("L1002", error.to_string());
        Diagnostics::from(match of {
            Some(p) => diagnostic.at(&p.origin.source, p.origin.span),
            None => diagnostic,
        })
    })?;
    if prior.dimension() == 0 {
        let diagnostic = Diagnostic::error("T3012", format!("the model `{}` has nothing to calibrate", model.name));
        return Err(Diagnostics::from(diagnostic.help("give a parameter a prior: `parameter k [1/h] ~ …`")).into());
    }
    let matching = std::mem::take(&mut matched.matching);
    let posterior = Posterior::new(Arc::new(Program::compile(Arc::new(model))), prior, matched, solver);
    Ok((Arc::new(posterior), matching, warnings))
}

fn person(patient: &Patient, matching: &Matching, posterior: &Posterior) -> Person {
    let once = |names: &[String]| {
        let mut seen: Vec<String> = Vec::new();
        for name in names {
            if !seen.contains(name) {
                seen.push(name.clone());
            }
        }
        seen
    };
    let per_hour = crate::likelihood::hours_to_model(&posterior.program.model);
    Person {
        name: patient.name.clone(),
        about: patient.about.clone(),
        epoch: patient.epoch.as_ref().map(ToString::to_string),
        start_h: patient.start_h,
        end_h: posterior.schedule.end / per_hour,
        unused: once(&matching.unused),
        silent_inputs: once(&matching.silent_inputs),
        unobserved: once(&matching.unobserved),
    }
}

fn identity(posterior: &Posterior, patient: &Patient, settings: &Calibration, seed: Seed) -> RunIdentity {
    let Provenance { version, model, model_hash, bundle_hash, sampler, tolerance, .. } =
        provenance(posterior, patient, settings, seed);
    RunIdentity {
        version,
        model,
        model_hash,
        bundle_hash,
        start_h: posterior.schedule.start,
        end_h: posterior.schedule.end,
        readings: posterior.readings(),
        seed: seed.0,
        sampler: format!("{sampler}, {} draws after {} of warmup", settings.nuts.draws, settings.nuts.warmup),
        chains: settings.nuts.chains,
        dimension: posterior.dimension(),
        tolerance,
    }
}

fn provenance(posterior: &Posterior, patient: &Patient, settings: &Calibration, seed: Seed) -> Provenance {
    let NutsSettings { chains, warmup, draws, target_acceptance, max_tree_depth, metric } = settings.nuts;
    Provenance {
        version: env!("CARGO_PKG_VERSION").into(),
        model: posterior.program.model.name.clone(),
        model_hash: super::model_hash(&posterior.program.model.sources),
        bundle_hash: patient.hash.clone(),
        seed: seed.0,
        chains,
        warmup,
        draws,
        sampler: format!(
            "NUTS along the axes of the normal approximation at the mode, {metric:?} metric, target acceptance \
             {target_acceptance}, tree depth at most {max_tree_depth}"
        ),
        solver: "Tsit5".into(),
        tolerance: settings.solver.tolerance,
        seconds: 0.0,
        gradients: 0,
    }
}

/// Draws whose solver is looked at for the provenance.
const LOOKED_AT: usize = 100;

/// How the model was solved: by which method, and at how many of these positions explicit steps would not do.
fn solver(posterior: &Posterior, positions: &[Vec<f64>]) -> String {
    let implicit = |at: &Vec<f64>| {
        let mut workspace = posterior.workspace();
        // A position that was drawn has a density; how it was solved is all that is asked here.
        let _ = posterior.ln_density_gradient(&mut workspace, at, &mut vec![0.0; at.len()]);
        workspace.used() != Used::Explicit
    };
    match (posterior.settings.method, positions.par_iter().filter(|at| implicit(at)).count()) {
        (Method::Implicit, _) => "ESDIRK, BDF".into(),
        (_, 0) => "Tsit5".into(),
        (_, some) => format!("Tsit5, implicit where stiff ({some} of {} draws looked at)", positions.len()),
    }
}

fn name_error(error: StoreError) -> CalibrateError {
    let help = "rename the parameter or the observed quantity in the model file";
    Diagnostics::from(Diagnostic::error("T3014", error.to_string()).help(help)).into()
}

/// Draws from the prior that are tried as starts.
const TRIES: u64 = 100;

/// The middle of the prior and draws from it, those of them that have a density, and the gradients this took.
///
/// How many: by the number of readings, which is the same on every machine, as the time of a gradient is not.
fn starts(posterior: &Posterior, seed: Seed) -> Result<(Vec<Vec<f64>>, u64), Diagnostics> {
    let wanted = if posterior.readings() <= 100 { 8 } else { 4 };
    let (mut starts, mut reasons, mut tried) = (Vec::new(), Vec::new(), 0);
    let mut workspace = posterior.workspace();
    let mut gradient = vec![0.0; posterior.dimension()];
    let draws = (0..TRIES).map(|draw| posterior.prior.draw(&mut seed.stream("start", draw)));
    for at in std::iter::once(posterior.prior.centre()).chain(draws) {
        tried += 1;
        match posterior.ln_density_gradient(&mut workspace, &at, &mut gradient) {
            Ok(density) if density.is_finite() => starts.push(at),
            Ok(_) => reasons.push("the density is 0: a reading is impossible under the model".to_string()),
            Err(rejection) => reasons.push(rejection.to_string()),
        }
        if starts.len() == wanted {
            break;
        }
    }
    if starts.is_empty() { Err(no_start(&reasons)) } else { Ok((starts, tried)) }
}

/// T3013 with the most common reason; reasons that differ by a number are one.
fn no_start(reasons: &[String]) -> Diagnostics {
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

/// The mode reached from each start that reaches one.
fn climb(posterior: &Posterior, starts: &[Vec<f64>], progress: &(dyn Fn(Progress) + Sync)) -> Vec<Mode> {
    // Chains start spread around the mode: a hundredth of ln density more or less is nothing to them.
    let settings = ModeSettings { tolerance: 1e-2, ..ModeSettings::default() };
    let (done, of) = (AtomicUsize::new(0), starts.len());
    progress(Progress::Mode { done: 0, of });
    let reached: Vec<Option<Result<Mode, Rejection>>> = starts
        .par_iter()
        .map(|start| {
            let mode = modes(posterior, std::slice::from_ref(start), &settings).pop();
            progress(Progress::Mode { done: done.fetch_add(1, Ordering::Relaxed) + 1, of });
            mode
        })
        .collect();
    reached.into_iter().flatten().filter_map(Result::ok).filter(|mode| mode.ln_density.is_finite()).collect()
}

/// Standard deviation of each parameter under the prior, on the real line.
pub(super) fn spreads(prior: &Prior, draws: &[Vec<f64>]) -> Vec<f64> {
    let of = |(index, c): (usize, &crate::population::Calibrated)| {
        super::health::variance(draws.iter().map(|draw| c.transform.to_real(draw[index]))).sqrt()
    };
    prior.calibrated.iter().enumerate().map(of).collect()
}

/// How much lower, in ln density, another mode may lie to be worth a word.
const RIVAL: f64 = 3.0;

/// A sentence on a mode about as high as the best that no draw came near: the draws then show a part of the posterior.
fn missed(found: &[Mode], best: &Mode, normal: &Laplace, draws: &Draws) -> Option<String> {
    let distance = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
    // The bulk of a normal posterior lies at √dimension from its mode.
    let near = 1.5 * (draws.dimension as f64).sqrt();
    let rivals = found.iter().filter(|mode| mode.converged && mode.ln_density > best.ln_density - RIVAL);
    let white: Vec<Vec<f64>> = rivals.map(|mode| normal.white(&mode.position)).collect();
    let apart: Vec<&Vec<f64>> = white.iter().filter(|at| distance(at, &normal.white(&best.position)) > near).collect();
    if apart.is_empty() {
        return None;
    }
    let visited: Vec<Vec<f64>> = draws.values.chunks(draws.dimension).map(|draw| normal.white(draw)).collect();
    let missed = apart.into_iter().find(|at| visited.iter().all(|draw| distance(at, draw) > near))?;
    Some(format!(
        "The posterior has another mode about as high, {:.0} standard deviations away, that no chain visited: the draws \
         show a part of it. Sharpen the priors, or add data that tell the two apart.",
        distance(missed, &normal.white(&best.position))
    ))
}
