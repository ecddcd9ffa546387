//! The posterior density: its gradient against differences, its parts against their sum, its predictions against it.

use std::path::Path;
use std::sync::Arc;

use rayon::prelude::*;

use homeostat::diagnostic::{Source, Span};
use homeostat::inference::LogDensityGradient;
use homeostat::likelihood::{Matched, Posterior, Term, TermReading, match_patient};
use homeostat::model::{
    Composed, ErrorFamily, Graph, Initial, Input, InputKind, Library, NodeId, Observation, Op, Origin, Parameter,
    ParameterValue, Program, Receipt, State, Symbol,
};
use homeostat::patient::{Censoring, Patient};
use homeostat::population::Prior;
use homeostat::sim::{Bolus, Schedule, Settings};
use homeostat::stats::{Distribution, Seed};
use homeostat::units::Unit;

fn origin() -> Origin {
    Origin { source: Source::new("test", ""), span: Span::default() }
}

fn unit(text: &str) -> Unit {
    Unit::parse(text).unwrap()
}

/// One compartment with first-order absorption and a lag; the concentration is measured with three kinds of error.
fn composed() -> Composed {
    let mut graph = Graph::new();
    let [ka, cl, v, lag, sigma, time] = [0, 1, 2, 3, 4, 5].map(|i| graph.symbol(Symbol::Parameter(i)));
    let [depot, central] = [0, 1].map(|i| graph.symbol(Symbol::State(i)));
    let amount = graph.symbol(Symbol::Amount);
    let zero = graph.constant(0.0);
    let four = graph.constant(4.0);
    let absorbed = graph.op(Op::Mul, &[ka, depot]);
    let rate = graph.op(Op::Div, &[cl, v]);
    let eliminated = graph.op(Op::Mul, &[rate, central]);
    let d_central = graph.op(Op::Sub, &[absorbed, eliminated]);
    let d_depot = graph.op(Op::Neg, &[absorbed]);
    let concentration = graph.op(Op::Div, &[central, v]);
    let priors = [
        ("ka", Distribution::LogNormal { median: 1.5, sigma: 0.5 }),
        ("CL", Distribution::LogNormal { median: 2.8, sigma: 0.3 }),
        ("V", Distribution::Gamma { shape: 20.0, rate: 0.6 }),
        ("lag", Distribution::Uniform { lower: 0.0, upper: 0.9 }),
        ("sigma", Distribution::HalfNormal { sd: 0.5 }),
        ("time", Distribution::HalfCauchy { scale: 2.0 }),
    ];
    let parameters = priors.map(|(name, prior)| Parameter {
        name: name.into(),
        about: String::new(),
        unit: unit("1"),
        value: ParameterValue::Prior(prior),
        scales: None,
        source: None,
        origin: origin(),
    });
    let state = |name: &str, derivative: NodeId| State {
        name: name.into(),
        about: String::new(),
        unit: unit("mg"),
        initial: Initial { value: zero, steady: false, held: false, near: None },
        derivative,
        origin: origin(),
    };
    let observation = |name: &str, family, arguments| Observation {
        varies: None,
        name: name.into(),
        device: None,
        unit: unit("mg/L"),
        family,
        arguments,
        averaged: None,
        origin: origin(),
    };
    let observations = vec![
        observation("assay", ErrorFamily::Normal, vec![concentration, sigma]),
        observation("sensor", ErrorFamily::OrnsteinUhlenbeck, vec![concentration, sigma, time]),
        observation("strip", ErrorFamily::StudentT, vec![four, concentration, sigma]),
    ];
    Composed {
        name: "hand_built".into(),
        about: String::new(),
        sources: Vec::new(),
        time_unit: unit("h"),
        graph,
        parameters: parameters.into(),
        covariates: Vec::new(),
        states: vec![state("depot", d_depot), state("central", d_central)],
        steady_derivatives: Vec::new(),
        inputs: vec![Input {
            name: "dose".into(),
            about: String::new(),
            unit: unit("mg"),
            kind: InputKind::Bolus,
            receipts: vec![Receipt { state: 0, gain: amount }],
            assignments: Vec::new(),
            lag: Some(lag),
            origin: origin(),
        }],
        outputs: Vec::new(),
        observations,
    }
}

fn term(model: &Composed, observation: usize, readings: &[(f64, f64, Censoring)]) -> Term {
    let of = &model.observations[observation];
    Term {
        name: of.name.clone(),
        device: None,
        observation,
        family: of.family,
        unit: of.unit.clone(),
        readings: readings
            .iter()
            .map(|&(time, value, censoring)| TermReading { time, value, censoring, sd: 0.0 })
            .collect(),
    }
}

fn hand_built(tolerance: f64) -> Posterior {
    let model = composed();
    let mut terms = vec![
        term(
            &model,
            0,
            &[
                (0.0, 0.1, Censoring::Below),
                (1.5, 6.5, Censoring::None),
                (4.0, 8.0, Censoring::Above),
                (9.0, 5.0, Censoring::None),
            ],
        ),
        term(&model, 1, &[1.0, 1.2, 1.7, 4.0, 11.0].map(|t| (t, 7.0 - 0.3 * t, Censoring::None))),
        term(&model, 2, &[(2.0, 7.0, Censoring::None), (9.0, 15.0, Censoring::None)]),
    ];
    // Some measurements tell an error of their own.
    for (term, reading, sd) in [(0, 1, 0.3), (1, 1, 0.4), (1, 3, 0.7), (2, 0, 0.2)] {
        terms[term].readings[reading].sd = sd;
    }
    let schedule = Schedule {
        start: 0.0,
        end: 12.0,
        boluses: vec![Bolus { input: 0, time: 0.0, amount: 320.0 }, Bolus { input: 0, time: 6.0, amount: 100.0 }],
        ..Schedule::default()
    };
    let prior = Prior::new(&model, &[]).unwrap();
    let matched = Matched { schedule, terms, ..Matched::default() };
    let settings = Settings { tolerance, ..Settings::default() };
    Posterior::new(Arc::new(Program::compile(Arc::new(model))), prior, matched, settings)
}

/// Largest difference between the gradient and differences of the density, relative to the gradient's norm, over draws
/// from the prior.
pub(super) fn worst_gradient(posterior: &Posterior, draws: u64) -> f64 {
    let found: Vec<f64> = (0..draws).into_par_iter().filter_map(|draw| gradient_of_draw(posterior, draw)).collect();
    assert!(2 * found.len() as u64 >= draws, "{} of {draws} draws could be simulated", found.len());
    found.into_iter().fold(0.0, f64::max)
}

/// That of one draw; `None` for one that cannot be simulated: it is rejected, with its gradient.
fn gradient_of_draw(posterior: &Posterior, draw: u64) -> Option<f64> {
    let mut workspace = posterior.workspace();
    let dimension = posterior.dimension();
    let (mut gradient, mut unused) = (vec![0.0; dimension], vec![0.0; dimension]);
    let mut worst = 0.0f64;
    let at = posterior.prior.draw(&mut Seed(7).stream("gradient", draw));
    posterior.ln_density_gradient(&mut workspace, &at, &mut gradient).ok()?;
    let norm = gradient.iter().map(|g| g * g).sum::<f64>().sqrt();
    for index in 0..dimension {
        let mut density = |by: f64| {
            let mut moved = at.clone();
            moved[index] += by;
            posterior.ln_density_gradient(&mut workspace, &moved, &mut unused).unwrap()
        };
        // Fourth order: Fornberg 1988, table 1. Where the density bends sharply, only short differences see its slope.
        let mut apart = |h: f64| {
            let slope = (8.0 * (density(h) - density(-h)) - (density(2.0 * h) - density(-2.0 * h))) / (12.0 * h);
            (slope - gradient[index]).abs() / norm.max(1.0)
        };
        let long = apart(1e-3);
        worst = worst.max(if long < 1e-6 { long } else { long.min(apart(1e-4)) });
    }
    Some(worst)
}

#[test]
fn the_gradient_is_that_of_the_density() {
    let worst = worst_gradient(&hand_built(1e-11), 50);
    assert!(worst < 1e-5, "{worst:e}");
}

#[test]
fn the_parts_sum_to_the_density() {
    let posterior = hand_built(1e-8);
    let mut workspace = posterior.workspace();
    let mut gradient = vec![0.0; posterior.dimension()];
    for draw in 0..10 {
        let at = posterior.prior.draw(&mut Seed(3).stream("parts", draw));
        let whole = posterior.ln_density_gradient(&mut workspace, &at, &mut gradient).unwrap();
        let parts = posterior.pointwise(&mut workspace, &posterior.prior.natural(&at)).unwrap();
        let prior = posterior.prior.ln_density_gradient(&at, &mut gradient);
        let sum = prior + parts.iter().flatten().sum::<f64>();
        assert!((whole - sum).abs() < 1e-9 * whole.abs().max(1.0), "{whole} {sum}");
    }
}

#[test]
fn predictions_in_lanes_score_as_the_posterior_does() {
    let posterior = hand_built(1e-9);
    let mut workspace = posterior.workspace();
    let draws: Vec<Vec<f64>> =
        (0..16).map(|d| posterior.prior.natural(&posterior.prior.draw(&mut Seed(5).stream("lanes", d)))).collect();
    let mut streams: Vec<_> = (0..16).map(|d| Seed(5).stream("replicate", d)).collect();
    let predicted = posterior.predict(&mut posterior.lanes(), &draws, &mut streams);
    for (draw, predicted) in draws.iter().zip(predicted) {
        let predicted = predicted.unwrap();
        let alone = posterior.pointwise(&mut workspace, draw).unwrap();
        for (a, b) in alone.iter().flatten().zip(predicted.ln_likelihood.iter().flatten()) {
            assert!((a - b).abs() < 1e-5 * a.abs().max(1.0), "{a} {b}");
        }
        assert!(predicted.drawn.iter().flatten().all(|value| value.is_finite()));
    }
}

/// The posterior of a bundle of the project under a model of its library.
fn of_bundle(model: &str, bundle: &str, window: Option<(f64, f64)>, tolerance: f64) -> Posterior {
    let (model, _) = Library::embedded().load(model).unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("patients").join(bundle);
    let (mut patient, _) = Patient::load(&folder).unwrap();
    if let Some((from, to)) = window {
        patient = patient.window(from, to);
    }
    let (matched, _) = match_patient(&model, &patient).unwrap();
    let prior = Prior::new(&model, &matched.covariates).unwrap();
    let settings = Settings { tolerance, ..Settings::default() };
    Posterior::new(Arc::new(Program::compile(Arc::new(model))), prior, matched, settings)
}

#[test]
fn the_gradient_of_the_library_s_models_is_that_of_the_density() {
    let worst = worst_gradient(&of_bundle("theophylline", "theophylline_01", None, 1e-10), 50);
    assert!(worst < 1e-5, "theophylline: {worst:e}");
    let worst = worst_gradient(&of_bundle("t1d_day", "virtual_adult_001", Some((72.0, 96.0)), 1e-10), 50);
    assert!(worst < 1e-5, "t1d_day: {worst:e}");
}

#[test]
fn readings_at_a_limit_with_correlated_errors_are_said() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("patients/virtual_adult_001");
    let model = Library::embedded().load("t1d_day").unwrap().0;
    let mut patient = Patient::load(&folder).unwrap().0;
    let warnings = |patient: &Patient| match_patient(&model, patient).unwrap().1;
    assert!(warnings(&patient).is_empty());
    for reading in &mut patient.observations[0].readings[10..14] {
        reading.censoring = Censoring::Above;
    }
    let found = warnings(&patient);
    let codes: Vec<&str> = found.iter().map(|finding| finding.code).collect();
    assert_eq!(codes, ["L1005"]);
    assert!(found.to_string().contains("4 readings of `cgm_glucose` are at a limit"), "{found}");
}
