//! What is checked of a calibration beside its draws: that predictions are of the density that was sampled, and that data do not
//! contradict the prior.

use super::Twin;
use super::predict::Thinned;
use crate::inference::{Chains, Statistic};
use crate::likelihood::{Posterior, hours_to_model};
use crate::patient::Censoring;
use crate::sim::LANES;
use crate::stats::Seed;

/// By how much the ln likelihood of a draw may differ between its two solves, relative to 1 + its size: two ways of
/// stepping within the tolerance differ by far less.
const SAME: f64 = 1e-2;

/// Draws that are in memory at a time.
const ROWS: usize = 256;

/// A sentence on draws whose predictions are not those of the density that was sampled: scenarios on them would be of
/// another person.
pub(super) fn unlike<D: Chains>(twin: &Twin<D>) -> Option<String> {
    let (posterior, draws) = (&twin.posterior, &twin.draws);
    let kept = Thinned::new(draws, twin.predictions.thin);
    let [_, length, _] = draws.shape();
    let densities = draws.statistic(Statistic::LnDensity)?;
    if twin.predictions.ln_likelihood.is_empty() {
        return None;
    }
    let density_of = |(chain, draw): &(usize, usize)| densities[chain * length + draw];
    let densities: Vec<f64> = kept.at(0..kept.len()).iter().map(density_of).collect();
    // The density is known up to a constant of the run: differences are looked at from their median.
    let difference = |number: usize, natural: &[f64]| {
        let parts = posterior.terms.iter().zip(&twin.predictions.ln_likelihood);
        let scores = parts.map(|(term, scores)| {
            let count = term.readings.len();
            scores[number * count..(number + 1) * count].iter().sum::<f64>()
        });
        let real: Vec<f64> =
            posterior.prior.calibrated.iter().zip(natural).map(|(c, x)| c.transform.to_real(*x)).collect();
        let ln_prior = posterior.prior.ln_density_gradient(&real, &mut vec![0.0; real.len()]);
        densities[number] - ln_prior - scores.sum::<f64>()
    };
    let mut differences = Vec::with_capacity(kept.len());
    while differences.len() < kept.len() {
        let first = differences.len();
        let rows = draws.rows(&kept.at(first..first + ROWS));
        differences.extend(rows.iter().enumerate().map(|(after, natural)| difference(first + after, natural)));
    }
    let mut sorted: Vec<f64> = differences.iter().copied().filter(|x| x.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.get(sorted.len() / 2).copied().unwrap_or(0.0);
    let apart = |(number, difference): &(usize, &f64)| {
        let off = (*difference - middle).abs();
        off.is_nan() || off > SAME * (1.0 + densities[*number].abs())
    };
    let many = differences.iter().enumerate().filter(apart).count();
    (many > 0).then(|| {
        format!(
            "{many} of {} draws are simulated differently when they are predicted than when they were sampled: the model has \
             more than one solution there (two steady states, for instance), or the solver's tolerance is too loose.",
            kept.len()
        )
    })
}

/// Draws from the prior whose predictions readings are compared with.
const PRIOR_PEOPLE: u64 = 256;

/// A sentence on readings that lie so far beyond all that the prior predicts that one of them must be wrong: farther from
/// the nearest of many predictions than that is from their middle.
pub(super) fn contradicted(posterior: &Posterior, seed: Seed) -> Option<String> {
    let prior = &posterior.prior;
    let people: Vec<Vec<f64>> =
        (0..PRIOR_PEOPLE).map(|draw| prior.natural(&prior.draw(&mut seed.stream("prior predictive", draw)))).collect();
    let mut streams: Vec<_> = (0..PRIOR_PEOPLE).map(|draw| seed.stream("prior replicate", draw)).collect();
    let mut workspace = posterior.lanes();
    let mut predicted = Vec::new();
    for (people, streams) in people.chunks(LANES).zip(streams.chunks_mut(LANES)) {
        predicted.extend(posterior.predict(&mut workspace, people, streams).into_iter().flatten());
    }
    if predicted.len() < 100 {
        return None;
    }
    let per_hour = hours_to_model(&posterior.program.model);
    let mut beyond = Vec::new();
    for (index, term) in posterior.terms.iter().enumerate() {
        for (number, reading) in term.readings.iter().enumerate() {
            let mut values: Vec<f64> = predicted.iter().map(|p| p.drawn[index][number]).collect();
            values.retain(|value| value.is_finite());
            values.sort_by(f64::total_cmp);
            let (Some(low), Some(high)) = (values.first(), values.last()) else { continue };
            let middle = values[values.len() / 2];
            let too_high = reading.value - high > high - middle && reading.censoring != Censoring::Below;
            let too_low = low - reading.value > middle - low && reading.censoring != Censoring::Above;
            if too_high || too_low {
                let (value, time, unit) = (reading.value, reading.time / per_hour, term.unit.text());
                beyond.push(format!(
                    "`{}` at {time:.4} h is {value} {unit}, the prior predicts {low:.4} to {high:.4} {unit}",
                    term.name
                ));
            }
        }
    }
    let first = beyond.first()?;
    let others = match beyond.len() {
        1 => String::new(),
        more => format!(" ({} more readings like it)", more - 1),
    };
    Some(format!(
        "Prior and data contradict each other: {first}{others}. Check the reading, its unit and time, and the prior."
    ))
}
