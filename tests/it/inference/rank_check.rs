//! Ranks that are uniform and ranks that are not: exact p-values, bands, and what is said of each fault.

use homeostat::inference::{Departure, RankCheck, thinned_rank};
use homeostat::stats::{Seed, Stream, normal_cdf, normal_quantile};
use rand::RngExt;
use rand_distr::StandardNormal;

/// Ranks 0 to `largest` of places between 0 and 1.
fn ranks(count: usize, largest: usize, stream: &mut Stream, place: impl Fn(f64) -> f64) -> Vec<usize> {
    let rank = |u: f64| ((place(u) * (largest + 1) as f64) as usize).min(largest);
    (0..count).map(|_| rank(stream.random())).collect()
}

#[test]
fn p_values_are_exact() {
    // Every way in which four ranks from 0 to 2 can fall: p-values are the share of ways that are as far out.
    let ways: Vec<Vec<usize>> = (0..81).map(|way| (0..4).map(|i| way / 3_usize.pow(i) % 3).collect()).collect();
    let p = |ranks: &Vec<usize>| RankCheck::of(std::slice::from_ref(ranks), 2).quantities[0].p_value;
    let all: Vec<f64> = ways.iter().map(p).collect();
    for p in &all {
        let share = all.iter().filter(|other| **other <= p + 1e-9).count() as f64 / 81.0;
        assert!((share - p).abs() < 1e-9, "{p} {share}");
    }
    assert!(all.iter().any(|p| *p < 0.06) && all.iter().any(|p| *p > 0.9));
}

#[test]
fn uniform_ranks_stay_in_the_band_as_often_as_it_says() {
    let (count, largest) = (100, 99);
    let mut stream = Seed(1).stream("ranks", 0);
    let check = RankCheck::of(&[vec![0; count], vec![0; count]], largest);
    // All at once: 97.5 % each.
    for (band, asked) in [(&check.band, 0.95), (&check.joint_band, 0.975)] {
        assert!((asked..asked + 0.005).contains(&band.coverage), "{}", band.coverage);
        let sets = 20_000;
        let inside = (0..sets).filter(|_| {
            let mut counts = vec![0; largest + 1];
            ranks(count, largest, &mut stream, |u| u).into_iter().for_each(|rank| counts[rank] += 1);
            let mut below = 0;
            counts[..largest].iter().zip(band.low.iter().zip(&band.high)).all(|(more, (low, high))| {
                below += more;
                (*low..=*high).contains(&below)
            })
        });
        let (share, error) = (inside.count() as f64 / f64::from(sets), (0.05 * 0.95 / f64::from(sets)).sqrt());
        assert!((share - band.coverage).abs() < 4.0 * error, "{share} {}", band.coverage);
    }
}

#[test]
fn a_right_calibration_of_three_quantities_passes_in_95_of_100_checks() {
    let mut stream = Seed(2).stream("ranks", 0);
    let passed = (0..300).filter(|_| {
        let three: Vec<Vec<usize>> = (0..3).map(|_| ranks(40, 19, &mut stream, |u| u)).collect();
        let check = RankCheck::of(&three, 19);
        for quantity in &check.quantities {
            assert_eq!(quantity.within_band, quantity.p_value > 0.05);
            assert_eq!(quantity.passed, quantity.departures.is_empty());
        }
        check.passed
    });
    let share = passed.count() as f64 / 300.0;
    // At least 95 %: levels are met in steps, so that it may be a little more.
    assert!((0.915..=0.995).contains(&share), "{share}");
}

#[test]
fn faults_are_seen_and_named() {
    let mut stream = Seed(3).stream("ranks", 0);
    let mut of = |place: fn(f64) -> f64| ranks(200, 99, &mut stream, place);
    // A right one, then draws too high (truths rank low), too low, too narrow (truths at the ends), too wide.
    let all = [
        of(|u| u),
        of(|u| normal_cdf(normal_quantile(u) - 0.5)),
        of(|u| normal_cdf(normal_quantile(u) + 0.5)),
        of(|u| normal_cdf(1.5 * normal_quantile(u))),
        of(|u| normal_cdf(0.65 * normal_quantile(u))),
    ];
    let check = RankCheck::of(&all, 99);
    assert!(!check.passed);
    let said: Vec<&[Departure]> = check.quantities.iter().map(|quantity| quantity.departures.as_slice()).collect();
    let named: [&[Departure]; 5] = [
        &[],
        &[Departure::BiasedHigh],
        &[Departure::BiasedLow],
        &[Departure::UnderDispersed],
        &[Departure::OverDispersed],
    ];
    assert_eq!(said, named);
    assert!(check.quantities[3].spread > 1.05 && check.quantities[4].spread < 0.95);
    // Symmetric and as wide as uniform: only the shape is wrong.
    let clumped: Vec<usize> = (0..200).map(|i| [15, 84][i % 2]).collect();
    let check = RankCheck::of(&[clumped], 99);
    assert_eq!(check.quantities[0].departures, [Departure::Shape]);
    assert!(RankCheck::of(&[vec![]], 99).passed);
}

#[test]
fn ranks_among_correlated_draws_are_uniform() {
    // Chains with 10 to 30 effective draws, and the truth from where they are drawn.
    let ranks: Vec<usize> = (0..1000)
        .map(|number| {
            let mut stream = Seed(4).stream("chains", number);
            let mut chain = || {
                let mut at: f64 = stream.sample(StandardNormal);
                let step = |_| {
                    at = 0.9 * at + (1.0f64 - 0.81).sqrt() * stream.sample::<f64, _>(StandardNormal);
                    at
                };
                (0..200).map(step).collect::<Vec<f64>>()
            };
            let chains = [chain(), chain()];
            let ranked = thinned_rank(stream.sample(StandardNormal), &chains, 99, &mut stream);
            assert!(ranked.rank <= 99 && (3..=99).contains(&ranked.draws), "{ranked:?}");
            ranked.rank
        })
        .collect();
    let check = RankCheck::of(&[ranks], 99);
    assert!(check.passed, "{:?}", check.quantities[0].p_value);
    let flat = thinned_rank(1.0, &[vec![0.0; 50], vec![0.0; 50]], 99, &mut Seed(1).stream("flat", 0));
    assert!(flat.draws == 1 && flat.rank >= 50);
}
