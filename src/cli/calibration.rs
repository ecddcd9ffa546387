//! What every command that calibrates shares: its options, its bars, and the way from a bundle to a twin.

use std::io::IsTerminal;
use std::path::Path;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::{Context, Stop, warn, what_if};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::inference::{Metric, NutsSettings};
use crate::model::Composed;
use crate::patient::Patient;
use crate::sim::Settings;
use crate::stats::Seed;
use crate::twin::{CalibrateError, Calibration, Earlier, Progress, Sampler, StoreError, Summary, calibrate_resumable};
use crate::units::{Quantity, Unit};

/// How a bundle is calibrated.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Options {
    /// The model: a name in the library, or a path that ends in .model [default: what the bundle names]
    #[arg(long, value_name = "MODEL")]
    pub model: Option<String>,
    /// How draws are taken
    #[arg(long, value_enum, default_value_t = Method::Nuts, value_name = "SAMPLER")]
    pub sampler: Method,
    /// Normal approximations in place of a sampler: a first look in seconds
    #[arg(long, conflicts_with = "sampler")]
    pub quick: bool,
    /// Simulations of each run at most, with --sampler abc
    #[arg(long, default_value_t = 500_000, value_name = "N")]
    pub simulations: u64,
    /// Chains, which are compared with each other
    #[arg(long, default_value_t = 4, value_name = "N")]
    pub chains: usize,
    /// Draws of each chain that adapt the sampler and are dropped
    #[arg(long, default_value_t = 1000, value_name = "N")]
    pub warmup: usize,
    /// Draws of each chain that are kept
    #[arg(long, default_value_t = 1000, value_name = "N")]
    pub draws: usize,
    /// The number that every random number follows from
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub seed: u64,
    /// Threads [default: one a core]
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
    /// Leave out what is before this time since the epoch, as in "72h" or "3 d"
    #[arg(long, value_name = "TIME")]
    pub from: Option<String>,
    /// Leave out what is after this time since the epoch, as in "96h" or "5760 min"
    #[arg(long, value_name = "TIME")]
    pub to: Option<String>,
    /// Mean acceptance of the sampler's steps: nearer to 1 is slower and follows sharp turns better
    #[arg(long, default_value_t = 0.9, value_name = "SHARE")]
    pub target_acceptance: f64,
    /// How NUTS learns the scale of the posterior while it warms up
    #[arg(long, value_enum, default_value_t = MetricChoice::Auto, value_name = "METRIC")]
    pub metric: MetricChoice,
    /// Never divide the sampler's steps where they are too long: NUTS as first published
    #[arg(long)]
    pub whole_steps: bool,
    /// Relative error of a step of the differential equations
    #[arg(long, default_value_t = 1e-6, value_name = "SHARE")]
    pub tolerance: f64,
}

/// The metrics of NUTS as they are named on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum MetricChoice {
    /// diagonal along the axes of the normal approximation at the mode, low-rank where that is no mode in some direction
    Auto,
    /// one scale an axis
    Diagonal,
    /// one scale an axis, and the directions in which that is not enough
    LowRank,
}

/// The samplers as they are named on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Method {
    /// No-U-Turn: follows the density's gradient
    Nuts,
    /// Tempered sequential Monte Carlo: several modes, and the evidence; draws are particles
    Smc,
    /// Approximate Bayesian computation: simulates, and compares summaries (`[[summary]]` in patient.toml); draws are particles
    Abc,
    /// Ensembles of walkers, without a gradient
    Ensemble,
    /// Normal approximations, resampled
    Quick,
}

/// A bundle and a model that were read and fit the options.
pub(super) struct Prepared {
    pub patient: Patient,
    pub model: Composed,
    pub settings: Calibration,
    pub warnings: Diagnostics,
    pub seed: Seed,
    pub pool: rayon::ThreadPool,
}

impl Prepared {
    /// Reads a bundle and its model; everything that is wrong with them is found before any work.
    pub fn read(context: &Context, bundle: &Path, options: &Options) -> Result<Self, Stop> {
        let settings = settings(options)?;
        let window = window(options)?;
        let pool = what_if::pool(options.threads)?;
        let (patient, mut warnings) = Patient::load(bundle)?;
        let (model, of_model) = model(context, options.model.as_deref(), &patient)?;
        warnings.extend(of_model);
        let patient = cut(patient, window)?;
        Ok(Self { patient, model, settings, warnings, seed: Seed(options.seed), pool })
    }

    /// Calibrates, with bars unless `quiet`, writes the twin and sums it up.
    ///
    /// What is computed is kept beside the twin until that is written; `resume` goes on from it.
    pub fn calibrate(self, output: &Path, overwrite: bool, resume: bool, quiet: bool) -> Result<Summary, Stop> {
        let Self { patient, model, settings, mut warnings, seed, pool } = self;
        let bars = Bars::new(&settings, quiet);
        let earlier = match (resume, overwrite) {
            (true, _) => Earlier::Resume,
            (_, true) => Earlier::Replace,
            _ => Earlier::Refuse,
        };
        let show = |at| bars.show(at);
        let calibrated =
            pool.install(|| calibrate_resumable(model, &patient, &settings, seed, (output, earlier), &show));
        bars.clear();
        let (twin, of_meeting, checkpoint) = calibrated.map_err(|error| {
            warn(&warnings);
            Stop::from(error)
        })?;
        warnings.extend(of_meeting);
        warn(&warnings);
        if let Some(trouble) = checkpoint.trouble() {
            let diagnostic = Diagnostic::warning("T3018", format!("a checkpoint could not be kept: {trouble}"));
            warn(&Diagnostics::from(diagnostic.help("the twin is whole, but could not have been resumed")));
        }
        // The draws are read from the checkpoint: whether that went well is asked when the twin is written.
        let found = pool.install(|| Summary::of(&twin));
        // The interrupted run was allowed to replace what is there, or had just written it.
        pool.install(|| twin.write(output, overwrite || resume)).map_err(unwritable)?;
        checkpoint.finish();
        Ok(found)
    }
}

impl From<CalibrateError> for Stop {
    fn from(error: CalibrateError) -> Self {
        match error {
            CalibrateError::Files(found) => Self::Files(found),
            CalibrateError::Settings(reason) => Self::Usage(reason),
            CalibrateError::Sampler(error) => Self::Internal(error.to_string()),
            CalibrateError::Checkpoint(error) => Self::Files(error.diagnostics()),
        }
    }
}

fn settings(options: &Options) -> Result<Calibration, Stop> {
    if !(options.tolerance > 0.0 && options.tolerance < 0.1) {
        return Err(Stop::Usage("--tolerance must lie between 0 and 0.1".into()));
    }
    let nuts = NutsSettings {
        chains: options.chains,
        warmup: options.warmup,
        draws: options.draws,
        target_acceptance: options.target_acceptance,
        divide_above: NutsSettings::default().divide_above.filter(|_| !options.whole_steps),
        metric: match options.metric {
            MetricChoice::Auto => Metric::Automatic,
            MetricChoice::Diagonal => Metric::Diagonal,
            MetricChoice::LowRank => Metric::LowRank,
        },
        ..NutsSettings::default()
    };
    nuts.check().map_err(|error| Stop::Usage(error.to_string()))?;
    let solver = Settings { tolerance: options.tolerance, ..Settings::default() };
    let sampler = match options.sampler {
        _ if options.quick => Sampler::Quick,
        Method::Nuts => Sampler::Nuts,
        Method::Smc => Sampler::Smc,
        Method::Abc => Sampler::Abc,
        Method::Ensemble => Sampler::Ensemble,
        Method::Quick => Sampler::Quick,
    };
    Ok(Calibration { sampler, nuts, solver, simulations: options.simulations, ..Calibration::default() })
}

/// The model that is asked for, or that the bundle names.
pub(super) fn model(
    context: &Context,
    asked: Option<&str>,
    patient: &Patient,
) -> Result<(Composed, Diagnostics), Stop> {
    let library = context.library()?;
    let Some(name) = asked.or(patient.model.as_deref()) else {
        let names: Vec<String> = library.names().into_iter().map(|(name, _)| name).collect();
        let bundle = &patient.name;
        return Err(Stop::Usage(format!(
            "the bundle `{bundle}` names no model: give --model NAME, or write `model = \"NAME\"` in patient.toml\n  \
             = known here: {}",
            names.join(", ")
        )));
    };
    library.load(name).map_err(|found| {
        let mut placed = Diagnostics::new();
        for finding in found.iter().cloned() {
            // A name that no model has stands in the bundle, unless it was given on the command line.
            let unplaced = finding.location.is_none() && asked.is_none();
            placed.push(if unplaced { finding.at_location(patient.place("model")) } else { finding });
        }
        Stop::Files(placed)
    })
}

/// `--from` and `--to` in hours.
fn window(options: &Options) -> Result<(Option<f64>, Option<f64>), Stop> {
    let hours = |option: &str, text: &Option<String>| -> Result<Option<f64>, Stop> {
        let Some(text) = text else { return Ok(None) };
        let wrong = |reason: String| Stop::Usage(format!("{option} {text}: {reason}; write a time as in \"72h\""));
        let quantity = Quantity::parse(text).map_err(|error| wrong(error.to_string()))?;
        let hour = Unit::parse("h").map_err(|error| Stop::Internal(error.to_string()))?;
        let hours = quantity.unit.convert(quantity.value, &hour);
        hours.map(Some).ok_or_else(|| wrong(format!("`{}` is not a unit of time", quantity.unit)))
    };
    let (from, to) = (hours("--from", &options.from)?, hours("--to", &options.to)?);
    match from.zip(to) {
        Some((from, to)) if to <= from => Err(Stop::Usage(format!("--to ({to} h) must be after --from ({from} h)"))),
        _ => Ok((from, to)),
    }
}

/// The person with what is inside the window.
fn cut(patient: Patient, window: (Option<f64>, Option<f64>)) -> Result<Patient, Stop> {
    let start = patient.start_h;
    match window {
        (None, None) => Ok(patient),
        // The record says nothing of the time before: a simulation from there would make it up.
        (Some(from), _) if from < start => {
            Err(Stop::Usage(format!("--from ({from} h) is before the record begins ({start} h)")))
        }
        (from, to) => Ok(patient.window(from.unwrap_or(start), to.unwrap_or(f64::INFINITY))),
    }
}

pub(super) fn unwritable(error: StoreError) -> Stop {
    error.diagnostics().map_or_else(|| Stop::Internal(error.to_string()), Stop::Files)
}

/// Progress bars, on a terminal only.
struct Bars {
    mode: ProgressBar,
    chains: Vec<ProgressBar>,
    /// Whether a stage's level is a tolerance.
    abc: bool,
    predictions: ProgressBar,
}

impl Bars {
    fn new(settings: &Calibration, quiet: bool) -> Self {
        // indicatif draws nothing where standard error is no terminal; a program that reads JSON is not to be bothered.
        let all = (!quiet && std::io::stderr().is_terminal()).then(MultiProgress::new);
        let bar = |length: usize, style: &str, prefix: String| {
            let Some(all) = &all else { return ProgressBar::hidden() };
            let bar = all.add(ProgressBar::new(length as u64).with_prefix(prefix));
            if let Ok(style) = ProgressStyle::with_template(style) {
                bar.set_style(style);
            }
            bar
        };
        let short = "{prefix:11} {bar:30} {pos}/{len}";
        let long = "{prefix:11} {bar:30} {pos}/{len}  {per_sec}, {eta} left  {msg}";
        // Stages are told by their level, as their number is not known before.
        let staged = matches!(settings.sampler, Sampler::Smc | Sampler::Abc);
        let (long, total) = match settings.sampler {
            _ if staged => ("{prefix:11} {elapsed}  {msg}", 1),
            _ => (long, settings.nuts.warmup + settings.nuts.draws),
        };
        let (name, count) = match settings.sampler {
            Sampler::Quick => ("chain", 0),
            _ if staged => ("run", settings.nuts.chains),
            _ => ("chain", settings.nuts.chains),
        };
        Self {
            mode: bar(1, short, "mode".into()),
            chains: (1..=count).map(|chain| bar(total, long, format!("{name} {chain}"))).collect(),
            abc: settings.sampler == Sampler::Abc,
            predictions: bar(1, short, "predictions".into()),
        }
    }

    fn show(&self, at: Progress) {
        match at {
            Progress::Mode { done, of } => {
                self.mode.set_length(of as u64);
                self.mode.set_position(done as u64);
            }
            Progress::Resumed { evaluations: 0 } => {}
            Progress::Resumed { evaluations } => {
                self.mode.println(format!("resumed: {evaluations} evaluations are told again and not computed"));
            }
            Progress::Stage(at) => {
                let Some(bar) = self.chains.get(at.run) else { return };
                let (stage, level, acceptance) = (at.stage, at.level, at.acceptance);
                let what = if self.abc { "generation" } else { "temperature" };
                let of = if self.abc { "tolerance" } else { "power of the likelihood" };
                let evaluations = at.evaluations;
                bar.set_message(format!(
                    "{what} {stage}, {of} {level:.3}, acceptance {acceptance:.2}, {evaluations} evaluations"
                ));
            }
            Progress::Draw(at) => {
                let Some(bar) = self.chains.get(at.chain) else { return };
                bar.set_length(at.total as u64);
                bar.set_position(at.done as u64);
                // Formatting a message for every draw would cost more than many a draw.
                if at.done % 20 == 0 || at.done == at.total {
                    let phase = if at.warmup { "warmup" } else { "drawing" };
                    let gradients = at.gradients / at.done.max(1) as u64;
                    let (divergences, acceptance) = (at.divergences, at.acceptance);
                    bar.set_message(format!(
                        "{phase}, acceptance {acceptance:.2}, {gradients} gradients a draw, {divergences} divergences"
                    ));
                }
            }
            Progress::Prediction { done, of } => {
                self.predictions.set_length(of as u64);
                self.predictions.set_position(done as u64);
            }
        }
    }

    fn clear(&self) {
        let chains = self.chains.iter();
        chains.chain([&self.mode, &self.predictions]).for_each(ProgressBar::finish_and_clear);
    }
}
