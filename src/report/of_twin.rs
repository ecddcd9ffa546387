//! Figures of a twin and of scenarios that were run on it: what to draw, taken from where it was computed.

use super::density::{ParameterChart, ParameterPanel};
use super::effects::{Effect, EffectChart, EffectPanel};
use super::fan::{FanChart, Panel, Readings, Ribbon};
use super::frame::Frame;
use super::strip::{Event, Strip};
use super::trace::{TraceChart, TracePanel};
use crate::likelihood::{Posterior, hours_to_model};
use crate::patient::Censoring;
use crate::scenario::{AS_IT_WAS, Band, Comparison, ScenarioRun};
use crate::stats::{Histogram, rank_histograms};
use crate::twin::{ParameterSummary, Summary, Twin};
use crate::units::{Clock, instant, short};

/// Bins of a rank histogram: Vehtari et al. (2021) show 20.
const RANK_BINS: usize = 20;
const POSTERIOR_BINS: usize = 40;

/// The words around a figure of a twin; `file` is where the twin was read from.
pub fn frame(twin: &Twin, file: &str, title: impl Into<String>) -> Frame {
    let made = &twin.provenance;
    let about = if twin.person.about.is_empty() { String::new() } else { format!(" · {}", twin.person.about) };
    let notice = (!twin.verdict.passed).then(|| twin.verdict.reasons.join(" ").replace("R\u{302}", "R-hat"));
    Frame {
        title: title.into(),
        subtitle: format!("{}{about}", twin.person.name),
        caveats: Vec::new(),
        notice,
        alarm: None,
        source: format!("{file} · model {} · seed {}", made.model, made.seed),
    }
}

/// The clock of the person's record.
pub fn clock_of(twin: &Twin) -> Clock {
    Clock { epoch: twin.person.epoch.as_deref().and_then(instant) }
}

/// Names of the model's outputs that were measured; every output if none was.
pub fn observed_outputs(twin: &Twin) -> Vec<String> {
    let posterior = &twin.posterior;
    let all = posterior.program.model.outputs.iter().map(|output| output.name.clone());
    let measured = |name: &String| posterior.terms.iter().any(|term| term.name == *name);
    let observed: Vec<String> = all.clone().filter(measured).collect();
    if observed.is_empty() { all.collect() } else { observed }
}

/// A fan chart of outputs (by name) in every run, over the readings of the same names.
pub fn fan_of(
    posterior: &Posterior,
    clock: Clock,
    comparison: &Comparison,
    outputs: &[String],
    mut frame: Frame,
) -> FanChart {
    frame.caveats.extend(caveats(comparison));
    let runs = shown_runs(comparison);
    let panels = outputs.iter().map(|name| {
        let ribbons: Vec<Ribbon> = runs
            .iter()
            .flat_map(|run| {
                let bands = run.bands.iter().filter(|band| band.output == *name);
                bands.map(|band| ribbon(&run.name, run.times_h.clone(), band))
            })
            .collect();
        let output = posterior.program.model.outputs.iter().find(|output| output.name == *name);
        Panel {
            quantity: name.clone(),
            unit: output.map_or_else(String::new, |output| output.unit.text().to_string()),
            ribbons,
            readings: readings(posterior, name),
            ..Panel::default()
        }
    });
    let panels = panels.collect();
    FanChart { frame, panels, strips: strips(posterior), window_h: None, epoch: clock.epoch }
}

/// Every run once: "as it was" of a horizon within that of another is not drawn again.
fn shown_runs(comparison: &Comparison) -> Vec<&ScenarioRun> {
    let mut groups: Vec<_> = comparison.groups.iter().collect();
    groups.sort_by(|a, b| (b.to_h - b.from_h).total_cmp(&(a.to_h - a.from_h)));
    let mut baselines: Vec<(f64, f64, &ScenarioRun)> = Vec::new();
    for group in groups {
        let covered = baselines.iter().any(|(from, to, _)| *from <= group.from_h && *to >= group.to_h);
        if let (false, Some(run)) = (covered, group.runs.first()) {
            baselines.push((group.from_h, group.to_h, run));
        }
    }
    let others = comparison.groups.iter().flat_map(|group| group.runs.iter().skip(1));
    baselines.into_iter().map(|(_, _, run)| run).chain(others.filter(|run| run.name != AS_IT_WAS)).collect()
}

/// What keeps the runs from being taken at their word: draws that failed, and where they leave the person's data.
fn caveats(comparison: &Comparison) -> Vec<String> {
    let mut caveats = Vec::new();
    for group in &comparison.groups {
        for (run, warnings) in group.runs.iter().zip(&group.extrapolations) {
            if run.failed > 0 {
                caveats.push(format!(
                    "{}: {} of {} draws could not be simulated; they are left out.",
                    run.name, run.failed, comparison.draws
                ));
            }
            caveats.extend(warnings.iter().map(|warning| format!("{}: {warning}", run.name)));
        }
    }
    caveats.dedup();
    caveats
}

fn ribbon(name: &str, times_h: Vec<f64>, band: &Band) -> Ribbon {
    let Band { q05, q25, q50, q75, q95, .. } = band.clone();
    Ribbon { name: name.into(), times_h, q05, q25, q50, q75, q95 }
}

/// The readings of a name, one list a device.
fn readings(posterior: &Posterior, name: &str) -> Vec<Readings> {
    let per_hour = hours_to_model(&posterior.program.model);
    let terms = posterior.terms.iter().filter(|term| term.name == name);
    let of_term = terms.map(|term| {
        let device = term.device.as_ref().map(|device| format!(" ({device})")).unwrap_or_default();
        let beyond = |censoring| match censoring {
            Censoring::None => 0,
            Censoring::Below => -1,
            Censoring::Above => 1,
        };
        Readings {
            name: format!("measured{device}"),
            times_h: term.readings.iter().map(|reading| reading.time / per_hour).collect(),
            values: term.readings.iter().map(|reading| reading.value).collect(),
            beyond: term.readings.iter().map(|reading| beyond(reading.censoring)).collect(),
        }
    });
    of_term.collect()
}

/// What acted on the person, as recorded: amounts as ticks, rates and series as steps.
fn strips(posterior: &Posterior) -> Vec<Strip> {
    let (model, schedule) = (&posterior.program.model, &posterior.schedule);
    let per_hour = hours_to_model(&posterior.program.model);
    let mut strips = Vec::new();
    for (index, input) in model.inputs.iter().enumerate() {
        let name = || input.name.clone();
        let boluses = schedule.boluses.iter().filter(|bolus| bolus.input == index);
        let boluses: Vec<Event> =
            boluses.map(|bolus| Event { time_h: bolus.time / per_hour, value: bolus.amount }).collect();
        if !boluses.is_empty() {
            strips.push(Strip { name: name(), unit: input.unit.text().into(), events: boluses, held: false });
        }
        let infusions = schedule.infusions.iter().filter(|infusion| infusion.input == index);
        let (unit, per_rate) = crate::scenario::amount_unit(&input.unit, &model.time_unit);
        let infusions: Vec<Event> = infusions
            .map(|infusion| Event {
                time_h: infusion.time / per_hour,
                value: infusion.rate * infusion.duration * per_rate,
            })
            .collect();
        if !infusions.is_empty() {
            strips.push(Strip { name: name(), unit: unit.text().into(), events: infusions, held: false });
        }
        let mut levels: Vec<Event> = schedule
            .held
            .iter()
            .filter(|held| held.input == index)
            .map(|held| Event { time_h: held.time / per_hour, value: held.rate })
            .collect();
        for series in schedule.series.iter().filter(|series| series.input == index) {
            let points = series.times.iter().zip(&series.values);
            levels.extend(points.map(|(time, value)| Event { time_h: time / per_hour, value: *value }));
        }
        if !levels.is_empty() {
            levels.sort_by(|a, b| a.time_h.total_cmp(&b.time_h));
            strips.push(Strip { name: name(), unit: input.unit.text().into(), events: levels, held: true });
        }
    }
    for strip in &mut strips {
        strip.events.sort_by(|a, b| a.time_h.total_cmp(&b.time_h));
    }
    strips
}

/// Priors against posteriors of all calibrated parameters.
pub fn parameters_of(twin: &Twin, frame: Frame) -> ParameterChart {
    let summary = Summary::of(twin);
    let parameters = summary.parameters.iter().enumerate().map(|(index, parameter)| {
        let values: Vec<f64> = twin.draws.parameter(index).concat();
        let posterior = Histogram::of(&values, POSTERIOR_BINS);
        ParameterPanel {
            name: parameter.name.clone(),
            unit: parameter.unit.clone(),
            prior: prior_curve(twin, index, &posterior),
            posterior,
            contraction: parameter.contraction,
        }
    });
    ParameterChart { frame, parameters: parameters.collect() }
}

/// The prior's density over its central 99.8 %, finer where the posterior is.
fn prior_curve(twin: &Twin, index: usize, posterior: &Histogram) -> Vec<(f64, f64)> {
    let distribution = &twin.posterior.prior.calibrated[index].distribution;
    let (low, high) = (distribution.quantile(0.001), distribution.quantile(0.999));
    let span = posterior.width * posterior.densities.len() as f64;
    let near = ((posterior.start - 6.0 * span).max(low), (posterior.start + 7.0 * span).min(high));
    const STEPS: usize = 240;
    let between = |(low, high): (f64, f64)| (0..=STEPS).map(move |i| low + (high - low) * i as f64 / STEPS as f64);
    let mut values: Vec<f64> = between((low, high)).collect();
    if near.1 > near.0 {
        values.extend(between(near));
    }
    values.retain(|value| value.is_finite());
    values.sort_by(f64::total_cmp);
    values.dedup();
    values.into_iter().map(|value| (value, distribution.ln_density(value).exp())).collect()
}

/// Traces and ranks of all calibrated parameters.
pub fn traces_of(twin: &Twin, frame: Frame) -> TraceChart {
    let summary = Summary::of(twin);
    let parameters = summary.parameters.iter().enumerate().map(|(index, parameter)| {
        let ParameterSummary { name, unit, r_hat, ess_bulk, ess_tail, .. } = parameter.clone();
        let chains = twin.draws.parameter(index);
        TracePanel { name, unit, ranks: rank_histograms(&chains, RANK_BINS), chains, r_hat, ess_bulk, ess_tail }
    });
    TraceChart { frame, parameters: parameters.collect() }
}

/// Paired contrasts of every scenario with "as it was".
pub fn effects_of(comparison: &Comparison, mut frame: Frame) -> EffectChart {
    frame.caveats.extend(caveats(comparison));
    let mut outcomes = Vec::new();
    for group in &comparison.groups {
        for index in 0..group.outcomes.len() {
            let contrasts = group.contrasts.iter().filter_map(|of_run| of_run.get(index));
            let effects: Vec<Effect> = contrasts
                .clone()
                .filter_map(|contrast| {
                    let effect = contrast.effect?;
                    Some(Effect {
                        scenario: contrast.scenario.clone(),
                        q05: effect.q05,
                        q25: effect.q25,
                        median: effect.median,
                        q75: effect.q75,
                        q95: effect.q95,
                        p_better: contrast.p_better,
                    })
                })
                .collect();
            let Some(first) = contrasts.clone().next() else { continue };
            let named = first.outcome.contains(&first.output);
            let outcome = if named { first.outcome.clone() } else { format!("{}: {}", first.output, first.outcome) };
            let horizon = if comparison.groups.len() > 1 {
                format!(" ({} h to {} h)", short(group.from_h), short(group.to_h))
            } else {
                String::new()
            };
            outcomes.push(EffectPanel {
                output: first.output.clone(),
                outcome: format!("{outcome}{horizon}"),
                unit: first.unit.clone(),
                better: first.better,
                effects,
            });
        }
    }
    EffectChart { frame, baseline: AS_IT_WAS.into(), outcomes }
}
