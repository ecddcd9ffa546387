//! Exposures as models take them: rates as series and the other way, amounts that last where amounts arrive at once, against closed
//! forms and against the same thing given in the model's own way; a watch's export to a heart rate.

use std::fs;
use std::sync::Arc;

use homeostat::diagnostic::{Diagnostics, Source};
use homeostat::likelihood::{Matched, Personal, Posterior, fit};
use homeostat::model::{Composed, Library, Program, Reading};
use homeostat::patient::Patient;
use homeostat::population::Prior;
use homeostat::sim::{Settings, Solve, Workspace};

use super::posterior::worst_gradient;

fn model(text: &str) -> Composed {
    Library::of(vec![Source::new("tank.model", text)]).load("tank").unwrap_or_else(|found| panic!("{found}")).0
}

fn patient(files: &[(&str, &str)]) -> Patient {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    Patient::load(folder.path()).unwrap_or_else(|found| panic!("{found}")).0
}

/// A bundle of one exposure, seen from 0 h to 12 h.
fn given(exposure: &str) -> Patient {
    let head = "name = \"anna\"\n[[observation]]\nname = \"seen\"\nreadings = [{ time = \"12 h\", value = \"1\" }]\n";
    patient(&[("patient.toml", &format!("{head}{exposure}"))])
}

fn met(text: &str, patient: &Patient) -> Result<(Composed, Matched, Diagnostics), Diagnostics> {
    let mut model = model(text);
    let (matched, warnings) = fit(&mut model, patient)?;
    Ok((model, matched, warnings))
}

fn posterior(model: Composed, matched: Matched) -> Posterior {
    let prior = Prior::new(&model, &matched.covariates).unwrap();
    let settings = Settings { tolerance: 1e-11, ..Settings::default() };
    Posterior::new(Arc::new(Program::compile(Arc::new(model))), prior, matched, settings)
}

/// The mean of the first observation at times, under the prior's centre.
fn centre(posterior: &Posterior, times: &[f64]) -> Vec<f64> {
    centre_of(0, posterior, times)
}

/// That of an observation.
fn centre_of(observation: usize, posterior: &Posterior, times: &[f64]) -> Vec<f64> {
    let program = &posterior.program;
    let mut workspace = Workspace::<1>::new(program, Reading::Lanes);
    let values = posterior.prior.complete(&posterior.prior.natural(&posterior.prior.centre()));
    for (index, value) in values.iter().enumerate() {
        workspace.set_parameter(index, &[*value]);
    }
    for (index, value) in posterior.covariates.iter().enumerate() {
        workspace.set_covariate(program, index, *value);
    }
    let mut found = Vec::new();
    let solve = Solve { program, schedule: &posterior.schedule, settings: posterior.settings };
    let mut see = |_, workspace: &mut Workspace<1>| {
        workspace.observation(program, observation);
        found.push(workspace.argument(program, observation, 0).0[0]);
    };
    solve.run(&mut workspace, times, &mut see).unwrap();
    found
}

fn assert_near(found: &[f64], expected: &[f64], slack: f64) {
    assert_eq!(found.len(), expected.len());
    for (at, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!((found - expected).abs() < slack * expected.abs().max(1.0), "number {at}: {found}, not {expected}");
    }
}

/// What flows in is summed, beside a level that is at its steady state at the start.
fn tank(kind: &str) -> String {
    format!(
        "component tank\n  \"A tank.\"\ntime [min]\ninput flow [1/min] {kind} \"Inflow.\"\n\
         parameter k [1/h] ~ LogNormal(0.5, 30%) \"Leak.\"\n  source \"assumed: a test\"\n\
         state total [1] = 0\nd total = flow\nstate level [1] = steady\nd level = flow - k * level\n\
         observe seen [1] ~ Normal(total + 10 * level, 1)\nobserve sum [1] ~ Normal(total, 1)\n"
    )
}

/// Mean of the tank after a flow of steps (from, to, rate per hour), with nothing before the start, or `before`.
fn filled(steps: &[(f64, f64, f64)], before: f64, hours: f64) -> f64 {
    let k = 0.5;
    let (mut total, mut level) = (0.0, before / k * f64::exp(-k * hours));
    for (from, to, rate) in steps {
        let (from, to) = (from.min(hours), to.min(hours));
        total += rate * (to - from);
        level += rate / k * (f64::exp(-k * (hours - to)) - f64::exp(-k * (hours - from)));
    }
    total + 10.0 * level
}

const TIMES: [f64; 6] = [30.0, 60.0, 150.0, 200.0, 480.0, 720.0];

#[test]
fn rates_and_amounts_that_last_are_series_of_their_intervals() {
    // From the start on, then overlapping, then meeting, then alone.
    let rates = "[[exposure]]\nname = \"flow\"\nevents = [\n\
        { time = \"0 h\", rate = \"60 /h\", duration = \"1 h\" }, { time = \"2 h\", rate = \"10 /h\", duration = \"90 min\" },\n\
        { time = \"3 h\", rate = \"2 /min\", duration = \"20 min\" }, { time = \"200 min\", rate = \"5 /h\", duration = \"1 h\" },\n\
        { time = \"8 h\", rate = \"1 /s\", duration = \"36 s\" },\n]\n";
    let amounts = "[[exposure]]\nname = \"flow\"\nevents = [\n\
        { time = \"0 h\", amount = \"60\", duration = \"1 h\" }, { time = \"2 h\", amount = \"15\", duration = \"90 min\" },\n\
        { time = \"3 h\", amount = \"40\", duration = \"20 min\" }, { time = \"200 min\", amount = \"5\", duration = \"1 h\" },\n\
        { time = \"8 h\", amount = \"36\", duration = \"36 s\" },\n]\n";
    let third = 10.0 / 3.0;
    let steps =
        [(0.0, 1.0, 60.0), (2.0, 3.5, 10.0), (3.0, third, 120.0), (third, third + 1.0, 5.0), (8.0, 8.01, 3600.0)];
    let expected: Vec<f64> = TIMES.iter().map(|minutes| filled(&steps, 0.0, minutes / 60.0)).collect();
    for kind in ["rate", "series constant", "series linear"] {
        for events in [rates, amounts] {
            let (model, matched, warnings) = met(&tank(kind), &given(events)).unwrap();
            assert!(warnings.iter().all(|warning| warning.code == "P2009"), "{warnings}");
            let said = matched.matching.read_as.clone();
            match kind {
                "rate" => assert!(said.is_empty() && matched.schedule.infusions.len() == 5),
                // Of twelve hours 1 + 7/3 + 0.01 are in some interval.
                _ => assert_eq!(
                    said,
                    ["`flow`: 5 intervals as a series, 0 in the 8.657 h of the record that are in none"]
                ),
            }
            assert_eq!(matched.matching.used, ["seen", "flow"]);
            let posterior = posterior(model, matched);
            // Nothing flows before the start, whatever begins with it.
            assert_near(&centre(&posterior, &TIMES), &expected, 1e-8);
        }
    }
}

#[test]
fn series_and_rates_that_hold_are_each_other() {
    let events = |key: &str| {
        let event = |hour: f64, value: f64| format!("{{ time = \"{hour} h\", {key} = \"{value} /h\" }}");
        let events = [event(0.0, 3.0), event(2.0, 0.0), event(7.5, 12.0)].join(", ");
        format!("[[exposure]]\nname = \"flow\"\nevents = [{events}]\n")
    };
    let steps = [(0.0, 2.0, 3.0), (7.5, 12.0, 12.0)];
    // What held at the start held before.
    let expected: Vec<f64> = TIMES.iter().map(|minutes| filled(&steps, 3.0, minutes / 60.0)).collect();
    for (kind, key, said) in [
        ("rate", "rate", vec![]),
        ("rate", "value", vec!["`flow`: samples as rates, each until the next"]),
        ("series constant", "rate", vec![]),
        ("series constant", "value", vec![]),
        ("series linear", "rate", vec!["`flow`: each rate until the next, with jumps between them"]),
    ] {
        let (model, matched, _) = met(&tank(kind), &given(&events(key))).unwrap();
        assert_eq!(matched.matching.read_as, said, "{kind} {key}");
        assert_near(&centre(&posterior(model, matched), &TIMES), &expected, 1e-8);
    }
    // A line's samples are joined by lines: 3 to 0 in two hours, 0 to 12 in 5.5.
    let (model, matched, _) = met(&tank("series linear"), &given(&events("value"))).unwrap();
    assert_near(&centre_of(1, &posterior(model, matched), &[60.0, 120.0, 240.0]), &[2.25, 3.0, 3.0 + 24.0 / 5.5], 1e-8);
}

#[test]
fn what_would_be_a_guess_is_refused() {
    let code = |kind: &str, events: &str| {
        let exposure = format!("[[exposure]]\nname = \"flow\"\nevents = [{events}]\n");
        let found = met(&tank(kind), &given(&exposure)).err().unwrap();
        (found.iter().next().unwrap().code, found.to_string())
    };
    let (at_once, help) = code("series constant", "{ time = \"1 h\", amount = \"3\" }");
    assert!(at_once == "L1003" && help.contains("a `duration` beside each amount"), "{help}");
    let (negative, help) = code("rate", "{ time = \"0 h\", value = \"-3 /h\" }");
    assert!(negative == "L1003" && help.contains("below 0"), "{help}");
    assert_eq!(code("series constant", "{ time = \"1 h\", rate = \"3 mg/h\", duration = \"1 h\" }").0, "U1002");
    assert_eq!(code("series linear", "{ time = \"1 h\", amount = \"3 mg\", duration = \"1 h\" }").0, "U1002");
    let of_drug = |events: &str| {
        let exposure = format!("[[exposure]]\nname = \"dose\"\nevents = [{events}]\n");
        let found = met(&drug("dose"), &given(&exposure)).err().unwrap();
        (found.iter().next().unwrap().code, found.to_string())
    };
    let (held, help) = of_drug("{ time = \"0 h\", rate = \"3 mg/h\" }");
    assert!(held == "L1003" && help.contains("a `duration` beside the rate"), "{help}");
    assert_eq!(of_drug("{ time = \"0 h\", value = \"3 mg\" }").0, "L1003");
    assert_eq!(of_drug("{ time = \"0 h\", rate = \"3 mg\", duration = \"1 h\" }").0, "U1002");
}

/// A drug that a depot receives by an expression of the dose, after a lag, and what has left the depot.
fn drug(receives: &str) -> String {
    format!(
        "component tank\n  \"A drug.\"\ntime [min]\ninput dose [mg] bolus lag late \"Dose.\"\n\
         parameter ka [1/h] ~ LogNormal(1.5, 30%) \"Absorption.\"\n  source \"assumed: a test\"\n\
         parameter late [h] ~ LogNormal(0.25, 30%) \"Lag.\"\n  source \"assumed: a test\"\n\
         parameter F [1] ~ LogNormal(0.8, 10%) \"Share.\"\n  source \"assumed: a test\"\n\
         state depot [mg] = 0 receives {receives}\nstate gone [mg] = 0\nd depot = -ka * depot\nd gone = ka * depot\n\
         output left [mg] = depot + 1000 * gone\nobserve seen [1] ~ Normal((depot + 1000 * gone) / 1 [mg], 1)\n"
    )
}

#[test]
fn amounts_that_last_are_received_while_they_last() {
    // 320 mg over 90 min, 30 mg at once, 20 mg/h over 30 min.
    let events = "[[exposure]]\nname = \"dose\"\nevents = [{ time = \"1 h\", amount = \"320 mg\", duration = \"90 min\" }, \
                  { time = \"2 h\", amount = \"30 mg\" }]\n";
    let rate = "[[exposure]]\nname = \"dose\"\nevents = [{ time = \"1 h\", rate = \"213.33333333333334 mg/h\", duration = \"90 min\" }]\n";
    let (ka, late, share) = (1.5, 0.25, 0.8);
    let closed = |minutes: f64, bolus: f64| {
        let since = |hour: f64| (minutes / 60.0 - hour - late).max(0.0);
        let (begun, ended, at_once) = (since(1.0), since(2.5), since(2.0));
        let given = share * (320.0 / 1.5 * (begun - ended) + if at_once > 0.0 { bolus } else { 0.0 });
        let flow = share * 320.0 / 1.5 / ka;
        let depot = flow * (f64::exp(-ka * ended) - f64::exp(-ka * begun))
            + if at_once > 0.0 { share * bolus * f64::exp(-ka * at_once) } else { 0.0 };
        depot + 1000.0 * (given - depot)
    };
    let expected = |bolus: f64| TIMES.iter().map(|minutes| closed(*minutes, bolus)).collect::<Vec<_>>();
    let (model, matched, _) = met(&drug("F * dose"), &given(events)).unwrap();
    assert_eq!(
        matched.matching.read_as,
        ["`dose`: 1 amount spread evenly over time, where the model takes them at an instant"]
    );
    assert_eq!((matched.schedule.boluses.len(), matched.schedule.infusions.len()), (1, 1));
    assert_eq!(matched.personal.lasting, ["dose"]);
    // The twin keeps it.
    let kept: Personal = serde_json::from_str(&serde_json::to_string(&matched.personal).unwrap()).unwrap();
    assert_eq!(kept, matched.personal);
    let of_amounts = posterior(model, matched);
    assert_near(&centre(&of_amounts, &TIMES), &expected(30.0), 1e-8);
    let worst = worst_gradient(&of_amounts, 20);
    assert!(worst < 1e-5, "{worst:e}");
    let (model, matched, _) = met(&drug("F * dose"), &given(rate)).unwrap();
    assert_near(&centre(&posterior(model, matched), &TIMES), &expected(0.0), 1e-8);
    // Without what lasts, nothing is added to the model.
    let (model, matched, _) = met(&drug("F * dose"), &given(&events.replace(", duration = \"90 min\"", ""))).unwrap();
    assert!(matched.personal.lasting.is_empty() && matched.matching.read_as.is_empty());
    assert_eq!(model.states[0].derivative, self::model(&drug("F * dose")).states[0].derivative);
}

#[test]
fn small_parts_at_once_come_to_the_same_and_what_is_no_sum_of_parts_is_refused() {
    // What the depot takes depends on what is in it: no closed form, but many small doses.
    let text = drug("dose / (1 + depot / 50 [mg])");
    let whole =
        "[[exposure]]\nname = \"dose\"\nevents = [{ time = \"1 h\", amount = \"320 mg\", duration = \"90 min\" }]\n";
    let lasting = || {
        let (model, matched, _) = met(&text, &given(whole)).unwrap();
        centre(&posterior(model, matched), &TIMES)
    };
    let in_parts = |parts: u32| {
        let part = |at: u32| {
            let minute = 60.0 + 90.0 * (f64::from(at) + 0.5) / f64::from(parts);
            format!("{{ time = \"{minute} min\", amount = \"{} mg\" }}", 320.0 / f64::from(parts))
        };
        let events = (0..parts).map(part).collect::<Vec<_>>().join(", ");
        let exposure = format!("[[exposure]]\nname = \"dose\"\nevents = [{events}]\n");
        let (model, matched, _) = met(&text, &given(&exposure)).unwrap();
        centre(&posterior(model, matched), &TIMES)
    };
    let (lasting, hundred, two_hundred) = (lasting(), in_parts(100), in_parts(200));
    // At the end of all, where every part has come; halving the parts halves the difference.
    let off = |parts: &[f64]| (parts[4] / lasting[4] - 1.0).abs();
    assert!(off(&hundred) < 0.02 && off(&two_hundred) < 0.6 * off(&hundred), "{lasting:?} {hundred:?} {two_hundred:?}");
    for receives in ["dose / (1 + dose / 50 [mg])", "min(dose, 100 [mg])", "sqrt(dose * 1 [mg])"] {
        let found = met(&drug(receives), &given(whole)).err().unwrap();
        assert_eq!(found.iter().next().unwrap().code, "L1003", "{receives}: {found}");
        assert!(found.to_string().contains("leave the duration out"), "{found}");
        let unknown = "[[exposure]]\nname = \"dose\"\nusual = \"300 mg\"\nspread = \"30 %\"\n\
                       events = [{ time = \"1 h\", amount = \"unknown\", duration = \"90 min\" }]\n";
        let found = met(&drug(receives), &given(unknown)).err().unwrap();
        assert_eq!(found.iter().next().unwrap().code, "L1009", "{receives}: {found}");
    }
}

#[test]
fn an_unknown_amount_that_lasts_is_received_like_a_known_one() {
    let known =
        "[[exposure]]\nname = \"dose\"\nevents = [{ time = \"1 h\", amount = \"320 mg\", duration = \"90 min\" }]\n";
    // The prior's centre is what is usual; the vocabulary has no such name, and the unit is that of what is usual.
    let unknown = "[[exposure]]\nname = \"dose\"\nusual = \"0.32 g\"\nspread = \"50 %\"\n\
                   events = [{ time = \"1 h\", amount = \"unknown\", duration = \"90 min\" }]\n";
    let (model, matched, _) = met(&drug("F * dose"), &given(known)).unwrap();
    let expected = centre(&posterior(model, matched), &TIMES);
    let (model, matched, _) = met(&drug("F * dose"), &given(unknown)).unwrap();
    let found = posterior(model, matched);
    assert_eq!(found.prior.calibrated.last().unwrap().name, "dose.unknown_1");
    assert_near(&centre(&found, &TIMES), &expected, 1e-8);
    let worst = worst_gradient(&found, 20);
    assert!(worst < 1e-5, "{worst:e}");
}

#[test]
fn unknown_amounts_need_a_unit_and_what_is_usual() {
    let read = |keys: &str| {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("when.csv"), "hour\n1\n2\n").unwrap();
        fs::write(folder.path().join("patient.toml"), format!("[[exposure]]\nname = \"dose\"\n{keys}")).unwrap();
        let (patient, found) = Patient::read(folder.path());
        let codes: Vec<&str> =
            found.iter().map(|finding| finding.code).filter(|code| code.starts_with("P20")).collect();
        let codes: Vec<&str> = codes.into_iter().filter(|code| !["P2009", "P2023"].contains(code)).collect();
        let exposure = patient.unwrap().exposures.first().cloned();
        (codes, exposure.map(|known| (known.unit.text().to_string(), known.usual, known.unknown.len())))
    };
    let unknown = "{ time = \"1 h\", amount = \"unknown\" }";
    let usual = "usual = \"40 mg\"\nspread = \"80 %\"\n";
    let told = |count| Some(("mg".to_string(), Some((40.0, 0.8)), count));
    assert_eq!(read(&format!("{usual}events = [{unknown}]\n")), (vec![], told(1)));
    assert_eq!(read(&format!("{usual}unknown = true\nfile = \"when.csv\"\ntime = \"hour [h]\"\n")), (vec![], told(2)));
    // A known amount beside it has a unit, whichever comes first.
    let beside = "{ time = \"2 h\", amount = \"3 g\" }";
    for events in [format!("{unknown}, {beside}"), format!("{beside}, {unknown}").replace("1 h", "3 h")] {
        assert_eq!(read(&format!("events = [{events}]\n")), (vec![], Some(("g".to_string(), None, 1))));
    }
    // Nothing has one.
    for keys in [format!("events = [{unknown}]\n"), "unknown = true\nfile = \"when.csv\"\ntime = \"hour [h]\"\n".into()]
    {
        let (codes, exposure) = read(&keys);
        assert_eq!((codes, exposure), (vec!["P2090"], None), "{keys}");
    }
    // Where the unit is told and what is usual is not, the model that takes it says what to write.
    let exposure = format!("[[exposure]]\nname = \"dose\"\nevents = [{unknown}, {beside}]\n");
    let found = met(&drug("dose"), &given(&exposure)).err().unwrap();
    assert!(found.iter().next().unwrap().code == "L1009" && found.to_string().contains("usual = \"40 g\""), "{found}");
}

/// Steps and heart rates of a watch, as Apple Health exports them.
fn export(steps: &[(&str, &str, u32)], beats: &[(&str, f64)]) -> String {
    let record = |kind: &str, unit: &str, from: &str, to: &str, value: &str| {
        let (from, to) = (format!("2026-01-05 {from}:00 +0100"), format!("2026-01-05 {to}:00 +0100"));
        format!(
            " <Record type=\"HKQuantityTypeIdentifier{kind}\" sourceName=\"Watch\" unit=\"{unit}\" creationDate=\"{to}\" \
             startDate=\"{from}\" endDate=\"{to}\" value=\"{value}\"/>\n"
        )
    };
    let steps = steps.iter().map(|(from, to, count)| record("StepCount", "count", from, to, &count.to_string()));
    let beats = beats.iter().map(|(at, rate)| record("HeartRate", "count/min", at, at, &rate.to_string()));
    let records: String = steps.chain(beats).collect();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<HealthData locale=\"en_GB\">\n \
         <ExportDate value=\"2026-01-07 09:00:00 +0100\"/>\n{records}</HealthData>\n"
    )
}

#[test]
fn a_watch_that_counts_steps_drives_a_heart_rate() {
    let steps = [("08:00", "08:10", 1000), ("08:10", "08:15", 300), ("09:00", "09:04", 480)];
    let beats = [("08:05", 95.0), ("08:12", 99.0), ("08:30", 74.0), ("09:02", 97.0), ("10:00", 70.0)];
    let manifest = "name = \"walker\"\nmodel = \"heart_rate_steps\"\nepoch = \"2026-01-05T00:00:00+01:00[Europe/Berlin]\"\n\
                    start = \"7 h\"\n[[source]]\nfile = \"export.xml\"\n";
    let walker = patient(&[("patient.toml", manifest), ("export.xml", &export(&steps, &beats))]);
    let (mut model, _) = Library::embedded().load(walker.model.as_deref().unwrap()).unwrap();
    let (matched, _) = fit(&mut model, &walker).unwrap();
    assert_eq!(
        matched.matching.read_as,
        ["`step_rate`: 3 intervals as a series, 0 in the 2.683 h of the record that are in none"]
    );
    // No step is lost or counted twice.
    let [series] = matched.schedule.series.as_slice() else { panic!("{:?}", matched.schedule) };
    let pairs = series.times.windows(2).zip(&series.values);
    let counted: f64 = pairs.map(|(pair, rate)| (pair[1] - pair[0]) * 60.0 * rate).sum();
    assert!((counted - 1780.0).abs() < 1e-3, "{counted}");
    let posterior = posterior(model, matched);
    let hours = [8.0 + 5.0 / 60.0, 8.2, 8.5, 9.0 + 2.0 / 60.0, 10.0];
    let found = centre(&posterior, &hours);
    // The closed form of the two lags, step by step.
    let values = posterior.prior.complete(&posterior.prior.natural(&posterior.prior.centre()));
    let model = &posterior.program.model;
    let value = |name: &str| {
        let at = model.parameters.iter().position(|parameter| parameter.name == name).unwrap();
        values[at]
    };
    let (quick, slow) = (value("quickness") / 60.0, value("lasting_time"));
    let intensity = |rate: f64| value("gain") * rate / 100.0 / (value("capacity") - 1.0);
    let pieces: [(f64, f64); 6] =
        [(8.0, 0.0), (8.0 + 10.0 / 60.0, 100.0), (8.25, 60.0), (9.0, 0.0), (9.0 + 4.0 / 60.0, 120.0), (24.0, 0.0)];
    let expected: Vec<f64> = hours
        .iter()
        .map(|hour| {
            let (mut effort, mut strain, mut from) = (1e-9, 1e-9, 7.0);
            for (until, rate) in pieces {
                let length = (until.min(*hour) - from).max(0.0);
                let (goal, fast, slowly) = (intensity(rate), f64::exp(-length / quick), f64::exp(-length / slow));
                let part = (effort - goal) * quick / (quick - slow);
                strain = goal + part * fast + (strain - goal - part) * slowly;
                effort = goal + (effort - goal) * fast;
                from = until;
            }
            let day = 2.0 * std::f64::consts::PI * hour / 24.0;
            let trough = 2.0 * std::f64::consts::PI * value("trough") / 24.0;
            let of_the_day = -value("wave") * (day - trough).cos()
                + value("harmonic_cosine") * (2.0 * day).cos()
                + value("harmonic_sine") * (2.0 * day).sin();
            value("rest_rate")
                + (value("maximum_rate") - value("rest_rate")) * (effort + value("lasting") * strain)
                + of_the_day
        })
        .collect();
    assert!(found[0] > found[4] + 10.0, "{found:?}");
    assert_near(&found, &expected, 1e-6);
    let worst = worst_gradient(&posterior, 20);
    assert!(worst < 1e-5, "{worst:e}");
}
