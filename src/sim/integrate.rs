//! Integrates a program over blocks of lanes: steps with error control over all lanes, exact stops, dense output.

use thiserror::Error;

use crate::model::{Program, Reading, power};

use super::events::{Inputs, Stop, stops};
use super::schedule::Schedule;
use super::steady;
use super::tsit5::{self, Combine, ErrorNorm};
use super::workspace::Workspace;

/// How exactly, and how long to try.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Tolerated relative error of a step.
    pub tolerance: f64,
    /// Steps after which the model counts as stiff at this point, beside those that stops ask for.
    pub max_steps: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { tolerance: 1e-6, max_steps: 20_000 }
    }
}

/// Why a trajectory could not be had: a rejection of the parameters, never a panic.
#[derive(Clone, Copy, Debug, Error, PartialEq)]
pub enum Failure {
    #[error("no steady state was found for the start")]
    NoSteadyState,
    #[error("a value is not a finite number at time {time}")]
    NotFinite { time: f64 },
    #[error("steps became too small at time {time}: the model is stiff or has a singularity there")]
    StepTooSmall { time: f64 },
    #[error("{steps} steps were not enough: the model is stiff")]
    TooManySteps { steps: usize },
    #[error("the implicit solver failed: {reason}")]
    Implicit { reason: &'static str },
}

/// What a solve cost.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Statistics {
    pub steps: usize,
    pub rejected: usize,
    pub evaluations: usize,
}

/// One solve of a program; parameters and covariates are already in the workspace.
pub struct Solve<'a, const W: usize> {
    pub program: &'a Program,
    pub schedule: &'a Schedule,
    pub settings: Settings,
}

impl<const W: usize> Solve<'_, W> {
    /// Solves from the schedule's start to the last of `times` (increasing, in the model's time unit, none before the
    /// start) and calls `observe(index, workspace)` at each with states, inputs and time in their slots.
    ///
    /// At the time of an event the state before the event is seen. Steps are decided by the values alone; tangents
    /// follow (discretise, then differentiate).
    pub fn run(
        &self,
        workspace: &mut Workspace<W>,
        times: &[f64],
        observe: &mut dyn FnMut(usize, &mut Workspace<W>),
    ) -> Result<Statistics, Failure> {
        let mut run = Run::start(self, workspace)?;
        let stops = stops(self.program, self.schedule, workspace);
        let (past, ahead) = stops.split_at(stops.partition_point(|stop| stop.time < self.schedule.start));
        past.iter().for_each(|stop| run.inputs.apply_past(stop));
        run.inputs.write(workspace);
        run.observe_at(workspace, times, observe, self.schedule.start);
        let mut ahead = ahead.iter().peekable();
        let Some(end) = times.last().copied() else { return Ok(run.statistics) };
        while run.time < end || ahead.peek().is_some_and(|stop| stop.time <= run.time && run.observed < times.len()) {
            while let Some(stop) = ahead.next_if(|stop| stop.time <= run.time) {
                run.apply(workspace, stop);
            }
            let until = ahead.peek().map_or(end, |stop| stop.time.min(end));
            run.segment(workspace, until, times, observe)?;
        }
        Ok(run.statistics)
    }
}

struct Run<'a, const W: usize> {
    solve: &'a Solve<'a, W>,
    inputs: Inputs<'a, W>,
    time: f64,
    /// Length of the next step as the error control wants it.
    step: f64,
    error_before: f64,
    observed: usize,
    statistics: Statistics,
}

impl<'a, const W: usize> Run<'a, W> {
    /// Presets, steady state and initial values.
    fn start(solve: &'a Solve<'a, W>, workspace: &mut Workspace<W>) -> Result<Self, Failure> {
        let program = solve.program;
        let inputs = Inputs::at_start(program, solve.schedule);
        let (arch, reading) = (workspace.arch, workspace.reading);
        program.preset.run(arch, reading, &mut workspace.values);
        workspace.values[program.time_slot()] = workspace.same(solve.schedule.start);
        inputs.write_before(workspace);
        steady::solve(program, workspace)?;
        program.settled.run(arch, reading, &mut workspace.values);
        inputs.write(workspace);
        inputs.write_linear(workspace, solve.schedule.start);
        program.initial.tape.run(arch, reading, &mut workspace.values);
        for (state, slot) in program.initial.slots.iter().enumerate() {
            workspace.before[state] = workspace.values[*slot];
        }
        let lanes = workspace.value_lanes();
        if workspace.before.iter().any(|block| !block.0[..lanes].iter().all(|value| value.is_finite())) {
            return Err(Failure::NotFinite { time: solve.schedule.start });
        }
        for (largest, before) in workspace.largest.iter_mut().zip(&workspace.before) {
            // The steady state has left the size of the terms that a state balances: one at 0 has no size of its own.
            for (largest, value) in largest.0.iter_mut().zip(before.0) {
                *largest = largest.max(value.abs());
            }
        }
        Ok(Self {
            solve,
            inputs,
            time: solve.schedule.start,
            step: 0.0,
            error_before: 1e-4,
            observed: 0,
            statistics: Statistics::default(),
        })
    }

    /// Derivatives of the states in their slots, at a time, into a stage.
    fn derivatives(&mut self, workspace: &mut Workspace<W>, time: f64, stage: usize) {
        let program = self.solve.program;
        workspace.values[program.time_slot()] = workspace.same(time);
        self.inputs.write_linear(workspace, time);
        program.derivatives.tape.run(workspace.arch, workspace.reading, &mut workspace.values);
        let states = program.states();
        for (out, slot) in workspace.stages[stage * states..].iter_mut().zip(&program.derivatives.slots) {
            *out = workspace.values[*slot];
        }
        self.statistics.evaluations += 1;
    }

    fn load(&self, workspace: &mut Workspace<W>) {
        workspace.values[self.solve.program.state_slots()].copy_from_slice(&workspace.before);
    }

    /// Applies a stop to the state. Where its time depends on parameters, the state's tangents at a fixed time jump by
    /// (derivative before − derivative after) · tangent of the time.
    fn apply(&mut self, workspace: &mut Workspace<W>, stop: &Stop) {
        let program = self.solve.program;
        let moving = stop.lag.filter(|_| workspace.reading == Reading::Tangents).map(|slot| workspace.values[slot]);
        self.load(workspace);
        if let Some(lag) = moving {
            self.shift(workspace, &lag.0, 1.0);
        }
        self.inputs.apply(stop, workspace);
        self.inputs.write(workspace);
        if let Some(lag) = moving {
            self.shift(workspace, &lag.0, -1.0);
        }
        workspace.before.copy_from_slice(&workspace.values[program.state_slots()]);
        self.grow_largest(workspace);
    }

    /// Adds ± derivative · tangent of the lag to the tangents of the states in their slots.
    fn shift(&mut self, workspace: &mut Workspace<W>, lag: &[f64; W], sign: f64) {
        self.derivatives(workspace, self.time, 0);
        let at = self.solve.program.state_slots().start;
        for state in 0..self.solve.program.states() {
            let rate = workspace.stages[state].0[0];
            for lane in 1..W {
                workspace.values[at + state].0[lane] += sign * rate * lag[lane];
            }
        }
    }

    fn grow_largest(&self, workspace: &mut Workspace<W>) {
        for (largest, before) in workspace.largest.iter_mut().zip(&workspace.before) {
            for (largest, value) in largest.0.iter_mut().zip(before.0) {
                *largest = largest.max(value.abs());
            }
        }
    }

    /// Integrates to `until` without events.
    fn segment(
        &mut self,
        workspace: &mut Workspace<W>,
        until: f64,
        times: &[f64],
        observe: &mut dyn FnMut(usize, &mut Workspace<W>),
    ) -> Result<(), Failure> {
        if until <= self.time {
            return Ok(());
        }
        self.load(workspace);
        self.derivatives(workspace, self.time, 0);
        if self.step == 0.0 {
            self.step = self.first_step(workspace, until - self.time);
        }
        let mut rejected_before = false;
        while self.time < until {
            let left = until - self.time;
            // A step that would leave a sliver is stretched or halved instead.
            let (h, last) = if self.step >= left * 0.999_999 {
                (left, true)
            } else if self.step > 0.5 * left {
                (0.5 * left, false)
            } else {
                (self.step, false)
            };
            if self.statistics.steps >= self.solve.settings.max_steps {
                return Err(Failure::TooManySteps { steps: self.statistics.steps });
            }
            let error = self.try_step(workspace, h);
            if error <= 1.0 {
                let to = if last { until } else { self.time + h };
                self.observe_within(workspace, times, observe, h, to);
                self.time = to;
                self.statistics.steps += 1;
                let states = self.solve.program.states();
                std::mem::swap(&mut workspace.before, &mut workspace.after);
                workspace.stages.copy_within(6 * states.., 0);
                self.grow_largest(workspace);
                let factor = 0.9 * power(error.max(1e-10), -0.17) * power(self.error_before, 0.04);
                let limit = if rejected_before { 1.0 } else { 5.0 };
                let next = h * factor.clamp(0.2, limit);
                // A step cut short by a stop says nothing against the longer one that was wanted.
                self.step = if h < self.step { next.max(self.step) } else { next };
                self.error_before = error.max(1e-4);
                rejected_before = false;
            } else {
                self.statistics.rejected += 1;
                let finite = error.is_finite();
                self.step = h * if finite { (0.9 * power(error, -0.2)).max(0.2) } else { 0.1 };
                rejected_before = true;
                if self.time + self.step <= self.time || self.step < 1e-13 * self.time.abs().max(until - self.time) {
                    let time = self.time;
                    return Err(if finite { Failure::StepTooSmall { time } } else { Failure::NotFinite { time } });
                }
            }
        }
        Ok(())
    }

    /// A hundredth of the time in which the fastest state would change by its own size.
    fn first_step(&self, workspace: &Workspace<W>, span: f64) -> f64 {
        let lanes = workspace.value_lanes();
        let mut step = span;
        for (state, before) in workspace.before.iter().enumerate() {
            for lane in 0..lanes {
                let (size, rate) = (before.0[lane].abs(), workspace.stages[state].0[lane].abs());
                if size > 0.0 && rate > 0.0 {
                    step = step.min(0.01 * size / rate);
                }
            }
        }
        step.max(1e-9 * span)
    }

    /// Takes a step into `after`; the error in units of the tolerance.
    fn try_step(&mut self, workspace: &mut Workspace<W>, h: f64) -> f64 {
        let program = self.solve.program;
        let range = program.state_slots();
        for stage in 1..7 {
            workspace.arch.dispatch(Combine {
                before: &workspace.before,
                stages: &workspace.stages,
                weights: tsit5::weights(stage),
                h,
                out: &mut workspace.values[range.clone()],
            });
            if stage == 6 {
                workspace.after.copy_from_slice(&workspace.values[range.clone()]);
            }
            self.derivatives(workspace, self.time + tsit5::C[stage] * h, stage);
        }
        workspace.arch.dispatch(ErrorNorm {
            before: &workspace.before,
            after: &workspace.after,
            stages: &workspace.stages,
            largest: &workspace.largest,
            h,
            tolerance: self.solve.settings.tolerance,
            lanes: workspace.value_lanes(),
        })
    }

    /// Observation times in (time, to], by the interpolant; the end of the step exactly.
    fn observe_within(
        &mut self,
        workspace: &mut Workspace<W>,
        times: &[f64],
        observe: &mut dyn FnMut(usize, &mut Workspace<W>),
        h: f64,
        to: f64,
    ) {
        let range = self.solve.program.state_slots();
        while self.observed < times.len() && times[self.observed] <= to {
            let time = times[self.observed];
            if time == to {
                workspace.values[range.clone()].copy_from_slice(&workspace.after);
            } else {
                workspace.arch.dispatch(Combine {
                    before: &workspace.before,
                    stages: &workspace.stages,
                    weights: &tsit5::interpolant((time - self.time) / h),
                    h,
                    out: &mut workspace.values[range.clone()],
                });
            }
            self.show(workspace, time, observe);
        }
    }

    /// Observation times at the start itself.
    fn observe_at(
        &mut self,
        workspace: &mut Workspace<W>,
        times: &[f64],
        observe: &mut dyn FnMut(usize, &mut Workspace<W>),
        time: f64,
    ) {
        while self.observed < times.len() && times[self.observed] <= time {
            self.load(workspace);
            self.show(workspace, time, observe);
        }
    }

    fn show(&mut self, workspace: &mut Workspace<W>, time: f64, observe: &mut dyn FnMut(usize, &mut Workspace<W>)) {
        workspace.values[self.solve.program.time_slot()] = workspace.same(time);
        self.inputs.write_linear(workspace, time);
        observe(self.observed, workspace);
        self.observed += 1;
    }
}
