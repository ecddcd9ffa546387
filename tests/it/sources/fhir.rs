//! FHIR: every observation with a name of the bundles at hand, units, statuses, bounds, times, mistakes.

use std::collections::BTreeMap;
use std::fs;

use homeostat::patient::{Censoring, Patient, Vocabulary};
use homeostat::units::Unit;
use serde_json::{Value as Json, json};

use super::{codes, read, shared};

pub(super) const PATIENT: &str =
    "epoch = \"2024-03-01T00:00:00+01:00[Europe/Berlin]\"\n[[source]]\nfile = \"record.json\"\n";

pub(super) fn observation(code: &str, value: Json) -> Json {
    json!({
        "resourceType": "Observation", "status": "final", "subject": { "reference": "Patient/p1" },
        "code": { "coding": [{ "system": "http://loinc.org", "code": code, "display": "shown" }] },
        "effectiveDateTime": "2024-03-05T08:00:00+01:00", "valueQuantity": value,
    })
}

pub(super) fn quantity(value: f64, unit: &str) -> Json {
    json!({ "value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit })
}

pub(super) fn bundle(resources: &[Json]) -> String {
    let entries: Vec<Json> = resources.iter().map(|resource| json!({ "resource": resource })).collect();
    json!({ "resourceType": "Bundle", "type": "collection", "entry": entries }).to_string()
}

pub(super) fn read_bundle(manifest: &str, resources: &[Json]) -> (Patient, homeostat::diagnostic::Diagnostics) {
    read(&[("patient.toml", manifest.as_bytes()), ("record.json", bundle(resources).as_bytes())])
}

/// Name, value and unit of the only reading of each observation.
pub(super) fn values(patient: &Patient) -> BTreeMap<&str, (f64, &str)> {
    let first = |observation: &'_ homeostat::patient::Observation| observation.readings[0].value;
    patient.observations.iter().map(|seen| (seen.name.as_str(), (first(seen), seen.unit.text()))).collect()
}

pub(super) fn left_out(patient: &Patient) -> Vec<(&str, &str)> {
    patient.left_out.iter().map(|left_out| (left_out.what.as_str(), left_out.why.as_str())).collect()
}

/// Counts what the file holds by walking it, and compares value, unit and time of every reading with the place it names.
#[test]
fn every_observation_with_a_name_in_the_bundles_at_hand_is_read() {
    let vocabulary = Vocabulary::embedded().unwrap();
    let (mut with_name, mut read_of_them, mut rest) = (0, 0, 0);
    for name in ["patient_a.json", "patient_b.json", "patient_c.json"] {
        let Some(path) = shared(&format!("fhir/{name}")) else { return };
        let text = fs::read(path).unwrap();
        let manifest = "epoch = \"1950-01-01T00:00:00+00:00[UTC]\"\n[[source]]\nfile = \"record.json\"\n";
        let (patient, found) = read(&[("patient.toml", manifest.as_bytes()), ("record.json", &text)]);
        assert!(!found.has_errors(), "{name}: {found}");
        let file: Json = serde_json::from_slice(&text).unwrap();
        // Independently of the reader: every observation and component whose code the vocabulary has, by name.
        let mut expected: BTreeMap<String, usize> = BTreeMap::new();
        for entry in file["entry"].as_array().unwrap() {
            let resource = &entry["resource"];
            if resource["resourceType"] != "Observation" {
                continue;
            }
            let parts = resource["component"].as_array().cloned().unwrap_or_else(|| vec![resource.clone()]);
            for part in parts {
                match vocabulary.by_loinc(part["code"]["coding"][0]["code"].as_str().unwrap()) {
                    Some(term) => *expected.entry(term.name.clone()).or_default() += 1,
                    None => rest += 1,
                }
            }
        }
        assert!(expected.len() > 20, "{expected:?}");
        let epoch: jiff::Timestamp = "1950-01-01T00:00:00Z".parse().unwrap();
        for (name, count) in &expected {
            with_name += count;
            let readings = patient.observations.iter().filter(|seen| seen.name == *name);
            let readings: usize = readings.map(|seen| seen.readings.len()).sum();
            let covariates = patient.covariates.iter().filter(|known| known.name == *name).count();
            let others = patient.left_out.iter().filter(|left_out| left_out.what == *name);
            let others: Vec<_> = others.map(|left_out| (left_out.why.as_str(), left_out.count)).collect();
            // A covariate has one value; the other days of it are told.
            let told: usize = others.iter().map(|(_, count)| count).sum();
            assert!(
                others.iter().all(|(why, _)| *why == "the value nearest to the start is taken"),
                "{name}: {others:?}"
            );
            assert_eq!(readings + covariates + told, *count, "{name}");
            read_of_them += readings + covariates + told;
        }
        for seen in &patient.observations {
            for reading in &seen.readings {
                let pointer = reading.origin.path.as_deref().unwrap();
                let value = file.pointer(pointer).unwrap();
                let unit = Unit::parse(value["code"].as_str().unwrap()).unwrap();
                let expected = unit.convert(value["value"].as_f64().unwrap(), &seen.unit).unwrap();
                assert!((reading.value - expected).abs() <= 1e-12 * expected.abs(), "{pointer}");
                let whole: Vec<&str> = pointer.split('/').collect();
                let stamp = file.pointer(&whole[..4].join("/")).unwrap()["effectiveDateTime"].as_str().unwrap();
                let hours = stamp.parse::<jiff::Timestamp>().unwrap().duration_since(epoch).as_secs_f64() / 3600.0;
                assert!((reading.time_h - hours).abs() < 1e-6, "{pointer}");
            }
        }
        // The rest is listed, code by code.
        for code in ["72514-3", "32207-3", "32623-1"] {
            let listed = patient.left_out.iter().any(|left_out| left_out.what.contains(code));
            assert!(listed || !String::from_utf8_lossy(&text).contains(code), "{name} {code}");
        }
        assert!(patient.left_out.iter().any(|left_out| left_out.what == "Encounter"), "{name}");
    }
    assert_eq!((with_name, read_of_them), (243, 243));
    assert_eq!(rest, 21);
}

#[test]
fn values_reach_the_unit_of_their_name_and_no_generic_mistake_is_made() {
    let (patient, found) = read_bundle(
        PATIENT,
        &[
            observation("14749-6", quantity(5.4, "mmol/L")),
            observation("59261-8", quantity(48.0, "mmol/mol")),
            observation("14682-9", quantity(88.0, "umol/L")),
            observation("2000-8", quantity(2.4, "mmol/L")),
            observation("22664-7", quantity(5.0, "mmol/L")),
            observation("1742-6", json!({ "value": 31, "unit": "IU/L" })),
            observation("3016-3", json!({ "value": 2.1, "unit": "µIU/mL" })),
            observation("6690-2", json!({ "value": 6.1, "unit": "K/uL" })),
            observation("33914-3", quantity(88.0, "mL/min/{1.73_m2}")),
            observation("6301-6", json!({ "value": 2.4 })),
            observation("9318-7", quantity(3.0, "mg/mmol")),
            observation("2951-2", quantity(140.0, "meq/L")),
        ],
    );
    assert!(!found.has_errors(), "{found}");
    let values = values(&patient);
    for (name, value, unit) in [
        ("plasma_glucose", 5.4 * 18.0156, "mg/dL"),
        // The other scale's line, and not a factor: 65 mmol/mol are not 6.5 %, nor 48 mmol/mol 4.8 %.
        ("hba1c", 2.152 + 0.09148 * 48.0, "%"),
        ("creatinine", 88.0 * 0.011312, "mg/dL"),
        ("calcium", 2.4 * 4.0078, "mg/dL"),
        ("urea_nitrogen", 5.0 * 2.8014, "mg/dL"),
        ("alanine_aminotransferase", 31.0, "U/L"),
        ("thyrotropin", 2.1, "m[iU]/L"),
        ("leukocytes", 6.1, "10*3/uL"),
        ("egfr", 88.0, "mL/min/{1.73_m2}"),
        ("inr", 2.4, "1"),
        ("albumin_creatinine_ratio", 3.0 / 0.11312, "mg/g"),
        ("sodium", 140.0, "mmol/L"),
    ] {
        let (is, of) = values[name];
        assert!((is - value).abs() < 1e-9 * value && of == unit, "{name}: {is} {of}, not {value} {unit}");
    }
    assert!((values["hba1c"].0 - 6.5).abs() < 0.05);
    // Kept on its own scale where the bundle asks for it.
    let own = format!("{PATIENT}as = {{ \"59261-8\" = \"hba1c_ifcc\" }}\n");
    let (patient, _) = read_bundle(&own, &[observation("59261-8", quantity(48.0, "mmol/mol"))]);
    assert_eq!(self::values(&patient)["hba1c_ifcc"], (48.0, "mmol/mol"));
    for (code, value, expected) in [
        ("2160-0", json!({ "value": 1.1 }), "P2061"),
        ("4548-4", json!({ "value": 6.5 }), "P2061"),
        ("59261-8", quantity(6.5, "%"), "P2025"),
        ("17861-6", quantity(4.7, "meq/L"), "U1002"),
        ("1742-6", quantity(31.0, "mg/dL"), "U1002"),
        ("2160-0", json!({ "value": 1.1, "unit": "furlongs" }), "U1001"),
        ("2160-0", json!({ "unit": "mg/dL" }), "P2033"),
        ("2160-0", json!({ "value": 1.1, "unit": "mg/dL", "comparator": "ad" }), "P2033"),
    ] {
        let (_, found) = read_bundle(PATIENT, &[observation(code, value.clone())]);
        assert!(found.has_errors() && codes(&found).contains(&expected), "{code} {value}: {found}");
        let at = found.iter().find(|finding| finding.code == expected).unwrap().location.as_ref().unwrap();
        assert!(at.to_string().contains("record.json#/entry/0/resource/valueQuantity"), "{at}");
    }
    let renamed = format!("{PATIENT}as = {{ \"33914-3\" = \"gfr\" }}\n");
    let (_, found) = read_bundle(&renamed, &[observation("33914-3", quantity(88.0, "mL/min/{1.73_m2}"))]);
    assert!(codes(&found).contains(&"P2069"), "{found}");
}

#[test]
fn statuses_bounds_components_words_and_missing_values() {
    let with = |code: &str, key: &str, value: Json| {
        let mut json = observation(code, quantity(100.0, "mg/dL"));
        json[key] = value;
        json
    };
    let mut pressure = observation("85354-9", Json::Null);
    pressure.as_object_mut().unwrap().remove("valueQuantity");
    pressure["component"] = json!([
        { "code": { "coding": [{ "system": "http://loinc.org", "code": "8480-6" }] }, "valueQuantity": quantity(121.0, "mm[Hg]") },
        { "code": { "coding": [{ "system": "http://loinc.org", "code": "8462-4" }] },
          "dataAbsentReason": { "coding": [{ "code": "not-performed" }] } },
    ]);
    let mut smoker = observation("72166-2", Json::Null);
    smoker.as_object_mut().unwrap().remove("valueQuantity");
    smoker["valueCodeableConcept"] =
        json!({ "coding": [{ "system": "http://snomed.info/sct", "code": "8517006" }], "text": "Ex" });
    let mut text = observation("1988-5", Json::Null);
    text.as_object_mut().unwrap().remove("valueQuantity");
    text["valueString"] = json!("<0.3 mg/dL");
    let mut words = text.clone();
    words["valueString"] = json!("see comment");
    let mut high = observation("2276-4", json!({ "value": 1650, "unit": "ng/mL", "comparator": ">" }));
    high["effectiveDateTime"] = Json::Null;
    high["effectivePeriod"] = json!({ "start": "2024-03-05T08:00:00+01:00", "end": "2024-03-05T09:00:00+01:00" });
    let (patient, found) = read_bundle(
        PATIENT,
        &[
            with("2345-7", "status", json!("entered-in-error")),
            with("2345-7", "status", json!("corrected")),
            with("2093-3", "status", json!("preliminary")),
            pressure,
            smoker,
            text,
            words,
            high,
            with("2085-9", "effectiveDateTime", json!("2024-03-06")),
        ],
    );
    assert!(!found.has_errors(), "{found}");
    assert_eq!(codes(&found), ["P2063", "P2026"]);
    let seen = |name: &str| patient.observations.iter().find(|seen| seen.name == name).unwrap();
    assert_eq!(seen("plasma_glucose").readings.len(), 1);
    assert_eq!(
        seen("systolic_pressure").readings[0].origin.to_string(),
        "record.json#/entry/3/resource/component/0/valueQuantity"
    );
    let crp = &seen("c_reactive_protein").readings[0];
    assert!((crp.value - 3.0).abs() < 1e-12 && crp.censoring == Censoring::Below);
    let ferritin = &seen("ferritin").readings[0];
    assert_eq!((ferritin.value, ferritin.censoring, ferritin.time_h), (1650.0, Censoring::Above, 105.0));
    assert_eq!(seen("hdl_cholesterol").readings[0].time_h, 120.0);
    assert_eq!(patient.covariates[0].category.as_deref(), Some("no"));
    let left_out = left_out(&patient);
    for expected in [
        ("shown (2345-7)", "its status is `entered-in-error`"),
        ("diastolic_pressure", "nothing was measured (not-performed)"),
        ("c_reactive_protein", "its value is a text: see comment"),
    ] {
        assert!(left_out.contains(&expected), "{expected:?} of {left_out:?}");
    }
    for stamp in [Json::Null, json!("2024-03"), json!("yesterday")] {
        let untimed = with("2345-7", "effectiveDateTime", stamp);
        let (_, found) = read_bundle(PATIENT, std::slice::from_ref(&untimed));
        assert!(codes(&found).contains(&"P2064"), "{found}");
        let (patient, found) = read_bundle(&format!("{PATIENT}time = \"7 h\"\n"), std::slice::from_ref(&untimed));
        if untimed["effectiveDateTime"] == "yesterday" {
            assert!(codes(&found).contains(&"P2064"), "{found}");
            continue;
        }
        assert!(!found.has_errors() && patient.observations[0].readings[0].time_h == 7.0, "{found}");
    }
}
