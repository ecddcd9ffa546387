//! Simulation-based calibration end to end: a mean with a normal prior passes, wrong errors and priors are seen and named.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use homeostat::inference::{Departure, NutsSettings};
use homeostat::likelihood::{Limits, Posterior};
use homeostat::model::Library;
use homeostat::patient::{Censoring, Patient};
use homeostat::report::{Frame, rank_chart, ranks_of};
use homeostat::stats::Seed;
use homeostat::twin::{Calibration, CalibrationCheck, CheckSettings, Outcome, check_calibration, meet};
use tempfile::TempDir;

const BUNDLE: &str = "
[[observation]]
name = \"plasma_theophylline\"
LIMIT
readings = [
    { time = \"1 h\", value = \"9 mg/L\" },
    { time = \"2 h\", value = \"12 mg/L\" },
    { time = \"3 h\", value = \"10 mg/L\" },
]
";

/// A model of readings that scatter around a mean, as a file.
pub fn toy(folder: &Path, name: &str, prior: &str, error: &str) -> PathBuf {
    let text = format!(
        "component {name}\n  \"Readings around a mean.\"\nparameter mu [mg/L] ~ {prior}\n  source \"assumed: a test\"\n\
         output plasma_theophylline [mg/L] = mu\nobserve plasma_theophylline ~ {error}\n"
    );
    let path = folder.join(format!("{name}.model"));
    fs::write(&path, text).unwrap();
    path
}

/// A bundle of three readings, with a line of the device's limits.
pub fn bundle(folder: &Path, limit: &str) -> PathBuf {
    let path = folder.join("person");
    fs::create_dir_all(&path).unwrap();
    fs::write(path.join("patient.toml"), BUNDLE.replace("LIMIT", limit)).unwrap();
    path
}

struct Toy {
    folder: TempDir,
    patient: Patient,
}

impl Toy {
    fn new(limit: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let patient = Patient::load(&bundle(folder.path(), limit)).unwrap().0;
        Self { folder, patient }
    }

    fn posterior(&self, name: &str, prior: &str, error: &str) -> Arc<Posterior> {
        let path = toy(self.folder.path(), name, prior, error);
        let model = Library::embedded().load(path.to_str().unwrap()).unwrap().0;
        meet(model, &self.patient, Calibration::default().solver).unwrap().0
    }

    fn check(&self, simulated: &Posterior, fitted: &Posterior, simulations: usize, seed: u64) -> CalibrationCheck {
        let limits: Vec<Limits> = fitted.terms.iter().map(|term| Limits::of(&self.patient, term)).collect();
        let nuts = NutsSettings { chains: 2, warmup: 100, draws: 150, ..NutsSettings::default() };
        let calibration = Calibration { nuts, prior_draws: 100, ..Calibration::default() };
        let settings = CheckSettings { simulations, largest_rank: 49, calibration };
        check_calibration(simulated, fitted, &limits, &settings, Seed(seed), &|_| ()).unwrap()
    }
}

const PRIOR: &str = "Normal(10, 3)";
const ERROR: &str = "Normal(mu, 2 [mg/L])";

#[test]
fn a_right_calibration_passes_on_any_number_of_threads() {
    let toy = Toy::new("");
    let posterior = toy.posterior("right", PRIOR, ERROR);
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| toy.check(&posterior, &posterior, 60, 1))
    };
    let check = on(1);
    assert!(check.passed(), "{:?}", check.reasons());
    assert_eq!((check.fits().count(), check.failed()), (60, (0, 0)));
    let names: Vec<&str> = check.quantities.iter().map(|quantity| quantity.name.as_str()).collect();
    assert_eq!(names, ["mu", "ln likelihood"]);
    assert_eq!(check, on(2));
    assert_ne!(check.ranks, toy.check(&posterior, &posterior, 60, 2).ranks);
}

#[test]
fn readings_beyond_a_limit_are_calibrated_rightly() {
    let toy = Toy::new("lower_limit = \"8 mg/L\"\nupper_limit = \"11 mg/L\"");
    let posterior = toy.posterior("right", PRIOR, ERROR);
    let check = toy.check(&posterior, &posterior, 150, 1);
    assert!(check.passed(), "{:?}", check.reasons());
    let limits = Limits::of(&toy.patient, &posterior.terms[0]);
    assert_eq!(limits, Limits { lower: Some(8.0), upper: Some(11.0) });
    let readings = |mean: f64| posterior.simulate(&[mean], &[limits], &mut Seed(1).stream("readings", 0)).unwrap();
    assert!(readings(-5.0)[0].iter().all(|reading| reading.value == 8.0 && reading.censoring == Censoring::Below));
    assert!(readings(30.0)[0].iter().all(|reading| reading.value == 11.0 && reading.censoring == Censoring::Above));
}

#[test]
fn wrong_errors_and_priors_fail_and_are_named() {
    let toy = Toy::new("");
    let right = toy.posterior("right", PRIOR, ERROR);
    let cases = [
        (PRIOR, "Normal(mu, 0.8 [mg/L])", 100, Departure::UnderDispersed, "too narrow"),
        (PRIOR, "Normal(mu, 6 [mg/L])", 500, Departure::OverDispersed, "too wide"),
        ("Normal(5, 3)", ERROR, 100, Departure::BiasedLow, "biased low"),
        ("Normal(15, 3)", ERROR, 100, Departure::BiasedHigh, "biased high"),
    ];
    for (prior, error, simulations, departure, words) in cases {
        let wrong = toy.posterior("wrong", prior, error);
        let check = toy.check(&right, &wrong, simulations, 1);
        assert!(!check.passed());
        assert_eq!(check.ranks.quantities[0].departures, [departure], "{:?}", check.reasons());
        let frame =
            Frame { notice: Some(check.reasons().join(" ")), alarm: Some("It failed.".into()), ..Frame::default() };
        let svg = rank_chart(&ranks_of(&check, frame)).svg().unwrap();
        assert!(svg.contains(words) && svg.contains("It failed."));
        assert!(check.reasons()[0].contains("mu") && check.reasons()[0].contains(words), "{:?}", check.reasons());
    }
}

#[test]
fn the_likelihood_shows_what_no_parameter_shows() {
    // A calibration that ignores the readings gives back the prior: the parameter has uniform ranks.
    let toy = Toy::new("");
    let right = toy.posterior("right", PRIOR, ERROR);
    let deaf = toy.posterior("deaf", PRIOR, "Normal(mu, 200 [mg/L])");
    let check = toy.check(&right, &deaf, 60, 1);
    let passed: Vec<bool> = check.ranks.quantities.iter().map(|quantity| quantity.passed).collect();
    assert_eq!(passed, [true, false], "{:?}", check.reasons());
}

#[test]
fn simulations_without_ranks_are_counted_and_too_many_fail() {
    let toy = Toy::new("");
    // Around a negative mean there is no log-normal reading.
    let posterior = toy.posterior("negative", "Normal(2, 2)", "LogNormal(mu, 0.2)");
    let check = toy.check(&posterior, &posterior, 60, 1);
    let (unsimulated, uncalibrated) = check.failed();
    assert!((2..20).contains(&unsimulated) && uncalibrated == 0, "{unsimulated} {uncalibrated}");
    assert!(check.outcomes.iter().any(|outcome| matches!(outcome, Outcome::NotSimulated(why) if !why.is_empty())));
    assert!(!check.passed() && check.reasons()[0].contains("could not be simulated"), "{:?}", check.reasons());
}
