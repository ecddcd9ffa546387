//! Forward sensitivities of the hand-written equations by diffsol's Tsit45.

use std::cell::{Cell, RefCell};

use diffsol::{
    AugmentedOdeEquations, AugmentedOdeSolverMethod, NonLinearOp, OdeBuilder, OdeEquations, OdeSolverMethod, Vector,
    VectorCommon,
};

use super::by_hand::{Covariates, D, GP, GS, Inputs, Person, Q1, Q2, SIZES, STATES, VG};
use super::diffsol_runs::{Column, Day, FLOOR, Mat, array, enter_values, walk};
use super::number::Dual;

/// How much looser than values sensitivities are followed, as in Homeostat; without a say in the steps they explode
/// while the person rests.
const LOOSER: f64 = 100.0;

/// How the products of Jacobians with vectors are made that diffsol asks for, two a parameter at each stage of a step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Products {
    /// Each by the equations on numbers with one tangent.
    OneByOne,
    /// Both Jacobians once a stage, by many tangents together, and kept for all products.
    Kept,
}

/// As `trajectories`, each value followed by its derivatives by the parameters: `[quantity, time][value, parameter]`.
pub fn sensitivities(day: &Day, people: &[[f64; 18]], products: Products) -> Vec<Option<Vec<[f64; 19]>>> {
    let Some(first) = people.first() else { return Vec::new() };
    let covariates = day.covariates;
    let person = RefCell::new(Jacobians::new(*first, covariates));
    let inputs = Cell::new(Inputs::default());
    let rates = |x: &[f64], _: &[f64], _: f64, y: &mut [f64]| {
        y.copy_from_slice(&person.borrow().person.rates(inputs.get(), array(x)));
    };
    let by_states = |x: &[f64], _: &[f64], _: f64, v: &[f64], y: &mut [f64]| match products {
        Products::OneByOne => {
            let moved = moved(array(x), v);
            write_tangents(&person.borrow().person.rates(inputs.get(), &moved), y);
        }
        Products::Kept => {
            let mut jacobians = person.borrow_mut();
            jacobians.stand_at(array(x));
            product(&jacobians.by_states, v, y);
        }
    };
    let by_parameters = |x: &[f64], p: &[f64], _: f64, v: &[f64], y: &mut [f64]| match products {
        Products::OneByOne => {
            let person = Person::new(moved(array(p), v), covariates);
            write_tangents(&person.rates(inputs.get(), &array::<STATES>(x).map(Dual::<1>::from)), y);
        }
        Products::Kept => {
            let mut jacobians = person.borrow_mut();
            jacobians.stand_at(array(x));
            product(&jacobians.by_parameters, v, y);
        }
    };
    let start = |_: &[f64], _: f64, y: &mut [f64]| y.copy_from_slice(&person.borrow().person.start());
    let start_by_parameters = |p: &[f64], _: f64, v: &[f64], y: &mut [f64]| {
        write_tangents(&Person::new(moved(array(p), v), covariates).start(), y);
    };
    let mut problem = OdeBuilder::<Mat>::new()
        .t0(day.start)
        .rtol(day.tolerance)
        .atol(SIZES.map(|size| day.tolerance * FLOOR * size))
        .p(*first)
        .param_scales(*first)
        .sens_rtol(LOOSER * day.tolerance)
        .sens_atol(SIZES.map(|size| LOOSER * day.tolerance * FLOOR * size))
        .rhs_sens_implicit(rates, by_states, by_parameters)
        .init_sens(start, start_by_parameters, STATES)
        .build()
        .expect("the problem is well posed");
    let mut one = |parameters: &[f64; 18]| {
        person.replace(Jacobians::new(*parameters, covariates));
        problem.eqn.set_params(&Column::from_vec(parameters.to_vec(), *problem.context()));
        let problem = &problem;
        let mut solver = problem.tsit45_sens().ok()?;
        let times = day.times.len();
        let mut found = vec![[f64::NAN; 19]; 2 * times];
        let (mut y, mut s) = (solver.state().y.clone(), solver.state().s.clone());
        let vg = parameters[VG];
        walk(day, &inputs, &mut solver, enter_sensitivities, |solver, index, time| {
            solver.interpolate_inplace(time, &mut y)?;
            solver.interpolate_sens_inplace(time, &mut s)?;
            for (quantity, state) in [GP, GS].into_iter().enumerate() {
                let row = &mut found[quantity * times + index];
                row[0] = y.get_index(state) / vg;
                for (parameter, by) in row[1..].iter_mut().enumerate() {
                    *by = s.inner()[(state, parameter)] / vg;
                }
                row[1 + VG] -= row[0] / vg;
            }
            Ok(())
        })?;
        Some(found)
    };
    people.iter().map(&mut one).collect()
}

/// Makes values and sensitivities, one a column, ready for the inputs of a segment.
fn enter_sensitivities<'a, Equations, Augmented, Solver>(solver: &mut Solver, meal: bool, step: f64)
where
    Equations: OdeEquations<T = f64, V = Column> + 'a,
    Augmented: AugmentedOdeEquations<Equations>,
    Solver: AugmentedOdeSolverMethod<'a, Equations, Augmented>,
{
    enter_values(solver, meal, step);
    let Some((state, equations)) = solver.state_and_augmented_eqn_mut() else { return };
    if meal {
        for mut column in state.s.inner_mut().column_iter_mut() {
            column[D] = column[Q1] + column[Q2];
        }
    }
    equations.update_rhs_out_state(state.y, state.dy, *state.t);
    equations.rhs().call_inplace(state.s, *state.t, state.ds);
}

/// A person's equations and their derivatives where they were asked for last.
struct Jacobians {
    person: Person<f64>,
    moving: Person<Dual<18>>,
    at: [f64; STATES],
    /// One column a state or parameter.
    by_states: [[f64; STATES]; STATES],
    by_parameters: [[f64; STATES]; 18],
}

impl Jacobians {
    fn new(parameters: [f64; 18], covariates: Covariates) -> Self {
        Self {
            person: Person::new(parameters, covariates),
            moving: Person::new(all_moved(&parameters), covariates),
            at: [f64::NAN; STATES],
            by_states: [[0.0; STATES]; STATES],
            by_parameters: [[0.0; STATES]; 18],
        }
    }

    fn stand_at(&mut self, x: &[f64; STATES]) {
        if self.at == *x {
            return;
        }
        self.at = *x;
        // Inputs add to the rates, whatever the states and parameters are.
        let by_states = self.person.rates(Inputs::default(), &all_moved(x));
        let by_parameters = self.moving.rates(Inputs::default(), &x.map(Dual::<18>::from));
        for row in 0..STATES {
            (0..STATES).for_each(|column| self.by_states[column][row] = by_states[row].tangents[column]);
            (0..18).for_each(|column| self.by_parameters[column][row] = by_parameters[row].tangents[column]);
        }
    }
}

fn product(columns: &[[f64; STATES]], v: &[f64], y: &mut [f64]) {
    let mut sum = [0.0; STATES];
    for (column, v) in columns.iter().zip(v).filter(|(_, v)| **v != 0.0) {
        sum.iter_mut().zip(column).for_each(|(sum, entry)| *sum += v * entry);
    }
    y.copy_from_slice(&sum);
}

fn all_moved<const N: usize>(values: &[f64; N]) -> [Dual<N>; N] {
    std::array::from_fn(|index| Dual::along(values[index], index))
}

fn moved<const N: usize>(values: &[f64; N], by: &[f64]) -> [Dual<1>; N] {
    std::array::from_fn(|index| Dual { value: values[index], tangents: [by[index]] })
}

fn write_tangents(duals: &[Dual<1>], out: &mut [f64]) {
    out.iter_mut().zip(duals).for_each(|(out, dual)| *out = dual.tangents[0]);
}
