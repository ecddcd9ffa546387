//! The draws of a run where they are kept: in files of its checkpoint as they are taken, or in memory.

use std::io;
use std::sync::{Mutex, PoisonError};

use crate::inference::{Chains, Draws, Statistic, Trace};

use super::folder::Folder;
use super::table::Table;

/// The draws of a calibration.
#[derive(Debug)]
pub enum Kept {
    Memory(Draws),
    Files(DrawFiles),
}

/// Natural values and statistics of the draws of each chain in a file; of them only a column is in memory at a time.
#[derive(Debug)]
pub struct DrawFiles {
    chains: Vec<Mutex<Table>>,
    draws: usize,
    dimension: usize,
    depth_limit: i64,
    gradients: u64,
    /// The first failure to write or to read.
    trouble: Mutex<Option<String>>,
}

/// The file of the draws of a chain begins with this.
pub(super) const DRAWS: &str = "draws-";

impl DrawFiles {
    /// Makes the files in the folder, empty.
    pub(super) fn create(folder: &Folder, chains: usize, dimension: usize, depth_limit: i64) -> io::Result<Self> {
        let columns = dimension + Statistic::ALL.len();
        let table = |chain: usize| Table::create(&folder.file(&format!("{DRAWS}{chain}")), columns).map(Mutex::new);
        let chains = (1..=chains).map(table).collect::<io::Result<_>>()?;
        Ok(Self { chains, draws: 0, dimension, depth_limit, gradients: 0, trouble: Mutex::default() })
    }

    /// The draws are all there: so many of each chain, which took so many gradients in all.
    pub(in crate::twin) fn finish(&mut self, draws: usize, gradients: u64) {
        (self.draws, self.gradients) = (draws, gradients);
        for chain in 0..self.chains.len() {
            self.with(chain, (), Table::finish);
        }
    }

    /// What to do with the table of a chain; `failed` where that cannot be.
    fn with<T>(&self, chain: usize, failed: T, what: impl FnOnce(&mut Table) -> io::Result<T>) -> T {
        let Some(table) = self.chains.get(chain) else { return failed };
        what(&mut table.lock().unwrap_or_else(PoisonError::into_inner)).unwrap_or_else(|error| {
            let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
            trouble.get_or_insert_with(|| error.to_string());
            failed
        })
    }

    fn number(&self, column: usize) -> Vec<Vec<f64>> {
        let missing = || vec![f64::NAN; self.draws];
        (0..self.chains.len()).map(|chain| self.with(chain, missing(), |table| table.column(column))).collect()
    }
}

impl Trace for DrawFiles {
    fn record(&self, chain: usize, position: &[f64], statistics: &[f64; 7]) {
        self.with(chain, (), |table| table.push(position.iter().chain(statistics).copied()));
    }
}

impl Chains for DrawFiles {
    fn shape(&self) -> [usize; 3] {
        [self.chains.len(), self.draws, self.dimension]
    }

    fn depth_limit(&self) -> i64 {
        self.depth_limit
    }

    fn gradients(&self) -> u64 {
        self.gradients
    }

    fn column(&self, parameter: usize) -> Vec<Vec<f64>> {
        self.number(parameter)
    }

    fn statistic(&self, statistic: Statistic) -> Option<Vec<f64>> {
        Some(self.number(self.dimension + statistic as usize).concat())
    }

    fn rows(&self, at: &[(usize, usize)]) -> Vec<Vec<f64>> {
        let row = |(chain, draw): &(usize, usize)| {
            let mut row = self.with(*chain, vec![f64::NAN; self.dimension], |table| table.row(*draw));
            row.truncate(self.dimension);
            row
        };
        at.iter().map(row).collect()
    }

    fn trouble(&self) -> Option<String> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Kept {
    /// The draws in memory, all of them.
    pub fn gathered(self) -> Draws {
        match self {
            Self::Memory(draws) => draws,
            Self::Files(files) => Draws::of(&files),
        }
    }

    /// The draws, said to have taken so many gradients in all.
    pub(in crate::twin) fn of_gradients(mut self, gradients: u64) -> Self {
        match &mut self {
            Self::Memory(draws) => draws.gradients = gradients,
            Self::Files(files) => files.gradients = gradients,
        }
        self
    }

    fn chains(&self) -> &dyn Chains {
        match self {
            Self::Memory(draws) => draws,
            Self::Files(files) => files,
        }
    }
}

impl Chains for Kept {
    fn shape(&self) -> [usize; 3] {
        self.chains().shape()
    }

    fn depth_limit(&self) -> i64 {
        self.chains().depth_limit()
    }

    fn gradients(&self) -> u64 {
        self.chains().gradients()
    }

    fn column(&self, parameter: usize) -> Vec<Vec<f64>> {
        self.chains().column(parameter)
    }

    fn statistic(&self, statistic: Statistic) -> Option<Vec<f64>> {
        self.chains().statistic(statistic)
    }

    fn rows(&self, at: &[(usize, usize)]) -> Vec<Vec<f64>> {
        self.chains().rows(at)
    }

    fn trouble(&self) -> Option<String> {
        self.chains().trouble()
    }
}
