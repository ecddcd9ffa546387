//! Tables of laboratory results: titles, names, bounds, and what the whole file decides or else is asked for.

use homeostat::diagnostic::Diagnostics;
use homeostat::patient::{Censoring, Patient};
use proptest::prelude::*;

use super::{codes, read};

const PATIENT: &str = "epoch = \"2024-03-01T00:00:00+01:00[Europe/Berlin]\"\n[[source]]\nfile = \"labs.csv\"\n";

fn table(more: &str, text: &str) -> (Patient, Diagnostics) {
    read(&[("patient.toml", format!("{PATIENT}{more}").as_bytes()), ("labs.csv", text.as_bytes())])
}

fn first(patient: &Patient, name: &str) -> (f64, f64, Censoring) {
    let seen = patient.observations.iter().find(|seen| seen.name == name);
    let reading = &seen.unwrap_or_else(|| panic!("no {name}")).readings[0];
    (reading.time_h, reading.value, reading.censoring)
}

const ENGLISH: &str = "\u{feff}Some Hospital, Report\r\nPrinted;2024-04-01\r\n\r\n\
    LOINC,Test,Result,Units,Collection Date,Detection Limit,Flag\r\n\
    2345-7,Glucose,95,mg/dL,2024-03-05 08:00,,\r\n\
    ,ALT (SGPT),31,IU/L,2024-03-05 08:00,,H\r\n\
    30522-7,hs-CRP,<0.3,mg/L,2024-03-05 08:00,0.3,L\r\n\
    ,C-reactive protein,0.2,mg/L,2024-03-06 08:00,0.3,\r\n\
    33914-3,eGFR,>90,mL/min/1.73 m2,2024-03-05T07:00:00Z,,\r\n\
    ,Creatinine,1.02,mg/dL,2024-03-05 08:00,,\r\n\
    ,Unicorn factor,3,mg/dL,2024-03-05 08:00,,\r\n\
    2161-8,Creatinine,110,mg/dL,2024-03-05 09:00,,\r\n\
    LOCAL7,Sodium,140,mmol/L,2024-03-05 08:00,,\r\n\
    2093-3,Cholesterol,hemolysed,mg/dL,2024-03-05 08:00,,\r\n\
    2276-4,Ferritin,90,ng/mL,2024-03-05 08:00,,<\r\n";

#[test]
fn rows_are_read_by_code_or_name_with_bounds_and_limits() {
    let (patient, found) = table("", ENGLISH);
    assert!(!found.has_errors(), "{found}");
    assert_eq!(first(&patient, "plasma_glucose"), (104.0, 95.0, Censoring::None));
    assert_eq!(first(&patient, "alanine_aminotransferase"), (104.0, 31.0, Censoring::None));
    assert_eq!(first(&patient, "c_reactive_protein"), (104.0, 0.3, Censoring::Below));
    let crp = patient.observations.iter().find(|seen| seen.name == "c_reactive_protein").unwrap();
    assert_eq!((crp.readings[1].value, crp.readings[1].censoring, crp.lower_limit), (0.3, Censoring::Below, Some(0.3)));
    assert_eq!(first(&patient, "egfr"), (104.0, 90.0, Censoring::Above));
    assert_eq!(first(&patient, "creatinine").1, 1.02);
    assert_eq!(first(&patient, "ferritin"), (104.0, 90.0, Censoring::Below));
    assert_eq!(first(&patient, "sodium").1, 140.0);
    // Of urine, by its code: not the creatinine of blood that the name alone would be.
    let creatinine = patient.observations.iter().find(|seen| seen.name == "creatinine").unwrap();
    assert_eq!(creatinine.readings.len(), 1);
    assert_eq!(crp.readings[0].origin.line, Some(7));
    let left: Vec<(&str, &str)> = patient.left_out.iter().map(|left| (left.what.as_str(), left.why.as_str())).collect();
    assert!(left.contains(&("Creatinine (2161-8)", "the vocabulary has no name for it")), "{left:?}");
    assert!(left.contains(&("Unicorn factor", "the vocabulary has no name for it")), "{left:?}");
    assert!(left.contains(&("total_cholesterol", "its value is no number: hemolysed")), "{left:?}");
}

#[test]
fn other_columns_decimals_and_orders_are_decided_or_asked_for() {
    let german = "Untersuchung;Ergebnis;Einheit;Datum;Uhrzeit\n\
        Kreatinin;1,02;mg/dl;05.03.2024;08:15\nLeukozyten;6,1;G/l;13.03.2024;08:15\nThrombozyten;1.234;/nl;13.03.2024;08:15\n";
    let (patient, found) = table("ignore = [\"platelets\"]\n", german);
    assert!(!found.has_errors(), "{found}");
    assert_eq!(first(&patient, "creatinine"), (4.0 * 24.0 + 8.25, 1.02, Censoring::None));
    assert_eq!(first(&patient, "leukocytes").1, 6.1);
    let wide: Vec<u8> = german.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let wide = [&[0xff, 0xfe][..], &wide].concat();
    let manifest = format!("{PATIENT}ignore = [\"platelets\"]\n");
    let (patient, found) = read(&[("patient.toml", manifest.as_bytes()), ("labs.csv", &wide)]);
    assert!(!found.has_errors() && first(&patient, "creatinine").1 == 1.02, "{found}");
    let american =
        "test,result,units,collected\nsodium,140,mEq/L,03/25/2024 8:05 PM\npotassium,4.1,mmol/L,03/04/2024 12:00 AM\n";
    let (patient, found) = table("", american);
    assert!(!found.has_errors(), "{found}");
    assert_eq!(first(&patient, "sodium").0, 24.0 * 24.0 + 20.0 + 5.0 / 60.0);
    assert_eq!(first(&patient, "potassium").0, 72.0);
    let own = "what,how much,in,on\nsodium,140,mmol/L,2024-03-02\n";
    let keys = "format = \"lab_csv\"\nname = \"what\"\nvalue = \"how much\"\nunit = \"in\"\ntime_column = \"on\"\n";
    let (patient, found) = table(keys, own);
    assert_eq!(codes(&found), ["P2026"], "{found}");
    assert_eq!(first(&patient, "sodium"), (24.0, 140.0, Censoring::None));
    let rows = |rows: &[&str]| format!("test,result,unit,date\n{}\n", rows.join("\n"));
    for (more, text, code) in [
        ("", rows(&["sodium,140,mmol/L,03/04/2024"]), "P2065"),
        ("", rows(&["sodium,140,mmol/L,13/04/2024", "sodium,140,mmol/L,04/13/2024"]), "P2065"),
        ("", rows(&["platelets,\"1,234\",10*3/uL,2024-03-04"]), "P2065"),
        ("", rows(&["sodium,\"140,5\",mmol/L,2024-03-04", "potassium,4.5,mmol/L,2024-03-04"]), "P2065"),
        ("decimal = \"x\"\n", rows(&["sodium,140,mmol/L,2024-03-04"]), "P2065"),
        ("date_order = \"ymd\"\n", rows(&["sodium,140,mmol/L,2024-03-04"]), "P2065"),
        ("", rows(&["sodium,140,,2024-03-04"]), "P2061"),
        ("", rows(&["sodium,140,mmol/L,"]), "P2064"),
        ("time = \"3 h\"\n", rows(&["sodium,140,mmol/L,whenever"]), "P2064"),
        ("", rows(&["sodium,140,mmol/L"]), "P2033"),
        ("", rows(&["sodium,140,mg/L,2024-03-04"]), "U1002"),
        ("", rows(&["gfr,90,mL/min/1.73m2,2024-03-04"]), "P2069"),
        ("unit = \"einheiten\"\n", rows(&["sodium,140,mmol/L,2024-03-04"]), "P2033"),
        ("time_column = \"date [kg]\"\n", rows(&["sodium,140,mmol/L,3"]), "P2033"),
        ("time_column = \"date [min]\"\n", rows(&["sodium,140,mmol/L,soon"]), "P2064"),
        ("format = \"lab_csv\"\n", "a,b\n1,2\n".into(), "P2033"),
    ] {
        let (_, found) = table(more, &text);
        assert!(found.has_errors() && codes(&found).contains(&code), "{code}: {text}{found}");
    }
    for (more, value, time) in [("date_order = \"dmy\"\n", 140.0, 33.0), ("date_order = \"mdy\"\n", 140.0, 3.0)] {
        let (patient, _) = table(more, &rows(&["sodium,140,mmol/L,03/04/2024"]));
        let seen = first(&patient, "sodium");
        // Summer time began on 31 March.
        assert_eq!((seen.1, seen.0), (value, if time == 33.0 { 33.0 * 24.0 - 1.0 } else { time * 24.0 }));
    }
    let (patient, _) =
        table("decimal = \",\"\n", &rows(&["platelets,\"1,234\",10*3/uL,2024-03-04", "sodium,140,mmol/L,2024-03-04"]));
    assert_eq!(first(&patient, "platelets").1, 1.234);
    let (patient, _) = table("time = \"3 h\"\n", &rows(&["sodium,140,mmol/L,"]));
    assert_eq!(first(&patient, "sodium").0, 3.0);
}

#[test]
fn other_persons_and_other_specimens_are_not_taken() {
    let text = "patient id,test,result,unit,date,specimen\n\
        a,Creatinine,1.1,mg/dL,2024-03-05 08:00,Serum\na,Creatinine,110,mg/dL,2024-03-05 08:00,Urine\n\
        b,Creatinine,3.1,mg/dL,2024-03-05 08:00,Serum\n";
    let (_, found) = table("", text);
    assert_eq!(codes(&found)[0], "P2060", "{found}");
    let (_, found) = table("patient = \"c\"\n", text);
    assert_eq!(codes(&found)[0], "P2060", "{found}");
    let (patient, found) = table("patient = \"a\"\n", text);
    assert!(!found.has_errors() && patient.observations[0].readings.len() == 1, "{found}");
    assert_eq!(first(&patient, "creatinine").1, 1.1);
    let left: Vec<(&str, &str)> = patient.left_out.iter().map(|left| (left.what.as_str(), left.why.as_str())).collect();
    assert!(left.contains(&("creatinine", "its specimen is `Urine`")), "{left:?}");
    assert!(left.contains(&("row", "it is of another person, or of none")), "{left:?}");
}

/// One person of a table of twenty, in minutes since the drink.
#[test]
fn a_published_table_in_minutes_is_read() {
    let Some(path) = super::shared("ogtt/fujita2022_ogtt75g_long.csv") else { return };
    let text = std::fs::read_to_string(path).unwrap();
    let (_, found) = table("", &text);
    assert_eq!(codes(&found)[0], "P2060", "{found}");
    let keys = "patient = \"3\"\ntime_column = \"time_min [min]\"\nformat = \"lab_csv\"\n";
    let (patient, found) = table(keys, &text);
    assert!(!found.has_errors(), "{found}");
    let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split(',').collect()).collect();
    let expected: Vec<(f64, f64)> = rows
        .iter()
        .filter(|row| row[0] == "3" && row[2] == "Glucose" && !row[1].starts_with('-'))
        .map(|row| (row[1].parse::<f64>().unwrap() / 60.0, row[4].parse().unwrap()))
        .collect();
    let seen = patient.observations.iter().find(|seen| seen.name == "plasma_glucose").unwrap();
    assert!(expected.len() > 10 && seen.readings.len() == expected.len(), "{}", expected.len());
    for (reading, (time, value)) in seen.readings.iter().zip(expected) {
        assert!((reading.time_h - time).abs() < 1e-12 && (reading.value - value).abs() < 1e-9, "{time}");
    }
    // Microunits of what has no enzyme's activity are international units.
    let row = rows.iter().find(|row| row[0] == "3" && row[1] == "0" && row[2] == "Insulin").unwrap();
    assert!((first(&patient, "plasma_insulin").1 - 6.0 * row[4].parse::<f64>().unwrap()).abs() < 1e-9);
}

#[test]
fn hba1c_keeps_to_its_scales() {
    let text = "test,result,unit,date\nHbA1c,48,mmol/mol,2024-03-05 08:00\nHbA1c,6.5,%,2024-03-06 08:00\n";
    let (patient, found) = table("", text);
    assert!(!found.has_errors(), "{found}");
    let values: Vec<f64> = patient.observations[0].readings.iter().map(|reading| reading.value).collect();
    assert_eq!(patient.observations.len(), 1);
    assert!((values[0] - 6.54304).abs() < 1e-9 && values[1] == 6.5, "{values:?}");
    assert_eq!(patient.observations[0].declared, "mmol/mol, %");
    let (_, found) = table("", &text.replace("mmol/mol", "mg/dL"));
    assert!(codes(&found).contains(&"U1002"), "{found}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(64), ..ProptestConfig::default() })]

    #[test]
    fn changed_bytes_never_panic(at in 0usize..1000, byte in any::<u8>(), more in prop::collection::vec((0usize..1000, any::<u8>()), 0..6), cut in 0usize..1000) {
        let mut bytes = ENGLISH.as_bytes().to_vec();
        let length = bytes.len();
        bytes[at % length] = byte;
        more.iter().for_each(|(at, byte)| bytes[at % length] = *byte);
        bytes.truncate(length - (cut % length) * usize::from(cut % 3 == 0));
        let manifest = format!("{PATIENT}format = \"lab_csv\"\n");
        read(&[("patient.toml", manifest.as_bytes()), ("labs.csv", &bytes)]);
    }
}
