//! `homeostat simulate`: a forward run of a model without a person.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::columns::{Align, aligned, extent};
use super::{Context, Done, Stop, output, plot, scenario, warn, what_if};
use crate::diagnostic::{Diagnostic, Source, nearest};
use crate::likelihood::{Matched, Posterior, hours_to_model};
use crate::model::{Composed, InputKind, ParameterValue, Program};
use crate::patient::Vocabulary;
use crate::population::Prior;
use crate::report::{Frame, fan_chart, fan_of};
use crate::scenario::{AS_IT_WAS, Band, Comparison, ScenarioRun, Setting, read};
use crate::sim::{Schedule, Settings};
use crate::stats::Seed;
use crate::twin::NOTICE;
use crate::units::{Clock, Quantity, Unit, short};

const WIDTH: usize = 120;
/// Rows of the table on a terminal.
const ROWS: usize = 13;

/// Simulates a model forward, without a person
///
/// The typical person: every calibrated parameter at the median of its prior. With --draws, as many people drawn from
/// the prior: mean and quantiles over them. Nothing acts on the person but what --give and --hold say.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  homeostat simulate theophylline --set \"weight=70 kg\" --give \"oral_theophylline=320 mg\" --to 24h
  homeostat simulate my.model --give \"dose=100 mg@0h\" --give \"dose=50 mg@8h\" --draws 1000 -o levels.svg
  homeostat simulate theophylline --set weight=70 --set \"CL=3.1 L/h\" --give oral_theophylline=320 -o levels.csv

`homeostat model check MODEL` lists the inputs, parameters and outputs of a model.
Research and educational software: not a medical device.")]
pub(crate) struct Arguments {
    /// The model: a name in the library, or a path that ends in .model
    model: String,
    /// A parameter or covariate and its value; a plain number is in its unit
    #[arg(long, value_name = "NAME=VALUE")]
    set: Vec<String>,
    /// An amount of an input, at the start if no time is given
    #[arg(long, value_name = "INPUT=AMOUNT[@TIME]")]
    give: Vec<String>,
    /// A rate or a value of an input that holds from the start to the end
    #[arg(long, value_name = "INPUT=VALUE")]
    hold: Vec<String>,
    /// How long
    #[arg(long, value_name = "TIME", default_value = "24h")]
    to: String,
    /// Spacing of the times that are kept [default: about 250 of them]
    #[arg(long, value_name = "TIME")]
    step: Option<String>,
    /// People drawn from the prior, in place of the typical one
    #[arg(long, value_name = "N")]
    draws: Option<u64>,
    /// The number that every random number follows from
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
    /// Threads; results do not depend on them [default: all cores]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Relative error of a step of the differential equations
    #[arg(long, default_value_t = 1e-6, value_name = "SHARE")]
    tolerance: f64,
    /// Where to write: .csv (time_h,output,unit,mean,q05,q25,q50,q75,q95), .svg or .png
    #[arg(short, value_name = "FILE")]
    o: Option<PathBuf>,
    /// Show this output; may be given several times [default: all]
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    output: Vec<String>,
    /// Print one JSON object and nothing else
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(context: &Context, arguments: Arguments) -> Done {
    if !(arguments.tolerance > 0.0 && arguments.tolerance < 0.1) {
        return Err(Stop::Usage("--tolerance must lie between 0 and 0.1".into()));
    }
    let table = arguments.o.as_ref().is_some_and(|path| path.extension().is_some_and(|end| end == "csv"));
    if let (Some(path), false) = (&arguments.o, table) {
        output::figure_format(path)?;
    }
    let (mut model, warnings) = context.library()?.load(&arguments.model)?;
    let vocabulary = Vocabulary::embedded()?;
    for text in &arguments.set {
        set(&mut model, vocabulary, text)?;
    }
    let outputs = outputs(&model, &arguments.output)?;
    let posterior = posterior(model, vocabulary, &arguments)?;
    let draws: Vec<Vec<f64>> = match arguments.draws {
        Some(0) => return Err(Stop::Usage("--draws must be at least 1".into())),
        Some(draws) => {
            let one = |draw| posterior.prior.draw(&mut Seed(arguments.seed).stream("prior", draw));
            (0..draws).map(|draw| posterior.prior.natural(&one(draw))).collect()
        }
        None => vec![posterior.prior.natural(&posterior.prior.centre())],
    };
    let step = arguments.step.as_ref().map_or_else(String::new, |step| format!("step = {}\n", quoted(step)));
    let clock = Clock::default();
    let (scenario, _) = read(&Source::new("--step", step), AS_IT_WAS, &Setting::of(&posterior, &clock, vocabulary))?;
    let mut comparison = what_if::compare(&posterior, &draws, &[scenario], arguments.threads)?;
    warn(&warnings);
    let who = match draws.len() {
        1 => "the typical person".to_string(),
        people => format!("{people} people drawn from the prior"),
    };
    let Some(run) = comparison.groups.first_mut().and_then(|group| group.runs.first_mut()) else {
        return Err(Stop::Internal("nothing was run".into()));
    };
    run.name.clone_from(&who);
    run.bands.retain(|band| outputs.contains(&band.output));
    let run = run.clone();
    if let Some(path) = &arguments.o {
        if table {
            output::write(path, &scenario::trajectories(&run)?)?;
        } else {
            figure(&posterior, &comparison, &outputs, &arguments, path)?;
        }
    }
    if arguments.json {
        println!("{:#}", as_json(&posterior, &run, &who, draws.len()));
    } else {
        print!("{}", as_text(&posterior, &run, &who, draws.len()));
        if let Some(path) = &arguments.o {
            println!("Wrote {}", path.display());
        }
        println!("{NOTICE}");
    }
    Ok(())
}

/// `NAME=REST`.
fn named<'a>(option: &str, text: &'a str) -> Result<(&'a str, &'a str), Stop> {
    let halves = text.split_once('=').map(|(name, rest)| (name.trim(), rest.trim()));
    halves
        .filter(|(name, rest)| !name.is_empty() && !rest.is_empty())
        .ok_or_else(|| Stop::Usage(format!("{option}: expected NAME=VALUE, found `{text}`")))
}

fn unknown<'a>(option: &str, what: &str, name: &str, known: impl Iterator<Item = &'a str> + Clone) -> Stop {
    let message = format!("{option}: the model has no {what} `{name}`");
    let near = nearest(name, known.clone());
    let all = || known.clone().collect::<Vec<_>>().join(", ");
    Stop::Usage(message + &near.map_or_else(|| format!("; it has {}", all()), |n| format!("; did you mean `{n}`?")))
}

/// Gives a parameter or a covariate its value.
fn set(model: &mut Composed, vocabulary: &Vocabulary, text: &str) -> Result<(), Stop> {
    let (name, value) = named("--set", text)?;
    let in_unit = |unit: &Unit| -> Result<f64, Stop> {
        let wrong = |reason: String| Stop::Usage(format!("--set {text}: {reason}"));
        let quantity = match value.parse::<f64>() {
            Ok(value) => Quantity { value, unit: unit.clone() },
            Err(_) => Quantity::parse(value).map_err(|error| wrong(error.to_string()))?,
        };
        let found = quantity.unit.convert(quantity.value, unit).filter(|value| value.is_finite());
        found.ok_or_else(|| wrong(format!("expected a number in `{unit}`")))
    };
    if let Some(parameter) = model.parameters.iter_mut().find(|parameter| parameter.name == name) {
        let value = in_unit(&parameter.unit)?;
        if let ParameterValue::Prior(prior) = &parameter.value {
            let (low, high) = prior.support();
            if value < low || value > high {
                let bounds = format!("it lies between {} and {}", short(low), short(high));
                return Err(Stop::Usage(format!("--set {text}: the model does not allow this value: {bounds}")));
            }
        }
        parameter.value = ParameterValue::Fixed(value);
        // What is set is the person's value, whatever the covariates.
        parameter.scales = None;
        return Ok(());
    }
    if let Some(covariate) = model.covariates.iter_mut().find(|covariate| covariate.name == name) {
        let category = vocabulary.term(name).and_then(|term| term.categories.get(value));
        covariate.default = Some(match category {
            Some(number) => *number,
            None => in_unit(&covariate.unit)?,
        });
        return Ok(());
    }
    let known =
        model.parameters.iter().map(|p| p.name.as_str()).chain(model.covariates.iter().map(|c| c.name.as_str()));
    Err(unknown("--set", "parameter or covariate", name, known))
}

fn outputs(model: &Composed, asked: &[String]) -> Result<Vec<String>, Stop> {
    let known = model.outputs.iter().map(|output| output.name.as_str());
    if let Some(name) = asked.iter().find(|name| !known.clone().any(|known| known == **name)) {
        return Err(unknown("--output", "output", name, known));
    }
    Ok(if asked.is_empty() { known.map(String::from).collect() } else { asked.to_vec() })
}

/// A model's prior under what the command line gives, with nothing measured.
fn posterior(model: Composed, vocabulary: &Vocabulary, arguments: &Arguments) -> Result<Posterior, Stop> {
    let to = Clock::default().read(&arguments.to).map_err(|error| Stop::Usage(format!("--to: {error}")))?;
    if to <= 0.0 {
        return Err(Stop::Usage(format!("--to {}: must be after the start, 0 h", arguments.to)));
    }
    let text = interventions(&model, arguments)?;
    let missing: Vec<String> = model.covariates.iter().filter(|c| c.default.is_none()).map(missing).collect();
    if !missing.is_empty() {
        return Err(Stop::Usage(format!("the model needs covariates of the person: add {}", missing.join(" "))));
    }
    let covariates: Vec<f64> = model.covariates.iter().filter_map(|covariate| covariate.default).collect();
    let prior = Prior::new(&model, &covariates)
        .map_err(|error| Stop::Files(Diagnostic::error("L1002", error.to_string()).into()))?;
    let mut schedule = Schedule { end: to * hours_to_model(&model), ..Schedule::default() };
    let (source, clock) = (Source::new("--give, --hold", text), Clock::default());
    let setting = Setting { model: &model, schedule: &schedule, covariates: &covariates, clock: &clock, vocabulary };
    let (given, warnings) = read(&source, "given", &setting)?;
    warn(&warnings);
    schedule = given.schedule(&model, &schedule);
    // What holds from the start has always held.
    schedule.before = None;
    let matched = Matched { covariates, schedule, ..Matched::default() };
    let settings = Settings { tolerance: arguments.tolerance, ..Settings::default() };
    Ok(Posterior::new(Arc::new(Program::compile(Arc::new(model))), prior, matched, settings))
}

fn missing(covariate: &crate::model::Covariate) -> String {
    format!("--set \"{}=… {}\"", covariate.name, covariate.unit)
}

/// What is given, as the text of a scenario: its reader knows units, times and every mistake.
fn interventions(model: &Composed, arguments: &Arguments) -> Result<String, Stop> {
    let mut text = String::new();
    let known = model.inputs.iter().map(|input| input.name.as_str());
    let input = |option, name: &str| {
        let found = model.inputs.iter().find(|input| input.name == name);
        found.ok_or_else(|| unknown(option, "input", name, known.clone()))
    };
    let with_unit = |value: &str, unit: &str| match value.parse::<f64>() {
        Ok(_) => quoted(&format!("{value} {unit}")),
        Err(_) => quoted(value),
    };
    for given in &arguments.give {
        let (name, rest) = named("--give", given)?;
        let input = input("--give", name)?;
        let (amount, time) = rest.split_once('@').unwrap_or((rest, "0 h"));
        let unit = match input.kind {
            InputKind::Rate(_) => crate::scenario::amount_unit(&input.unit, &model.time_unit).0.text().to_string(),
            _ => input.unit.text().to_string(),
        };
        let (name, amount, time) = (quoted(name), with_unit(amount.trim(), &unit), quoted(time.trim()));
        text += &format!("[[add]]\ninput = {name}\namount = {amount}\ntime = {time}\n");
    }
    for held in &arguments.hold {
        let (name, value) = named("--hold", held)?;
        let input = input("--hold", name)?;
        let key = if matches!(input.kind, InputKind::Rate(_)) { "rate" } else { "value" };
        text += &format!("[[hold]]\ninput = {}\n{key} = {}\n", quoted(name), with_unit(value, input.unit.text()));
    }
    Ok(text)
}

/// A TOML string.
fn quoted(text: &str) -> String {
    toml::Value::String(text.into()).to_string()
}

fn figure(
    posterior: &Posterior,
    comparison: &Comparison,
    outputs: &[String],
    arguments: &Arguments,
    path: &std::path::Path,
) -> Done {
    let model = &posterior.program.model;
    let mut caveats = Vec::new();
    if !arguments.set.is_empty() {
        caveats.push(format!("Set: {}.", arguments.set.join(", ")));
    }
    let run = comparison.groups.iter().flat_map(|group| &group.runs).next();
    if let Some(failed) = run.map(|run| run.failed).filter(|failed| *failed > 0) {
        let of = arguments.draws.unwrap_or(1);
        caveats.push(format!("{failed} of {of} could not be simulated, they are left out."));
    }
    let frame = Frame {
        title: plot::title(outputs),
        subtitle: format!("Model {}, without a person", model.name),
        caveats,
        notice: None,
        alarm: None,
        source: format!("model {} · seed {}", model.name, arguments.seed),
    };
    // What goes beyond a person's data says nothing where there is no person.
    let mut comparison = comparison.clone();
    for group in &mut comparison.groups {
        group.extrapolations.iter_mut().for_each(Vec::clear);
    }
    output::figure(&fan_chart(&fan_of(posterior, Clock::default(), &comparison, outputs, frame)), path)
}

fn as_text(posterior: &Posterior, run: &ScenarioRun, who: &str, draws: usize) -> String {
    let mut lines = vec![format!("Model {}: {who}", posterior.program.model.name)];
    if run.failed > 0 {
        lines.push(format!("{} of {draws} could not be simulated, they are left out", run.failed));
    }
    let cell = |band: &Band, time: usize| match draws {
        1 => short(band.q50[time]),
        _ => format!("{} ({} to {})", short(band.q50[time]), short(band.q05[time]), short(band.q95[time])),
    };
    let times = |count: usize| -> Vec<usize> {
        let last = run.times_h.len().saturating_sub(1);
        let mut shown: Vec<usize> = (0..count).map(|row| row * last / (count - 1)).collect();
        shown.dedup();
        shown
    };
    let mut rows = vec![vec!["time [h]".to_string()]];
    rows[0].extend(run.bands.iter().map(|band| format!("{} [{}]", band.output, band.unit)));
    for time in times(ROWS) {
        let mut row = vec![short(run.times_h[time])];
        row.extend(run.bands.iter().map(|band| cell(band, time)));
        rows.push(row);
    }
    if extent(&rows) <= WIDTH {
        lines.extend(aligned(&rows, &vec![Align::Right; rows[0].len()], WIDTH));
    } else {
        // More outputs than stand side by side: a line each, at as many times as there is room for.
        let turned = |count: usize| -> Vec<Vec<String>> {
            let times = times(count);
            let mut rows = vec![vec!["output".to_string(), "unit".to_string()]];
            rows[0].extend(times.iter().map(|time| format!("{} h", short(run.times_h[*time]))));
            rows.extend(run.bands.iter().map(|band| {
                let start = [band.output.clone(), band.unit.clone()].into_iter();
                start.chain(times.iter().map(|time| cell(band, *time))).collect()
            }));
            rows
        };
        let rows = (3..=ROWS).rev().map(turned).find(|rows| extent(rows) <= WIDTH).unwrap_or_else(|| turned(2));
        let mut aligns = vec![Align::Right; rows[0].len()];
        aligns[..2].fill(Align::Left);
        lines.extend(aligned(&rows, &aligns, WIDTH));
        lines.push("`--output NAME` shows one of them at more times, `-o FILE.csv` holds all".into());
    }
    if draws > 1 {
        lines.push("medians, with the central 90 % of the people".into());
    }
    lines.join("\n") + "\n"
}

fn as_json(posterior: &Posterior, run: &ScenarioRun, who: &str, draws: usize) -> Json {
    let bands: Vec<Json> = run
        .bands
        .iter()
        .map(|band| {
            json!({ "output": band.output, "unit": band.unit, "mean": band.mean, "q05": band.q05, "q25": band.q25,
                    "q50": band.q50, "q75": band.q75, "q95": band.q95 })
        })
        .collect();
    json!({
        "notice": NOTICE,
        "model": posterior.program.model.name,
        "who": who,
        "draws": draws,
        "draws_failed": run.failed,
        "times_h": run.times_h,
        "outputs": bands,
    })
}
