//! The integrator against closed forms: one-compartment kinetics with bolus, infusion, lag and steady state.

use std::sync::Arc;

use homeostat::diagnostic::{Source, Span};
use homeostat::model::{
    Composed, Delivery, Graph, Initial, Input, InputKind, Library, NodeId, Op, Origin, Output, Parameter,
    ParameterValue, Program, Reading, Receipt, State, Symbol,
};
use homeostat::sim::{Bolus, Held, Infusion, Schedule, Settings, Solve, Workspace};
use homeostat::units::Unit;

fn origin() -> Origin {
    Origin { source: Source::new("test", ""), span: Span::default() }
}

fn unit(text: &str) -> Unit {
    Unit::parse(text).unwrap()
}

/// depot' = −ka depot; central' = ka depot + infusion − CL/V central; the infusion's steady state at the start.
fn one_compartment() -> Arc<Program> {
    let mut graph = Graph::new();
    let [ka, cl, v, lag] = [0, 1, 2, 3].map(|i| graph.symbol(Symbol::Parameter(i)));
    let [depot, central] = [0, 1].map(|i| graph.symbol(Symbol::State(i)));
    let infusion = graph.symbol(Symbol::Input(1));
    let amount = graph.symbol(Symbol::Amount);
    let steady = graph.symbol(Symbol::Steady(1));
    let zero = graph.constant(0.0);
    let absorbed = graph.op(Op::Mul, &[ka, depot]);
    let rate = graph.op(Op::Div, &[cl, v]);
    let eliminated = graph.op(Op::Mul, &[rate, central]);
    let gained = graph.op(Op::Add, &[absorbed, infusion]);
    let d_central = graph.op(Op::Sub, &[gained, eliminated]);
    let d_depot = graph.op(Op::Neg, &[absorbed]);
    let concentration = graph.op(Op::Div, &[central, v]);
    let parameter = |name: &str| Parameter {
        name: name.into(),
        about: String::new(),
        unit: unit("1"),
        value: ParameterValue::Fixed(1.0),
        scales: None,
        source: None,
        origin: origin(),
    };
    let state = |name: &str, derivative: NodeId, value: NodeId| State {
        name: name.into(),
        about: String::new(),
        unit: unit("mg"),
        initial: Initial { value, steady: false, held: false, near: None },
        derivative,
        origin: origin(),
    };
    let input = |name: &str, kind, receipts, lag| Input {
        name: name.into(),
        about: String::new(),
        unit: unit("mg"),
        kind,
        receipts,
        assignments: Vec::new(),
        lag,
        origin: origin(),
    };
    let mut composed = Composed {
        name: "one_compartment".into(),
        about: String::new(),
        sources: Vec::new(),
        time_unit: unit("h"),
        parameters: ["ka", "CL", "V", "lag"].map(parameter).into(),
        covariates: Vec::new(),
        states: vec![state("depot", d_depot, zero), state("central", d_central, steady)],
        steady_derivatives: Vec::new(),
        inputs: vec![
            input("dose", InputKind::Bolus, vec![Receipt { state: 0, gain: amount }], Some(lag)),
            input("infusion", InputKind::Rate(Delivery::None), Vec::new(), None),
        ],
        outputs: vec![Output {
            name: "concentration".into(),
            about: String::new(),
            unit: unit("mg/L"),
            value: concentration,
            origin: origin(),
        }],
        observations: Vec::new(),
        graph,
    };
    composed.close_steady_state();
    Arc::new(Program::compile(Arc::new(composed)))
}

const TIMES: [f64; 8] = [0.0, 0.4, 1.0, 2.0, 3.0, 7.5, 12.0, 24.0];
const DOSE: f64 = 320.0;

fn schedule() -> Schedule {
    Schedule {
        start: 0.0,
        end: 24.0,
        boluses: vec![Bolus { input: 0, time: 0.5, amount: DOSE }],
        infusions: vec![Infusion { input: 1, time: 2.0, rate: 10.0, duration: 3.0 }],
        held: vec![Held { input: 1, time: -1.0, rate: 5.0 }],
        ..Schedule::default()
    }
}

/// Superposition of the held infusion's steady state, the dose (Bateman function) and the infusion.
fn closed_form([ka, cl, v, lag]: [f64; 4], t: f64) -> f64 {
    let k = cl / v;
    let s = t - 0.5 - lag;
    let dose = if s > 0.0 { DOSE / v * ka / (ka - k) * ((-k * s).exp() - (-ka * s).exp()) } else { 0.0 };
    let (during, after) = ((t - 2.0).clamp(0.0, 3.0), (t - 5.0).max(0.0));
    let infused = 10.0 / cl * (1.0 - (-k * during).exp()) * (-k * after).exp();
    5.0 / cl + dose + infused
}

fn solve<const W: usize>(reading: Reading, set: impl Fn(&mut Workspace<W>), tolerance: f64) -> Vec<[f64; W]> {
    let program = one_compartment();
    let mut workspace = Workspace::<W>::new(&program, reading);
    set(&mut workspace);
    let mut found = Vec::new();
    let solve =
        Solve { program: &program, schedule: &schedule(), settings: Settings { tolerance, ..Settings::default() } };
    solve.run(&mut workspace, &TIMES, &mut |_, workspace| found.push(workspace.output(&program, 0).0)).unwrap();
    found
}

#[test]
fn lanes_follow_the_closed_form_with_a_lag_of_their_own() {
    let people: [[f64; 4]; 4] = std::array::from_fn(|i| {
        let f = i as f64;
        [1.5 + 0.4 * f, 2.8 - 0.3 * f, 32.0 + 4.0 * f, 0.3 * f]
    });
    let found = solve::<4>(
        Reading::Lanes,
        |workspace| {
            for parameter in 0..4 {
                workspace.set_parameter(parameter, &std::array::from_fn::<f64, 4, _>(|lane| people[lane][parameter]));
            }
        },
        1e-9,
    );
    for (row, time) in found.iter().zip(TIMES) {
        for (lane, person) in people.iter().enumerate() {
            let expected = closed_form(*person, time);
            assert!((row[lane] / expected - 1.0).abs() < 2e-8, "t {time} lane {lane}: {} {expected}", row[lane]);
        }
    }
}

#[test]
fn tangents_follow_differences_of_the_closed_form() {
    let person = [1.5, 2.8, 32.0, 0.7];
    let found = solve::<8>(
        Reading::Tangents,
        |workspace| (0..4).for_each(|p| workspace.set_tangent(p, person[p], Some(p))),
        1e-10,
    );
    for (row, time) in found.iter().zip(TIMES) {
        assert!((row[0] / closed_form(person, time) - 1.0).abs() < 1e-8);
        for p in 0..4 {
            let step = 1e-5;
            let (mut up, mut down) = (person, person);
            up[p] += step;
            down[p] -= step;
            let expected = (closed_form(up, time) - closed_form(down, time)) / (2.0 * step);
            assert!(
                (row[p + 1] - expected).abs() < 1e-6 * expected.abs().max(1e-2),
                "t {time} parameter {p}: {} {expected}",
                row[p + 1]
            );
        }
    }
}

#[test]
fn what_acted_before_the_start_sets_the_steady_state_and_no_more() {
    let program = one_compartment();
    let [ka, cl, v] = [1.5, 2.8, 32.0];
    let schedule = Schedule {
        start: 0.0,
        end: 24.0,
        held: vec![Held { input: 1, time: 0.0, rate: 1.0 }],
        before: Some(vec![0.0, 5.0]),
        ..Schedule::default()
    };
    let mut workspace = Workspace::<1>::new(&program, Reading::Lanes);
    for (parameter, value) in [ka, cl, v, 0.0].into_iter().enumerate() {
        workspace.set_parameter(parameter, &[value]);
    }
    let solve =
        Solve { program: &program, schedule: &schedule, settings: Settings { tolerance: 1e-9, ..Settings::default() } };
    let mut found = Vec::new();
    solve.run(&mut workspace, &TIMES, &mut |_, workspace| found.push(workspace.output(&program, 0).0[0])).unwrap();
    for (found, time) in found.iter().zip(TIMES) {
        let expected = 1.0 / cl + 4.0 / cl * (-cl / v * time).exp();
        assert!((found / expected - 1.0).abs() < 1e-8, "t {time}: {found} {expected}");
    }
}

/// States that rest at 3 mg, and whatever else is said.
fn resting(more: &str) -> Arc<Program> {
    let text = format!(
        "component resting
  \"Goes back to 3 mg.\"
time [h]
parameter k [1/h] ~ LogNormal(2, 10%)
input dose [mg] bolus
state a [mg] = steady near 1 [mg] receives dose
d a = k * (3 [mg] - a)
output o [mg] = a
{more}"
    );
    let library = Library::of(vec![Source::new("resting.model", text.as_str())]);
    let (composed, _) = library.load("resting").unwrap_or_else(|found| panic!("{found:?}"));
    Arc::new(Program::compile(Arc::new(composed)))
}

#[test]
fn who_starts_at_rest_is_held_there_until_something_acts() {
    let run = |program: &Program, times: &[f64], output: usize| {
        let mut workspace = Workspace::<2>::new(program, Reading::Lanes);
        workspace.set_parameter(0, &[2.0, 3.0]);
        let bolus = Bolus { input: 0, time: 100.0, amount: 1.0 };
        let schedule = Schedule { start: 0.0, end: 200.0, boluses: vec![bolus], ..Schedule::default() };
        let solve = Solve { program, schedule: &schedule, settings: Settings::default() };
        let mut seen = Vec::new();
        let statistics = solve.run(&mut workspace, times, &mut |_, w| seen.push(w.output(program, output).0)).unwrap();
        (seen, statistics.steps)
    };
    let program = resting("");
    let (seen, steps) = run(&program, &[0.0, 50.0, 99.0], 0);
    assert_eq!(steps, 1);
    assert!(seen.iter().flatten().all(|value| (value / 3.0 - 1.0).abs() < 1e-15), "{seen:?}");
    let (seen, steps) = run(&program, &[100.0, 100.5, 101.0], 0);
    assert!(steps > 5);
    for (values, time) in seen.iter().zip([0.0, 0.5, 1.0]) {
        for (value, k) in values.iter().zip([2.0f64, 3.0]) {
            let expected = if time == 0.0 { 3.0 } else { 3.0 + (-k * time).exp() };
            assert!((value / expected - 1.0).abs() < 1e-5, "{time} {value} {expected}");
        }
    }
    // However little there is of what grows, and whatever changes with time alone, is followed.
    let growing = "state b [mg] = 1e-13 [mg]\nd b = k * b\noutput p [mg] = b\n";
    for (values, time) in run(&resting(growing), &[5.0, 10.0], 1).0.iter().zip([5.0, 10.0]) {
        for (value, k) in values.iter().zip([2.0f64, 3.0]) {
            let expected = 1e-13 * (k * time).exp();
            assert!((value / expected - 1.0).abs() < 1e-4, "{time} {value} {expected}");
        }
    }
    let driven = "state c [1] = 1\nd c = (time / 1 [h])^3 / 1 [h]\noutput q [1] = c\n";
    let (seen, _) = run(&resting(driven), &[5.0, 7.0], 1);
    for (values, expected) in seen.iter().zip([1.0 + 625.0 / 4.0, 1.0 + 2401.0 / 4.0]) {
        assert!((values[0] / expected - 1.0).abs() < 1e-5, "{values:?} {expected}");
    }
}
