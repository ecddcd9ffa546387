//! Derivatives of a program's states with their Jacobian, for one lane, and the linear solves that implicit steps need.

use crate::model::{Block, Program, Reading, first};

use super::events::Inputs;
use super::workspace::Workspace;

/// Lanes of one pass over the Jacobian: a value and fifteen unit vectors of the state.
const LANES: usize = 16;

/// One lane of a workspace, ready to be linearised in the states.
pub(crate) struct Linearised<'a> {
    program: &'a Program,
    scratch: Workspace<LANES>,
}

impl<'a> Linearised<'a> {
    pub(crate) fn new(program: &'a Program) -> Self {
        Self { program, scratch: Workspace::new(program, Reading::Tangents) }
    }

    /// Takes parameters, covariates, inputs and all that was computed from them from a lane.
    pub(crate) fn take_lane<const W: usize>(&mut self, workspace: &Workspace<W>, lane: usize) {
        for (own, theirs) in self.scratch.values.iter_mut().zip(&workspace.values) {
            *own = first(theirs.0[lane]);
        }
    }

    /// Derivatives at states `x` and a time, one a state.
    pub(crate) fn derivatives<const V: usize>(&mut self, inputs: &Inputs<V>, time: f64, x: &[f64], out: &mut [f64]) {
        self.set_time(inputs, time);
        for (block, value) in self.scratch.values[self.program.state_slots()].iter_mut().zip(x) {
            *block = first(*value);
        }
        self.run();
        for (out, slot) in out.iter_mut().zip(&self.program.derivatives.slots) {
            *out = self.scratch.values[*slot].0[0];
        }
    }

    /// The Jacobian at states `x` and a time, `[row, column]` flattened row by row; fifteen columns a pass.
    pub(crate) fn jacobian<const V: usize>(&mut self, inputs: &Inputs<V>, time: f64, x: &[f64], out: &mut [f64]) {
        self.set_time(inputs, time);
        let n = x.len();
        for from in (0..n).step_by(LANES - 1) {
            let columns = from..n.min(from + LANES - 1);
            for (index, block) in self.scratch.values[self.program.state_slots()].iter_mut().enumerate() {
                *block = first(x[index]);
                if columns.contains(&index) {
                    block.0[index - from + 1] = 1.0;
                }
            }
            self.run();
            for (row, slot) in self.program.derivatives.slots.iter().enumerate() {
                let block = &self.scratch.values[*slot].0;
                out[row * n + from..row * n + columns.end].copy_from_slice(&block[1..=columns.len()]);
            }
        }
    }

    fn set_time<const V: usize>(&mut self, inputs: &Inputs<V>, time: f64) {
        self.scratch.values[self.program.time_slot()] = first(time);
        inputs.write_linear(&mut self.scratch, time);
    }

    fn run(&mut self) {
        self.program.derivatives.tape.run(self.scratch.arch, Reading::Tangents, &mut self.scratch.values);
    }
}

/// I − c J as a product of triangles, rows swapped so that no pivot is small (Doolittle with partial pivoting).
#[derive(Clone, Debug, Default)]
pub(crate) struct Factors {
    n: usize,
    /// Both triangles, row by row; the lower one's diagonal of ones is not stored.
    rows: Vec<f64>,
    /// Row that stands at each place.
    order: Vec<usize>,
}

impl Factors {
    /// Factors I − c J; `None` if it is singular or not finite.
    pub(crate) fn of_step(c: f64, jacobian: &[f64], n: usize) -> Option<Self> {
        let mut rows: Vec<f64> = jacobian.iter().map(|j| -c * j).collect();
        (0..n).for_each(|i| rows[i * n + i] += 1.0);
        let mut factors = Self { n, rows, order: Vec::new() };
        factors.factor().then_some(factors)
    }

    /// Factors a matrix, row by row, in the memory of an earlier one; whether it is neither singular nor not finite.
    pub(crate) fn replace(&mut self, n: usize, rows: impl Iterator<Item = f64>) -> bool {
        self.n = n;
        self.rows.clear();
        self.rows.extend(rows);
        self.factor()
    }

    fn factor(&mut self) -> bool {
        let Self { n, rows, order } = self;
        let n = *n;
        order.clear();
        order.extend(0..n);
        for column in 0..n {
            let size = |row: &usize| rows[row * n + column].abs();
            let pivot = (column..n).fold(column, |best, row| if size(&row) >= size(&best) { row } else { best });
            if !(size(&pivot) > 0.0 && size(&pivot).is_finite()) {
                return false;
            }
            if pivot != column {
                order.swap(pivot, column);
                (0..n).for_each(|j| rows.swap(pivot * n + j, column * n + j));
            }
            let (above, below) = rows.split_at_mut((column + 1) * n);
            let top = &above[column * n..];
            for row in below.chunks_exact_mut(n).filter(|row| row[column] != 0.0) {
                let factor = row[column] / top[column];
                row[column] = factor;
                for (entry, top) in row[column + 1..].iter_mut().zip(&top[column + 1..]) {
                    *entry -= factor * top;
                }
            }
        }
        rows.iter().all(|entry| entry.is_finite())
    }

    /// Solves for all lanes of `right` at once, into `out`.
    pub(crate) fn solve<const W: usize>(&self, right: &[Block<W>], out: &mut [Block<W>]) {
        let n = self.n;
        for i in 0..n {
            let mut sum = right[self.order[i]].0;
            for j in (0..i).filter(|j| self.rows[i * n + j] != 0.0) {
                let factor = self.rows[i * n + j];
                sum.iter_mut().zip(&out[j].0).for_each(|(sum, known)| *sum -= factor * known);
            }
            out[i].0 = sum;
        }
        for i in (0..n).rev() {
            let mut sum = out[i].0;
            for j in (i + 1..n).filter(|j| self.rows[i * n + j] != 0.0) {
                let factor = self.rows[i * n + j];
                sum.iter_mut().zip(&out[j].0).for_each(|(sum, known)| *sum -= factor * known);
            }
            let pivot = self.rows[i * n + i];
            out[i].0 = sum.map(|sum| sum / pivot);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_solve_what_needs_pivoting_and_refuse_what_is_singular() {
        // I − J with a zero at the first pivot.
        let jacobian = [1.0, -2.0, -1.0, -3.0, 0.0, 0.0, 0.5, 1.0, -1.0];
        let factors = Factors::of_step(1.0, &jacobian, 3).unwrap();
        let x = [Block([1.0, -2.0]), Block([0.25, 3.0]), Block([4.0, 0.0])];
        let right: Vec<Block<2>> = (0..3)
            .map(|i| {
                Block(std::array::from_fn(|l| {
                    (0..3).map(|j| (f64::from(u8::from(i == j)) - jacobian[i * 3 + j]) * x[j].0[l]).sum()
                }))
            })
            .collect();
        let mut found = [Block::ZERO; 3];
        factors.solve(&right, &mut found);
        for (found, x) in found.iter().zip(x) {
            assert!(found.0.iter().zip(x.0).all(|(a, b)| (a - b).abs() < 1e-14), "{found:?} {x:?}");
        }
        assert!(Factors::of_step(1.0, &[1.0], 1).is_none());
        assert!(Factors::of_step(1.0, &[f64::NAN], 1).is_none());
    }
}
