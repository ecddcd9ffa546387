//! A twin's health: what the data taught about each parameter, and whether the draws can be trusted.

use serde::Serialize;

use crate::inference::{Chains, Elpd, PredictivePValues, Sensitivity, Verdict};
use crate::likelihood::WithinPerson;
use crate::patient::Censoring;

use super::loo::{LooSummary, Predicted, predicted};
use super::sensitivity::sensitivities;
use super::{Person, Provenance, Twin};

/// Below this contraction a parameter counts as known from the prior only.
const INFORMED: f64 = 0.1;
/// Share of the prior on either side beyond which a median is displaced.
const OUTSIDE: f64 = 0.005;

/// A twin in numbers, without its draws.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    pub notice: &'static str,
    pub person: Person,
    pub model: String,
    /// The sentence that the model says of itself.
    pub about_model: String,
    /// Readings that were compared with the model, one entry a quantity and device.
    pub readings: Vec<ReadingSummary>,
    /// Leave-one-out cross-validation of all readings together; `None` without predictions.
    pub loo: Option<Elpd>,
    pub parameters: Vec<ParameterSummary>,
    /// What is known only as alternatives, as a genotype is.
    pub alternatives: Vec<AlternativesSummary>,
    pub verdict: Verdict,
    pub provenance: Provenance,
}

/// What all data say of cases of which one is true.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AlternativesSummary {
    pub name: String,
    /// The likeliest after the data first.
    pub cases: Vec<CaseSummary>,
}

/// Probability of one case, before and after the data.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CaseSummary {
    pub name: String,
    pub prior: f64,
    pub posterior: f64,
}

/// How much of one quantity was compared with the model.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ReadingSummary {
    pub name: String,
    pub device: Option<String>,
    pub count: usize,
    /// Share of the readings inside the 90 % interval of their replicates; `None` without replicates.
    pub within_90: Option<f64>,
    /// `None` without predictions.
    pub loo: Option<LooSummary>,
    /// Of the readings as a whole; `None` without predictions.
    pub predictive_p: Option<PredictivePValues>,
    /// The person's own variation from day to day, where it stands beside the error of the method.
    pub within_person: Option<WithinPerson>,
}

/// One parameter before and after the data.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ParameterSummary {
    pub name: String,
    pub about: String,
    pub unit: String,
    pub prior: Interval,
    pub posterior: Interval,
    /// 1 − variance of the posterior / variance of the prior, both on the real line: 1 is all learnt from the data,
    /// 0 nothing, below 0 the data are at odds with the prior's width.
    pub contraction: f64,
    /// Whether the data taught enough to speak of: contraction of at least 0.1.
    pub informed: bool,
    /// Whether the twin's median lies outside the central 99 % of the prior: the data, or their units, are not of a person
    /// that the prior has in mind.
    pub displaced: bool,
    pub r_hat: f64,
    pub ess_bulk: f64,
    pub ess_tail: f64,
    /// By power-scaling, of the parameter in its unit; `None` where draws do not say their density.
    pub sensitivity: Option<Sensitivity>,
    /// What the sensitivities say, if anything: "prior-data conflict" where the data and the prior both move the
    /// parameter, "strong prior or weak likelihood" where the prior alone does.
    pub diagnosis: Option<&'static str>,
}

/// Median and the central 90 % of a distribution.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Interval {
    pub q05: f64,
    pub median: f64,
    pub q95: f64,
}

impl Summary {
    /// Sums a twin up.
    pub fn of<D: Chains>(twin: &Twin<D>) -> Self {
        let model = &twin.posterior.program.model;
        let (predicted, sensitivities) = (predicted(twin), sensitivities(twin));
        let parameter = |index: usize| {
            let sensitivity = sensitivities.as_ref().and_then(|all| all.get(index).copied());
            parameter(twin, index, sensitivity)
        };
        Self {
            notice: super::NOTICE,
            person: twin.person.clone(),
            model: model.name.clone(),
            about_model: model.about.clone(),
            loo: predicted.total,
            readings: readings(twin, predicted),
            parameters: (0..twin.posterior.prior.dimension()).map(parameter).collect(),
            alternatives: alternatives(twin),
            verdict: twin.verdict.clone(),
            provenance: twin.provenance.clone(),
        }
    }
}

fn parameter<D: Chains>(twin: &Twin<D>, index: usize, sensitivity: Option<Sensitivity>) -> ParameterSummary {
    let calibrated = &twin.posterior.prior.calibrated[index];
    let about = &twin.posterior.program.model.parameters[calibrated.parameter].about;
    let mut after = twin.draws.column(index).concat();
    let real = |values: &mut dyn Iterator<Item = f64>| variance(values.map(|x| calibrated.transform.to_real(x)));
    let before = real(&mut twin.prior_draws.iter().map(|draw| draw[index]));
    let contraction = 1.0 - real(&mut after.iter().copied()) / before;
    after.sort_by(f64::total_cmp);
    let quantile = |share| calibrated.distribution.quantile(share);
    let posterior = Interval::of_sorted(&after);
    let diagnostics = twin.verdict.parameters.get(index);
    ParameterSummary {
        name: calibrated.name.clone(),
        about: about.clone(),
        unit: calibrated.unit.text().into(),
        prior: Interval { q05: quantile(0.05), median: quantile(0.5), q95: quantile(0.95) },
        posterior,
        contraction,
        informed: contraction >= INFORMED,
        displaced: !(quantile(OUTSIDE)..=quantile(1.0 - OUTSIDE)).contains(&posterior.median),
        r_hat: diagnostics.map_or(f64::NAN, |d| d.r_hat),
        ess_bulk: diagnostics.map_or(f64::NAN, |d| d.ess_bulk),
        ess_tail: diagnostics.map_or(f64::NAN, |d| d.ess_tail),
        sensitivity,
        diagnosis: sensitivity.and_then(|sensitivity| sensitivity.diagnosis()),
    }
}

/// The probabilities of all cases, averaged over the draws; nothing of those that no parameter depends on.
fn alternatives<D: Chains>(twin: &Twin<D>) -> Vec<AlternativesSummary> {
    let prior = &twin.posterior.prior;
    if prior.alternatives.is_empty() {
        return Vec::new();
    }
    let columns: Vec<Vec<f64>> = (0..prior.dimension()).map(|index| twin.draws.column(index).concat()).collect();
    let count = columns.first().map_or(0, Vec::len);
    let mut sums: Vec<Vec<f64>> = prior.alternatives.iter().map(|known| vec![0.0; known.cases.len()]).collect();
    let mut mixed = vec![false; sums.len()];
    for draw in 0..count {
        let natural: Vec<f64> = columns.iter().map(|column| column[draw]).collect();
        for (index, probabilities) in prior.probabilities(&natural).into_iter().enumerate() {
            let Some(probabilities) = probabilities else { continue };
            mixed[index] = true;
            sums[index].iter_mut().zip(probabilities).for_each(|(sum, probability)| *sum += probability);
        }
    }
    let of = prior.alternatives.iter().zip(sums).zip(mixed).filter(|(_, mixed)| *mixed);
    of.map(|((known, sums), _)| {
        let mut cases: Vec<CaseSummary> = (known.cases.iter().zip(sums))
            .map(|(case, sum)| CaseSummary {
                name: case.name.clone(),
                prior: case.weight,
                posterior: sum / count as f64,
            })
            .collect();
        cases.sort_by(|a, b| b.posterior.total_cmp(&a.posterior));
        AlternativesSummary { name: known.name.clone(), cases }
    })
    .collect()
}

fn readings<D>(twin: &Twin<D>, predicted: Predicted) -> Vec<ReadingSummary> {
    let terms = twin.posterior.terms.iter().enumerate().zip(predicted.terms);
    terms
        .map(|((number, term), predicted)| {
            let (loo, predictive_p) = predicted.unzip();
            let count = term.readings.len();
            let replicates = twin.predictions.replicates.get(number).map_or(&[][..], Vec::as_slice);
            let within = |(index, reading): (usize, &crate::likelihood::TermReading)| {
                let of_reading = replicates.iter().skip(index).step_by(count.max(1)).copied();
                let mut values: Vec<f64> = of_reading.filter(|value| value.is_finite()).collect();
                values.sort_by(f64::total_cmp);
                let interval = Interval::of_sorted(&values);
                // A bound is met by an interval that reaches beyond it.
                let (low, high) = (interval.q05 <= reading.value, reading.value <= interval.q95);
                match reading.censoring {
                    Censoring::None => low && high,
                    Censoring::Below => low,
                    Censoring::Above => high,
                }
            };
            let inside = term.readings.iter().enumerate().filter(|reading| within(*reading)).count();
            let within_90 = (!replicates.is_empty()).then(|| inside as f64 / count as f64);
            let mut varying = twin.posterior.personal.within_person.iter();
            let within_person = varying.find(|known| known.observation == term.name).cloned();
            let (name, device) = (term.name.clone(), term.device.clone());
            ReadingSummary { name, device, count, within_90, loo, predictive_p, within_person }
        })
        .collect()
}

impl Interval {
    /// Of sorted values; NaN of none.
    fn of_sorted(sorted: &[f64]) -> Self {
        let at = |share| quantile(sorted, share);
        Self { q05: at(0.05), median: at(0.5), q95: at(0.95) }
    }
}

/// Quantile of sorted values, linear between them (Hyndman and Fan 1996, type 7); NaN of none.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let at = share * last as f64;
    let (low, part) = (at.floor() as usize, at.fract());
    sorted[low] + part * (sorted[(low + 1).min(last)] - sorted[low])
}

/// Sample variance.
pub(super) fn variance(values: impl Iterator<Item = f64>) -> f64 {
    // Welford 1962: one pass without cancellation.
    let (mut count, mut mean, mut sum) = (0.0, 0.0, 0.0);
    for value in values {
        count += 1.0;
        let away = value - mean;
        mean += away / count;
        sum += away * (value - mean);
    }
    sum / (count - 1.0)
}
