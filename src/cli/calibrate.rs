//! `homeostat calibrate`: calibration of a bundle to a twin.

use std::io::IsTerminal;
use std::path::PathBuf;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::{Context, Done, Stop, summary, warn};
use crate::diagnostic::Diagnostics;
use crate::inference::NutsSettings;
use crate::model::{Composed, Library};
use crate::patient::Patient;
use crate::sim::Settings;
use crate::stats::Seed;
use crate::twin::store::check_writable;
use crate::twin::{CalibrateError, Calibration, Progress, StoreError, Summary, calibrate};
use crate::units::{Quantity, Unit};

/// Calibrates a twin to a patient bundle
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  homeostat calibrate patients/theophylline_01 -o theo.twin
  homeostat calibrate patients/virtual_adult_001 -o day4.twin --from 72h --to 96h
  homeostat calibrate patients/anna -o anna.twin --model my.model --chains 4 --draws 2000 --seed 7 --overwrite

The same bundle, model, settings and seed give the same draws on any number of threads.
Exits with 3 when the twin fails its verdict; it is written all the same, and says so.
Research and educational software: not a medical device.")]
pub(crate) struct Arguments {
    /// The folder with `patient.toml`
    bundle: PathBuf,
    /// Where to write the twin: a folder that does not exist yet
    #[arg(short, long, value_name = "TWIN")]
    output: PathBuf,
    /// The model: a name in the library, or a path that ends in .model [default: what the bundle names]
    #[arg(long, value_name = "MODEL")]
    model: Option<String>,
    /// Chains, which are compared with each other
    #[arg(long, default_value_t = 4, value_name = "N")]
    chains: usize,
    /// Draws of each chain that adapt the sampler and are dropped
    #[arg(long, default_value_t = 1000, value_name = "N")]
    warmup: usize,
    /// Draws of each chain that are kept
    #[arg(long, default_value_t = 1000, value_name = "N")]
    draws: usize,
    /// The number that every random number follows from
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
    /// Threads [default: one a core]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Leave out what is before this time since the epoch, as in "72h" or "3 d"
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Leave out what is after this time since the epoch, as in "96h" or "5760 min"
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// Mean acceptance of the sampler's steps: nearer to 1 is slower and follows sharp turns better
    #[arg(long, default_value_t = 0.9, value_name = "SHARE")]
    target_acceptance: f64,
    /// Relative error of a step of the differential equations
    #[arg(long, default_value_t = 1e-6, value_name = "SHARE")]
    tolerance: f64,
    /// Replace a twin that is at the path
    #[arg(long, visible_alias = "force")]
    overwrite: bool,
    /// Print one JSON object and nothing else
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(context: &Context, arguments: Arguments) -> Done {
    let settings = settings(&arguments)?;
    let window = window(&arguments)?;
    check_writable(&arguments.output, arguments.overwrite).map_err(unwritable)?;
    let (patient, mut warnings) = Patient::load(&arguments.bundle)?;
    let (model, of_model) = model(context, arguments.model.as_deref(), &patient)?;
    warnings.extend(of_model);
    let patient = cut(patient, window)?;
    let mut pool = rayon::ThreadPoolBuilder::new();
    if let Some(threads) = arguments.threads {
        pool = pool.num_threads(threads);
    }
    let pool = pool.build().map_err(|error| Stop::Internal(format!("threads cannot be started: {error}")))?;
    let bars = Bars::new(&settings.nuts, arguments.json);
    let seed = Seed(arguments.seed);
    let calibrated = pool.install(|| calibrate(model, &patient, &settings, seed, &|at| bars.show(at)));
    bars.clear();
    let (twin, of_meeting) = calibrated.map_err(|error| match error {
        CalibrateError::Files(found) => {
            warn(&warnings);
            Stop::Files(found)
        }
        CalibrateError::Settings(reason) => Stop::Usage(reason),
        CalibrateError::Sampler(error) => Stop::Internal(error.to_string()),
    })?;
    warnings.extend(of_meeting);
    warn(&warnings);
    pool.install(|| twin.write(&arguments.output, arguments.overwrite)).map_err(unwritable)?;
    let found = Summary::of(&twin);
    if arguments.json {
        println!("{}", summary::json(&found, &arguments.output)?);
    } else {
        print!("{}\nWritten to {}\n", summary::table(&found), arguments.output.display());
    }
    if twin.verdict.passed { Ok(()) } else { Err(Stop::Verdict) }
}

fn settings(arguments: &Arguments) -> Result<Calibration, Stop> {
    if arguments.threads == Some(0) {
        return Err(Stop::Usage("--threads must be at least 1".into()));
    }
    if !(arguments.tolerance > 0.0 && arguments.tolerance < 0.1) {
        return Err(Stop::Usage("--tolerance must lie between 0 and 0.1".into()));
    }
    let nuts = NutsSettings {
        chains: arguments.chains,
        warmup: arguments.warmup,
        draws: arguments.draws,
        target_acceptance: arguments.target_acceptance,
        ..NutsSettings::default()
    };
    nuts.check().map_err(|error| Stop::Usage(error.to_string()))?;
    let solver = Settings { tolerance: arguments.tolerance, ..Settings::default() };
    Ok(Calibration { nuts, solver, ..Calibration::default() })
}

/// The model that is asked for, or that the bundle names.
fn model(context: &Context, asked: Option<&str>, patient: &Patient) -> Result<(Composed, Diagnostics), Stop> {
    let library = match &context.models {
        Some(folder) => Library::folder(folder)?,
        None => Library::embedded(),
    };
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
fn window(arguments: &Arguments) -> Result<(Option<f64>, Option<f64>), Stop> {
    let hours = |option: &str, text: &Option<String>| -> Result<Option<f64>, Stop> {
        let Some(text) = text else { return Ok(None) };
        let wrong = |reason: String| Stop::Usage(format!("{option} {text}: {reason}; write a time as in \"72h\""));
        let quantity = Quantity::parse(text).map_err(|error| wrong(error.to_string()))?;
        let hour = Unit::parse("h").map_err(|error| Stop::Internal(error.to_string()))?;
        let hours = quantity.unit.convert(quantity.value, &hour);
        hours.map(Some).ok_or_else(|| wrong(format!("`{}` is not a unit of time", quantity.unit)))
    };
    let (from, to) = (hours("--from", &arguments.from)?, hours("--to", &arguments.to)?);
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

fn unwritable(error: StoreError) -> Stop {
    error.diagnostics().map_or_else(|| Stop::Internal(error.to_string()), Stop::Files)
}

/// Progress bars, on a terminal only.
struct Bars {
    mode: ProgressBar,
    chains: Vec<ProgressBar>,
    predictions: ProgressBar,
}

impl Bars {
    fn new(settings: &NutsSettings, quiet: bool) -> Self {
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
        let total = settings.warmup + settings.draws;
        Self {
            mode: bar(1, short, "mode".into()),
            chains: (1..=settings.chains).map(|chain| bar(total, long, format!("chain {chain}"))).collect(),
            predictions: bar(1, short, "predictions".into()),
        }
    }

    fn show(&self, at: Progress) {
        match at {
            Progress::Mode { done, of } => {
                self.mode.set_length(of as u64);
                self.mode.set_position(done as u64);
            }
            Progress::Draw(at) => {
                let Some(bar) = self.chains.get(at.chain) else { return };
                bar.set_position(at.done as u64);
                // Formatting a message for every draw would cost more than many a draw.
                if at.done % 20 == 0 || at.done == at.total {
                    let phase = if at.warmup { "warmup" } else { "drawing" };
                    let gradients = at.gradients / at.done.max(1) as u64;
                    let divergences = at.divergences;
                    bar.set_message(format!("{phase}, {gradients} gradients a draw, {divergences} divergences"));
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
