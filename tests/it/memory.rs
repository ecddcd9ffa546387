//! Memory of a calibration: it hardly grows with the number of draws, which are on disk.

#[cfg(target_os = "linux")]
use std::path::Path;

/// Peak resident memory [MiB] of `homeostat calibrate` with so many draws of each chain.
#[cfg(target_os = "linux")]
fn peak(draws: usize, folder: &Path) -> f64 {
    use std::process::{Command, Stdio};
    // The peak that the system keeps never falls: read while the program runs, the last reading is the peak.
    let twin = folder.join(format!("{draws}.twin"));
    let mut child = Command::new(env!("CARGO_BIN_EXE_homeostat"))
        .args(["calibrate", "patients/theophylline_01", "--json", "--threads", "2", "--warmup", "300", "--draws"])
        .arg(draws.to_string())
        .arg("-o")
        .arg(&twin)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0.0;
    loop {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let high = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).map(|rest| rest.trim_end_matches("kB"));
        if let Some(Ok(high)) = high.map(|high| high.trim().parse::<f64>()) {
            peak = f64::max(peak, high / 1024.0);
        }
        match child.try_wait().unwrap() {
            Some(done) => {
                assert!(matches!(done.code(), Some(0 | 3)), "{done}");
                break;
            }
            None => std::thread::sleep(std::time::Duration::from_millis(2)),
        }
    }
    assert!(homeostat::twin::Twin::read(&twin).is_ok_and(|twin| twin.draws.draws == draws));
    peak
}

#[test]
#[cfg(target_os = "linux")]
fn ten_times_the_draws_take_hardly_more_memory() {
    let folder = tempfile::tempdir().unwrap();
    let (few, many) = (peak(2000, folder.path()), peak(20_000, folder.path()));
    assert!(few > 5.0, "{few} MiB cannot be a whole run");
    // 72,000 draws more, with five parameters and seven statistics each, held in memory took 41 MiB. What is left is 15 MiB:
    // predictions, which grow up to half a million replicates whatever the draws, and a few columns.
    assert!(many - few < LIMIT, "{few:.1} MiB with 2,000 draws a chain, {many:.1} with 20,000");
}

/// By how much peaks may differ [MiB].
#[cfg(target_os = "linux")]
const LIMIT: f64 = 24.0;

#[test]
#[cfg(not(target_os = "linux"))]
fn ten_times_the_draws_take_hardly_more_memory() {
    eprintln!("skipped: only Linux says in /proc how much memory a program has used");
}
