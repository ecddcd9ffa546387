//! The commands as a user runs them: what they print and write, exit codes, and every kind of wrong input.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value as Json;
use tempfile::TempDir;

use super::calibration_check::{bundle, toy};

fn homeostat(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_homeostat")).args(arguments).output().unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Runs a command that must fail with this exit code and say all these words on standard error.
#[track_caller]
fn refused(arguments: &[&str], code: i32, words: &[&str]) {
    let done = homeostat(arguments);
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert_eq!(done.status.code(), Some(code), "{arguments:?}\n{said}");
    assert!(!said.contains("panicked"), "{said}");
    for word in words {
        assert!(said.contains(word), "{arguments:?}: `{word}` is not in\n{said}");
    }
}

#[track_caller]
fn json(arguments: &[&str]) -> Json {
    let done = homeostat(arguments);
    assert_eq!(done.status.code(), Some(0), "{arguments:?}\n{}", String::from_utf8_lossy(&done.stderr));
    serde_json::from_slice(&done.stdout).unwrap()
}

const QUICK: [&str; 6] = ["--chains", "2", "--warmup", "100", "--draws", "50"];

#[test]
fn from_a_bundle_to_figures_in_one_command() {
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("out");
    let scenario = "scenarios/theophylline/twice_daily.toml";
    let mut arguments = vec!["run", "patients/theophylline_01", scenario, "-o", text(&out)];
    arguments.extend(QUICK);
    let done = homeostat(&arguments);
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    // So few draws fail the verdict, which is said; everything is written all the same.
    assert_eq!(done.status.code(), Some(3), "{said}\n{}", String::from_utf8_lossy(&done.stderr));
    for word in ["Twin of theophylline_01", "FAILED", "twice_daily", "P(", "not a medical device"] {
        assert!(said.contains(word), "`{word}` is not in\n{said}");
    }
    for name in [
        "theophylline_01.twin",
        "as_it_was.csv",
        "twice_daily.csv",
        "outcomes.csv",
        "trajectories.svg",
        "trajectories.png",
        "effects.svg",
        "parameters.svg",
        "trace.svg",
    ] {
        let path = out.join(name);
        assert!(path.is_dir() || fs::metadata(&path).unwrap().len() > 100, "{name}");
    }
    // A second time it does not overwrite the twin, and says how to.
    refused(&arguments, 1, &["--overwrite"]);
    arguments.extend(["--overwrite", "--json", "--threads", "1"]);
    let done = homeostat(&arguments);
    let whole: Json = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(whole["figures"].as_array().unwrap().len(), 5);
    assert_eq!(whole["verdict"]["passed"], false);
    assert!(whole["summary"]["parameters"].as_array().unwrap().len() >= 5);
}

#[test]
fn a_mistake_in_a_scenario_is_told_before_the_calibration() {
    let folder = TempDir::new().unwrap();
    let wrong = folder.path().join("wrong.toml");
    fs::write(&wrong, "[[scale]]\ninput = \"insulin\"\nfactor = 2\n").unwrap();
    let out = folder.path().join("out");
    let begun = Instant::now();
    refused(&["run", "patients/virtual_adult_001", text(&wrong), "-o", text(&out)], 1, &["S5006", "wrong.toml:2:9"]);
    assert!(begun.elapsed() < Duration::from_secs(20));
    assert!(!out.exists());
}

#[test]
fn threads_and_seeds() {
    let folder = TempDir::new().unwrap();
    let values = |name: &str, more: &[&str]| {
        let twin = folder.path().join(name);
        let mut arguments = vec!["calibrate", "patients/theophylline_03", "-o", text(&twin), "--json"];
        arguments.extend(QUICK);
        arguments.extend(more);
        let done = homeostat(&arguments);
        let whole: Json = serde_json::from_slice(&done.stdout).unwrap();
        whole["parameters"].clone()
    };
    let one = values("one", &["--threads", "1"]);
    assert_eq!(one, values("two", &["--threads", "2"]));
    assert_ne!(one, values("other", &["--threads", "2", "--seed", "2"]));
}

#[test]
fn an_amount_without_a_unit_is_in_that_of_the_rate_whatever_the_time_of_the_model() {
    // A rate in g/min, in a model that counts in hours.
    let who =
        ["simulate", "whole_body", "--set", "weight=75", "--set", "height=1.77 m", "--set", "age=40", "--set", "sex=1"];
    let what = ["--to", "4h", "--step", "1h", "--output", "plasma_glucose", "--json"];
    let after = |given| json(&[&who[..], &what[..], &["--give", given]].concat())["outputs"][0]["q50"].clone();
    let plain = after("carbohydrate_intake=60@1h");
    assert_eq!(plain, after("carbohydrate_intake=60 g@1h"));
    assert!(plain[2].as_f64().is_some_and(|glucose| (95.0..160.0).contains(&glucose)), "{plain}");
}

#[test]
fn many_outputs_are_a_line_each_and_no_line_is_too_long() {
    let who =
        ["simulate", "whole_body", "--set", "weight=75", "--set", "height=1.77 m", "--set", "age=40", "--set", "sex=1"];
    for draws in [&[][..], &["--draws", "4"]] {
        let said = String::from_utf8(homeostat(&[&who[..], draws, &["--to", "4h"]].concat()).stdout).unwrap();
        let of = |name: &str| said.lines().find(|line| line.split_whitespace().next() == Some(name));
        assert!(of("output").is_some_and(|line| line.contains(" 0 h") && line.ends_with(" 4 h")), "{said}");
        assert!(of("hba1c").is_some_and(|line| line.contains(" % ")) && of("body_mass").is_some(), "{said}");
        assert!(said.lines().all(|line| line.chars().count() <= 120), "{said}");
    }
}

#[test]
fn models_are_listed_checked_and_simulated() {
    let listed = String::from_utf8(homeostat(&["model", "list"]).stdout).unwrap();
    assert!(listed.contains("t1d_day") && listed.contains("theophylline"), "{listed}");
    let checked = String::from_utf8(homeostat(&["model", "check", "theophylline"]).stdout).unwrap();
    for word in ["oral_theophylline", "weight", "CL", "LogNormal", "plasma_theophylline"] {
        assert!(checked.contains(word), "{checked}");
    }
    let model = json(&["model", "check", "t1d_day", "--json"]);
    let calibrated = model["parameters"].as_array().unwrap().iter().filter(|p| !p["prior"].is_null()).count();
    assert!(calibrated >= 10, "{calibrated}");

    // One oral dose: F D ka / (V (ka − k)) (e^(−kt) − e^(−ka t)), at the prior medians of a person of 70 kg.
    let give = "oral_theophylline=320 mg@1h";
    let common = ["simulate", "theophylline", "--set", "weight=70 kg", "--give", give, "--to", "25h", "--step", "1h"];
    let found = json(&[&common[..], &["--json"]].concat());
    let (times, levels) = (found["times_h"].as_array().unwrap(), found["outputs"][0]["q50"].as_array().unwrap());
    assert_eq!(times.len(), 26);
    for (time, level) in times.iter().zip(levels).filter(|(time, _)| time.as_f64() > Some(1.5)) {
        let (t, ka, k) = (time.as_f64().unwrap() - 1.0, 1.5f64, 2.8 / 32.0);
        let expected = 320.0 * ka / (32.0 * (ka - k)) * ((-k * t).exp() - (-ka * t).exp());
        assert!((level.as_f64().unwrap() / expected - 1.0).abs() < 1e-5, "{t}: {level} {expected}");
    }
    let folder = TempDir::new().unwrap();
    for name in ["a.csv", "a.svg", "a.png"] {
        let path = folder.path().join(name);
        let done = homeostat(&[&common[..], &["--draws", "40", "--set", "CL=3.1", "-o", text(&path)]].concat());
        assert_eq!(done.status.code(), Some(0), "{}", String::from_utf8_lossy(&done.stderr));
        assert!(fs::metadata(path).unwrap().len() > 500);
    }
    refused(&["simulate", "theophyline"], 1, &["M2014", "did you mean `theophylline`"]);
    refused(&["simulate", "theophylline"], 2, &["--set \"weight=… kg\""]);
    refused(&["simulate", "theophylline", "--set", "wieght=70"], 2, &["did you mean `weight`"]);
    refused(&["simulate", "theophylline", "--set", "CL=-3 L/h"], 2, &["between 0"]);
    refused(&["simulate", "theophylline", "--set", "CL=3 mg"], 2, &["L/h"]);
    refused(&[&common[..], &["--give", "oral_theophylline=3 mL"]].concat(), 1, &["U1002"]);
    refused(&[&common[..], &["--give", "oral=3 mg"]].concat(), 2, &["oral_theophylline"]);
    refused(&[&common[..], &["-o", "a.pdf"]].concat(), 1, &["C6101", ".svg"]);
    refused(&["--models", "nowhere", "model", "list"], 1, &["M2014"]);
}

/// A copy of a bundle whose file was changed.
fn changed(bundle: &str, file: &str, change: &dyn Fn(String) -> String) -> TempDir {
    let folder = TempDir::new().unwrap();
    for entry in fs::read_dir(Path::new("patients").join(bundle)).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
    }
    let path = folder.path().join(file);
    fs::write(&path, change(fs::read_to_string(&path).unwrap())).unwrap();
    folder
}

#[test]
fn wrong_bundles_are_refused_with_code_and_place_and_nothing_is_written() {
    let folder = TempDir::new().unwrap();
    let twin = folder.path().join("a.twin");
    let wrong = |bundle: &str, file: &str, change: &dyn Fn(String) -> String, words: &[&str]| {
        let bundle = changed(bundle, file, change);
        refused(&["calibrate", text(bundle.path()), "-o", text(&twin)], 1, words);
        refused(&["check", text(bundle.path())], 1, words);
        assert!(!twin.exists());
    };
    let t1d = "virtual_adult_001";
    refused(&["calibrate", "patients/nobody", "-o", text(&twin)], 1, &["error["]);
    let manifest = |from: &'static str, to: &'static str| move |text: String| text.replace(from, to);
    wrong(t1d, "patient.toml", &manifest("\"cgm.csv\"", "\"cmg.csv\""), &["cmg.csv", "cgm.csv"]);
    wrong(t1d, "patient.toml", &manifest("glucose_mg_dl [mg/dL]", "glucose [mg/dL]"), &["glucose_mg_dl"]);
    wrong(t1d, "patient.toml", &manifest("\"cgm_glucose\"", "\"cgm_glucos\""), &["cgm_glucose"]);
    wrong(t1d, "cgm.csv", &|text| text[..text.len() - 5].to_string() + "x", &["cgm.csv:"]);
    let cut = |text: String| text[..=text.rfind(',').unwrap()].to_string();
    wrong(t1d, "cgm.csv", &cut, &["P2012", "cgm.csv:1153", "cut short"]);
    wrong(t1d, "cgm.csv", &|text| text.replacen("\n5,", "\n5,NaN\n6,", 1), &["cgm.csv:3"]);
    wrong(t1d, "cgm.csv", &|text| text.replacen("\n10,", "\n5,", 1), &["cgm.csv:4"]);
    wrong(t1d, "boluses.csv", &|text| text.replacen(",6.6", ",-6.6", 1), &["boluses.csv:2"]);
    wrong(t1d, "boluses.csv", &|text| text.replacen("455,", "-455,", 1), &["boluses.csv:2"]);
    let mmol = |text: String| {
        let lines = text.lines().enumerate().map(|(number, line)| match line.split_once(',') {
            Some((time, value)) if number > 0 => format!("{time},{:.1}", value.parse::<f64>().unwrap() / 18.016),
            _ => line.to_string(),
        });
        lines.collect::<Vec<_>>().join("\n")
    };
    wrong(t1d, "cgm.csv", &mmol, &["mmol/L"]);
    wrong("theophylline_01", "patient.toml", &|text| text.replace("weight", "wieght"), &["weight"]);
}

#[test]
fn wrong_models_and_outputs() {
    let folder = TempDir::new().unwrap();
    let model = folder.path().join("mine.model");
    fs::write(&model, "component mine\n  \"x\"\nparameter k [1/h] ~ Uniform(2, 1)\nlet a [1] = a\n").unwrap();
    let twin = folder.path().join("a.twin");
    let calibrate = ["calibrate", "patients/theophylline_01", "-o", text(&twin)];
    refused(
        &[&calibrate[..], &["--model", text(&model)]].concat(),
        1,
        &["M4002", "M2003", "mine.model:3", "mine.model:4"],
    );
    refused(&["model", "check", text(&model)], 1, &["M4002", "M2003"]);
    refused(&[&calibrate[..], &["--model", "t1d_day"]].concat(), 1, &["error["]);
    refused(&["calibrate", "patients/theophylline_01", "-o", "/proc/x.twin"], 1, &["error["]);
    refused(&[&calibrate[..], &["--chains", "0"]].concat(), 2, &["chain"]);
    refused(&[&calibrate[..], &["--from", "9 kg"]].concat(), 2, &["kg"]);
    refused(&[&calibrate[..], &["--threads", "0"]].concat(), 2, &["--threads"]);
    refused(&["calibrate"], 2, &["--output"]);
    refused(&["summary", text(&twin)], 1, &["T3001"]);
    refused(&["explain", "L9999"], 2, &["L9999"]);
    assert_eq!(homeostat(&["explain", "M2003"]).status.code(), Some(0));
}

#[test]
fn a_damaged_twin_is_refused_by_every_command() {
    let folder = TempDir::new().unwrap();
    let twin = folder.path().join("a.twin");
    let mut arguments = vec!["calibrate", "patients/theophylline_01", "-o", text(&twin)];
    arguments.extend(QUICK);
    homeostat(&arguments);
    let scenario = "scenarios/theophylline/twice_daily.toml";
    let figure = folder.path().join("a.svg");
    let refuse = |words: &[&str]| {
        refused(&["summary", text(&twin)], 1, words);
        refused(&["scenario", text(&twin), scenario], 1, words);
        refused(&["plot", text(&twin), "-o", text(&figure)], 1, words);
        assert!(!figure.exists());
    };
    let values = twin.join("posterior/CL/c/0/0");
    let mut bytes = fs::read(&values).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&values, &bytes).unwrap();
    refuse(&["T3004", "posterior/CL/c/0/0"]);
    bytes[middle] ^= 1;
    fs::write(&values, &bytes).unwrap();
    assert_eq!(homeostat(&["summary", text(&twin)]).status.code(), Some(0));
}

#[test]
fn a_kill_leaves_no_half_written_twin() {
    let folder = TempDir::new().unwrap();
    let twin = folder.path().join("a.twin");
    let mut child = Command::new(env!("CARGO_BIN_EXE_homeostat"))
        .args(["calibrate", "patients/theophylline_01", "-o", text(&twin), "--draws", "200000"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_millis(700));
    assert!(child.try_wait().unwrap().is_none(), "the calibration was over before the kill");
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!twin.exists());
    // What a dead run left is not lost without a word, and goes when it is told to.
    let mut arguments = vec!["calibrate", "patients/theophylline_01", "-o", text(&twin)];
    arguments.extend(QUICK);
    assert_eq!(homeostat(&arguments).status.code(), Some(1));
    arguments.push("--overwrite");
    assert_eq!(homeostat(&arguments).status.code(), Some(3));
    assert_eq!(homeostat(&["summary", text(&twin)]).status.code(), Some(0));
    let names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["a.twin"]);
}

#[test]
fn calibration_is_checked() {
    let folder = TempDir::new().unwrap();
    let model = toy(folder.path(), "right", "Normal(10, 3)", "Normal(mu, 2 [mg/L])");
    let bundle = bundle(folder.path(), "");
    let path = |name: &str| text(&folder.path().join(name)).to_string();
    let (svg, png, csv) = (path("ranks.svg"), path("ranks.png"), path("ranks.csv"));
    let common = ["calibrate-check", text(&model), "--bundle", text(&bundle)];
    let asked = ["--sims", "40", "--ranks", "49", "--draws", "150", "-o", &svg, "-o", &png, "-o", &csv];
    let done = homeostat(&[&common[..], &asked].concat());
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    assert_eq!(done.status.code(), Some(0), "{said}\n{}", String::from_utf8_lossy(&done.stderr));
    for word in ["mu", "ln likelihood", "40 of 40 simulations calibrated", "Passed", "not a medical device"] {
        assert!(said.contains(word), "`{word}` is not in\n{said}");
    }
    assert_eq!(fs::read_to_string(&csv).unwrap().lines().count(), 1 + 2 * 40);
    assert!([&svg, &png].iter().all(|path| fs::metadata(path).unwrap().len() > 2000));
    let whole = json(&[&common[..], &asked[..6], &["--json"]].concat());
    assert_eq!((&whole["verdict"]["passed"], &whole["calibrated"]), (&Json::from(true), &Json::from(40)));
    assert_eq!(whole["quantities"][0]["ranks"].as_array().unwrap().len(), 40);

    let negative = toy(folder.path(), "negative", "Normal(2, 2)", "LogNormal(mu, 0.2)");
    let done = homeostat(&["calibrate-check", text(&negative), "--bundle", text(&bundle), "--sims", "40"]);
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(done.status.code() == Some(3) && said.contains("FAILED") && said.contains("not simulated"), "{said}");

    refused(&[&common[..], &["--sims", "0"]].concat(), 2, &["--sims"]);
    refused(&[&common[..], &["--ranks", "0"]].concat(), 2, &["--ranks"]);
    refused(&[&common[..], &["--chains", "0"]].concat(), 2, &["chain"]);
    refused(&[&common[..], &["-o", "ranks.txt"]].concat(), 1, &["C6101"]);
    refused(&common[..2], 2, &["--bundle"]);
    refused(&["calibrate-check", "theophyline", "--bundle", text(&bundle)], 1, &["M2014", "did you mean"]);
    refused(&["calibrate-check", "theophylline", "--bundle", "patients/nobody"], 1, &["error["]);
    refused(&["calibrate-check", "t1d_day", "--bundle", text(&bundle)], 1, &["error["]);
}
