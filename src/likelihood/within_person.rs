//! A person's own variation from day to day beside the error of the method: what the vocabulary knows of it enters each
//! `observe … within_person` of a model.
//!
//! The two are independent, so that their variances add up: with the coefficient of variation c and the expected value m, a
//! normal error sd becomes √(sd² + (c m)²), a log-normal sigma √(sigma² + ln(1 + c²)), the scale of a Student t √(scale² + (c m)²).
//! The change is in the model's expressions before they are compiled: scores, gradients and drawn readings have it alike.

use serde::{Deserialize, Serialize};

use super::personal::Personal;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::model::{Composed, ErrorFamily, Observation, Op};
use crate::patient::{Patient, Vocabulary};
use crate::stats::log_sd_from_cv;
use crate::units::short;

/// Readings closer than this are of one day `[h]`.
const DAY: f64 = 20.0;

/// How much the values of one name vary within a person, as taken for one twin.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WithinPerson {
    pub observation: String,
    /// Coefficient of variation: standard deviation over mean.
    pub cv: f64,
    pub source: String,
}

impl WithinPerson {
    /// `4.4 % (Author Year, …)`
    pub fn describe(&self) -> String {
        let source = if self.source.is_empty() { String::new() } else { format!(" ({})", self.source) };
        format!("{} %{source}", short(100.0 * self.cv))
    }
}

impl Personal {
    /// What the vocabulary knows of what the model says to vary; L1010 where it knows nothing of a name that was measured, L1011 where
    /// readings share their day.
    pub(super) fn vary(&mut self, model: &Composed, patient: &Patient, found: &mut Diagnostics) {
        for observation in model.observations.iter().filter(|known| known.varies.is_some()) {
            let name = &observation.name;
            let mut times: Vec<f64> = patient
                .observations
                .iter()
                .filter(|measured| measured.name == *name)
                .flat_map(|measured| measured.readings.iter().map(|reading| reading.time_h))
                .collect();
            match patient.variations.get(name) {
                Some(known) => {
                    let (observation, source) = (name.clone(), known.source.clone());
                    self.within_person.push(WithinPerson { observation, cv: known.cv, source });
                }
                // What nobody measured is never scored.
                None if times.is_empty() => continue,
                None => found.push(unknown(model, observation)),
            }
            times.sort_by(f64::total_cmp);
            let close = times.windows(2).filter(|pair| pair[1] - pair[0] < DAY).count();
            if close > 0 {
                let message = format!("readings of `{name}` less than {DAY} h after the one before: {close}");
                let finding = Diagnostic::warning("L1011", message).help(
                    "the person's variation from day to day is taken as independent in each: of samples of one day, or one \
                     sample in two laboratories, keep one, or intervals may be too narrow",
                );
                found.push(finding.at_location(patient.place(name)));
            }
        }
    }

    /// Adds the person's variation to the observations, those of single devices, too.
    pub(super) fn add_variation(&self, model: &mut Composed) {
        let Composed { graph, observations, .. } = model;
        for observation in observations {
            let known = self.within_person.iter().find(|known| known.observation == observation.name);
            let (Some(known), Some(varies)) = (known, observation.varies.take()) else { continue };
            let centre = usize::from(observation.family == ErrorFamily::StudentT);
            let (whole, method) = (observation.arguments[centre], observation.arguments[centre + 1]);
            let own = match observation.family {
                ErrorFamily::LogNormal if varies == whole => graph.constant(log_sd_from_cv(known.cv)),
                ErrorFamily::LogNormal => {
                    // Relative to the whole: what an offset of a device adds does not vary.
                    let (cv, share) = (graph.constant(log_sd_from_cv(known.cv)), graph.op(Op::Div, &[varies, whole]));
                    graph.op(Op::Mul, &[cv, share])
                }
                _ => {
                    let cv = graph.constant(known.cv);
                    graph.op(Op::Mul, &[cv, varies])
                }
            };
            let squares = [method, own].map(|sd| graph.op(Op::Mul, &[sd, sd]));
            let variance = graph.op(Op::Add, &squares);
            observation.arguments[centre + 1] = graph.op(Op::Sqrt, &[variance]);
        }
    }
}

/// L1010, at the line of the model.
fn unknown(model: &Composed, observation: &Observation) -> Diagnostic {
    let name = &observation.name;
    let message = format!(
        "`{name}` varies within the person, says the model `{}`; the vocabulary does not say how much",
        model.name
    );
    let origin = &observation.origin;
    Diagnostic::error("L1010", message).at(&origin.source, origin.span).help(
        "write the variation into the model, as in LogNormal(x, sqrt(within^2 + method^2)) with its source, without `within_person`",
    )
}

/// What a model says to vary, as a vocabulary knows it.
///
/// # Errors
/// L1010 for each name that it does not know; names under a prefix, which no bundle has, are left out.
pub fn variation(model: &Composed, vocabulary: &Vocabulary) -> Result<Vec<WithinPerson>, Diagnostics> {
    let (mut found, mut all) = (Diagnostics::new(), Vec::new());
    let known = vocabulary.variations();
    for observation in model.observations.iter().filter(|known| known.varies.is_some()) {
        match known.get(&observation.name) {
            Some(variation) => all.push(WithinPerson {
                observation: observation.name.clone(),
                cv: variation.cv,
                source: variation.source.clone(),
            }),
            None if observation.name.contains('.') => {}
            None => found.push(unknown(model, observation)),
        }
    }
    if found.has_errors() { Err(found) } else { Ok(all) }
}
