//! Summaries that a bundle declares for approximate Bayesian computation: how they are read, refused, computed and used.

use std::fs;
use std::path::{Path, PathBuf};

use homeostat::diagnostic::{Diagnostics, explain};
use homeostat::inference::{NutsSettings, Simulator};
use homeostat::likelihood::Posterior;
use homeostat::model::Library;
use homeostat::patient::{DeclaredSummary, Patient, Statistic};
use homeostat::stats::Seed;
use homeostat::twin::{CalibrateError, Calibration, Sampler, Twin, calibrate, meet};
use tempfile::TempDir;

/// Person 1 of the study of theophylline, with more at the end of `patient.toml`.
fn bundle(more: &str) -> TempDir {
    let from: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("patients/theophylline_01");
    let folder = tempfile::tempdir().unwrap();
    fs::copy(from.join("samples.csv"), folder.path().join("samples.csv")).unwrap();
    let manifest = fs::read_to_string(from.join("patient.toml")).unwrap();
    fs::write(folder.path().join("patient.toml"), format!("{manifest}\n{more}")).unwrap();
    folder
}

fn entry(lines: &[&str]) -> String {
    format!("[[summary]]\nname = \"plasma_theophylline\"\n{}\n", lines.join("\n"))
}

fn loaded(entries: &[String]) -> Patient {
    let (patient, found) = Patient::load(bundle(&entries.concat()).path()).unwrap_or_else(|found| panic!("{found}"));
    assert!(found.is_empty(), "{found}");
    patient
}

fn refused(entries: &[String]) -> Diagnostics {
    Patient::load(bundle(&entries.concat()).path()).expect_err("must be refused")
}

fn posterior(patient: &Patient) -> std::sync::Arc<Posterior> {
    meet(Library::embedded().load("theophylline").unwrap().0, patient, Calibration::default().solver).unwrap().0
}

#[test]
fn declared_summaries_are_read_and_take_the_place_of_means() {
    let patient = loaded(&[
        entry(&["statistic = \"max\""]),
        entry(&["statistic = \"time_of_max\""]),
        entry(&["statistic = \"mean\"", "from = \"300 min\"", "to = \"10 h\""]),
        entry(&["statistic = \"sd\"", "from = \"5.1 h\"", "to = \"9.05 h\""]),
        entry(&["statistic = \"min\"", "to = \"1 h\""]),
        entry(&["statistic = \"slope\"", "from = \"12 h\""]),
        entry(&["statistic = \"value_at\"", "at = \"18.245 h\""]),
        entry(&["statistic = \"fraction_above\"", "limit = \"8000 ug/L\""]),
        entry(&["statistic = \"fraction_below\"", "limit = \"6 mg/L\"", "from = \"2 h\""]),
    ]);
    assert_eq!(patient.summaries.len(), 9);
    assert_eq!((patient.summaries[2].from_h, patient.summaries[2].to_h), (5.0, 10.0));
    assert_eq!(patient.summaries[6].statistic, Statistic::ValueAt(18.245));
    let described: Vec<String> = patient.summaries.iter().map(DeclaredSummary::describe).collect();
    assert_eq!(described[2], "mean of plasma_theophylline, from 5 h to 10 h");
    assert_eq!(described[6], "value_at of plasma_theophylline, at 18.245 h");
    // Of 0.74 2.84 6.57 10.5 9.66 8.58 8.36 7.47 6.89 5.94 3.28 at 0 0.25 0.57 1.12 2.02 3.82 5.1 7.03 9.05 12.12 24.37 h.
    let of_three = (8.36 + 7.47 + 6.89) / 3.0;
    let squares: f64 = [8.36, 7.47, 6.89].iter().map(|x: &f64| (x - of_three).powi(2)).sum();
    let by_hand = [
        10.5,
        1.12,
        of_three,
        (squares / 2.0).sqrt(),
        0.74,
        (3.28 - 5.94) / (24.37 - 12.12),
        (5.94 + 3.28) / 2.0,
        4.0 / 11.0,
        2.0 / 7.0,
    ];
    let observed = Simulator::observed(&*posterior(&patient));
    assert_eq!(observed.len(), by_hand.len());
    for (found, wanted) in observed.iter().zip(by_hand) {
        assert!((found - wanted).abs() < 1e-12, "{observed:?}");
    }
    // Without any, every reading is compared.
    assert_eq!(Simulator::observed(&*posterior(&loaded(&[]))).len(), 11);
}

#[test]
fn devices_have_summaries_of_their_own_and_others_keep_their_means() {
    let reading = |name: &str, device: &str, values: [f64; 3]| {
        let rows: Vec<String> =
            (0..3).map(|at| format!("{{ time = \"{at} h\", value = \"{} mg/L\" }}", values[at])).collect();
        format!("[[observation]]\nname = \"{name}\"\ndevice = \"{device}\"\nreadings = [{}]\n", rows.join(", "))
    };
    let two =
        reading("plasma_theophylline", "a", [1.0, 4.0, 2.0]) + &reading("plasma_theophylline", "b", [3.0, 5.0, 9.0]);
    let covariates = "[covariates]\nweight = \"70 kg\"\n";
    let observed = |more: &str| {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("patient.toml"), format!("{covariates}{two}{more}")).unwrap();
        let (patient, _) = Patient::load(folder.path()).unwrap_or_else(|found| panic!("{found}"));
        Simulator::observed(&*posterior(&patient))
    };
    assert_eq!(observed(&entry(&["statistic = \"max\""])), [4.0, 9.0]);
    assert_eq!(observed(&entry(&["statistic = \"max\"", "device = \"b\""])), [1.0, 4.0, 2.0, 9.0]);
    let folder = tempfile::tempdir().unwrap();
    let unknown = entry(&["statistic = \"max\"", "device = \"bb\""]);
    fs::write(folder.path().join("patient.toml"), format!("{covariates}{two}{unknown}")).unwrap();
    let found = Patient::load(folder.path()).unwrap_err().to_string();
    assert!(found.contains("P2028") && found.contains("device `bb`") && found.contains("did you mean `b`"), "{found}");
}

#[test]
fn wrong_declarations_are_refused_all_at_once_with_their_places() {
    let entries = [
        entry(&["statistic = \"max\""]).replace("plasma_theophylline", "plasma_theophyline"),
        entry(&["statistic = \"maxx\""]),
        entry(&["statistic = \"mean\"", "from = \"13 h\"", "to = \"24 h\""]),
        entry(&["statistic = \"slope\"", "from = \"13 h\""]),
        entry(&["statistic = \"value_at\"", "at = \"30 h\""]),
        entry(&["statistic = \"fraction_above\"", "limit = \"3 h\""]),
        entry(&["statistic = \"fraction_below\""]),
        entry(&["statistic = \"value_at\""]),
        entry(&["statistic = \"mean\"", "limit = \"3 mg/L\""]),
        entry(&["statistic = \"mean\"", "from = \"3 mg\""]),
        entry(&["statistic = \"mean\"", "from = \"3 h\"", "to = \"2 h\""]),
        entry(&["from = \"3 h\""]),
        "[[summary]]\nstatistic = \"max\"\n".into(),
        entry(&["statistic = \"min\""]),
        entry(&["statistic = \"min\""]),
        entry(&["statistic = 3"]),
    ];
    let expected = [
        ("P2028", "`plasma_theophyline`"),
        ("P2006", "`maxx`"),
        ("P2028", "mean of plasma_theophylline, from 13 h to 24 h"),
        ("P2028", "2 readings in its window"),
        ("P2028", "on either side"),
        ("U1002", ""),
        ("P2005", "`limit`"),
        ("P2005", "`at`"),
        ("P2004", "`limit`"),
        ("U1002", ""),
        ("P2006", "`to` (2 h)"),
        ("P2005", "`statistic`"),
        ("P2005", "`name`"),
        ("P2024", "min of plasma_theophylline"),
        ("P2006", "`statistic`"),
    ];
    let found = refused(&entries);
    let text = found.to_string();
    let mut all: Vec<(&str, &str)> = found.iter().map(|one| (one.code, one.message.as_str())).collect();
    assert_eq!(all.len(), expected.len(), "{text}");
    for (code, words) in expected {
        let place = all.iter().position(|(known, message)| *known == code && message.contains(words));
        all.remove(place.unwrap_or_else(|| panic!("{code} {words} is not in\n{text}")));
        explain(code).unwrap_or_else(|| panic!("{code} has no page"));
    }
    for one in found.iter() {
        let location = one.location.as_ref().unwrap_or_else(|| panic!("{} has no place", one.code));
        assert!(location.line.is_some_and(|line| line > 15) && location.column.is_some(), "{text}");
        assert!(one.help.is_some() || one.code == "U1002" || one.code == "P2006", "{text}");
    }
    assert!(text.contains("did you mean `plasma_theophylline`") && text.contains("did you mean `max`"), "{text}");
}

#[test]
fn a_window_of_the_record_that_leaves_no_readings_is_refused_for_abc_only() {
    let patient = loaded(&[entry(&["statistic = \"mean\"", "to = \"1 h\""])]).window(2.0, f64::INFINITY);
    let run = |sampler| {
        let nuts = NutsSettings { chains: 2, warmup: 50, draws: 50, ..NutsSettings::default() };
        let settings = Calibration { sampler, nuts, predictions: 500, simulations: 2000, ..Calibration::default() };
        let model = Library::embedded().load("theophylline").unwrap().0;
        calibrate(model, &patient, &settings, Seed(1), &|_| ())
    };
    match run(Sampler::Abc) {
        Err(CalibrateError::Files(found)) => assert!(found.to_string().contains("P2028"), "{found}"),
        other => panic!("{:?}", other.map(|_| ())),
    }
    assert!(run(Sampler::Quick).is_ok());
}

/// Mean and sd of each parameter on the scale of sampling.
fn moments(twin: &Twin) -> Vec<(String, f64, f64)> {
    let of = |(index, calibrated): (usize, &homeostat::population::Calibrated)| {
        let all = twin.draws.parameter(index).concat();
        let all: Vec<f64> = all.iter().map(|x| calibrated.transform.to_real(*x)).collect();
        let mean = all.iter().sum::<f64>() / all.len() as f64;
        let sd = (all.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / all.len() as f64).sqrt();
        (calibrated.name.clone(), mean, sd)
    };
    twin.posterior.prior.calibrated.iter().enumerate().map(of).collect()
}

#[test]
fn declared_summaries_come_near_the_posterior_of_all_readings() {
    let patient = loaded(&[
        entry(&["statistic = \"mean\"", "from = \"0.2 h\"", "to = \"0.6 h\""]),
        entry(&["statistic = \"max\""]),
        entry(&["statistic = \"time_of_max\""]),
        entry(&["statistic = \"mean\"", "from = \"1 h\"", "to = \"8 h\""]),
        entry(&["statistic = \"mean\"", "from = \"9 h\"", "to = \"13 h\""]),
        entry(&["statistic = \"value_at\"", "at = \"24.37 h\""]),
    ]);
    let by = |sampler| {
        let nuts = NutsSettings { draws: 1000, ..NutsSettings::default() };
        let settings =
            Calibration { sampler, nuts, predictions: 20_000, simulations: 200_000, ..Calibration::default() };
        let model = Library::embedded().load("theophylline").unwrap().0;
        calibrate(model, &patient, &settings, Seed(3), &|_| ()).unwrap().0
    };
    let twin = by(Sampler::Abc);
    let remarks = &twin.provenance.remarks;
    let declared = "time_of_max of plasma_theophylline; mean of plasma_theophylline, from 1 h to 8 h; mean of";
    assert!(remarks[1].contains(declared), "{remarks:?}");
    for ((name, mean, sd), (_, known, spread)) in moments(&twin).into_iter().zip(moments(&by(Sampler::Nuts))) {
        println!("{name}: {:.2} sd from NUTS, {:.2} as wide", (mean - known) / spread, sd / spread);
        // How far readings scatter around the curve is what none of these summaries sees: of the error's parameters they
        // say less than the readings do.
        if ["additive", "proportional"].contains(&name.as_str()) {
            assert!(sd > spread, "{name}: sd {sd}, NUTS {spread}");
        } else {
            assert!((mean - known).abs() < 0.5 * spread, "{name}: mean {mean}, NUTS {known} ± {spread}");
        }
    }
}
