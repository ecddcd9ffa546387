//! The texts of a twin file (model, schedule, covariates, settings) and its verdict, as people and programs read them.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::diagnostic::{Diagnostics, Source};
use crate::inference::{ParameterDiagnostics, Verdict};
use crate::likelihood::{Personal, Posterior};
use crate::model::{Composed, Library};
use crate::sim::{Bolus, Held, Infusion, Method, Schedule, Series, Settings};
use crate::twin::store::Store;

use super::parse;

const MODEL_FOLDER: &str = "homeostat/model/";
const SCHEDULE: &str = "homeostat/schedule.json";
const COVARIATES: &str = "homeostat/covariates.json";
const SETTINGS: &str = "homeostat/settings.json";
const PERSONAL: &str = "homeostat/personal.json";

/// Everything that acts on the person, by the names of the model's inputs, in the model's units.
#[derive(Serialize, Deserialize)]
struct ScheduleText {
    time_unit: String,
    start: f64,
    end: f64,
    boluses: Vec<BolusText>,
    infusions: Vec<InfusionText>,
    held: Vec<HeldText>,
    series: Vec<SeriesText>,
    /// Input and value before the start, one an input, where it is not the one in force from the start on.
    before: Option<Vec<(String, f64)>>,
}

#[derive(Serialize, Deserialize)]
struct BolusText {
    input: String,
    unit: String,
    time: f64,
    amount: f64,
}

#[derive(Serialize, Deserialize)]
struct InfusionText {
    input: String,
    unit: String,
    time: f64,
    rate: f64,
    duration: f64,
}

#[derive(Serialize, Deserialize)]
struct HeldText {
    input: String,
    unit: String,
    time: f64,
    rate: f64,
}

#[derive(Serialize, Deserialize)]
struct SeriesText {
    input: String,
    unit: String,
    times: Vec<f64>,
    values: Vec<f64>,
}

#[derive(Serialize, Deserialize)]
struct CovariateText {
    name: String,
    value: f64,
    unit: String,
}

#[derive(Serialize, Deserialize)]
struct SettingsText {
    tolerance: f64,
    max_steps: usize,
    #[serde(default)]
    method: Method,
}

/// Every text of the file.
pub(super) fn write(posterior: &Posterior) -> Vec<(String, String)> {
    let model = &posterior.program.model;
    let sources = model.sources.iter().map(|source| {
        let stem = stem(&source.name);
        (format!("{MODEL_FOLDER}{stem}.model"), source.text.to_string())
    });
    let covariates: Vec<CovariateText> = model
        .covariates
        .iter()
        .zip(&posterior.covariates)
        .map(|(c, value)| CovariateText { name: c.name.clone(), value: *value, unit: c.unit.text().into() })
        .collect();
    let Settings { tolerance, max_steps, method } = posterior.settings;
    let settings = SettingsText { tolerance, max_steps, method };
    let mut texts: Vec<(String, String)> = sources.collect();
    texts.push((SCHEDULE.into(), pretty(&schedule_text(model, &posterior.schedule))));
    texts.push((COVARIATES.into(), pretty(&covariates)));
    texts.push((SETTINGS.into(), pretty(&settings)));
    // Most people have nothing of their own.
    if posterior.personal != Personal::default() {
        texts.push((PERSONAL.into(), pretty(&posterior.personal)));
    }
    texts
}

/// The name of a model file without folder and ending.
fn stem(name: &str) -> &str {
    let file = name.rsplit(['/', '\\']).next().unwrap_or(name);
    file.strip_suffix(".model").unwrap_or(file)
}

/// Texts that are derived from plain data cannot fail to be written.
fn pretty(value: &impl Serialize) -> String {
    serde_json::to_string_pretty(value).map_or_else(|error| error.to_string(), |text| text + "\n")
}

fn schedule_text(model: &Composed, schedule: &Schedule) -> ScheduleText {
    let name = |input: usize| model.inputs[input].name.clone();
    let unit = |input: usize| model.inputs[input].unit.text().to_string();
    ScheduleText {
        time_unit: model.time_unit.text().into(),
        start: schedule.start,
        end: schedule.end,
        boluses: (schedule.boluses.iter())
            .map(|b| BolusText { input: name(b.input), unit: unit(b.input), time: b.time, amount: b.amount })
            .collect(),
        infusions: (schedule.infusions.iter())
            .map(|i| InfusionText {
                input: name(i.input),
                unit: unit(i.input),
                time: i.time,
                rate: i.rate,
                duration: i.duration,
            })
            .collect(),
        held: (schedule.held.iter())
            .map(|h| HeldText { input: name(h.input), unit: unit(h.input), time: h.time, rate: h.rate })
            .collect(),
        series: (schedule.series.iter())
            .map(|s| SeriesText {
                input: name(s.input),
                unit: unit(s.input),
                times: s.times.clone(),
                values: s.values.clone(),
            })
            .collect(),
        before: schedule.before.as_ref().map(|values| (0..).map(name).zip(values.iter().copied()).collect()),
    }
}

/// The model's files, the named one first.
pub(super) fn sources(store: &Store) -> Vec<Source> {
    let texts = store.texts.iter();
    texts.filter_map(|(path, text)| Some(Source::new(path.strip_prefix(MODEL_FOLDER)?, text))).collect()
}

/// Reads and composes the model again.
pub(super) fn compose(sources: Vec<Source>) -> Result<Composed, Diagnostics> {
    let name = sources.first().map_or("", |source| stem(&source.name)).to_string();
    Ok(Library::of(sources).load(&name)?.0)
}

pub(super) fn schedule(store: &Store, model: &Composed) -> Result<Schedule, String> {
    let text: ScheduleText = read(store, SCHEDULE)?;
    if text.time_unit != model.time_unit.text() {
        return Err(format!("the schedule is in `{}`, the model in `{}`", text.time_unit, model.time_unit));
    }
    let input = |name: &str, unit: &str| {
        let number = model.inputs.iter().position(|input| input.name == name && input.unit.text() == unit);
        number.ok_or_else(|| format!("the model has no input `{name}` in `{unit}`"))
    };
    let mut schedule = Schedule { start: text.start, end: text.end, ..Schedule::default() };
    for b in text.boluses {
        schedule.boluses.push(Bolus { input: input(&b.input, &b.unit)?, time: b.time, amount: b.amount });
    }
    for i in text.infusions {
        let number = input(&i.input, &i.unit)?;
        schedule.infusions.push(Infusion { input: number, time: i.time, rate: i.rate, duration: i.duration });
    }
    for h in text.held {
        schedule.held.push(Held { input: input(&h.input, &h.unit)?, time: h.time, rate: h.rate });
    }
    for s in text.series {
        schedule.series.push(Series { input: input(&s.input, &s.unit)?, times: s.times, values: s.values });
    }
    if let Some(before) = text.before {
        let of = |name: &str| before.iter().find(|(input, _)| input == name).map(|(_, value)| *value);
        let values = model.inputs.iter().map(|input| {
            of(&input.name).ok_or_else(|| format!("the schedule does not say `{}` before the start", input.name))
        });
        schedule.before = Some(values.collect::<Result<_, _>>()?);
    }
    Ok(schedule)
}

pub(super) fn covariates(store: &Store, model: &Composed) -> Result<Vec<f64>, String> {
    let texts: Vec<CovariateText> = read(store, COVARIATES)?;
    let of = |name: &str, unit: &str| texts.iter().find(|text| text.name == name && text.unit == unit);
    let values = model.covariates.iter().map(|c| {
        let text = of(&c.name, c.unit.text());
        text.map(|text| text.value).ok_or_else(|| format!("it has no covariate `{}` in `{}`", c.name, c.unit))
    });
    values.collect()
}

/// What the model holds for this person alone.
pub(super) fn personal(store: &Store) -> Result<Personal, String> {
    if store.text(PERSONAL).is_none() { Ok(Personal::default()) } else { read(store, PERSONAL) }
}

pub(super) fn settings(store: &Store) -> Result<Settings, String> {
    let text: SettingsText = read(store, SETTINGS)?;
    Ok(Settings { tolerance: text.tolerance, max_steps: text.max_steps, method: text.method })
}

fn read<T: serde::de::DeserializeOwned>(store: &Store, path: &str) -> Result<T, String> {
    let text = store.text(path).ok_or_else(|| format!("it has no `{path}`"))?;
    serde_json::from_str(text).map_err(|error| format!("`{path}`: {error}"))
}

/// The verdict by the names of the parameters.
pub(super) fn verdict(verdict: &Verdict, names: &[String]) -> Value {
    let parameters: Map<String, Value> = names
        .iter()
        .zip(&verdict.parameters)
        .map(|(name, p)| {
            let numbers = json!({
                "r_hat": number(p.r_hat),
                "r_hat_rank": number(p.r_hat_rank),
                "r_hat_folded": number(p.r_hat_folded),
                "ess_bulk": number(p.ess_bulk),
                "ess_tail": number(p.ess_tail),
                "mcse_mean": number(p.mcse_mean),
                "mcse_sd": number(p.mcse_sd),
                "mcse_q05": number(p.mcse_q05),
                "mcse_q95": number(p.mcse_q95),
            });
            (name.clone(), numbers)
        })
        .collect();
    json!({
        "passed": verdict.passed,
        "reasons": verdict.reasons,
        "worst_r_hat": number(verdict.worst_r_hat),
        "least_ess_bulk": number(verdict.least_ess_bulk),
        "least_ess_tail": number(verdict.least_ess_tail),
        "divergences": verdict.divergences,
        "at_depth_limit": verdict.at_depth_limit,
        "least_e_bfmi": number(verdict.least_e_bfmi),
        "parameters": parameters,
    })
}

pub(super) fn read_verdict(value: &Value, names: &[String]) -> Result<Verdict, String> {
    let field = |value: &Value, name: &str| {
        let field = value.get(name).and_then(read_number);
        field.ok_or_else(|| format!("its verdict has no number `{name}`"))
    };
    // The first twins do not have these.
    let later = |value: &Value, name: &str| value.get(name).and_then(read_number).unwrap_or(f64::NAN);
    let parameters = names.iter().map(|name| {
        let of = value.get("parameters").and_then(|parameters| parameters.get(name));
        let of = of.ok_or_else(|| format!("its verdict says nothing of `{name}`"))?;
        Ok(ParameterDiagnostics {
            r_hat: field(of, "r_hat")?,
            r_hat_rank: later(of, "r_hat_rank"),
            r_hat_folded: later(of, "r_hat_folded"),
            ess_bulk: field(of, "ess_bulk")?,
            ess_tail: field(of, "ess_tail")?,
            mcse_mean: field(of, "mcse_mean")?,
            mcse_sd: later(of, "mcse_sd"),
            mcse_q05: later(of, "mcse_q05"),
            mcse_q95: later(of, "mcse_q95"),
        })
    });
    let plain = |name: &str| value.get(name).ok_or_else(|| format!("its verdict has no `{name}`"));
    Ok(Verdict {
        passed: parse("passed", plain("passed")?)?,
        reasons: parse("reasons", plain("reasons")?)?,
        worst_r_hat: field(value, "worst_r_hat")?,
        least_ess_bulk: field(value, "least_ess_bulk")?,
        least_ess_tail: field(value, "least_ess_tail")?,
        divergences: parse("divergences", plain("divergences")?)?,
        at_depth_limit: value.get("at_depth_limit").map_or(Ok(0), |count| parse("at_depth_limit", count))?,
        least_e_bfmi: field(value, "least_e_bfmi")?,
        parameters: parameters.collect::<Result<_, String>>()?,
    })
}

/// JSON has no NaN and no infinities: they are written as words.
fn number(value: f64) -> Value {
    if value.is_finite() { json!(value) } else { json!(value.to_string()) }
}

fn read_number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.parse().ok())
}
