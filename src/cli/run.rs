//! `homeostat run`: from a bundle to a twin, scenarios, tables and figures, in one go.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::calibration::{self, Prepared, unwritable};
use super::what_if::{self, WhatIf, what_if};
use super::{Context, Done, Stop, output, plot, scenario, summary, warn};
use crate::report::{
    self, clock_of, effect_chart, effects_of, fan_chart, fan_of, observed_outputs, parameter_chart, parameters_of,
    trace_chart, traces_of,
};
use crate::twin::store::check_writable;
use crate::twin::{Twin, meet};

/// Calibrates a bundle, runs scenarios on the twin, and writes tables and figures
///
/// Writes to the folder: `NAME.twin`; `outcomes.csv` and a table of trajectories a scenario; `trajectories.svg` and
/// `.png`, `effects.svg`, `parameters.svg`, `trace.svg`. Bundle, model and scenarios are all read before the work begins.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  homeostat run patients/theophylline_01 scenarios/theophylline/*.toml -o out
  homeostat run patients/anna late_lunch.toml -o out --draws 2000 --seed 7
  homeostat run patients/anna -o out            the twin and its figures, no scenario

Exits with 3 when the twin fails its verdict; all is written all the same, and says so.
Research and educational software: not a medical device.")]
pub(crate) struct Arguments {
    /// The folder with `patient.toml`
    bundle: PathBuf,
    /// Scenario files
    scenarios: Vec<PathBuf>,
    /// The folder for everything that is written; it is made if it is not there
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    #[command(flatten)]
    options: calibration::Options,
    /// Replace a twin that is in the folder
    #[arg(long, visible_alias = "force")]
    overwrite: bool,
    /// Go on with a run that was interrupted, from the checkpoint beside the twin
    #[arg(long)]
    resume: bool,
    /// Print one JSON object and nothing else
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(context: &Context, arguments: Arguments) -> Done {
    let Arguments { bundle, scenarios, output: folder, options, overwrite, resume, json: quiet } = arguments;
    let prepared = Prepared::read(context, &bundle, &options)?;
    let path = folder.join(format!("{}.twin", prepared.patient.name));
    // A mistake in a scenario is told before the calibration, not after it.
    let (posterior, ..) = meet(prepared.model.clone(), &prepared.patient, prepared.settings.solver)?;
    let epoch = prepared.patient.epoch.as_ref().map(ToString::to_string);
    what_if::read(&posterior, epoch.as_deref(), &scenarios)?;
    output::folder(&folder)?;
    check_writable(&path, overwrite || resume).map_err(unwritable)?;

    let about = prepared.calibrate(&path, overwrite, resume, quiet)?;
    let twin = summary::read(&path)?;
    if !quiet {
        println!("{}", summary::table(&about));
    }
    let how = what_if::Options { draws: 1000, seed: options.seed, threads: options.threads };
    let found = what_if(&twin, &scenarios, &how)?;
    let tables = scenario::write(&folder, &found)?;
    let figures = figures(&twin, &path, &found, &folder)?;
    if quiet {
        let mut whole = scenario::as_json(&path, &how, &twin, &found, &tables);
        if let Some(object) = whole.as_object_mut() {
            object.insert("summary".into(), json!(about));
            object.insert("figures".into(), json!(figures));
        }
        println!("{whole:#}");
    } else {
        print!("{}", scenario::as_text(&twin, &found, &tables));
        println!("Wrote the twin to {}, figures to {}", path.display(), figures.join(", "));
    }
    warn(&found.warnings);
    if twin.verdict.passed { Ok(()) } else { Err(Stop::Verdict) }
}

/// Draws and writes all figures; returns their paths.
fn figures(twin: &Twin, path: &Path, found: &WhatIf, folder: &Path) -> Result<Vec<String>, Stop> {
    let file = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let frame = |title: &str| report::frame(twin, &file, title);
    let outputs = observed_outputs(twin);
    let title = plot::title(&outputs);
    let mut made = Vec::new();
    if !outputs.is_empty() {
        let fan = fan_chart(&fan_of(&twin.posterior, clock_of(twin), &found.comparison, &outputs, frame(&title)));
        made.push(("trajectories.svg", fan.clone()));
        made.push(("trajectories.png", fan));
    }
    let effects = effects_of(&found.comparison, frame("What each scenario changes"));
    if !effects.outcomes.is_empty() {
        made.push(("effects.svg", effect_chart(&effects)));
    }
    let parameters = parameters_of(twin, frame("What the data taught about each parameter"));
    made.push(("parameters.svg", parameter_chart(&parameters)));
    made.push(("trace.svg", trace_chart(&traces_of(twin, frame("Traces and ranks of the chains")))));
    let mut paths = Vec::new();
    for (name, figure) in made {
        let path = folder.join(name);
        output::figure(&figure, &path)?;
        paths.push(path.display().to_string());
    }
    Ok(paths)
}
