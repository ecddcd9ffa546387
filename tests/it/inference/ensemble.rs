//! Ensembles of walkers against known moments.

use std::sync::Mutex;

use homeostat::inference::{
    Draws, EnsembleReport, EnsembleSettings, SampleError, Verdict, ensemble, mcse_between, mcse_mean,
};
use homeostat::stats::Seed;

use super::nuts::eight_schools_exactly;
use super::targets::{self, Posterior, on_one_and_two_threads};

fn settings(walkers: usize, warmup: usize, draws: usize) -> EnsembleSettings {
    EnsembleSettings { ensembles: 8, walkers, warmup, draws, ..EnsembleSettings::default() }
}

fn sample(target: &Posterior, settings: &EnsembleSettings, seed: u64) -> (Draws, EnsembleReport) {
    let starts = target.starts(settings.walkers * settings.ensembles);
    ensemble(target, &starts, settings, Seed(seed), &|_| ()).unwrap()
}

/// The larger of the errors that walkers and ensembles tell.
fn error(chains: &[Vec<f64>]) -> f64 {
    mcse_mean(chains).max(mcse_between(chains))
}

fn check(target: &Posterior, settings: &EnsembleSettings) {
    let (draws, report) = sample(target, settings, 1);
    target.check(&draws, error, 0.05);
    let verdict = Verdict::of(&draws, &[]);
    assert!(verdict.passed, "{}: {:?}", target.name, verdict.reasons);
    assert!(report.acceptance.iter().all(|acceptance| (0.1..0.9).contains(acceptance)), "{report:?}");
}

#[test]
fn correlated_normals() {
    check(&targets::conjugate(2), &settings(32, 500, 100));
    check(&targets::conjugate(20), &EnsembleSettings { thin: 20, ..settings(64, 3000, 200) });
}

// `cargo test --release an_ensemble_in_a_hundred -- --ignored`: without gradients, and in ten times the steps that 20 parameters take.
#[test]
#[ignore = "takes minutes"]
fn an_ensemble_in_a_hundred_correlated_parameters() {
    check(&targets::conjugate(100), &EnsembleSettings { thin: 200, ..settings(256, 30_000, 150) });
}

#[test]
fn stretches_alone_and_differences_alone() {
    let good = settings(32, 500, 100);
    let target = targets::conjugate(2);
    check(&target, &EnsembleSettings { difference: 0.0, snooker: 0.0, ..good.clone() });
    check(&target, &EnsembleSettings { stretch: 0.0, snooker: 0.0, ..good.clone() });
    check(&target, &EnsembleSettings { stretch: 0.0, difference: 0.5, snooker: 0.5, ..good });
}

#[test]
fn bent_and_hierarchical_targets() {
    check(&targets::banana(), &settings(32, 1000, 300));
    check(&targets::funnel(), &settings(64, 2000, 200));
    let (means, sds) = eight_schools_exactly();
    check(&targets::schools(means, sds), &EnsembleSettings { thin: 20, ..settings(64, 2000, 300) });
}

#[test]
fn walkers_that_start_without_a_density_are_found() {
    let target = targets::half_plane();
    check(&target, &settings(32, 300, 200));
    let (draws, _) = sample(&target, &settings(32, 0, 50), 1);
    assert!(draws.parameter(0).concat().iter().all(|x| *x >= 0.0));
}

#[test]
fn draws_do_not_depend_on_threads_and_progress_is_told() {
    let target = targets::conjugate(3);
    let settings = EnsembleSettings { ensembles: 2, ..settings(16, 50, 10) };
    let (one, two) = on_one_and_two_threads(|| sample(&target, &settings, 3));
    assert_eq!(one, two);
    assert_ne!(one.0.values, sample(&target, &settings, 4).0.values);
    assert_eq!((one.0.chains, one.0.draws, one.0.dimension), (2, 160, 3));
    let told = Mutex::new(Vec::new());
    let progress = |at| told.lock().unwrap().push(at);
    ensemble(&target, &target.starts(32), &settings, Seed(1), &progress).unwrap();
    let told = told.into_inner().unwrap();
    assert_eq!(told.len(), 2 * 150);
    assert!(told.iter().all(|at| at.total == 150 && at.warmup == (at.done <= 50)));
}

#[test]
fn what_cannot_be_sampled_is_an_error_with_its_reason() {
    let good = settings(16, 50, 10);
    let target = targets::conjugate(3);
    let run = |settings: &EnsembleSettings| ensemble(&target, &target.starts(16), settings, Seed(1), &|_| ());
    for wrong in [
        EnsembleSettings { ensembles: 0, ..good.clone() },
        EnsembleSettings { walkers: 15, ..good.clone() },
        EnsembleSettings { walkers: 6, ..good.clone() },
        EnsembleSettings { walkers: 64, ..good.clone() },
        EnsembleSettings { thin: 0, ..good.clone() },
        EnsembleSettings { stretch: f64::NAN, ..good.clone() },
        EnsembleSettings { stretch: 0.0, difference: 0.0, snooker: 0.0, ..good.clone() },
    ] {
        assert!(matches!(run(&wrong), Err(SampleError::Settings(_))), "{wrong:?}");
    }
    let nowhere = targets::nowhere();
    let found = ensemble(&nowhere, &nowhere.starts(16), &good, Seed(1), &|_| ());
    assert!(
        matches!(&found, Err(SampleError::Start { reason, .. }) if reason.contains("no steady state")),
        "{found:?}"
    );
}
