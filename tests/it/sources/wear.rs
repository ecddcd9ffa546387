//! When a device was not worn, and Fitbit's zones, nights and tables.

use homeostat::patient::Patient;
use proptest::prelude::*;

use super::{codes, fuzzed, read, shared};

const PATIENT: &str = r#"
name = "worn"
epoch = "2026-01-05T00:00:00+01:00[Europe/Berlin]"
[[source]]
file = "*.json"
format = "fitbit"
zone = "local"
"#;

fn events(patient: &Patient, name: &str) -> Vec<(f64, f64)> {
    let found = patient.exposure(name).map(|known| &known.events).into_iter().flatten();
    found.map(|event| (event.time_h, event.value)).collect()
}

/// Steps of every minute of eight hours: walking in the first, 5 h without, walking in the last two.
fn steps() -> String {
    let entry = |minute: usize| {
        let count = if (60..360).contains(&minute) { 0 } else { 20 };
        format!("{{\"dateTime\": \"01/05/26 {:02}:{:02}:00\", \"value\": \"{count}\"}}", minute / 60, minute % 60)
    };
    format!("[{}]", (0..480).map(entry).collect::<Vec<_>>().join(","))
}

/// A pulse every five minutes, but for a stretch without.
fn pulse(from: usize, to: usize) -> String {
    let entry = |minute: usize| {
        format!(
            "{{\"dateTime\": \"01/05/26 {:02}:{:02}:00\", \"value\": {{\"bpm\": 60, \"confidence\": 1}}}}",
            minute / 60,
            minute % 60
        )
    };
    let minutes = (0..480).step_by(5).filter(|minute| !(from..to).contains(minute));
    format!("[{}]", minutes.map(entry).collect::<Vec<_>>().join(","))
}

fn worn(nonwear: &str, pulse: &str) -> (Patient, homeostat::diagnostic::Diagnostics) {
    let manifest = format!("{PATIENT}{nonwear}\n");
    read(&[
        ("patient.toml", manifest.as_bytes()),
        ("heart_rate-2026-01-05.json", pulse.as_bytes()),
        ("steps-2026-01-05.json", steps().as_bytes()),
    ])
}

#[test]
fn zero_counts_without_a_pulse_are_left_out() {
    let masked = |patient: &Patient| {
        patient.left_out.iter().filter(|left| left.why.starts_with("not worn")).map(|left| left.count).sum::<usize>()
    };
    // No steps for five hours, of which two and a half without a pulse: 02:00 (last pulse) to 04:30.
    let (patient, found) = worn("nonwear = \"90 min\"", &pulse(121, 270));
    assert!(!found.has_errors(), "{found}");
    assert_eq!(masked(&patient), 150);
    let left = events(&patient, "step_rate");
    assert_eq!(left.len(), 330);
    assert!(left.iter().all(|(time, _)| *time < 2.0 || *time >= 4.5), "{left:?}");
    assert_eq!(patient.observations[0].readings.len(), 480 / 5 - 29);
    // The same stretch is shorter than three hours; and without the key nothing is judged.
    assert_eq!(masked(&worn("nonwear = \"3 h\"", &pulse(121, 270)).0), 0);
    assert_eq!(masked(&worn("", &pulse(121, 270)).0), 0);
    // A night's sleep has a pulse.
    assert_eq!(masked(&worn("nonwear = \"90 min\"", &pulse(0, 0)).0), 0);
    // A pulse of zero is none.
    let zero = pulse(0, 0)
        .replace("01/05/26 03:00:00\", \"value\": {\"bpm\": 60", "01/05/26 03:00:00\", \"value\": {\"bpm\": 0");
    let (patient, found) = worn("nonwear = \"90 min\"", &zero);
    assert!(codes(&found).contains(&"P2019"), "{found}");
    assert_eq!(patient.observations[0].readings.len(), 480 / 5 - 1);
    let lone = pulse(121, 270).replace(
        "01/05/26 02:00:00\", \"value\": {\"bpm\": 60, \"confidence\": 1}}",
        "01/05/26 02:00:00\", \"value\": {\"bpm\": 60, \"confidence\": 1}}, {\"dateTime\": \"01/05/26 03:00:00\", \"value\": {\"bpm\": 0, \"confidence\": 0}}",
    );
    assert_eq!(masked(&worn("nonwear = \"90 min\"", &lone).0), 150);
}

#[test]
fn the_key_is_asked_for_its_time_and_both_signals() {
    for (key, code) in [
        ("nonwear = \"90 mg\"", "U1002"),
        ("nonwear = \"long\"", "U1003"),
        ("nonwear = \"0 min\"", "P2006"),
        ("nonwear = 90", "P2006"),
    ] {
        assert!(codes(&worn(key, &pulse(0, 0)).1).contains(&code), "{key}: {}", worn(key, &pulse(0, 0)).1);
    }
    let manifest = format!("{PATIENT}nonwear = \"90 min\"\n");
    let (patient, found) =
        read(&[("patient.toml", manifest.as_bytes()), ("steps-2026-01-05.json", steps().as_bytes())]);
    assert!(codes(&found).contains(&"P2043"), "{found}");
    assert_eq!(events(&patient, "step_rate").len(), 480);
}

#[test]
fn zones_are_said_or_asked_for() {
    let one = "[{\"dateTime\": \"01/05/26 08:00:00\", \"value\": \"90\"}]";
    let time = |zone: &str| {
        let manifest = PATIENT.replace("zone = \"local\"\n", zone);
        let (patient, found) =
            read(&[("patient.toml", manifest.as_bytes()), ("steps-2026-01-05.json", one.as_bytes())]);
        (events(&patient, "step_rate").first().map(|event| event.0), codes(&found))
    };
    assert_eq!(time("zone = \"local\"\n").0, Some(8.0));
    assert_eq!(time("zone = \"UTC\"\n").0, Some(9.0));
    assert_eq!(time("zone = \"America/New_York\"\n").0, Some(14.0));
    let (at, found) = time("");
    assert_eq!((at, found.first()), (Some(8.0), Some(&"P2041")));
    assert_eq!(time("zone = \"Nowhere\"\n").1.first(), Some(&"P2006"));
}

#[test]
fn nights_days_and_tables() {
    let night = r#"[{"logId": 1, "dateOfSleep": "2026-01-06", "startTime": "2026-01-05T23:00:00.000", "type": "stages", "levels": {"data": [
        {"dateTime": "2026-01-05T23:00:00.000", "level": "wake", "seconds": 600},
        {"dateTime": "2026-01-05T23:10:00.000", "level": "light", "seconds": 3000},
        {"dateTime": "2026-01-06T00:00:00.000", "level": "deep", "seconds": 1800},
        {"dateTime": "2026-01-06T00:30:00.000", "level": "paralysed", "seconds": 1800}]}},
        {"logId": 2, "startTime": "2026-01-06T23:00:00.000"}]"#;
    let days = r#"[{"dateTime": "01/05/26 00:00:00", "value": {"date": "01/05/26", "value": 58.5, "error": 6.7}},
        {"dateTime": "01/06/26 00:00:00", "value": {"date": null, "value": 0.0, "error": 0.0}}]"#;
    let manifest = PATIENT.replace("zone = \"local\"", "zone = \"UTC\"").replace("*.json", "*-2026*")
        + "[[source]]\nfile = \"*.csv\"\n";
    let (patient, found) = read(&[
        ("patient.toml", manifest.as_bytes()),
        ("sleep-2026-01-05.json", night.as_bytes()),
        ("resting_heart_rate-2026-01-05.json", days.as_bytes()),
        ("heart_rate_2026-01-05.csv", b"timestamp,beats per minute,data source\r\n2026-01-05T08:00:00Z,66.0,Pixel Watch\r\n2026-01-05T08:00:05Z,,Pixel Watch\r\nsoon,66,Pixel Watch\r\n2026-01-05T08:00:07Z,many,Pixel Watch\r\n"),
        ("steps_2026-01-05.csv", b"timestamp,steps,data source\n2026-01-05T08:00:00Z,80,Pixel Watch\n2026-01-05T08:00:00Z,75,Phone Health Connect\n"),
        ("weight.csv", b"timestamp,weight grams,data source\n2026-01-05T06:00:00Z,69500,Scale\n"),
        ("daily_respiratory_rate.csv", b"no data"),
        ("body_fat_2026-01-05.csv", b"timestamp,something\n"),
    ]);
    assert_eq!(events(&patient, "asleep"), [(23.0, 0.0), (23.0 + 1.0 / 6.0, 1.0), (24.0, 1.0)]);
    let readings: Vec<(&str, f64, f64)> = patient
        .observations
        .iter()
        .map(|known| (known.name.as_str(), known.readings[0].time_h, known.readings[0].value))
        .collect();
    assert_eq!(readings, [("resting_heart_rate", 12.0, 58.5), ("heart_rate", 9.0, 66.0)]);
    assert_eq!(patient.covariates[0].value, 69.5);
    let told = codes(&found);
    assert_eq!(told.iter().filter(|code| **code == "P2033").count(), 4, "{found}");
    assert!(told.contains(&"P2040"), "{found}");
}

#[test]
fn the_shared_look_alikes() {
    let heart = shared("exports/wearable/fitbit_synthetic_heart_rate-2026-01-05.json");
    let steps = shared("exports/wearable/fitbit_synthetic_steps-2026-01-05.json");
    let (Some(heart), Some(steps)) = (heart, steps) else { return };
    let (patient, found) = read(&[
        ("patient.toml", PATIENT.as_bytes()),
        ("fitbit_synthetic_heart_rate-2026-01-05.json", &std::fs::read(heart).unwrap()),
        ("fitbit_synthetic_steps-2026-01-05.json", &std::fs::read(steps).unwrap()),
    ]);
    assert!(!found.has_errors(), "{found}");
    assert!(patient.observations[0].readings.len() > 700 && events(&patient, "step_rate").len() > 200);
}

proptest! {
    #![proptest_config(fuzzed())]
    #[test]
    fn no_bytes_panic(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8), cut in any::<prop::sample::Index>()) {
        let mangle = |text: &str| {
            let mut bytes = text.as_bytes().to_vec();
            for (at, byte) in &changes {
                let at = at.index(bytes.len());
                bytes[at] = *byte;
            }
            bytes.truncate(cut.index(2 * bytes.len()));
            bytes
        };
        let manifest = PATIENT.replace("*.json", "*0*") + "nonwear = \"90 min\"\n";
        read(&[
            ("patient.toml", manifest.as_bytes()),
            ("steps_2026-01-05.csv", &mangle("timestamp,steps,data source\n2026-01-05T08:00:00Z,80,Pixel Watch\n")),
            ("sleep-2026-01-05.json", &mangle(r#"[{"levels": {"data": [{"dateTime": "2026-01-05T23:00:00.000", "level": "wake", "seconds": 600}]}}]"#)),
            ("heart_rate-2026-01-05.json", &mangle(r#"[{"dateTime": "01/05/26 08:00:00", "value": {"bpm": 57, "confidence": 2}}]"#)),
        ]);
    }
}
