//! A person's own variation from day to day beside the method's error: against closed forms and simulation, in scores, in
//! drawn readings, through devices, in the twin's file; and what is told where it is not known.

use homeostat::diagnostic::{Diagnostics, Source};
use homeostat::inference::LogDensityGradient;
use homeostat::likelihood::{Limits, Posterior, TermReading, variation};
use homeostat::model::{Composed, Library};
use homeostat::patient::{Censoring, Patient, Vocabulary};
use homeostat::stats::{Distribution, Seed, Stream};
use homeostat::twin::{Calibration, Summary, Twin, calibrate, meet};

/// Set points that laboratories read: 4.4 %, 3.92 % and 0.53 % from day to day, as the vocabulary has them.
const MODEL: &str = r#"
component set_points
  "What a laboratory reads on several days."
time [d]
parameter usual [mg/dL] ~ LogNormal(0.9, 20%) source "assumed: a test" "Creatinine."
parameter salt [mmol/L] ~ Normal(140, 3) source "assumed: a test" "Sodium."
parameter ion [mmol/L] ~ LogNormal(4.2, 10%) source "assumed: a test" "Potassium."
parameter method [1] ~ LogNormal(0.02, 10%) source "assumed: a test" "Of creatinine."
observe creatinine [mg/dL] ~ LogNormal(usual, method) within_person
observe sodium [mmol/L] ~ StudentT(5, salt, 0.8 [mmol/L]) within_person
observe potassium [mmol/L] ~ Normal(ion, 0.05 [mmol/L]) within_person
"#;

const CREATININE: f64 = 0.044;
const SODIUM: f64 = 0.0053;
const POTASSIUM: f64 = 0.0392;

const BUNDLE: &str = r#"
name = "anna"
[[observation]]
name = "creatinine"
readings = [
    { time = "0 h", value = "0.93 mg/dL" }, { time = "168 h", value = "0.88 mg/dL" }, { time = "336 h", value = "0.97 mg/dL" },
]
[[observation]]
name = "sodium"
readings = [{ time = "0 h", value = "141.5 mmol/L" }]
[[observation]]
name = "potassium"
readings = [{ time = "0 h", value = "4.5 mmol/L" }, { time = "168 h", value = "4.0 mmol/L" }]
"#;

fn model_of(text: &str) -> Composed {
    let loaded = Library::of(vec![Source::new("set_points.model", text)]).load("set_points");
    loaded.unwrap_or_else(|found| panic!("{found}")).0
}

fn model() -> Composed {
    model_of(MODEL)
}

fn bundle(text: &str) -> Patient {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("patient.toml"), text).unwrap();
    Patient::load(folder.path()).unwrap_or_else(|found| panic!("{found}")).0
}

fn posterior(model: Composed, patient: &Patient) -> std::sync::Arc<Posterior> {
    meet(model, patient, Calibration::default().solver).unwrap_or_else(|_| panic!("no posterior")).0
}

fn normal(stream: &mut Stream) -> f64 {
    Distribution::Normal { mean: 0.0, sd: 1.0 }.draw(stream)
}

fn ln_normal(x: f64, mean: f64, sd: f64) -> f64 {
    -0.5 * ((x - mean) / sd).powi(2) - sd.ln() - 0.5 * std::f64::consts::TAU.ln()
}

/// sd of the logarithm that has a coefficient of variation.
fn sigma(cv: f64) -> f64 {
    (1.0 + cv * cv).ln().sqrt()
}

/// The values of the parameters in the posterior's order.
fn at(posterior: &Posterior, [usual, salt, ion, method]: [f64; 4]) -> Vec<f64> {
    let value = |name: &str| match name {
        "usual" => usual,
        "salt" => salt,
        "ion" => ion,
        "method" => method,
        other => panic!("{other}"),
    };
    posterior.prior.calibrated.iter().map(|known| value(&known.name)).collect()
}

/// Values on the real line.
fn real(posterior: &Posterior, natural: &[f64]) -> Vec<f64> {
    posterior.prior.calibrated.iter().zip(natural).map(|(known, value)| known.transform.to_real(*value)).collect()
}

#[test]
fn each_reading_has_the_density_of_both_variances() {
    let mut patient = bundle(BUNDLE);
    patient.observations.iter_mut().find(|one| one.name == "creatinine").unwrap().readings[2].censoring =
        Censoring::Below;
    let posterior = posterior(model(), &patient);
    let (usual, salt, ion, method) = (0.95, 139.0, 4.1, 0.021);
    let natural = at(&posterior, [usual, salt, ion, method]);
    let scores = posterior.pointwise(&mut posterior.workspace(), &natural).unwrap();
    let of = |name: &str| &scores[posterior.terms.iter().position(|term| term.name == name).unwrap()];
    let sd = method.hypot(sigma(CREATININE));
    for (ours, value) in of("creatinine").iter().zip([0.93_f64, 0.88]) {
        let right = ln_normal(value.ln(), usual.ln(), sd) - value.ln();
        assert!((ours - right).abs() < 1e-12, "{ours} {right}");
    }
    // A bound has the probability of all below it: by Simpson's rule over ten standard deviations.
    let (low, high, steps) = (0.97_f64.ln() - 10.0 * sd, 0.97_f64.ln(), 20_000);
    let step = (high - low) / f64::from(steps);
    let weight = |at: i32| if at == 0 || at == steps { 1.0 } else { 2.0 + 2.0 * f64::from(at % 2) };
    let sum: f64 = (0..=steps).map(|at| weight(at) * ln_normal(low + step * f64::from(at), usual.ln(), sd).exp()).sum();
    assert!((of("creatinine")[2] - (sum * step / 3.0).ln()).abs() < 1e-9);
    for (ours, value) in of("potassium").iter().zip([4.5, 4.0]) {
        let right = ln_normal(value, ion, 0.05_f64.hypot(POTASSIUM * ion));
        assert!((ours - right).abs() < 1e-12, "{ours} {right}");
    }
    // Student's t with five degrees of freedom: Γ(3) / (Γ(5/2) √(5π)) = 8 / (3π√5).
    let scale = 0.8_f64.hypot(SODIUM * salt);
    let z = (141.5 - salt) / scale;
    let right = (8.0 / (3.0 * std::f64::consts::PI * 5f64.sqrt()) / scale).ln() - 3.0 * (1.0 + z * z / 5.0).ln();
    assert!((of("sodium")[0] - right).abs() < 1e-12, "{} {right}", of("sodium")[0]);
    // The gradient feels that the spread grows with the mean.
    let (mut workspace, here) = (posterior.workspace(), real(&posterior, &natural));
    let mut gradient = vec![0.0; here.len()];
    posterior.ln_density_gradient(&mut workspace, &here, &mut gradient).unwrap();
    for i in 0..here.len() {
        let mut ln_density = |by: f64| {
            let mut moved = here.clone();
            moved[i] += by;
            posterior.ln_density_gradient(&mut workspace, &moved, &mut vec![0.0; here.len()]).unwrap()
        };
        let slope = (ln_density(1e-6) - ln_density(-1e-6)) / 2e-6;
        assert!((gradient[i] - slope).abs() < 1e-5 * slope.abs().max(1.0), "{i}: {} {slope}", gradient[i]);
    }
}

#[test]
fn readings_are_drawn_with_both_variances() {
    let posterior = posterior(model(), &bundle(BUNDLE));
    let natural = at(&posterior, [0.95, 139.0, 4.1, 0.02]);
    let limits = vec![Limits::default(); posterior.terms.len()];
    let mut logs = Vec::new();
    let mut ions = Vec::new();
    for number in 0..20_000 {
        let drawn = posterior.simulate(&natural, &limits, &mut Seed(3).stream("day", number)).unwrap();
        for (term, readings) in posterior.terms.iter().zip(drawn) {
            match term.name.as_str() {
                "creatinine" => logs.push(readings[0].value.ln()),
                "potassium" => ions.push(readings[0].value),
                _ => {}
            }
        }
    }
    let sd = |values: &[f64]| {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / values.len() as f64).sqrt()
    };
    // Five standard errors of a standard deviation of 20,000 values.
    let (creatinine, potassium) = (0.02_f64.hypot(sigma(CREATININE)), 0.05_f64.hypot(POTASSIUM * 4.1));
    assert!((sd(&logs) / creatinine - 1.0).abs() < 0.025, "{} {creatinine}", sd(&logs));
    assert!((sd(&ions) / potassium - 1.0).abs() < 0.025, "{} {potassium}", sd(&ions));
}

/// Shares of the 90 % intervals of the set point that hold the truth, and their mean width, over people who are measured once a week.
fn coverage(model: &str, people: u64) -> (f64, f64) {
    const WEEKS: usize = 6;
    let readings: String =
        (0..WEEKS).map(|week| format!("{{ time = \"{} h\", value = \"0.9 mg/dL\" }}, ", 168 * week)).collect();
    let patient = bundle(&format!("[[observation]]\nname = \"creatinine\"\nreadings = [{readings}]\n"));
    let pattern = posterior(model_of(model), &patient);
    let prior_sigma = sigma(0.2);
    let (mut held, mut width) = (0, 0.0);
    for number in 0..people {
        let stream = &mut Seed(17).stream("person", number);
        let truth = 0.9 * (prior_sigma * normal(stream)).exp();
        let mut read = |reading: &TermReading| TermReading {
            value: truth * (sigma(CREATININE) * normal(stream)).exp() * (0.02 * normal(stream)).exp(),
            ..*reading
        };
        let readings = vec![pattern.terms[0].readings.iter().map(&mut read).collect()];
        let person = pattern.with_readings(readings);
        // The one parameter's posterior by sums over a fine grid of its logarithm.
        let mut workspace = person.workspace();
        let (centre, half, steps) = (truth.ln(), 0.15, 900);
        let grid: Vec<f64> = (0..=steps).map(|i| centre - half + 2.0 * half * i as f64 / steps as f64).collect();
        let density = grid
            .iter()
            .map(|at| person.ln_density_gradient(&mut workspace, &real(&person, &[at.exp()]), &mut [0.0]).unwrap());
        let density: Vec<f64> = density.collect();
        let most = density.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let weights: Vec<f64> = density.iter().map(|ln| (ln - most).exp()).collect();
        let total: f64 = weights.iter().sum();
        let quantile = |share: f64| {
            let mut left = share * total;
            let cell = weights.iter().position(|weight| {
                left -= weight;
                left <= 0.0
            });
            grid[cell.unwrap()]
        };
        let (low, high) = (quantile(0.05), quantile(0.95));
        held += u64::from((low..=high).contains(&truth.ln()));
        width += high - low;
    }
    (held as f64 / people as f64, width / people as f64)
}

#[test]
fn intervals_of_a_set_point_hold_the_truth_with_the_term_alone() {
    let text = |clause: &str| {
        format!(
            "component set_points\n  \"One set point.\"\ntime [d]\n\
             parameter usual [mg/dL] ~ LogNormal(0.9, 20%) source \"assumed: a test\" \"Creatinine.\"\n\
             observe creatinine [mg/dL] ~ LogNormal(usual, 0.02){clause}\n"
        )
    };
    let (with, wide) = coverage(&text(" within_person"), 400);
    let (without, narrow) = coverage(&text(""), 400);
    println!(
        "90 % intervals over 400 people of six weekly readings hold the truth in {:.1} % with, {:.1} % without; widths {wide:.4}, {narrow:.4}",
        100.0 * with,
        100.0 * without
    );
    assert!((0.86..=0.94).contains(&with), "{with}");
    // As the closed form has it: 2 Φ(1.645 · 0.02 / 0.0483) − 1 = 50 %.
    assert!((0.42..=0.58).contains(&without), "{without}");
    // Of a normal with the six readings' and the prior's precision.
    let sd = (1.0 / (6.0 / (0.02_f64.powi(2) + sigma(CREATININE).powi(2)) + 1.0 / sigma(0.2).powi(2))).sqrt();
    assert!((wide / (2.0 * 1.644_854 * sd) - 1.0).abs() < 0.01, "{wide} {sd}");
}

#[test]
fn what_a_device_adds_does_not_vary_and_its_noise_is_the_methods() {
    let device =
        "[[device]]\nobservation = \"creatinine\"\ngain = \"10 %\"\noffset = \"0.1 mg/dL\"\nnoise = \"50 %\"\n";
    let patient = bundle(&format!("{BUNDLE}{device}"));
    let posterior = posterior(model(), &patient);
    let (usual, method, gain, offset, noise) = (0.95, 0.021, 1.07, 0.08, 1.6);
    let natural: Vec<f64> = (posterior.prior.calibrated.iter())
        .map(|known| match known.name.as_str() {
            "usual" => usual,
            "salt" => 139.0,
            "ion" => 4.1,
            "method" => method,
            "creatinine.gain" => gain,
            "creatinine.offset" => offset,
            "creatinine.noise" => noise,
            other => panic!("{other}"),
        })
        .collect();
    let scores = posterior.pointwise(&mut posterior.workspace(), &natural).unwrap();
    let mean: f64 = gain * usual + offset;
    let sd = (noise * method).hypot(sigma(CREATININE) * gain * usual / mean);
    let right = ln_normal(0.93_f64.ln(), mean.ln(), sd) - 0.93_f64.ln();
    assert!((scores[0][0] - right).abs() < 1e-12, "{} {right}", scores[0][0]);
}

#[test]
fn a_measurements_own_error_is_a_third_variance() {
    let posterior = posterior(model(), &bundle(BUNDLE));
    let mut readings: Vec<Vec<TermReading>> = posterior.terms.iter().map(|term| term.readings.clone()).collect();
    let number = posterior.terms.iter().position(|term| term.name == "potassium").unwrap();
    readings[number][0] = TermReading { sd: 0.2, ..readings[number][0] };
    let posterior = posterior.with_readings(readings);
    let natural = at(&posterior, [0.95, 139.0, 4.1, 0.02]);
    let scores = posterior.pointwise(&mut posterior.workspace(), &natural).unwrap();
    let sd = (0.05_f64.powi(2) + (POTASSIUM * 4.1).powi(2) + 0.2_f64.powi(2)).sqrt();
    assert!((scores[number][0] - ln_normal(4.5, 4.1, sd)).abs() < 1e-12);
}

#[test]
fn the_twin_keeps_what_was_taken_and_tells_it() {
    let settings = Calibration { predictions: 200, prior_draws: 50, ..Calibration::default() };
    let nuts = homeostat::inference::NutsSettings { chains: 2, warmup: 200, draws: 200, ..settings.nuts };
    let settings = Calibration { nuts, ..settings };
    let twin = calibrate(model(), &bundle(BUNDLE), &settings, Seed(1), &|_| ()).unwrap_or_else(|_| panic!("no twin")).0;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.twin");
    twin.write(&path, false).unwrap();
    let read = Twin::read(&path).unwrap();
    let natural = at(&read.posterior, [0.95, 139.0, 4.1, 0.02]);
    let scores = |twin: &Twin| twin.posterior.pointwise(&mut twin.posterior.workspace(), &natural).unwrap();
    assert_eq!(scores(&read), scores(&twin));
    let summary = Summary::of(&read);
    let told: Vec<(&str, Option<String>)> = summary
        .readings
        .iter()
        .map(|one| (one.name.as_str(), one.within_person.as_ref().map(|own| own.describe())))
        .collect();
    assert_eq!(told[0], ("creatinine", Some("4.4 % (Carobene 2017 doi:10.1373/clinchem.2017.275115)".into())));
    assert!(told.iter().all(|(_, own)| own.is_some()));
}

fn codes(found: &Diagnostics) -> Vec<&str> {
    found.iter().map(|finding| finding.code).collect()
}

#[test]
fn what_is_not_known_or_does_not_fit_is_told() {
    // A name of which the vocabulary knows no variation.
    let text = MODEL.replace("creatinine [mg/dL]", "cystatin_c [mg/L]").replace("usual [mg/dL]", "usual [mg/L]");
    let unknown = model_of(&text);
    let found = variation(&unknown, Vocabulary::embedded().unwrap()).unwrap_err();
    assert_eq!(codes(&found), ["L1010"]);
    let place = found.iter().next().unwrap().location.clone().unwrap();
    assert_eq!((&*place.file, place.line), ("set_points.model", Some(9)));
    let patient = bundle(&BUNDLE.replace("creatinine", "cystatin_c").replace("mg/dL", "mg/L"));
    let Err(homeostat::twin::CalibrateError::Files(found)) =
        meet(unknown.clone(), &patient, Calibration::default().solver)
    else {
        panic!("it met");
    };
    assert_eq!(codes(&found), ["L1010"]);
    // Of what nobody measured nothing needs to be known.
    let without = "[[observation]]\nname = \"sodium\"\nreadings = [{ time = \"0 h\", value = \"141 mmol/L\" }]\n";
    let (_, _, found) = meet(unknown, &bundle(without), Calibration::default().solver).unwrap_or_else(|_| panic!("no"));
    assert!(found.is_empty(), "{found}");
    let known = variation(&model(), Vocabulary::embedded().unwrap()).unwrap();
    let mut cvs = known.iter().map(|one| one.cv).zip([CREATININE, SODIUM, POTASSIUM]);
    assert!(known.len() == 3 && cvs.all(|(ours, right)| (ours - right).abs() < 1e-12), "{known:?}");
    // Two samples of one morning.
    let (_, _, found) = meet(model(), &bundle(&BUNDLE.replace("168 h", "3 h")), Calibration::default().solver)
        .unwrap_or_else(|_| panic!("no"));
    assert_eq!(codes(&found), ["L1011", "L1011"]);
    // Errors to which nothing can be added.
    for family in ["OU(usual, 0.1 [mg/dL], 1 [d])", "NegBinomial(usual / 1 [mg/dL], 5)"] {
        let text = MODEL.replace("LogNormal(usual, method)", family).replace("creatinine [mg/dL]", "creatinine");
        let found = Library::of(vec![Source::new("set_points.model", text)]).load("set_points").unwrap_err();
        assert!(codes(&found).contains(&"M4006"), "{family}: {found}");
    }
    // Anything else behind the family is no clause.
    let found = Library::of(vec![Source::new("set_points.model", MODEL.replace("within_person", "within"))])
        .load("set_points")
        .unwrap_err();
    assert!(codes(&found).contains(&"M1002"), "{found}");
}

#[test]
fn every_clause_of_the_library_is_known() {
    let (library, vocabulary) = (Library::embedded(), Vocabulary::embedded().unwrap());
    let mut count = 0;
    for (name, _) in library.names() {
        let (model, _) = library.load(&name).unwrap_or_else(|found| panic!("{name}: {found}"));
        count += variation(&model, vocabulary).unwrap_or_else(|found| panic!("{name}: {found}")).len();
    }
    assert!(count >= 20, "{count}");
}
