//! FHIR: every observation with a name of the bundles at hand, statuses, bounds, persons, doses and plans, mistakes.

use std::collections::BTreeMap;
use std::fs;

use homeostat::patient::{Censoring, ExposureKind, Patient, Vocabulary};
use homeostat::units::Unit;
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::{codes, read, shared};

const PATIENT: &str = "epoch = \"2024-03-01T00:00:00+01:00[Europe/Berlin]\"\n[[source]]\nfile = \"record.json\"\n";

fn observation(code: &str, value: Json) -> Json {
    json!({
        "resourceType": "Observation", "status": "final", "subject": { "reference": "Patient/p1" },
        "code": { "coding": [{ "system": "http://loinc.org", "code": code, "display": "shown" }] },
        "effectiveDateTime": "2024-03-05T08:00:00+01:00", "valueQuantity": value,
    })
}

fn quantity(value: f64, unit: &str) -> Json {
    json!({ "value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit })
}

fn bundle(resources: &[Json]) -> String {
    let entries: Vec<Json> = resources.iter().map(|resource| json!({ "resource": resource })).collect();
    json!({ "resourceType": "Bundle", "type": "collection", "entry": entries }).to_string()
}

fn read_bundle(manifest: &str, resources: &[Json]) -> (Patient, homeostat::diagnostic::Diagnostics) {
    read(&[("patient.toml", manifest.as_bytes()), ("record.json", bundle(resources).as_bytes())])
}

/// Name, value and unit of the only reading of each observation.
fn values(patient: &Patient) -> BTreeMap<&str, (f64, &str)> {
    let first = |observation: &'_ homeostat::patient::Observation| observation.readings[0].value;
    patient.observations.iter().map(|seen| (seen.name.as_str(), (first(seen), seen.unit.text()))).collect()
}

fn left_out(patient: &Patient) -> Vec<(&str, &str)> {
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

#[test]
fn persons_have_sex_and_age_and_only_one_is_read() {
    let person =
        |id: &str, birth: &str| json!({ "resourceType": "Patient", "id": id, "gender": "female", "birthDate": birth });
    let sample = observation("2345-7", quantity(90.0, "mg/dL"));
    let fact = |patient: &Patient, name: &str| {
        patient.covariates.iter().find(|known| known.name == name).map(|known| known.value)
    };
    for (birth, age, findings) in [
        ("1990-03-01", 34.0, &[][..]),
        ("1990", 33.66, &["P2062"]),
        ("1990-03", 33.96, &["P2062"]),
        ("long ago", f64::NAN, &["P2033"]),
    ] {
        let (patient, found) = read_bundle(PATIENT, &[person("p1", birth), sample.clone()]);
        assert_eq!(codes(&found), findings, "{found}");
        assert_eq!(fact(&patient, "sex"), Some(0.0));
        assert!(age.is_nan() || (fact(&patient, "age").unwrap() - age).abs() < 0.01, "{birth}");
    }
    // A window cuts off what was measured, not who the person is; the age is that at the start whatever `time` says.
    let (patient, found) =
        read_bundle(&format!("{PATIENT}from = \"48 h\"\ntime = \"99999 h\"\n"), &[person("p1", "1990-03-01")]);
    assert!(
        !found.has_errors()
            && (fact(&patient, "age").unwrap() - 34.0).abs() < 0.01
            && fact(&patient, "sex") == Some(0.0)
    );
    let mut died = person("p1", "1950-01-01");
    (died["deceasedBoolean"], died["gender"]) = (json!(true), json!("other"));
    let (patient, _) = read_bundle(PATIENT, &[died, sample.clone()]);
    assert!(left_out(&patient).contains(&("deceased", "that the person died is not read")));
    assert!(left_out(&patient).contains(&("sex", "`other` is none of its categories")));
    let mut other = observation("2345-7", quantity(200.0, "mg/dL"));
    other["subject"]["reference"] = json!("urn:uuid:p2");
    let both = [person("p1", "1990-03-01"), sample, other];
    let (_, found) = read_bundle(PATIENT, &both);
    assert_eq!(codes(&found)[0], "P2060");
    for (wanted, value) in [("p1", 90.0), ("p2", 200.0)] {
        let (patient, found) = read_bundle(&format!("{PATIENT}patient = \"{wanted}\"\n"), &both);
        assert!(!found.has_errors() && values(&patient)["plasma_glucose"].0 == value, "{found}");
    }
    let (_, found) = read_bundle(&format!("{PATIENT}patient = \"p3\"\n"), &both);
    assert_eq!(codes(&found)[0], "P2060");
}

fn medication(kind: &str, code: &str, more: Json) -> Json {
    let coding = json!({ "coding": [{ "system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": code, "display": "it" }] });
    let mut json = json!({
        "resourceType": kind, "status": "completed", "subject": { "reference": "Patient/p1" }, "medicationCodeableConcept": coding,
    });
    for (key, value) in more.as_object().unwrap() {
        json[key] = value.clone();
    }
    json
}

#[test]
fn doses_are_what_was_administered_and_plans_only_where_asked_for() {
    let by_mouth = json!({ "coding": [{ "system": "http://snomed.info/sct", "code": "26643006" }] });
    let given = |more: Json| medication("MedicationAdministration", "11289", more);
    let plan = |timing: Json| {
        let dosage =
            json!([{ "timing": timing, "route": by_mouth, "doseAndRate": [{ "doseQuantity": quantity(5.0, "mg") }] }]);
        let more = json!({ "status": "active", "intent": "order", "authoredOn": "2024-03-02T08:00:00+01:00", "dosageInstruction": dosage });
        medication("MedicationRequest", "11289", more)
    };
    let at = "2024-03-02T20:00:00+01:00";
    let all = [
        given(json!({ "effectiveDateTime": at, "dosage": { "route": by_mouth, "dose": quantity(5.0, "mg") } })),
        given(
            json!({ "effectivePeriod": { "start": at, "end": "2024-03-02T21:00:00+01:00" }, "dosage": { "dose": quantity(5000.0, "ug") } }),
        ),
        given(
            json!({ "effectiveDateTime": at, "dosage": { "route": by_mouth, "dose": { "value": 1, "unit": "tablet" } } }),
        ),
        given(json!({ "effectiveDateTime": at, "status": "not-done" })),
        given(json!({ "effectiveDateTime": at, "dosage": { "route": { "text": "IV" }, "dose": quantity(5.0, "mg") } })),
        plan(
            json!({ "repeat": { "frequency": 1, "period": 1, "periodUnit": "d", "boundsPeriod": { "end": "2024-03-05" } } }),
        ),
        given(json!({ "effectivePeriod": { "start": "2024-03-04T20:00:00+01:00", "end": "2024-03-04T22:00:00+01:00" },
            "dosage": { "route": by_mouth, "rateQuantity": quantity(2.0, "mg/h") } })),
        json!({ "resourceType": "Condition", "clinicalStatus": { "coding": [{ "code": "active" }] }, "code": {
            "coding": [{ "system": "http://snomed.info/sct", "code": "449868002" }] } }),
        json!({ "resourceType": "Condition", "code": { "text": "Gout" } }),
        medication("MedicationAdministration", "703", json!({ "effectiveDateTime": at })),
        observation("6301-6", json!({ "value": 2.4 })),
    ];
    let (patient, found) = read_bundle(PATIENT, &all);
    assert!(!found.has_errors(), "{found}");
    assert_eq!(codes(&found), ["P2067", "P2066"]);
    let doses = patient.exposure("oral_warfarin").unwrap();
    assert_eq!((doses.kind, doses.unit.text()), (ExposureKind::Bolus, "mg"));
    let events: Vec<(f64, f64, f64)> =
        doses.events.iter().map(|event| (event.time_h, event.value, event.duration_h)).collect();
    assert_eq!(events, [(44.0, 5.0, 0.0), (44.0, 5.0, 1.0), (92.0, 4.0, 2.0)]);
    assert_eq!(doses.unknown.len(), 1);
    let facts: Vec<&str> = patient.covariates.iter().map(|known| known.name.as_str()).collect();
    assert_eq!(facts, ["smoker", "amiodarone"]);
    let left = left_out(&patient);
    for expected in [
        ("it (11289)", "its status is `not-done`"),
        ("Gout", "a condition that no name is given to"),
        ("it (11289)", "a plan, not a dose that was given (take_requests = true takes it)"),
        ("oral_warfarin", "it was given in another way (iv)"),
    ] {
        assert!(left.contains(&expected), "{expected:?} of {left:?}");
    }
    let asked = format!("{PATIENT}take_requests = true\n");
    // What was administered is not counted again as a plan.
    let (patient, found) = read_bundle(&asked, &all);
    assert!(!found.has_errors() && patient.exposure("oral_warfarin").unwrap().events.len() == 3, "{found}");
    assert!(left_out(&patient).contains(&("it (11289)", "its doses are taken from the MedicationAdministration")));
    for (timing, hours) in [
        (
            json!({ "repeat": { "frequency": 1, "period": 1, "periodUnit": "d", "boundsPeriod": { "end": "2024-03-05" } } }),
            vec![32.0, 56.0, 80.0, 104.0],
        ),
        (
            json!({ "repeat": { "frequency": 2, "period": 1, "periodUnit": "d", "boundsDuration": { "value": 1, "code": "d" } } }),
            vec![32.0, 44.0],
        ),
        (json!({ "repeat": { "timeOfDay": ["07:00:00", "19:00:00"], "count": 3 } }), vec![43.0, 55.0, 67.0]),
        (json!({ "event": ["2024-03-03T08:00:00+01:00"] }), vec![56.0]),
        (json!({ "repeat": { "count": 2 }, "code": { "coding": [{ "code": "BID" }] } }), vec![32.0, 44.0]),
    ] {
        let (patient, found) =
            read_bundle(&asked, &[plan(timing.clone()), observation("6301-6", json!({ "value": 2.4 }))]);
        assert!(!found.has_errors(), "{timing}: {found}");
        let times: Vec<f64> =
            patient.exposure("oral_warfarin").unwrap().events.iter().map(|event| event.time_h).collect();
        assert_eq!(times, hours, "{timing}");
    }
    let daily = json!({ "repeat": { "frequency": 1, "period": 1, "periodUnit": "d" } });
    let mut stopped = plan(daily.clone());
    stopped["status"] = json!("stopped");
    let to = format!("{asked}to = \"2024-03-04 12:00\"\n");
    let (patient, _) = read_bundle(&to, &[plan(daily)]);
    assert_eq!(patient.exposure("oral_warfarin").unwrap().events.len(), 3);
    let (_, found) = read_bundle(&to, &[stopped]);
    assert!(codes(&found).contains(&"P2068"), "{found}");
    for timing in [
        json!({ "repeat": { "frequency": 1, "period": 1, "periodUnit": "d" } }),
        json!({ "repeat": { "when": ["HS"], "count": 3 } }),
        json!({ "repeat": { "frequency": 1, "period": 1e-9, "periodUnit": "s", "count": 4000000000u32 } }),
        json!({ "repeat": { "frequency": 1, "period": 1, "periodUnit": "mo", "count": 3 } }),
    ] {
        let (_, found) = read_bundle(&asked, &[plan(timing.clone())]);
        assert!(codes(&found).contains(&"P2068"), "{timing}: {found}");
    }
}

#[test]
fn lines_of_resources_are_read_and_broken_ones_are_placed() {
    let lines = [
        observation("2345-7", quantity(90.0, "mg/dL")).to_string(),
        "{\"resourceType\": \"Observation\", \"sta".into(),
        String::new(),
        observation("2160-0", json!({ "value": 1.1 })).to_string(),
    ];
    let manifest = PATIENT.replace("record.json", "record.ndjson");
    let text = format!("\u{feff}{}\r\n", lines.join("\r\n"));
    let (patient, found) = read(&[("patient.toml", manifest.as_bytes()), ("record.ndjson", text.as_bytes())]);
    assert_eq!(values(&patient)["plasma_glucose"].0, 90.0);
    assert_eq!(patient.observations[0].readings[0].origin.path.as_deref(), Some("line 1/valueQuantity"));
    let places: Vec<String> =
        found.iter().map(|finding| format!("{} {}", finding.code, finding.location.as_ref().unwrap())).collect();
    assert!(places[0].starts_with("P2033") && places[0].ends_with("record.ndjson:2"), "{places:?}");
    assert!(places[1].starts_with("P2061") && places[1].ends_with("record.ndjson#line 4/valueQuantity"), "{places:?}");
    // A history holds what is no longer so.
    let history = bundle(&[]).replace("collection", "history");
    let (_, found) = read(&[("patient.toml", PATIENT.as_bytes()), ("record.json", history.as_bytes())]);
    assert_eq!(codes(&found)[0], "P2033");
}

/// Replaces the value that stands at a place in the order of walking.
fn replace(json: &mut Json, at: &mut usize, by: &Json) {
    if *at == 0 {
        *json = by.clone();
    }
    *at = at.wrapping_sub(1);
    match json {
        Json::Array(list) => list.iter_mut().for_each(|inner| replace(inner, at, by)),
        Json::Object(map) => map.values_mut().for_each(|inner| replace(inner, at, by)),
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(64), ..ProptestConfig::default() })]

    #[test]
    fn changed_bytes_never_panic(at in 0usize..4000, byte in any::<u8>(), cut in 0usize..4000, lines in any::<bool>(), node in 0usize..100, by in 0usize..12) {
        let by = &[json!(null), json!(-1e308), json!(1e-300), json!("x"), json!([]), json!({}), json!(true), json!("9999-12-31T23:59:59Z"),
            json!("-9999"), json!("9999-12-31"), json!(4_000_000_000_u64), json!([{}])][by];
        let mut resources = [
            observation("2345-7", quantity(90.0, "mg/dL")),
            json!({ "resourceType": "Patient", "id": "p1", "gender": "male", "birthDate": "1970-01" }),
            medication("MedicationRequest", "11289", json!({
                "status": "active", "authoredOn": "2024-03-02", "dosageInstruction": [{
                    "timing": { "repeat": { "timeOfDay": ["07:00:00"], "frequency": 2, "period": 1, "periodUnit": "d", "count": 5 } },
                    "doseAndRate": [{ "doseQuantity": quantity(5.0, "mg") }] }] })),
            medication("MedicationAdministration", "11289", json!({ "effectiveDateTime": "2024-03-02", "dosage": { "dose": quantity(5.0, "mg") } })),
        ];
        for resource in &mut resources {
            replace(resource, &mut node.clone(), by);
        }
        let mut bytes = if lines {
            resources.iter().map(|resource| format!("{resource}\n")).collect::<String>().into_bytes()
        } else {
            bundle(&resources).into_bytes()
        };
        let length = bytes.len();
        bytes[at % length] = byte;
        bytes.truncate(length - (cut % length) * usize::from(cut % 3 == 0));
        let manifest = format!("{PATIENT}take_requests = true\nformat = \"fhir\"\n");
        read(&[("patient.toml", manifest.as_bytes()), ("record.json", &bytes)]);
    }
}
