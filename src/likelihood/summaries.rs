//! The numbers that stand for readings in approximate Bayesian computation: what a bundle declares, else means of neighbours.

use std::ops::Range;

use super::matching::Term;
use super::posterior::Posterior;
use crate::patient::{Censoring, Statistic};

/// Means that stand for one term's readings where nothing is declared, at most.
const MEANS: usize = 24;

/// A statistic of some readings of one term.
#[derive(Clone, Debug, PartialEq)]
pub struct TermSummary {
    /// Its time is in the model's unit of time, its limit in the term's unit.
    pub statistic: Statistic,
    /// Numbers of the readings, as many as the statistic takes at least.
    pub readings: Range<usize>,
    /// As the bundle declares it: `max of x, from 1 h to 4 h`.
    pub words: String,
}

impl Posterior {
    /// The declared summaries in words, each once: one that is of several devices has a number for each.
    pub fn declared_summaries(&self) -> Vec<&str> {
        let mut found: Vec<&str> = Vec::new();
        for summary in self.summaries.iter().flatten() {
            if !found.contains(&summary.words.as_str()) {
                found.push(&summary.words);
            }
        }
        found
    }

    /// Summaries of all readings, term after term; `values` are the readings, `[term][reading]`.
    ///
    /// A term has those that are declared for it, else means of neighbouring readings: as many as there are readings, and at
    /// most [`MEANS`].
    pub(super) fn summarise(&self, values: &[Vec<f64>]) -> Vec<f64> {
        let mut found = Vec::new();
        for (index, (term, values)) in self.terms.iter().zip(values).enumerate() {
            let seen = seen(term, values);
            match self.summaries.get(index).filter(|declared| !declared.is_empty()) {
                Some(declared) => {
                    let times: Vec<f64> = term.readings.iter().map(|reading| reading.time).collect();
                    found.extend(declared.iter().map(|summary| {
                        let readings = summary.readings.clone();
                        summary.statistic.of(&times[readings.clone()], &seen[readings])
                    }));
                }
                None => {
                    let blocks = seen.len().min(MEANS);
                    let edge = |block: usize| block * seen.len() / blocks;
                    let mean = |block: &[f64]| block.iter().sum::<f64>() / block.len() as f64;
                    found.extend((0..blocks).map(|block| mean(&seen[edge(block)..edge(block + 1)])));
                }
            }
        }
        found
    }
}

/// What is known of a censored reading is that it is at its limit or beyond: so it is for simulated ones.
fn seen(term: &Term, values: &[f64]) -> Vec<f64> {
    let seen = values.iter().zip(&term.readings).map(|(value, reading)| match reading.censoring {
        Censoring::None => *value,
        Censoring::Below => value.max(reading.value),
        Censoring::Above => value.min(reading.value),
    });
    seen.collect()
}
