//! An Apple Health export: a Record a reading.

use std::fmt::Write;

use super::super::Vocabulary;
use super::{Content, code, moment, rounded};

/// Units of UCUM as the format spells them.
const UNITS: [(&str, &str); 4] = [("/min", "count/min"), ("mg/dL", "mg/dL"), ("kg", "kg"), ("mm[Hg]", "mmHg")];

pub(super) fn write(
    content: &Content,
    epoch: &jiff::ZonedDateTime,
    vocabulary: &Vocabulary,
) -> Result<Vec<u8>, String> {
    let mut records: Vec<(f64, String)> = Vec::new();
    for sheet in &content.sheets {
        let kind = code(vocabulary, "apple_health", &sheet.name)?;
        let unit = UNITS.iter().find(|(ucum, _)| *ucum == sheet.unit.text()).map(|(_, theirs)| *theirs);
        let unit = unit.ok_or_else(|| format!("`{}` in {} cannot be written here", sheet.name, sheet.unit))?;
        for reading in &sheet.readings {
            let at = moment(epoch, reading.time_h)?.strftime("%Y-%m-%d %H:%M:%S %z").to_string();
            let record = format!(
                " <Record type=\"{kind}\" sourceName=\"Synthetic Watch\" unit=\"{unit}\" creationDate=\"{at}\" \
                 startDate=\"{at}\" endDate=\"{at}\" value=\"{}\"/>\n",
                rounded(reading.value)
            );
            records.push((reading.time_h, record));
        }
    }
    records.sort_by(|a, b| a.0.total_cmp(&b.0));
    let end = records.last().map_or(0.0, |(time, _)| *time);
    let exported = moment(epoch, end)?.strftime("%Y-%m-%d %H:%M:%S %z").to_string();
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<HealthData locale=\"en_GB\">\n");
    // Writing to a String cannot fail.
    let _ = writeln!(text, " <ExportDate value=\"{exported}\"/>");
    records.iter().for_each(|(_, record)| text.push_str(record));
    text.push_str("</HealthData>\n");
    Ok(text.into_bytes())
}
