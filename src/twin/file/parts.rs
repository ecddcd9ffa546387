//! The groups of a twin file with ArviZ's names as they are written, a variable at a time.

use std::ops::Range;

use serde_json::{Map, Value, json};

use crate::inference::{Chains, Statistic};
use crate::likelihood::Term;
use crate::patient::Censoring;
use crate::twin::Twin;
use crate::twin::store::{StoreError, Values, Variable};

pub(super) const CHAIN: &str = "chain";
pub(super) const DRAW: &str = "draw";
pub(super) const POSTERIOR: &str = "posterior";
pub(super) const STATS: &str = "sample_stats";
pub(super) const PRIOR: &str = "prior";
pub(super) const PREDICTIVE: &str = "posterior_predictive";
pub(super) const OBSERVED: &str = "observed_data";
pub(super) const LIKELIHOOD: &str = "log_likelihood";
pub(super) const DISTRIBUTION: &str = "distribution";
pub(super) const THIN: &str = "thin";
/// Attribute of the variable of tree depths.
pub(super) const LIMIT: &str = "limit";

/// What is written next.
pub(super) enum Part {
    /// A group of this name and with these attributes begins.
    Group(&'static str, Map<String, Value>),
    /// A variable of it.
    Variable(Variable),
}

/// Where parts go.
type To<'a> = &'a mut dyn FnMut(Part) -> Result<(), StoreError>;

/// Every group of the file, a variable at a time.
///
/// # Errors
/// Those of `to`.
pub(super) fn write<D: Chains>(twin: &Twin<D>, to: To) -> Result<(), StoreError> {
    let [chains, draws, _] = twin.draws.shape();
    let model = &twin.posterior.program.model;
    let parameters = |values: &dyn Fn(usize) -> Vec<f64>, shape: [usize; 2], to: To| {
        for (index, c) in twin.posterior.prior.calibrated.iter().enumerate() {
            let about = &model.parameters[c.parameter].about;
            let mut attributes = described(c.unit.text(), about);
            attributes.insert(DISTRIBUTION.into(), json!(c.distribution.to_string()));
            to(Part::Variable(of_draws(&c.name, shape, &[], Values::F64(values(index)), attributes)))?;
        }
        Ok(())
    };
    begin(POSTERIOR, chains, (0..draws, 1), Map::new(), to)?;
    parameters(&|index| twin.draws.column(index).concat(), [chains, draws], to)?;
    begin(STATS, chains, (0..draws, 1), Map::new(), to)?;
    statistics(&twin.draws, to)?;
    let known = twin.prior_draws.len();
    begin(PRIOR, 1, (0..known, 1), Map::new(), to)?;
    parameters(&|index| twin.prior_draws.iter().map(|draw| draw[index]).collect(), [1, known], to)?;
    predicted(PREDICTIVE, twin, &twin.predictions.replicates, to)?;
    predicted(LIKELIHOOD, twin, &twin.predictions.ln_likelihood, to)?;
    to(Part::Group(OBSERVED, Map::new()))?;
    let observed = observed(&twin.posterior.terms, model.time_unit.text());
    observed.into_iter().try_for_each(|variable| to(Part::Variable(variable)))
}

/// Begins a group of draws.
fn begin(
    name: &'static str,
    chains: usize,
    (draws, step): (Range<usize>, usize),
    attributes: Map<String, Value>,
    to: To,
) -> Result<(), StoreError> {
    to(Part::Group(name, attributes))?;
    to(Part::Variable(coordinate(CHAIN, Values::I64((0..chains as i64).collect()), Map::new())))?;
    let numbers = draws.step_by(step).map(|draw| draw as i64).collect();
    to(Part::Variable(coordinate(DRAW, Values::I64(numbers), Map::new())))
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

/// What the sampler says of the draws; what it does not know is left out.
fn statistics(draws: &dyn Chains, to: To) -> Result<(), StoreError> {
    let [chains, length, _] = draws.shape();
    for (name, statistic) in [
        ("lp", Statistic::LnDensity),
        ("diverging", Statistic::Divergent),
        ("tree_depth", Statistic::TreeDepth),
        ("n_steps", Statistic::Leapfrogs),
        ("energy", Statistic::Energy),
        ("acceptance_rate", Statistic::Acceptance),
        ("step_size", Statistic::StepSize),
    ] {
        let Some(values) = draws.statistic(statistic) else { continue };
        let values = match statistic {
            Statistic::Divergent => Values::Bool(values.iter().map(|value| *value != 0.0).collect()),
            Statistic::TreeDepth | Statistic::Leapfrogs => {
                Values::I64(values.iter().map(|value| *value as i64).collect())
            }
            _ => Values::F64(values),
        };
        let depth = statistic == Statistic::TreeDepth;
        let limit = depth.then(|| (LIMIT.to_string(), json!(draws.depth_limit())));
        to(Part::Variable(of_draws(name, [chains, length], &[], values, limit.into_iter().collect())))?;
    }
    Ok(())
}

/// One name a term: that of the quantity, and a number where several devices measured it.
pub(super) fn keys(terms: &[Term]) -> Vec<String> {
    let numbered = terms.iter().enumerate().map(|(index, term)| {
        let earlier = terms[..index].iter().filter(|other| other.name == term.name).count();
        if earlier == 0 { term.name.clone() } else { format!("{}.{}", term.name, earlier + 1) }
    });
    numbered.collect()
}

/// Name of the dimension of a term's readings: their times are its coordinate.
pub(super) fn time(key: &str) -> String {
    format!("{key}_time")
}

fn times(key: &str, term: &Term, unit: &str) -> Variable {
    let values = term.readings.iter().map(|reading| reading.time).collect();
    coordinate(&time(key), Values::F64(values), described(unit, "time since the epoch"))
}

fn predicted<D: Chains>(name: &'static str, twin: &Twin<D>, values: &[Vec<f64>], to: To) -> Result<(), StoreError> {
    let terms = &twin.posterior.terms;
    let time_unit = twin.posterior.program.model.time_unit.text();
    let [chains, draws, _] = twin.draws.shape();
    let thin = twin.predictions.thin.max(1);
    let attributes = Map::from_iter([(THIN.to_string(), json!(thin))]);
    begin(name, chains, (0..draws, thin), attributes, to)?;
    for ((key, term), values) in keys(terms).iter().zip(terms).zip(values) {
        let unit = if name == PREDICTIVE { described(term.unit.text(), "") } else { Map::new() };
        let own = (time(key), term.readings.len());
        to(Part::Variable(times(key, term, time_unit)))?;
        let shape = [chains, draws.div_ceil(thin)];
        to(Part::Variable(of_draws(key, shape, &[(&own.0, own.1)], Values::F64(values.clone()), unit)))?;
    }
    Ok(())
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
        if term.readings.iter().any(|reading| reading.sd > 0.0) {
            let own_error = described(term.unit.text(), "standard deviation of each measurement's own error");
            let values = term.readings.iter().map(|reading| reading.sd).collect();
            variables.push(own(format!("{key}_sd"), Values::F64(values), own_error));
        }
    }
    variables
}
