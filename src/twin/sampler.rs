//! Which sampler draws from a posterior, how it is set for it, and what it says of its own draws.

use serde::{Deserialize, Serialize};

use super::calibrate::{CalibrateError, Calibration, Progress};
use super::checkpoint::{Checkpoint, CheckpointError, Kept};
use super::seen::{Seen, in_memory};
use super::start::{self, no_start};
use crate::diagnostic::Diagnostics;
use crate::inference::{
    AbcAdjustment, AbcSettings, AbcState, Chains, EnsembleSettings, Forget, Journal, LEAST_ESS, MemoryTrace, Metric,
    QuickSettings, SampleError, SmcMove, SmcSettings, SmcState, Trace, abc, abc_from, ensemble, nuts_traced, quick,
    smc, smc_from,
};
use crate::likelihood::Posterior;
use crate::patient::Patient;
use crate::stats::Seed;

/// How draws are taken from a posterior.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sampler {
    /// The No-U-Turn sampler along the axes of the normal approximation at the mode: the default.
    #[default]
    Nuts,
    /// Tempered sequential Monte Carlo: for several modes, and for the evidence.
    Smc,
    /// Approximate Bayesian computation by population Monte Carlo: simulates, and needs no likelihood.
    Abc,
    /// Ensembles of walkers: needs no gradient.
    Ensemble,
    /// Normal approximations and importance resampling: draws in seconds, with a word on whether they can be trusted.
    Quick,
}

/// Draws and what there is to say of them.
pub(super) struct Sampled {
    /// Natural values.
    pub draws: Kept,
    /// Some of the draws, evenly spread over all of them, on the real line.
    pub looked_at: Vec<Vec<f64>>,
    /// Gradients of the whole run.
    pub gradients: u64,
    /// ln of the integral of prior · likelihood, and its standard error; not of every sampler.
    pub ln_evidence: Option<(f64, Option<f64>)>,
    /// What the sampler says of how it went, a sentence each.
    pub remarks: Vec<String>,
    /// Why its draws cannot be trusted, beside what their diagnostics say.
    pub reasons: Vec<String>,
}

impl Sampler {
    /// Refuses declared summaries of which a window left too few readings (P2028): only one sampler compares them.
    pub(super) fn check(self, patient: &Patient) -> Result<(), Diagnostics> {
        if self == Self::Abc { patient.check_summaries() } else { Ok(()) }
    }

    /// The sampler and its settings in words, for a posterior of so many parameters.
    pub fn describe(self, settings: &Calibration, dimension: usize) -> String {
        let nuts = &settings.nuts;
        match self {
            Self::Nuts => format!(
                "NUTS along the axes of the normal approximation at the mode, {} metric, target acceptance {}, \
                 steps {}, tree depth at most {}",
                match nuts.metric {
                    Metric::Automatic => "diagonal (low-rank where that is not curved as a mode)",
                    Metric::Diagonal => "diagonal",
                    Metric::LowRank => "low-rank",
                },
                nuts.target_acceptance,
                nuts.divide_above.map_or("whole".into(), |error| format!("divided above an energy error of {error}")),
                nuts.max_tree_depth
            ),
            Self::Smc => {
                let SmcSettings { ess, moves, correlation, sweeps, .. } = smc_settings(settings, dimension);
                format!(
                    "tempered SMC, {moves:?} moves until correlations are below {correlation} or {sweeps} sweeps, effective \
                     share {ess}"
                )
            }
            Self::Abc => {
                let AbcSettings { kernel, simulations, pilot, .. } = abc_settings(settings, pilot(settings));
                format!(
                    "ABC by population Monte Carlo, {kernel:?} kernel, {simulations} simulations a run at most, {pilot} of \
                     them to choose summaries by regression where there are more than {MANY} a parameter"
                )
            }
            Self::Ensemble => {
                let EnsembleSettings { walkers, thin, .. } = ensemble_settings(settings, dimension);
                format!("ensembles of {walkers} walkers, every {thin}th step kept")
            }
            Self::Quick => {
                let QuickSettings { approximation, candidates, .. } = quick_settings(settings);
                format!("{approximation:?} approximations, {candidates} candidates a chain, Pareto-smoothed resampling")
            }
        }
    }
}

/// Random walks come in lanes, so that two hundred of them cost what a few trajectories do.
fn smc_settings(settings: &Calibration, dimension: usize) -> SmcSettings {
    SmcSettings {
        runs: settings.nuts.chains,
        particles: settings.nuts.draws,
        moves: SmcMove::Walk,
        sweeps: 50 + 10 * dimension,
        ..SmcSettings::default()
    }
}

/// Simulations that choose the summaries: so many that runs choose about the same.
fn pilot(settings: &Calibration) -> usize {
    (settings.simulations / 10) as usize
}

/// Summaries a parameter above which they are replaced by predictions of the parameters.
const MANY: usize = 4;

fn abc_settings(settings: &Calibration, pilot: usize) -> AbcSettings {
    AbcSettings {
        runs: settings.nuts.chains,
        particles: settings.nuts.draws,
        simulations: settings.simulations,
        pilot,
        least_acceptance: 0.002,
        // Moved one by one by regression, particles of many summaries come out narrower than the posterior.
        adjust: AbcAdjustment::Location,
        ..AbcSettings::default()
    }
}

fn ensemble_settings(settings: &Calibration, dimension: usize) -> EnsembleSettings {
    let walkers = (4 * (dimension + 1)).max(32);
    EnsembleSettings {
        ensembles: settings.nuts.chains,
        walkers,
        warmup: settings.nuts.warmup,
        draws: settings.nuts.draws.div_ceil(walkers).max(4),
        thin: 20,
        ..EnsembleSettings::default()
    }
}

fn quick_settings(settings: &Calibration) -> QuickSettings {
    let (chains, draws) = (settings.nuts.chains, settings.nuts.draws);
    QuickSettings { chains, draws, candidates: (4 * draws).max(4000), ..QuickSettings::default() }
}

/// Draws from a posterior by the sampler of the settings; `prior_draws` are natural values, `[draw][parameter]`.
///
/// # Errors
/// Settings that cannot work; T3013 where no start is found; a sampler that breaks off.
pub(super) fn sample(
    posterior: &Posterior,
    prior_draws: &[Vec<f64>],
    settings: &Calibration,
    seed: Seed,
    checkpoint: Option<&Checkpoint>,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Sampled, CalibrateError> {
    let spreads = start::spreads(&posterior.prior, prior_draws);
    let sampled = match settings.sampler {
        Sampler::Nuts => by_nuts(posterior, (settings, &spreads), seed, checkpoint, progress),
        Sampler::Smc => by_smc(posterior, settings, seed, checkpoint, progress),
        Sampler::Abc => by_abc(posterior, settings, seed, checkpoint, progress),
        Sampler::Ensemble => by_ensemble(posterior, settings, seed, progress),
        Sampler::Quick => by_quick(posterior, settings, seed),
    };
    sampled.map_err(|error| match error {
        Broken::Start(found) => found,
        Broken::Kept(error) => CalibrateError::Checkpoint(error),
        Broken::Sampler(error) => unsampled(error),
    })
}

/// Why a sampler gave no draws.
pub(super) fn unsampled(error: SampleError) -> CalibrateError {
    match error {
        SampleError::Settings(reason) => CalibrateError::Settings(reason),
        SampleError::Start { reason, .. } => no_start(&[reason]).into(),
        SampleError::Chain { .. } | SampleError::Stage { .. } => CalibrateError::Sampler(error),
    }
}

enum Broken {
    Start(CalibrateError),
    Sampler(SampleError),
    Kept(CheckpointError),
}

impl From<SampleError> for Broken {
    fn from(error: SampleError) -> Self {
        Self::Sampler(error)
    }
}

fn by_nuts(
    posterior: &Posterior,
    (settings, spreads): (&Calibration, &[f64]),
    seed: Seed,
    checkpoint: Option<&Checkpoint>,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Sampled, Broken> {
    let start = start::start(posterior, spreads, seed, progress).map_err(Broken::Start)?;
    let told = |at| progress(Progress::Draw(at));
    let (nuts, dimension) = (&settings.nuts, posterior.prior.dimension());
    let depth_limit = nuts.max_tree_depth as i64;
    let rivals = start.rivals();
    let run = |journal: &dyn Journal, to: &dyn Trace| {
        let seen = Seen::new(&posterior.prior, &rivals, nuts, to);
        let gradients = nuts_traced(posterior, &start.normal, nuts, seed, (journal, &seen), &told)?;
        Ok::<_, SampleError>((gradients, seen.looked_at()))
    };
    let (draws, (gradients, looked_at)) = match checkpoint {
        Some(checkpoint) => {
            let mut files = checkpoint.draw_files(dimension, depth_limit).map_err(Broken::Kept)?;
            let ran = run(checkpoint, &files)?;
            files.finish(nuts.draws, ran.0);
            if let Some(reason) = files.trouble() {
                return Err(Broken::Kept(checkpoint.lost(reason)));
            }
            (Kept::Files(files), ran)
        }
        None => {
            let memory = MemoryTrace::new(nuts.chains);
            let ran = run(&Forget, &memory)?;
            (Kept::Memory(memory.draws(dimension, depth_limit, ran.0)), ran)
        }
    };
    let reasons = rivals.missed().into_iter().collect();
    let gradients = start.gradients + gradients;
    Ok(Sampled { draws, looked_at, gradients, ln_evidence: None, remarks: Vec::new(), reasons })
}

/// Ancestors below which what modes weigh rests on chance.
const FEW_FAMILIES: usize = 20;
/// Standard error of the ln evidence above which runs do not agree.
const DISAGREE: f64 = 0.5;
/// Correlation with the place before that shows that particles do not move.
const STUCK: f64 = 0.5;

fn by_smc(
    posterior: &Posterior,
    settings: &Calibration,
    seed: Seed,
    checkpoint: Option<&Checkpoint>,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Sampled, Broken> {
    let own = smc_settings(settings, posterior.prior.dimension());
    let told = |at| progress(Progress::Stage(at));
    let mut keep = |state: &SmcState| keep_state(checkpoint, state);
    let (draws, report) = match kept_state(checkpoint) {
        Some(state) => smc_from(posterior, state, &own, seed, &told, &mut keep),
        None => smc(posterior, &own, seed, &told, &mut keep),
    }?;
    let mut reasons = Vec::new();
    let families = report.families.iter().copied().min().unwrap_or(0);
    if families < FEW_FAMILIES {
        reasons.push(format!(
            "All particles of a run descend from {families} draws of the prior: what separate modes weigh, and the evidence, \
             rest on chance. Take more draws."
        ));
    }
    if report.ln_evidence_error > DISAGREE {
        reasons.push(format!(
            "The runs do not agree on the evidence: the standard error of its logarithm is {:.2}, and should be at most \
             {DISAGREE}. Take more draws.",
            report.ln_evidence_error
        ));
    }
    let last = report.stages.iter().filter_map(|stages| stages.last());
    let stuck = last.clone().map(|stage| stage.correlation).fold(0.0, f64::max);
    if stuck > STUCK {
        reasons.push(format!(
            "Particles hardly moved at the last temperature: a parameter has a correlation of {stuck:.2} with where it was. \
             Use --sampler nuts."
        ));
    }
    let stages = report.stages.iter().map(Vec::len).max().unwrap_or(0);
    let acceptance = last.map(|stage| stage.acceptance).fold(f64::INFINITY, f64::min);
    let remarks = vec![format!(
        "Tempered SMC: {stages} temperatures, {} likelihoods, acceptance {acceptance:.2} at the last; effective draws are \
         counted along particles, which is too good: what is sure is how far the runs agree.",
        report.likelihoods
    )];
    let ln_evidence = Some((report.ln_evidence, Some(report.ln_evidence_error)));
    let gradients = draws.gradients;
    let (draws, looked_at) = in_memory(&posterior.prior, draws);
    Ok(Sampled { gradients, draws, looked_at, ln_evidence, remarks, reasons })
}

fn by_abc(
    posterior: &Posterior,
    settings: &Calibration,
    seed: Seed,
    checkpoint: Option<&Checkpoint>,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Sampled, Broken> {
    let dimension = posterior.prior.dimension();
    // A linear prediction of a parameter loses what data say of spreads: few summaries are compared as they are.
    let many = crate::inference::Simulator::observed(posterior).len() > MANY * dimension;
    let own = abc_settings(settings, if many { pilot(settings) } else { 0 });
    let told = |at| progress(Progress::Stage(at));
    let mut keep = |state: &AbcState| keep_state(checkpoint, state);
    let (draws, report) = match kept_state(checkpoint) {
        Some(state) => abc_from(posterior, state, &own, seed, &told, &mut keep),
        None => abc(posterior, &own, seed, &told, &mut keep),
    }?;
    let mut reasons = Vec::new();
    let ess: f64 = report.ess.iter().sum();
    if ess < LEAST_ESS {
        reasons.push(format!(
            "The weighted particles are worth {ess:.0} draws, and should be at least {LEAST_ESS:.0}. Take more draws."
        ));
    }
    let last = report.generations.iter().filter_map(|generations| generations.last());
    let tolerance = last.clone().map(|last| last.tolerance).fold(0.0, f64::max);
    let generations = report.generations.iter().map(Vec::len).max().unwrap_or(0);
    let ended = report.ended.first().cloned().unwrap_or_default();
    let mut remarks = vec![format!(
        "ABC approximates: {} simulations in {generations} generations, to a tolerance of {tolerance:.3} in scales of the \
         summaries ({ended}); how near that comes to the posterior is not known.",
        report.simulations
    )];
    let declared = posterior.declared_summaries();
    if !declared.is_empty() {
        remarks.push(format!("It compares what the bundle declares: {}.", declared.join("; ")));
    }
    let (draws, looked_at) = in_memory(&posterior.prior, draws);
    Ok(Sampled { draws, looked_at, gradients: 0, ln_evidence: None, remarks, reasons })
}

fn by_ensemble(
    posterior: &Posterior,
    settings: &Calibration,
    seed: Seed,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Sampled, Broken> {
    let own = ensemble_settings(settings, posterior.prior.dimension());
    let wanted = own.ensembles * own.walkers;
    let starts = start::spread(posterior, wanted, seed).map_err(Broken::Start)?;
    let (draws, report) = ensemble(posterior, &starts, &own, seed, &|at| progress(Progress::Draw(at)))?;
    let acceptance = report.acceptance.iter().copied().fold(f64::INFINITY, f64::min);
    let remarks = vec![format!("Ensembles: {} densities, acceptance at least {acceptance:.2}.", report.values)];
    let gradients = draws.gradients;
    let (draws, looked_at) = in_memory(&posterior.prior, draws);
    Ok(Sampled { gradients, draws, looked_at, ln_evidence: None, remarks, reasons: Vec::new() })
}

fn by_quick(posterior: &Posterior, settings: &Calibration, seed: Seed) -> Result<Sampled, Broken> {
    let (starts, tried) = start::starts(posterior, seed).map_err(|found| Broken::Start(found.into()))?;
    let (draws, report) = quick(posterior, &starts, &quick_settings(settings), seed)?;
    let mut reasons = Vec::new();
    if !report.reliable() {
        reasons.push(format!(
            "The approximation is too far from the posterior to be corrected by weights: Pareto k̂ is {:.2}, and should be at \
             most 0.7. Use --sampler nuts.",
            report.k_hat
        ));
    } else if report.ess < LEAST_ESS {
        reasons.push(format!(
            "The weighted candidates are worth {:.0} draws, and should be at least {LEAST_ESS:.0}. Use --sampler nuts.",
            report.ess
        ));
    }
    let remarks = vec![format!(
        "Quick draws: Pareto k̂ {:.2}, {:.0} effective candidates; R̂ says nothing here, as all chains share the \
         approximation.",
        report.k_hat, report.ess
    )];
    let ln_evidence = Some((report.ln_evidence, None));
    let (draws, looked_at) = in_memory(&posterior.prior, draws);
    Ok(Sampled { gradients: tried + report.gradients, draws, looked_at, ln_evidence, remarks, reasons })
}

/// The state that a run which was interrupted had reached.
fn kept_state<S: serde::de::DeserializeOwned>(checkpoint: Option<&Checkpoint>) -> Option<S> {
    // The run's identity was compared before, and the file is renamed into place whole.
    serde_json::from_str(&checkpoint?.stage()?).ok()
}

fn keep_state<S: Serialize>(checkpoint: Option<&Checkpoint>, state: &S) {
    if let (Some(checkpoint), Ok(text)) = (checkpoint, serde_json::to_string(state)) {
        checkpoint.keep_stage(&text);
    }
}
