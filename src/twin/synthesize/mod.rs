//! Draws a person from a model's prior, simulates what a design measures, and makes the files of a bundle of it: a synthetic
//! person of whom the truth is known.

mod bundle;
mod design;
mod draw;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;

pub use design::Design;

use super::{CalibrateError, Calibration, meet};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::likelihood::{Limits, Posterior, TermReading};
use crate::model::Composed;
use crate::patient::writers::{Content, Sheet, table, told_error, write};
use crate::patient::{Observation, Patient, Vocabulary};
use crate::stats::{Distribution, Seed};
use crate::units::Unit;
use draw::Person;

/// Draws from the prior that are tried until all that is measured is plausible.
const TRIES: u64 = 200;

/// A file of a bundle: its name and its bytes.
pub type BundleFile = (String, Vec<u8>);

/// The files of a synthetic person: the bundle's, and `truth.json`, which no bundle names.
///
/// Parameters are drawn from the prior given the covariates that the design draws. Who would have a reading beyond the
/// vocabulary's plausible range is drawn again; how often, the truth says. What a file's reader tells of errors beside the model's, as
/// of how a structure is drawn, is drawn on top.
///
/// # Errors
/// T3019 where the design cannot be used, those of [`meet`] where design and model do not fit.
pub fn synthesize(
    model: &Composed,
    design: &Design,
    (name, seed): (&str, Seed),
    vocabulary: &Vocabulary,
) -> Result<Vec<BundleFile>, Diagnostics> {
    let person = Person::draw(design, name, model, vocabulary, seed)?;
    let solver = Calibration::default().solver;
    let (posterior, ..) = meet(model.clone(), &person.patient, solver).map_err(|error| match error {
        CalibrateError::Files(found) => found,
        other => unusable(other.to_string()).into(),
    })?;
    let (natural, readings, tries) = plausible(&posterior, &person.patient, vocabulary, seed)?;
    let entries = design.observation.iter().zip(&person.patient.observations);
    let observed = entries.map(|(entry, observation)| {
        let mut observation = measured(&posterior, observation, &readings)?;
        let share = told_error(&entry.format);
        if share > 0.0 {
            let mut stream = seed.stream(&format!("how {} is drawn", entry.name), 0);
            let error = Distribution::Normal { mean: 1.0, sd: share };
            observation.readings.iter_mut().for_each(|reading| reading.value *= error.draw(&mut stream));
        }
        Ok(observation)
    });
    let observed: Vec<Observation> = observed.collect::<Result<_, Diagnostics>>()?;
    let mut files = data_files(design, &person, &observed, vocabulary)?;
    files.push(("patient.toml".into(), bundle::manifest(design, &person, &model.name, vocabulary)?));
    files.push(("truth.json".into(), truth(&posterior, &person, &natural, seed, tries)));
    files.sort();
    Ok(files)
}

/// T3019: a design that cannot be used.
fn unusable(message: impl Into<String>) -> Diagnostic {
    Diagnostic::error("T3019", message)
}

type Drawn = (Vec<f64>, Vec<Vec<TermReading>>, u64);

/// Parameters and readings of the first draw of which all readings are plausible.
fn plausible(
    posterior: &Arc<Posterior>,
    patient: &Patient,
    vocabulary: &Vocabulary,
    seed: Seed,
) -> Result<Drawn, Diagnostics> {
    let limits: Vec<Limits> = posterior.terms.iter().map(|term| Limits::of(patient, term)).collect();
    let mut last = String::from("nothing was simulated");
    for number in 0..TRIES {
        let natural = posterior.prior.natural(&posterior.prior.draw(&mut seed.stream("person", number)));
        let readings = match posterior.simulate(&natural, &limits, &mut seed.stream("errors", number)) {
            Ok(readings) => readings,
            Err(why) => {
                last = why;
                continue;
            }
        };
        let outside = posterior.terms.iter().zip(&readings).find_map(|(term, readings)| {
            let known = vocabulary.term(&term.name)?;
            let (low, high) = known.range?;
            let value = |reading: &TermReading| term.unit.convert(reading.value, &known.unit);
            let beyond = readings.iter().filter_map(value).find(|value| !(low..=high).contains(value))?;
            Some(format!("`{}` would be {beyond} {}", term.name, known.unit))
        });
        match outside {
            None => return Ok((natural, readings, number + 1)),
            Some(why) => last = why,
        }
    }
    let finding = unusable(format!("{TRIES} people were drawn, and none is plausible: {last}"));
    Err(finding.help("narrow the model's priors, or what the design draws").into())
}

/// The readings of an observation in the vocabulary's unit.
fn measured(
    posterior: &Posterior,
    observation: &Observation,
    readings: &[Vec<TermReading>],
) -> Result<Observation, Diagnostics> {
    let of = |(term, _): &(&crate::likelihood::Term, &Vec<TermReading>)| {
        term.name == observation.name && term.device == observation.device
    };
    let Some((term, drawn)) = posterior.terms.iter().zip(readings).find(of) else {
        let message = format!("the model does not observe `{}`", observation.name);
        return Err(unusable(message).help("leave it out of the design").into());
    };
    let mut observation = observation.clone();
    for (reading, drawn) in observation.readings.iter_mut().zip(drawn) {
        reading.value = term.unit.convert(drawn.value, &observation.unit).unwrap_or(f64::NAN);
        reading.censoring = drawn.censoring;
    }
    Ok(observation)
}

/// Every file but the manifest and the truth.
fn data_files(
    design: &Design,
    person: &Person,
    observed: &[Observation],
    vocabulary: &Vocabulary,
) -> Result<Vec<BundleFile>, Diagnostics> {
    let mut contents: BTreeMap<(&str, &str), Content> = BTreeMap::new();
    let mut files: Vec<BundleFile> = Vec::new();
    for (entry, observation) in design.observation.iter().zip(observed) {
        if entry.format == "csv" {
            let rows: Vec<(f64, f64)> =
                observation.readings.iter().map(|reading| (reading.time_h, digits(reading.value))).collect();
            files.push((entry.file.clone(), table(&rows)));
            continue;
        }
        let content = contents.entry((&entry.file, &entry.format)).or_default();
        content.sheets.push(Sheet {
            name: observation.name.clone(),
            unit: observation.unit.clone(),
            readings: observation.readings.clone(),
        });
        if entry.format == "fhir" {
            content.age = person.age();
            content.sex = person.word("sex");
        }
    }
    for entry in &design.genotype {
        let content = contents.entry((&entry.file, "vcf")).or_default();
        if let Some(pair) = person.alleles.get(&entry.gene) {
            content.alleles.insert(entry.gene.clone(), pair.clone());
        }
    }
    for ((file, format), content) in contents {
        let bytes = write(format, &content, &person.epoch, vocabulary);
        files.push((file.into(), bytes.map_err(|why| unusable(format!("`{file}` cannot be written: {why}")))?));
    }
    files.extend(bundle::exposures(design, person));
    Ok(files)
}

/// What was drawn, for those who compare.
fn truth(posterior: &Posterior, person: &Person, natural: &[f64], seed: Seed, tries: u64) -> Vec<u8> {
    let parameters = posterior.prior.calibrated.iter().zip(natural);
    let mut parameters: serde_json::Map<String, serde_json::Value> =
        parameters.map(|(c, value)| (c.name.clone(), json!({ "value": value, "unit": c.unit.text() }))).collect();
    // Amounts that the file does not know, as calibration names them.
    for (exposure, known) in person.patient.exposures.iter().zip(&person.known) {
        let unknown = exposure.events.iter().zip(known).filter(|(_, known)| !**known);
        for (number, (event, _)) in unknown.enumerate() {
            let name = format!("{}.unknown_{}", exposure.name, number + 1);
            parameters.insert(name, json!({ "value": event.value, "unit": exposure.unit.text() }));
        }
    }
    let covariates = person.patient.covariates.iter();
    let covariates: serde_json::Map<String, serde_json::Value> = covariates
        .map(|c| (c.name.clone(), json!({ "value": c.value, "unit": c.unit.text(), "word": c.category })))
        .collect();
    let genotypes = person.alleles.iter().map(|(gene, (first, second))| (gene.clone(), json!([first, second])));
    let genotypes: serde_json::Map<String, serde_json::Value> = genotypes.collect();
    let told = json!({
        "about": "A synthetic person: what was drawn. Nobody is described.",
        "model": posterior.program.model.name,
        "seed": seed.0,
        "draws_until_plausible": tries,
        "covariates": covariates,
        "genotypes": genotypes,
        "parameters": parameters,
    });
    // Plain data cannot fail to be written.
    let text = serde_json::to_string_pretty(&told).unwrap_or_default();
    (text + "\n").into_bytes()
}

/// A value as tables have it: five significant digits.
fn digits(value: f64) -> f64 {
    format!("{value:.4e}").parse().unwrap_or(value)
}

/// A quantity of a design in a unit; `what` says whose it is.
fn quantity(text: &str, unit: &Unit, what: &str) -> Result<f64, Diagnostics> {
    let found = crate::units::Quantity::parse(text).map_err(|error| unusable(format!("{what}: {error}")))?;
    let value = found.unit.convert(found.value, unit);
    value.ok_or_else(|| unusable(format!("{what} is in {}, not in {unit}", found.unit)).into())
}
