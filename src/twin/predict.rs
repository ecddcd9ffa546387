//! What the kept draws say of every reading: likelihoods and replicates, in lanes and on all threads.

use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;

use crate::inference::Draws;
use crate::likelihood::{Posterior, Predicted};
use crate::sim::LANES;
use crate::stats::Seed;

use super::Predictions;
use super::calibrate::Progress;

impl Predictions {
    /// Of no draw.
    pub(super) fn none(terms: usize) -> Self {
        Self { thin: 1, ln_likelihood: vec![Vec::new(); terms], replicates: vec![Vec::new(); terms] }
    }
}

/// The draws that are kept with this thinning, chain after chain.
pub(super) fn kept(draws: &Draws, thin: usize) -> Vec<&[f64]> {
    (0..draws.chains).flat_map(|c| (0..draws.draws).step_by(thin.max(1)).map(move |d| draws.draw(c, d))).collect()
}

/// Predictions of every `thin`-th draw of each chain.
pub(super) fn predictions(
    posterior: &Posterior,
    draws: &Draws,
    wanted: usize,
    seed: Seed,
    progress: &(dyn Fn(Progress) + Sync),
) -> Predictions {
    let all = draws.chains * draws.draws * posterior.readings();
    let thin = all.div_ceil(wanted.max(1)).clamp(1, draws.draws.max(1));
    let kept = kept(draws, thin);
    let done = AtomicUsize::new(0);
    let blocks: Vec<Vec<Option<Predicted>>> = (0..kept.len().div_ceil(LANES))
        .into_par_iter()
        .map(|block| {
            let found = predict_block(posterior, &kept, block, seed);
            let done = done.fetch_add(found.len(), Ordering::Relaxed) + found.len();
            progress(Progress::Prediction { done, of: kept.len() });
            found
        })
        .collect();
    let mut predictions = Predictions { thin, ..Predictions::default() };
    for (index, term) in posterior.terms.iter().enumerate() {
        let (mut scores, mut replicates) = (Vec::new(), Vec::new());
        for predicted in blocks.iter().flatten() {
            match predicted {
                Some(predicted) => {
                    scores.extend_from_slice(&predicted.ln_likelihood[index]);
                    replicates.extend_from_slice(&predicted.drawn[index]);
                }
                // A draw that could be sampled and not simulated in lanes: missing, not made up.
                None => {
                    scores.extend(std::iter::repeat_n(f64::NAN, term.readings.len()));
                    replicates.extend(std::iter::repeat_n(f64::NAN, term.readings.len()));
                }
            }
        }
        predictions.ln_likelihood.push(scores);
        predictions.replicates.push(replicates);
    }
    predictions
}

/// Predictions of the kept draws of one block of lanes; nothing for one that cannot be simulated.
pub(super) fn predict_block(
    posterior: &Posterior,
    kept: &[&[f64]],
    block: usize,
    seed: Seed,
) -> Vec<Option<Predicted>> {
    let mine = block * LANES..kept.len().min((block + 1) * LANES);
    let draws: Vec<Vec<f64>> = kept[mine.clone()].iter().map(|draw| draw.to_vec()).collect();
    let mut streams: Vec<_> = mine.map(|index| seed.stream("replicate", index as u64)).collect();
    let found = posterior.predict(&mut posterior.lanes(), &draws, &mut streams);
    found.into_iter().map(Result::ok).collect()
}
