//! Pumps' tables: Glooko in two languages, CareLink's preamble and twofold rows, t:connect's several tables.

use homeostat::diagnostic::Diagnostics;
use homeostat::patient::{ExposureKind, Patient};
use proptest::prelude::*;

use super::{codes, read};

fn pump(keys: &str, text: &str) -> (Patient, Diagnostics) {
    let manifest = format!("epoch = \"2026-01-05T00:00:00Z[UTC]\"\n[[source]]\nfile = \"pump.csv\"\n{keys}");
    read(&[("patient.toml", manifest.as_bytes()), ("pump.csv", text.as_bytes())])
}

fn events(patient: &Patient, name: &str) -> Vec<(f64, f64, f64)> {
    let exposure = patient.exposure(name).unwrap();
    exposure.events.iter().map(|event| (event.time_h, event.value, event.duration_h)).collect()
}

#[test]
fn glooko_is_read_in_english_and_german() {
    let english = "Name:Anna,Date Range:2026-01-05 - 2026-01-06\n\
        Timestamp,Insulin Type,Blood Glucose Input (mg/dl),Carbs Input (g),Carbs Ratio,Insulin Delivered (U),\
        Initial Delivery (U),Extended Delivery (U),Serial Number\n\
        01/05/2026 07:30,Normal,120,45,10,4.5,4.5,0,X\n01/13/2026 12:00,Normal,0,0,10,2,1,1,X\n";
    let (patient, found) = pump("", english);
    assert!(!found.has_errors() && codes(&found).contains(&"P2047"), "{found}");
    assert_eq!(events(&patient, "bolus_insulin"), [(7.5, 4.5, 0.0), (204.0, 2.0, 0.0)]);
    assert_eq!(events(&patient, "carbohydrate_intake"), [(7.5, 45.0, 0.0)]);
    let german = "Name:Anna,Datumsbereich:05.01.2026 - 06.01.2026\n\
        Zeitstempel,Insulin-Typ,Dauer (Minuten),Prozentsatz (%),Rate,Abgegebenes Insulin (E),Seriennummer\n\
        05.01.2026 00:00,Geplant,360,,\"0,8\",,X\n13.01.2026 06:00,Geplant,60,,\"1,2\",,X\n";
    let (patient, found) = pump("", german);
    assert!(!found.has_errors(), "{found}");
    assert_eq!(events(&patient, "basal_insulin"), [(0.0, 0.8, 6.0), (198.0, 1.2, 1.0)]);
    assert_eq!(patient.exposure("basal_insulin").unwrap().kind, ExposureKind::Rate);
    let sensor = "Name:Anna,Datumsbereich:x\nZeitstempel\tCGM-Glukosewert (mg/dl)\tSeriennummer\n\
        05.01.2026 00:00\t120,0\tX\n13.01.2026 00:05\t121\tX\n";
    let (patient, found) = pump("", sensor);
    assert!(!found.has_errors(), "{found}");
    assert_eq!((patient.observations[0].readings.len(), patient.observations[0].device.as_deref()), (2, Some("X")));
    let meter = "Name:Anna\nTimestamp,Glucose Value (mmol/l),Manual Reading,Serial Number\n2026-01-05 08:00,5.5,no,Y\n";
    assert_eq!(pump("", meter).0.observations[0].name, "capillary_glucose");
}

const CARELINK: &str = "Last Name;First Name;Patient ID;Start Date;End Date;Device\n\"A\";\"B\";;05.01.2026;13.01.2026;MMT-1780\n\n\
    -------;MiniMed 780G;Pump;NG1;-------\n\
    Index;Date;Time;New Device Time;BG Reading (mg/dL);Basal Rate (U/h);Temp Basal Amount;Bolus Type;\
    Bolus Volume Selected (U);Bolus Volume Delivered (U);Bolus Duration (h:mm:ss);BWZ Carb Input (grams);Suspend\n\
    1,00000;2026/01/05;07:30:00;;;;;Normal;3,5;;;;\n2,00000;2026/01/05;07:30:20;;;;;Normal;3,5;3,5;;45;\n\
    3,00000;2026/01/05;08:00:00;;;0,8;;;;;;;\n4,00000;2026/01/05;09:00:00;;;;;Square;2;2;1:30:00;;\n\
    5,00000;2026/01/05;10:00:00;;115;;;;;;;;\n6,00000;2026/01/05;11:00:00;;;;50;;;;;;\n\n\
    -------;MiniMed 780G;Sensor;NG1;-------\n\
    Index;Date;Time;Sensor Glucose (mg/dL);ISIG Value;Bolus Volume Delivered (U)\n1,0;2026/01/05;12:00:00;150;31,2;\n";

#[test]
fn carelink_has_two_tables_below_a_preamble() {
    let (patient, found) = pump("", CARELINK);
    assert!(!found.has_errors(), "{found}");
    let bolus = events(&patient, "bolus_insulin");
    assert_eq!((bolus.len(), bolus[0].1, bolus[1]), (2, 3.5, (9.0, 2.0, 1.5)));
    assert_eq!(events(&patient, "carbohydrate_intake")[0].1, 45.0);
    assert_eq!(patient.exposure("basal_insulin").unwrap().kind, ExposureKind::Held);
    let names: Vec<&str> = patient.observations.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["capillary_glucose", "cgm_glucose"]);
    assert!(patient.left_out.iter().any(|one| one.what == "Temp Basal Amount"));
    assert!(codes(&found).contains(&"P2049"), "{found}");
}

#[test]
fn a_days_total_is_no_dose() {
    let file = CARELINK
        .replace("Bolus Duration (h:mm:ss);BWZ", "Bolus Source;BWZ")
        .replace("Square;2;2;1:30:00;;", "Normal;;20;CLOSED_LOOP_AUTO_INSULIN;;");
    let (patient, found) = pump("", &file);
    assert!(!found.has_errors() && codes(&found).contains(&"P2048"), "{found}");
    assert_eq!(events(&patient, "bolus_insulin").len(), 1);
}

const TANDEM: &str = "Tandem Diabetes Care Inc.\nt:connect Therapy Timeline Data Export\nPatient Name, Sample Name\n\
    Report Generated On, 1/24/2026 7:50:04 PM\n\nDeviceType,SerialNumber,Description,EventDateTime,Readings (CGM / BGM)\n\
    \"t:slim X2 Insulin Pump\",\"1\",\"EGV\",\"2026-01-05T00:01:33\",\"235\",\n\
    \"t:slim X2 Insulin Pump\",\"1\",\"BG\",\"2026-01-05T00:02:00\",\"228\",\n\n\
    Type,EventID,EventDateTime,IOB\n\"IOB\",\"81\",\"2026-01-05T00:00:19\",\"13.24\"\n\n\
    Type,EventID,EventDateTime,BasalRate\n\"Basal\",\"3\",\"2026-01-05T00:00:00\",\"0.75\"\n\n\
    Type,Description,BG,CompletionDateTime,InsulinDelivered,BolexStartDateTime,BolexCompletionDateTime,BolexInsulinDelivered,CarbSize\n\
    \"Bolus\",\"Extended\",\"141\",\"2026-01-05T08:00:00\",\"3.00\",\"2026-01-05T08:00:00\",\"2026-01-05T10:00:00\",\"2.5\",\"60\"\n";

#[test]
fn tconnect_has_several_tables() {
    let (patient, found) = pump("", TANDEM);
    assert!(!found.has_errors(), "{found}");
    assert_eq!(events(&patient, "bolus_insulin"), [(8.0, 3.0, 0.0), (8.0, 2.5, 2.0)]);
    assert_eq!(events(&patient, "carbohydrate_intake"), [(8.0, 60.0, 0.0)]);
    assert_eq!(events(&patient, "basal_insulin"), [(0.0, 0.75, 0.0)]);
    let names: Vec<(&str, f64)> =
        patient.observations.iter().map(|one| (one.name.as_str(), one.readings[0].value)).collect();
    assert_eq!(names, [("cgm_glucose", 235.0), ("capillary_glucose", 228.0)]);
    assert!(patient.left_out.iter().any(|one| one.what == "IOB"));
}

#[test]
fn mistakes_have_their_line() {
    for (from, to, line) in [
        ("\"235\"", "\"2x5\"", ":7"),
        ("2026-01-05T00:00:00", "2026-13-05T00:00:00", ":14"),
        ("2026-01-05T10:00:00", "2026-01-09T10:00:00", ":17"),
    ] {
        let (_, found) = pump("", &TANDEM.replacen(from, to, 1));
        let placed = found
            .iter()
            .any(|one| one.code == "P2033" && one.location.as_ref().is_some_and(|at| at.to_string().ends_with(line)));
        assert!(placed, "{to}: {found}");
    }
    assert_eq!(codes(&pump("format = \"pump\"\n", "a,b\n1,2\n").1)[0], "P2033");
    let either = "Name:Anna\nTimestamp,Glucose Value (mmol/l),Manual Reading\n05/01/2026 08:00,5.5,no\n";
    assert!(codes(&pump("", either).1).contains(&"P2045"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn changed_bytes_never_panic(edits in prop::collection::vec((0_usize..1200, any::<u8>()), 1..6), tandem in any::<bool>()) {
        let mut file = if tandem { TANDEM } else { CARELINK }.as_bytes().to_vec();
        super::edit(&mut file, &edits);
        let manifest = "epoch = \"2026-01-05T00:00:00Z[UTC]\"\n[[source]]\nfile = \"pump.csv\"\nformat = \"pump\"\nwarmup = \"1 h\"\n";
        let folder = super::folder(&[("patient.toml", manifest.as_bytes()), ("pump.csv", &file)]);
        let _ = Patient::read(folder.path());
    }
}
