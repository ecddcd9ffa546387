//! The posterior against what simulates: with the other parameters where they are, each one's rank in its own conditional
//! posterior is uniform. It needs no sampler, so that hundreds of people take seconds and small errors of the likelihood show.

use std::path::Path;
use std::sync::Arc;

use homeostat::inference::LogDensityGradient;
use homeostat::likelihood::{Limits, Posterior};
use homeostat::model::Library;
use homeostat::patient::Patient;
use homeostat::stats::Seed;
use homeostat::twin::{Calibration, meet};
use rayon::prelude::*;

/// ln density that is lost at the ends of the grid.
const DEPTH: f64 = 25.0;
const POINTS: usize = 200;

/// A posterior and its devices' limits.
struct Case {
    posterior: Arc<Posterior>,
    limits: Vec<Limits>,
}

fn case(model: &str, bundle: &str, window_h: Option<(f64, f64)>) -> Case {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("patients").join(bundle);
    let mut patient = Patient::load(&folder).unwrap_or_else(|found| panic!("{found}")).0;
    if let Some((from, to)) = window_h {
        patient = patient.window(from, to);
    }
    let model = Library::embedded().load(model).unwrap().0;
    let posterior = meet(model, &patient, Calibration::default().solver).unwrap().0;
    let limits = posterior.terms.iter().map(|term| Limits::of(&patient, term)).collect();
    Case { posterior, limits }
}

/// The share of a parameter's conditional posterior that lies below its true value, for one simulated person; `None` where
/// that person cannot be simulated.
fn below(case: &Case, parameter: usize, seed: Seed) -> Option<f64> {
    let prior = &case.posterior.prior;
    let truth = prior.draw(&mut seed.stream("truth", 0));
    let readings =
        case.posterior.simulate(&prior.natural(&truth), &case.limits, &mut seed.stream("readings", 0)).ok()?;
    let posterior = case.posterior.with_readings(readings);
    let mut workspace = posterior.workspace();
    let mut gradient = vec![0.0; truth.len()];
    let mut density = |value: f64| {
        let mut at = truth.clone();
        at[parameter] = value;
        posterior.ln_density_gradient(&mut workspace, &at, &mut gradient).unwrap_or(f64::NEG_INFINITY)
    };
    let here = density(truth[parameter]);
    let mut ends = [0.0; 2];
    for (end, sign) in ends.iter_mut().zip([-1.0, 1.0]) {
        let (mut step, mut highest) = (1e-4, here);
        for _ in 0..60 {
            let found = density(truth[parameter] + sign * step);
            highest = highest.max(found);
            if found < highest - DEPTH {
                break;
            }
            step *= 1.3;
        }
        *end = sign * step;
    }
    // Fine where it matters: the grid is even in the cube root of the distance from the truth.
    let point = |share: f64| if share < 0.0 { -ends[0] * share.powi(3) } else { ends[1] * share.powi(3) };
    let grid: Vec<f64> = (0..=2 * POINTS).map(|at| point(at as f64 / POINTS as f64 - 1.0)).collect();
    let ln: Vec<f64> = grid.iter().map(|offset| density(truth[parameter] + offset)).collect();
    let highest = ln.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let areas: Vec<f64> = (1..grid.len())
        .map(|at| (grid[at] - grid[at - 1]) * ((ln[at] - highest).exp() + (ln[at - 1] - highest).exp()) / 2.0)
        .collect();
    Some(areas[..POINTS].iter().sum::<f64>() / areas.iter().sum::<f64>())
}

fn look(case: &Case, name: &str, people: u64, seed: u64) -> Vec<f64> {
    let parameter = case.posterior.prior.calibrated.iter().position(|c| c.name == name).unwrap();
    let shares: Vec<Option<f64>> =
        (0..people).into_par_iter().map(|number| below(case, parameter, Seed(seed * 1_000_000 + number))).collect();
    shares.into_iter().flatten().collect()
}

#[test]
#[ignore = "a look"]
fn look_at_one() {
    let name = std::env::var("PARAMETER").unwrap();
    let people = std::env::var("PEOPLE").unwrap().parse().unwrap();
    let case = case("t1d_window", "virtual_adult_001", Some((72.0, 96.0)));
    let mut shares = look(&case, &name, people, 7);
    shares.sort_by(f64::total_cmp);
    let n = shares.len() as f64;
    let mean = shares.iter().sum::<f64>() / n;
    let spread = (12.0 * shares.iter().map(|s| (s - mean).powi(2)).sum::<f64>() / n).sqrt();
    let largest = shares.iter().enumerate().map(|(i, s)| (s - i as f64 / n).abs().max((s - (i + 1) as f64 / n).abs()));
    println!(
        "{name}: {n} mean {mean:.3} spread {spread:.3} largest {:.3} (0.05: {:.3})",
        largest.fold(0.0, f64::max),
        1.36 / n.sqrt()
    );
    let tens: Vec<usize> =
        (0..10).map(|ten| shares.iter().filter(|s| (**s * 10.0).floor().min(9.0) as usize == ten).count()).collect();
    println!("{tens:?}");
}
