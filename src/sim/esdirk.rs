//! Implicit steps for stiff models over one value and its tangents: the tangents are exact derivatives of the steps.
//!
//! Source: Kennedy and Carpenter 2003, doi:10.1016/S0168-9274(02)00138-1, ARK4(3)6L[2]SA–ESDIRK: order 4, L-stable,
//! stiffly accurate, with an embedded solution of order 3.

use crate::model::{Block, power};

use super::integrate::{Failure, Run};
use super::linear::{Factors, Linearised};
use super::tsit5::{Combine, FLOOR};
use super::workspace::Workspace;

const STAGES: usize = 6;
const GAMMA: f64 = 0.25;
const C: [f64; STAGES] = [0.0, 0.5, 0.332, 0.62, 0.85, 1.0];

/// Row s: weights of stages 0..s in the argument of stage s, beside γ of its own; row 5 gives the solution.
const A: [[f64; 5]; STAGES] = [
    [0.0; 5],
    [0.25, 0.0, 0.0, 0.0, 0.0],
    [8611.0 / 62500.0, -1743.0 / 31250.0, 0.0, 0.0, 0.0],
    [5_012_029.0 / 34_652_500.0, -654_441.0 / 2_922_500.0, 174_375.0 / 388_108.0, 0.0, 0.0],
    [
        15_267_082_809.0 / 155_376_265_600.0,
        -71_443_401.0 / 120_774_400.0,
        730_878_875.0 / 902_184_768.0,
        2_285_395.0 / 8_070_912.0,
        0.0,
    ],
    [82_889.0 / 524_892.0, 0.0, 15_625.0 / 83_664.0, 69_875.0 / 102_672.0, -2_260.0 / 8_211.0],
];

/// Weights of the embedded solution.
const EMBEDDED: [f64; STAGES] = [
    4_586_570_599.0 / 29_645_900_160.0,
    0.0,
    178_811_875.0 / 945_068_544.0,
    814_220_225.0 / 1_159_782_912.0,
    -3_700_637.0 / 11_593_932.0,
    61_727.0 / 225_920.0,
];

/// Share of the tolerance to which the equations of a stage are solved.
const SOLVED: f64 = 0.01;
/// Iterations that the values may take, and then the tangents with the step's Jacobian.
const ITERATIONS: usize = 8;
const TANGENT_ITERATIONS: usize = 4;

/// Weights of the stages in the solution at share θ of the step: the cubic through values and slopes at both ends.
///
/// The method's own interpolant weighs stages inside the step, where stiff components are not as accurate.
fn interpolant(theta: f64) -> [f64; 7] {
    let rest = theta - 1.0;
    let mut weights = [0.0; 7];
    for (stage, weight) in weights.iter_mut().enumerate().take(STAGES) {
        *weight = theta * theta * (3.0 - 2.0 * theta) * solution(stage);
    }
    weights[0] += theta * rest * rest;
    weights[STAGES - 1] += theta * theta * rest;
    weights
}

/// Weight of a stage in the solution.
fn solution(stage: usize) -> f64 {
    if stage == STAGES - 1 { GAMMA } else { A[STAGES - 1][stage] }
}

/// Memory of the method.
pub(crate) struct Esdirk<'a, const W: usize> {
    linearised: Linearised<'a>,
    jacobian: Vec<f64>,
    x: Vec<f64>,
    /// The part of a stage's argument that earlier stages give.
    known: Vec<Block<W>>,
    /// The stage's derivative as it is solved for.
    rate: Vec<Block<W>>,
    residual: Vec<Block<W>>,
    correction: Vec<Block<W>>,
}

impl<'a, const W: usize> Esdirk<'a, W> {
    fn new(run: &Run<'a, W>) -> Self {
        let program = run.solve.program;
        let n = program.states();
        let zeros = vec![Block::ZERO; n];
        Self {
            linearised: Linearised::new(program),
            jacobian: vec![0.0; n * n],
            x: vec![0.0; n],
            known: zeros.clone(),
            rate: zeros.clone(),
            residual: zeros.clone(),
            correction: zeros,
        }
    }

    /// Largest correction, in units of the tolerance, over values (`tangents` false) or over tangents.
    fn correction(
        &self,
        workspace: &Workspace<W>,
        arguments: &[Block<W>],
        c: f64,
        tolerance: f64,
        tangents: bool,
    ) -> f64 {
        let lanes = if tangents { 1..W } else { 0..1 };
        let mut worst = 0.0;
        for (state, correction) in self.correction.iter().enumerate() {
            for l in lanes.clone() {
                let size = arguments[state].0[l]
                    .abs()
                    .max(workspace.before[state].0[l].abs())
                    .max((c * self.rate[state].0[l]).abs())
                    .max(FLOOR * workspace.largest[state].0[l])
                    .max(1e-100);
                let moved = (c * correction.0[l]).abs() / (tolerance * size);
                // NaN must not pass, and comparisons with NaN are false.
                worst = if moved <= worst { worst } else { moved };
            }
        }
        worst
    }
}

impl<'a, const W: usize> Run<'a, W> {
    /// Integrates to `until` without events by implicit steps; lane 0 holds values, the others tangents.
    pub fn esdirk(
        &mut self,
        workspace: &mut Workspace<W>,
        until: f64,
        times: &[f64],
        observe: &mut dyn FnMut(usize, &mut Workspace<W>),
    ) -> Result<(), Failure> {
        let mut method = self.esdirk.take().unwrap_or_else(|| Esdirk::new(self));
        self.load(workspace);
        self.derivatives(workspace, self.time, 0);
        if self.step == 0.0 {
            self.step = self.first_step(workspace, until - self.time);
        }
        method.linearised.take_lane(workspace, 0);
        let states = self.solve.program.states();
        let most = self.statistics.steps + self.solve.settings.max_steps;
        let mut after_rejection = false;
        while self.time < until {
            let left = until - self.time;
            let (h, last) = if self.step >= left * 0.999_999 {
                (left, true)
            } else if self.step > 0.5 * left {
                (0.5 * left, false)
            } else {
                (self.step, false)
            };
            if self.statistics.steps >= most {
                return Err(Failure::TooManySteps { steps: self.statistics.steps });
            }
            let error = method.step(self, workspace, h);
            match error {
                Some(error) if error <= 1.0 => {
                    let to = if last { until } else { self.time + h };
                    self.observe_within(workspace, times, observe, h, to, &interpolant);
                    self.time = to;
                    self.statistics.steps += 1;
                    std::mem::swap(&mut workspace.before, &mut workspace.after);
                    // Stiffly accurate: the last stage stands at the new state.
                    workspace.stages.copy_within((STAGES - 1) * states..STAGES * states, 0);
                    self.grow_largest(workspace);
                    let limit = if after_rejection { 1.0 } else { 5.0 };
                    let next = h * (0.9 * power(error.max(1e-10), -0.25)).clamp(0.2, limit);
                    self.step = if h < self.step { next.max(self.step) } else { next };
                    after_rejection = false;
                }
                error => {
                    self.statistics.rejected += 1;
                    let shrink = error.filter(|error| error.is_finite()).map(|error| 0.9 * power(error, -0.25));
                    self.step = h * shrink.unwrap_or(0.25).clamp(0.1, 0.9);
                    after_rejection = true;
                    if self.time + self.step <= self.time || self.step < 1e-13 * self.time.abs().max(left) {
                        let time = self.time;
                        let finite = error.is_some_and(f64::is_finite);
                        return Err(if finite { Failure::StepTooSmall { time } } else { Failure::NotFinite { time } });
                    }
                }
            }
        }
        self.esdirk = Some(method);
        Ok(())
    }
}

impl<'a, const W: usize> Esdirk<'a, W> {
    /// Takes a step into `after`; the error in units of the tolerance, or nothing if a stage could not be solved.
    fn step(&mut self, run: &mut Run<'a, W>, workspace: &mut Workspace<W>, h: f64) -> Option<f64> {
        let n = self.x.len();
        self.x.iter_mut().zip(&workspace.before).for_each(|(x, before)| *x = before.0[0]);
        self.linearised.jacobian(&run.inputs, run.time, &self.x, &mut self.jacobian);
        let factors = Factors::of_step(GAMMA * h, &self.jacobian, n)?;
        for stage in 1..STAGES {
            self.stage(run, workspace, &factors, stage, h)?;
        }
        let tolerance = run.solve.settings.tolerance;
        // The difference of the two solutions, with stiff components damped as the method itself damps them.
        for state in 0..n {
            let stages = (0..STAGES).map(|s| workspace.stages[s * n + state].0[0]);
            let weights = (0..STAGES).map(|s| solution(s) - EMBEDDED[s]);
            self.residual[state] = Block::ZERO;
            self.residual[state].0[0] = h * stages.zip(weights).map(|(stage, weight)| stage * weight).sum::<f64>();
        }
        factors.solve(&self.residual, &mut self.correction);
        let mut worst = 0.0;
        for (state, error) in self.correction.iter().enumerate() {
            let (before, after) = (workspace.before[state].0[0].abs(), workspace.after[state].0[0].abs());
            let size = before.max(after).max(FLOOR * workspace.largest[state].0[0]).max(1e-100);
            let error = error.0[0].abs() / (tolerance * size);
            worst = if error <= worst { worst } else { error };
        }
        Some(worst)
    }

    /// Solves for the derivative of a stage: values by Newton's method with the step's Jacobian, and tangents by the
    /// same iteration, or with the stage's own Jacobian where that is slow.
    fn stage(
        &mut self,
        run: &mut Run<'a, W>,
        workspace: &mut Workspace<W>,
        factors: &Factors,
        stage: usize,
        h: f64,
    ) -> Option<()> {
        let n = self.x.len();
        let (c, time, tolerance) = (GAMMA * h, run.time + C[stage] * h, run.solve.settings.tolerance);
        let range = run.solve.program.state_slots();
        workspace.arch.dispatch(Combine {
            before: &workspace.before,
            stages: &workspace.stages,
            groups: &[],
            weights: &A[stage][..stage],
            h,
            out: &mut self.known,
        });
        self.rate.copy_from_slice(&workspace.stages[(stage - 1) * n..stage * n]);
        let (mut values, mut tangents, mut before) = (false, W == 1, f64::INFINITY);
        let (mut exact, mut settled): (Option<Factors>, usize) = (None, 0);
        for iteration in 0..ITERATIONS + TANGENT_ITERATIONS + 3 {
            self.place(&mut workspace.values[range.clone()], c);
            run.derivatives(workspace, time, stage);
            for (state, residual) in self.residual.iter_mut().enumerate() {
                let (rate, found) = (&self.rate[state].0, &workspace.stages[stage * n + state].0);
                residual.0 = std::array::from_fn(|l| found[l] - rate[l]);
            }
            exact.as_ref().unwrap_or(factors).solve(&self.residual, &mut self.correction);
            if values {
                // The values stand: what tangents are asked for must not change them.
                self.correction.iter_mut().for_each(|correction| correction.0[0] = 0.0);
            }
            let arguments = &workspace.values[range.clone()];
            if !values {
                let moved = self.correction(workspace, arguments, c, tolerance, false);
                let rate = if iteration == 0 { 0.5 } else { moved / before };
                if !moved.is_finite() || (iteration > 1 && rate >= 1.0) || iteration >= ITERATIONS {
                    return None;
                }
                values = moved == 0.0 || (rate < 1.0 && moved * rate / (1.0 - rate) <= SOLVED);
                before = moved;
            } else {
                tangents = exact.is_some() || self.correction(workspace, arguments, c, tolerance, true) <= SOLVED;
            }
            for (rate, correction) in self.rate.iter_mut().zip(&self.correction) {
                rate.0.iter_mut().zip(correction.0).for_each(|(rate, correction)| *rate += correction);
            }
            if values && tangents {
                break;
            }
            settled += usize::from(values);
            if exact.is_none() && settled > TANGENT_ITERATIONS {
                // With the Jacobian where the values stand the equations of the tangents are linear: one solve is exact.
                self.x.iter_mut().zip(&self.known).zip(&self.rate).for_each(|((x, k), r)| *x = k.0[0] + c * r.0[0]);
                self.linearised.jacobian(&run.inputs, time, &self.x, &mut self.jacobian);
                exact = Some(Factors::of_step(c, &self.jacobian, n)?);
            }
        }
        if !(values && tangents) {
            return None;
        }
        workspace.stages[stage * n..(stage + 1) * n].copy_from_slice(&self.rate);
        if stage == STAGES - 1 {
            self.place(&mut workspace.after, c);
        }
        Some(())
    }

    /// Writes the argument of the stage: what is known and what its own derivative adds.
    fn place(&self, arguments: &mut [Block<W>], c: f64) {
        for ((argument, known), rate) in arguments.iter_mut().zip(&self.known).zip(&self.rate) {
            argument.0 = std::array::from_fn(|l| known.0[l] + c * rate.0[l]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coefficients_meet_the_order_conditions() {
        let full = |row: usize, column: usize| match column {
            _ if column == row && row > 0 => GAMMA,
            _ if column < row => A[row][column],
            _ => 0.0,
        };
        let row = |s: usize| -> f64 { (0..STAGES).map(|j| full(s, j)).sum() };
        let once = |s: usize| -> f64 { (0..STAGES).map(|j| full(s, j) * C[j]).sum() };
        let square = |s: usize| -> f64 { (0..STAGES).map(|j| full(s, j) * C[j] * C[j]).sum() };
        let twice = |s: usize| -> f64 { (0..STAGES).map(|j| full(s, j) * once(j)).sum() };
        (0..STAGES).for_each(|s| assert!((row(s) - C[s]).abs() < 1e-15, "row {s}"));
        let sum = |b: &[f64], f: &dyn Fn(usize) -> f64| -> f64 { (0..STAGES).map(|s| b[s] * f(s)).sum() };
        let solution: [f64; STAGES] = std::array::from_fn(solution);
        let order_3 = |b: &[f64], t: f64| {
            [
                sum(b, &|_| 1.0) - t,
                sum(b, &|s| C[s]) - t * t / 2.0,
                sum(b, &|s| C[s] * C[s]) - t.powi(3) / 3.0,
                sum(b, &once) - t.powi(3) / 6.0,
            ]
        };
        let order_4 = [
            sum(&solution, &|s| C[s].powi(3)) - 0.25,
            sum(&solution, &|s| C[s] * once(s)) - 0.125,
            sum(&solution, &square) - 1.0 / 12.0,
            sum(&solution, &twice) - 1.0 / 24.0,
        ];
        assert!(order_4.iter().chain(&order_3(&solution, 1.0)).all(|e| e.abs() < 1e-15));
        assert!(order_3(&EMBEDDED, 1.0).iter().all(|e| e.abs() < 1e-15));
        for theta in [0.2, 0.5, 0.9, 1.0] {
            assert!(order_3(&interpolant(theta), theta).iter().all(|e| e.abs() < 1e-14), "{theta}");
        }
        assert!(interpolant(1.0).iter().zip(solution).all(|(a, b)| (a - b).abs() < 1e-14));
    }
}
