//! Integrates a program through a schedule over blocks of lanes: exact stops, and steps of the method that suits.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::model::{Block, Program, Reading};

use super::esdirk::Esdirk;
use super::events::{Inputs, Stop, stops};
use super::explicit::{LN_LEAST_ERROR, Stiffness};
use super::schedule::Schedule;
use super::steady;
use super::tsit5::{Gather, Grow};
use super::workspace::Workspace;

/// How exactly, and how long to try.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Tolerated relative error of a step.
    pub tolerance: f64,
    /// Steps after which the model counts as stiff at this point.
    pub max_steps: usize,
    pub method: Method,
}

/// How steps are taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// Explicit, and implicit from the point on where that turns out to be too expensive or to fail.
    #[default]
    Automatic,
    /// Explicit Runge–Kutta steps of order 5, all lanes together: fast, unless the model is stiff.
    Explicit,
    /// Values by backward differentiation formulas, lane by lane; with tangents by implicit Runge–Kutta steps of order
    /// 4, whose tangents are the exact derivatives of the steps.
    Implicit,
}

/// The method that a solve used in the end.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Used {
    #[default]
    Explicit,
    Implicit,
    /// Explicit until this time, implicit after it.
    ImplicitFrom(f64),
}

impl fmt::Display for Used {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Used::Explicit => write!(f, "explicit"),
            Used::Implicit => write!(f, "implicit"),
            Used::ImplicitFrom(time) => write!(f, "explicit until {time}, then implicit"),
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self { tolerance: 1e-6, max_steps: 20_000, method: Method::Automatic }
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
    pub used: Used,
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
            let segment = run.segment(workspace, until, end, times, observe);
            workspace.used = run.statistics.used;
            segment?;
        }
        Ok(run.statistics)
    }
}

/// A solve under way.
pub(crate) struct Run<'a, const W: usize> {
    pub solve: &'a Solve<'a, W>,
    pub inputs: Inputs<'a, W>,
    pub time: f64,
    /// Length of the next step as the error control wants it; 0 if nothing is known.
    pub step: f64,
    /// ln of the error of the step before, in units of the tolerance.
    pub ln_error_before: f64,
    /// Observations made.
    pub observed: usize,
    pub statistics: Statistics,
    pub stiffness: Stiffness,
    pub esdirk: Option<Esdirk<'a, W>>,
}

impl<'a, const W: usize> Run<'a, W> {
    /// Presets, steady state and initial values.
    fn start(solve: &'a Solve<'a, W>, workspace: &mut Workspace<W>) -> Result<Self, Failure> {
        let program = solve.program;
        let inputs = Inputs::at_start(program, solve.schedule);
        workspace.support.forget();
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
        if workspace.reading == Reading::Tangents {
            workspace.support.follow(program, &workspace.values);
            // What is left out must be zero, whatever a solve before left there.
            workspace.stages.fill(Block::ZERO);
            program.derivatives.tape.clear(&mut workspace.values);
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
        let used = if solve.settings.method == Method::Implicit { Used::Implicit } else { Used::Explicit };
        Ok(Self {
            solve,
            inputs,
            time: solve.schedule.start,
            step: 0.0,
            ln_error_before: LN_LEAST_ERROR,
            observed: 0,
            statistics: Statistics { used, ..Statistics::default() },
            stiffness: Stiffness::default(),
            esdirk: None,
        })
    }

    /// Derivatives of the states in their slots, at a time, into a stage.
    pub fn derivatives(&mut self, workspace: &mut Workspace<W>, time: f64, stage: usize) {
        let program = self.solve.program;
        workspace.values[program.time_slot()] = workspace.same(time);
        self.inputs.write_linear(workspace, time);
        workspace.run(&program.derivatives.tape);
        let states = program.states();
        let Workspace { arch, stages, values, support, .. } = workspace;
        arch.dispatch(Gather {
            values,
            slots: &program.derivatives.slots,
            groups: support.within(program.state_slots()),
            out: &mut stages[stage * states..(stage + 1) * states],
        });
        self.statistics.evaluations += 1;
    }

    /// Puts the state at the step's start into its slots.
    pub fn load(&self, workspace: &mut Workspace<W>) {
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

    pub fn grow_largest(&self, workspace: &mut Workspace<W>) {
        let Workspace { arch, largest, before, support, .. } = workspace;
        let groups = support.within(self.solve.program.state_slots());
        arch.dispatch(Grow { largest, before, groups });
    }

    /// Integrates to `until` without events. What is reached through many others grows from nothing with a high power of time,
    /// and no first step is short enough to follow it from the first digit: where that happens, sizes are given and it is tried again.
    fn segment(
        &mut self,
        workspace: &mut Workspace<W>,
        until: f64,
        end: f64,
        times: &[f64],
        observe: &mut dyn FnMut(usize, &mut Workspace<W>),
    ) -> Result<(), Failure> {
        let from = self.time;
        let mut found = self.by_method(workspace, until, end, times, observe);
        if found == Err(Failure::StepTooSmall { time: from }) && self.size_by_peers(workspace, until) {
            found = self.by_method(workspace, until, end, times, observe);
        }
        found
    }

    fn by_method(
        &mut self,
        workspace: &mut Workspace<W>,
        until: f64,
        end: f64,
        times: &[f64],
        observe: &mut dyn FnMut(usize, &mut Workspace<W>),
    ) -> Result<(), Failure> {
        if self.time < until && self.statistics.used == Used::Explicit {
            let from = self.time;
            match self.explicit(workspace, until, end, times, observe) {
                Err(Failure::StepTooSmall { time }) if time == from && self.size_by_peers(workspace, until) => {
                    return self.by_method(workspace, until, end, times, observe);
                }
                Err(Failure::TooManySteps { .. } | Failure::StepTooSmall { .. })
                    if self.solve.settings.method == Method::Automatic =>
                {
                    self.statistics.used = Used::ImplicitFrom(self.time);
                    self.step = 0.0;
                }
                finished => return finished,
            }
        }
        if self.time >= until {
            return Ok(());
        }
        match workspace.reading {
            Reading::Lanes => self.bdf(workspace, until, times, observe),
            Reading::Tangents => self.esdirk(workspace, until, times, observe),
        }
    }

    /// Gives states that have been nothing so far a share of the size of the largest of their unit, or of what it would gain,
    /// for their errors to be relative to; whether there were any.
    fn size_by_peers(&mut self, workspace: &mut Workspace<W>, until: f64) -> bool {
        const SHARE: f64 = 1e-6;
        let peers = &self.solve.program.peers;
        self.step = 0.0;
        self.load(workspace);
        self.derivatives(workspace, self.time, 0);
        let mut any = false;
        for lane in 0..workspace.value_lanes() {
            for state in 0..peers.len() {
                if workspace.largest[state].0[lane] > 0.0 {
                    continue;
                }
                let same = || (0..peers.len()).filter(|other| peers[*other] == peers[state]);
                let held = same().fold(0.0f64, |size, other| size.max(workspace.before[other].0[lane].abs()));
                let gained = same().fold(0.0f64, |size, other| size.max(workspace.stages[other].0[lane].abs()));
                let size = if held > 0.0 { held } else { gained * (until - self.time) };
                workspace.largest[state].0[lane] = SHARE * size;
                // As it is kept: a size that vanishes there would be given again for ever.
                any |= SHARE * size > 0.0;
            }
        }
        any
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

    /// Calls `observe` for the states in their slots.
    pub fn show(&mut self, workspace: &mut Workspace<W>, time: f64, observe: &mut dyn FnMut(usize, &mut Workspace<W>)) {
        workspace.values[self.solve.program.time_slot()] = workspace.same(time);
        self.inputs.write_linear(workspace, time);
        observe(self.observed, workspace);
        self.observed += 1;
    }
}
