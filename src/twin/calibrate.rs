//! Calibrates a model to a person: match, prior, mode, draws, verdict, predictions. A pure function of its arguments.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use rayon::prelude::*;
use thiserror::Error;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::inference::{self, Chains, Draws, LogDensityGradient, NutsSettings, SampleError, Verdict};
use crate::likelihood::{Matching, Posterior, fit};
use crate::model::{Composed, Program};
use crate::patient::Patient;
use crate::population::{Prior, PriorError};
use crate::sim::{Method, Settings, Used};
use crate::stats::Seed;

use super::checkpoint::{Checkpoint, CheckpointError, Earlier, Kept, RunIdentity};
use super::checks;
use super::predict::predictions;
use super::sampler::{self, Sampled, Sampler};
use super::{Person, Predictions, Provenance, StoreError, Twin};

/// How to calibrate.
#[derive(Clone, Debug, PartialEq)]
pub struct Calibration {
    pub sampler: Sampler,
    /// Chains, warmup and draws are those of every sampler: runs and particles, or ensembles and steps.
    pub nuts: NutsSettings,
    /// Simulations a run at most, of approximate Bayesian computation.
    pub simulations: u64,
    pub solver: Settings,
    /// Draws from the prior that are kept beside the posterior's.
    pub prior_draws: usize,
    /// Replicates of readings that are kept in all, about; draws are thinned to meet it.
    pub predictions: usize,
}

impl Default for Calibration {
    fn default() -> Self {
        Self {
            sampler: Sampler::default(),
            nuts: NutsSettings::default(),
            simulations: 500_000,
            solver: Settings::default(),
            prior_draws: 1000,
            predictions: 500_000,
        }
    }
}

/// Where a calibration is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Progress {
    /// Climbs to the mode that are done, and how many there are.
    Mode { done: usize, of: usize },
    /// Evaluations that an interrupted run had kept and that are not computed again.
    Resumed { evaluations: usize },
    /// A temperature or a generation of a run.
    Stage(inference::StageProgress),
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
    /// The draws could not be kept; the checkpoint is left to go on from.
    #[error("{0}")]
    Checkpoint(CheckpointError),
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
/// L1001 to L1004 and U1002 where bundle and model do not fit, P2028 where a window leaves no readings of a summary that is
/// compared, T3012 to T3014 where there is nothing to calibrate, no
/// start, or a name that a twin cannot keep; settings that cannot work.
pub fn calibrate(
    model: Composed,
    patient: &Patient,
    settings: &Calibration,
    seed: Seed,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<(Twin, Diagnostics), CalibrateError> {
    let begun = Instant::now();
    settings.sampler.check(patient)?;
    let met = meet(model, patient, settings.solver)?;
    let (twin, warnings) = sample(met, patient, settings, seed, begun, None, progress)?;
    Ok((twin.gathered(), warnings))
}

/// [`calibrate`], keeping what it computes beside the twin to be written, so that a run that is killed can be resumed: it then
/// gives the same draws, bit for bit. Draws of [`Sampler::Nuts`] are kept there as well, and not in memory. The checkpoint is
/// to be finished once the twin is written and needed no more.
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
) -> Result<(Twin<Kept>, Diagnostics, Checkpoint), CalibrateError> {
    let begun = Instant::now();
    settings.sampler.check(patient)?;
    let met = meet(model, patient, settings.solver)?;
    let run = identity(&met.0, patient, settings, seed);
    let checkpoint = Checkpoint::begin(twin, &run, earlier).map_err(|error| error.diagnostics())?;
    progress(Progress::Resumed { evaluations: checkpoint.kept() });
    match sample(met, patient, settings, seed, begun, Some(&checkpoint), progress) {
        Ok((twin, warnings)) => Ok((twin, warnings, checkpoint)),
        Err(error @ CalibrateError::Checkpoint(_)) => Err(error),
        Err(error) => {
            // Told the same again, the run would fail in the same way.
            checkpoint.finish();
            Err(error)
        }
    }
}

fn sample(
    (posterior, matching, warnings): (Arc<Posterior>, Matching, Diagnostics),
    patient: &Patient,
    settings: &Calibration,
    seed: Seed,
    begun: Instant,
    checkpoint: Option<&Checkpoint>,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<(Twin<Kept>, Diagnostics), CalibrateError> {
    let prior = &posterior.prior;
    let mut twin = Twin {
        person: person(patient, &matching, &posterior),
        draws: Kept::Memory(Draws { dimension: prior.dimension(), ..Draws::default() }),
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

    let sampled = sampler::sample(&posterior, &twin.prior_draws, settings, seed, checkpoint, progress)?;
    let Sampled { draws, looked_at, gradients, ln_evidence, remarks, reasons } = sampled;
    let names: Vec<String> = prior.calibrated.iter().map(|c| c.name.clone()).collect();
    twin.provenance.solver = solver(&posterior, &looked_at);
    twin.verdict = Verdict::of(&draws, &names);
    twin.verdict.reasons.extend(reasons);
    twin.provenance.ln_evidence = ln_evidence;
    twin.provenance.remarks = remarks;
    twin.predictions = predictions(&posterior, &draws, settings.predictions, seed, progress);
    twin.draws = draws.of_gradients(gradients);
    twin.verdict.reasons.extend(checks::unlike(&twin));
    twin.verdict.reasons.extend(checks::contradicted(&posterior, seed));
    twin.verdict.passed = twin.verdict.reasons.is_empty();
    twin.provenance.gradients = gradients;
    twin.provenance.seconds = begun.elapsed().as_secs_f64();
    // What could not be read again would have been judged as if it were not a number.
    match (twin.draws.trouble(), checkpoint) {
        (Some(reason), Some(checkpoint)) => Err(CalibrateError::Checkpoint(checkpoint.lost(reason))),
        _ => Ok((twin, warnings)),
    }
}

/// The posterior of a bundle under a model, with what was and was not used, and warnings.
///
/// # Errors
/// As those of [`calibrate`], where bundle and model do not fit.
pub fn meet(
    mut model: Composed,
    patient: &Patient,
    solver: Settings,
) -> Result<(Arc<Posterior>, Matching, Diagnostics), CalibrateError> {
    let (mut matched, warnings) = fit(&mut model, patient)?;
    let prior = Prior::among(&model, &matched.covariates, matched.personal.alternatives.clone()).map_err(|error| {
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

/// What the draws of a calibration follow from.
pub(super) fn identity(posterior: &Posterior, patient: &Patient, settings: &Calibration, seed: Seed) -> RunIdentity {
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
    let NutsSettings { chains, warmup, draws, .. } = settings.nuts;
    Provenance {
        version: env!("CARGO_PKG_VERSION").into(),
        model: posterior.program.model.name.clone(),
        model_hash: super::model_hash(&posterior.program.model.sources),
        bundle_hash: patient.hash.clone(),
        seed: seed.0,
        chains,
        warmup,
        draws,
        sampler: settings.sampler.describe(settings, posterior.prior.dimension()),
        solver: "Tsit5".into(),
        tolerance: settings.solver.tolerance,
        seconds: 0.0,
        gradients: 0,
        ln_evidence: None,
        remarks: Vec::new(),
    }
}

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
