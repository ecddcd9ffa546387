//! Explicit steps: error control over all lanes, dense output, and when to say that the model is stiff.

use crate::model::{Reading, exp, ln, power};

use super::integrate::{Failure, Method, Run};
use super::tsit5::{self, Combine, ErrorNorm, MeanSquareNorm};
use super::workspace::Workspace;

/// How often the step is compared with the stability bound.
const EVERY: usize = 20;
/// Comparisons in a row that must find the step at the bound.
const AT_BOUND: usize = 15;
/// Steps of the present size to the end from which on implicit steps are cheaper.
const MANY: f64 = 5_000.0;

/// ln of the least error that counts for the step after the next.
pub(crate) const LN_LEAST_ERROR: f64 = -9.210_340_371_976_182;
/// Share of a state's size that it may change by, at its present rate and to the end of the segment, where it rests.
const REST: f64 = 1e-12;

/// Whether stability, and not accuracy, decides the length of steps (Hairer and Wanner 1996, IV.2).
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Stiffness {
    at_bound: usize,
    below: usize,
}

impl Stiffness {
    /// Whether this step, and many before it, were as long as stability allows.
    fn held(&self) -> bool {
        // A rest at the bound is cheap: it must not count against the short steps that an event asks for after it.
        self.at_bound >= AT_BOUND && self.below == 0
    }

    fn due(&self, steps: usize) -> bool {
        self.at_bound > 0 || steps.is_multiple_of(EVERY)
    }

    fn record(&mut self, share_of_bound: f64) {
        if share_of_bound > 0.85 {
            (self.at_bound, self.below) = (self.at_bound + 1, 0);
        } else {
            self.below += 1;
            if self.below >= 6 {
                *self = Self::default();
            }
        }
    }
}

impl<const W: usize> Run<'_, W> {
    /// Integrates to `until` without events; `end` is where the solve ends.
    pub fn explicit(
        &mut self,
        workspace: &mut Workspace<W>,
        until: f64,
        end: f64,
        times: &[f64],
        observe: &mut dyn FnMut(usize, &mut Workspace<W>),
    ) -> Result<(), Failure> {
        self.load(workspace);
        self.derivatives(workspace, self.time, 0);
        if self.rests(workspace, until - self.time) {
            while self.observed < times.len() && times[self.observed] <= until {
                self.load(workspace);
                self.show(workspace, times[self.observed], observe);
            }
            (self.time, self.step) = (until, 0.0);
            self.statistics.steps += 1;
            return Ok(());
        }
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
                if self.stiffness.due(self.statistics.steps) {
                    self.stiffness.record(self.share_of_stability_bound(workspace));
                }
                self.observe_within(workspace, times, observe, h, to, &tsit5::interpolant);
                self.time = to;
                self.statistics.steps += 1;
                let states = self.solve.program.states();
                std::mem::swap(&mut workspace.before, &mut workspace.after);
                workspace.stages.copy_within(6 * states.., 0);
                self.grow_largest(workspace);
                // 0.9 · error^−0.17 · (error before)^0.04
                let ln_error = ln(error.max(1e-10));
                let factor = 0.9 * exp(0.04 * self.ln_error_before - 0.17 * ln_error);
                let limit = if rejected_before { 1.0 } else { 5.0 };
                let next = h * factor.clamp(0.2, limit);
                // A step cut short by a stop says nothing against the longer one that was wanted.
                self.step = if h < self.step { next.max(self.step) } else { next };
                self.ln_error_before = ln_error.max(LN_LEAST_ERROR);
                rejected_before = false;
                let automatic = self.solve.settings.method == Method::Automatic;
                if automatic && self.stiffness.held() && end - to > MANY * h {
                    return Err(Failure::TooManySteps { steps: self.statistics.steps });
                }
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

    /// Whether all people start at a steady state, to rounding: nothing changes until the first event, and steps as long as
    /// stability allows would follow rounding errors alone.
    ///
    /// That is so where rates do not depend on time by themselves and no state would change by more than a trillionth of
    /// its size, or of that of the terms that it balances. Only at the start: later the largest size says what a state has been,
    /// and what has all but vanished may grow again.
    fn rests(&self, workspace: &Workspace<W>, span: f64) -> bool {
        let sizes = workspace.before.iter().zip(&workspace.largest);
        workspace.reading == Reading::Lanes
            && self.time == self.solve.schedule.start
            && self.solve.program.autonomous
            && workspace.stages.iter().zip(sizes).all(|(rates, (values, largest))| {
                let mut lanes = rates.0.iter().zip(values.0.iter().zip(largest.0));
                lanes.all(|(rate, (value, largest))| rate.abs() * span <= REST * value.abs().max(largest))
            })
    }

    /// A hundredth of the shortest time in which a state would change by its own size, or by what its tolerance is relative to.
    pub fn first_step(&self, workspace: &Workspace<W>, span: f64) -> f64 {
        let lanes = workspace.value_lanes();
        let mut step = span;
        for (state, (before, largest)) in workspace.before.iter().zip(&workspace.largest).enumerate() {
            for lane in 0..lanes {
                let (size, rate) = (before.0[lane].abs(), workspace.stages[state].0[lane].abs());
                if size > 0.0 && rate > 0.0 {
                    step = step.min(0.01 * size.max(tsit5::FLOOR * largest.0[lane]) / rate);
                }
            }
        }
        step.max(1e-9 * span)
    }

    fn share_of_stability_bound(&self, workspace: &Workspace<W>) -> f64 {
        let bound = tsit5::StabilityShare {
            before: &workspace.before,
            after: &workspace.after,
            stages: &workspace.stages,
            lanes: workspace.value_lanes(),
        };
        workspace.arch.dispatch(bound)
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
                groups: workspace.support.within(range.clone()),
                h,
                out: &mut workspace.values[range.clone()],
            });
            if stage == 6 {
                workspace.after.copy_from_slice(&workspace.values[range.clone()]);
            }
            self.derivatives(workspace, self.time + tsit5::C[stage] * h, stage);
        }
        if workspace.reading == Reading::Lanes {
            return workspace.arch.dispatch(MeanSquareNorm {
                before: &workspace.before,
                after: &workspace.after,
                stages: &workspace.stages,
                largest: &workspace.largest,
                h,
                tolerance: self.solve.settings.tolerance,
            });
        }
        workspace.arch.dispatch(ErrorNorm {
            before: &workspace.before,
            after: &workspace.after,
            stages: &workspace.stages,
            largest: &workspace.largest,
            groups: workspace.state_groups(program),
            h,
            tolerance: self.solve.settings.tolerance,
            lanes: workspace.value_lanes(),
            by: &workspace.by,
        })
    }

    /// Observation times in (time, to], by the method's interpolant (weights of the stages at a share of the step); the
    /// end of the step exactly.
    pub fn observe_within(
        &mut self,
        workspace: &mut Workspace<W>,
        times: &[f64],
        observe: &mut dyn FnMut(usize, &mut Workspace<W>),
        h: f64,
        to: f64,
        interpolant: &dyn Fn(f64) -> [f64; 7],
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
                    weights: &interpolant((time - self.time) / h),
                    groups: workspace.support.within(range.clone()),
                    h,
                    out: &mut workspace.values[range.clone()],
                });
            }
            self.show(workspace, time, observe);
        }
    }
}
