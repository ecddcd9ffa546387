//! Tables of volumes: CSV in several shapes, TotalSegmentator's statistics, and wrong ones.

use std::fs;

use homeostat::patient::Patient;
use proptest::prelude::*;

use super::{codes, read, shared};

fn bundle(keys: &str, name: &str, text: &[u8]) -> (Patient, homeostat::diagnostic::Diagnostics) {
    let manifest = format!("name = \"report\"\n[[source]]\nfile = \"{name}\"\n{keys}");
    read(&[("patient.toml", manifest.as_bytes()), (name, text)])
}

fn value(patient: &Patient, name: &str) -> Option<(f64, Option<f64>, Option<usize>)> {
    let one = patient.observations.iter().find(|one| one.name == name)?;
    let reading = &one.readings[0];
    Some((reading.value, reading.sd, reading.origin.line))
}

#[test]
fn volumes_and_measures_of_a_report_are_read() {
    for (keys, text) in [
        ("", "structure,volume (mL)\nliver,1500\nspleen,200\n"),
        ("", "\u{feff}Structure;Volume [mm³]\r\nliver;1500000\r\nspleen;200000\r\n"),
        ("", "region\tvolume_mm3\nliver\t1.5e6\nspleen\t2e5\n"),
        ("unit = \"cc\"\n", "structure,volume\nliver,1500\nspleen,200\n"),
        ("", "structure,volume,unit\nliver,1.5,L\nspleen,200,ml\n"),
    ] {
        let (patient, found) = bundle(keys, "volumes.csv", text.as_bytes());
        assert!(codes(&found).is_empty(), "{text}: {found}");
        let (liver, sd, line) = value(&patient, "liver_volume").unwrap();
        assert!((liver - 1500.0).abs() < 1e-9 && sd.is_none() && line == Some(2), "{text}");
        assert!((value(&patient, "spleen_volume").unwrap().0 - 200.0).abs() < 1e-9);
    }
    // What is no volume has its own unit.
    let heart =
        "measure,value,unit\nLVEDV,140,mL\nLVEF,0.6,1\nlv_mass,120,g\nascending_aorta_diameter,3.4,cm\ntea,1,mL\n";
    let (patient, found) = bundle("format = \"volume_table\"\n", "heart.csv", heart.as_bytes());
    assert!(codes(&found).is_empty(), "{found}");
    let read = |name| value(&patient, name).unwrap().0;
    assert!((read("lv_ejection_fraction") - 60.0).abs() < 1e-9 && read("lv_end_diastolic_volume") == 140.0);
    assert!((read("ascending_aorta_diameter") - 34.0).abs() < 1e-9 && read("lv_mass") == 120.0);
    assert_eq!(patient.left_out[0].what, "tea");
    // With a program's own names, parts add up, and its error is known.
    let parts = "structure,volume (mL)\nkidney_left,150\nkidney_right,160\nadrenal_gland_left,0\n";
    let (patient, found) = bundle("labels = \"totalsegmentator_total\"\n", "volumes.csv", parts.as_bytes());
    assert!(codes(&found).is_empty(), "{found}");
    let (kidneys, sd, line) = value(&patient, "kidney_volume").unwrap();
    assert!((kidneys - 310.0).abs() < 1e-9 && line == Some(2));
    assert!((sd.unwrap() / (2.0 * 0.057 * 310.0 / 3.0_f64.sqrt()) - 1.0).abs() < 1e-6);
    assert!(
        patient.left_out.iter().any(|one| one.what == "adrenal_gland_left" && one.why.starts_with("a volume of 0"))
    );
}

#[test]
fn statistics_of_totalsegmentator_are_read() {
    let Some(path) = shared("exports/nifti/totalseg_statistics.json") else { return };
    let text = fs::read(path).unwrap();
    let (patient, found) = bundle("", "statistics.json", &text);
    assert!(codes(&found).is_empty(), "{found}");
    assert!((value(&patient, "liver_volume").unwrap().0 - 1062.45).abs() < 1e-9);
    assert!((value(&patient, "kidney_volume").unwrap().0 - 207.144).abs() < 1e-9);
    // Of five lobes two are not in the scan.
    assert!(value(&patient, "aerated_lung_volume").is_none());
    let lungs = patient.left_out.iter().find(|one| one.what == "lungs").unwrap();
    assert_eq!(lungs.why, "its part `lung_upper_lobe_right` is not in the file");
    let one = patient.observations.iter().find(|one| one.name == "spleen_volume").unwrap();
    assert_eq!(one.readings[0].origin.to_string(), "statistics.json#/spleen");
}

#[test]
fn wrong_tables_are_told() {
    for (keys, text, expected) in [
        ("", "structure,volume\nliver,1500\n", "P2058"),
        ("", "structure,volume (mL)\nliver,\"1,5\"\n", "P2033"),
        ("", "structure,volume (mL)\nliver,-4\n", "P2033"),
        ("", "structure,volume (mL)\nliver,1500\nliver,1501\n", "P2033"),
        ("unit = \"mm3\"\n", "structure,volume (mL)\nliver,1500\n", "P2033"),
        ("unit = \"kg\"\n", "structure,volume\nliver,1500\n", "U1002"),
        ("unit = \"mm3\"\n", "structure,volume\nliver,1500\n", "P2020"),
        ("labels = \"anything\"\n", "structure,volume (mL)\nliver,1500\n", "P2006"),
        ("format = \"volume_table\"\n", "thing,size\nliver,1500\n", "P2033"),
        ("", "{\"liver\": {\"volume\": \"big\"}}", "P2033"),
        ("", "{\"tea\": {\"volume\": 3}}", "P2033"),
        ("", "{\"liver\": {\"volume\": 3}", "P2008"),
    ] {
        let (_, found) = bundle(keys, "volumes", text.as_bytes());
        assert_eq!(codes(&found), [expected], "{text}: {found}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: std::env::var("PROPTEST_CASES").map_or(64, |cases| cases.parse().unwrap()), ..ProptestConfig::default() })]

    #[test]
    fn damaged_tables_are_told_without_a_panic(
        json in any::<bool>(),
        changes in prop::collection::vec((0_usize..80, any::<u8>()), 1..5),
        end in 0_usize..100,
    ) {
        let text = if json {
            "{\"liver\": {\"volume\": 1500000.0, \"intensity\": 55.1}, \"spleen\": {\"volume\": 2e5}}\n"
        } else {
            "structure,volume (mL),unit\nliver,1500,mL\nspleen,200,\nkidney_left,100,cm3\n"
        };
        let mut bytes = text.as_bytes().to_vec();
        for (at, byte) in changes {
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
        }
        bytes.truncate(end.max(5));
        bundle("format = \"volume_table\"\n", "volumes", &bytes);
    }
}
