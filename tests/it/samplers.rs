//! Every sampler on a person's posterior, against NUTS; and what is refused or flagged before and after sampling.

use std::path::Path;

use homeostat::inference::NutsSettings;
use homeostat::model::{Composed, Library};
use homeostat::patient::Patient;
use homeostat::stats::Seed;
use homeostat::twin::{
    CalibrateError, Calibration, Earlier, Progress, Sampler, Summary, Twin, calibrate, calibrate_resumable,
};

fn theophylline() -> (Composed, Patient) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("patients/theophylline_01");
    (Library::embedded().load("theophylline").unwrap().0, Patient::load(&folder).unwrap().0)
}

fn by(sampler: Sampler, draws: usize, seed: u64) -> Twin {
    let (model, patient) = theophylline();
    let nuts = NutsSettings { draws, ..NutsSettings::default() };
    let settings = Calibration { sampler, nuts, predictions: 20_000, ..Calibration::default() };
    calibrate(model, &patient, &settings, Seed(seed), &|_| ()).unwrap().0
}

/// Mean, sd, and length of the central 90 % of each parameter on the scale of sampling.
fn moments(twin: &Twin) -> Vec<[f64; 3]> {
    let of = |index: usize| {
        let transform = &twin.posterior.prior.calibrated[index].transform;
        let mut all: Vec<f64> = twin.draws.parameter(index).concat().iter().map(|x| transform.to_real(*x)).collect();
        all.sort_by(f64::total_cmp);
        let count = all.len() as f64;
        let mean = all.iter().sum::<f64>() / count;
        let sd = (all.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / count).sqrt();
        [mean, sd, all[(0.95 * count) as usize] - all[(0.05 * count) as usize]]
    };
    (0..twin.draws.dimension).map(of).collect()
}

#[test]
fn samplers_with_a_likelihood_agree() {
    let reference = moments(&by(Sampler::Nuts, 2000, 1));
    let mut evidence = Vec::new();
    for sampler in [Sampler::Smc, Sampler::Ensemble, Sampler::Quick] {
        let twin = by(sampler, 1000, 2);
        assert!(twin.verdict.passed, "{sampler:?}: {:?}", twin.verdict.reasons);
        evidence.extend(twin.provenance.ln_evidence.map(|(ln, _)| ln));
        // A sampler may know the evidence and not its error.
        let (folder, made) = (tempfile::tempdir().unwrap(), twin.provenance.ln_evidence);
        twin.write(&folder.path().join("twin"), false).unwrap();
        assert_eq!(Twin::read(&folder.path().join("twin")).unwrap().provenance.ln_evidence, made);
        for (index, ([mean, sd, _], [known, spread, _])) in moments(&twin).into_iter().zip(&reference).enumerate() {
            assert!((mean - known).abs() < 0.12 * spread, "{sampler:?}, {index}: mean {mean}, NUTS {known} ± {spread}");
            assert!((sd / spread - 1.0).abs() < 0.1, "{sampler:?}, {index}: sd {sd}, NUTS {spread}");
        }
    }
    // Two ways to the same integral.
    assert!(evidence.len() == 2 && (evidence[0] - evidence[1]).abs() < 0.1, "{evidence:?}");
}

#[test]
fn approximate_bayesian_computation_comes_near_and_is_no_narrower() {
    let reference = moments(&by(Sampler::Nuts, 2000, 1));
    let twin = by(Sampler::Abc, 1000, 3);
    assert!(twin.provenance.remarks[0].starts_with("ABC approximates"), "{:?}", twin.provenance.remarks);
    for (index, ([mean, _, length], [known, spread, shortest])) in
        moments(&twin).into_iter().zip(&reference).enumerate()
    {
        println!("{index}: {:.2} sd, {:.2} as long", (mean - known) / spread, length / shortest);
        assert!((mean - known).abs() < 0.5 * spread, "{index}: mean {mean}, NUTS {known} ± {spread}");
        assert!(length >= *shortest, "{index}: length {length}, NUTS {shortest}");
    }
}

#[test]
fn particles_go_on_from_the_stage_that_was_kept() {
    let folder = tempfile::tempdir().unwrap();
    for sampler in [Sampler::Smc, Sampler::Abc] {
        let (model, patient) = theophylline();
        let nuts = NutsSettings { chains: 2, draws: 200, ..NutsSettings::default() };
        let settings = Calibration { sampler, nuts, predictions: 2000, simulations: 5000, ..Calibration::default() };
        let path = folder.path().join(format!("{sampler:?}.twin"));
        let run = |earlier, progress: &(dyn Fn(Progress) + Sync)| {
            calibrate_resumable(model.clone(), &patient, &settings, Seed(5), (&path, earlier), progress).unwrap()
        };
        let (whole, _, checkpoint) = run(Earlier::Refuse, &|_| ());
        // As after a kill before the twin was written, with a stage less: what was kept last is the end.
        let kept = checkpoint.stage().unwrap();
        let state: serde_json::Value = serde_json::from_str(&kept).unwrap();
        assert_eq!(state["runs"].as_array().unwrap().len(), 2);
        drop(checkpoint);
        let stages = std::sync::atomic::AtomicUsize::new(0);
        let count = |at| {
            if let Progress::Stage(_) = at {
                stages.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            }
        };
        let (resumed, _, checkpoint) = run(Earlier::Resume, &count);
        assert_eq!(stages.into_inner(), 0, "{sampler:?} computed a stage again");
        let (resumed, whole) = (resumed.gathered(), whole.gathered());
        assert_eq!(resumed.draws, whole.draws);
        assert_eq!(resumed.predictions, whole.predictions);
        checkpoint.finish();
    }
}

/// The person with one sample changed.
fn with_sample(patient: &Patient, at: usize, value: f64) -> Patient {
    let mut patient = patient.clone();
    patient.observations[0].readings[at].value = value;
    patient
}

#[test]
fn a_reading_that_the_model_calls_impossible_is_named() {
    let (_, patient) = theophylline();
    let text = Library::embedded().load("theophylline").unwrap().0.sources[0].text.replace(
        "observe    plasma_theophylline ~ Normal(plasma_theophylline,\n             sqrt(additive^2 + (proportional * plasma_theophylline)^2))",
        "observe    plasma_theophylline ~ LogNormal(plasma_theophylline + additive, proportional)",
    );
    assert!(text.contains("LogNormal(plasma_theophylline +"));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("logarithmic.model");
    std::fs::write(&file, text).unwrap();
    let (model, _) = Library::embedded().load(file.to_str().unwrap()).unwrap();
    let patient = with_sample(&patient, 4, 0.0);
    let Err(CalibrateError::Files(found)) = calibrate(model, &patient, &Calibration::default(), Seed(1), &|_| ())
    else {
        panic!("it was calibrated");
    };
    let said = format!("{found:?}");
    assert!(said.contains("T3013") && said.contains("`plasma_theophylline` at 2.02 h, 0 mg/L, is "), "{said}");
}

#[test]
fn data_that_contradict_the_prior_fail_the_verdict_and_are_named() {
    let (model, patient) = theophylline();
    let nuts = NutsSettings { warmup: 100, draws: 100, ..NutsSettings::default() };
    let settings = Calibration { nuts, predictions: 2000, ..Calibration::default() };
    let sound = calibrate(model.clone(), &patient, &settings, Seed(1), &|_| ()).unwrap().0;
    assert!(!sound.verdict.reasons.iter().any(|reason| reason.contains("contradict")), "{:?}", sound.verdict.reasons);
    // As where a decimal point was lost twice.
    let wrong = with_sample(&patient, 5, 900.0);
    let twin = calibrate(model, &wrong, &settings, Seed(1), &|_| ()).unwrap().0;
    let reason = twin.verdict.reasons.iter().find(|reason| reason.contains("contradict")).unwrap();
    assert!(
        !twin.verdict.passed && reason.contains("`plasma_theophylline` at ") && reason.contains("900 mg/L"),
        "{reason}"
    );
}

#[test]
fn data_in_a_unit_too_small_displace_the_error_from_its_prior() {
    let (model, mut patient) = theophylline();
    let nuts = NutsSettings { warmup: 300, draws: 300, ..NutsSettings::default() };
    let settings = Calibration { nuts, predictions: 2000, ..Calibration::default() };
    let displaced = |patient: &Patient| -> Vec<String> {
        let twin = calibrate(model.clone(), patient, &settings, Seed(1), &|_| ()).unwrap().0;
        Summary::of(&twin).parameters.into_iter().filter(|p| p.displaced).map(|p| p.name).collect()
    };
    assert!(displaced(&patient).is_empty());
    // As where µg/dL were written down as µg/L.
    patient.observations[0].readings.iter_mut().for_each(|reading| reading.value *= 0.01);
    assert_eq!(displaced(&patient), ["proportional"]);
}
