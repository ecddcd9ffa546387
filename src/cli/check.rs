//! `homeostat check`: what was read of a bundle, from where and in which unit, and what a model would make of it.

use std::path::PathBuf;

use serde_json::{Value as Json, json};

use super::columns::{Align, aligned, wrapped};
use super::{Context, Done, Stop, warn};
use crate::diagnostic::{Diagnostic, Diagnostics, Severity};
use crate::likelihood::{Matching, WithinPerson, fit};
use crate::model::Composed;
use crate::patient::{DeclaredSummary, Patient, SummaryRow};

/// Shows what was read of a patient bundle, from where and in which unit, and every problem
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  homeostat check patients/anna\n  \
                        homeostat check patients/anna --model my.model\n  \
                        homeostat check patients/anna --json | jq .problems\n\n\
                        Exits with 1 when anything is wrong; `homeostat explain CODE` says more about a problem.")]
pub(crate) struct Arguments {
    /// The folder with `patient.toml`
    bundle: PathBuf,
    /// Compare with this model (a name, or a path that ends in .model), not the one that the bundle names
    #[arg(long, value_name = "MODEL")]
    model: Option<String>,
    /// Print one JSON object and nothing else
    #[arg(long)]
    json: bool,
}

/// What a model would make of a bundle.
struct Meeting {
    model: Composed,
    /// `None` where the two do not fit; the findings say why.
    matching: Option<Matching>,
    /// What varies in the person from day to day, of what was measured.
    varying: Vec<WithinPerson>,
}

pub(crate) fn run(context: &Context, arguments: Arguments) -> Done {
    let (patient, mut found) = Patient::read(&arguments.bundle);
    // Half a record is shown, but compared with nothing.
    let whole = patient.as_ref().filter(|_| !found.has_errors());
    let meeting = whole.and_then(|patient| meet(context, patient, arguments.model.as_deref(), &mut found));
    if arguments.json {
        println!("{:#}", as_json(&arguments, patient.as_ref(), meeting.as_ref(), &found));
    } else if let Some(patient) = &patient {
        if found.has_errors() {
            println!("This bundle has errors and is not used; what could be read of it:\n");
        }
        print!("{}", as_text(patient, meeting.as_ref()));
    }
    if found.has_errors() {
        return Err(Stop::Files(found));
    }
    warn(&found);
    Ok(())
}

/// Loads the model that is asked for, or that the bundle names, and matches the bundle with it.
fn meet(context: &Context, patient: &Patient, asked: Option<&str>, found: &mut Diagnostics) -> Option<Meeting> {
    let name = asked.or(patient.model.as_deref())?;
    let mut model = match context.library().and_then(|library| library.load(name)) {
        Ok((model, warnings)) => {
            found.extend(warnings);
            model
        }
        Err(errors) => {
            for finding in errors.iter().cloned() {
                // A name that no model has stands in the bundle, unless it was given on the command line.
                let unplaced = finding.location.is_none() && asked.is_none();
                found.push(if unplaced { finding.at_location(patient.place("model")) } else { finding });
            }
            return None;
        }
    };
    let (matching, varying) = match fit(&mut model, patient) {
        Ok((matched, warnings)) => {
            found.extend(warnings);
            (Some(matched.matching), matched.personal.within_person)
        }
        Err(errors) => {
            found.extend(errors);
            (None, Vec::new())
        }
    };
    let measured = |known: &WithinPerson| patient.observations.iter().any(|one| one.name == known.observation);
    let varying = varying.into_iter().filter(measured).collect();
    Some(Meeting { model, matching, varying })
}

/// What is read at the widest.
const WIDTH: usize = 120;

/// Readings that the model asks to be averaged, and exposures that it takes otherwise than the bundle gives them: told only where
/// there are some.
const MEANS: &str = "takes means of readings of";
const READ_AS: &str = "reads otherwise than given";
const SELDOM: [&str; 2] = [MEANS, READ_AS];

fn as_text(patient: &Patient, meeting: Option<&Meeting>) -> String {
    let mut lines = wrapped(&patient.name, &patient.about, WIDTH);
    lines.push(match &patient.epoch {
        Some(epoch) => format!("Hours are since {epoch}."),
        None => "Hours are since the time zero of the bundle; it names no calendar date.".into(),
    });
    let end = patient.end_h().map(|end| format!(" to {} h, the last observation", number(end)));
    lines.push(format!("The record runs from {} h{}.", number(patient.start_h), end.unwrap_or_default()));
    let rows = patient.summary_rows();
    let (left_out, read): (Vec<_>, Vec<_>) = rows.iter().partition(|row| row.role == "left out");
    for (title, role) in [("Covariates", "covariate"), ("Exposures", "exposure"), ("Observations", "observation")] {
        let of_role: Vec<&SummaryRow> = read.iter().filter(|row| row.role.starts_with(role)).copied().collect();
        if !of_role.is_empty() {
            lines.push(String::new());
            lines.extend(if role == "covariate" { covariates(patient) } else { timed(title, &of_role) });
        }
    }
    let genotypes: Vec<&SummaryRow> = read.iter().filter(|row| row.role == "genotype").copied().collect();
    if !genotypes.is_empty() {
        lines.push(String::new());
        lines.push("Genotypes".into());
        for row in genotypes {
            let text = format!("{} ({})", row.note, row.files.join(", "));
            lines.extend(wrapped(&format!("  {}", row.name), &text, WIDTH));
        }
    }
    if !patient.summaries.is_empty() {
        let declared: Vec<String> = patient.summaries.iter().map(DeclaredSummary::describe).collect();
        lines.push(String::new());
        lines.extend(wrapped("Summaries for --sampler abc", &declared.join("; "), WIDTH));
    }
    lines.push(String::new());
    if left_out.is_empty() {
        lines.push("Nothing was left out.".into());
    } else {
        lines.push("Left out".into());
        for row in left_out {
            let place = row.files.first().filter(|file| **file != row.name).map(|file| format!(" (first at {file})"));
            let what = if row.count > 1 { format!("{} of {}", row.count, row.name) } else { row.name.clone() };
            let text = format!("{}{}", row.note, place.unwrap_or_default());
            lines.extend(wrapped(&format!("  {what}"), &text, WIDTH));
        }
    }
    if let Some(meeting) = meeting {
        lines.push(String::new());
        lines.extend(model_lines(patient, meeting));
    }
    lines.iter().map(|line| format!("{}\n", line.trim_end())).collect()
}

fn covariates(patient: &Patient) -> Vec<String> {
    let mut cells = vec![["Covariates", "value", "unit", "from"].map(String::from).to_vec()];
    for covariate in &patient.covariates {
        let (value, unit) = match &covariate.category {
            Some(word) => (word.clone(), ""),
            None => (number(covariate.value), covariate.unit.text()),
        };
        let converted = !covariate.declared.is_empty() && covariate.declared != unit;
        let note = if converted { format!("; converted from {}", covariate.declared) } else { String::new() };
        cells.push(vec![covariate.name.clone(), value, unit.into(), format!("{}{note}", covariate.origin)]);
    }
    aligned(&cells, &[Align::Left, Align::Right, Align::Left, Align::Left], WIDTH)
}

fn timed(title: &str, rows: &[&SummaryRow]) -> Vec<String> {
    let head = [title, "", "n", "hours", "least", "median", "most", "unit", "from"];
    let mut cells = vec![head.map(String::from).to_vec()];
    for row in rows {
        let kind = row.role.trim_start_matches("exposure, ").trim_start_matches("observation");
        let hours = row.times_h.map_or(String::new(), |(first, last)| {
            if first == last { number(first) } else { format!("{} – {}", number(first), number(last)) }
        });
        let (low, middle, high) = row.range.unwrap_or((f64::NAN, f64::NAN, f64::NAN));
        let converted = row.converted_from.as_ref().map(|unit| format!("converted from {unit}"));
        let notes = converted.into_iter().chain((!row.note.is_empty()).then(|| row.note.clone()));
        let from: Vec<String> = [row.files.join(", ")].into_iter().chain(notes).collect();
        cells.push(vec![
            row.name.clone(),
            kind.into(),
            row.count.to_string(),
            hours,
            number(low),
            number(middle),
            number(high),
            row.unit.clone(),
            from.join("; "),
        ]);
    }
    let right = Align::Right;
    let left = Align::Left;
    aligned(&cells, &[left, left, right, right, right, right, right, left, left], WIDTH)
}

fn model_lines(patient: &Patient, meeting: &Meeting) -> Vec<String> {
    let model = &meeting.model;
    let mut lines = wrapped(&format!("Model {}", model.name), &model.about, WIDTH);
    let Some(matching) = &meeting.matching else {
        lines.push("  does not fit this bundle: the problems say why".into());
        return lines;
    };
    for (title, names) in told(patient, model, matching) {
        if SELDOM.contains(&title) && names.is_empty() {
            continue;
        }
        let names = if names.is_empty() { "nothing".into() } else { names.join(", ") };
        lines.extend(wrapped(&format!("  {title}"), &names, WIDTH));
    }
    if !meeting.varying.is_empty() {
        let varying: Vec<String> =
            meeting.varying.iter().map(|known| format!("{} {}", known.observation, known.describe())).collect();
        lines.extend(wrapped("  takes to vary from day to day", &varying.join(", "), WIDTH));
    }
    lines
}

/// What is said of a model and a bundle, in the order of interest; names once each.
fn told(patient: &Patient, model: &Composed, matching: &Matching) -> Vec<(&'static str, Vec<String>)> {
    let once = |names: &[String]| {
        let mut seen = Vec::new();
        names.iter().for_each(|name| {
            if !seen.contains(name) {
                seen.push(name.clone());
            }
        });
        seen
    };
    let defaults = model.covariates.iter().filter(|covariate| patient.covariate(&covariate.name).is_none());
    let defaults = defaults
        .filter_map(|covariate| Some(format!("{} {} {}", covariate.name, number(covariate.default?), covariate.unit)));
    vec![
        ("uses", once(&matching.used)),
        ("has no use for", once(&matching.unused)),
        (MEANS, matching.averaged.clone()),
        ("takes its own value for", defaults.collect()),
        ("takes as zero, as the bundle is silent", once(&matching.silent_inputs)),
        ("could compare, but has no readings of", once(&matching.unobserved)),
        (READ_AS, matching.read_as.clone()),
    ]
}

fn as_json(arguments: &Arguments, patient: Option<&Patient>, meeting: Option<&Meeting>, found: &Diagnostics) -> Json {
    let model = meeting.map(|meeting| {
        let mut told_of = json!({ "name": meeting.model.name, "about": meeting.model.about });
        if let (Some(matching), Some(patient)) = (&meeting.matching, patient) {
            let keys = ["used", "unused", "averaged", "defaults", "silent_inputs", "unobserved", "read_as"];
            for (key, (_, names)) in keys.into_iter().zip(told(patient, &meeting.model, matching)) {
                told_of[key] = json!(names);
            }
            told_of["within_person"] = json!(meeting.varying);
        }
        told_of
    });
    json!({
        "bundle": arguments.bundle.to_string_lossy(),
        "ok": !found.has_errors(),
        "patient": patient.map(patient_json),
        "model": model,
        "problems": found.iter().map(problem).collect::<Vec<_>>(),
    })
}

fn patient_json(patient: &Patient) -> Json {
    let row = |row: &SummaryRow| {
        json!({
            "role": row.role,
            "name": row.name,
            "count": row.count,
            "from_h": row.times_h.map(|(first, _)| first),
            "to_h": row.times_h.map(|(_, last)| last),
            "least": row.range.map(|(low, ..)| low),
            "median": row.range.map(|(_, middle, _)| middle),
            "most": row.range.map(|(.., high)| high),
            "unit": row.unit,
            "converted_from": row.converted_from,
            "files": row.files,
            "note": row.note,
        })
    };
    json!({
        "name": patient.name,
        "about": patient.about,
        "model": patient.model,
        "epoch": patient.epoch.as_ref().map(ToString::to_string),
        "start_h": patient.start_h,
        "end_h": patient.end_h(),
        "hash": patient.hash,
        "summaries": patient.summaries.iter().map(DeclaredSummary::describe).collect::<Vec<_>>(),
        "rows": patient.summary_rows().iter().map(row).collect::<Vec<_>>(),
    })
}

/// A finding as JSON.
pub(super) fn problem(finding: &Diagnostic) -> Json {
    let location = finding.location.as_ref();
    json!({
        "code": finding.code,
        "severity": match finding.severity { Severity::Error => "error", Severity::Warning => "warning" },
        "message": finding.message,
        "file": location.map(|location| &location.file),
        "line": location.and_then(|location| location.line),
        "column": location.and_then(|location| location.column),
        "label": finding.label,
        "help": finding.help,
    })
}

/// A number in at most six significant digits.
fn number(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return format!("{}", value.abs());
    }
    let places = (5 - value.abs().log10().floor() as i32).clamp(0, 12) as usize;
    let text = format!("{value:.places$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').into() } else { text }
}
