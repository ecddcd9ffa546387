//! The groups of a twin file with ArviZ's names: draws, sampler's statistics, prior, readings and predictions.

use serde_json::{Map, Value, json};

use crate::inference::Draws;
use crate::likelihood::{Term, TermReading};
use crate::model::Composed;
use crate::patient::Censoring;
use crate::population::Prior;
use crate::twin::store::{Group, Store, Values, Variable};
use crate::twin::{Predictions, Twin};

const CHAIN: &str = "chain";
const DRAW: &str = "draw";
const POSTERIOR: &str = "posterior";
const STATS: &str = "sample_stats";
const PRIOR: &str = "prior";
const PREDICTIVE: &str = "posterior_predictive";
const OBSERVED: &str = "observed_data";
const LIKELIHOOD: &str = "log_likelihood";
const DISTRIBUTION: &str = "distribution";
const THIN: &str = "thin";
/// Attribute of the variable of tree depths.
const LIMIT: &str = "limit";

/// Every group of the file.
pub(super) fn write(twin: &Twin) -> Vec<Group> {
    let Draws { chains, draws, .. } = twin.draws;
    let model = &twin.posterior.program.model;
    let parameters = |values: &dyn Fn(usize) -> Vec<f64>, shape: [usize; 2]| {
        let calibrated = twin.posterior.prior.calibrated.iter().enumerate();
        let variables = calibrated.map(|(index, c)| {
            let about = &model.parameters[c.parameter].about;
            let mut attributes = described(c.unit.text(), about);
            attributes.insert(DISTRIBUTION.into(), json!(c.distribution.to_string()));
            of_draws(&c.name, shape, &[], Values::F64(values(index)), attributes)
        });
        variables.collect::<Vec<Variable>>()
    };
    let of_draw = |index: usize| twin.draws.values.iter().skip(index).step_by(twin.draws.dimension).copied().collect();
    let of_prior = |index: usize| twin.prior_draws.iter().map(|draw| draw[index]).collect();
    let readings = predicted_readings(twin);
    vec![
        group(POSTERIOR, chains, 0..draws, 1, parameters(&of_draw, [chains, draws])),
        group(STATS, chains, 0..draws, 1, statistics(&twin.draws)),
        group(PRIOR, 1, 0..twin.prior_draws.len(), 1, parameters(&of_prior, [1, twin.prior_draws.len()])),
        readings(PREDICTIVE, &twin.predictions.replicates),
        readings(LIKELIHOOD, &twin.predictions.ln_likelihood),
        Group {
            name: OBSERVED.into(),
            attributes: Map::new(),
            variables: observed(&twin.posterior.terms, model.time_unit.text()),
        },
    ]
}

fn group(name: &str, chains: usize, draws: std::ops::Range<usize>, step: usize, variables: Vec<Variable>) -> Group {
    let mut all = vec![
        coordinate(CHAIN, Values::I64((0..chains as i64).collect()), Map::new()),
        coordinate(DRAW, Values::I64(draws.step_by(step).map(|draw| draw as i64).collect()), Map::new()),
    ];
    all.extend(variables);
    Group { name: name.into(), attributes: Map::new(), variables: all }
}

fn coordinate(name: &str, values: Values, attributes: Map<String, Value>) -> Variable {
    Variable { name: name.into(), dimensions: vec![name.into()], shape: vec![values.len()], values, attributes }
}

fn described(unit: &str, about: &str) -> Map<String, Value> {
    let mut attributes = Map::new();
    attributes.insert("units".into(), json!(unit));
    if !about.is_empty() {
        attributes.insert("long_name".into(), json!(about));
    }
    attributes
}

/// A variable with a value for each chain and draw, and further dimensions of its own.
fn of_draws(
    name: &str,
    [chains, draws]: [usize; 2],
    own: &[(&str, usize)],
    values: Values,
    attributes: Map<String, Value>,
) -> Variable {
    let mut dimensions: Vec<String> = vec![CHAIN.into(), DRAW.into()];
    let mut shape = vec![chains, draws];
    for (dimension, length) in own {
        dimensions.push((*dimension).into());
        shape.push(*length);
    }
    Variable { name: name.into(), dimensions, shape, values, attributes }
}

fn statistics(draws: &Draws) -> Vec<Variable> {
    let shape = [draws.chains, draws.draws];
    let f64s = |values: &[f64]| Values::F64(values.to_vec());
    [
        ("lp", f64s(&draws.ln_density)),
        ("diverging", Values::Bool(draws.divergent.clone())),
        ("tree_depth", Values::I64(draws.tree_depth.clone())),
        ("n_steps", Values::I64(draws.leapfrogs.clone())),
        ("energy", f64s(&draws.energy)),
        ("acceptance_rate", f64s(&draws.acceptance)),
        ("step_size", f64s(&draws.step_size)),
    ]
    .into_iter()
    // What a sampler does not know of its draws is left out.
    .filter(|(_, values)| !values.is_empty())
    .map(|(name, values)| {
        let limit = (name == "tree_depth").then(|| (LIMIT.to_string(), json!(draws.depth_limit)));
        of_draws(name, shape, &[], values, limit.into_iter().collect())
    })
    .collect()
}

/// One name a term: that of the quantity, and a number where several devices measured it.
fn keys(terms: &[Term]) -> Vec<String> {
    let numbered = terms.iter().enumerate().map(|(index, term)| {
        let earlier = terms[..index].iter().filter(|other| other.name == term.name).count();
        if earlier == 0 { term.name.clone() } else { format!("{}.{}", term.name, earlier + 1) }
    });
    numbered.collect()
}

/// Name of the dimension of a term's readings: their times are its coordinate.
fn time(key: &str) -> String {
    format!("{key}_time")
}

fn times(key: &str, term: &Term, unit: &str) -> Variable {
    let values = term.readings.iter().map(|reading| reading.time).collect();
    coordinate(&time(key), Values::F64(values), described(unit, "time since the epoch"))
}

fn predicted_readings(twin: &Twin) -> impl Fn(&str, &[Vec<f64>]) -> Group {
    let terms = &twin.posterior.terms;
    let time_unit = twin.posterior.program.model.time_unit.text();
    let Draws { chains, draws, .. } = twin.draws;
    let thin = twin.predictions.thin.max(1);
    let kept = draws.div_ceil(thin);
    move |name, values| {
        let mut variables = Vec::new();
        for ((key, term), values) in keys(terms).iter().zip(terms).zip(values) {
            let unit = if name == PREDICTIVE { described(term.unit.text(), "") } else { Map::new() };
            let own = (time(key), term.readings.len());
            variables.push(times(key, term, time_unit));
            let values = Values::F64(values.clone());
            variables.push(of_draws(key, [chains, kept], &[(&own.0, own.1)], values, unit));
        }
        let mut group = group(name, chains, 0..draws, thin, variables);
        group.attributes.insert(THIN.into(), json!(thin));
        group
    }
}

fn observed(terms: &[Term], time_unit: &str) -> Vec<Variable> {
    let mut variables = Vec::new();
    for (key, term) in keys(terms).iter().zip(terms) {
        let own = |name: String, values: Values, attributes| Variable {
            name,
            dimensions: vec![time(key)],
            shape: vec![values.len()],
            values,
            attributes,
        };
        let mut attributes = described(term.unit.text(), "");
        attributes.insert("observation".into(), json!(term.name));
        attributes.insert("device".into(), json!(term.device));
        let sides = term.readings.iter().map(|reading| match reading.censoring {
            Censoring::Below => -1,
            Censoring::None => 0,
            Censoring::Above => 1,
        });
        let censoring = described("1", "-1: at or below the value, 0: the value, 1: at or above it");
        variables.push(times(key, term, time_unit));
        let values = term.readings.iter().map(|reading| reading.value).collect();
        variables.push(own(key.clone(), Values::F64(values), attributes));
        variables.push(own(format!("{key}_censoring"), Values::I64(sides.collect()), censoring));
    }
    variables
}

fn found<'a>(store: &'a Store, group: &str, variable: &str) -> Result<&'a Variable, String> {
    let found = store.group(group).and_then(|group| group.variable(variable));
    found.ok_or_else(|| format!("it has no `{group}/{variable}`"))
}

fn f64s<'a>(store: &'a Store, group: &str, variable: &str) -> Result<&'a [f64], String> {
    let values = found(store, group, variable)?.values.as_f64();
    values.ok_or_else(|| format!("`{group}/{variable}` is not of type float64"))
}

fn i64s<'a>(store: &'a Store, group: &str, variable: &str) -> Result<&'a [i64], String> {
    let values = found(store, group, variable)?.values.as_i64();
    values.ok_or_else(|| format!("`{group}/{variable}` is not of type int64"))
}

fn of_length<T: Clone>(values: &[T], length: usize, name: &str) -> Result<Vec<T>, String> {
    if values.len() == length {
        return Ok(values.to_vec());
    }
    Err(format!("`{name}` has {} values instead of {length}", values.len()))
}

/// Whether the prior of every parameter is the one that the draws were made with.
pub(super) fn check_prior(store: &Store, prior: &Prior) -> Result<(), String> {
    for c in &prior.calibrated {
        let variable = found(store, POSTERIOR, &c.name)?;
        let attribute = |name: &str| variable.attributes.get(name).and_then(Value::as_str).unwrap_or("");
        let (distribution, unit) = (attribute(DISTRIBUTION), attribute("units"));
        if distribution != c.distribution.to_string() || unit != c.unit.text() {
            let now = format!("{} {}", c.distribution, c.unit);
            return Err(format!("the prior of `{}` is {now}, in the file {distribution} {unit}", c.name));
        }
    }
    let known = |name: &str| [CHAIN, DRAW].contains(&name) || prior.calibrated.iter().any(|c| c.name == name);
    let variables = store.group(POSTERIOR).map_or(&[][..], |group| &group.variables);
    match variables.iter().find(|variable| !known(&variable.name)) {
        Some(variable) => Err(format!("the model does not calibrate `{}`", variable.name)),
        None => Ok(()),
    }
}

/// Draws with the sampler's word on each, and how many gradients they took in all.
pub(super) fn draws(store: &Store, names: &[String], gradients: u64) -> Result<Draws, String> {
    let (chains, draws) = (i64s(store, POSTERIOR, CHAIN)?.len(), i64s(store, POSTERIOR, DRAW)?.len());
    let (count, dimension) = (chains * draws, names.len());
    if count == 0 {
        return Err("it has no draws".into());
    }
    let mut values = vec![f64::NAN; count * dimension];
    for (index, name) in names.iter().enumerate() {
        let column = of_length(f64s(store, POSTERIOR, name)?, count, name)?;
        values.iter_mut().skip(index).step_by(dimension).zip(column).for_each(|(value, new)| *value = new);
    }
    let known = |name: &str| store.group(STATS).is_some_and(|group| group.variable(name).is_some());
    let real = |name: &str| match known(name) {
        true => of_length(f64s(store, STATS, name)?, count, name),
        false => Ok(Vec::new()),
    };
    let whole = |name: &str| match known(name) {
        true => of_length(i64s(store, STATS, name)?, count, name),
        false => Ok(Vec::new()),
    };
    let divergent = found(store, STATS, "diverging")?.values.as_bool();
    let depths = store.group(STATS).and_then(|group| group.variable("tree_depth"));
    let limit = depths.and_then(|depths| depths.attributes.get(LIMIT));
    Ok(Draws {
        chains,
        draws,
        dimension,
        values,
        ln_density: real("lp")?,
        divergent: of_length(divergent.unwrap_or(&[]), count, "diverging")?,
        tree_depth: whole("tree_depth")?,
        // The first twins do not say it.
        depth_limit: limit.and_then(Value::as_i64).unwrap_or(0),
        leapfrogs: whole("n_steps")?,
        energy: real("energy")?,
        acceptance: real("acceptance_rate")?,
        step_size: real("step_size")?,
        gradients,
    })
}

/// Natural values drawn from the prior, `[draw, parameter]`.
pub(super) fn prior_draws(store: &Store, names: &[String]) -> Result<Vec<Vec<f64>>, String> {
    let count = i64s(store, PRIOR, DRAW)?.len();
    let columns = names.iter().map(|name| of_length(f64s(store, PRIOR, name)?, count, name));
    let columns: Vec<Vec<f64>> = columns.collect::<Result<_, _>>()?;
    Ok((0..count).map(|draw| columns.iter().map(|column| column[draw]).collect()).collect())
}

/// The readings of every device.
pub(super) fn terms(store: &Store, model: &Composed) -> Result<Vec<Term>, String> {
    let group = store.group(OBSERVED).ok_or_else(|| format!("it has no group `{OBSERVED}`"))?;
    let mut terms = Vec::new();
    for variable in group.variables.iter().filter(|variable| variable.attributes.contains_key("observation")) {
        let (key, text) = (&variable.name, |name: &str| variable.attributes.get(name).and_then(Value::as_str));
        let name = text("observation").unwrap_or_default();
        let observation = model.observations.iter().position(|observation| observation.name == name);
        let observation = observation.ok_or_else(|| format!("the model does not observe `{name}`"))?;
        let Composed { observations, .. } = model;
        if text("units") != Some(observations[observation].unit.text()) {
            return Err(format!("`{name}` is in another unit than in the model"));
        }
        let values = f64s(store, OBSERVED, key)?;
        let times = of_length(f64s(store, OBSERVED, &time(key))?, values.len(), key)?;
        let sides = of_length(i64s(store, OBSERVED, &format!("{key}_censoring"))?, values.len(), key)?;
        let readings = times.iter().zip(values).zip(sides).map(|((time, value), side)| TermReading {
            time: *time,
            value: *value,
            censoring: match side {
                0 => Censoring::None,
                ..0 => Censoring::Below,
                1.. => Censoring::Above,
            },
        });
        terms.push(Term {
            name: name.into(),
            device: text("device").map(str::to_string),
            observation,
            family: observations[observation].family,
            unit: observations[observation].unit.clone(),
            readings: readings.collect(),
        });
    }
    Ok(terms)
}

/// ln likelihoods and replicates of the kept draws.
pub(super) fn predictions(store: &Store, terms: &[Term], draws: &Draws) -> Result<Predictions, String> {
    let thin = store.group(LIKELIHOOD).and_then(|group| group.attributes.get(THIN)?.as_u64());
    let thin = thin.filter(|thin| *thin > 0).ok_or_else(|| format!("`{LIKELIHOOD}` does not say `{THIN}`"))? as usize;
    let kept = draws.chains * draws.draws.div_ceil(thin);
    let of_group = |group: &str| -> Result<Vec<Vec<f64>>, String> {
        let keys = keys(terms);
        let terms = keys.iter().zip(terms);
        terms.map(|(key, term)| of_length(f64s(store, group, key)?, kept * term.readings.len(), key)).collect()
    };
    Ok(Predictions { thin, ln_likelihood: of_group(LIKELIHOOD)?, replicates: of_group(PREDICTIVE)? })
}
