//! A FHIR R4 Bundle: the person, and an Observation a reading.

use serde_json::json;

use super::super::{Censoring, Vocabulary};
use super::{Content, code, moment, rounded};

pub(super) fn write(
    content: &Content,
    epoch: &jiff::ZonedDateTime,
    vocabulary: &Vocabulary,
) -> Result<Vec<u8>, String> {
    let mut patient = json!({ "resourceType": "Patient", "id": "p1" });
    if let Some(sex) = &content.sex {
        patient["gender"] = json!(sex);
    }
    if let Some(age) = content.age {
        let days = (age * 365.25).round() as i64;
        let born = epoch.date().checked_sub(jiff::Span::new().days(days)).map_err(|error| error.to_string())?;
        patient["birthDate"] = json!(born.to_string());
    }
    let mut entries = vec![json!({ "resource": patient })];
    for sheet in &content.sheets {
        let (loinc, unit) = (code(vocabulary, "loinc", &sheet.name)?, sheet.unit.text());
        let about = vocabulary.term(&sheet.name).map_or("", |term| term.about.as_str());
        for reading in &sheet.readings {
            let at = moment(epoch, reading.time_h)?;
            let mut quantity = json!({
                "value": rounded(reading.value), "unit": unit, "system": "http://unitsofmeasure.org", "code": unit,
            });
            match reading.censoring {
                Censoring::None => {}
                Censoring::Below => quantity["comparator"] = json!("<"),
                Censoring::Above => quantity["comparator"] = json!(">"),
            }
            entries.push(json!({ "resource": {
                "resourceType": "Observation",
                "id": format!("o{}", entries.len()),
                "status": "final",
                "code": { "coding": [{ "system": "http://loinc.org", "code": loinc, "display": about }] },
                "subject": { "reference": "Patient/p1" },
                "effectiveDateTime": at.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string(),
                "valueQuantity": quantity,
            } }));
        }
    }
    let bundle = json!({ "resourceType": "Bundle", "type": "collection", "entry": entries });
    let text = serde_json::to_string_pretty(&bundle).map_err(|error| error.to_string())?;
    Ok((text + "\n").into_bytes())
}
