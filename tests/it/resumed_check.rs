//! Checks of calibration that are interrupted and resumed: the same ranks as without, and nothing of another check is taken.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use homeostat::inference::NutsSettings;
use homeostat::model::Library;
use homeostat::patient::Patient;
use homeostat::stats::Seed;
use homeostat::twin::{
    Calibration, CheckProgress, CheckSettings, Checkpoint, Earlier, Outcome, check_calibration_resumable, meet,
};

use super::calibration_check::{bundle, toy};

#[test]
fn a_resumed_check_is_the_uninterrupted_one() {
    let folder = tempfile::tempdir().unwrap();
    let patient = Patient::load(&bundle(folder.path(), "")).unwrap().0;
    // Some of its simulations have no ranks, and one chain no R̂: both are kept, too.
    let path = toy(folder.path(), "negative", "Normal(3, 2)", "LogNormal(mu, 0.2)");
    let model = Library::embedded().load(path.to_str().unwrap()).unwrap().0;
    let posterior = meet(model, &patient, Calibration::default().solver).unwrap().0;
    let nuts = NutsSettings { chains: 1, warmup: 100, draws: 100, ..NutsSettings::default() };
    let calibration = Calibration { nuts, prior_draws: 100, ..Calibration::default() };
    let settings = CheckSettings { simulations: 30, largest_rank: 49, calibration };
    let output = folder.path().join("ranks.csv");
    let run = |earlier| {
        let told: Mutex<Vec<CheckProgress>> = Mutex::default();
        let tell = |at| told.lock().unwrap().push(at);
        let place = (output.as_path(), earlier);
        let (check, kept) =
            check_calibration_resumable(&posterior, &patient, &settings, Seed(4), place, &tell).unwrap();
        (check, kept, told.into_inner().unwrap())
    };
    let (whole, kept, told) = run(Earlier::Refuse);
    assert_eq!(told.len(), 31);
    let (unsimulated, uncalibrated) = whole.failed();
    assert!(unsimulated > 0 && whole.fits().count() > 10);
    assert!(whole.fits().all(|fit| fit.worst_r_hat.is_nan()));
    let last = told.iter().max_by_key(|at| at.done).unwrap();
    assert_eq!((last.done, last.of, last.kept), (30, 30, 0));
    assert_eq!(told.iter().map(|at| at.without_ranks).max(), Some(unsimulated + uncalibrated));
    drop(kept);
    let file = Checkpoint::path(&output).join("simulations");
    let bytes = fs::read(&file).unwrap();
    // NaN is not itself, but it is written alike.
    let text = format!("{whole:?}");
    for share in [0.0, 0.013, 0.4, 0.77, 1.0] {
        // As a kill leaves it, in the middle of a record or not.
        fs::write(&file, &bytes[..(share * bytes.len() as f64) as usize]).unwrap();
        let (check, _, told) = run(Earlier::Resume);
        assert_eq!(format!("{check:?}"), text, "{share}");
        let kept = told[0].kept;
        assert!(kept as f64 <= 30.0 * share + 20.0 && told.len() == 31 - kept, "{share}: {kept}");
        assert!((kept == 30) == (share == 1.0), "{share}: {kept}");
    }
    // A record that was changed ends what is taken.
    let mut changed = bytes.clone();
    changed[bytes.len() / 2] ^= 1;
    fs::write(&file, &changed).unwrap();
    let (check, kept, told) = run(Earlier::Resume);
    assert!(format!("{check:?}") == text && told[0].kept < 30);
    assert!((0..30).all(|number| match (kept.outcome(number), &check.outcomes[number]) {
        (Some(Outcome::Ranked(one)), Outcome::Ranked(other)) => one.ranks == other.ranks,
        (one, other) => one.is_none_or(|one| one == other),
    }));
    kept.finish();
    assert!(!Checkpoint::path(&output).exists());
}

/// `homeostat calibrate-check theophylline`, on a bundle of the project, with further options.
fn command(bundle: &str, output: &Path, options: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_homeostat"));
    let bundle: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("patients").join(bundle);
    command.args(["calibrate-check", "theophylline", "--bundle"]).arg(bundle).arg("-o").arg(output).args(options);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

#[test]
fn a_check_that_is_killed_goes_on_and_is_refused_where_it_is_another() {
    let folder = tempfile::tempdir().unwrap();
    let settings = ["--sims", "24", "--ranks", "49", "--draws", "100", "--warmup", "100", "--seed", "3"];
    let with = |more: &[&'static str]| settings.iter().copied().chain(more.iter().copied()).collect::<Vec<_>>();
    let finished = |mut command: Command| -> Output {
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(matches!(output.status.code(), Some(0 | 3)), "{said}");
        output
    };
    let (whole, path) = (folder.path().join("whole.csv"), folder.path().join("ranks.csv"));
    finished(command("theophylline_01", &whole, &settings));
    let checkpoint = Checkpoint::path(&path);
    let mut child = command("theophylline_01", &path, &settings).spawn().unwrap();
    let (begun, file) = (Instant::now(), checkpoint.join("simulations"));
    while fs::metadata(&file).map_or(0, |file| file.len()) == 0 && begun.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!path.exists() && checkpoint.join("run.json").exists());
    let refused = |bundle: &str, options: Vec<&str>, words: &[&str]| {
        let output = command(bundle, &path, &options).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(words.iter().all(|word| said.contains(word)), "{words:?} are not in\n{said}");
    };
    refused("theophylline_01", with(&[]), &["T3017", "--resume", "--overwrite"]);
    refused("theophylline_02", with(&["--resume"]), &["T3016", "bundle hash"]);
    let mut other = with(&["--resume"]);
    other[1] = "25";
    refused("theophylline_01", other, &["T3016", "its simulations is 24, here it is 25"]);
    refused("theophylline_01", with(&["--resume", "--chains", "3"]), &["T3016", "its chains is 2"]);
    refused("theophylline_01", with(&["--resume", "--to", "12h"]), &["T3016", "end h"]);
    let run = checkpoint.join("run.json");
    let text = fs::read_to_string(&run).unwrap();
    fs::write(&run, text.replace(env!("CARGO_PKG_VERSION"), "0.0.1")).unwrap();
    refused("theophylline_01", with(&["--resume"]), &["T3016", "version is \"0.0.1\""]);
    // The model's text, not only its name.
    let hash = serde_json::from_str::<serde_json::Value>(&text).unwrap()["model_hash"].as_str().unwrap().to_string();
    fs::write(&run, text.replace(&hash, "0")).unwrap();
    refused("theophylline_01", with(&["--resume"]), &["T3016", "model hash"]);
    fs::write(&run, "{").unwrap();
    refused("theophylline_01", with(&["--resume"]), &["T3016", "cannot be understood"]);
    fs::write(&run, text).unwrap();
    let said = finished(command("theophylline_01", &path, &with(&["--resume"]))).stderr;
    let said = String::from_utf8_lossy(&said);
    assert!(said.contains("of 24 simulations are kept and not computed again"), "{said}");
    assert_eq!(fs::read(&path).unwrap(), fs::read(&whole).unwrap());
    assert!(!checkpoint.exists());
    // Nothing to go on from: without a checkpoint, and without an output beside which it would be.
    refused("theophylline_01", with(&["--resume"]), &["T3015"]);
    let nowhere = folder.path().join("nowhere/ranks.csv");
    let output = command("theophylline_01", &nowhere, &settings).output().unwrap();
    assert!(output.status.code() == Some(1) && String::from_utf8_lossy(&output.stderr).contains("C6001"));
    let bundle = Path::new(env!("CARGO_MANIFEST_DIR")).join("patients/theophylline_01");
    let mut without = Command::new(env!("CARGO_BIN_EXE_homeostat"));
    let output =
        without.args(["calibrate-check", "theophylline", "--resume", "--bundle"]).arg(bundle).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}
