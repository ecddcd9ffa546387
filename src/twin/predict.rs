//! What the kept draws say of every reading: likelihoods and replicates, in lanes and on all threads.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;

use crate::inference::Chains;
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

/// Draws that have predictions, of chains of so many draws: chain and number in it of each, chain after chain.
#[derive(Clone, Copy, Debug)]
pub(super) struct Thinned {
    thin: usize,
    chains: usize,
    each: usize,
}

impl Thinned {
    /// Every `thin`-th draw.
    pub fn new(draws: &dyn Chains, thin: usize) -> Self {
        let ([chains, length, _], thin) = (draws.shape(), thin.max(1));
        Self { thin, chains, each: length.div_ceil(thin) }
    }

    pub fn len(self) -> usize {
        self.chains * self.each
    }

    /// Where some of them are; those beyond the last are left out.
    pub fn at(self, some: Range<usize>) -> Vec<(usize, usize)> {
        let some = some.start..some.end.min(self.len());
        some.map(|index| (index / self.each, index % self.each * self.thin)).collect()
    }
}

/// Predictions of every `thin`-th draw of each chain.
pub(super) fn predictions(
    posterior: &Posterior,
    draws: &dyn Chains,
    wanted: usize,
    seed: Seed,
    progress: &(dyn Fn(Progress) + Sync),
) -> Predictions {
    let [chains, length, _] = draws.shape();
    let all = chains * length * posterior.readings();
    let thin = all.div_ceil(wanted.max(1)).clamp(1, length.max(1));
    let kept = Thinned::new(draws, thin);
    // A draw that could be sampled and not simulated in lanes is missing, not made up.
    let missing = || posterior.terms.iter().map(|term| vec![f64::NAN; kept.len() * term.readings.len()]).collect();
    let mut predictions = Predictions { thin, ln_likelihood: missing(), replicates: missing() };
    // Each block of lanes writes to its own part of every list, so that nothing is held twice.
    let mut blocks: Vec<Vec<Part>> = (0..kept.len().div_ceil(LANES)).map(|_| Vec::new()).collect();
    let lists = predictions.ln_likelihood.iter_mut().zip(&mut predictions.replicates).zip(&posterior.terms);
    for (term, ((scores, replicates), of)) in lists.enumerate().filter(|(_, (_, of))| !of.readings.is_empty()) {
        let count = of.readings.len();
        let parts = scores.chunks_mut(LANES * count).zip(replicates.chunks_mut(LANES * count));
        for (block, (scores, replicates)) in blocks.iter_mut().zip(parts) {
            block.push(Part { term, scores, replicates });
        }
    }
    let done = AtomicUsize::new(0);
    blocks.into_par_iter().enumerate().for_each(|(block, mut parts)| {
        let found = predict_block(posterior, (draws, kept), block, seed);
        for part in &mut parts {
            let count = posterior.terms[part.term].readings.len();
            let places = part.scores.chunks_mut(count).zip(part.replicates.chunks_mut(count));
            for (predicted, (scores, replicates)) in found.iter().zip(places) {
                if let Some(predicted) = predicted {
                    scores.copy_from_slice(&predicted.ln_likelihood[part.term]);
                    replicates.copy_from_slice(&predicted.drawn[part.term]);
                }
            }
        }
        let done = done.fetch_add(found.len(), Ordering::Relaxed) + found.len();
        progress(Progress::Prediction { done, of: kept.len() });
    });
    predictions
}

/// Where the predictions of a block of lanes for one term go, `[draw × reading]`.
struct Part<'a> {
    term: usize,
    scores: &'a mut [f64],
    replicates: &'a mut [f64],
}

/// Predictions of the kept draws of one block of lanes; nothing for one that cannot be simulated.
pub(super) fn predict_block(
    posterior: &Posterior,
    (draws, kept): (&dyn Chains, Thinned),
    block: usize,
    seed: Seed,
) -> Vec<Option<Predicted>> {
    let mine = block * LANES..kept.len().min((block + 1) * LANES);
    let draws = draws.rows(&kept.at(mine.clone()));
    let mut streams: Vec<_> = mine.map(|index| seed.stream("replicate", index as u64)).collect();
    let found = posterior.predict(&mut posterior.lanes(), &draws, &mut streams);
    found.into_iter().map(Result::ok).collect()
}
