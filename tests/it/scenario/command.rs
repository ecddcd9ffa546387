//! The command: tables, JSON, exit codes; and the example files of the repository against the numbers they stand for.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use homeostat::diagnostic::Source;
use homeostat::inference::NutsSettings;
use homeostat::likelihood::match_patient;
use homeostat::model::Library;
use homeostat::patient::Patient;
use homeostat::scenario::{self, Setting};
use homeostat::sim::Schedule;
use homeostat::stats::Seed;
use homeostat::twin::{Calibration, calibrate};
use homeostat::units::Clock;
use serde_json::Value as Json;
use tempfile::TempDir;

use super::vocabulary;

/// Two twins of one person, the same but for the verdict: a short run, whose draws are good enough to run on.
struct Twins {
    folder: TempDir,
}

impl Twins {
    fn of(passed: bool) -> PathBuf {
        static TWINS: OnceLock<Twins> = OnceLock::new();
        let twins = TWINS.get_or_init(|| {
            let folder = TempDir::new().unwrap();
            let (patient, _) = Patient::load(Path::new("patients/theophylline_01")).unwrap();
            let (model, _) = Library::embedded().load("theophylline").unwrap();
            let nuts = NutsSettings { chains: 2, warmup: 200, draws: 100, ..NutsSettings::default() };
            let settings = Calibration { nuts, predictions: 1000, ..Calibration::default() };
            let (mut twin, _) = calibrate(model, &patient, &settings, Seed(1), &|_| ()).unwrap();
            for passed in [true, false] {
                twin.verdict.passed = passed;
                twin.write(&folder.path().join(format!("{passed}.twin")), false).unwrap();
            }
            Twins { folder }
        });
        twins.folder.path().join(format!("{passed}.twin"))
    }
}

fn homeostat(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_homeostat")).arg("scenario").args(arguments).output().unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

const TWICE: &str = "scenarios/theophylline/twice_daily.toml";
const DOUBLE: &str = "scenarios/theophylline/double_dose.toml";

#[test]
fn tables_outcomes_and_json_say_the_same() {
    let (twin, folder) = (Twins::of(true), TempDir::new().unwrap());
    let out = folder.path().join("deep/er");
    let done = homeostat(&[text(&twin), TWICE, DOUBLE, "-o", text(&out), "--json"]);
    assert_eq!(done.status.code(), Some(0), "{}", String::from_utf8_lossy(&done.stderr));
    let json: Json = serde_json::from_slice(&done.stdout).unwrap();
    let mut names: Vec<String> =
        std::fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    let second = names.iter().find(|name| name.starts_with("as_it_was_")).unwrap().clone();
    assert_eq!(names, ["as_it_was.csv", &second, "double_dose.csv", "outcomes.csv", "twice_daily.csv"]);
    let table = std::fs::read_to_string(out.join("twice_daily.csv")).unwrap();
    let mut lines = table.lines();
    assert_eq!(lines.next(), Some("time_h,output,unit,mean,q05,q25,q50,q75,q95"));
    assert!(lines.next().unwrap().starts_with("0,plasma_theophylline,mg/L,"), "{table}");
    assert!(lines.next_back().unwrap().starts_with("72,plasma_theophylline,mg/L,"));

    let runs = json["runs"].as_array().unwrap();
    let named: Vec<&str> = runs.iter().map(|run| run["scenario"].as_str().unwrap()).collect();
    assert_eq!(named, ["as it was", "twice_daily", "as it was", "double_dose"]);
    assert_eq!(json["verdict"]["passed"], true);
    assert_eq!(json["draws"], 200);
    for run in runs {
        assert!(Path::new(run["table"].as_str().unwrap()).is_file(), "{run}");
    }
    // The model is linear: twice the dose is twice the peak.
    let value = |scenario: &str, to: &Json| {
        let all = json["outcomes"].as_array().unwrap();
        let is = |row: &&Json| row["scenario"] == scenario && row["outcome"] == "peak" && row["to_h"] == *to;
        all.iter().find(is).unwrap()["value"]["median"].as_f64().unwrap()
    };
    let to = &runs[3]["to_h"];
    assert!((value("double_dose", to) / value("as it was", to) - 2.0).abs() < 1e-3);
    let contrast = json["contrasts"].as_array().unwrap().iter().find(|row| row["scenario"] == "double_dose").unwrap();
    assert_eq!(contrast["p_higher"], 1.0);
    let outcomes = std::fs::read_to_string(out.join("outcomes.csv")).unwrap();
    assert_eq!(outcomes.lines().count(), 1 + json["outcomes"].as_array().unwrap().len());
    let extrapolations = runs[3]["extrapolations"].to_string();
    assert!(extrapolations.contains("640 mg of `oral_theophylline` at 0 h"), "{extrapolations}");
}

#[test]
fn what_is_printed_fits_a_terminal_and_does_not_depend_on_threads() {
    let twin = Twins::of(true);
    let run = |threads: &str| homeostat(&[text(&twin), DOUBLE, "--draws", "50", "--threads", threads]);
    let (one, two) = (run("1"), run("2"));
    assert_eq!(one.status.code(), Some(0));
    assert_eq!(one.stdout, two.stdout);
    let printed = String::from_utf8(one.stdout).unwrap();
    for words in
        ["50 of 200 draws", "plasma_theophylline: peak [mg/L]", "as it was", "P(higher)", "not a medical device"]
    {
        assert!(printed.contains(words), "{words} is not in\n{printed}");
    }
    assert!(printed.lines().all(|line| line.chars().count() <= 100), "{printed}");
}

#[test]
fn a_twin_that_failed_its_verdict_exits_with_3_after_all_is_written() {
    let (twin, folder) = (Twins::of(false), TempDir::new().unwrap());
    let done = homeostat(&[text(&twin), DOUBLE, "-o", text(folder.path()), "--json"]);
    assert_eq!(done.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&done.stderr).contains("failed its verdict"));
    assert!(folder.path().join("outcomes.csv").is_file());
    let json: Json = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(json["verdict"]["passed"], false);
}

#[test]
fn wrong_files_exit_with_1_and_wrong_arguments_with_2() {
    let (twin, folder) = (Twins::of(true), TempDir::new().unwrap());
    let wrong = |arguments: &[&str], code: i32, words: &[&str]| {
        let done = homeostat(arguments);
        let told = String::from_utf8_lossy(&done.stderr).into_owned();
        assert_eq!(done.status.code(), Some(code), "{told}");
        assert!(done.stdout.is_empty());
        for word in words {
            assert!(told.contains(word), "{word} is not in\n{told}");
        }
    };
    let twin = text(&twin);
    wrong(&[twin, "scenarios/theophylline/double_dos.toml"], 1, &["S5001", "did you mean"]);
    wrong(&[twin, "scenarios/theophylline"], 1, &["S5001", "it is a folder"]);
    // All files are read before anything is told.
    let other = "scenarios/t1d_day/carbs_plus50.toml";
    wrong(&[twin, other, "nowhere.toml"], 1, &["S5006", "carbohydrate_intake", "carbs_plus50.toml:6:9", "S5001"]);
    wrong(&[twin, DOUBLE, DOUBLE], 1, &["S5014"]);
    let latin = folder.path().join("latin.toml");
    std::fs::write(&latin, b"about = \"caf\xe9\"\n").unwrap();
    wrong(&[twin, text(&latin)], 1, &["S5001", "UTF-8"]);
    let blocked = folder.path().join("blocked");
    std::fs::write(&blocked, "a file").unwrap();
    wrong(&[twin, DOUBLE, "-o", text(&blocked)], 1, &["C6001"]);
    let taken = folder.path().join("out");
    std::fs::create_dir_all(taken.join("outcomes.csv")).unwrap();
    wrong(&[twin, DOUBLE, "-o", text(&taken)], 1, &["C6001", "is a folder"]);
    assert_eq!(std::fs::read_dir(&taken).unwrap().filter(|e| hidden(e.as_ref().unwrap())).count(), 0);
    wrong(&["no.twin", DOUBLE], 1, &["T3001"]);
    wrong(&[twin], 2, &["SCENARIOS"]);
    wrong(&[twin, DOUBLE, "--draws", "0"], 2, &["--draws"]);
    wrong(&[twin, DOUBLE, "--threads", "0"], 2, &["--threads"]);
}

fn hidden(entry: &std::fs::DirEntry) -> bool {
    entry.file_name().to_string_lossy().starts_with('.')
}

/// Carbohydrate and boluses of a span, each as (minute, amount) in order.
fn day(schedule: &Schedule, model: &homeostat::model::Composed, from: f64) -> [Vec<(f64, f64)>; 2] {
    ["carbohydrate_intake", "bolus_insulin"].map(|name| {
        let input = model.inputs.iter().position(|input| input.name == name).unwrap();
        let of_input = schedule.infusions.iter().filter(|i| i.input == input && i.time >= from);
        let mut all: Vec<(f64, f64)> = of_input.map(|i| (i.time, i.rate * i.duration)).collect();
        all.sort_by(|a, b| a.0.total_cmp(&b.0));
        all
    })
}

#[test]
fn the_example_files_are_the_counterfactual_days_of_the_virtual_person() {
    let bundle = Path::new("patients/virtual_adult_001");
    let (patient, _) = Patient::load(bundle).unwrap();
    let (model, _) = Library::embedded().load("t1d_day").unwrap();
    let (matched, _) = match_patient(&model, &patient).unwrap();
    let days: Json = serde_json::from_str(&std::fs::read_to_string(bundle.join("scenarios.json")).unwrap()).unwrap();
    let clock = Clock::default();
    let setting = Setting {
        model: &model,
        schedule: &matched.schedule,
        covariates: &matched.covariates,
        clock: &clock,
        vocabulary: vocabulary(),
    };
    let mut compared = 0;
    for (name, expected) in days.as_object().unwrap().iter().filter(|(name, _)| *name != "factual") {
        let path = format!("scenarios/t1d_day/{name}.toml");
        let source = Source::new(&path, std::fs::read_to_string(&path).unwrap());
        let (scenario, warnings) = scenario::read(&source, name, &setting).unwrap_or_else(|found| panic!("{found}"));
        assert!(warnings.is_empty(), "{warnings}");
        let schedule = scenario.schedule(&model, &matched.schedule);
        let found = day(&schedule, &model, 4320.0);
        for (found, key) in found.iter().zip(["carbs", "bolus"]) {
            let expected = expected[key].as_array().unwrap();
            assert_eq!(found.len(), expected.len(), "{name} {key}");
            for ((time, amount), expected) in found.iter().zip(expected) {
                let (at, of) = (expected[0].as_f64().unwrap(), expected[1].as_f64().unwrap());
                assert!((time - at).abs() < 1e-6 && (amount - of).abs() < 1e-9, "{name} {key} {time} {amount}");
            }
        }
        assert_eq!(day(&schedule, &model, 0.0)[0][..9], day(&matched.schedule, &model, 0.0)[0][..9]);
        compared += 1;
    }
    assert_eq!(compared, 7);
}

#[test]
fn the_examples_of_the_readme_are_read() {
    let readme = std::fs::read_to_string("scenarios/README.md").unwrap();
    let (model, _) = Library::embedded().load("t1d_day").unwrap();
    let (patient, _) = Patient::load(Path::new("patients/virtual_adult_001")).unwrap();
    let (matched, _) = match_patient(&model, &patient).unwrap();
    let clock = Clock::default();
    let setting = Setting {
        model: &model,
        schedule: &matched.schedule,
        covariates: &matched.covariates,
        clock: &clock,
        vocabulary: vocabulary(),
    };
    let blocks: Vec<&str> = readme.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert_eq!(blocks.len(), 10);
    for block in blocks {
        // The one drug of another model.
        let text = block.replace("oral_theophylline", "carbohydrate_intake").replace("320 mg", "32 g");
        let read = scenario::read(&Source::new("README.md", text), "readme", &setting);
        read.unwrap_or_else(|found| panic!("{found}"));
    }
}
