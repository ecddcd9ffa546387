//! Nightscout's JSON: entries, treatments, and the basal rate from profiles, switches and temporary rates.

use std::fs;

use homeostat::diagnostic::Diagnostics;
use homeostat::patient::{Censoring, ExposureKind, Patient};
use proptest::prelude::*;

use super::{codes, read, shared};

const PATIENT: &str = "epoch = \"2024-10-26T00:00:00Z[UTC]\"\n[[source]]\nfile = \"ns.json\"\n";

fn nightscout(keys: &str, json: &str, profile: &str) -> (Patient, Diagnostics) {
    let manifest = format!("{PATIENT}{keys}");
    let files = [("patient.toml", manifest.as_bytes()), ("ns.json", json.as_bytes()), ("p.json", profile.as_bytes())];
    read(&files)
}

const ENTRIES: &str = r#"[
    {"type": "sgv", "sgv": 110, "date": 1729900800000, "device": "share2", "noise": 1},
    {"type": "sgv", "sgv": "120", "date": 1729901100000, "device": "share2"},
    {"type": "sgv", "sgv": 39, "date": 1729901400000, "device": "share2"},
    {"type": "sgv", "sgv": 401, "date": 1729901700000, "device": "share2"},
    {"type": "sgv", "sgv": 5, "date": 1729902000000, "device": "share2"},
    {"type": "sgv", "sgv": 210, "date": 1729902300000, "device": "share2", "noise": 4},
    {"type": "sgv", "sgv": 130, "dateString": "2024-10-26T02:30:00+02:00", "device": "share2"},
    {"type": "mbg", "mbg": 115, "date": 1729902600000, "device": "meter"},
    {"type": "cal", "slope": 800, "intercept": 30000, "scale": 1, "date": 1729902700000},
    {"type": "sgv", "sgv": null, "date": 1729902800000},
    {"type": "sgv", "sgv": 110}
]"#;

#[test]
fn entries_are_values_bounds_or_counted() {
    let (patient, found) = nightscout("", ENTRIES, "");
    let sensor = &patient.observations[0];
    assert_eq!((sensor.name.as_str(), sensor.device.as_deref()), ("cgm_glucose", Some("share2")));
    let told: Vec<(f64, f64, Censoring)> =
        sensor.readings.iter().map(|reading| (reading.time_h, reading.value, reading.censoring)).collect();
    assert_eq!(
        told,
        [
            (0.0, 110.0, Censoring::None),
            (5.0 / 60.0, 120.0, Censoring::None),
            (10.0 / 60.0, 40.0, Censoring::Below),
            (15.0 / 60.0, 400.0, Censoring::Above),
            (0.5, 130.0, Censoring::None)
        ]
    );
    assert_eq!(patient.observations[1].name, "capillary_glucose");
    let places: Vec<String> =
        found.iter().filter(|one| one.code == "P2033").map(|one| one.location.as_ref().unwrap().to_string()).collect();
    assert!(places[0].ends_with("ns.json#/9") && places[1].ends_with("ns.json#/10"), "{places:?}");
    let why: Vec<&str> = patient.left_out.iter().map(|one| one.why.as_str()).collect();
    for part in ["sensor's state", "noise heavy", "an entry without"] {
        assert!(why.iter().any(|why| why.contains(part)), "{part}: {why:?}");
    }
}

const TREATMENTS: &str = r#"[
    {"eventType": "Meal Bolus", "carbs": 30, "insulin": 3, "created_at": "2024-10-26T07:30:00.000Z"},
    {"eventType": "Combo Bolus", "insulin": 1, "relative": 0.5, "duration": 120, "created_at": "2024-10-26T08:00:00Z"},
    {"eventType": "Carb Correction", "carbs": 20, "duration": 60, "created_at": "2024-10-26T08:30:00Z"},
    {"eventType": "BG Check", "glucose": 6.1, "glucoseType": "Finger", "units": "mmol", "created_at": "2024-10-26T09:00:00Z"},
    {"eventType": "Note", "notes": "x", "carbs": null, "insulin": "", "created_at": "2024-10-26T09:10:00Z"},
    {"eventType": "Exercise", "duration": 30, "created_at": "2024-10-26T09:20:00Z"},
    {"eventType": "Correction Bolus", "insulin": 9, "isValid": false, "created_at": "2024-10-26T09:30:00Z"},
    {"eventType": "Temp Basal", "duration": 60, "percent": 50, "created_at": "2024-10-26T10:00:00Z"},
    {"eventType": "Temp Basal", "duration": 60, "absolute": 0.2, "created_at": "2024-10-26T10:30:00Z"},
    {"eventType": "Temp Basal", "duration": 0, "created_at": "2024-10-26T11:00:00Z"},
    {"eventType": "Profile Switch", "profile": "other", "duration": 120, "percentage": 200, "created_at": "2024-10-26T13:00:00Z"},
    {"eventType": "Correction Bolus", "insulin": 1, "created_at": "2024-10-26T23:00:00Z"}
]"#;

const PROFILE: &str = r#"[{"startDate": "2024-10-20T00:00:00Z", "defaultProfile": "own", "store": {
    "own": {"timezone": "Europe/Helsinki", "basal": [{"time": "00:00", "value": 1.0, "timeAsSeconds": 0},
        {"time": "06:00", "value": "0.8"}, {"time": "20:00", "value": 0.6, "timeAsSeconds": 72000}]},
    "other": {"timezone": "UTC", "basal": [{"time": "00:00", "value": 0.5, "timeAsSeconds": 0}]}}}]"#;

#[test]
fn treatments_and_profiles_become_doses_and_the_rate_in_force() {
    let (patient, found) = nightscout("profile = \"p.json\"\n", TREATMENTS, PROFILE);
    assert!(!found.has_errors(), "{found}");
    let food = patient.exposure("carbohydrate_intake").unwrap();
    let food: Vec<(f64, f64, f64)> =
        food.events.iter().map(|event| (event.time_h, event.value, event.duration_h)).collect();
    assert_eq!(food, [(7.5, 30.0, 0.0), (8.5, 20.0, 1.0)]);
    let bolus: Vec<(f64, f64, f64)> = patient
        .exposure("bolus_insulin")
        .unwrap()
        .events
        .iter()
        .map(|event| (event.time_h, event.value, event.duration_h))
        .collect();
    // Half a unit an hour over two hours is one unit.
    assert_eq!(bolus, [(7.5, 3.0, 0.0), (8.0, 1.0, 0.0), (8.0, 1.0, 2.0), (23.0, 1.0, 0.0)]);
    assert!((patient.observations[0].readings[0].value - 6.1 * 18.0156).abs() < 1e-9);
    let basal = patient.exposure("basal_insulin").unwrap();
    assert_eq!(basal.kind, ExposureKind::Held);
    let rates: Vec<(f64, f64)> = basal.events.iter().map(|event| (event.time_h, event.value)).collect();
    // Helsinki is three hours ahead on this day: its 06:00 is 03:00, its 20:00 is 17:00 in UTC.
    assert_eq!(
        rates,
        [
            (0.0, 1.0),
            (3.0, 0.8),
            (10.0, 1.2),
            (10.5, 0.2),
            (11.0, 0.8),
            (13.0, 1.0),
            (15.0, 0.8),
            (17.0, 0.6),
            (21.0, 1.0)
        ]
    );
    let why: Vec<&str> = patient.left_out.iter().map(|one| one.why.as_str()).collect();
    assert!(why.iter().any(|why| why.contains("deleted")), "{why:?}");
    assert_eq!(patient.left_out.iter().filter(|one| one.what == "Exercise" || one.what == "Note").count(), 2);
}

#[test]
fn temporary_rates_alone_are_taken_only_where_they_leave_no_gap() {
    let (patient, found) = nightscout("", TREATMENTS, "");
    assert!(codes(&found).contains(&"P2046") && patient.exposure("basal_insulin").is_none(), "{found}");
    let renewed = r#"[{"eventType": "Temp Basal", "duration": 30, "rate": 0.5, "created_at": "2024-10-26T10:00:00Z"},
        {"eventType": "Temp Basal", "duration": 30, "rate": 0.9, "created_at": "2024-10-26T10:05:00Z"},
        {"eventType": "Temp Basal", "duration": 30, "rate": 0, "created_at": "2024-10-26T10:35:00Z"}]"#;
    let (patient, found) = nightscout("", renewed, "");
    assert!(!codes(&found).contains(&"P2046"), "{found}");
    let rates: Vec<f64> = patient.exposure("basal_insulin").unwrap().events.iter().map(|event| event.value).collect();
    assert_eq!(rates, [0.5, 0.9, 0.0]);
}

#[test]
fn mistakes_are_told_and_hostile_files_end() {
    for (keys, json, profile, code) in [
        ("", "{\"sgv\": 1}", "", "P2032"),
        ("format = \"nightscout\"\n", "{\"sgv\": 1}", "", "P2033"),
        ("", "[{\"sgv\": 110, \"date\": 17299", "", "P2008"),
        ("profile = \"q.json\"\n", TREATMENTS, "", "P2002"),
        ("profile = \"p.json\"\n", TREATMENTS, "[]", "P2033"),
        ("profile = \"p.json\"\n", TREATMENTS, "[{\"store\": {}}]", "P2033"),
        ("profile = 3\n", TREATMENTS, "[]", "P2006"),
        ("", "[{\"eventType\": \"x\", \"carbs\": \"many\", \"created_at\": \"2024-10-26T10:00:00Z\"}]", "", "P2033"),
        (
            "",
            "[{\"eventType\": \"x\", \"carbs\": 3, \"duration\": -1, \"created_at\": \"2024-10-26T10:00:00Z\"}]",
            "",
            "P2033",
        ),
    ] {
        let (_, found) = nightscout(keys, json, profile);
        assert!(found.has_errors() && codes(&found).contains(&code), "{code} {keys}: {found}");
    }
    let old = TREATMENTS.replace("2024-10-26T10:00:00Z", "1900-10-26T10:00:00Z");
    let old_profile = PROFILE.replace("2024-10-20", "1800-10-20");
    let (_, found) = nightscout("start = \"-9000000 h\"\n", &old, &old_profile);
    assert!(found.has_errors());
    let long = format!("{PATIENT}profile = \"p.json\"\n").replace("[[source]]", "start = \"-9000000 h\"\n[[source]]");
    let files = [("patient.toml", long.as_bytes()), ("ns.json", old.as_bytes()), ("p.json", old_profile.as_bytes())];
    assert!(read(&files).1.to_string().contains("twenty years"));
    let deep = format!("[{}{}]", "[".repeat(100_000), "]".repeat(100_000));
    assert!(codes(&nightscout("format = \"nightscout\"\n", &deep, "").1).contains(&"P2008"));
}

#[test]
fn values_in_another_unit_are_not_taken_for_states() {
    let rows = [5.5, 6.1, 7.0, 6.4].iter().enumerate();
    let rows = rows.map(|(at, value)| format!("{{\"sgv\": {value}, \"date\": {}}}", 1_729_900_800_000_i64 + at as i64));
    let (_, found) = nightscout("", &format!("[{}]", rows.collect::<Vec<_>>().join(",")), "");
    assert!(codes(&found).contains(&"P2020"), "{found}");
}

#[test]
fn a_file_in_which_every_row_has_a_name_of_its_own_ends_soon() {
    let rows = (0..20_000).map(|at| {
        format!(
            "{{\"type\":\"sgv\",\"sgv\":110,\"date\":{},\"device\":\"d{at}\"}},\
             {{\"eventType\":\"x{at}\",\"created_at\":\"2024-10-26T10:00:00Z\"}}",
            1_729_900_800_000_i64 + at
        )
    });
    let json = format!("[{}]", rows.collect::<Vec<_>>().join(","));
    let (patient, _) = nightscout("", &json, "");
    assert_eq!(patient.observations.len(), 1000);
    let left_out: usize = patient.left_out.iter().map(|one| one.count).sum();
    // 19,000 readings, 20,000 treatments, and the profile that no entry names.
    assert!(left_out == 39_001 && patient.left_out.len() < 1000, "{left_out} {}", patient.left_out.len());
}

#[test]
fn the_shared_exports_are_read_whole() {
    let names = ["nightscout_entries.json", "nightscout_treatments.json", "nightscout_profiles.json"];
    let paths: Option<Vec<_>> = names.iter().map(|name| shared(&format!("exports/cgm/{name}"))).collect();
    let Some(paths) = paths else { return };
    let texts: Vec<Vec<u8>> = paths.iter().map(|path| fs::read(path).unwrap()).collect();
    let manifest = "epoch = \"2024-10-26T00:00:00+03:00[Europe/Helsinki]\"\n[[source]]\nfile = \"entries.json\"\n\
        [[source]]\nfile = \"treatments.json\"\nprofile = \"profiles.json\"\n";
    let (patient, found) = read(&[
        ("patient.toml", manifest.as_bytes()),
        ("entries.json", &texts[0]),
        ("treatments.json", &texts[1]),
        ("profiles.json", &texts[2]),
    ]);
    assert!(!found.has_errors(), "{found}");
    assert_eq!(patient.observations[0].readings.len(), 576);
    assert_eq!((patient.observations[0].readings[0].time_h, patient.observations[0].readings[0].value), (3.0, 107.6));
    let food: f64 = patient.exposure("carbohydrate_intake").unwrap().events.iter().map(|event| event.value).sum();
    let bolus: f64 = patient.exposure("bolus_insulin").unwrap().events.iter().map(|event| event.value).sum();
    // Sums of the file by `jq '[.[].carbs // 0] | add'` and the like.
    assert_eq!((food, bolus), (195.0, 19.5));
    // Nightscout's own rule (lib/profilefunctions.js), minute by minute in Python over the same files: 23 rates, of which
    // these are some, and 49.175 units until the last treatment at 49.5 h. The clocks went back in the second night.
    let rates: Vec<(f64, f64)> =
        patient.exposure("basal_insulin").unwrap().events.iter().map(|event| (event.time_h, event.value)).collect();
    assert_eq!(rates.len(), 23);
    for (time_h, rate) in
        [(0.0, 0.7), (12.0, 2.25), (16.0, 1.0), (18.75, 0.95), (28.5, 1.575), (30.0, 1.1), (47.0, 1.275)]
    {
        assert!(rates.iter().any(|known| known.0 == time_h && (known.1 - rate).abs() < 1e-12), "{time_h}: {rates:?}");
    }
    let ends = rates.iter().skip(1).map(|known| known.0).chain([49.5]);
    let units: f64 = rates.iter().zip(ends).map(|(known, end)| known.1 * (end - known.0)).sum();
    assert!((units - 49.175).abs() < 1e-9, "{units}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn changed_bytes_never_panic(edits in prop::collection::vec((0_usize..1700, any::<u8>()), 1..6), which in 0_usize..3) {
        let mut files = [ENTRIES, TREATMENTS, PROFILE].map(|text| text.as_bytes().to_vec());
        super::edit(&mut files[which], &edits);
        let manifest = format!("{PATIENT}format = \"nightscout\"\nprofile = \"p.json\"\n\
            [[source]]\nfile = \"e.json\"\nformat = \"nightscout\"\nwarmup = \"1 h\"\n");
        let folder = super::folder(&[("patient.toml", manifest.as_bytes()), ("e.json", &files[0]),
            ("ns.json", &files[1]), ("p.json", &files[2])]);
        let _ = Patient::read(folder.path());
    }
}
