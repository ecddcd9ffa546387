//! Tidepool's JSON: records of every type, bounds in annotations, rates with durations.

use std::fs;

use homeostat::patient::{Censoring, ExposureKind, Patient};
use proptest::prelude::*;

use super::{codes, read, shared};

const PATIENT: &str = "epoch = \"2026-01-05T00:00:00Z[UTC]\"\n[[source]]\nfile = \"tp.json\"\n";

const RECORDS: &str = r#"[
    {"type": "cbg", "time": "2026-01-05T00:00:00.000Z", "units": "mmol/L", "value": 5.0, "deviceId": "D"},
    {"type": "cbg", "time": "2026-01-05T00:05:00Z", "units": "mg/dL", "value": 90, "deviceId": "D"},
    {"type": "cbg", "time": "2026-01-05T00:10:00Z", "units": "mmol/L", "value": 2.16, "deviceId": "D",
     "annotations": [{"code": "bg/out-of-range", "value": "low", "threshold": 40}]},
    {"type": "cbg", "time": "2026-01-05T00:15:00Z", "units": "mmol/L", "value": 22.26, "deviceId": "D",
     "annotations": "[{\"code\":\"bg/out-of-range\",\"value\":\"high\",\"threshold\":400}]"},
    {"type": "smbg", "time": "2026-01-05T00:20:00Z", "units": "mmol/L", "value": 6.0},
    {"type": "bolus", "subType": "dual/square", "normal": 2, "extended": 1, "duration": 7200000, "time": "2026-01-05T01:00:00Z"},
    {"type": "wizard", "carbInput": 50, "time": "2026-01-05T01:00:00Z", "units": "mmol/L"},
    {"type": "wizard", "carbInput": 3, "carbUnits": "exchanges", "time": "2026-01-05T01:30:00Z"},
    {"type": "food", "nutrition": {"carbohydrate": {"net": 15, "units": "grams"}}, "time": "2026-01-05T02:00:00Z"},
    {"type": "insulin", "dose": {"total": 12, "units": "Units"}, "formulation": {"simple": {"actingType": "long"}}, "time": "2026-01-05T03:00:00Z"},
    {"type": "basal", "deliveryType": "scheduled", "rate": 0.8, "duration": 3600000, "time": "2026-01-05T00:00:00Z"},
    {"type": "basal", "deliveryType": "temp", "percent": 0.5, "suppressed": {"rate": 0.8}, "duration": 1800000, "time": "2026-01-05T01:00:00Z"},
    {"type": "basal", "deliveryType": "suspend", "duration": 1800000, "time": "2026-01-05T01:30:00Z"},
    {"type": "basal", "deliveryType": "automated", "rate": 1.1, "time": "2026-01-05T02:00:00Z"},
    {"type": "bloodKetone", "value": 0.4, "units": "mmol/L", "time": "2026-01-05T04:00:00Z"},
    {"type": "upload", "time": "2026-01-05T05:00:00Z"},
    {"type": "wizard", "time": "2026-01-05T06:00:00Z"}
]"#;

#[test]
fn records_are_taken_by_type() {
    let (patient, found) = read(&[("patient.toml", PATIENT.as_bytes()), ("tp.json", RECORDS.as_bytes())]);
    assert!(!found.has_errors(), "{found}");
    let sensor = &patient.observations[0];
    assert_eq!((sensor.name.as_str(), sensor.device.as_deref()), ("cgm_glucose", Some("D")));
    let told: Vec<(f64, Censoring)> =
        sensor.readings.iter().map(|reading| (reading.value, reading.censoring)).collect();
    assert!((told[0].0 - 90.078).abs() < 1e-9);
    assert_eq!(told[1..], [(90.0, Censoring::None), (40.0, Censoring::Below), (400.0, Censoring::Above)]);
    let events = |name: &str| -> Vec<(f64, f64, f64)> {
        let exposure = patient.exposure(name).unwrap();
        exposure.events.iter().map(|event| (event.time_h, event.value, event.duration_h)).collect()
    };
    assert_eq!(events("bolus_insulin"), [(1.0, 1.0, 2.0), (1.0, 2.0, 0.0)]);
    assert_eq!(events("carbohydrate_intake"), [(1.0, 50.0, 0.0), (2.0, 15.0, 0.0)]);
    assert_eq!(events("long_acting_insulin"), [(3.0, 12.0, 0.0)]);
    assert_eq!(events("basal_insulin"), [(0.0, 0.8, 1.0), (1.0, 0.4, 0.5), (1.5, 0.0, 0.5)]);
    assert_eq!(patient.exposure("basal_insulin").unwrap().kind, ExposureKind::Rate);
    let why: Vec<&str> = patient.left_out.iter().map(|one| one.why.as_str()).collect();
    for part in ["exchanges", "duration is not told", "without a value of the person", "has no value"] {
        assert!(why.iter().any(|why| why.contains(part)), "{part}: {why:?}");
    }
}

#[test]
fn mistakes_have_their_pointer() {
    for (from, to, code, pointer) in [
        ("\"value\": 5.0", "\"value\": \"five\"", "P2033", "#/0"),
        ("2026-01-05T00:05:00Z", "noon", "P2033", "#/1"),
        ("\"type\": \"upload\"", "\"kind\": \"upload\"", "P2033", "#/15"),
        ("}\n]", "}\n", "P2008", ""),
    ] {
        let json = RECORDS.replacen(from, to, 1);
        let (_, found) = read(&[("patient.toml", PATIENT.as_bytes()), ("tp.json", json.as_bytes())]);
        let placed =
            found.iter().any(|one| one.code == code && one.location.as_ref().unwrap().to_string().contains(pointer));
        assert!(found.has_errors() && placed, "{to}: {found}");
    }
    let named = format!("{PATIENT}format = \"tidepool\"\n");
    let (_, found) = read(&[("patient.toml", named.as_bytes()), ("tp.json", b"{}")]);
    assert_eq!(codes(&found)[0], "P2033");
}

#[test]
fn the_shared_export_is_read_whole() {
    let Some(path) = shared("exports/cgm/tidepool_synthetic.json") else { return };
    let (patient, found) = read(&[("patient.toml", PATIENT.as_bytes()), ("tp.json", &fs::read(path).unwrap())]);
    assert!(!found.has_errors(), "{found}");
    let readings = &patient.observations[0].readings;
    // It was made from 139 mg/dL with Tidepool's 18.01559; here a mole is 180.156 g.
    assert_eq!(readings.len(), 288);
    assert!((readings[0].value - 139.0).abs() < 0.001, "{}", readings[0].value);
    assert_eq!(patient.exposure("bolus_insulin").unwrap().events.len(), 3);
    assert_eq!(patient.exposure("basal_insulin").unwrap().events[0].duration_h, 24.0);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn changed_bytes_never_panic(edits in prop::collection::vec((0_usize..2600, any::<u8>()), 1..6)) {
        let mut file = RECORDS.as_bytes().to_vec();
        super::edit(&mut file, &edits);
        let manifest = format!("{PATIENT}format = \"tidepool\"\nwarmup = \"1 h\"\n");
        let folder = super::folder(&[("patient.toml", manifest.as_bytes()), ("tp.json", &file)]);
        let _ = Patient::read(folder.path());
    }
}
