//! `homeostat calibrate-check`: simulation-based calibration, of a model and the record of a bundle.

mod progress;
mod told;

use std::path::{Path, PathBuf};
use std::time::Instant;

use super::calibration::{Method, MetricChoice, Options, Prepared};
use super::{Context, Done, Stop, output, warn};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::likelihood::Limits;
use crate::report::{rank_chart, ranks_of};
use crate::twin::{CheckSettings, Earlier, check_calibration, check_calibration_resumable, meet};

use progress::Shown;
use told::Told;

/// Checks that calibration finds what was simulated, by simulation-based calibration
///
/// Each simulation draws parameters from the prior, simulates the bundle's record with them (its times, devices, doses and
/// covariates; the measured values are not used) and calibrates that as `calibrate` does. If model, likelihood and sampler
/// are right, the truth has every rank among the draws alike often. The check fails where the ranks of a parameter, or of
/// the ln likelihood, leave the band that those of a right calibration leave in 5 % of checks.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  homeostat calibrate-check theophylline --bundle patients/theophylline_01
  homeostat calibrate-check my.model --bundle patients/anna --sims 500 -o ranks.svg -o ranks.csv
  homeostat calibrate-check t1d_day --bundle patients/virtual_adult_001 --sims 100 --from 72h --json
  homeostat calibrate-check my.model --bundle patients/anna --sims 500 -o ranks.svg -o ranks.csv --resume

With an output, every simulation that is done is kept in a folder beside the first one (ranks.svg.checkpoint) until all are
written; --resume, with the same options, goes on after an interruption and gives the ranks that the check would have given.
Where standard error is no terminal, a line says every ten seconds or so how far the check is, unless --json is given.
The same bundle, model, settings and seed give the same ranks on any number of threads.
Exits with 3 when the check fails; what was asked for is written all the same.
Research and educational software: not a medical device.")]
pub(crate) struct Arguments {
    /// The model: a name in the library, or a path that ends in .model
    model: String,
    /// The folder with `patient.toml`, whose record is simulated
    #[arg(long, value_name = "BUNDLE")]
    bundle: PathBuf,
    /// Simulations; the more, the smaller the faults that are seen
    #[arg(long, default_value_t = 200, value_name = "N")]
    sims: usize,
    /// Nearly independent draws that each truth is ranked among
    #[arg(long, default_value_t = 99, value_name = "N")]
    ranks: usize,
    /// Where to write the figure (.svg, .png) or the table of ranks (.csv); may be given several times
    #[arg(short, long, value_name = "FILE")]
    output: Vec<PathBuf>,
    /// Go on with a check that was interrupted, from the checkpoint beside the first output
    #[arg(long, requires = "output")]
    resume: bool,
    /// Begin anew, without what an interrupted check has left beside the first output
    #[arg(long, conflicts_with = "resume", visible_alias = "force")]
    overwrite: bool,
    /// Chains of each calibration
    #[arg(long, default_value_t = 2, value_name = "N")]
    chains: usize,
    /// Draws of each chain that adapt the sampler and are dropped
    #[arg(long, default_value_t = 200, value_name = "N")]
    warmup: usize,
    /// Draws of each chain that are kept
    #[arg(long, default_value_t = 200, value_name = "N")]
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
    /// How NUTS learns the scale of the posterior while it warms up
    #[arg(long, value_enum, default_value_t = MetricChoice::Auto, value_name = "METRIC")]
    metric: MetricChoice,
    /// Relative error of a step of the differential equations
    #[arg(long, default_value_t = 1e-6, value_name = "SHARE")]
    tolerance: f64,
    /// Print one JSON object and nothing else
    #[arg(long)]
    json: bool,
}

/// With fewer, not even a parameter that is always missed stands out.
const FEWEST: usize = 20;
/// With more, the exact bands take longer than the simulations.
const MOST: usize = 10_000;
const MOST_RANKS: usize = 1000;

pub(crate) fn run(context: &Context, arguments: Arguments) -> Done {
    if !(FEWEST..=MOST).contains(&arguments.sims) {
        return Err(Stop::Usage(format!("--sims must be from {FEWEST} to {MOST}")));
    }
    if !(1..=MOST_RANKS).contains(&arguments.ranks) {
        return Err(Stop::Usage(format!("--ranks must be from 1 to {MOST_RANKS}")));
    }
    for path in &arguments.output {
        if !is_table(path) {
            output::figure_format(path)?;
        }
        output::writable(path)?;
    }
    let begun = Instant::now();
    let options = Options {
        model: Some(arguments.model.clone()),
        sampler: Method::Nuts,
        quick: false,
        simulations: 0,
        chains: arguments.chains,
        warmup: arguments.warmup,
        draws: arguments.draws,
        seed: arguments.seed,
        threads: arguments.threads,
        from: arguments.from.clone(),
        to: arguments.to.clone(),
        target_acceptance: arguments.target_acceptance,
        metric: arguments.metric,
        whole_steps: false,
        tolerance: arguments.tolerance,
    };
    let Prepared { patient, model, settings: calibration, mut warnings, seed, pool } =
        Prepared::read(context, &arguments.bundle, &options)?;
    let (posterior, _, of_meeting) = meet(model, &patient, calibration.solver)?;
    warnings.extend(of_meeting);
    warn(&warnings);
    let settings = CheckSettings { simulations: arguments.sims, largest_rank: arguments.ranks, calibration };
    let shown = Shown::new(arguments.sims, arguments.json);
    let show = |at| shown.show(at);
    let earlier = match (arguments.resume, arguments.overwrite) {
        (true, _) => Earlier::Resume,
        (_, true) => Earlier::Replace,
        _ => Earlier::Refuse,
    };
    let checked = pool.install(|| match arguments.output.first() {
        Some(first) => {
            let place = (first.as_path(), earlier);
            let done = check_calibration_resumable(&posterior, &patient, &settings, seed, place, &show);
            done.map(|(check, kept)| (check, Some(kept)))
        }
        None => {
            let limits: Vec<Limits> = posterior.terms.iter().map(|term| Limits::of(&patient, term)).collect();
            let done = check_calibration(&posterior, &posterior, &limits, &settings, seed, &show);
            done.map(|check| (check, None))
        }
    });
    shown.clear();
    let (check, kept) = checked?;
    let told =
        Told { arguments: &arguments, bundle: &patient.name, check: &check, seconds: begun.elapsed().as_secs_f64() };
    for path in &arguments.output {
        if is_table(path) {
            output::write(path, &told.ranks()?)?;
        } else {
            output::figure(&rank_chart(&ranks_of(told.check, told.frame())), path)?;
        }
    }
    if let Some(kept) = kept {
        if let Some(trouble) = kept.trouble() {
            let diagnostic = Diagnostic::warning("T3018", format!("a checkpoint could not be kept: {trouble}"));
            warn(&Diagnostics::from(diagnostic.help("the ranks are whole, but could not have been resumed")));
        }
        kept.finish();
    }
    if arguments.json {
        println!("{}", told.json())
    } else {
        print!("{}", told.text())
    }
    if told.check.passed() { Ok(()) } else { Err(Stop::Verdict) }
}

fn is_table(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv"))
}
