//! Tempered SMC: moments, weights of modes and evidences against closed forms; the same draws after a break.

use std::sync::Mutex;

use homeostat::inference::{
    Draws, SampleError, SmcMove, SmcReport, SmcSettings, SmcState, Verdict, mcse_between, smc, smc_from,
};
use homeostat::stats::Seed;

use super::nuts::eight_schools_exactly;
use super::targets::{self, Posterior, on_one_and_two_threads};

fn settings(runs: usize, particles: usize, moves: SmcMove) -> SmcSettings {
    SmcSettings { runs, particles, moves, ..SmcSettings::default() }
}

fn sample(target: &Posterior, settings: &SmcSettings, seed: u64) -> (Draws, SmcReport) {
    smc(target, settings, Seed(seed), &|_| (), &mut |_| ()).unwrap()
}

/// Moments against their spread between runs, and the evidence.
fn check(target: &Posterior, settings: &SmcSettings) -> SmcReport {
    let (draws, report) = sample(target, settings, 1);
    target.check(&draws, mcse_between, 0.05);
    if target.ln_evidence.is_finite() {
        let off = report.ln_evidence - target.ln_evidence;
        assert!(off.abs() < 0.1, "{}: ln evidence is off by {off}, {report:?}", target.name);
        assert!(report.ln_evidence_error < 0.1, "{report:?}");
    }
    report
}

#[test]
fn correlated_normals_with_their_evidence() {
    check(&targets::conjugate(2), &settings(16, 500, SmcMove::Hamiltonian));
    check(&targets::conjugate(20), &settings(16, 500, SmcMove::Hamiltonian));
    check(&targets::conjugate(2), &settings(16, 500, SmcMove::Walk));
    check(&targets::conjugate(20), &settings(16, 500, SmcMove::Walk));
}

// `cargo test --release a_hundred_correlated_parameters -- --ignored`: a minute on two cores.
#[test]
#[ignore = "takes a minute"]
fn a_hundred_correlated_parameters() {
    check(&targets::conjugate(100), &settings(16, 1000, SmcMove::Hamiltonian));
}

#[test]
fn bent_and_hierarchical_targets() {
    for moves in [SmcMove::Hamiltonian, SmcMove::Walk] {
        check(&targets::banana(), &settings(16, 1000, moves));
    }
    check(&targets::funnel(), &settings(16, 500, SmcMove::Hamiltonian));
    let (means, sds) = eight_schools_exactly();
    check(&targets::schools(means, sds), &settings(16, 1000, SmcMove::Hamiltonian));
}

#[test]
fn two_modes_keep_their_weights() {
    for moves in [SmcMove::Hamiltonian, SmcMove::Walk] {
        let report = check(&targets::two_modes(), &settings(16, 500, moves));
        assert!(report.families.iter().all(|families| *families > 20), "{:?}", report.families);
    }
}

#[test]
fn a_likelihood_that_rejects_half_of_the_prior() {
    for moves in [SmcMove::Hamiltonian, SmcMove::Walk] {
        check(&targets::half_plane(), &settings(16, 500, moves));
    }
}

#[test]
fn draws_depend_on_neither_threads_nor_breaks() {
    for moves in [SmcMove::Hamiltonian, SmcMove::Walk] {
        let target = targets::conjugate(3);
        let settings = settings(2, 100, moves);
        let (one, two) = on_one_and_two_threads(|| sample(&target, &settings, 3));
        assert_eq!(one, two);
        assert_ne!(one.0.values, sample(&target, &settings, 4).0.values);
        let mut states = Vec::new();
        let mut keep = |state: &SmcState| states.push(serde_json::to_string(state).unwrap());
        assert_eq!(smc(&target, &settings, Seed(3), &|_| (), &mut keep).unwrap(), one);
        assert!(states.len() >= 3);
        for text in [&states[0], &states[1], &states[states.len() - 1]] {
            let state: SmcState = serde_json::from_str(text).unwrap();
            let again = smc_from(&target, state, &settings, Seed(3), &|_| (), &mut |_| ()).unwrap();
            assert_eq!(again, one);
        }
    }
}

#[test]
fn runs_are_compared_and_progress_is_told() {
    let target = targets::conjugate(3);
    let told = Mutex::new(Vec::new());
    let progress = |stage| told.lock().unwrap().push(stage);
    let settings = settings(4, 500, SmcMove::Hamiltonian);
    let (draws, report) = smc(&target, &settings, Seed(1), &progress, &mut |_| ()).unwrap();
    assert_eq!((draws.chains, draws.draws, draws.dimension), (4, 500, 3));
    assert_eq!((draws.ln_density.len(), draws.divergent.len()), (2000, 2000));
    let verdict = Verdict::of(&draws, &[]);
    assert!(verdict.passed, "{:?}", verdict.reasons);
    let told = told.into_inner().unwrap();
    for run in 0..4 {
        let of: Vec<_> = told.iter().filter(|stage| stage.run == run).collect();
        assert_eq!(of.len(), report.stages[run].len());
        assert!(of.windows(2).all(|pair| pair[0].level < pair[1].level && pair[0].stage + 1 == pair[1].stage));
        assert_eq!(of.last().unwrap().level, 1.0);
    }
    assert!(told.iter().map(|stage| stage.evaluations).max().unwrap() * 4 > report.gradients);
    assert!(report.mcse_mean.iter().zip(&target.sds).all(|(error, sd)| *error < 0.1 * sd));
}

#[test]
fn what_cannot_be_sampled_is_an_error_with_its_reason() {
    let good = settings(2, 100, SmcMove::Hamiltonian);
    let run = |settings: &SmcSettings| smc(&targets::conjugate(2), settings, Seed(1), &|_| (), &mut |_| ());
    for wrong in [
        SmcSettings { runs: 0, ..good.clone() },
        SmcSettings { particles: 5, ..good.clone() },
        SmcSettings { ess: 1.0, ..good.clone() },
        SmcSettings { correlation: f64::NAN, ..good.clone() },
        SmcSettings { sweeps: 0, ..good.clone() },
    ] {
        assert!(matches!(run(&wrong), Err(SampleError::Settings(_))), "{wrong:?}");
    }
    let found = run(&SmcSettings { stages: 2, ..good.clone() });
    assert!(matches!(found, Err(SampleError::Stage { stage: 2, .. })), "{found:?}");
    let found = smc(&targets::nowhere(), &good, Seed(1), &|_| (), &mut |_| ());
    assert!(
        matches!(&found, Err(SampleError::Start { reason, .. }) if reason.contains("no steady state")),
        "{found:?}"
    );
    let mut state = None;
    let target = targets::conjugate(2);
    smc(&target, &good, Seed(1), &|_| (), &mut |told| state = Some(told.clone())).unwrap();
    let more = SmcSettings { particles: 200, ..good };
    let found = smc_from(&target, state.unwrap(), &more, Seed(1), &|_| (), &mut |_| ());
    assert!(matches!(found, Err(SampleError::Settings(_))));
}
