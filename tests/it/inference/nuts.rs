//! NUTS on targets whose moments are known, and on targets that it must not pass.

use std::sync::Mutex;

use homeostat::inference::{
    Draws, Laplace, LogDensityGradient, Metric, ModeSettings, NutsSettings, Rejection, SampleError, Verdict, laplace,
    maximise, mcse_mean, nuts, nuts_from,
};
use homeostat::stats::Seed;

use super::targets;
use super::{EFFECTS, ERRORS, Target, correlated_normal, eight_schools, standard_normal, starts};

fn settings(warmup: usize, draws: usize) -> NutsSettings {
    NutsSettings { warmup, draws, ..NutsSettings::default() }
}

fn approximation<T: LogDensityGradient>(target: &T) -> Laplace {
    let starts = starts(2, target.dimension(), 1.0);
    let mode = maximise(target, &starts, &ModeSettings::default()).unwrap();
    laplace(target, &mode.position, None)
}

/// Each mean within four standard errors, each sd within 5 %.
fn check_moments(what: &str, draws: &Draws, of: impl Fn(&[f64]) -> Vec<f64>, means: &[f64], sds: &[f64]) {
    let found: Vec<Vec<f64>> = draws.all().iter().map(|draw| of(draw)).collect();
    for (at, (mean, sd)) in means.iter().zip(sds).enumerate() {
        let chains: Vec<Vec<f64>> =
            found.chunks(draws.draws).map(|chain| chain.iter().map(|values| values[at]).collect()).collect();
        let all = chains.concat();
        let found = all.iter().sum::<f64>() / all.len() as f64;
        let error = mcse_mean(&chains);
        assert!((found - mean).abs() <= 4.0 * error, "{what}: mean {at} is {found} ± {error}, not {mean}");
        assert!(error < 0.05 * sd, "{what}: mean {at} is known to ± {error} only");
        let variance = all.iter().map(|x| (x - found).powi(2)).sum::<f64>() / (all.len() - 1) as f64;
        assert!((variance.sqrt() / sd - 1.0).abs() <= 0.05, "{what}: sd {at} is {}, not {sd}", variance.sqrt());
    }
}

#[test]
fn correlated_normals() {
    for (dimension, condition) in [(2, 1000.0), (20, 100.0)] {
        let (target, mean, covariance) = correlated_normal(dimension, condition);
        let sds: Vec<f64> = (0..dimension).map(|i| covariance[(i, i)].sqrt()).collect();
        for metric in [Metric::Diagonal, Metric::LowRank] {
            let settings = NutsSettings { metric, ..settings(500, 3000) };
            let draws = nuts(&target, &starts(4, dimension, 3.0), &settings, Seed(1), &|_| ()).unwrap();
            check_moments(&format!("{metric:?} {dimension}"), &draws, <[f64]>::to_vec, &mean, &sds);
            let verdict = Verdict::of(&draws, &[]);
            assert!(verdict.passed, "{:?}", verdict.reasons);
        }
        let draws = nuts_from(&target, &approximation(&target), &settings(200, 3000), Seed(2), &|_| ()).unwrap();
        check_moments(&format!("whitened {dimension}"), &draws, <[f64]>::to_vec, &mean, &sds);
        assert!(Verdict::of(&draws, &[]).passed);
        // Bound on the cost: a white normal takes about seven gradients a draw.
        assert!(draws.gradients < 4 * 3200 * 9, "{}", draws.gradients);
    }
}

#[test]
fn the_metric_is_diagonal_where_the_approximation_is_a_mode_and_low_rank_elsewhere() {
    let (target, ..) = correlated_normal(5, 100.0);
    let normal = approximation(&target);
    assert_eq!(normal.repaired, 0);
    let mut repaired = normal.clone();
    repaired.repaired = 1;
    let run = |normal: &Laplace, metric| {
        let settings = NutsSettings { chains: 2, metric, ..settings(100, 50) };
        nuts_from(&target, normal, &settings, Seed(3), &|_| ()).unwrap().values
    };
    let [diagonal, low_rank] = [Metric::Diagonal, Metric::LowRank].map(|metric| run(&normal, metric));
    assert_ne!(diagonal, low_rank);
    assert_eq!(run(&normal, Metric::Automatic), diagonal);
    assert_eq!(run(&repaired, Metric::Automatic), low_rank);
}

#[test]
fn the_targets_of_the_other_samplers() {
    // A hundred parameters, and a bend that needs long trajectories.
    for (target, warmup, draws) in [(targets::conjugate(100), 500, 2000), (targets::banana(), 500, 40_000)] {
        let draws = nuts(&target, &target.starts(4), &settings(warmup, draws), Seed(1), &|_| ()).unwrap();
        target.check(&draws, mcse_mean, 0.05);
    }
}

#[test]
fn divided_steps_follow_a_bend_that_whole_ones_leave() {
    let target = targets::banana();
    let run = |divide_above| {
        let settings = NutsSettings { divide_above, target_acceptance: 0.7, ..settings(500, 20_000) };
        nuts(&target, &target.starts(4), &settings, Seed(1), &|_| ()).unwrap()
    };
    let (whole, divided) = (run(None), run(Some(1.0)));
    println!("{} and {} divergences", whole.divergences(), divided.divergences());
    println!("{} and {} gradients", whole.gradients, divided.gradients);
    assert!(whole.divergences() > 10 && divided.divergences() == 0);
    target.check(&divided, mcse_mean, 0.05);
}

/// Exact means and sds of θ₁ … θ₈, μ, τ: given τ all else is normal, and τ is integrated on a grid of ln τ.
pub fn eight_schools_exactly() -> (Vec<f64>, Vec<f64>) {
    let (mut weight, mut first, mut second) = (0.0, vec![0.0; 10], vec![0.0; 10]);
    for step in 0..8000 {
        let ln_tau = -20.0 + 30.0 * f64::from(step) / 8000.0;
        let tau = ln_tau.exp();
        // Given τ, yᵢ ~ N(μ, σᵢ² + τ²) and μ ~ N(0, 5).
        let precision = |school: usize| (ERRORS[school].powi(2) + tau * tau).recip();
        let total: f64 = 0.04 + (0..8).map(precision).sum::<f64>();
        let mu = (0..8).map(|school| precision(school) * EFFECTS[school]).sum::<f64>() / total;
        let fit: f64 = (0..8).map(|school| precision(school) * (EFFECTS[school] - mu).powi(2)).sum();
        let spread: f64 = (0..8).map(|school| precision(school).ln()).sum();
        let ln_weight = ln_tau - (tau / 5.0).powi(2).ln_1p() + 0.5 * (spread - total.ln() - fit - 0.04 * mu * mu);
        let here = ln_weight.exp();
        weight += here;
        let mut add = |at: usize, mean: f64, variance: f64| {
            first[at] += here * mean;
            second[at] += here * (mean * mean + variance);
        };
        for school in 0..8 {
            // θᵢ = μ + shrunk (yᵢ − μ) + noise of its own.
            let shrunk = tau * tau * precision(school);
            let mean = mu + shrunk * (EFFECTS[school] - mu);
            add(school, mean, shrunk * ERRORS[school].powi(2) + (1.0 - shrunk).powi(2) / total);
        }
        add(8, mu, total.recip());
        add(9, tau, 0.0);
    }
    let means: Vec<f64> = first.iter().map(|sum| sum / weight).collect();
    let sds = second.iter().zip(&means).map(|(sum, mean)| (sum / weight - mean * mean).sqrt()).collect();
    (means, sds)
}

#[test]
fn eight_schools_non_centred() {
    let (means, sds) = eight_schools_exactly();
    // posteriordb, reference posterior eight_schools-eight_schools_noncentered, means with errors of about 0.05.
    let posteriordb = [6.1505, 4.9396, 3.9059, 4.7960, 3.6144, 4.0511, 6.3172, 4.8840, 4.4105, 3.6021];
    for (found, reference) in means.iter().zip(posteriordb) {
        assert!((found - reference).abs() < 0.15, "{found} {reference}");
    }
    let target = eight_schools();
    let effects = |draw: &[f64]| {
        let (mu, tau) = (draw[8], draw[9].exp());
        let mut found: Vec<f64> = draw[..8].iter().map(|eta| mu + tau * eta).collect();
        found.extend([mu, tau]);
        found
    };
    let settings = settings(500, 5000);
    let draws = nuts(&target, &starts(4, 10, 1.0), &settings, Seed(1), &|_| ()).unwrap();
    check_moments("eight schools", &draws, effects, &means, &sds);
    let draws = nuts_from(&target, &approximation(&target), &settings, Seed(2), &|_| ()).unwrap();
    check_moments("eight schools, whitened", &draws, effects, &means, &sds);
    let verdict = Verdict::of(&draws, &[]);
    assert!(verdict.passed, "{:?}", verdict.reasons);
}

#[test]
fn a_target_that_rejects_half_of_space() {
    let density = |at: &[f64], gradient: &mut [f64]| {
        if at[0] < 0.0 {
            return Err(Rejection::new("negative"));
        }
        gradient.copy_from_slice(&[-at[0], -at[1]]);
        Ok(-0.5 * (at[0] * at[0] + at[1] * at[1]))
    };
    let target = Target { dimension: 2, density };
    let all = [vec![0.5, 0.0], vec![1.5, 1.0], vec![0.1, -1.0], vec![2.0, 0.5]];
    let draws = nuts(&target, &all, &settings(500, 5000), Seed(1), &|_| ()).unwrap();
    assert!(draws.parameter(0).concat().iter().all(|x| *x >= 0.0));
    let half = std::f64::consts::FRAC_2_PI;
    check_moments("half normal", &draws, <[f64]>::to_vec, &[half.sqrt(), 0.0], &[(1.0 - half).sqrt(), 1.0]);
    // The wall is met, and the verdict says so.
    let verdict = Verdict::of(&draws, &[]);
    assert!(verdict.divergences > 0 && !verdict.passed);
    // A mode on the wall: half of its neighbourhood cannot be evaluated.
    let draws = nuts_from(&target, &laplace(&target, &[0.0, 0.0], None), &settings(300, 1000), Seed(3), &|_| ());
    assert!(draws.unwrap().parameter(0).concat().iter().all(|x| *x >= 0.0));
}

#[test]
fn the_funnel_passes_non_centred_and_fails_centred() {
    // v ~ N(0, 3), xᵢ ~ N(0, exp(v / 2)), nine of them (Neal 2003); non-centred xᵢ = exp(v / 2) zᵢ.
    let non_centred = |at: &[f64], gradient: &mut [f64]| {
        gradient[0] = -at[0] / 9.0;
        let mut density = -at[0] * at[0] / 18.0;
        for (gradient, z) in gradient[1..].iter_mut().zip(&at[1..]) {
            *gradient = -z;
            density -= 0.5 * z * z;
        }
        Ok(density)
    };
    let target = Target { dimension: 10, density: non_centred };
    let draws = nuts(&target, &starts(4, 10, 1.0), &settings(500, 4000), Seed(1), &|_| ()).unwrap();
    // E ln|z| = −(γ + ln 2) / 2 and var ln|z| = π² / 8.
    let ln_z = -0.5 * (0.577_215_664_901_532_9 + 2f64.ln());
    let ln_x_sd = (9.0 / 4.0 + std::f64::consts::PI.powi(2) / 8.0).sqrt();
    let of = |draw: &[f64]| vec![draw[0], draw[0] / 2.0 + draw[1].abs().ln()];
    check_moments("funnel", &draws, of, &[0.0, ln_z], &[3.0, ln_x_sd]);
    assert!(Verdict::of(&draws, &[]).passed);

    let centred = |at: &[f64], gradient: &mut [f64]| {
        let (v, precision) = (at[0], (-at[0]).exp());
        let squares: f64 = at[1..].iter().map(|x| x * x).sum();
        gradient[0] = -v / 9.0 - 4.5 + 0.5 * precision * squares;
        for (gradient, x) in gradient[1..].iter_mut().zip(&at[1..]) {
            *gradient = -x * precision;
        }
        Ok(-v * v / 18.0 - 4.5 * v - 0.5 * precision * squares)
    };
    let target = Target { dimension: 10, density: centred };
    let draws = nuts(&target, &starts(4, 10, 1.0), &settings(500, 1000), Seed(1), &|_| ()).unwrap();
    let verdict = Verdict::of(&draws, &["v".to_string()]);
    assert!(!verdict.passed && !verdict.reasons.is_empty(), "{verdict:?}");
}

#[test]
fn chains_in_different_wells_do_not_pass() {
    let density = |at: &[f64], gradient: &mut [f64]| {
        let (left, right) = (-0.5 * (at[0] + 10.0).powi(2), -0.5 * (at[0] - 10.0).powi(2));
        gradient[0] = if left > right { -(at[0] + 10.0) } else { -(at[0] - 10.0) };
        Ok(left.max(right))
    };
    let target = Target { dimension: 1, density };
    let all: Vec<Vec<f64>> = [-10.5, 9.5, 11.0, 10.2].map(|x| vec![x]).to_vec();
    let draws = nuts(&target, &all, &settings(300, 500), Seed(1), &|_| ()).unwrap();
    let verdict = Verdict::of(&draws, &["slope".to_string()]);
    assert!(!verdict.passed && verdict.worst_r_hat > 1.5, "{verdict:?}");
    assert!(verdict.reasons[0].contains("slope"), "{:?}", verdict.reasons);
}

#[test]
fn draws_do_not_depend_on_the_number_of_threads() {
    let (target, ..) = correlated_normal(5, 100.0);
    let sample = |seed| {
        let one = nuts(&target, &starts(4, 5, 1.0), &settings(200, 100), Seed(seed), &|_| ()).unwrap();
        (one, nuts_from(&target, &approximation(&target), &settings(100, 100), Seed(seed), &|_| ()).unwrap())
    };
    let on = |threads: usize, seed| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| sample(seed))
    };
    let (one, from) = on(1, 3);
    assert_eq!((&one, &from), (&on(2, 3).0, &on(2, 3).1));
    assert_ne!(one.values, on(2, 4).0.values);
    assert_eq!((one.chains, one.draws, one.dimension, one.values.len()), (4, 100, 5, 2000));
    assert!([one.energy.len(), one.acceptance.len(), one.step_size.len(), one.tree_depth.len()] == [400; 4]);
    assert!([one.ln_density.len(), one.leapfrogs.len(), one.divergent.len()] == [400; 3]);
    // What is said of a draw belongs to that draw.
    let (mut workspace, mut gradient) = (target.workspace(), [0.0; 5]);
    for draws in [&one, &from] {
        for (draw, said) in draws.all().iter().zip(&draws.ln_density) {
            let density = target.ln_density_gradient(&mut workspace, draw, &mut gradient).unwrap();
            assert!((density - said).abs() < 1e-9, "{density} {said}");
        }
        assert!(draws.acceptance.iter().all(|a| (0.0..=1.0).contains(a)));
        assert!(draws.step_size.iter().all(|step| *step > 0.0));
        assert!(draws.leapfrogs.iter().zip(&draws.tree_depth).all(|(steps, depth)| *steps >= 1 && *steps < 2 << depth));
    }
}

#[test]
fn progress_is_told_after_every_draw() {
    let told = Mutex::new(Vec::new());
    let target = standard_normal(3);
    let settings = NutsSettings { chains: 2, ..settings(50, 30) };
    let draws =
        nuts(&target, &starts(2, 3, 1.0), &settings, Seed(1), &|progress| told.lock().unwrap().push(progress)).unwrap();
    let told = told.into_inner().unwrap();
    let mut gradients = 0;
    for chain in 0..2 {
        let of: Vec<_> = told.iter().filter(|progress| progress.chain == chain).collect();
        assert_eq!(of.len(), 80);
        assert!(of.iter().enumerate().all(|(at, told)| told.done == at + 1 && told.total == 80));
        assert!(of.iter().all(|told| told.warmup == (told.done <= 50) && told.step_size > 0.0));
        assert!(of.iter().all(|told| (0.0..=1.0).contains(&told.acceptance)));
        gradients += of[79].gradients;
    }
    assert_eq!(gradients, draws.gradients);
    assert!(draws.gradients > draws.leapfrogs.iter().sum::<i64>() as u64);
}

#[test]
fn what_cannot_be_sampled_is_an_error_with_its_reason() {
    let target = standard_normal(2);
    let run = |starts: &[Vec<f64>], settings: &NutsSettings| nuts(&target, starts, settings, Seed(1), &|_| ());
    let good = settings(50, 10);
    let wrong = |change: fn(&mut NutsSettings)| {
        let mut settings = good.clone();
        change(&mut settings);
        settings
    };
    let settings = [
        wrong(|s| s.chains = 0),
        wrong(|s| s.draws = 0),
        wrong(|s| s.warmup = 0),
        wrong(|s| s.target_acceptance = 1.0),
        wrong(|s| s.target_acceptance = f64::NAN),
        wrong(|s| s.divide_above = Some(0.0)),
        wrong(|s| s.divide_above = Some(f64::INFINITY)),
        wrong(|s| s.max_tree_depth = 0),
    ];
    for settings in &settings {
        assert!(matches!(run(&starts(4, 2, 1.0), settings), Err(SampleError::Settings(_))), "{settings:?}");
    }
    assert!(matches!(run(&[], &good), Err(SampleError::Settings(_))));
    assert!(matches!(run(&[vec![0.0]], &good), Err(SampleError::Settings(_))));
    // A start exactly on the mode has no gradient to take a scale from, and works all the same.
    assert!(run(&[vec![0.0, 0.0]], &good).is_ok());
    let nowhere = Target { dimension: 1, density: |_: &[f64], _: &mut [f64]| Err(Rejection::new("no steady state")) };
    let found = nuts(&nowhere, &[vec![0.0]], &good, Seed(1), &|_| ());
    assert!(
        matches!(&found, Err(SampleError::Start { reason, .. }) if reason.contains("no steady state")),
        "{found:?}"
    );
}
