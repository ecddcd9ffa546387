//! An Apple Health export of a gigabyte: speed and memory, in a release build, on request.
//!
//! `cargo test --release -- --ignored --nocapture a_gigabyte`; `HOMEOSTAT_EXPORT_MB` makes another size.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::Instant;

use homeostat::patient::Patient;

/// The two weeks that are read, amid years.
const PATIENT: &str = r#"
name = "years"
epoch = "2025-01-01T00:00:00+01:00[Europe/Berlin]"
[[source]]
file = "export.xml"
from = "2025-06-02T00:00:00+02:00"
to = "2025-06-16T00:00:00+02:00"
only = { step_rate = "Watch" }
"#;

/// Writes records as a watch and a telephone make them, a pulse every 5 s in workouts and every 5 min else, until the file has its size.
fn write(path: &Path, size: u64) -> u64 {
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path).unwrap());
    let head = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE HealthData [\n<!ELEMENT HealthData (ExportDate,Me,(Record|Workout)*)>\n<!ATTLIST HealthData locale CDATA #REQUIRED>\n]>\n<HealthData locale=\"de_DE\">\n <ExportDate value=\"2025-12-31 09:00:00 +0100\"/>\n <Me HKCharacteristicTypeIdentifierDateOfBirth=\"1965-03-02\" HKCharacteristicTypeIdentifierBiologicalSex=\"HKBiologicalSexMale\"/>\n";
    file.write_all(head.as_bytes()).unwrap();
    let mut written = head.len() as u64;
    let (mut count, mut second) = (0_u64, 0_i64);
    let begin: jiff::Timestamp = "2020-01-01T00:00:00Z".parse().unwrap();
    // Six years in the size that is wanted: so many seconds a record.
    let pace = 6 * 365 * 86_400 / (size / 480).max(1) as i64;
    let mut random = 1_u64;
    while written < size {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let noise = random >> 33;
        let start = begin + jiff::SignedDuration::from_secs(second);
        let time = |seconds: i64| {
            let at = start + jiff::SignedDuration::from_secs(seconds);
            at.to_zoned_datetime(jiff::tz::TimeZone::fixed(jiff::tz::offset(1)))
                .strftime("%Y-%m-%d %H:%M:%S %z")
                .to_string()
        };
        let (kind, unit, value, lasts, source) = match count % 10 {
            0..=4 => ("HeartRate", "count/min", format!("{}", 50 + noise % 90), 0, "Anna&#8217;s Apple Watch"),
            5 => ("ActiveEnergyBurned", "kcal", format!("0.{:03}", noise % 1000), 60, "Anna&#8217;s Apple Watch"),
            6 => ("BasalEnergyBurned", "kcal", format!("1.{:03}", noise % 1000), 60, "Anna&#8217;s Apple Watch"),
            7 => ("StepCount", "count", format!("{}", 5 + noise % 100), 60, "Anna&#8217;s Apple Watch"),
            8 => ("StepCount", "count", format!("{}", 5 + noise % 100), 60, "iPhone"),
            _ => ("DistanceWalkingRunning", "km", format!("0.{:03}", noise % 1000), 60, "iPhone"),
        };
        let (start, end) = (time(0), time(lasts));
        let record = format!(
            " <Record type=\"HKQuantityTypeIdentifier{kind}\" sourceName=\"{source}\" sourceVersion=\"11.2\" device=\"&lt;&lt;HKDevice: 0x3014f8{:03x}&gt;, name:Apple Watch, manufacturer:Apple Inc., model:Watch, hardware:Watch6,7, software:11.2&gt;\" unit=\"{unit}\" creationDate=\"{end}\" startDate=\"{start}\" endDate=\"{end}\" value=\"{value}\"",
            noise % 4096
        );
        file.write_all(record.as_bytes()).unwrap();
        let end: &[u8] = if count % 10 < 5 {
            b">\n  <MetadataEntry key=\"HKMetadataKeyHeartRateMotionContext\" value=\"1\"/>\n </Record>\n"
        } else {
            b"/>\n"
        };
        file.write_all(end).unwrap();
        written += (record.len() + end.len()) as u64;
        count += 1;
        second += pace;
    }
    file.write_all(b"</HealthData>\n").unwrap();
    file.flush().unwrap();
    written
}

/// The greatest memory of this process so far [MB].
fn peak() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
}

/// Seconds of the processor that this thread had so far.
fn worked() -> f64 {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    told.split_whitespace().next().unwrap().parse::<f64>().unwrap() / 1e9
}

#[test]
#[ignore = "writes a gigabyte; to be run in a release build"]
fn a_gigabyte_is_read_in_flat_memory() {
    let megabytes = std::env::var("HOMEOSTAT_EXPORT_MB").ok().and_then(|size| size.parse().ok()).unwrap_or(1000);
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("patient.toml"), PATIENT).unwrap();
    let size = write(&folder.path().join("export.xml"), megabytes * 1_000_000);
    let (begin, before) = (Instant::now(), worked());
    let (patient, found) = Patient::load(folder.path()).unwrap();
    let (seconds, processor) = (begin.elapsed().as_secs_f64(), worked() - before);
    let (speed, memory) = (size as f64 / 1e6 / seconds, peak());
    let kept: usize = patient.observations.iter().map(|known| known.readings.len()).sum();
    let left: usize = patient.left_out.iter().map(|left| left.count).sum();
    println!(
        "{:.0} MB in {seconds:.2} s ({processor:.2} s of the processor): {speed:.0} MB/s, peak {memory:.0} MB; {kept} readings kept, {left} left out\n{found}",
        size as f64 / 1e6
    );
    assert!(kept > 1000 && left > 1000);
    assert!(memory <= 150.0, "{memory} MB");
    // Of the processor's time: on a machine that does other work, too, the clock tells more of that.
    let speed = size as f64 / 1e6 / processor;
    assert!(cfg!(debug_assertions) || speed >= 100.0, "{speed} MB/s");
}
