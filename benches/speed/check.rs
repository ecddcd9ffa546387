//! Checks that both sides solve the same problem, before either is timed, and says how exactly they do.

use super::by_hand::PARAMETERS;
use super::day::{Draws, Fixture};
use super::diffsol_runs::{Day, trajectories};
use super::diffsol_sensitivities::{Products, sensitivities};

/// Draws compared.
const PEOPLE: usize = 32;

/// Panics where values or sensitivities differ.
pub fn all(fixture: &Fixture) {
    let exact = Fixture::new(1e-12);
    for draws in Draws::ALL {
        let people: Vec<_> =
            fixture.positions(draws, PEOPLE).iter().map(|position| fixture.complete(position)).collect();
        let by_hand: Vec<_> = people.iter().map(|person| fixture.by_hand(person)).collect();
        let [ours, truth] = [fixture, &exact].map(|fixture| {
            let solved = fixture.ensemble(&people).into_iter();
            solved.map(|found| found.expect("only solvable draws were taken")).collect::<Vec<_>>()
        });
        let by_diffsol = |tolerance| {
            let solved = trajectories(&Day { tolerance, ..fixture.day() }, &by_hand).into_iter();
            solved.map(|found| found.expect("diffsol solves what Homeostat solves")).collect::<Vec<_>>()
        };
        let tolerance = fixture.day().tolerance;
        let theirs = by_diffsol(tolerance);
        let apart = difference(&ours, &theirs);
        println!(
            "{draws:?}: largest relative errors of glucose: homeostat {:.1e}, diffsol {:.1e}, diffsol at {:e} {:.1e}",
            difference(&ours, &truth),
            difference(&theirs, &truth),
            0.1 * tolerance,
            difference(&by_diffsol(0.1 * tolerance), &truth),
        );
        assert!(apart < 1e-4, "they do not solve the same problem: {apart:e}");
        for products in [Products::OneByOne, Products::Kept] {
            let worst = sensitivities_apart(&exact, &people[0], &by_hand[0], products);
            println!("{draws:?}: sensitivities of glucose by {products:?} apart by {worst:.1e} at most");
            assert!(worst < 1e-3, "they do not follow the same sensitivities");
        }
    }
}

/// Largest relative difference of trajectories.
fn difference(some: &[Vec<f64>], others: &[Vec<f64>]) -> f64 {
    let pairs = some.iter().flatten().zip(others.iter().flatten());
    pairs.map(|(a, b)| ((a - b) / b).abs()).fold(0.0, f64::max)
}

/// Largest difference of diffsol's sensitivities from differences of Homeostat's trajectories, relative to the largest
/// of each parameter's.
fn sensitivities_apart(exact: &Fixture, person: &[f64], by_hand: &[f64; 18], products: Products) -> f64 {
    let theirs = sensitivities(&exact.day(), &[*by_hand], products).remove(0);
    let theirs = theirs.expect("diffsol solves what Homeostat solves");
    let apart = |parameter: usize| {
        let place = exact.place(parameter);
        let step = 1e-4 * person[place];
        let [low, high] = [-step, step].map(|step| {
            let mut person = person.to_vec();
            person[place] += step;
            exact.ensemble(&[person]).remove(0).expect("a neighbour of a solvable draw")
        });
        let slopes = || low.iter().zip(&high).map(|(low, high)| (high - low) / (2.0 * step));
        let size = slopes().map(f64::abs).fold(0.0, f64::max);
        slopes().zip(&theirs).map(|(slope, theirs)| (slope - theirs[1 + parameter]).abs()).fold(0.0, f64::max) / size
    };
    (0..PARAMETERS.len()).map(apart).fold(0.0, f64::max)
}
