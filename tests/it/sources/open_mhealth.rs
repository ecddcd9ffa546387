//! Open mHealth's JSON: bodies, data points, lists and lines; times, units, statistics and mistakes.

use homeostat::diagnostic::Diagnostics;
use homeostat::patient::Patient;
use proptest::prelude::*;

use super::{codes, fuzzed, read, shared};

const PATIENT: &str = r#"
name = "omh"
epoch = "2020-02-05T00:00:00+00:00[UTC]"
[[source]]
file = "a.json"
"#;

fn of(text: &str) -> (Patient, Diagnostics) {
    read(&[("patient.toml", PATIENT.as_bytes()), ("a.json", text.as_bytes())])
}

fn at(time: &str) -> String {
    format!("\"effective_time_frame\": {{\"date_time\": \"2020-02-05T{time}Z\"}}")
}

fn readings(patient: &Patient, name: &str) -> Vec<(f64, f64)> {
    let all = patient.observations.iter().filter(|known| known.name == name).flat_map(|known| &known.readings);
    all.map(|reading| (reading.time_h, reading.value)).collect()
}

#[test]
fn bodies_points_lists_and_lines() {
    let pulse = format!("{{\"heart_rate\": {{\"value\": 50, \"unit\": \"beats/min\"}}, {}}}", at("07:30:00"));
    let point = format!(
        "{{\"header\": {{\"id\": \"1\", \"acquisition_provenance\": {{\"source_name\": \"RunKeeper\"}}}}, \"body\": {}}}",
        pulse.replace("07:30", "08:30").replace("50", "55")
    );
    for text in
        [format!("[{pulse}, {point}]"), format!("{pulse}\n{point}\n"), format!("\u{feff}{pulse}\r\n\r\n{point}")]
    {
        let (patient, found) = of(&text);
        assert!(!found.has_errors(), "{found}");
        assert_eq!(readings(&patient, "heart_rate"), [(7.5, 50.0), (8.5, 55.0)]);
        let devices: Vec<_> = patient.observations.iter().map(|known| known.device.as_deref()).collect();
        assert_eq!(devices, [Some("open_mhealth"), Some("RunKeeper")]);
        assert!(patient.left_out.is_empty(), "{:?}", patient.left_out);
    }
    let (patient, _) = of(&format!("[{point}]"));
    assert_eq!(patient.observations[0].readings[0].origin.to_string(), "a.json#/0/body");
}

#[test]
fn measures_units_and_intervals() {
    let body = |measure: &str, time: &str| format!("{{{measure}, {time}}}");
    let hour = "\"effective_time_frame\": {\"time_interval\": {\"start_date_time\": \"2020-02-05T06:00:00Z\", \"end_date_time\": \"2020-02-05T07:00:00Z\"}}";
    let long = "\"effective_time_frame\": {\"time_interval\": {\"end_date_time\": \"2020-02-05T07:00:00Z\", \"duration\": {\"value\": 30, \"unit\": \"min\"}}}";
    let text = [
        body("\"systolic_blood_pressure\": {\"value\": 160, \"unit\": \"mmHg\"}, \"diastolic_blood_pressure\": {\"value\": 60, \"unit\": \"mmHg\"}", &at("08:00:00")),
        body("\"body_weight\": {\"value\": 110, \"unit\": \"lb\"}", &at("08:00:00")),
        body("\"body_temperature\": {\"value\": 98.6, \"unit\": \"F\"}", &at("08:00:00")),
        body("\"oxygen_saturation\": {\"value\": 95, \"unit\": \"%\"}", &at("08:00:00")),
        body("\"blood_glucose\": {\"value\": 7, \"unit\": \"mmol/L\"}", &at("08:00:00")),
        body("\"blood_glucose\": {\"value\": 120, \"unit\": \"mg/dL\"}, \"specimen_source\": \"interstitial fluid\"", &at("08:00:00")),
        body("\"step_count\": {\"value\": 6000, \"unit\": \"steps\"}", hour),
        body("\"step_count\": 300", &hour.replace("T06:", "T05:").replace("T07:", "T06:")),
        body("\"heart_rate\": {\"value\": 70, \"unit\": \"beats/min\"}, \"descriptive_statistic\": \"average\"", long),
        body("\"heart_rate\": {\"value\": 90, \"unit\": \"beats/min\"}, \"descriptive_statistic\": \"maximum\"", long),
        body("\"distance\": {\"value\": 90, \"unit\": \"m\"}", long),
        body("\"sleep_type\": \"nap\"", long),
    ]
    .join("\n");
    let (patient, found) = of(&text);
    assert!(!found.has_errors(), "{found}");
    for (name, time, value) in [
        ("systolic_pressure", 8.0, 160.0),
        ("diastolic_pressure", 8.0, 60.0),
        ("body_temperature", 8.0, 37.0),
        ("oxygen_saturation", 8.0, 95.0),
        ("capillary_glucose", 8.0, 126.1092),
        ("cgm_glucose", 8.0, 120.0),
        ("heart_rate", 6.75, 70.0),
    ] {
        let all = readings(&patient, name);
        assert!(all.len() == 1 && (all[0].0 - time).abs() < 1e-12 && (all[0].1 - value).abs() < 1e-9, "{name} {all:?}");
    }
    let steps: Vec<(f64, f64, f64)> = patient
        .exposure("step_rate")
        .unwrap()
        .events
        .iter()
        .map(|event| (event.time_h, event.value, event.duration_h))
        .collect();
    assert_eq!(steps, [(5.0, 5.0, 1.0), (6.0, 100.0, 1.0)]);
    assert!((patient.covariates[0].value - 49.895_160_7).abs() < 1e-9);
    let left: Vec<&str> = patient.left_out.iter().map(|left| left.what.as_str()).collect();
    assert_eq!(left, ["heart_rate", "distance", "a data point"]);
}

#[test]
fn the_shared_points() {
    let names = ["blood-glucose", "blood-pressure", "body-weight", "heart-rate", "step-count"];
    let mut text = String::new();
    for name in names {
        let Some(path) = shared(&format!("exports/omh/{name}.json")) else { return };
        let json: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        text += &format!("{json}\n");
    }
    let manifest = PATIENT.replace("2020-02-05", "2013-01-01");
    let (patient, found) = read(&[("patient.toml", manifest.as_bytes()), ("a.json", text.as_bytes())]);
    assert!(!found.has_errors(), "{found}");
    assert_eq!(readings(&patient, "heart_rate").len(), 1);
    let steps = &patient.exposure("step_rate").unwrap().events[0];
    assert!((steps.value * 60.0 - 10_600.0).abs() < 1e-6);
    // Least and greatest values over weeks are no readings.
    assert_eq!(patient.left_out.iter().map(|left| left.count).sum::<usize>(), 4);
}

#[test]
fn mistakes_have_their_place() {
    let good = format!("{{\"heart_rate\": {{\"value\": 50, \"unit\": \"beats/min\"}}, {}}}", at("07:30:00"));
    for (text, place) in [
        (format!("{good}\n{{\"heart_rate\""), "a.json:2"),
        (format!("[{good}, {}]", good.replace("07:30:00Z", "07:30:00")), "a.json#/1"),
        (format!("[{good}, {}]", good.replace("2020-02-05T07:30:00Z", "morning")), "a.json#/1"),
        (format!("[{good}, {{\"body\": 3}}]"), "a.json#/1/body"),
        (format!("[{good}, "), "a.json:1"),
    ] {
        let (_, found) = of(&text);
        assert!(codes(&found).contains(&"P2033"), "{text}: {found}");
        let found = found.iter().find(|found| found.code == "P2033").unwrap().location.as_ref().unwrap().to_string();
        assert!(found.contains(place), "{found}");
    }
    let (_, found) = of(&good.replace("beats/min", "bogus"));
    assert!(codes(&found)[0].starts_with('U'), "{found}");
}

proptest! {
    #![proptest_config(fuzzed())]
    #[test]
    fn no_bytes_panic(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8), cut in any::<prop::sample::Index>()) {
        let point = r#"{"step_count": {"value": 1e9, "unit": "steps"}, "effective_time_frame": {"time_interval": {"end_date_time": "2020-02-05T07:00:00Z", "duration": {"value": 30, "unit": "min"}}}}"#;
        let mut bytes = point.as_bytes().to_vec();
        for (at, byte) in &changes {
            let at = at.index(bytes.len());
            bytes[at] = *byte;
        }
        let keep = cut.index(2 * bytes.len());
        bytes.truncate(keep);
        let manifest = format!("{PATIENT}format = \"open_mhealth\"\n");
        read(&[("patient.toml", manifest.as_bytes()), ("a.json", &bytes)]);
    }
}
