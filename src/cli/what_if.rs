//! What every command that runs scenarios does first: reads their files and runs them beside "as it was".

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use indicatif::{ProgressBar, ProgressStyle};
use rand::RngExt;
use rayon::prelude::*;

use super::Stop;
use crate::diagnostic::{Diagnostic, Diagnostics, Location, Source, nearest};
use crate::likelihood::Posterior;
use crate::patient::Vocabulary;
use crate::scenario::{self, Comparison, Scenario, Setting};
use crate::stats::Seed;
use crate::twin::Twin;
use crate::units::{Clock, instant};

/// How a twin's draws are run.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(super) struct Options {
    /// How many of the twin's draws are run
    #[arg(long, default_value_t = 1000, value_name = "N")]
    pub draws: usize,
    /// Which draws those are, if there are more
    #[arg(long, default_value_t = 1, value_name = "S")]
    pub seed: u64,
    /// Threads; results do not depend on them [default: all cores]
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
}

/// Scenarios that were run, beside "as it was".
pub(super) struct WhatIf {
    /// In the order of the files.
    pub scenarios: Vec<(Source, Scenario)>,
    pub comparison: Comparison,
    /// Findings that did not stop the command.
    pub warnings: Diagnostics,
}

/// Reads scenario files and runs them on a twin; without files runs "as it was" over the record.
pub(super) fn what_if(twin: &Twin, files: &[PathBuf], options: &Options) -> Result<WhatIf, Stop> {
    let (scenarios, warnings) = read(&twin.posterior, twin.person.epoch.as_deref(), files)?;
    let draws = draws(twin, options)?;
    let list: Vec<Scenario> = scenarios.iter().map(|(_, scenario)| scenario.clone()).collect();
    let comparison = compare(&twin.posterior, &draws, &list, options.threads)?;
    Ok(WhatIf { scenarios, comparison, warnings })
}

/// Runs scenarios on draws, with a bar.
pub(super) fn compare(
    posterior: &Posterior,
    draws: &[Vec<f64>],
    list: &[Scenario],
    threads: Option<usize>,
) -> Result<Comparison, Stop> {
    let pool = pool(threads)?;
    let bar = ProgressBar::no_length();
    if let Ok(style) = ProgressStyle::with_template("{msg} [{bar:30}] {percent} %  {eta}") {
        bar.set_style(style);
    }
    bar.set_message("simulating");
    let (done, runs) = (AtomicUsize::new(0), list.len() + 1);
    let comparison = pool.install(|| {
        scenario::compare(posterior, draws, list, &|blocks, block| {
            bar.set_length((blocks * runs) as u64);
            let one = |index| {
                let found = block(index);
                bar.set_position(done.fetch_add(1, Ordering::Relaxed) as u64 + 1);
                found
            };
            (0..blocks).into_par_iter().map(one).collect()
        })
    });
    bar.finish_and_clear();
    unsolved(&comparison)?;
    Ok(comparison)
}

/// Threads for a command; by default one a core.
pub(super) fn pool(threads: Option<usize>) -> Result<rayon::ThreadPool, Stop> {
    if threads == Some(0) {
        return Err(Stop::Usage("--threads must be at least 1".into()));
    }
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads.unwrap_or(0)).build();
    pool.map_err(|error| Stop::Internal(error.to_string()))
}

/// Every scenario with its source and all warnings, or every mistake in any of the files.
pub(super) fn read(
    posterior: &Posterior,
    epoch: Option<&str>,
    files: &[PathBuf],
) -> Result<(Vec<(Source, Scenario)>, Diagnostics), Stop> {
    let clock = Clock { epoch: epoch.and_then(instant) };
    let vocabulary = Vocabulary::embedded()?;
    let setting = Setting::of(posterior, &clock, vocabulary);
    if files.is_empty() {
        let source = Source::new("", "");
        let (scenario, warnings) = scenario::read(&source, scenario::AS_IT_WAS, &setting)?;
        return Ok((vec![(source, scenario)], warnings));
    }
    let mut found = Diagnostics::new();
    let mut scenarios = Vec::new();
    for path in files {
        let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let read = text(path).map_err(Diagnostics::from).and_then(|source| {
            let (scenario, warnings) = scenario::read(&source, &stem, &setting)?;
            Ok((source, scenario, warnings))
        });
        match read {
            Ok((source, scenario, warnings)) => {
                found.extend(warnings);
                scenarios.push((source, scenario));
            }
            Err(errors) => found.extend(errors),
        }
    }
    if !found.has_errors() {
        found.extend(scenario::check_together(&scenarios));
    }
    Ok(found.or_value(scenarios)?)
}

/// The text of a scenario file (S5001).
fn text(path: &Path) -> Result<Source, Diagnostic> {
    let shown = path.to_string_lossy();
    let unreadable = |reason: String| {
        Diagnostic::error("S5001", format!("the scenario file cannot be read: {reason}"))
            .at_location(Location::file(&*shown))
    };
    let bytes = std::fs::read(path).map_err(|error| {
        let finding = if path.is_dir() {
            return unreadable("it is a folder".into()).help(format!("name the files: {shown}/*.toml"));
        } else {
            unreadable(error.to_string())
        };
        let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let names: Vec<String> = std::fs::read_dir(folder)
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .filter(|name| name.ends_with(".toml"))
            .collect();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        match nearest(&name, names.iter().map(String::as_str)) {
            Some(near) => finding.help(format!("did you mean `{}`?", folder.join(near).display())),
            None => finding,
        }
    })?;
    let text = std::str::from_utf8(&bytes)
        .map_err(|error| unreadable(format!("it is not UTF-8 text (byte {})", error.valid_up_to() + 1)))?;
    Ok(Source::new(&*shown, text.trim_start_matches('\u{feff}')))
}

/// As many of the twin's draws as are asked for: one from each of as many equal stretches of the chains.
fn draws(twin: &Twin, options: &Options) -> Result<Vec<Vec<f64>>, Stop> {
    if options.draws == 0 {
        return Err(Stop::Usage("--draws must be at least 1".into()));
    }
    let all = twin.draws.all();
    if all.len() <= options.draws {
        return Ok(all);
    }
    let mut stream = Seed(options.seed).stream("scenario draws", 0);
    let edge = |stretch: usize| stretch * all.len() / options.draws;
    Ok((0..options.draws).map(|i| all[stream.random_range(edge(i)..edge(i + 1))].clone()).collect())
}

/// S5020: a scenario under which no draw could be simulated says nothing.
fn unsolved(comparison: &Comparison) -> Result<(), Stop> {
    let mut found = Diagnostics::new();
    for run in comparison.groups.iter().flat_map(|group| &group.runs) {
        if run.failed == comparison.draws {
            let message = format!("no draw of the twin could be simulated under `{}`", run.name);
            found.push(Diagnostic::error("S5020", message));
        }
    }
    if found.is_empty() { Ok(()) } else { Err(Stop::Files(found)) }
}
