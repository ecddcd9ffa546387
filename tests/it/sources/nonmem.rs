//! Event tables: doses repeated, infused and at steady state, bounds, dates, whose rows, and mistakes.

use std::fs;
use std::path::Path;

use homeostat::diagnostic::Diagnostics;
use homeostat::patient::{Censoring, Patient};
use proptest::prelude::*;

use super::{codes, read, shared};

const PATIENT: &str = "[[source]]\nfile = \"events.csv\"\n\
    dose = { \"1\" = \"oral_theophylline\" }\nobserved = { \"2\" = \"plasma_theophylline\" }\n\
    units = { AMT = \"mg\", DV = \"mg/L\", WT = \"kg\" }\ncovariates = { WT = \"weight\" }\n";

fn events(manifest: &str, table: &str) -> (Patient, Diagnostics) {
    read(&[("patient.toml", manifest.as_bytes()), ("events.csv", table.as_bytes())])
}

fn doses(patient: &Patient) -> Vec<(f64, f64, f64)> {
    let exposure = patient.exposure("oral_theophylline");
    let events = exposure.into_iter().flat_map(|exposure| &exposure.events);
    events.map(|event| (event.time_h, event.value, event.duration_h)).collect()
}

#[test]
fn the_people_of_the_study_are_those_of_the_bundles() {
    let Some(path) = shared("theophylline/theo_sd.csv") else { return };
    let table = fs::read_to_string(path).unwrap();
    let patients = Path::new(env!("CARGO_MANIFEST_DIR")).join("patients");
    for person in 1..=3 {
        let (patient, found) = events(&format!("{PATIENT}id = \"{person}\"\n"), &table);
        assert!(!found.has_errors(), "{found}");
        let (bundle, _) = Patient::load(&patients.join(format!("theophylline_{person:02}"))).unwrap();
        let readings = |patient: &Patient| -> Vec<(f64, f64)> {
            patient.observations[0].readings.iter().map(|reading| (reading.time_h, reading.value)).collect()
        };
        assert_eq!(readings(&patient), readings(&bundle), "{person}");
        assert_eq!(readings(&patient).len(), 11);
        assert_eq!(patient.covariate("weight").unwrap().value, bundle.covariate("weight").unwrap().value);
        let (dose, known) = (doses(&patient), doses(&bundle));
        assert_eq!((dose.len(), dose[0].0), (1, known[0].0));
        assert!((dose[0].1 - known[0].1).abs() < 1e-9 * known[0].1, "{dose:?} {known:?}");
    }
    let (_, found) = events(PATIENT, &table);
    let asked = found.iter().find(|one| one.code == "P2081").unwrap();
    assert!(asked.help.as_deref().is_some_and(|help| help.contains("`12`")), "{found}");
    assert!(codes(&events(&format!("{PATIENT}id = \"13\"\n"), &table).1).contains(&"P2081"));
}

#[test]
fn doses_are_repeated_infused_and_led_up_to() {
    let header = "ID,TIME,AMT,RATE,II,ADDL,SS,EVID,CMT,DV,WT\n";
    let table = format!(
        "{header}1,0,100,0,12,2,0,1,1,.,70\n1,30,100,50,0,0,0,1,1,.,70\n1,31,.,.,.,.,.,0,2,4.5,70\n1,40,.,.,.,.,.,2,2,.,70\n"
    );
    let (patient, found) = events(PATIENT, &table);
    assert!(!found.has_errors(), "{found}");
    assert_eq!(doses(&patient), [(0.0, 100.0, 0.0), (12.0, 100.0, 0.0), (24.0, 100.0, 0.0), (30.0, 100.0, 2.0)]);
    assert_eq!(patient.observations[0].readings[0].value, 4.5);
    let steady = format!("{header}1,0,100,0,12,1,1,1,1,.,70\n1,20,.,.,.,.,.,0,2,4.5,70\n");
    let (_, found) = events(PATIENT, &steady);
    assert!(found.has_errors() && codes(&found).contains(&"P2082"), "{found}");
    assert!(found.to_string().contains("start = \"-120 h\""), "{found}");
    let (patient, found) = events(&format!("start = \"-36 h\"\n{PATIENT}"), &steady);
    assert!(!found.has_errors() && codes(&found).contains(&"P2084"), "{found}");
    let times: Vec<f64> = doses(&patient).iter().map(|dose| dose.0).collect();
    assert_eq!(times, [-36.0, -24.0, -12.0, 0.0, 12.0]);
}

#[test]
fn bounds_labels_and_words_are_read() {
    let table = "# a study\nID,TIME,AMT,EVID,DVID,DV,CENS,LLOQ,MDV,SEX\n\
        1,0,100,1,.,.,.,.,1,1\n1,1,0,0,cp,5,0,1,0,1\n1,2,0,0,cp,0.4,0,1,0,1\n1,3,0,0,cp,.,1,1,0,1\n\
        1,4,0,0,pca,60,0,.,0,1\n1,5,0,0,pca,.,0,.,1,1\nC,6,0,0,cp,9,0,.,0,1\n1,7,0,0,cp,30,-1,.,0,1\n1,8,0,0,other,3,0,.,0,1\n";
    let manifest = "[[source]]\nfile = \"events.csv\"\ndose = \"oral_warfarin\"\n\
        observed = { cp = \"plasma_warfarin\", pca = \"inr\" }\nunits = { AMT = \"mg\", DV = { cp = \"mg/L\", pca = \"%\" } }\n\
        covariates = { SEX = { name = \"sex\", \"0\" = \"male\", \"1\" = \"female\" } }\n";
    let (patient, found) = events(manifest, table);
    let readings: Vec<(f64, f64, Censoring)> = patient.observations[0]
        .readings
        .iter()
        .map(|reading| (reading.time_h, reading.value, reading.censoring))
        .collect();
    assert_eq!(
        readings,
        [
            (1.0, 5.0, Censoring::None),
            (2.0, 1.0, Censoring::Below),
            (3.0, 1.0, Censoring::Below),
            (7.0, 30.0, Censoring::Above)
        ],
        "{found}"
    );
    assert_eq!(patient.observations[0].lower_limit, Some(1.0));
    assert_eq!(patient.covariate("sex").unwrap().category.as_deref(), Some("female"));
    let why: Vec<&str> = patient.left_out.iter().map(|one| one.why.as_str()).collect();
    for part in ["commented", "MDV", "`observed` has no name"] {
        assert!(why.iter().any(|why| why.contains(part)), "{part}: {why:?}");
    }
}

#[test]
fn dates_and_clock_times_are_relative_or_on_the_calendar() {
    let table = "ID DATE TIME AMT DV EVID CMT WT\n1 01/05/2026 8:30 100 . 1 1 70\n1 01/06/2026 9:00 . 4.5 0 2 70\n";
    let (patient, found) = events(PATIENT, table);
    assert!(!found.has_errors(), "{found}");
    assert_eq!((doses(&patient)[0].0, patient.observations[0].readings[0].time_h), (0.0, 24.5));
    let epoch = format!("epoch = \"2026-01-05T00:00:00Z[UTC]\"\n{PATIENT}");
    let (patient, _) = events(&epoch, table);
    assert_eq!((doses(&patient)[0].0, patient.observations[0].readings[0].time_h), (8.5, 33.0));
    let (patient, _) =
        events(&epoch, &table.replace("DATE", "DAT1").replace("01/05", "05/01").replace("01/06", "06/01"));
    assert_eq!(doses(&patient)[0].0, 8.5);
    let (patient, _) = events(PATIENT, &table.replace("01/05/2026", "5").replace("01/06/2026", "6"));
    assert_eq!(patient.observations[0].readings[0].time_h, 24.5);
}

#[test]
fn what_is_not_told_is_asked_for_one_by_one() {
    let good = "ID,TIME,AMT,RATE,II,ADDL,SS,EVID,CMT,DV,WT\n1,0,100,0,0,0,0,1,1,.,70\n1,20,.,.,.,.,.,0,2,4.5,70\n";
    assert!(!events(PATIENT, good).1.has_errors());
    for (from, to, code) in [
        ("100,0,0,0,0,1,1", "100,-2,0,0,0,1,1", "P2082"),
        ("100,0,0,0,0,1,1", "100,-1,0,0,0,1,1", "P2082"),
        ("100,0,0,0,0,1,1", "100,0,0,0,0,3,1", "P2082"),
        ("100,0,0,0,0,1,1", "100,0,0,0,0,7,1", "P2082"),
        ("100,0,0,0,0,1,1", "0,5,0,0,0,1,1", "P2082"),
        ("100,0,0,0,0,1,1", "100,0,12,0,2,1,1", "P2082"),
        ("100,0,0,0,0,1,1", "100,0,0,3,0,1,1", "P2033"),
        ("100,0,0,0,0,1,1", "100,0,12,1e9,0,1,1", "P2033"),
        ("100,0,0,0,0,1,1", "-5,0,0,0,0,1,1", "P2033"),
        ("100,0,0,0,0,1,1", "100,0,0,0,0,0,1", "P2033"),
        ("1,20,", "1,soon,", "P2033"),
        ("4.5", "4,5", "P2033"),
        ("4.5", "four", "P2033"),
        ("CMT", "DAT3", "P2082"),
        ("WT\n", "BW\n", "P2033"),
        ("ID,TIME", "ID,T", "P2032"),
    ] {
        let (_, found) = events(PATIENT, &good.replacen(from, to, 1));
        assert!(found.has_errors() && codes(&found).contains(&code), "{to}: {code}: {found}");
    }
    for (from, to, code) in [
        ("AMT = \"mg\", ", "", "P2083"),
        ("WT = \"kg\" ", "", "P2083"),
        ("DV = \"mg/L\"", "DV = \"h\"", "U1002"),
        ("dose = { \"1\" = \"oral_theophylline\" }\nobserved = { \"2\" = \"plasma_theophylline\" }\n", "", "P2085"),
        ("WT = \"weight\"", "WT = \"sex\"", "P2086"),
        ("WT = \"weight\"", "WT = { \"1\" = \"weight\" }", "P2006"),
        ("dose = {", "dose = 1\nx = {", "P2006"),
        ("units = {", "units = \"mg\"\nx = {", "P2006"),
        ("AMT = \"mg\"", "AMT = \"mg\", TIME = \"kg\"", "P2033"),
        ("oral_theophylline", "oral_teophylline", "P2009"),
    ] {
        let (_, found) = events(&PATIENT.replacen(from, to, 1), good);
        assert!(codes(&found).contains(&code), "{to}: {code}: {found}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn changed_bytes_never_panic(edits in prop::collection::vec((0_usize..200, any::<u8>()), 1..6), cut in 0_usize..220) {
        let good = "ID,DATE,TIME,AMT,RATE,II,ADDL,SS,EVID,CMT,DV,WT\n1,1/5/26,0:30,100,9,12,2,1,1,1,.,70\n\
            1,1/6/26,20,.,.,.,.,.,0,2,4.5,70\n";
        let mut file = good.as_bytes().to_vec();
        super::edit(&mut file, &edits);
        // Cut short in a part of the cases.
        file.truncate(if cut % 4 == 0 { cut } else { file.len() });
        let manifest = format!("start = \"-48 h\"\n{PATIENT}format = \"nonmem\"\n");
        let folder = super::folder(&[("patient.toml", manifest.as_bytes()), ("events.csv", &file)]);
        let _ = Patient::read(folder.path());
    }
}
