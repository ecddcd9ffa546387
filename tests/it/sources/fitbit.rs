//! Fitbit's JSON: samples and counts over a minute, doubles, doubts and mistakes.

use homeostat::patient::ExposureKind;

use super::{codes, read};

const PATIENT: &str = r#"
name = "fit"
epoch = "2026-01-05T00:00:00+01:00[Europe/Berlin]"
[[source]]
file = "*.json"
zone = "local"
"#;

const HEART: &str = r#"[
    {"dateTime": "01/05/26 00:00:05", "value": {"bpm": 57, "confidence": 2}},
    {"dateTime": "01/05/26 01:00:00", "value": {"bpm": 61, "confidence": 3}},
    {"dateTime": "01/05/26 01:00:00", "value": {"bpm": 61, "confidence": 3}},
    {"dateTime": "01/05/26 01:00:00", "value": {"bpm": 64, "confidence": 3}},
    {"dateTime": "01/05/26 02:00:00", "value": {"bpm": 700, "confidence": 3}},
    {"dateTime": "01/04/26 23:00:00", "value": {"bpm": 55, "confidence": 3}}
]"#;

const STEPS: &str =
    r#"[{"dateTime": "01/05/26 08:00:00", "value": "90"}, {"dateTime": "01/05/26 08:01:00", "value": "0"}]"#;

#[test]
fn samples_and_counts_are_read_in_local_time() {
    let (patient, found) = read(&[
        ("patient.toml", PATIENT.as_bytes()),
        ("heart_rate-2026-01-05.json", HEART.as_bytes()),
        ("steps-2026-01-05.json", STEPS.as_bytes()),
    ]);
    assert!(!found.has_errors(), "{found}");
    let pulse = &patient.observations[0];
    assert_eq!(
        (pulse.name.as_str(), pulse.device.as_deref(), pulse.unit.text()),
        ("heart_rate", Some("fitbit"), "/min")
    );
    let readings: Vec<(f64, f64)> = pulse.readings.iter().map(|reading| (reading.time_h, reading.value)).collect();
    assert_eq!(readings, [(5.0 / 3600.0, 57.0), (1.0, 61.0)]);
    assert_eq!(pulse.readings[1].origin.to_string(), "heart_rate-2026-01-05.json#/1");
    let steps = patient.exposure("step_rate").unwrap();
    assert_eq!((steps.kind, steps.events.len()), (ExposureKind::Rate, 2));
    assert!((steps.events[0].value - 90.0).abs() < 1e-9 && (steps.events[0].time_h - 8.0).abs() < 1e-12);
    let mut left_out: Vec<(&str, usize)> =
        patient.left_out.iter().map(|left_out| (left_out.why.as_str(), left_out.count)).collect();
    left_out.sort_unstable();
    assert_eq!(
        left_out,
        [
            ("another value has the same time", 1),
            ("before the start of the record", 1),
            ("it stands twice", 1),
            ("not plausible (20 to 250 /min)", 1)
        ]
    );
    assert_eq!(codes(&found), ["P2030", "P2019", "P2022"]);
}

#[test]
fn mistakes_have_their_place_and_the_rest_is_shown() {
    let broken = HEART.replace("01/05/26 00:00:05", "2026-01-05").replace("\"bpm\": 55", "\"bpm\": null");
    let manifest = format!("{PATIENT}format = \"fitbit\"\n");
    let (patient, found) = read(&[
        ("patient.toml", manifest.as_bytes()),
        ("heart_rate-2026-01-05.json", broken.as_bytes()),
        ("calories-2026-01-05.json", b"[]"),
        ("steps-2026-01-05.json", b"[{\"dateTime\": \"01/05/26 08:00:00\""),
    ]);
    assert_eq!(patient.observations[0].readings.len(), 1);
    let told: Vec<String> = found
        .iter()
        .map(|finding| {
            format!("{} {}", finding.code, finding.location.as_ref().unwrap().file.rsplit('/').next().unwrap())
        })
        .collect();
    assert!(told.iter().any(|told| told == "P2033 calories-2026-01-05.json"), "{told:?}");
    assert!(told.iter().any(|told| told == "P2008 steps-2026-01-05.json"), "{told:?}");
    let places: Vec<String> = found.iter().map(|finding| finding.location.as_ref().unwrap().to_string()).collect();
    assert!(places.iter().any(|place| place.ends_with("heart_rate-2026-01-05.json#/0")), "{places:?}");
    assert!(places.iter().any(|place| place.ends_with("heart_rate-2026-01-05.json#/5")), "{places:?}");
}

#[test]
fn formats_keys_units_and_epochs_are_asked_for() {
    let file = ("heart_rate-a.json", HEART.as_bytes());
    for (manifest, code) in [
        (PATIENT.replace("*.json", "heart_rate-a.json\"\nformat = \"fitbits"), "P2032"),
        (PATIENT.replace("*.json", "nothing-*.json"), "P2002"),
        (PATIENT.replace("*.json", "patient.toml"), "P2032"),
        (PATIENT.replace("*.json", "heart_rate-a.json\"\ncolour = \"red"), "P2004"),
        (PATIENT.replace("epoch", "about"), "P2015"),
        (format!("{PATIENT}as = {{ heart_rate = \"hba1c\" }}\n"), "U1002"),
        (format!("{PATIENT}ignore = \"heart_rate\"\n"), "P2006"),
    ] {
        let (_, found) = read(&[("patient.toml", manifest.as_bytes()), file]);
        assert!(found.has_errors() && codes(&found).contains(&code), "{code}: {found}");
    }
    let ignored = format!("{PATIENT}ignore = [\"heart_rate\"]\n");
    let (patient, _) = read(&[("patient.toml", ignored.as_bytes()), file]);
    assert!(patient.observations.is_empty() && patient.left_out[0].count == 6);
    let backwards = (0..60).map(|at| {
        format!(
            "{{\"dateTime\": \"01/05/26 00:{:02}:00\", \"value\": {{\"bpm\": 60}}}}",
            if at == 30 { 10 } else { at }
        )
    });
    let backwards = format!("[{}]", backwards.collect::<Vec<_>>().join(","));
    let (_, found) = read(&[("patient.toml", PATIENT.as_bytes()), ("heart_rate-a.json", backwards.as_bytes())]);
    assert_eq!(codes(&found), ["P2031"]);
}
