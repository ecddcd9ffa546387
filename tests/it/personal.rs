//! What a bundle says of how a person was measured, against simulation and exact integrals: devices that read wrong, tests
//! that follow the state, a device whose errors are larger than it says, a genotype that is not certain.

use homeostat::diagnostic::Source;
use homeostat::inference::{LogDensityGradient, NutsSettings};
use homeostat::likelihood::match_patient;
use homeostat::model::{Composed, Library};
use homeostat::patient::{Censoring, Diplotype, Genotype, Observation, Origin, Patient, Reading};
use homeostat::scenario::{Intervention, Scenario, Window};
use homeostat::stats::{Distribution, Seed, Stream};
use homeostat::twin::{Calibration, Summary, Twin, calibrate, meet};
use rayon::prelude::*;

/// Level after a bolus every 12 h, and what two things tell of it.
const MODEL: &str = r#"
component two_assays
  "A level after doses, by two assays."
time [h]
input dose [mg] bolus "Given."
covariate score [1] = 1
parameter CL [L/h] ~ LogNormal(3, 40%) scales max(score, 0.1) "Clearance."
  source "assumed: a test"
parameter V [L] ~ LogNormal(30, 30%) "Volume."
  source "assumed: a test"
state amount [mg] = 0 receives dose "In the body."
d amount = -CL * amount / V
output level [mg/L] = amount / V + 0.001 [mg/L] "Concentration."
observe level ~ Normal(level, 0.3 [mg/L])
observe saliva [mg/L] ~ LogNormal(0.5 * level, 0.3)
"#;

const HEAD: &str = r#"
name = "anna"
[[exposure]]
name = "dose"
events = [
    { time = "0 h", amount = "300 mg" }, { time = "12 h", amount = "300 mg" },
    { time = "24 h", amount = "300 mg" }, { time = "36 h", amount = "300 mg" },
]
[[observation]]
name = "level"
readings = [{ time = "47 h", value = "1 mg/L" }]
"#;

const CL: f64 = 3.6;
const V: f64 = 27.0;

fn model() -> Composed {
    Library::of(vec![Source::new("two_assays.model", MODEL)]).load("two_assays").unwrap().0
}

fn bundle(more: &str) -> Patient {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("patient.toml"), format!("{HEAD}{more}")).unwrap();
    Patient::load(folder.path()).unwrap_or_else(|found| panic!("{found}")).0
}

/// The closed form of the level.
fn level(time: f64) -> f64 {
    let doses = (0..4).map(|dose| 12.0 * f64::from(dose)).filter(|dose| *dose <= time);
    0.001 + doses.map(|dose| 300.0 / V * (-CL / V * (time - dose)).exp()).sum::<f64>()
}

fn observation(like: &Patient, name: &str, device: Option<&str>, readings: Vec<(f64, f64)>) -> Observation {
    let pattern = &like.observations[0];
    let origin = pattern.readings[0].origin.clone();
    let readings = readings.into_iter().map(|(time_h, value)| Reading {
        time_h,
        value,
        origin: origin.clone(),
        ..pattern.readings[0].clone()
    });
    let (name, device, readings) = (name.into(), device.map(Into::into), readings.collect());
    Observation { name, device, readings, ..pattern.clone() }
}

fn with_observations(pattern: &Patient, observations: Vec<Observation>) -> Patient {
    let mut patient = pattern.clone();
    patient.observations = observations;
    patient
}

fn normal(stream: &mut Stream) -> f64 {
    Distribution::Normal { mean: 0.0, sd: 1.0 }.draw(stream)
}

fn fit(patient: &Patient, seed: u64) -> Twin {
    let nuts = NutsSettings { chains: 2, warmup: 300, draws: 500, ..NutsSettings::default() };
    let settings = Calibration { nuts, predictions: 200, prior_draws: 50, ..Calibration::default() };
    calibrate(model(), patient, &settings, Seed(seed), &|_| ()).unwrap_or_else(|_| panic!("no twin")).0
}

fn column(twin: &Twin, name: &str) -> Vec<f64> {
    let index = twin.posterior.prior.calibrated.iter().position(|c| c.name == name).unwrap();
    twin.draws.all().iter().map(|draw| draw[index]).collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Mean over people of the posterior means of a parameter, relative to the truth.
fn bias(fits: &[Twin], name: &str, truth: f64) -> f64 {
    mean(&fits.iter().map(|twin| mean(&column(twin, name)) / truth - 1.0).collect::<Vec<_>>())
}

#[test]
fn a_device_that_reads_too_high_is_not_taken_for_physiology() {
    let fits = |more: &str| -> Vec<Twin> {
        let pattern = bundle(more);
        let of = (0..8u64).into_par_iter().map(|number| {
            let mut stream = Seed(11).stream("devices", number);
            let times = |step: f64, count: usize| (0..count).map(move |at| 0.4 + step * at as f64);
            let mut draw = |times: &mut dyn Iterator<Item = f64>, gain: f64| -> Vec<(f64, f64)> {
                times.map(|time| (time, gain * level(time) + 0.3 * normal(&mut stream))).collect()
            };
            let (reference, other) = (draw(&mut times(2.4, 20), 1.0), draw(&mut times(0.8, 60), 1.15));
            let observations = vec![
                observation(&pattern, "level", Some("reference"), reference),
                observation(&pattern, "level", Some("other"), other),
            ];
            fit(&with_observations(&pattern, observations), number)
        });
        of.collect()
    };
    let nuisance = "[[device]]\nobservation = \"level\"\ndevice = \"other\"\ngain = \"20 %\"\n";
    let (with, without) = (fits(nuisance), fits(""));
    for (name, truth) in [("CL", CL), ("V", V)] {
        let (with, without) = (bias(&with, name, truth), bias(&without, name, truth));
        println!(
            "gain 1.15 of one device: bias of {name} {:.1} % with, {:.1} % without",
            100.0 * with,
            100.0 * without
        );
        assert!(with.abs() <= 0.02 && without.abs() >= 0.08, "{name}: {with} {without}");
    }
    let gain = bias(&with, "level.other.gain", 1.15);
    assert!(gain.abs() < 0.02, "{gain}");
    let twin = &with[0];
    let folder = tempfile::tempdir().unwrap();
    twin.write(&folder.path().join("a.twin"), false).unwrap();
    let read = Twin::read(&folder.path().join("a.twin")).unwrap();
    assert_eq!((&read.draws, &read.posterior.personal), (&twin.draws, &twin.posterior.personal));
}

#[test]
fn tests_that_follow_the_state_are_not_taken_for_it() {
    // Fluctuations of 30 % around the model, and a test twice as likely at twice the value squared: s = 2 per unit of ln.
    let (sigma, s) = (0.3, 2.0);
    let fits = |more: &str| -> Vec<Twin> {
        let pattern = bundle(more);
        let of = (0..16u64).into_par_iter().map(|number| {
            let mut stream = Seed(12).stream("tested", number);
            let mut readings = Vec::new();
            let uniform = Distribution::Uniform { lower: 0.0, upper: 1.0 };
            while readings.len() < 200 {
                let time = 48.0 * uniform.draw(&mut stream);
                let value = 0.5 * level(time) * (sigma * normal(&mut stream)).exp();
                // Above any value that is drawn in practice.
                if uniform.draw(&mut stream) < (value / 30.0).powf(s) {
                    readings.push((time, value));
                }
            }
            readings.sort_by(|a, b| a.0.total_cmp(&b.0));
            fit(&with_observations(&pattern, vec![observation(&pattern, "saliva", None, readings)]), number)
        });
        of.collect()
    };
    let tested = "[[tested]]\nobservation = \"saliva\"\nper = \"2\"\n";
    let (with, without) = (fits(tested), fits(""));
    let (corrected, biased) = (bias(&with, "V", V), bias(&without, "V", V));
    println!("tests that follow the state: bias of V {:.1} % with, {:.1} % without", 100.0 * corrected, 100.0 * biased);
    assert!(corrected.abs() <= 0.03 && biased.abs() >= 0.10, "{corrected} {biased}");
    let more = bias(&with, "saliva.tested_more", s * 2f64.ln());
    assert!(more.abs() < 0.15, "{more}");
}

#[test]
fn gradients_follow_differences_with_all_of_it() {
    let more = r#"
[[observation]]
name = "saliva"
readings = [{ time = "3 h", value = "3 mg/L" }, { time = "20 h", value = "1.5 mg/L" }]
[[observation]]
name = "level"
device = "other"
readings = [{ time = "5 h", value = "6 mg/L" }, { time = "30 h", value = "7 mg/L" }]
[[device]]
observation = "level"
device = "other"
gain = "10 %"
offset = "0.2 mg/L"
drift = "5 %"
lag = "30 min"
robust = true
[[device]]
observation = "saliva"
noise = "30 %"
[[tested]]
observation = "saliva"
per = "2"
"#;
    let mut patient = bundle(more);
    patient.observations[0].readings[0].sd = Some(0.2);
    patient.observations.iter_mut().find(|o| o.name == "saliva").unwrap().readings[1].sd = Some(0.3);
    patient.genotypes = vec![genotype()];
    let (posterior, ..) = meet(model(), &patient, Calibration::default().solver).unwrap_or_else(|_| panic!());
    let names: Vec<&str> = posterior.prior.calibrated.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "CL",
            "V",
            "level.other.lag",
            "level.other.gain",
            "level.other.drift",
            "level.other.offset",
            "level.other.noise",
            "saliva.noise",
            "saliva.tested_more"
        ]
    );
    for number in 0..20 {
        let at = posterior.prior.draw(&mut Seed(13).stream("points", number));
        let mut workspace = posterior.workspace();
        let mut density =
            |at: &[f64], gradient: &mut [f64]| posterior.ln_density_gradient(&mut workspace, at, gradient);
        let mut gradient = vec![0.0; at.len()];
        density(&at, &mut gradient).unwrap();
        for index in 0..at.len() {
            let step = 1e-5;
            let mut moved = |by: f64| {
                let mut at = at.clone();
                at[index] += by;
                density(&at, &mut vec![0.0; at.len()]).unwrap()
            };
            let slope = (moved(step) - moved(-step)) / (2.0 * step);
            let scale = gradient.iter().fold(1.0, |most: f64, g| most.max(g.abs()));
            assert!((slope - gradient[index]).abs() < 1e-5 * scale, "{number} {}: {slope} {gradient:?}", names[index]);
        }
        // Lanes of draws score as tangents do.
        let natural = posterior.prior.natural(&at);
        let scored = posterior.score(&mut posterior.lanes(), std::slice::from_ref(&natural)).remove(0).unwrap();
        let pointwise = posterior.pointwise(&mut posterior.workspace(), &natural).unwrap();
        let sum: f64 = pointwise.iter().flatten().sum();
        assert!((scored - sum).abs() < 1e-6 * (1.0 + sum.abs()), "{scored} {sum}");
    }
}

fn genotype() -> Genotype {
    let diplotype =
        |name: &str, weight, score| Diplotype { name: name.into(), weight, covariates: vec![("score".into(), score)] };
    Genotype {
        gene: "GENE".into(),
        diplotypes: vec![diplotype("*1/*1", 0.7, 1.0), diplotype("*1/*2", 0.25, 0.5), diplotype("*2/*2", 0.05, 0.1)],
        origin: Origin { file: "genes.csv".into(), line: Some(2), path: None },
    }
}

#[test]
fn an_uncertain_genotype_is_the_exact_mixture() {
    let mut patient = bundle("[covariates]\nscore = \"0.8 1\"\n");
    // As a reader of genotypes leaves it: the expected value, not one of the bundle's own.
    patient.covariates[0].origin.file = "genes.csv".into();
    patient.genotypes = vec![genotype()];
    let mut stream = Seed(14).stream("genotype", 0);
    // A clearance between those of the first two genotypes, hardly known.
    let readings = [2.0, 14.0].map(|time| (time, level(time) + 0.3 * normal(&mut stream)));
    patient.observations = vec![observation(&patient, "level", None, readings.to_vec())];
    let nuts = NutsSettings { chains: 4, warmup: 500, draws: 2500, ..NutsSettings::default() };
    let settings = Calibration { nuts, predictions: 200, prior_draws: 50, ..Calibration::default() };
    let (twin, _) = calibrate(model(), &patient, &settings, Seed(1), &|_| ()).unwrap_or_else(|_| panic!());
    let found = &Summary::of(&twin).alternatives[0];
    // By quadrature over ln CL and ln V with each genotype's own prior.
    let posterior = &twin.posterior;
    let sigma = |cv: f64| (1.0 + cv * cv).ln().sqrt();
    let (mut evidence, steps) = ([0.0; 3], 120);
    for i in 0..steps {
        for j in 0..steps {
            let z = |at: usize| -6.0 + 12.0 * (at as f64 + 0.5) / steps as f64;
            let v = 30.0 * (sigma(0.3) * z(j)).exp();
            for (case, (score, weight)) in [(1.0, 0.7), (0.5, 0.25), (0.1, 0.05)].into_iter().enumerate() {
                let cl = 3.0 * score * (sigma(0.4) * z(i)).exp();
                let ln = |time: f64, value: f64| {
                    let doses = (0..4).map(|dose| 12.0 * f64::from(dose)).filter(|dose| *dose <= time);
                    let mean = 0.001 + doses.map(|dose| 300.0 / v * (-cl / v * (time - dose)).exp()).sum::<f64>();
                    -0.5 * ((value - mean) / 0.3).powi(2)
                };
                let ln = readings.iter().map(|(time, value)| ln(*time, *value)).sum::<f64>();
                evidence[case] += weight * (ln - 0.5 * (z(i).powi(2) + z(j).powi(2))).exp();
            }
        }
    }
    let total: f64 = evidence.iter().sum();
    for (name, expected) in ["*1/*1", "*1/*2", "*2/*2"].into_iter().zip(evidence.map(|one| one / total)) {
        let found = found.cases.iter().find(|case| case.name == name).unwrap();
        println!("{name}: {:.4} (quadrature {expected:.4}, before {:.2})", found.posterior, found.prior);
        assert!((found.posterior - expected).abs() < 0.02, "{name}: {} {expected}", found.posterior);
    }
    assert_eq!(posterior.prior.alternatives.len(), 1);
    let folder = tempfile::tempdir().unwrap();
    twin.write(&folder.path().join("a.twin"), false).unwrap();
    let read = Twin::read(&folder.path().join("a.twin")).unwrap();
    assert_eq!(Summary::of(&read).alternatives, Summary::of(&twin).alternatives);
}

#[test]
fn a_robust_device_does_not_drag_the_person_along() {
    // Saliva has ten times the noise that the model expects, and nobody says so.
    let shifts = |more: &str| -> Vec<f64> {
        let pattern = bundle(more);
        let of = (0..12u64).into_par_iter().map(|number| {
            let mut stream = Seed(15).stream("robust", number);
            let times = (0..12).map(|at| 1.0 + 4.0 * f64::from(at));
            let levels: Vec<(f64, f64)> =
                times.clone().map(|time| (time, level(time) + 0.3 * normal(&mut stream))).collect();
            let noise: Vec<f64> = times.clone().map(|_| normal(&mut stream)).collect();
            let saliva = |factor: f64| -> Vec<(f64, f64)> {
                times
                    .clone()
                    .zip(&noise)
                    .map(|(time, noise)| (time, 0.5 * level(time) * (0.3 * factor * noise).exp()))
                    .collect()
            };
            let fitted = |factor: f64| {
                let observations = vec![
                    observation(&pattern, "level", None, levels.clone()),
                    observation(&pattern, "saliva", None, saliva(factor)),
                ];
                let twin = fit(&with_observations(&pattern, observations), number);
                let (cl, v) = (column(&twin, "CL"), column(&twin, "V"));
                // The level at the end, 12 h after the last dose: what a prediction is about.
                let predicted: Vec<f64> = cl.iter().zip(&v).map(|(cl, v)| 300.0 / v * (-cl / v * 12.0).exp()).collect();
                let middle = mean(&predicted);
                let sd = (predicted.iter().map(|x| (x - middle).powi(2)).sum::<f64>() / predicted.len() as f64).sqrt();
                (middle, sd)
            };
            let ((clean, sd), (corrupted, _)) = (fitted(1.0), fitted(10.0));
            (corrupted - clean).abs() / sd
        });
        of.collect()
    };
    let robust = "[[device]]\nobservation = \"saliva\"\nrobust = true\n";
    let (with, without) = (shifts(robust), shifts(""));
    let most = |all: &[f64]| all.iter().copied().fold(0.0, f64::max);
    println!(
        "noise × 10 in one of two: shift of the prediction {:.2} sd on average, {:.2} at most; without the option {:.2}, {:.2}",
        mean(&with),
        most(&with),
        mean(&without),
        most(&without)
    );
    assert!(most(&with) <= 1.0 && most(&without) > 2.0, "{with:?} {without:?}");
}

#[test]
fn amounts_that_nobody_wrote_down_are_found() {
    // The third dose, given at once or over three hours, is told without its amount.
    for (kind, over) in [("bolus", 0.0), ("rate over 3 [h]", 3.0)] {
        let text = MODEL.replace("[mg] bolus", if over > 0.0 { "[mg/h] rate over 3 [h]" } else { "[mg] bolus" });
        let text = text
            .replace("input dose", "input oral_theophylline")
            .replace("receives dose", "receives oral_theophylline");
        let text = if over > 0.0 {
            text.replace(" receives oral_theophylline", "").replace("d amount = ", "d amount = oral_theophylline ")
        } else {
            text
        };
        let (model, _) = Library::of(vec![Source::new("two_assays.model", &text)])
            .load("two_assays")
            .unwrap_or_else(|found| panic!("{kind}: {found}"));
        let head =
            HEAD.replace("{ time = \"24 h\", amount = \"300 mg\" }", "{ time = \"24 h\", amount = \"unknown\" }");
        // A name of the vocabulary: it says the unit of an amount that is not known.
        let head =
            head.replace("name = \"dose\"", "name = \"oral_theophylline\"\nusual = \"200 mg\"\nspread = \"60 %\"");
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("patient.toml"), head).unwrap();
        let pattern = Patient::load(folder.path()).unwrap_or_else(|found| panic!("{kind}: {found}")).0;
        assert_eq!(pattern.exposures[0].unknown.len(), 1);
        let level_then = |time: f64| {
            let k = CL / V;
            let of_dose = |dose: u32| {
                let since = time - 12.0 * f64::from(dose);
                if since <= 0.0 {
                    return 0.0;
                }
                if over == 0.0 {
                    return 300.0 / V * (-k * since).exp();
                }
                // An infusion, while it runs and after.
                let rate = 300.0 / over;
                let ran = since.min(over);
                rate / CL * (1.0 - (-k * ran).exp()) * (-k * (since - ran)).exp()
            };
            0.001 + (0..4).map(of_dose).sum::<f64>()
        };
        let mut stream = Seed(16).stream("unknown", 0);
        let readings = (0..40).map(|at| 1.3 + 1.15 * f64::from(at));
        let readings = readings.map(|time| (time, level_then(time) + 0.3 * normal(&mut stream))).collect();
        let patient = with_observations(&pattern, vec![observation(&pattern, "level", None, readings)]);
        let nuts = NutsSettings { chains: 2, warmup: 300, draws: 500, ..NutsSettings::default() };
        let settings = Calibration { nuts, predictions: 200, prior_draws: 50, ..Calibration::default() };
        let (twin, _) = calibrate(model, &patient, &settings, Seed(1), &|_| ()).unwrap_or_else(|_| panic!("{kind}"));
        let found = column(&twin, "oral_theophylline.unknown_1");
        let sd = (found.iter().map(|x| (x - mean(&found)).powi(2)).sum::<f64>() / found.len() as f64).sqrt();
        println!("{kind}: {:.1} ± {sd:.1} mg of 300", mean(&found));
        assert!((mean(&found) - 300.0).abs() < 3.0 * sd && sd < 20.0, "{kind}: {} {sd}", mean(&found));
        let unit =
            &twin.posterior.prior.calibrated.iter().find(|c| c.name == "oral_theophylline.unknown_1").unwrap().unit;
        assert_eq!(unit.text(), "mg");
        let path = folder.path().join("a.twin");
        twin.write(&path, false).unwrap();
        assert_eq!(Twin::read(&path).unwrap().posterior.schedule, twin.posterior.schedule);
        // A scenario that takes the doses away takes this one away, too.
        let program = &twin.posterior.program;
        let model = &program.model;
        let input = model.inputs.iter().position(|input| input.name == "oral_theophylline").unwrap();
        let window = Window { from: 13.0, to: 100.0 };
        let scenario = Scenario {
            name: "none".into(),
            about: String::new(),
            from: 0.0,
            to: 48.0,
            step: 1.0,
            interventions: vec![Intervention::Remove { input, window }],
            outcomes: Vec::new(),
        };
        let left = scenario.schedule(model, &twin.posterior.schedule);
        assert_eq!(left.boluses.len() + left.infusions.len(), 2, "{kind}: {left:?}");
    }
    // Of a name that the vocabulary lacks, nothing is usual.
    let nothing_usual = bundle("").exposures[0].clone();
    let mut patient = bundle("");
    patient.exposures = vec![homeostat::patient::Exposure { unknown: nothing_usual.events.clone(), ..nothing_usual }];
    let refused = meet(model(), &patient, Calibration::default().solver).err().map(|error| format!("{error:?}"));
    assert!(refused.is_some_and(|refused| refused.contains("L1009")));
}

#[test]
fn the_lag_of_a_device_is_found() {
    let more = "[[device]]\nobservation = \"level\"\ndevice = \"other\"\nlag = \"1 h\"\n";
    let pattern = bundle(more);
    let mut stream = Seed(17).stream("lag", 0);
    // A first-order delay of 1.6 h of the closed form, step by step.
    let (lag, step) = (1.6, 1e-3);
    let (mut delayed, mut time, mut late) = (0.001, 0.0, Vec::new());
    while time < 47.0 {
        delayed += (level(time + step / 2.0) - delayed) * (1.0 - (-step / lag).exp());
        time += step;
        late.push((time, delayed));
    }
    let other: Vec<(f64, f64)> = late.iter().skip(700).step_by(800).map(|(time, value)| (*time, *value)).collect();
    let other = other.into_iter().map(|(time, value)| (time, value + 0.3 * normal(&mut stream))).collect();
    let reference = (0..20).map(|at| 0.4 + 2.4 * f64::from(at));
    let reference = reference.map(|time| (time, level(time) + 0.3 * normal(&mut stream))).collect();
    let observations = vec![
        observation(&pattern, "level", Some("reference"), reference),
        observation(&pattern, "level", Some("other"), other),
    ];
    let twin = fit(&with_observations(&pattern, observations), 1);
    let found = column(&twin, "level.other.lag");
    let sd = (found.iter().map(|x| (x - mean(&found)).powi(2)).sum::<f64>() / found.len() as f64).sqrt();
    println!("lag {:.3} ± {sd:.3} h of {lag}", mean(&found));
    assert!((mean(&found) - lag).abs() < 3.0 * sd && sd < 0.15, "{} {sd}", mean(&found));
    assert!((mean(&column(&twin, "CL")) / CL - 1.0).abs() < 0.05);
}

#[test]
fn readings_are_averaged_where_the_model_asks() {
    let asked = MODEL.replacen("Normal(level, 0.3 [mg/L])", "Normal(level, 0.3 [mg/L]) averaged 30 [min]", 1);
    let load = |text: &str| Library::of(vec![Source::new("two_assays.model", text)]).load("two_assays").unwrap().0;
    let pattern = bundle("");
    // Spans of half an hour: three readings, one, two of which the second is at a limit, two with errors of their own.
    let given = [(0.0, 3.0), (0.1, 4.0), (0.4, 8.0), (0.6, 5.0), (1.0, 7.0), (1.2, 9.0), (2.0, 2.0), (2.4, 4.0)];
    let mut observed = observation(&pattern, "level", None, given.to_vec());
    observed.readings[5].censoring = Censoring::Above;
    observed.readings[6].sd = Some(0.3);
    observed.readings[7].sd = Some(0.4);
    let patient = with_observations(&pattern, vec![observed]);
    let terms = |model: &Composed| match_patient(model, &patient).unwrap().0;
    let matched = terms(&load(&asked));
    let found: Vec<(f64, f64, f64)> =
        matched.terms[0].readings.iter().map(|reading| (reading.time, reading.value, reading.sd)).collect();
    let sought = [(0.5 / 3.0, 5.0, 0.0), (0.6, 5.0, 0.0), (1.0, 7.0, 0.0), (1.2, 9.0, 0.0), (2.2, 3.0, 0.25)];
    for (found, sought) in found.iter().zip(sought) {
        let near = |a: f64, b: f64| (a - b).abs() < 1e-12;
        assert!(near(found.0, sought.0) && near(found.1, sought.1) && near(found.2, sought.2), "{found:?} {sought:?}");
    }
    assert_eq!(found.len(), sought.len());
    assert_eq!(matched.terms[0].readings[3].censoring, Censoring::Above);
    assert_eq!(matched.matching.averaged, ["level over 0.5 h: 8 to 5"]);
    assert_eq!(terms(&load(MODEL)).terms[0].readings.len(), 8);
    assert!(terms(&load(MODEL)).matching.averaged.is_empty());
}
