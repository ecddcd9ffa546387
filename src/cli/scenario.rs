//! `homeostat scenario`: what-ifs on a twin.

use std::path::{Path, PathBuf};

use serde_json::{Value as Json, json};

use super::check::problem;
use super::columns::{Align, aligned, wrapped};
use super::what_if::{Options, WhatIf, what_if};
use super::{Context, Done, Stop, output, summary, warn};
use crate::scenario::{Band, Contrast, Group, ScenarioRun, Spread, file_stem};
use crate::twin::{NOTICE, Twin};
use crate::units::short;

const WIDTH: usize = 100;

/// Runs scenarios on a twin and compares them with what was
///
/// Every draw of the twin is one person that the data allow; in every scenario it is the same person, so that effects
/// are paired. "As it was" always runs beside the scenarios, over the same time and with the same outcomes. With `-o`
/// writes a table of trajectories for each (`NAME.csv`: time_h,output,unit,mean,q05,q25,q50,q75,q95), and
/// `outcomes.csv`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  homeostat scenario anna.twin scenarios/*.toml -o out/\n  \
                        homeostat scenario anna.twin late_lunch.toml --json | jq '.contrasts[].effect'\n  \
                        homeostat scenario anna.twin late_lunch.toml --draws 4000\n\n\
                        A scenario file:\n  [[scale]]\n  input = \"bolus_insulin\"\n  factor = 0.7\n  from = \"72 h\"\n\n  \
                        [[outcome]]\n  output = \"plasma_glucose\"\n  measure = \"time_in_range\"\n  \
                        low = \"70 mg/dL\"\n  high = \"180 mg/dL\"\n\n\
                        scenarios/README.md describes all of it. Exits with 3 when the twin failed its verdict.")]
pub(crate) struct Arguments {
    /// The twin, as `homeostat calibrate … -o` wrote it
    twin: PathBuf,
    /// Scenario files
    #[arg(required = true)]
    scenarios: Vec<PathBuf>,
    /// The folder for the tables; it is made if it is not there
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Print one JSON object and nothing else
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    options: Options,
}

pub(crate) fn run(_: &Context, arguments: Arguments) -> Done {
    let twin = summary::read(&arguments.twin)?;
    if let Some(folder) = &arguments.output {
        output::folder(folder)?;
    }
    let found = what_if(&twin, &arguments.scenarios, &arguments.options)?;
    let files = match &arguments.output {
        Some(folder) => write(folder, &found)?,
        None => Vec::new(),
    };
    if arguments.json {
        println!("{:#}", as_json(&arguments.twin, &arguments.options, &twin, &found, &files));
    } else {
        print!("{}", as_text(&twin, &found, &files));
    }
    warn(&found.warnings);
    if !twin.verdict.passed {
        eprintln!("The twin failed its verdict: do not rely on these numbers.");
        twin.verdict.reasons.iter().for_each(|reason| eprintln!("  - {reason}"));
        return Err(Stop::Verdict);
    }
    Ok(())
}

/// Every run with its group and place in it.
fn runs(found: &WhatIf) -> impl Iterator<Item = (&Group, usize, &ScenarioRun)> {
    found.comparison.groups.iter().flat_map(|g| g.runs.iter().enumerate().map(move |(i, run)| (g, i, run)))
}

/// The name of each run's table, in the order of [`runs`]: "as it was" of a second horizon says which.
fn file_names(found: &WhatIf) -> Vec<String> {
    let first = found.comparison.groups.first().map(|group| (group.from_h, group.to_h));
    let name = |(group, index, run): (&Group, usize, &ScenarioRun)| {
        let stem = file_stem(&run.name);
        if index > 0 || first == Some((group.from_h, group.to_h)) {
            format!("{stem}.csv")
        } else {
            format!("{stem}_{}h_to_{}h.csv", short(group.from_h), short(group.to_h))
        }
    };
    runs(found).map(name).collect()
}

/// Writes all tables and returns their paths, in the order of [`runs`], `outcomes.csv` last.
pub(super) fn write(folder: &Path, found: &WhatIf) -> Result<Vec<PathBuf>, Stop> {
    let mut files = Vec::new();
    for ((_, _, run), name) in runs(found).zip(file_names(found)) {
        files.push((folder.join(name), trajectories(run)?));
    }
    files.push((folder.join("outcomes.csv"), outcomes(found)?));
    for (path, content) in &files {
        output::write(path, content)?;
    }
    Ok(files.into_iter().map(|(path, _)| path).collect())
}

/// The table of a run: one row a time and output.
pub(super) fn trajectories(run: &ScenarioRun) -> Result<Vec<u8>, Stop> {
    let titles = ["time_h", "output", "unit", "mean", "q05", "q25", "q50", "q75", "q95"];
    let mut rows = vec![titles.map(String::from).to_vec()];
    for (index, time) in run.times_h.iter().enumerate() {
        for Band { output, unit, mean, q05, q25, q50, q75, q95 } in &run.bands {
            let values = [mean, q05, q25, q50, q75, q95].map(|values| values[index].to_string());
            rows.push([vec![time.to_string(), output.clone(), unit.clone()], values.to_vec()].concat());
        }
    }
    csv_text(&rows)
}

/// The table of all outcomes; cells that do not apply are empty.
fn outcomes(found: &WhatIf) -> Result<Vec<u8>, Stop> {
    let titles = [
        "scenario",
        "from_h",
        "to_h",
        "output",
        "outcome",
        "unit",
        "median",
        "q05",
        "q95",
        "effect_median",
        "effect_q05",
        "effect_q95",
        "p_better",
        "p_higher",
        "better",
        "draws_missing",
    ];
    let mut rows = vec![titles.map(String::from).to_vec()];
    let number = |value: Option<f64>| value.map_or_else(String::new, |value| value.to_string());
    for (group, index, _) in runs(found) {
        for contrast in &group.contrasts[index] {
            let Spread { median, q05, q95, .. } = contrast.value;
            let effect = contrast.effect;
            let mut row = vec![contrast.scenario.clone(), group.from_h.to_string(), group.to_h.to_string()];
            row.extend([contrast.output.clone(), contrast.outcome.clone(), contrast.unit.clone()]);
            row.extend([median, q05, q95].map(|value| value.to_string()));
            row.extend([effect.map(|e| e.median), effect.map(|e| e.q05), effect.map(|e| e.q95)].map(number));
            row.extend([contrast.p_better, contrast.p_higher].map(number));
            row.extend([contrast.better.unwrap_or_default().to_string(), contrast.missing.to_string()]);
            rows.push(row);
        }
    }
    csv_text(&rows)
}

fn csv_text(rows: &[Vec<String>]) -> Result<Vec<u8>, Stop> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer.write_record(row).map_err(|error| Stop::Internal(error.to_string()))?;
    }
    writer.into_inner().map_err(|error| Stop::Internal(error.to_string()))
}

pub(super) fn as_text(twin: &Twin, found: &WhatIf, files: &[PathBuf]) -> String {
    let mut lines = vec![format!(
        "Twin of {}, by the model {}: {} of {} draws",
        twin.person.name,
        twin.posterior.program.model.name,
        found.comparison.draws,
        twin.draws.chains * twin.draws.draws
    )];
    for group in &found.comparison.groups {
        lines.push(String::new());
        let since = twin.person.epoch.as_ref().map_or_else(String::new, |epoch| format!(" since {epoch}"));
        lines.push(format!(
            "From {} h to {} h{since}; medians with the central 90 % of the draws",
            short(group.from_h),
            short(group.to_h)
        ));
        for outcome in 0..group.outcomes.len() {
            lines.push(String::new());
            lines.extend(outcome_table(group, outcome));
        }
        for run in group.runs.iter().filter(|run| run.failed > 0) {
            lines.push(format!("  {}: {} draws could not be simulated, they are left out", run.name, run.failed));
        }
    }
    let warned: Vec<(&Group, usize, &ScenarioRun)> =
        runs(found).filter(|(group, index, _)| !group.extrapolations[*index].is_empty()).collect();
    if !warned.is_empty() {
        lines.extend([String::new(), "Beyond what this person's data can tell:".into()]);
    }
    for (group, index, run) in warned {
        for sentence in &group.extrapolations[index] {
            lines.extend(wrapped(&format!("  {}", run.name), sentence, WIDTH));
        }
    }
    lines.push(String::new());
    if let Some(folder) = files.first().and_then(|file| file.parent()) {
        lines.push(format!("Wrote {} tables to {}", files.len(), folder.display()));
    }
    lines.push(NOTICE.into());
    lines.join("\n") + "\n"
}

/// One outcome of all runs of a group, under each other.
fn outcome_table(group: &Group, outcome: usize) -> Vec<String> {
    let contrasts: Vec<&Contrast> = group.contrasts.iter().map(|run| &run[outcome]).collect();
    let Some(first) = contrasts.first() else { return Vec::new() };
    let wanted = first.better.map_or_else(String::new, |better| format!(", {better} is better"));
    let title = format!("{}: {} [{}]{wanted}", first.output, first.outcome, first.unit);
    let chance = if first.better.is_some() { "P(better)" } else { "P(higher)" };
    let mut rows: Vec<Vec<String>> =
        vec![["  scenario", "value (90 %)", "effect (90 %)", chance].map(String::from).to_vec()];
    for contrast in contrasts {
        let chance = if contrast.better.is_some() { contrast.p_better } else { contrast.p_higher };
        let missing =
            if contrast.missing > 0 { format!(" ({} draws missing)", contrast.missing) } else { String::new() };
        rows.push(vec![
            format!("  {}", contrast.scenario),
            spread(&contrast.value, false),
            contrast.effect.as_ref().map_or_else(String::new, |effect| spread(effect, true)),
            chance.map_or_else(String::new, |chance| format!("{chance:.2}")) + &missing,
        ]);
    }
    let mut lines = vec![title];
    lines.extend(aligned(&rows, &[Align::Left; 4], WIDTH).into_iter().map(|line| line.trim_end().to_string()));
    lines
}

fn spread(spread: &Spread, signed: bool) -> String {
    let number = |value: f64| if signed && value > 0.0 { format!("+{}", short(value)) } else { short(value) };
    format!("{} ({} to {})", number(spread.median), number(spread.q05), number(spread.q95))
}

pub(super) fn as_json(path: &Path, options: &Options, twin: &Twin, found: &WhatIf, files: &[PathBuf]) -> Json {
    let horizon = |group: &Group| json!({ "from_h": group.from_h, "to_h": group.to_h });
    let with_horizon = |group: &Group, value: Json| {
        let mut value = value;
        if let (Some(object), Some(times)) = (value.as_object_mut(), horizon(group).as_object_mut()) {
            object.append(times);
        }
        value
    };
    let about = |name: &str| found.scenarios.iter().find(|(_, scenario)| scenario.name == name);
    let mut paths = files.iter();
    let mut all_runs = Vec::new();
    let (mut outcomes, mut contrasts) = (Vec::new(), Vec::new());
    for (group, index, run) in runs(found) {
        let scenario = about(&run.name);
        all_runs.push(with_horizon(
            group,
            json!({
                "scenario": run.name,
                "about": scenario.map(|(_, scenario)| &scenario.about),
                "file": scenario.map(|(source, _)| source.name.to_string()),
                "table": paths.next().map(|path| path.display().to_string()),
                "draws_failed": run.failed,
                "extrapolations": group.extrapolations[index],
            }),
        ));
        for contrast in &group.contrasts[index] {
            let Contrast { scenario, outcome, output, unit, value, effect, p_better, p_higher, better, missing } =
                contrast;
            outcomes.push(with_horizon(
                group,
                json!({ "scenario": scenario, "output": output, "outcome": outcome, "unit": unit, "value": value,
                        "draws_missing": missing }),
            ));
            if let Some(effect) = effect {
                contrasts.push(with_horizon(
                    group,
                    json!({ "scenario": scenario, "against": group.runs[0].name, "output": output, "outcome": outcome,
                            "unit": unit, "effect": effect, "better": better, "p_better": p_better,
                            "p_higher": p_higher }),
                ));
            }
        }
    }
    json!({
        "notice": NOTICE,
        "twin": path.display().to_string(),
        "person": twin.person,
        "draws": found.comparison.draws,
        "seed": options.seed,
        "runs": all_runs,
        "outcomes": outcomes,
        "contrasts": contrasts,
        "outcomes_table": files.last().map(|path| path.display().to_string()),
        "warnings": found.warnings.iter().map(problem).collect::<Vec<Json>>(),
        "provenance": twin.provenance,
        "verdict": twin.verdict,
    })
}
