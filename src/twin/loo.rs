//! How well a twin predicts each kind of reading: cross-validation, LOO-PIT, predictive p-values.

use serde::Serialize;

use crate::inference::{Chains, Elpd, Loo, PredictivePValues, loo, relative_efficiency};
use crate::likelihood::Term;
use crate::patient::Censoring;
use crate::stats::uniform_p_value;

use super::Twin;

/// Leave-one-out cross-validation of one kind of reading; see [`loo`] for what is left out where errors are correlated.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LooSummary {
    #[serde(flatten)]
    pub sum: Elpd,
    /// Largest Pareto k̂ of a reading.
    pub worst_k_hat: f64,
    /// Readings with k̂ above 0.7, which hardly allow to be left out by weights.
    pub unreliable: usize,
    /// Share of the readings whose LOO-PIT is between 0.05 and 0.95; one that is censored counts by a place spread evenly
    /// over what its limit leaves. NaN where one has none.
    pub pit_within_90: f64,
    /// p-value of Kolmogorov's test that the LOO-PITs are uniform, which takes them for independent; `None` where errors
    /// are correlated: replicates then wander as a whole.
    pub pit_p_value: Option<f64>,
}

/// Everything that the predictions say of a twin's readings.
pub(super) struct Predicted {
    /// One a term; `None` without predictions.
    pub terms: Vec<Option<(LooSummary, PredictivePValues)>>,
    /// Of all readings together.
    pub total: Option<Elpd>,
}

/// Cross-validates every term.
pub(super) fn predicted<D: Chains>(twin: &Twin<D>) -> Predicted {
    let thin = twin.predictions.thin.max(1);
    let [_, _, dimension] = twin.draws.shape();
    let thinned = |chain: Vec<f64>| chain.into_iter().step_by(thin).collect::<Vec<f64>>();
    let columns = (0..dimension).map(|index| twin.draws.column(index).into_iter().map(thinned).collect::<Vec<_>>());
    let efficiency = relative_efficiency(columns);
    let mut found = Predicted { terms: Vec::new(), total: None };
    let mut all: Vec<Loo> = Vec::new();
    for (number, term) in twin.posterior.terms.iter().enumerate() {
        let ln_likelihood = twin.predictions.ln_likelihood.get(number).map_or(&[][..], Vec::as_slice);
        if ln_likelihood.is_empty() || term.readings.is_empty() {
            found.terms.push(None);
            continue;
        }
        let replicates = twin.predictions.replicates.get(number).map_or(&[][..], Vec::as_slice);
        let loo = loo(ln_likelihood, term.readings.len(), efficiency);
        found.terms.push(Some((of_term(term, &loo, replicates), predictive_p_values(term, replicates))));
        all.push(loo);
    }
    found.total = (!all.is_empty()).then(|| Elpd::of(&all.iter().collect::<Vec<_>>()));
    found
}

fn of_term(term: &Term, loo: &Loo, replicates: &[f64]) -> LooSummary {
    let observed: Vec<f64> = term.readings.iter().map(|reading| reading.value).collect();
    let mut pits = loo.pit(&observed, replicates);
    let mut censored = 0.0;
    for (pit, reading) in pits.iter_mut().zip(&term.readings) {
        // Anywhere beyond the limit: multiples of the golden ratio fill an interval evenly, without a random stream.
        let place = f64::fract((censored + 0.5) * 0.618_033_988_749_894_9);
        *pit = match reading.censoring {
            Censoring::None => continue,
            Censoring::Below => place * *pit,
            Censoring::Above => *pit + place * (1.0 - *pit),
        };
        censored += 1.0;
    }
    let within = pits.iter().filter(|pit| (0.05..=0.95).contains(*pit)).count() as f64 / pits.len() as f64;
    let correlated = term.family.correlated();
    let worst = loo.k_hat.iter().copied().reduce(|a, b| if a.is_nan() || b.is_nan() { f64::NAN } else { a.max(b) });
    LooSummary {
        sum: loo.total(),
        worst_k_hat: worst.unwrap_or(f64::NAN),
        unreliable: loo.unreliable(),
        pit_within_90: if pits.iter().any(|pit| pit.is_nan()) { f64::NAN } else { within },
        pit_p_value: (!correlated).then(|| uniform_p_value(&pits)),
    }
}

/// Replicates are cut where readings are: one beyond a limit would have been reported as the limit.
fn predictive_p_values(term: &Term, replicates: &[f64]) -> PredictivePValues {
    let limits = |side: Censoring| term.readings.iter().filter(move |r| r.censoring == side).map(|r| r.value);
    let lowest = limits(Censoring::Below).fold(f64::INFINITY, f64::min);
    let highest = limits(Censoring::Above).fold(f64::NEG_INFINITY, f64::max);
    let cut = |(index, replicate): (usize, &f64)| {
        let reading = &term.readings[index % term.readings.len()];
        let (low, high) = match reading.censoring {
            Censoring::Below => (reading.value, highest),
            Censoring::Above => (lowest, reading.value),
            Censoring::None => (lowest, highest),
        };
        // Infinite where nothing is censored on that side.
        let above = if low < f64::INFINITY && *replicate < low { low } else { *replicate };
        if high > f64::NEG_INFINITY && above > high { high } else { above }
    };
    let observed: Vec<f64> = term.readings.iter().map(|reading| reading.value).collect();
    let replicates: Vec<f64> = replicates.iter().enumerate().map(cut).collect();
    PredictivePValues::of(&observed, &replicates)
}
