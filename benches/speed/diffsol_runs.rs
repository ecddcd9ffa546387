//! The hand-written equations solved by diffsol's Tsit45, person by person.

use std::cell::{Cell, RefCell};

use diffsol::{
    DiffsolError, NalgebraMat, NalgebraVec, NonLinearOp, OdeBuilder, OdeEquations, OdeSolverMethod,
    OdeSolverStopReason, Vector,
};

use super::by_hand::{Covariates, D, GP, GS, Inputs, Person, Q1, Q2, SIZES, STATES, Segment, VG};

pub type Mat = NalgebraMat<f64>;
pub type Column = NalgebraVec<f64>;

/// Length of the first step [min]; the solver's own guess from a state of rest begins at a ten-thousandth.
const FIRST_STEP: f64 = 1.0;
/// As in Homeostat: absolute tolerances are relative to a thousandth of a state's size.
pub const FLOOR: f64 = 1e-3;

/// What all people share.
pub struct Day<'a> {
    pub start: f64,
    pub segments: &'a [Segment],
    pub times: &'a [f64],
    pub covariates: Covariates,
    pub tolerance: f64,
}

/// Plasma and interstitial glucose at all times, `[quantity, time]` flattened, or nothing where the solver gave up.
pub fn trajectories(day: &Day, people: &[[f64; 18]]) -> Vec<Option<Vec<f64>>> {
    let Some(first) = people.first() else { return Vec::new() };
    let person = RefCell::new(Person::new(*first, day.covariates));
    let inputs = Cell::new(Inputs::default());
    let rates = |x: &[f64], _: &[f64], _: f64, y: &mut [f64]| {
        y.copy_from_slice(&person.borrow().rates(inputs.get(), array(x)));
    };
    let problem = OdeBuilder::<Mat>::new()
        .t0(day.start)
        .rtol(day.tolerance)
        .atol(SIZES.map(|size| day.tolerance * FLOOR * size))
        .rhs(rates)
        .init(|_: &[f64], _: f64, y: &mut [f64]| y.copy_from_slice(&person.borrow().start()), STATES)
        .build()
        .expect("the problem is well posed");
    let one = |parameters: &[f64; 18]| {
        person.replace(Person::new(*parameters, day.covariates));
        let mut solver = problem.tsit45().ok()?;
        let times = day.times.len();
        let (mut found, mut y) = (vec![f64::NAN; 2 * times], Column::zeros(STATES, *problem.context()));
        let vg = parameters[VG];
        walk(day, &inputs, &mut solver, enter_values, |solver, index, time| {
            solver.interpolate_inplace(time, &mut y)?;
            (found[index], found[times + index]) = (y.get_index(GP) / vg, y.get_index(GS) / vg);
            Ok(())
        })?;
        Some(found)
    };
    people.iter().map(one).collect()
}

/// Steps through all segments. `enter(solver, meal, step)` makes the state ready for the inputs of a segment, and
/// `see(solver, index, time)` is called at each time; nothing is returned where the solver gives up.
pub fn walk<'a, Equations, Solver>(
    day: &Day,
    inputs: &Cell<Inputs>,
    solver: &mut Solver,
    enter: impl Fn(&mut Solver, bool, f64),
    mut see: impl FnMut(&Solver, usize, f64) -> Result<(), DiffsolError>,
) -> Option<()>
where
    Equations: OdeEquations<T = f64, V = Column> + 'a,
    Solver: OdeSolverMethod<'a, Equations>,
{
    let (mut seen, mut step) = (0, FIRST_STEP);
    for segment in day.segments {
        inputs.set(segment.inputs);
        enter(solver, segment.meal, step);
        solver.set_stop_time(segment.until).ok()?;
        loop {
            let before = solver.state().t;
            let arrived = matches!(solver.step().ok()?, OdeSolverStopReason::TstopReached);
            let at = solver.state().t;
            let reached = if arrived { segment.until } else { at };
            while let Some(time) = day.times.get(seen).filter(|time| **time <= reached) {
                see(solver, seen, time.min(at)).ok()?;
                seen += 1;
            }
            if arrived {
                break;
            }
            step = at - before;
        }
        // A step cut short by a stop says nothing against the longer one before it.
        step = step.max(solver.state().h);
    }
    Some(())
}

/// Makes the state ready for the inputs of a segment: a jump of inputs is one of derivatives.
pub fn enter_values<'a, Equations, Solver>(solver: &mut Solver, meal: bool, step: f64)
where
    Equations: OdeEquations<T = f64, V = Column> + 'a,
    Solver: OdeSolverMethod<'a, Equations>,
{
    let problem = solver.problem();
    let state = solver.state_mut();
    if meal {
        state.y.set_index(D, state.y.get_index(Q1) + state.y.get_index(Q2));
    }
    problem.eqn.rhs().call_inplace(state.y, *state.t, state.dy);
    *state.h = step;
}

pub fn array<const N: usize>(values: &[f64]) -> &[f64; N] {
    values.try_into().expect("as many as there are")
}
