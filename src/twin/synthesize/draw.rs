//! Draws what a design leaves to chance: covariates, alleles, amounts and times; and lays out what will be measured.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::design::{Design, Drawn, ExposureFile, ObservationFile};
use super::{quantity, unusable};
use crate::diagnostic::Diagnostics;
use crate::model::{Composed, InputKind};
use crate::patient::writers::{allele_pair, diplotype_covariates};
use crate::patient::{
    Censoring, Covariate, Exposure, ExposureEvent, ExposureKind, Observation, Origin, Patient, Reading, Vocabulary,
};
use crate::stats::{Distribution, Seed, Stream, log_sd_from_cv};
use crate::units::{Unit, instant};

/// A person as far as the design goes; readings have times and no values yet.
pub(super) struct Person {
    pub patient: Patient,
    pub epoch: jiff::ZonedDateTime,
    /// Two alleles by gene.
    pub alleles: BTreeMap<String, (String, String)>,
    /// Covariates that the genotype gives.
    pub of_genotype: Vec<String>,
    /// Of each exposure and event, whether the file knows the amount.
    pub known: Vec<Vec<bool>>,
}

impl Person {
    pub(super) fn draw(
        design: &Design,
        name: &str,
        model: &Composed,
        vocabulary: &Vocabulary,
        seed: Seed,
    ) -> Result<Self, Diagnostics> {
        let epoch = instant(&design.epoch)
            .ok_or_else(|| unusable(format!("`{}` is not a time stamp with a time zone", design.epoch)))?;
        let mut covariates = covariates(design, vocabulary, seed)?;
        let (mut alleles, mut of_genotype) = (BTreeMap::new(), Vec::new());
        for entry in &design.genotype {
            let mut stream = seed.stream(&format!("alleles of {}", entry.gene), 0);
            let uniform = Distribution::Uniform { lower: 0.0, upper: 1.0 };
            let shares = [uniform.draw(&mut stream), uniform.draw(&mut stream)];
            let pair = allele_pair(&entry.gene, shares)
                .ok_or_else(|| unusable(format!("there is no table of the gene `{}`", entry.gene)))?;
            for (name, value) in diplotype_covariates(&entry.gene, &pair, vocabulary) {
                of_genotype.push(name.clone());
                covariates.push(covariate(name, value, Unit::one(), None));
            }
            alleles.insert(entry.gene.clone(), pair);
        }
        let (mut exposures, mut known) = (Vec::new(), Vec::new());
        for entry in &design.exposure {
            let (exposure, told) = exposure(entry, model, vocabulary, seed)?;
            exposures.push(exposure);
            known.push(told);
        }
        let observations = design.observation.iter().map(|entry| observation(entry, vocabulary));
        let observations = observations.collect::<Result<Vec<_>, _>>()?;
        let mut patient = Patient::of(name, covariates, exposures, observations);
        patient.epoch = Some(epoch.clone());
        Ok(Self { patient, epoch, alleles, of_genotype, known })
    }

    /// The age `[a]`, where the design draws it.
    pub(super) fn age(&self) -> Option<f64> {
        self.patient.covariate("age").map(|age| age.value)
    }

    /// The word of a covariate that has words.
    pub(super) fn word(&self, name: &str) -> Option<String> {
        self.patient.covariate(name).and_then(|covariate| covariate.category.clone())
    }
}

fn nowhere() -> Origin {
    Origin { file: Arc::from("design"), line: None, path: None }
}

fn covariate(name: String, value: f64, unit: Unit, category: Option<String>) -> Covariate {
    Covariate { name, value, declared: unit.text().into(), unit, category, origin: nowhere() }
}

/// Those with words first: others may differ by them.
fn covariates(design: &Design, vocabulary: &Vocabulary, seed: Seed) -> Result<Vec<Covariate>, Diagnostics> {
    let mut all: Vec<Covariate> = Vec::new();
    let (words, numbers): (Vec<_>, Vec<_>) = design.covariates.iter().partition(|(_, drawn)| !drawn.shares.is_empty());
    for (name, drawn) in words {
        let mut stream = seed.stream(&format!("covariate {name}"), 0);
        let total: f64 = drawn.shares.values().sum();
        let mut left = Distribution::Uniform { lower: 0.0, upper: total }.draw(&mut stream);
        let chosen = drawn.shares.iter().find(|(_, share)| {
            left -= **share;
            left < 0.0
        });
        let word = chosen.or(drawn.shares.iter().next()).map(|(word, _)| word.clone()).unwrap_or_default();
        let value = vocabulary.term(name).and_then(|term| term.categories.get(&word)).copied();
        let value = value.ok_or_else(|| unusable(format!("`{word}` is not a category of `{name}`")))?;
        all.push(covariate(name.clone(), value, Unit::one(), Some(word)));
    }
    for (name, drawn) in numbers {
        let mut stream = seed.stream(&format!("covariate {name}"), 0);
        let drawn = match &drawn.by {
            None => drawn,
            Some(by) => {
                let word = all.iter().find(|known| known.name == *by).and_then(|known| known.category.as_ref());
                let case = word.and_then(|word| drawn.cases.get(word));
                case.ok_or_else(|| unusable(format!("`{name}` is not said for every `{by}`")))?
            }
        };
        let term = vocabulary.term(name).ok_or_else(|| unusable(format!("`{name}` is not in the vocabulary")))?;
        let value = number(name, drawn, &term.unit, term.range, &mut stream)?;
        all.push(covariate(name.clone(), value, term.unit.clone(), None));
    }
    Ok(all)
}

/// A number in its plausible range, to four digits: as people write it.
fn number(
    name: &str,
    drawn: &Drawn,
    unit: &Unit,
    range: Option<(f64, f64)>,
    stream: &mut Stream,
) -> Result<f64, Diagnostics> {
    let of = |text: &Option<String>| text.as_ref().map(|text| quantity(text, unit, name)).transpose();
    let cv = drawn.cv.as_ref().map(|text| quantity(text, &Unit::one(), name)).transpose()?;
    let distribution =
        match (of(&drawn.mean)?, of(&drawn.sd)?, of(&drawn.median)?, cv, of(&drawn.from)?, of(&drawn.to)?) {
            (Some(mean), Some(sd), None, None, None, None) => Distribution::Normal { mean, sd },
            (None, None, Some(median), Some(cv), None, None) => {
                Distribution::LogNormal { median, sigma: log_sd_from_cv(cv) }
            }
            (None, None, None, None, Some(lower), Some(upper)) if lower < upper => {
                Distribution::Uniform { lower, upper }
            }
            _ => {
                let finding = unusable(format!("`{name}` is drawn in no way that is known"));
                return Err(finding
                    .help("write mean and sd, or median and cv, or from and to, or shares of words")
                    .into());
            }
        };
    let (low, high) = range.unwrap_or((f64::NEG_INFINITY, f64::INFINITY));
    let value = distribution.draw(stream).clamp(low, high);
    Ok(format!("{value:.3e}").parse().unwrap_or(value))
}

/// Amounts, or a series; with each event whether the file knows its amount.
fn exposure(
    entry: &ExposureFile,
    model: &Composed,
    vocabulary: &Vocabulary,
    seed: Seed,
) -> Result<(Exposure, Vec<bool>), Diagnostics> {
    let name = &entry.name;
    let term = vocabulary.term(name).ok_or_else(|| unusable(format!("`{name}` is not in the vocabulary")))?;
    let hour = Unit::parse("h").map_err(|error| unusable(error.to_string()))?;
    let mut stream = seed.stream(&format!("exposure {name}"), 0);
    let mut spread = |text: &Option<String>| -> Result<f64, Diagnostics> {
        let cv = text.as_ref().map(|text| quantity(text, &Unit::one(), name)).transpose()?.unwrap_or(0.0);
        let sigma = log_sd_from_cv(cv);
        Ok(if sigma > 0.0 { Distribution::LogNormal { median: 1.0, sigma }.draw(&mut stream) } else { 1.0 })
    };
    let (mut events, mut known) = (Vec::new(), Vec::new());
    let mut kind = ExposureKind::Bolus;
    for event in &entry.events {
        let amount = quantity(&event.amount, &term.unit, name)? * spread(&event.spread)?;
        let jitter = event.jitter.as_ref().map(|text| quantity(text, &hour, name)).transpose()?.unwrap_or(0.0);
        let mut moved = seed.stream(&format!("times of {name}"), events.len() as u64);
        let moved =
            if jitter > 0.0 { Distribution::Uniform { lower: -jitter, upper: jitter }.draw(&mut moved) } else { 0.0 };
        // People write the minute, and whole units.
        let time_h = ((quantity(&event.time, &hour, name)? + moved) * 60.0).round() / 60.0;
        let value = format!("{amount:.2e}").parse().unwrap_or(amount);
        events.push(ExposureEvent { time_h, value, duration_h: 0.0, origin: nowhere() });
        known.push(!event.unknown);
    }
    if let (Some(every), Some(until)) = (&entry.every, &entry.until) {
        kind = ExposureKind::Series;
        let (every, until) = (quantity(every, &hour, name)?, quantity(until, &hour, name)?);
        let mut steps = Vec::new();
        for step in &entry.day {
            steps.push((quantity(&step.time, &hour, name)?, step.value));
        }
        let of_day = |time: f64| {
            let time = time.rem_euclid(24.0);
            steps.iter().rev().find(|(from, _)| *from <= time).or(steps.last()).map_or(0.0, |(_, value)| *value)
        };
        if every <= 0.0 {
            return Err(unusable(format!("`every` of `{name}` must be above 0")).into());
        }
        for number in 0..=(until / every).floor() as usize {
            let time_h = every * number as f64;
            let value = of_day(time_h) * spread(&entry.spread)?;
            events.push(ExposureEvent { time_h, value: super::digits(value), duration_h: 0.0, origin: nowhere() });
            known.push(true);
        }
    }
    let input = model.inputs.iter().find(|input| input.name == *name);
    if input.is_some_and(|input| matches!(input.kind, InputKind::SeriesConstant | InputKind::SeriesLinear)) {
        kind = ExposureKind::Series;
    }
    let mut order: Vec<usize> = (0..events.len()).collect();
    order.sort_by(|a, b| events[*a].time_h.total_cmp(&events[*b].time_h));
    let known = order.iter().map(|at| known[*at]).collect();
    let events = order.iter().map(|at| events[*at].clone()).collect();
    let (unit, declared) = (term.unit.clone(), term.unit.text().to_string());
    Ok((Exposure { name: name.clone(), kind, unit, events, unknown: Vec::new(), usual: None, declared }, known))
}

/// The times at which something will be measured.
fn observation(entry: &ObservationFile, vocabulary: &Vocabulary) -> Result<Observation, Diagnostics> {
    let name = &entry.name;
    let term = vocabulary.term(name).ok_or_else(|| unusable(format!("`{name}` is not in the vocabulary")))?;
    let hour = Unit::parse("h").map_err(|error| unusable(error.to_string()))?;
    let hours = |text: &String| quantity(text, &hour, name);
    let mut times = entry.at.iter().map(hours).collect::<Result<Vec<_>, _>>()?;
    if let (Some(every), Some(to)) = (&entry.every, &entry.to) {
        let (every, to) = (hours(every)?, hours(to)?);
        let from = entry.from.as_ref().map_or(Ok(0.0), hours)?;
        if every <= 0.0 {
            return Err(unusable(format!("`every` of `{name}` must be above 0")).into());
        }
        times.extend((0..=((to - from) / every).floor() as usize).map(|number| from + every * number as f64));
    }
    if times.is_empty() {
        let finding = unusable(format!("`{name}` is measured at no time"));
        return Err(finding.help("write at = [\"8 h\"], or every and to").into());
    }
    times.sort_by(f64::total_cmp);
    let limit = |text: &Option<String>| text.as_ref().map(|text| quantity(text, &term.unit, name)).transpose();
    let middle = term.range.map_or(1.0, |(low, high)| (low + high) / 2.0);
    let readings = times.into_iter().map(|time_h| Reading {
        time_h,
        value: middle,
        censoring: Censoring::None,
        sd: None,
        origin: nowhere(),
    });
    Ok(Observation {
        name: name.clone(),
        device: entry.device.clone(),
        unit: term.unit.clone(),
        lower_limit: limit(&entry.lower_limit)?,
        upper_limit: limit(&entry.upper_limit)?,
        readings: readings.collect(),
        declared: term.unit.text().into(),
    })
}
