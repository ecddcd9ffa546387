//! Importance resampling from normal approximations: right where k̂ says so, and k̂ says no where it is wrong.

use homeostat::inference::{
    Approximation, Draws, QuickReport, QuickSettings, SampleError, WORST_K_HAT, mcse_between, quick,
};
use homeostat::stats::Seed;

use super::nuts::eight_schools_exactly;
use super::starts;
use super::targets::{self, Posterior, on_one_and_two_threads};

const BOTH: [Approximation; 2] = [Approximation::Laplace, Approximation::Pathfinder];

fn sample(target: &Posterior, settings: &QuickSettings, seed: u64) -> (Draws, QuickReport) {
    quick(target, &target.starts(8), settings, Seed(seed)).unwrap()
}

fn check(target: &Posterior, approximation: Approximation) -> QuickReport {
    let settings = QuickSettings { approximation, chains: 16, ..QuickSettings::default() };
    let (draws, report) = sample(target, &settings, 1);
    assert!(report.reliable(), "{report:?}");
    target.check(&draws, mcse_between, 0.05);
    if target.ln_evidence.is_finite() {
        assert!((report.ln_evidence - target.ln_evidence).abs() < 0.1, "{}: {report:?}", target.name);
    }
    report
}

#[test]
fn normals_are_exact_and_hierarchies_and_modes_are_corrected() {
    for approximation in BOTH {
        check(&targets::conjugate(2), approximation);
        check(&targets::conjugate(20), approximation);
        check(&targets::funnel(), approximation);
    }
    check(&targets::conjugate(100), Approximation::Laplace);
    // Modes each have an approximation of their own.
    check(&targets::two_modes(), Approximation::Laplace);
    check(&targets::two_modes(), Approximation::Pathfinder);
    let (means, sds) = eight_schools_exactly();
    check(&targets::schools(means, sds), Approximation::Pathfinder);
}

#[test]
fn k_hat_tells_of_a_bend_that_one_normal_cannot_follow() {
    let target = targets::banana();
    for approximation in BOTH {
        let settings = QuickSettings { approximation, chains: 16, ..QuickSettings::default() };
        let (_, report) = sample(&target, &settings, 1);
        assert!(report.k_hat > 0.5 && report.ess < 20_000.0, "{report:?}");
        assert!((report.ln_evidence - target.ln_evidence).abs() < 0.1, "{report:?}");
    }
}

#[test]
fn k_hat_tells_that_a_short_way_leaves_a_hundred_parameters_unknown() {
    // Some fifty steps lead to the mode, and fewer steps than parameters do not tell the curvature along every one.
    let settings = QuickSettings { approximation: Approximation::Pathfinder, chains: 16, ..QuickSettings::default() };
    let (_, report) = sample(&targets::conjugate(100), &settings, 1);
    assert!(!report.reliable() && report.k_hat > WORST_K_HAT, "{report:?}");
}

#[test]
fn k_hat_tells_of_a_target_with_heavy_tails() {
    // Ten parameters like a Cauchy distribution.
    let cauchy = |at: &[f64], gradient: &mut [f64]| {
        gradient.iter_mut().zip(at).for_each(|(slope, x)| *slope = -2.0 * x / (1.0 + x * x));
        Ok(-at.iter().map(|x| (x * x).ln_1p()).sum::<f64>())
    };
    let target = Posterior { likelihood: Box::new(cauchy), prior_sds: vec![1e6; 10], ..targets::half_plane() };
    for approximation in BOTH {
        let settings = QuickSettings { approximation, ..QuickSettings::default() };
        let (_, report) = quick(&target, &starts(4, 10, 1.0), &settings, Seed(1)).unwrap();
        assert!(!report.reliable() && report.k_hat > WORST_K_HAT, "{report:?}");
    }
}

#[test]
fn draws_do_not_depend_on_threads_and_errors_have_reasons() {
    let target = targets::banana();
    let settings = QuickSettings { draws: 100, candidates: 200, ..QuickSettings::default() };
    let (one, two) = on_one_and_two_threads(|| sample(&target, &settings, 3));
    assert_eq!(one, two);
    assert_ne!(one.0.values, sample(&target, &settings, 4).0.values);
    assert_eq!((one.0.chains, one.0.draws, one.0.ln_density.len()), (4, 100, 400));
    for wrong in [
        QuickSettings { chains: 0, ..settings.clone() },
        QuickSettings { candidates: 10, ..settings.clone() },
        QuickSettings { heavy: 1.0, ..settings.clone() },
        QuickSettings { df: 0.0, ..settings.clone() },
    ] {
        let found = quick(&target, &target.starts(2), &wrong, Seed(1));
        assert!(matches!(found, Err(SampleError::Settings(_))), "{wrong:?}");
    }
    assert!(matches!(quick(&target, &[], &settings, Seed(1)), Err(SampleError::Settings(_))));
    for approximation in BOTH {
        let settings = QuickSettings { approximation, ..settings.clone() };
        let found = quick(&targets::nowhere(), &starts(2, 2, 1.0), &settings, Seed(1));
        let told = matches!(&found, Err(SampleError::Start { reason, .. }) if reason.contains("no steady state"));
        assert!(told, "{found:?}");
    }
}
