//! Runs that are killed and resumed: the same draws, bit for bit, as one that was not.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use homeostat::stats::Seed;
use homeostat::twin::{Checkpoint, Twin};
use rand::RngExt;

/// `homeostat calibrate` of a bundle of the project to `twin`, with further options.
fn calibrate(bundle: &str, twin: &Path, options: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_homeostat"));
    let bundle = Path::new(env!("CARGO_MANIFEST_DIR")).join("patients").join(bundle);
    command.arg("calibrate").arg(bundle).arg("-o").arg(twin).args(options);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn finished(mut command: Command) -> Output {
    command.output().unwrap()
}

fn same(one: &Twin, other: &Twin) -> bool {
    let bits = |twin: &Twin| twin.draws.values.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    bits(one) == bits(other)
        && one.draws == other.draws
        && one.predictions == other.predictions
        && one.provenance.gradients == other.provenance.gradients
        && one.verdict == other.verdict
}

#[test]
fn a_run_that_is_killed_and_resumed_gives_the_same_draws() {
    let folder = tempfile::tempdir().unwrap();
    let settings = ["--warmup", "200", "--draws", "300", "--seed", "3"];
    let whole = folder.path().join("whole.twin");
    let begun = Instant::now();
    let output = finished(calibrate("lynx_hare", &whole, &settings));
    let took = begun.elapsed();
    assert!(matches!(output.status.code(), Some(0 | 3)), "{}", String::from_utf8_lossy(&output.stderr));
    let whole = Twin::read(&whole).unwrap();
    let mut stream = Seed(11).stream("kill", 0);
    let mut interrupted = 0;
    for kill in 0..20 {
        let path = folder.path().join(format!("{kill}.twin"));
        let mut resume = false;
        // Some runs are killed twice.
        for _ in 0..1 + kill % 2 {
            let with: Vec<&str> = settings.iter().copied().chain(resume.then_some("--resume")).collect();
            let mut child = calibrate("lynx_hare", &path, &with).spawn().unwrap();
            // How long a run takes depends on what else the machine does: only its beginning is waited for.
            let (begun, checkpoint) = (Instant::now(), Checkpoint::path(&path).join("run.json"));
            while !checkpoint.exists() && child.try_wait().unwrap().is_none() && begun.elapsed().as_secs() < 20 {
                std::thread::sleep(Duration::from_millis(1));
            }
            std::thread::sleep(Duration::from_secs_f64(took.as_secs_f64() * stream.random_range(0.0..0.6)));
            child.kill().unwrap();
            child.wait().unwrap();
            resume = Checkpoint::path(&path).join("run.json").exists();
        }
        interrupted += usize::from(resume);
        let with: Vec<&str> = settings.iter().copied().chain(resume.then_some("--resume")).collect();
        if !path.exists() || resume {
            let output = finished(calibrate("lynx_hare", &path, &with));
            assert!(matches!(output.status.code(), Some(0 | 3)), "{}", String::from_utf8_lossy(&output.stderr));
        }
        assert!(same(&Twin::read(&path).unwrap(), &whole), "kill {kill}");
        // A kill while the checkpoint of a finished run is removed may leave files, but none that could be resumed.
        assert!(!Checkpoint::path(&path).join("run.json").exists());
        assert!(!resume || !Checkpoint::path(&path).exists());
    }
    // The check would be empty if most kills came too early or too late.
    assert!(interrupted >= 5, "{interrupted}");
}

#[test]
fn a_checkpoint_of_another_run_is_refused_with_what_differs() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.twin");
    let settings = ["--warmup", "300", "--draws", "5000"];
    let mut child = calibrate("lynx_hare", &path, &settings).spawn().unwrap();
    let checkpoint = Checkpoint::path(&path);
    let begun = Instant::now();
    while !checkpoint.join("chain-4").exists() && begun.elapsed() < Duration::from_secs(20) {
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let refused = |bundle: &str, options: &[&str], code: &str, words: &str| {
        let output = finished(calibrate(bundle, &path, options));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(code) && said.contains(words), "{said}");
        assert!(checkpoint.join("run.json").exists());
    };
    refused("lynx_hare", &settings, "T3017", "--resume");
    refused(
        "lynx_hare",
        &["--resume", "--warmup", "300", "--draws", "5000", "--seed", "2"],
        "T3016",
        "seed is 1, here it is 2",
    );
    refused("theophylline_01", &["--resume", "--warmup", "300", "--draws", "5000"], "T3016", "bundle hash");
    refused("lynx_hare", &["--resume", "--warmup", "300", "--draws", "4000"], "T3016", "5000 draws");
    let run = checkpoint.join("run.json");
    let text = std::fs::read_to_string(&run).unwrap();
    std::fs::write(&run, text.replace(env!("CARGO_PKG_VERSION"), "0.0.1")).unwrap();
    refused("lynx_hare", &["--resume", "--warmup", "300", "--draws", "5000"], "T3016", "version is \"0.0.1\"");
    std::fs::write(&run, "{").unwrap();
    refused("lynx_hare", &["--resume", "--warmup", "300", "--draws", "5000"], "T3016", "cannot be understood");
    std::fs::write(&run, text).unwrap();
    let none = folder.path().join("b.twin");
    let output = finished(calibrate("lynx_hare", &none, &["--resume"]));
    assert!(String::from_utf8_lossy(&output.stderr).contains("T3015"));
    // A run that cannot work leaves nothing to resume.
    let never = folder.path().join("c.twin");
    let output = finished(calibrate("lynx_hare", &never, &["--sampler", "abc", "--simulations", "100"]));
    assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(!Checkpoint::path(&never).exists());
    let short = ["--overwrite", "--warmup", "50", "--draws", "20"];
    let output = finished(calibrate("lynx_hare", &path, &short));
    assert!(matches!(output.status.code(), Some(0 | 3)), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(Twin::read(&path).is_ok() && !checkpoint.exists());
}
