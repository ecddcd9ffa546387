//! `homeostat plot`: figures of a twin.

use std::path::PathBuf;

use super::what_if::{Options, WhatIf, what_if};
use super::{Context, Done, Stop, output, summary, warn};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::report::{
    self, FanChart, Figure, Frame, Scale, clock_of, effect_chart, effects_of, fan_chart, fan_of, observed_outputs,
    parameter_chart, parameters_of, trace_chart, traces_of,
};
use crate::twin::Twin;
use crate::units::{Quantity, Unit};

/// Draws a twin and its scenarios, as SVG or PNG
///
/// The fan chart shows outputs over time: the median, the bands that hold 50 % and 90 % of the draws, and the
/// measured values; "as it was" and each scenario have a ribbon of their own. Bands are of the output itself: the
/// error of single measurements comes on top.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  homeostat plot anna.twin -o glucose.svg
  homeostat plot anna.twin scenarios/*.toml -o glucose.png --output plasma_glucose --from 72h --to 96h
  homeostat plot anna.twin scenarios/*.toml -o effects.svg --kind effects
  homeostat plot anna.twin -o parameters.svg --kind parameters
  homeostat plot anna.twin -o trace.png --kind trace

Exits with 3 when the twin failed its verdict; the figure is written all the same, and says so.
Research and educational software: not a medical device.")]
pub(crate) struct Arguments {
    /// The twin, as `homeostat calibrate … -o` wrote it
    twin: PathBuf,
    /// Scenario files, drawn beside "as it was"
    scenarios: Vec<PathBuf>,
    /// Where to write the figure: a path that ends in .svg or .png
    #[arg(short, value_name = "FILE")]
    o: PathBuf,
    /// What to draw
    #[arg(long, value_enum, default_value_t = Kind::Fan)]
    kind: Kind,
    /// An output to draw, a panel each; may be given several times [default: what was measured]
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    output: Vec<String>,
    /// Show from this time on: `72h`, or a date and time [default: all]
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Show up to this time
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// A range to be in, shaded, as `LOW:HIGH UNIT`; without a unit in that of the output
    #[arg(long, value_name = "RANGE")]
    target: Option<String>,
    /// Show the values on a logarithmic scale
    #[arg(long)]
    log: bool,
    #[command(flatten)]
    options: Options,
}

/// Kinds of figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    /// Outputs over time, with bands, and the measured values
    Fan,
    /// Prior against posterior of every parameter
    Parameters,
    /// Traces of the chains and histograms of their ranks
    Trace,
    /// What each scenario changes, and how sure that is
    Effects,
}

pub(crate) fn run(_: &Context, arguments: Arguments) -> Done {
    // Before anything long: a figure that cannot be written need not be drawn.
    output::figure_format(&arguments.o)?;
    let twin = summary::read(&arguments.twin)?;
    let file = arguments.twin.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let frame = |title: &str| report::frame(&twin, &file, title);
    let figure = match arguments.kind {
        Kind::Fan => fan(&twin, &arguments, frame(""))?,
        Kind::Parameters => parameter_chart(&parameters_of(&twin, frame("What the data taught about each parameter"))),
        Kind::Trace => trace_chart(&traces_of(&twin, frame("Traces and ranks of the chains"))),
        Kind::Effects => effects(&twin, &arguments, frame("What each scenario changes"))?,
    };
    output::figure(&figure, &arguments.o)?;
    println!("Wrote {}", arguments.o.display());
    if !twin.verdict.passed {
        eprintln!("The twin failed its verdict: do not rely on this figure.");
        twin.verdict.reasons.iter().for_each(|reason| eprintln!("  - {reason}"));
        return Err(Stop::Verdict);
    }
    Ok(())
}

fn fan(twin: &Twin, arguments: &Arguments, mut frame: Frame) -> Result<Figure, Stop> {
    let outputs = outputs(twin, &arguments.output)?;
    let window = window(twin, arguments)?;
    let target = match &arguments.target {
        Some(_) if outputs.len() != 1 => {
            return Err(Stop::Usage("--target needs one output: name it with --output".into()));
        }
        Some(text) => Some(target(twin, &outputs[0], text)?),
        None => None,
    };
    let found = simulate(twin, arguments)?;
    frame.title = title(&outputs);
    let mut chart = fan_of(&twin.posterior, clock_of(twin), &found.comparison, &outputs, frame);
    for panel in &mut chart.panels {
        panel.target = target;
        panel.scale = if arguments.log { Scale::Log } else { Scale::Linear };
    }
    chart.window_h = frame_window(&chart, window)?;
    Ok(fan_chart(&chart))
}

fn effects(twin: &Twin, arguments: &Arguments, frame: Frame) -> Result<Figure, Stop> {
    if arguments.scenarios.is_empty() {
        return Err(Stop::Usage("--kind effects compares scenarios with \"as it was\": name scenario files".into()));
    }
    let found = simulate(twin, arguments)?;
    let mut chart = effects_of(&found.comparison, frame);
    if !arguments.output.is_empty() {
        let outputs = outputs(twin, &arguments.output)?;
        chart.outcomes.retain(|panel| outputs.contains(&panel.output));
    }
    if chart.outcomes.is_empty() {
        let help = "add an `[[outcome]]` to a scenario file";
        return Err(Stop::Files(Diagnostic::error("C6103", "no scenario asks for an outcome").help(help).into()));
    }
    Ok(effect_chart(&chart))
}

fn simulate(twin: &Twin, arguments: &Arguments) -> Result<WhatIf, Stop> {
    let found = what_if(twin, &arguments.scenarios, &arguments.options)?;
    warn(&found.warnings);
    Ok(found)
}

/// The outputs asked for, each once; what was measured if none is named (C6102).
fn outputs(twin: &Twin, asked: &[String]) -> Result<Vec<String>, Stop> {
    if asked.is_empty() {
        return Ok(observed_outputs(twin));
    }
    let known: Vec<&str> = twin.posterior.program.model.outputs.iter().map(|output| output.name.as_str()).collect();
    let mut found = Diagnostics::new();
    let mut outputs: Vec<String> = Vec::new();
    for name in asked {
        if !known.contains(&name.as_str()) {
            let model = &twin.posterior.program.model.name;
            let finding = Diagnostic::error("C6102", format!("the model `{model}` has no output `{name}`"));
            found.push(finding.suggest(name, known.iter().copied()));
        } else if !outputs.contains(name) {
            outputs.push(name.clone());
        }
    }
    if found.is_empty() { Ok(outputs) } else { Err(Stop::Files(found)) }
}

/// The ends of the window that are given [h since the epoch].
fn window(twin: &Twin, arguments: &Arguments) -> Result<(Option<f64>, Option<f64>), Stop> {
    let clock = clock_of(twin);
    let read = |option: &str, text: &Option<String>| match text {
        None => Ok(None),
        Some(text) => clock.read(text).map(Some).map_err(|error| {
            let stamp = if clock.epoch.is_some() { " or as a date and time of the record" } else { "" };
            Stop::Usage(format!("{option}: {error}; write it as `72h`{stamp}"))
        }),
    };
    let ends = (read("--from", &arguments.from)?, read("--to", &arguments.to)?);
    match ends {
        (Some(from), Some(to)) if from >= to => Err(Stop::Usage("--from must be before --to".into())),
        ends => Ok(ends),
    }
}

/// The window with both its ends, if one was asked for and there is something in it (C6103).
fn frame_window(chart: &FanChart, asked: (Option<f64>, Option<f64>)) -> Result<Option<(f64, f64)>, Stop> {
    if asked == (None, None) {
        return Ok(None);
    }
    let all = chart.shown_h();
    let (from, to) = (asked.0.unwrap_or(all.0), asked.1.unwrap_or(all.1));
    if from >= to || from >= all.1 || to <= all.0 {
        let short = crate::units::short;
        let message = format!("nothing is simulated from {} h to {} h", short(from), short(to));
        let help = format!("what there is lies from {} h to {} h", short(all.0), short(all.1));
        return Err(Stop::Files(Diagnostic::error("C6103", message).help(help).into()));
    }
    Ok(Some((from, to)))
}

/// A range in the unit of an output.
fn target(twin: &Twin, output: &str, text: &str) -> Result<(f64, f64), Stop> {
    let wrong = || Stop::Usage(format!("--target: `{text}` is not a range: write `70:180` or `\"70:180 mg/dL\"`"));
    let model = &twin.posterior.program.model;
    let unit = model.outputs.iter().find(|known| known.name == output).map_or_else(Unit::one, |o| o.unit.clone());
    let (low, rest) = text.split_once(':').ok_or_else(wrong)?;
    let low: f64 = low.trim().parse().map_err(|_| wrong())?;
    let (high, given) = match rest.trim().parse::<f64>() {
        Ok(high) => (high, unit.clone()),
        Err(_) => Quantity::parse(rest.trim()).map(|quantity| (quantity.value, quantity.unit)).map_err(|_| wrong())?,
    };
    let convert = |value| {
        given.convert(value, &unit).ok_or_else(|| {
            Stop::Usage(format!("--target: `{output}` is in `{unit}`, and `{given}` measures something else"))
        })
    };
    let (low, high) = (convert(low)?, convert(high)?);
    if low < high && low.is_finite() && high.is_finite() { Ok((low, high)) } else { Err(wrong()) }
}

/// A title of the outputs: one name or a few, capitalised.
pub(super) fn title(outputs: &[String]) -> String {
    let words = match outputs {
        [only] => only.replace('_', " "),
        [first, second] => format!("{} and {}", first.replace('_', " "), second.replace('_', " ")),
        _ => format!("{} outputs", outputs.len()),
    };
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
