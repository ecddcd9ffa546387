//! Clarity's CSV: languages and units, words for limits, calibrations, doses, warm-up, mistakes.

use std::fs;

use homeostat::patient::{Censoring, ExposureKind};
use proptest::prelude::*;

use super::{codes, read, shared};

const PATIENT: &str = "epoch = \"2026-01-05T00:00:00+01:00[Europe/Berlin]\"\n[[source]]\nfile = \"clarity.csv\"\n";

const HEADER: &str = "Index,Timestamp (YYYY-MM-DDThh:mm:ss),Event Type,Event Subtype,Patient Info,Device Info,Source Device ID,\
    Glucose Value (mg/dL),Insulin Value (u),Carb Value (grams),Duration (hh:mm:ss),\
    Glucose Rate of Change (mg/dL/min),Transmitter Time (Long Integer),Transmitter ID\r\n";

const ROWS: &str = "1,,FirstName,,Anna,,,,,,,,,\r\n\
    2,,DateOfBirth,,1/1/1970,,,,,,,,,\r\n\
    3,,Device,,,Dexcom G6 Mobile App,iPhone G6,,,,,,,\r\n\
    4,,Alert,Urgent Low,,,iPhone G6,55,,,,,,\r\n\
    5,2026-01-05T00:00:00,EGV,,,,iPhone G6,103,,,,,1000,X\r\n\
    6,2026-01-05T00:05:00,EGV,,,,iPhone G6,Low,,,,,1300,X\r\n\
    7,2026-01-05T00:10:00,EGV,,,,iPhone G6,High,,,,,1600,X\r\n\
    8,2026-01-05T00:15:00,EGV,,,,iPhone G6,400,,,,,1900,X\r\n\
    9,2026-01-05T00:16:00,Calibration,,,,iPhone G6,110,,,,,,\r\n\
    10,2026-01-05T00:20:00,Insulin,Fast-Acting,,,iPhone G6,,4.50,,,,,\r\n\
    11,2026-01-05T00:21:00,Insulin,Long-Acting,,,iPhone G6,,14,,,,,\r\n\
    12,2026-01-05T00:25:00,Carbs,,,,iPhone G6,,,40,,,,\r\n\
    13,2026-01-05T00:30:00,Exercise,Medium,,,iPhone G6,,,,0:45:00,,,\r\n\
    14,2026-01-05T00:31:00,Alert,Urgent Low,,,iPhone G6,55,,,,,,\r\n";

#[test]
fn every_kind_of_row_is_taken_or_counted() {
    let file = format!("\u{feff}{HEADER}{ROWS}");
    let (patient, found) = read(&[("patient.toml", PATIENT.as_bytes()), ("clarity.csv", file.as_bytes())]);
    assert!(!found.has_errors(), "{found}");
    let sensor = &patient.observations[0];
    assert_eq!((sensor.name.as_str(), sensor.device.as_deref()), ("cgm_glucose", Some("Dexcom G6 Mobile App")));
    assert_eq!((sensor.lower_limit, sensor.upper_limit), (Some(40.0), Some(400.0)));
    let readings: Vec<(f64, Censoring)> =
        sensor.readings.iter().map(|reading| (reading.value, reading.censoring)).collect();
    assert_eq!(
        readings,
        [(103.0, Censoring::None), (40.0, Censoring::Below), (400.0, Censoring::Above), (400.0, Censoring::Above)]
    );
    assert_eq!(sensor.readings[1].origin.line, Some(7));
    let meter = &patient.observations[1];
    assert_eq!((meter.name.as_str(), meter.readings[0].value, meter.lower_limit), ("capillary_glucose", 110.0, None));
    for (name, amount, time_min) in
        [("bolus_insulin", 4.5, 20.0), ("long_acting_insulin", 14.0, 21.0), ("carbohydrate_intake", 40.0, 25.0)]
    {
        let exposure = patient.exposure(name).unwrap();
        assert_eq!((exposure.kind, exposure.events[0].value), (ExposureKind::Bolus, amount), "{name}");
        assert!((exposure.events[0].time_h - time_min / 60.0).abs() < 1e-9);
    }
    let left_out: Vec<(&str, usize)> =
        patient.left_out.iter().map(|left_out| (left_out.what.as_str(), left_out.count)).collect();
    for what in [
        ("FirstName", 1),
        ("DateOfBirth", 1),
        ("Device", 1),
        ("Alert", 1),
        ("Exercise/Medium", 1),
        ("Alert/Urgent Low", 1),
    ] {
        assert!(left_out.contains(&what), "{what:?} {left_out:?}");
    }
}

#[test]
fn another_language_with_semicolons_and_decimal_commas_is_the_same() {
    let german = "Index;Zeitstempel (JJJJ-MM-TTThh:mm:ss);Ereignistyp;Ereignisuntertyp;Patienteninfo;Geräteinfo;\
        Quellgeräte-ID;Glukosewert (mmol/l);Insulinwert (E);Kohlenhydratwert (Gramm);Dauer (hh:mm:ss)\n\
        1;2026-01-05T00:00:00;EGV;;;;iOS;5,8;;;\n2;2026-01-05T00:05:00;EGV;;;;iOS;Niedrig;;;\n\
        3;2026-01-05T00:10:00;EGV;;;;iOS;2,2;;;\n4;2026-01-05 0:15:00;EGV;;;;iOS;22,3;;;\n";
    let (patient, found) = read(&[("patient.toml", PATIENT.as_bytes()), ("clarity.csv", german.as_bytes())]);
    assert!(!found.has_errors(), "{found}");
    let readings = &patient.observations[0].readings;
    // 5.8 mmol/L times 18.0156 mg/dL a mmol/L.
    assert!((readings[0].value - 104.49048).abs() < 1e-4, "{}", readings[0].value);
    assert_eq!(readings[1].censoring, Censoring::Below);
    assert_eq!(readings[2].value, readings[1].value);
    assert_eq!((readings[3].censoring, readings.len()), (Censoring::Above, 4));
}

#[test]
fn other_encodings_are_read() {
    let text = "Index;Zeitstempel (JJJJ-MM-TTThh:mm:ss);Ereignistyp;Untertyp;Patienteninfo;Geräteinfo;Quellgeräte-ID;\
        Glukosewert (mmol/l);Insulinwert (E);Kohlenhydratwert (Gramm);Dauer (hh:mm:ss)\r\n\
        1;2026-01-05T00:00:00;EGV;;;;Händi;5,8;;;\r\n";
    let latin: Vec<u8> = text.chars().map(|letter| u8::try_from(u32::from(letter)).unwrap()).collect();
    let wide: Vec<u8> = std::iter::once(0xfeff).chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    for bytes in [text.as_bytes(), &latin, &wide] {
        let (patient, found) = read(&[("patient.toml", PATIENT.as_bytes()), ("clarity.csv", bytes)]);
        assert!(!found.has_errors(), "{found}");
        assert_eq!(patient.observations[0].device.as_deref(), Some("Händi"));
    }
}

#[test]
fn types_in_an_unknown_language_are_told_by_their_columns() {
    let rows = (10..59).map(|minute| format!("1,2026-01-05T00:{minute}:00,XYZ,,,,iOS,{},,,,,,\n", 100 + minute));
    let rows: String = rows.collect();
    let others = "1,2026-01-05T00:01:00,Abc,,,,iOS,,,35,,,,\n1,2026-01-05T00:02:00,Def,,,,iOS,,3,,,,,\n";
    let file = format!("{HEADER}{others}{rows}1,2026-01-05T00:03:00,Ghi,,,,iOS,110,,,,,,\n");
    let read = |keys: &str| {
        let manifest = format!("{PATIENT}{keys}");
        read(&[("patient.toml", manifest.as_bytes()), ("clarity.csv", file.as_bytes())])
    };
    let (patient, found) = read("");
    assert!(!found.has_errors(), "{found}");
    assert_eq!((patient.observations.len(), patient.observations[0].readings.len()), (1, 49));
    assert_eq!(patient.exposure("carbohydrate_intake").unwrap().events[0].value, 35.0);
    let left_out: Vec<&str> = patient.left_out.iter().map(|one| one.what.as_str()).collect();
    assert!(left_out.contains(&"Def") && left_out.contains(&"Ghi") && patient.exposures.len() == 1, "{left_out:?}");
    let (patient, _) = read("as = { Def = \"bolus_insulin\" }\nignore = [\"XYZ\"]\n");
    assert_eq!((patient.observations.len(), patient.exposure("bolus_insulin").unwrap().events[0].value), (0, 3.0));
}

#[test]
fn warm_up_leaves_out_the_first_hours_of_each_sensor() {
    let mut rows = String::from(HEADER);
    // Two sensors of six hours, two hours apart.
    for minute in (0..360).step_by(5).chain((480..840).step_by(5)) {
        rows.push_str(&format!("1,2026-01-05T{:02}:{:02}:00,EGV,,,,iOS,120,,,,,,\n", minute / 60, minute % 60));
    }
    let warm = |keys: &str| {
        let manifest = format!("{PATIENT}{keys}");
        let (patient, found) = read(&[("patient.toml", manifest.as_bytes()), ("clarity.csv", rows.as_bytes())]);
        assert!(!found.has_errors(), "{found}");
        let first = patient.observations.first().map(|sensor| sensor.readings[0].time_h);
        (patient.observations.first().map_or(0, |sensor| sensor.readings.len()), first, patient.left_out)
    };
    assert_eq!(warm("").0, 144);
    let (count, first, left_out) = warm("warmup = \"2 h\"\n");
    assert_eq!((count, first), (96, Some(2.0)));
    assert!(left_out.iter().any(|one| one.count == 48 && one.why.contains("after its sensor's start")), "{left_out:?}");
    assert_eq!(warm("warmup = \"2 h\"\ngap = \"3 h\"\n").0, 120);
    assert_eq!(warm("warmup = \"12 h\"\n").0, 0);
}

#[test]
fn mistakes_have_their_line() {
    for (from, to, code, line) in [
        ("4.50", "4.x", "P2033", ":11"),
        ("G6,103", "G6,1o3", "P2033", ":6"),
        ("2026-01-05T00:00:00", "yesterday", "P2033", ":6"),
        ("2026-01-05T00:00:00", "2026-02-30T00:00:00", "P2033", ":6"),
        ("FirstName,,Anna", "FirstName,,\"Anna", "P2033", ":2"),
        (",,0:45:00,,,\r\n", "\r\n", "P2033", ":14"),
        ("(mg/dL)", "(g/L)", "P2032", ""),
    ] {
        let file = format!("{HEADER}{ROWS}").replacen(from, to, 1);
        let (_, found) = read(&[("patient.toml", PATIENT.as_bytes()), ("clarity.csv", file.as_bytes())]);
        assert!(found.has_errors() && codes(&found).contains(&code), "{to}: {found}");
        let placed = found.iter().any(|one| one.location.as_ref().is_some_and(|at| at.to_string().ends_with(line)));
        assert!(placed, "{to}: {found}");
    }
    let named = format!("{PATIENT}format = \"dexcom\"\n");
    let (_, found) = read(&[("patient.toml", named.as_bytes()), ("clarity.csv", b"a,b\n1,2\n")]);
    assert_eq!(codes(&found)[0], "P2033");
}

#[test]
fn values_of_another_unit_are_not_taken_for_limits() {
    let rows = (0..9).map(|at| format!("1,2026-01-05T0{at}:00:00,EGV,,,,iOS,5.{at},,,,,,\n"));
    let file = format!("{HEADER}{}", rows.collect::<String>());
    let (_, found) = read(&[("patient.toml", PATIENT.as_bytes()), ("clarity.csv", file.as_bytes())]);
    assert!(codes(&found).contains(&"P2020"), "{found}");
}

#[test]
fn the_shared_exports_are_read_whole() {
    for (name, epoch, count, first, total) in [
        ("dexcom_clarity_cgmquantify_test_file.csv", "2016-10-24", 2148, 103.0, 240354.0),
        ("dexcom_clarity_synthetic_g7.csv", "2026-01-05", 576, 139.0, 76425.0),
    ] {
        let Some(path) = shared(&format!("exports/cgm/{name}")) else { return };
        let manifest = format!("epoch = \"{epoch}T00:00:00Z[UTC]\"\n[[source]]\nfile = \"c.csv\"\n");
        let (patient, found) = read(&[("patient.toml", manifest.as_bytes()), ("c.csv", &fs::read(path).unwrap())]);
        assert!(!found.has_errors(), "{name}: {found}");
        let sensor = &patient.observations[0];
        assert_eq!((sensor.readings.len(), sensor.readings[0].value), (count, first), "{name}");
        // The sum of the column, by Python's csv.
        let sum: f64 = sensor.readings.iter().map(|reading| reading.value).sum();
        assert_eq!(sum, total, "{name}");
        if name.contains("synthetic") {
            assert_eq!(patient.exposure("bolus_insulin").unwrap().events.len(), 6);
            assert_eq!(patient.exposure("carbohydrate_intake").unwrap().events.len(), 6);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn changed_bytes_never_panic(edits in prop::collection::vec((0_usize..1200, any::<u8>()), 1..6), cut in 0_usize..1800) {
        let mut file = format!("{HEADER}{ROWS}").into_bytes();
        super::edit(&mut file, &edits);
        // Cut short in a part of the cases.
        file.truncate(if cut % 4 == 0 { cut } else { file.len() });
        let manifest = format!("{PATIENT}format = \"dexcom\"\nwarmup = \"1 h\"\n");
        let folder = super::folder(&[("patient.toml", manifest.as_bytes()), ("clarity.csv", &file)]);
        let _ = homeostat::patient::Patient::read(folder.path());
    }
}
