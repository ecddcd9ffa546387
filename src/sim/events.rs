//! Applies the actions of a schedule to states and inputs, lane by lane where lags differ, with their sensitivities.

use crate::model::{Block, InputKind, Program, Reading};

use super::schedule::{Action, Planned, Schedule};
use super::workspace::Workspace;

/// An action at the time when it takes effect, for all lanes or for one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Stop {
    pub time: f64,
    pub action: Action,
    /// Slot of the lag that delayed it.
    pub lag: Option<usize>,
    /// The lane it acts on; all if `None`.
    pub lane: Option<usize>,
}

/// Every stop in the order in which it takes effect. The preset phase must have run (lags are read from it).
pub(crate) fn stops<const W: usize>(program: &Program, schedule: &Schedule, workspace: &Workspace<W>) -> Vec<Stop> {
    let mut stops = Vec::new();
    for Planned { time, action, input } in schedule.planned() {
        let Some(slot) = program.lags[input] else {
            stops.push(Stop { time, action, lag: None, lane: None });
            continue;
        };
        let lags = &workspace.values[slot].0[..workspace.value_lanes()];
        if lags.iter().all(|lag| *lag == lags[0]) {
            stops.push(Stop { time: time + lags[0], action, lag: Some(slot), lane: None });
        } else {
            let lanes = lags.iter().enumerate();
            stops.extend(lanes.map(|(lane, lag)| Stop { time: time + lag, action, lag: Some(slot), lane: Some(lane) }));
        }
    }
    // Stable: what is given first acts first.
    stops.sort_by(|a, b| a.time.total_cmp(&b.time).then(rank(&a.action).cmp(&rank(&b.action))));
    stops
}

/// At one instant what ends comes before what begins.
fn rank(action: &Action) -> u8 {
    match action {
        Action::InfusionEnd { .. } => 0,
        Action::Held { .. } | Action::Knot { .. } => 1,
        Action::Bolus { .. } => 2,
        Action::InfusionStart { .. } => 3,
    }
}

/// Rates and series in force, and from them the current value of every input.
pub(crate) struct Inputs<'a, const W: usize> {
    program: &'a Program,
    schedule: &'a Schedule,
    /// Held rate of each input and lane.
    held: Vec<[f64; W]>,
    /// For each infusion and lane, whether it runs.
    running: Vec<[bool; W]>,
    /// For each series, the line in force: time, value, slope.
    lines: Vec<(f64, f64, f64)>,
}

impl<'a, const W: usize> Inputs<'a, W> {
    /// What is in force at the start: held rates and series, no infusion.
    pub(crate) fn at_start(program: &'a Program, schedule: &'a Schedule) -> Self {
        let held = (0..program.model.inputs.len()).map(|input| [schedule.held_at_start(input); W]).collect();
        let lines = schedule.series.iter().map(|s| s.line(schedule.start, linear(program, s.input))).collect();
        Self { program, schedule, held, running: vec![[false; W]; schedule.infusions.len()], lines }
    }

    /// Writes the value of every input that is constant until the next stop, and runs the segment phase.
    pub(crate) fn write(&self, workspace: &mut Workspace<W>) {
        for (input, held) in self.held.iter().enumerate() {
            let mut value = *held;
            for (infusion, running) in self.schedule.infusions.iter().zip(&self.running) {
                if infusion.input == input {
                    for (value, running) in value.iter_mut().zip(running) {
                        *value += if *running { infusion.rate } else { 0.0 };
                    }
                }
            }
            let lanes = workspace.value_lanes();
            let mut block = Block::ZERO;
            block.0[..lanes].copy_from_slice(&value[..lanes]);
            workspace.values[self.program.input_slot(input)] = block;
        }
        for (series, line) in self.schedule.series.iter().zip(&self.lines) {
            workspace.values[self.program.input_slot(series.input)] = workspace.same(line.1);
        }
        workspace.run(&self.program.segment);
    }

    /// Writes what acted until the start, for the steady state.
    pub(crate) fn write_before(&self, workspace: &mut Workspace<W>) {
        let Some(values) = &self.schedule.before else { return self.write(workspace) };
        for (input, value) in values.iter().enumerate() {
            workspace.values[self.program.input_slot(input)] = workspace.same(*value);
        }
        workspace.run(&self.program.segment);
    }

    /// Writes the values of linear series at a time within the segment.
    pub(crate) fn write_linear<const V: usize>(&self, workspace: &mut Workspace<V>, time: f64) {
        if self.program.linear.is_empty() {
            return;
        }
        for (series, (from, value, slope)) in self.schedule.series.iter().zip(&self.lines) {
            if linear(self.program, series.input) {
                workspace.values[self.program.input_slot(series.input)] = workspace.same(value + slope * (time - from));
            }
        }
    }

    /// Puts an infusion that began before the start in force, without its assignments; other past actions are past.
    pub(crate) fn apply_past(&mut self, stop: &Stop) {
        match stop.action {
            Action::InfusionStart { infusion } => self.set_running(infusion, stop.lane, true),
            Action::InfusionEnd { infusion } => self.set_running(infusion, stop.lane, false),
            _ => {}
        }
    }

    /// Applies an action to the states (in their slots) and to what is in force.
    pub(crate) fn apply(&mut self, stop: &Stop, workspace: &mut Workspace<W>) {
        match stop.action {
            Action::Bolus { input, amount } => {
                self.jump(stop, workspace, &self.program.on_start[input], 0.0, None);
                self.jump(stop, workspace, &self.program.on_bolus[input], amount, None);
            }
            Action::InfusionStart { infusion } => {
                let input = self.schedule.infusions[infusion].input;
                let idle = std::array::from_fn(|lane| !self.is_running(input, lane));
                self.jump(stop, workspace, &self.program.on_start[input], 0.0, Some(idle));
                self.set_running(infusion, stop.lane, true);
            }
            Action::InfusionEnd { infusion } => self.set_running(infusion, stop.lane, false),
            Action::Held { input, rate } => {
                for lane in lanes::<W>(stop.lane) {
                    self.held[input][lane] = rate;
                }
            }
            Action::Knot { series } => {
                let line = &self.schedule.series[series];
                // Exactly at the knot, so that rounding cannot pick the line before it.
                self.lines[series] = line.line(stop.time, linear(self.program, line.input));
            }
        }
    }

    fn jump(
        &self,
        stop: &Stop,
        workspace: &mut Workspace<W>,
        jump: &crate::model::Jump,
        amount: f64,
        only: Option<[bool; W]>,
    ) {
        if jump.assign.is_empty() && jump.receive.is_empty() {
            return;
        }
        workspace.values[self.program.amount_slot()] = workspace.same(amount);
        workspace.run(&jump.tape);
        let states = self.program.state_slots().start;
        // New values are all read before any is written.
        let assigned: Vec<Block<W>> = jump.assign.iter().map(|(_, slot)| workspace.values[*slot]).collect();
        let acts = |lane: usize| match workspace.reading {
            // A tangent goes with its value.
            Reading::Tangents => only.is_none_or(|only| only[0]),
            Reading::Lanes => stop.lane.is_none_or(|own| own == lane) && only.is_none_or(|only| only[lane]),
        };
        let mask: [bool; W] = std::array::from_fn(acts);
        for ((state, _), new) in jump.assign.iter().zip(assigned) {
            let block = &mut workspace.values[states + state].0;
            for lane in (0..W).filter(|lane| mask[*lane]) {
                block[lane] = new.0[lane];
            }
        }
        for (state, slot) in &jump.receive {
            let added = workspace.values[*slot];
            let block = &mut workspace.values[states + state].0;
            for lane in (0..W).filter(|lane| mask[*lane]) {
                block[lane] += added.0[lane];
            }
        }
    }

    fn is_running(&self, input: usize, lane: usize) -> bool {
        let infusions = self.schedule.infusions.iter().zip(&self.running);
        infusions.filter(|(infusion, _)| infusion.input == input).any(|(_, running)| running[lane])
    }

    fn set_running(&mut self, infusion: usize, lane: Option<usize>, running: bool) {
        for lane in lanes::<W>(lane) {
            self.running[infusion][lane] = running;
        }
    }
}

fn lanes<const W: usize>(lane: Option<usize>) -> std::ops::Range<usize> {
    lane.map_or(0..W, |lane| lane..lane + 1)
}

fn linear(program: &Program, input: usize) -> bool {
    program.model.inputs[input].kind == InputKind::SeriesLinear
}
