//! Draws of all chains wherever they are kept: written one at a time, read a column at a time, so that nobody needs them all.

use std::sync::{Mutex, PoisonError};

use super::draws::Draws;

/// What a sampler says of a draw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Statistic {
    /// ln density up to a constant, on the real line.
    LnDensity,
    /// 1 where the trajectory diverged, else 0.
    Divergent,
    TreeDepth,
    /// Gradients that the draw took.
    Leapfrogs,
    /// Hamiltonian at the draw.
    Energy,
    /// Mean acceptance along the trajectory.
    Acceptance,
    StepSize,
}

impl Statistic {
    /// Each of them, in the order in which [`Trace::record`] is told them.
    pub const ALL: [Self; 7] = [
        Self::LnDensity,
        Self::Divergent,
        Self::TreeDepth,
        Self::Leapfrogs,
        Self::Energy,
        Self::Acceptance,
        Self::StepSize,
    ];
}

/// Where draws go as chains take them; each chain is one thread's.
pub trait Trace: Sync {
    /// Takes the next draw of a chain after warmup: its position, `[parameter]`, and one number a [`Statistic`], in the
    /// order of [`Statistic::ALL`].
    fn record(&self, chain: usize, position: &[f64], statistics: &[f64; 7]);
}

/// Draws of chains of one length.
///
/// Where they cannot be read any more the numbers given are NaN and [`Self::trouble`] says why: it is to be asked before
/// anything that was computed from them is kept.
pub trait Chains: Sync {
    /// Chains, draws of each, parameters.
    fn shape(&self) -> [usize; 3];

    /// Largest tree depth that the sampler was allowed; 0 where it has none or is unknown.
    fn depth_limit(&self) -> i64;

    /// Gradients of all chains in all, warmup included.
    fn gradients(&self) -> u64;

    /// One parameter: `[chain][draw]`.
    fn column(&self, parameter: usize) -> Vec<Vec<f64>>;

    /// One statistic, `[chain × draw]`; `None` where the sampler does not know it.
    fn statistic(&self, statistic: Statistic) -> Option<Vec<f64>>;

    /// Some draws, each `[parameter]`, given by chain and number in it.
    fn rows(&self, at: &[(usize, usize)]) -> Vec<Vec<f64>>;

    /// Why some draws could not be kept or read, if so.
    fn trouble(&self) -> Option<String> {
        None
    }

    /// Draws whose trajectory was cut off at the largest tree depth: correct, and dear for how far they went.
    fn at_depth_limit(&self) -> usize {
        let limit = self.depth_limit();
        let depths = if limit > 0 { self.statistic(Statistic::TreeDepth) } else { None };
        depths.map_or(0, |depths| depths.iter().filter(|depth| **depth >= limit as f64).count())
    }
}

impl Chains for Draws {
    fn shape(&self) -> [usize; 3] {
        [self.chains, self.draws, self.dimension]
    }

    fn depth_limit(&self) -> i64 {
        self.depth_limit
    }

    fn gradients(&self) -> u64 {
        self.gradients
    }

    fn column(&self, parameter: usize) -> Vec<Vec<f64>> {
        self.parameter(parameter)
    }

    fn statistic(&self, statistic: Statistic) -> Option<Vec<f64>> {
        let whole = |values: &[i64]| values.iter().map(|value| *value as f64).collect();
        let values: Vec<f64> = match statistic {
            Statistic::LnDensity => self.ln_density.clone(),
            Statistic::Divergent => self.divergent.iter().map(|divergent| f64::from(u8::from(*divergent))).collect(),
            Statistic::TreeDepth => whole(&self.tree_depth),
            Statistic::Leapfrogs => whole(&self.leapfrogs),
            Statistic::Energy => self.energy.clone(),
            Statistic::Acceptance => self.acceptance.clone(),
            Statistic::StepSize => self.step_size.clone(),
        };
        (!values.is_empty()).then_some(values)
    }

    fn rows(&self, at: &[(usize, usize)]) -> Vec<Vec<f64>> {
        at.iter().map(|(chain, draw)| self.draw(*chain, *draw).to_vec()).collect()
    }
}

impl Draws {
    /// All draws of chains that are kept anywhere, in memory.
    pub fn of(chains: &(impl Chains + ?Sized)) -> Self {
        let [count, draws, dimension] = chains.shape();
        let mut values = vec![f64::NAN; count * draws * dimension];
        for parameter in 0..dimension {
            let column = chains.column(parameter);
            let places = values.iter_mut().skip(parameter).step_by(dimension);
            places.zip(column.iter().flatten()).for_each(|(place, value)| *place = *value);
        }
        let real = |statistic| chains.statistic(statistic).unwrap_or_default();
        let whole = |statistic| real(statistic).iter().map(|value| *value as i64).collect();
        Self {
            chains: count,
            draws,
            dimension,
            values,
            ln_density: real(Statistic::LnDensity),
            divergent: real(Statistic::Divergent).iter().map(|value| *value != 0.0).collect(),
            tree_depth: whole(Statistic::TreeDepth),
            depth_limit: chains.depth_limit(),
            leapfrogs: whole(Statistic::Leapfrogs),
            energy: real(Statistic::Energy),
            acceptance: real(Statistic::Acceptance),
            step_size: real(Statistic::StepSize),
            gradients: chains.gradients(),
        }
    }
}

/// A trace in memory; one list a chain.
#[derive(Debug)]
pub struct MemoryTrace {
    chains: Vec<Mutex<Recorded>>,
}

/// Positions, `[draw × parameter]`, and statistics of one chain.
type Recorded = (Vec<f64>, Vec<[f64; 7]>);

impl MemoryTrace {
    /// Of so many chains, without a draw.
    pub fn new(chains: usize) -> Self {
        Self { chains: (0..chains).map(|_| Mutex::default()).collect() }
    }

    /// The draws that were recorded; every chain must have as many.
    pub fn draws(self, dimension: usize, depth_limit: i64, gradients: u64) -> Draws {
        let mut draws = Draws { chains: self.chains.len(), dimension, depth_limit, gradients, ..Draws::default() };
        for chain in self.chains {
            let (values, statistics) = chain.into_inner().unwrap_or_else(PoisonError::into_inner);
            draws.draws = statistics.len();
            draws.values.extend(values);
            for [ln_density, divergent, tree_depth, leapfrogs, energy, acceptance, step_size] in statistics {
                draws.ln_density.push(ln_density);
                draws.divergent.push(divergent != 0.0);
                draws.tree_depth.push(tree_depth as i64);
                draws.leapfrogs.push(leapfrogs as i64);
                draws.energy.push(energy);
                draws.acceptance.push(acceptance);
                draws.step_size.push(step_size);
            }
        }
        draws
    }
}

impl Trace for MemoryTrace {
    fn record(&self, chain: usize, position: &[f64], statistics: &[f64; 7]) {
        if let Some(recorded) = self.chains.get(chain) {
            let mut recorded = recorded.lock().unwrap_or_else(PoisonError::into_inner);
            recorded.0.extend_from_slice(position);
            recorded.1.push(*statistics);
        }
    }
}
