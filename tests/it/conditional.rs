//! The posterior against what simulates: with the other parameters where they are, each one's rank in its own conditional
//! posterior is uniform. It needs no sampler, so that hundreds of people take seconds and small errors of the likelihood show.

use std::path::Path;
use std::sync::Arc;

use homeostat::diagnostic::Source;
use homeostat::inference::{LogDensityGradient, RankCheck};
use homeostat::likelihood::{Limits, Posterior};
use homeostat::model::{Composed, Library};
use homeostat::patient::Patient;
use homeostat::stats::Seed;
use homeostat::twin::{Calibration, meet};
use rayon::prelude::*;

/// ln density that is lost at the ends of the grid.
const DEPTH: f64 = 25.0;
/// Points of the grid on each side of the truth.
const POINTS: usize = 100;
const LARGEST_RANK: usize = 99;

fn patient(bundle: &str) -> Patient {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("patients").join(bundle);
    Patient::load(&folder).unwrap_or_else(|found| panic!("{found}")).0
}

fn posterior(model: Composed, patient: &Patient) -> Arc<Posterior> {
    meet(model, patient, Calibration::default().solver).unwrap_or_else(|_| panic!("the bundle fits the model")).0
}

/// The rank of a parameter's true value in its conditional posterior, for one person simulated by a posterior and scored by one;
/// `None` where that person cannot be simulated.
fn rank(simulated: &Posterior, scored: &Posterior, limits: &[Limits], parameter: usize, seed: Seed) -> Option<usize> {
    let prior = &scored.prior;
    let truth = prior.draw(&mut seed.stream("truth", 0));
    let readings = simulated.simulate(&prior.natural(&truth), limits, &mut seed.stream("readings", 0)).ok()?;
    let posterior = scored.with_readings(readings);
    let mut workspace = posterior.workspace();
    let mut gradient = vec![0.0; truth.len()];
    let mut density = |offset: f64| {
        let mut at = truth.clone();
        at[parameter] += offset;
        posterior.ln_density_gradient(&mut workspace, &at, &mut gradient).unwrap_or(f64::NEG_INFINITY)
    };
    let here = density(0.0);
    let end = [-1.0, 1.0].map(|sign| {
        let (mut step, mut highest) = (1e-4, here);
        for _ in 0..60 {
            let found = density(sign * step);
            highest = highest.max(found);
            if found < highest - DEPTH {
                break;
            }
            step *= 1.3;
        }
        step
    });
    // Fine where it matters: the grid is even in the cube root of the distance from the truth.
    let offset = |share: f64| end[usize::from(share > 0.0)] * share.powi(3);
    let grid: Vec<f64> = (0..=2 * POINTS).map(|at| offset(at as f64 / POINTS as f64 - 1.0)).collect();
    let ln: Vec<f64> = grid.iter().map(|offset| density(*offset)).collect();
    let highest = ln.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let areas: Vec<f64> = (1..grid.len())
        .map(|at| (grid[at] - grid[at - 1]) * ((ln[at] - highest).exp() + (ln[at - 1] - highest).exp()) / 2.0)
        .collect();
    let below = areas[..POINTS].iter().sum::<f64>() / areas.iter().sum::<f64>();
    // Natural values may decrease with the position: uniform is uniform.
    Some(((below * (LARGEST_RANK + 1) as f64) as usize).min(LARGEST_RANK))
}

/// Ranks of these parameters, `[parameter][person]`, judged together.
fn check(
    simulated: &Posterior,
    scored: &Posterior,
    patient: &Patient,
    parameters: &[&str],
    people: u64,
    seed: u64,
) -> RankCheck {
    let limits: Vec<Limits> = scored.terms.iter().map(|term| Limits::of(patient, term)).collect();
    let ranks: Vec<Vec<usize>> = parameters
        .iter()
        .map(|name| {
            let parameter = scored.prior.calibrated.iter().position(|known| known.name == *name).unwrap();
            let one = |person| rank(simulated, scored, &limits, parameter, Seed(seed * 1_000_000 + person));
            let ranks: Vec<usize> = (0..people).into_par_iter().filter_map(one).collect();
            assert!(ranks.len() as u64 * 50 >= people * 49, "{} of {people} people are simulated", ranks.len());
            ranks
        })
        .collect();
    let check = RankCheck::of(&ranks, LARGEST_RANK);
    for (name, found) in parameters.iter().zip(&check.quantities) {
        println!("{name}: p {:.4}, mean rank {:.3}, spread {:.3}", found.p_value, found.mean, found.spread);
    }
    check
}

const THEOPHYLLINE: [&str; 5] = ["CL", "V", "ka", "additive", "proportional"];

#[test]
fn conditional_ranks_are_uniform() {
    let patient = patient("theophylline_01");
    let right = posterior(Library::embedded().load("theophylline").unwrap().0, &patient);
    let check = check(&right, &right, &patient, &THEOPHYLLINE, 400, 1);
    assert!(check.passed, "{:?}", check.quantities);
}

/// Readings that scatter by a tenth more than the likelihood says are seen.
#[test]
fn a_likelihood_a_tenth_too_narrow_is_seen() {
    let patient = patient("theophylline_01");
    let text =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("models/theophylline.model")).unwrap();
    let wider = text.replacen("sqrt(additive^2", "1.1 * sqrt(additive^2", 1);
    assert_ne!(text, wider);
    let load = |text: &str| {
        let library = Library::of(vec![Source::new("theophylline.model", text)]);
        posterior(library.load("theophylline").unwrap().0, &patient)
    };
    let check = check(&load(&wider), &load(&text), &patient, &THEOPHYLLINE, 400, 1);
    assert!(!check.passed, "{:?}", check.quantities);
}

#[test]
#[ignore = "minutes; cargo test --release of_a_day_of_glucose -- --ignored --nocapture"]
fn conditional_ranks_of_a_day_of_glucose_are_uniform() {
    let patient = patient("virtual_adult_001").window(72.0, 96.0);
    let right = posterior(Library::embedded().load("t1d_window").unwrap().0, &patient);
    let check = check(&right, &right, &patient, &["start_glucose", "Gb", "error"], 200, 7);
    assert!(check.passed, "{:?}", check.quantities);
}
