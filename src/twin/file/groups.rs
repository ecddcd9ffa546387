//! The groups of a twin file as they are read: draws, sampler's statistics, prior, readings and predictions.

use serde_json::Value;

use super::parts::{
    CHAIN, DISTRIBUTION, DRAW, LIKELIHOOD, LIMIT, OBSERVED, POSTERIOR, PREDICTIVE, PRIOR, STATS, THIN, keys, time,
};
use crate::inference::Draws;
use crate::likelihood::{Term, TermReading};
use crate::model::Composed;
use crate::patient::Censoring;
use crate::population::Prior;
use crate::twin::Predictions;
use crate::twin::store::{Store, Variable};

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
        let observation = model.observed_by(name, text("device"));
        let observation = observation.ok_or_else(|| format!("the model does not observe `{name}`"))?;
        let Composed { observations, .. } = model;
        if text("units") != Some(observations[observation].unit.text()) {
            return Err(format!("`{name}` is in another unit than in the model"));
        }
        let values = f64s(store, OBSERVED, key)?;
        let times = of_length(f64s(store, OBSERVED, &time(key))?, values.len(), key)?;
        let sides = of_length(i64s(store, OBSERVED, &format!("{key}_censoring"))?, values.len(), key)?;
        // Only where a measurement tells its own error.
        let own = format!("{key}_sd");
        let sds = match group.variable(&own) {
            Some(_) => of_length(f64s(store, OBSERVED, &own)?, values.len(), key)?,
            None => vec![0.0; values.len()],
        };
        let readings = times.iter().zip(values).zip(sides).zip(sds).map(|(((time, value), side), sd)| TermReading {
            sd,
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
