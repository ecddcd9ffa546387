//! Nightscout's entries: a JSON list of a sensor's readings.

use serde_json::json;

use super::super::Vocabulary;
use super::{Content, code, moment};

pub(super) fn write(
    content: &Content,
    epoch: &jiff::ZonedDateTime,
    vocabulary: &Vocabulary,
) -> Result<Vec<u8>, String> {
    let mut entries = Vec::new();
    for sheet in &content.sheets {
        let kind = code(vocabulary, "nightscout", &sheet.name)?;
        if sheet.unit.text() != "mg/dL" {
            return Err(format!("`{}` in {} cannot be written here: only mg/dL", sheet.name, sheet.unit));
        }
        for reading in &sheet.readings {
            let at = moment(epoch, reading.time_h)?;
            let text = at.timestamp().to_string();
            let mut entry = json!({
                "type": kind, "date": at.timestamp().as_millisecond(), "dateString": text, "device": "synthetic sensor",
            });
            // The device tells whole numbers.
            entry[kind] = json!(reading.value.round() as i64);
            entries.push(entry);
        }
    }
    // The newest first, as the server gives them.
    entries.reverse();
    let lines: Vec<String> = entries.iter().map(|entry| format!("  {entry}")).collect();
    Ok(format!("[\n{}\n]\n", lines.join(",\n")).into_bytes())
}
