//! Homeostat's lanes against diffsol's Tsit45 on equations written by hand: ensembles and gradients of a day.

mod by_hand;
mod check;
mod day;
mod diffsol_runs;
mod diffsol_sensitivities;
mod number;
mod sampling;

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Criterion, SamplingMode};
use homeostat::inference::LogDensityGradient;

use day::{Draws, Fixture};
use diffsol_runs::{Day, trajectories};
use diffsol_sensitivities::{Products, sensitivities};

/// Draws of an ensemble.
const PEOPLE: usize = 1000;
/// Draws at which a gradient is taken.
const POINTS: usize = 10;
const ROUNDS: usize = 7;

type Run<'a> = (&'a str, Box<dyn Fn() + 'a>);

fn main() {
    let fixture = Fixture::new(1e-6);
    check::all(&fixture);
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3))
        .configure_from_args();
    let mut table = Vec::new();
    let tolerance = fixture.day().tolerance;
    for draws in Draws::ALL {
        let positions: Vec<Vec<f64>> = fixture.positions(draws, PEOPLE);
        let people: Vec<Vec<f64>> = positions.iter().map(|position| fixture.complete(position)).collect();
        let by_hand: Vec<[f64; 18]> = people.iter().map(|person| fixture.by_hand(person)).collect();
        let failed = trajectories(&fixture.day(), &by_hand).iter().filter(|found| found.is_none()).count();
        assert!(failed == 0, "diffsol gives up on {failed} draws");
        let by_diffsol = |tolerance| {
            black_box(trajectories(&Day { tolerance, ..fixture.day() }, &by_hand));
        };
        let runs: Vec<Run> = vec![
            ("homeostat", Box::new(|| drop(black_box(fixture.ensemble(&people))))),
            ("diffsol", Box::new(|| by_diffsol(tolerance))),
            ("diffsol at a tenth of the tolerance", Box::new(|| by_diffsol(0.1 * tolerance))),
        ];
        compare(&mut criterion, &mut table, &format!("ensemble {draws:?}"), PEOPLE, &runs);
        let (positions, by_hand) = (&positions[..POINTS], &by_hand[..POINTS]);
        let by_diffsol = |products| {
            black_box(sensitivities(&fixture.day(), by_hand, products));
        };
        let runs: Vec<Run> = vec![
            ("homeostat", Box::new(|| gradients(&fixture, positions))),
            ("diffsol, products one by one", Box::new(|| by_diffsol(Products::OneByOne))),
            ("diffsol, Jacobians kept", Box::new(|| by_diffsol(Products::Kept))),
        ];
        compare(&mut criterion, &mut table, &format!("gradient {draws:?}"), POINTS, &runs);
    }
    criterion.final_summary();
    if measured() {
        table.push(format!("lynx and hare    {:>8.0} least bulk effective draws a second", sampling::lynx_and_hare()));
    }
    table.iter().for_each(|line| println!("{line}"));
}

fn gradients(fixture: &Fixture, positions: &[Vec<f64>]) {
    let mut workspace = fixture.posterior.workspace();
    let mut gradient = vec![0.0; fixture.posterior.dimension()];
    for position in positions {
        let density = fixture.posterior.ln_density_gradient(&mut workspace, position, &mut gradient);
        black_box((density.is_ok(), &mut gradient));
    }
}

/// Statistics of each by criterion; then all in turns, for the table: what else the machine does hits them alike.
fn compare(criterion: &mut Criterion, table: &mut Vec<String>, name: &str, solves: usize, runs: &[Run]) {
    let mut group = criterion.benchmark_group(name);
    group.sampling_mode(SamplingMode::Flat);
    for (side, run) in runs {
        group.bench_function(*side, |bencher| bencher.iter(run));
    }
    group.finish();
    if !measured() {
        return;
    }
    let mut seconds = vec![Vec::new(); runs.len()];
    for _ in 0..ROUNDS {
        for ((_, run), seconds) in runs.iter().zip(&mut seconds) {
            let begin = Instant::now();
            run();
            seconds.push(begin.elapsed().as_secs_f64() / solves as f64);
        }
    }
    let medians: Vec<f64> = seconds.into_iter().map(median).collect();
    for ((side, _), own) in runs.iter().zip(&medians) {
        table.push(format!("{name:<15}  {side:<36} {:>8.1} µs  {:>5.2}×", 1e6 * own, own / medians[0]));
    }
}

/// Cargo says so when it wants measurements; tests only want to see it run.
fn measured() -> bool {
    std::env::args().any(|argument| argument == "--bench")
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
