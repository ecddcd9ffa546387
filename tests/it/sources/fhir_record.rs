//! FHIR records: whose they are, doses and plans, lines of resources, and files that are broken.

use homeostat::patient::{ExposureKind, Patient};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::fhir::{PATIENT, bundle, left_out, observation, quantity, read_bundle, values};
use super::{codes, read};

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
