//! `homeostat summary`: a twin in numbers.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use super::{Context, Done, Stop};
use crate::inference::Elpd;
use crate::twin::{Interval, ParameterSummary, Summary, Twin, TwinError};
use crate::units::short;

/// Columns of a terminal that lists keep to.
const WIDTH: usize = 120;

/// Shows a twin's parameters, what the data taught, and its verdict
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  homeostat summary anna.twin\n  homeostat summary anna.twin --json | jq '.parameters[].posterior.median'"
)]
pub(crate) struct Arguments {
    /// The twin, as `homeostat calibrate … -o` wrote it
    twin: PathBuf,
    /// Print one JSON object and nothing else
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(_: &Context, arguments: Arguments) -> Done {
    let twin = read(&arguments.twin)?;
    let summary = Summary::of(&twin);
    if arguments.json {
        println!("{}", json(&summary, &arguments.twin)?);
    } else {
        print!("{}", table(&summary));
    }
    Ok(())
}

/// Reads a twin for any command.
pub(super) fn read(path: &Path) -> Result<Twin, Stop> {
    Twin::read(path).map_err(|error: TwinError| match error.diagnostics() {
        Some(found) => Stop::Files(found),
        None => Stop::Internal(error.to_string()),
    })
}

/// The summary as one JSON object, with the twin's path; numbers that JSON has no word for are `null`.
pub(super) fn json(summary: &Summary, twin: &Path) -> Result<String, Stop> {
    let whole = Whole { twin: twin.display().to_string(), summary };
    serde_json::to_string_pretty(&whole).map_err(|error| Stop::Internal(error.to_string()))
}

#[derive(serde::Serialize)]
struct Whole<'a> {
    twin: String,
    #[serde(flatten)]
    summary: &'a Summary,
}

/// The summary as people read it.
pub(super) fn table(summary: &Summary) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = head(&mut out, summary);
    let _ = parameters(&mut out, summary);
    let _ = verdict(&mut out, summary);
    out
}

fn head(out: &mut String, summary: &Summary) -> std::fmt::Result {
    let (person, made) = (&summary.person, &summary.provenance);
    writeln!(out, "Twin of {}, by the model {}", person.name, summary.model)?;
    for about in [&person.about, &summary.about_model] {
        if !about.is_empty() {
            writeln!(out, "  {about}")?;
        }
    }
    let epoch = person.epoch.as_ref().map(|epoch| format!(" since {epoch}")).unwrap_or_default();
    writeln!(out, "  {} h to {} h{epoch}", short(person.start_h), short(person.end_h))?;
    writeln!(
        out,
        "  {} chains × {} draws after {} of warmup, seed {}; {} at {:e}; {} s, {} gradients; Homeostat {}",
        made.chains,
        made.draws,
        made.warmup,
        made.seed,
        made.solver,
        made.tolerance,
        short(made.seconds),
        made.gradients,
        made.version
    )?;
    if let Some((evidence, error)) = made.ln_evidence {
        let error = error.map(|error| format!(" ± {error:.2}")).unwrap_or_default();
        writeln!(out, "  ln evidence {evidence:.2}{error}")?;
    }
    made.remarks.iter().try_for_each(|remark| writeln!(out, "  {remark}"))?;
    for reading in &summary.readings {
        let device = reading.device.as_ref().map(|device| format!(" ({device})")).unwrap_or_default();
        let within = reading.within_90.map(|share| format!(", {} % of them", (100.0 * share).round()));
        let within =
            within.map(|text| text + " within the 90 % interval of what the twin predicts").unwrap_or_default();
        writeln!(out, "  {}{device}: {} readings{within}", reading.name, reading.count)?;
        if let Some(known) = &reading.within_person {
            writeln!(out, "    from day to day {}, beside the error of the method", known.describe())?;
        }
        if let Some(loo) = &reading.loo {
            let Elpd { elpd, se, p_loo } = loo.sum;
            let uniform = loo.pit_p_value.map(|p| format!(", uniform: p = {p:.2}")).unwrap_or_default();
            writeln!(
                out,
                "    LOO: elpd {elpd:.1} ± {se:.1}, p_loo {p_loo:.1}, {} with k-hat > 0.7; PIT within 90 %: {:.0} %{uniform}",
                loo.unreliable,
                100.0 * loo.pit_within_90
            )?;
        }
    }
    for (what, names) in [
        ("taken as zero, the bundle is silent on", &person.silent_inputs),
        ("not compared, the bundle has no reading of", &person.unobserved),
        ("not used, the model does not know", &person.unused),
    ] {
        if !names.is_empty() {
            writeln!(out, "  {what}: {}", names.join(", "))?;
        }
    }
    Ok(())
}

fn parameters(out: &mut String, summary: &Summary) -> std::fmt::Result {
    let titles = ["parameter", "unit", "prior median (90 %)", "twin median (90 %)", "learnt", "R-hat", "ESS"];
    let mut rows: Vec<[String; 7]> = vec![titles.map(str::to_string)];
    for p in &summary.parameters {
        let learnt = if p.informed { format!("{:.0} %", 100.0 * p.contraction) } else { "prior".into() };
        rows.push([
            p.name.clone(),
            p.unit.clone(),
            interval(&p.prior),
            interval(&p.posterior),
            learnt,
            format!("{:.3}", p.r_hat),
            format!("{:.0}", p.ess_bulk.min(p.ess_tail)),
        ]);
    }
    writeln!(out)?;
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; 7] = std::array::from_fn(width);
    for row in &rows {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let pad = " ".repeat(widths[column] - cell.chars().count());
            // Words stand left, numbers right.
            line += &if column < 4 { format!("{cell}{pad}  ") } else { format!("{pad}{cell}  ") };
        }
        writeln!(out, "{}", line.trim_end())?;
    }
    for known in &summary.alternatives {
        let shown = known.cases.iter().take(5).map(|case| {
            format!("{} {:.1} % (before the data {:.1} %)", case.name, 100.0 * case.posterior, 100.0 * case.prior)
        });
        let mut shown: Vec<String> = shown.collect();
        if known.cases.len() > shown.len() {
            shown.push(format!("{} more", known.cases.len() - shown.len()));
        }
        list(out, &format!("{}:", known.name), &shown.iter().map(String::as_str).collect::<Vec<_>>())?;
    }
    let named = |chosen: &dyn Fn(&&ParameterSummary) -> bool| -> Vec<&str> {
        summary.parameters.iter().filter(chosen).map(|p| p.name.as_str()).collect()
    };
    list(out, "Known from the prior only, the data say next to nothing:", &named(&|p| !p.informed))?;
    let displaced = named(&|p| p.displaced);
    list(
        out,
        "Median outside 99 % of its prior (check units, times and rows of the data, then the prior):",
        &displaced,
    )?;
    let conflict = named(&|p| p.sensitivity.is_some_and(|sensitivity| sensitivity.conflict()));
    list(out, "Moved by prior and data both (power-scaling), a possible conflict of the two:", &conflict)?;
    writeln!(out, "learnt: 1 − variance of the twin / variance of the prior, on the scale of sampling")
}

/// Names after what they have in common, over as many lines as they need; nothing for none.
fn list(out: &mut String, what: &str, names: &[&str]) -> std::fmt::Result {
    if names.is_empty() {
        return Ok(());
    }
    let mut line = what.to_string();
    for (index, name) in names.iter().enumerate() {
        let comma = if index + 1 < names.len() { "," } else { "" };
        if line.chars().count() + name.chars().count() + comma.len() >= WIDTH {
            writeln!(out, "{line}")?;
            line = " ".into();
        }
        line += &format!(" {name}{comma}");
    }
    writeln!(out, "{line}")
}

fn verdict(out: &mut String, summary: &Summary) -> std::fmt::Result {
    let verdict = &summary.verdict;
    writeln!(out)?;
    writeln!(
        out,
        "Verdict: {}. R-hat at most {:.3}, effective draws at least {:.0}, {} divergences{}{}",
        if verdict.passed { "passed" } else { "FAILED: do not rely on this twin" },
        verdict.worst_r_hat,
        verdict.least_ess_bulk.min(verdict.least_ess_tail),
        verdict.divergences,
        // Only samplers with trajectories have an energy.
        if verdict.least_e_bfmi.is_nan() {
            String::new()
        } else {
            format!(", E-BFMI at least {:.2}", verdict.least_e_bfmi)
        },
        match verdict.at_depth_limit {
            0 => String::new(),
            draws => format!(", {draws} draws at the tree-depth limit"),
        }
    )?;
    for reason in &verdict.reasons {
        writeln!(out, "  - {reason}")?;
    }
    writeln!(out, "{}", summary.notice)
}

fn interval(interval: &Interval) -> String {
    format!("{} ({} to {})", short(interval.median), short(interval.q05), short(interval.q95))
}
