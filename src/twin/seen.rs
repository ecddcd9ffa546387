//! Draws on their way from the sampler to where they are kept: what is looked at is looked at as they pass.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::checkpoint::Kept;
use super::start::Rivals;
use crate::inference::{Draws, NutsSettings, Trace};
use crate::population::Prior;

/// Draws that are set aside on the real line, about.
const LOOKED_AT: usize = 100;

/// Hands draws on the real line on as natural values.
pub(super) struct Seen<'a> {
    prior: &'a Prior,
    rivals: &'a Rivals<'a>,
    to: &'a dyn Trace,
    /// Draws of each chain so far, and in the end.
    done: Vec<AtomicUsize>,
    draws: usize,
    every: usize,
    /// Every so manieth draw, with its number among those of all chains.
    aside: Mutex<Vec<(usize, Vec<f64>)>>,
}

impl<'a> Seen<'a> {
    pub fn new(prior: &'a Prior, rivals: &'a Rivals<'a>, settings: &NutsSettings, to: &'a dyn Trace) -> Self {
        let (chains, draws) = (settings.chains, settings.draws);
        let done = (0..chains).map(|_| AtomicUsize::new(0)).collect();
        Self { prior, rivals, to, done, draws, every: every(chains * draws), aside: Mutex::default() }
    }

    /// The draws set aside, in their order.
    pub fn looked_at(self) -> Vec<Vec<f64>> {
        let mut aside = self.aside.into_inner().unwrap_or_else(PoisonError::into_inner);
        aside.sort_by_key(|(number, _)| *number);
        aside.into_iter().map(|(_, draw)| draw).collect()
    }
}

impl Trace for Seen<'_> {
    fn record(&self, chain: usize, position: &[f64], statistics: &[f64; 7]) {
        let Some(done) = self.done.get(chain) else { return };
        let number = chain * self.draws + done.fetch_add(1, Ordering::Relaxed);
        if number.is_multiple_of(self.every) {
            let mut aside = self.aside.lock().unwrap_or_else(PoisonError::into_inner);
            aside.push((number, position.to_vec()));
        }
        self.rivals.see(position);
        self.to.record(chain, &self.prior.natural(position), statistics);
    }
}

fn every(draws: usize) -> usize {
    draws.div_ceil(LOOKED_AT).max(1)
}

/// Draws on the real line, of a sampler that holds all of them, as natural values, and those of them that are set aside.
pub(super) fn in_memory(prior: &Prior, mut draws: Draws) -> (Kept, Vec<Vec<f64>>) {
    let dimension = draws.dimension.max(1);
    let every = every(draws.values.len() / dimension);
    let aside = draws.values.chunks(dimension).step_by(every).map(<[f64]>::to_vec).collect();
    for draw in draws.values.chunks_mut(dimension) {
        let natural = prior.natural(draw);
        draw.copy_from_slice(&natural);
    }
    (Kept::Memory(draws), aside)
}
