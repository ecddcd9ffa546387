//! Backward differentiation formulas (diffsol's) for stiff models and as a check: one lane after another.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};

use diffsol::{
    ConstantOp, DenseMatrix, MatrixCommon, NalgebraContext, NalgebraLU, NalgebraMat, NalgebraVec, NonLinearOp,
    NonLinearOpJacobian, OdeBuilder, OdeEquations, OdeEquationsRef, OdeSolverMethod, OdeSolverState,
    OdeSolverStopReason, Op, ParameterisedOp, UnitCallable, Vector, VectorCommon,
};

use crate::model::Block;

use super::events::Inputs;
use super::integrate::{Failure, Run};
use super::linear::{Factors, Linearised};
use super::tsit5::FLOOR;
use super::workspace::Workspace;

type Dense = NalgebraMat<f64>;

impl<const W: usize> Run<'_, W> {
    /// Integrates every lane to `until` without events.
    pub fn bdf(
        &mut self,
        workspace: &mut Workspace<W>,
        until: f64,
        times: &[f64],
        observe: &mut dyn FnMut(usize, &mut Workspace<W>),
    ) -> Result<(), Failure> {
        let program = self.solve.program;
        self.load(workspace);
        let seen: Vec<f64> = times[self.observed..].iter().copied().take_while(|time| *time <= until).collect();
        // States at the times seen and at the end, `[time, state]`.
        let states = program.states();
        let mut found = vec![Block::<W>::ZERO; (seen.len() + 1) * states];
        let mut linearised = Some(Linearised::new(program));
        for lane in 0..W {
            if let Some(same) = (0..lane).find(|other| alike(workspace, *other, lane)) {
                // Lanes beyond the last person repeat that person.
                found.iter_mut().for_each(|block| block.0[lane] = block.0[same]);
                continue;
            }
            let mut own = linearised.take().unwrap_or_else(|| Linearised::new(program));
            own.take_lane(workspace, lane);
            let equations = Lane {
                linearised: RefCell::new(own),
                inputs: &self.inputs,
                start: workspace.before.iter().map(|block| block.0[lane]).collect(),
                finite: Cell::new(true),
                evaluations: Cell::new(0),
                context: NalgebraContext::default(),
            };
            let largest: Vec<f64> = workspace.largest.iter().map(|block| block.0[lane]).collect();
            let span = Span { from: self.time, until, seen: &seen, largest: &largest };
            let finished = span.solve(equations, self.solve.settings.tolerance, self.solve.settings.max_steps)?;
            self.statistics.steps += finished.steps;
            self.statistics.evaluations += finished.evaluations;
            for (block, value) in found.iter_mut().zip(finished.states) {
                block.0[lane] = value;
            }
        }
        let range = program.state_slots();
        for (time, states) in seen.iter().zip(found.chunks_exact(states)) {
            workspace.values[range.clone()].copy_from_slice(states);
            self.show(workspace, *time, observe);
        }
        workspace.before.copy_from_slice(&found[seen.len() * states..]);
        self.time = until;
        self.grow_largest(workspace);
        Ok(())
    }
}

/// Whether two lanes hold the same numbers everywhere.
fn alike<const W: usize>(workspace: &Workspace<W>, a: usize, b: usize) -> bool {
    let same = |block: &Block<W>| block.0[a].to_bits() == block.0[b].to_bits();
    workspace.values.iter().all(same) && workspace.before.iter().all(same) && workspace.largest.iter().all(same)
}

/// Where one lane is solved, and where it is looked at.
struct Span<'a> {
    from: f64,
    until: f64,
    seen: &'a [f64],
    largest: &'a [f64],
}

struct Finished {
    /// States at the times seen and at the end, `[time, state]`.
    states: Vec<f64>,
    /// Largest size of each state at any step.
    largest: Vec<f64>,
    steps: usize,
    evaluations: usize,
}

impl Span<'_> {
    fn solve<const W: usize>(&self, lane: Lane<W>, tolerance: f64, max_steps: usize) -> Result<Finished, Failure> {
        let rates = lane.derivatives(self.from, &lane.start);
        if !rates.iter().all(|rate| rate.is_finite()) {
            return Err(Failure::NotFinite { time: self.from });
        }
        // States that have been nothing so far have no size that errors could be relative to: look ahead for it, and
        // try again where that was an overestimate.
        let ahead = lane.sizes_ahead(self);
        let mut sizes: Vec<f64> = self.largest.iter().zip(ahead).map(|(largest, ahead)| largest.max(ahead)).collect();
        for _ in 0..3 {
            let absolute = sizes.iter().map(|size| tolerance * FLOOR * size.max(1e-100)).collect();
            // The library reports what it cannot solve as an error, but a few of its comparisons panic on NaN.
            let attempt = catch_unwind(AssertUnwindSafe(|| self.steps(&lane, tolerance, absolute, max_steps)));
            let found = attempt.unwrap_or(Err(Failure::Implicit { reason: "a value is not a finite number" }))?;
            let seen = self.largest.iter().zip(&found.largest).map(|(before, found)| before.max(*found));
            let over = sizes.iter().zip(seen.clone()).any(|(size, seen)| *size > 10.0 * seen && seen > 0.0);
            sizes = seen.collect();
            if !over {
                return Ok(found);
            }
        }
        Err(Failure::Implicit { reason: "the sizes of its states are not known" })
    }

    fn steps<const W: usize>(
        &self,
        lane: &Lane<W>,
        tolerance: f64,
        absolute: Vec<f64>,
        max_steps: usize,
    ) -> Result<Finished, Failure> {
        let wrong = |reason| Failure::Implicit { reason };
        let mut problem = OdeBuilder::<Dense>::new()
            .t0(self.from)
            .rtol(tolerance)
            .atol(absolute)
            .build_from_eqn(Equations(lane))
            .map_err(|_| wrong("it could not be set up"))?;
        problem.ode_options.min_timestep = 1e-15 * (self.until - self.from);
        let mut state = diffsol::BdfState::new_without_initialise(&problem)
            .map_err(|_| wrong("its initial state could not be set up"))?;
        state.set_step_size(problem.h0, &problem.atol, problem.rtol, &problem.eqn, 1);
        let mut solver = problem.bdf_solver::<NalgebraLU<f64>>(state).map_err(|_| wrong("it could not be started"))?;
        solver.set_stop_time(self.until).map_err(|_| wrong("the time to the next event is too short"))?;
        let mut found = Finished { states: Vec::new(), largest: vec![0.0; lane.start.len()], steps: 0, evaluations: 0 };
        let mut seen = self.seen.iter().peekable();
        loop {
            let reason = solver.step().map_err(|_| {
                let time = solver.state().t;
                if lane.finite.get() { Failure::StepTooSmall { time } } else { Failure::NotFinite { time } }
            })?;
            found.steps += 1;
            let arrived = matches!(reason, OdeSolverStopReason::TstopReached);
            let at = solver.state().t;
            while let Some(time) = seen.next_if(|time| **time <= at || arrived) {
                let y = if *time >= at { Ok(solver.state().y.clone()) } else { solver.interpolate(*time) };
                let y = y.map_err(|_| wrong("a time could not be interpolated"))?;
                found.states.extend_from_slice(y.inner().as_slice());
            }
            if solver.state().y.inner().iter().any(|value| !value.is_finite()) {
                return Err(Failure::NotFinite { time: at });
            }
            let now = solver.state().y.inner().iter();
            found.largest.iter_mut().zip(now).for_each(|(largest, now)| *largest = largest.max(now.abs()));
            if arrived {
                found.states.extend_from_slice(solver.state().y.inner().as_slice());
                found.evaluations = lane.evaluations.get();
                return Ok(found);
            }
            if found.steps >= max_steps {
                return Err(Failure::TooManySteps { steps: found.steps });
            }
        }
    }
}

/// One lane of a program, its inputs held.
struct Lane<'a, const W: usize> {
    linearised: RefCell<Linearised<'a>>,
    inputs: &'a Inputs<'a, W>,
    start: Vec<f64>,
    /// Whether every derivative so far was finite.
    finite: Cell<bool>,
    evaluations: Cell<usize>,
    context: NalgebraContext,
}

impl<const W: usize> Lane<'_, W> {
    fn derivatives(&self, time: f64, x: &[f64]) -> Vec<f64> {
        let mut out = vec![0.0; x.len()];
        self.linearised.borrow_mut().derivatives(self.inputs, time, x, &mut out);
        self.evaluations.set(self.evaluations.get() + 1);
        self.finite.set(self.finite.get() && out.iter().all(|rate| rate.is_finite()));
        out
    }

    fn jacobian(&self, time: f64, x: &[f64]) -> Vec<f64> {
        let mut rows = vec![0.0; x.len() * x.len()];
        self.linearised.borrow_mut().jacobian(self.inputs, time, x, &mut rows);
        rows
    }

    /// Sizes that the states will have within the span, roughly: by linearly implicit Euler steps, each twice as long
    /// as the one before.
    fn sizes_ahead(&self, span: &Span) -> Vec<f64> {
        let mut x = self.start.clone();
        let mut sizes = vec![0.0; x.len()];
        let (mut time, mut h) = (span.from, 1e-9 * (span.until - span.from));
        while time < span.until {
            h = h.min(span.until - time);
            let jacobian = self.jacobian(time, &x);
            let right: Vec<Block<1>> = self.derivatives(time, &x).iter().map(|rate| Block([h * rate])).collect();
            let mut step = vec![Block::ZERO; x.len()];
            let Some(factors) = Factors::of_step(h, &jacobian, x.len()) else { break };
            factors.solve(&right, &mut step);
            if !step.iter().all(|step| step.0[0].is_finite()) {
                break;
            }
            x.iter_mut().zip(&step).for_each(|(x, step)| *x += step.0[0]);
            sizes.iter_mut().zip(&x).for_each(|(size, x): (&mut f64, _)| *size = size.max(x.abs()));
            (time, h) = (time + h, 2.0 * h);
        }
        self.finite.set(true);
        sizes
    }
}

/// A lane as diffsol's equations: right-hand side and initial value are the lane itself.
struct Equations<'a, 'b, const W: usize>(&'a Lane<'b, W>);

impl<const W: usize> Op for Equations<'_, '_, W> {
    type T = f64;
    type V = NalgebraVec<f64>;
    type M = Dense;
    type C = NalgebraContext;

    fn context(&self) -> &NalgebraContext {
        &self.0.context
    }

    fn nstates(&self) -> usize {
        self.0.start.len()
    }

    fn nout(&self) -> usize {
        self.0.start.len()
    }

    fn nparams(&self) -> usize {
        0
    }
}

impl<const W: usize> NonLinearOp for Equations<'_, '_, W> {
    fn call_inplace(&self, x: &NalgebraVec<f64>, t: f64, y: &mut NalgebraVec<f64>) {
        let rates = self.0.derivatives(t, x.inner().as_slice());
        rates.iter().enumerate().for_each(|(index, rate)| y.set_index(index, *rate));
    }
}

impl<const W: usize> NonLinearOpJacobian for Equations<'_, '_, W> {
    fn jac_mul_inplace(&self, x: &NalgebraVec<f64>, t: f64, v: &NalgebraVec<f64>, y: &mut NalgebraVec<f64>) {
        let product = self.jacobian(x, t).inner() * v.inner();
        product.iter().enumerate().for_each(|(index, value)| y.set_index(index, *value));
    }

    fn jacobian_inplace(&self, x: &NalgebraVec<f64>, t: f64, y: &mut Dense) {
        let rows = self.0.jacobian(t, x.inner().as_slice());
        for (row, entries) in rows.chunks_exact(x.len()).enumerate() {
            entries.iter().enumerate().for_each(|(column, entry)| y.set_index(row, column, *entry));
        }
    }
}

impl<const W: usize> ConstantOp for Equations<'_, '_, W> {
    fn call_inplace(&self, _: f64, y: &mut NalgebraVec<f64>) {
        self.0.start.iter().enumerate().for_each(|(index, value)| y.set_index(index, *value));
    }
}

impl<'b, const W: usize> OdeEquationsRef<'b> for Equations<'_, '_, W> {
    type Mass = ParameterisedOp<'b, UnitCallable<Dense>>;
    type Rhs = &'b Self;
    type Root = ParameterisedOp<'b, UnitCallable<Dense>>;
    type Init = &'b Self;
    type Out = ParameterisedOp<'b, UnitCallable<Dense>>;
    type Reset = ParameterisedOp<'b, UnitCallable<Dense>>;
}

impl<const W: usize> OdeEquations for Equations<'_, '_, W> {
    fn rhs(&self) -> &Self {
        self
    }

    fn mass(&self) -> Option<ParameterisedOp<'_, UnitCallable<Dense>>> {
        None
    }

    fn init(&self) -> &Self {
        self
    }

    fn set_params(&mut self, _: &NalgebraVec<f64>) {}

    fn get_params(&self, _: &mut NalgebraVec<f64>) {}
}
