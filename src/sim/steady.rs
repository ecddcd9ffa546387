//! The steady state under the inputs in force at the start, by Newton's method on the tape, with its sensitivities.

use nalgebra::{DMatrix, DVector};

use crate::model::{Block, Program, Reading, first};

use super::integrate::Failure;
use super::linear::Factors;
use super::workspace::Workspace;

/// Lanes of one pass over the Jacobian: a value and fifteen unit vectors of the state.
const LANES: usize = 16;
const ITERATIONS: usize = 60;
/// Rounding of a residual against the sizes of its terms, below which the iteration has arrived.
const ARRIVED: f64 = 1e-13;
/// Share of the residual that a step may leave for its factors to serve the next one, too: it then gains three digits again.
const FIT: f64 = 1e-3;

/// Solves for the steady values of all lanes and writes them, with their tangents, into the steady slots.
///
/// The preset and segment phases must have run. States outside the steady system stand at their initial values.
pub(crate) fn solve<const W: usize>(program: &Program, workspace: &mut Workspace<W>) -> Result<(), Failure> {
    workspace.largest.fill(Block::ZERO);
    if program.steady_states.is_empty() {
        return Ok(());
    }
    set_other_states(program, workspace);
    let mut system = System::new(program, workspace);
    let mut last = None;
    for lane in 0..workspace.value_lanes() {
        system.take_lane(workspace, lane);
        let near: Vec<f64> =
            program.near.iter().map(|slot| slot.map_or(0.0, |slot| workspace.values[slot].0[lane])).collect();
        // A neighbour's steady state may lead to another root, and gradients have no neighbours.
        let steady = system.newton(&near).or_else(|_| system.continuation(&near))?;
        let sizes = system.sizes(&steady);
        for ((state, value), size) in program.steady_states.iter().zip(&steady).zip(sizes) {
            workspace.values[program.steady_slot(*state)].0[lane] = *value;
            workspace.largest[*state].0[lane] = size;
        }
        last = Some(steady);
    }
    if let (Reading::Tangents, Some(steady)) = (workspace.reading, last) {
        system.tangents(workspace, &steady)?;
    }
    Ok(())
}

/// Puts states into their slots near where they will start: those of the steady system where it would be looked for.
///
/// The preset and segment phases must have run.
pub(crate) fn guess<const W: usize>(program: &Program, workspace: &mut Workspace<W>) {
    set_other_states(program, workspace);
    for (state, near) in program.steady_states.iter().zip(&program.near) {
        let value = near.map_or(Block::ZERO, |slot| workspace.values[slot]);
        workspace.values[program.steady_slot(*state)] = value;
        workspace.values[program.state_slots().start + state] = value;
    }
}

/// Initial values of the states that are not solved for; they may not depend on those that are.
fn set_other_states<const W: usize>(program: &Program, workspace: &mut Workspace<W>) {
    program.initial.tape.run(workspace.arch, workspace.reading, &mut workspace.values);
    for (state, slot) in program.initial.slots.iter().enumerate() {
        if !program.steady_states.contains(&state) {
            workspace.values[program.state_slots().start + state] = workspace.values[*slot];
        }
    }
    workspace.values[program.time_slot()] = workspace.same(0.0);
}

struct System<'a> {
    program: &'a Program,
    arch: pulp::Arch,
    values: Vec<Block<LANES>>,
    jacobian: DMatrix<f64>,
    residual: DVector<f64>,
    factors: Factors,
    right: Vec<Block<1>>,
    step: Vec<Block<1>>,
}

impl<'a> System<'a> {
    fn new<const W: usize>(program: &'a Program, workspace: &Workspace<W>) -> Self {
        let n = program.steady_states.len();
        Self {
            program,
            arch: workspace.arch,
            values: program.blocks(true),
            jacobian: DMatrix::zeros(n, n),
            residual: DVector::zeros(n),
            factors: Factors::default(),
            right: vec![Block::ZERO; n],
            step: vec![Block::ZERO; n],
        }
    }

    fn take_lane<const W: usize>(&mut self, workspace: &Workspace<W>, lane: usize) {
        for slot in &self.program.steady_reads {
            self.values[*slot] = first(workspace.values[*slot].0[lane]);
        }
    }

    /// Residual and Jacobian at `x`: columns are tangents, fifteen a pass.
    fn evaluate(&mut self, x: &[f64]) -> bool {
        let states = &self.program.steady_states;
        let at = self.program.state_slots().start;
        for from in (0..states.len()).step_by(LANES - 1) {
            for (index, (state, value)) in states.iter().zip(x).enumerate() {
                let mut block = first(*value);
                if (from..from + LANES - 1).contains(&index) {
                    block.0[index - from + 1] = 1.0;
                }
                self.values[at + state] = block;
            }
            self.program.steady.tape.run(self.arch, Reading::Tangents, &mut self.values);
            for (row, slot) in self.program.steady.slots.iter().enumerate() {
                let block = self.values[*slot];
                self.residual[row] = block.0[0];
                for column in from..states.len().min(from + LANES - 1) {
                    self.jacobian[(row, column)] = block.0[column - from + 1];
                }
            }
        }
        self.residual.iter().all(|r| r.is_finite()) && self.jacobian.iter().all(|j| j.is_finite())
    }

    /// Whether every residual is no more than the rounding of its terms |∂f/∂x · x|: the change of a state cannot tell,
    /// since a steady value may be 0.
    fn is_rounding(&self, x: &[f64]) -> bool {
        (0..x.len()).all(|row| {
            let size: f64 = x.iter().enumerate().map(|(column, x)| (self.jacobian[(row, column)] * x).abs()).sum();
            self.residual[row].abs() <= ARRIVED * size
        })
    }

    /// For each steady state the size that the terms of its equation have in its own unit, Σⱼ |Jᵢⱼ xⱼ| / |Jᵢᵢ|; where the
    /// last evaluation stood.
    fn sizes(&self, x: &[f64]) -> Vec<f64> {
        let size = |row: usize| -> f64 {
            let terms: f64 = x.iter().enumerate().map(|(column, x)| (self.jacobian[(row, column)] * x).abs()).sum();
            let own = self.jacobian[(row, row)].abs();
            if own > 0.0 && (terms / own).is_finite() { terms / own } else { 0.0 }
        };
        (0..x.len()).map(size).collect()
    }

    fn newton(&mut self, guess: &[f64]) -> Result<Vec<f64>, Failure> {
        let mut x = guess.to_vec();
        let mut before: Option<f64> = None;
        for _ in 0..ITERATIONS {
            if !self.evaluate(&x) {
                return Err(Failure::NoSteadyState);
            }
            let arrived = self.is_rounding(&x);
            let size = self.residual.amax();
            let n = x.len();
            let rows = (0..n * n).map(|at| self.jacobian[(at / n, at % n)]);
            let fits = before.is_some_and(|before| size <= FIT * before);
            if !fits && !self.factors.replace(n, rows) {
                return Err(Failure::NoSteadyState);
            }
            before = Some(size);
            self.right.iter_mut().zip(&self.residual).for_each(|(right, residual)| right.0[0] = *residual);
            self.factors.solve(&self.right, &mut self.step);
            advance(&mut x, self.step.iter().map(|step| step.0[0]), -1.0)?;
            if arrived {
                return Ok(x);
            }
        }
        Err(Failure::NoSteadyState)
    }

    /// Pseudo-transient continuation (Kelley and Keyes 1998, doi:10.1137/S0036142996304796): implicit Euler steps
    /// that grow as the residual falls, so that it follows the model's own way to rest.
    fn continuation(&mut self, guess: &[f64]) -> Result<Vec<f64>, Failure> {
        let mut x = guess.to_vec();
        let (mut span, mut before) = (1.0, f64::INFINITY);
        for _ in 0..10 * ITERATIONS {
            if !self.evaluate(&x) {
                return Err(Failure::NoSteadyState);
            }
            let arrived = self.is_rounding(&x);
            let size = self.residual.norm();
            if before.is_finite() && size > 0.0 {
                span *= (before / size).clamp(0.3, 10.0);
            }
            before = size;
            let n = x.len();
            let matrix = DMatrix::identity(n, n) / span - &self.jacobian;
            let step = matrix.lu().solve(&self.residual).ok_or(Failure::NoSteadyState)?;
            advance(&mut x, step.iter().copied(), 1.0)?;
            if arrived {
                return Ok(x);
            }
        }
        Err(Failure::NoSteadyState)
    }

    /// dx/dθ = −J⁻¹ ∂f/∂θ, by the implicit function theorem, for every tangent of the workspace.
    fn tangents<const W: usize>(&mut self, workspace: &mut Workspace<W>, steady: &[f64]) -> Result<(), Failure> {
        if !self.evaluate(steady) {
            return Err(Failure::NoSteadyState);
        }
        let program = self.program;
        for (state, value) in program.steady_states.iter().zip(steady) {
            workspace.values[program.state_slots().start + state] = first(*value);
        }
        program.steady.tape.run(workspace.arch, workspace.reading, &mut workspace.values);
        let slots = &program.steady.slots;
        let right = DMatrix::from_fn(slots.len(), W - 1, |row, tangent| -workspace.values[slots[row]].0[tangent + 1]);
        let mut solved = self.jacobian.clone().lu().solve(&right).ok_or(Failure::NoSteadyState)?;
        self.clear_unreached(&right, &mut solved);
        for (row, state) in program.steady_states.iter().enumerate() {
            let block = &mut workspace.values[program.steady_slot(*state)].0;
            for tangent in 0..W - 1 {
                block[tangent + 1] = solved[(row, tangent)];
            }
        }
        Ok(())
    }

    /// Puts zeros where the solution is zero whatever the numbers: elimination leaves rounding there, which would be carried
    /// through the whole solve.
    ///
    /// A state feels what stands in its own equation and what the states in it feel (Gilbert 1994, doi:10.1137/S0895479887139455);
    /// that holds where every state stands in its own equation.
    fn clear_unreached(&self, right: &DMatrix<f64>, solved: &mut DMatrix<f64>) {
        let n = self.jacobian.nrows();
        if n > 64 || (0..n).any(|row| self.jacobian[(row, row)] == 0.0) {
            return;
        }
        let bits = |is: &dyn Fn(usize) -> bool| (0..n).filter(|at| is(*at)).fold(0u64, |bits, at| bits | 1 << at);
        let needs: Vec<u64> = (0..n).map(|row| bits(&|column| self.jacobian[(row, column)] != 0.0)).collect();
        for tangent in 0..right.ncols() {
            let mut felt = bits(&|row| right[(row, tangent)] != 0.0);
            loop {
                let more = bits(&|row| felt >> row & 1 == 1 || needs[row] & felt != 0);
                if more == felt {
                    break;
                }
                felt = more;
            }
            (0..n).filter(|row| felt >> row & 1 == 0).for_each(|row| solved[(row, tangent)] = 0.0);
        }
    }
}

/// Moves x by ±step.
fn advance(x: &mut [f64], step: impl Iterator<Item = f64>, sign: f64) -> Result<(), Failure> {
    for (x, step) in x.iter_mut().zip(step) {
        *x += sign * step;
        if !x.is_finite() {
            return Err(Failure::NoSteadyState);
        }
    }
    Ok(())
}
