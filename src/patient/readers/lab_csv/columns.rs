//! The columns of a laboratory's table, found by how they are usually called, or as the bundle names them.

use crate::units::Unit;

/// How the columns are called that a laboratory's table has, in lower case and without signs.
const TITLES: [(&str, &[&str]); 10] = [
    ("code", &["loinc", "loinccode", "loincnum", "loincnumber", "code", "testcode", "resultcode"]),
    (
        "name",
        &["test", "testname", "analyte", "component", "name", "parameter", "resultname", "untersuchung", "analyt"],
    ),
    ("value", &["value", "result", "resultvalue", "wert", "ergebnis", "messwert", "valuenumeric"]),
    ("unit", &["unit", "units", "resultunit", "einheit", "uom"]),
    (
        "time_column",
        &[
            "datetime",
            "time",
            "date",
            "collected",
            "collectiondate",
            "collectiontime",
            "collectiondatetime",
            "collectedat",
            "specimendate",
            "specimencollected",
            "sampledate",
            "sampletime",
            "takenat",
            "timestamp",
            "datum",
            "entnahme",
            "entnahmedatum",
            "abnahme",
        ],
    ),
    ("lower_limit", &["lowerlimit", "detectionlimit", "lod", "loq", "limitofdetection", "nachweisgrenze"]),
    ("flag", &["flag", "comparator", "operator", "valuemodifier"]),
    ("person", &["patientid", "patient", "mrn", "personid", "person", "subjectid", "subject", "participant", "pid"]),
    ("specimen", &["specimen", "specimentype", "specimensource", "sampletype", "material", "probenmaterial"]),
    ("clock", &["time", "collectiontime", "uhrzeit", "clock", "zeit"]),
];

/// Lines before the titles that a laboratory may print.
const PREAMBLE: usize = 40;

/// Where each column stands.
#[derive(Default)]
pub(super) struct Columns {
    pub code: Option<usize>,
    pub name: Option<usize>,
    pub value: Option<usize>,
    pub unit: Option<usize>,
    pub time: Option<usize>,
    /// Where times are numbers since the epoch.
    pub time_unit: Option<Unit>,
    /// Time of day, where the date has a column of its own.
    pub clock: Option<usize>,
    pub lower_limit: Option<usize>,
    pub flag: Option<usize>,
    pub person: Option<usize>,
    pub specimen: Option<usize>,
}

/// The line of the titles (its number from 0 and its byte), its delimiter, and the columns found in it.
pub(super) fn titles(text: &str, declared: &[(&'static str, String)]) -> Option<(usize, usize, u8, Columns)> {
    let mut at = 0;
    for (number, line) in text.split_inclusive('\n').take(PREAMBLE).enumerate() {
        let delimiter =
            [b';', b'\t', b','].into_iter().max_by_key(|sign| line.bytes().filter(|byte| byte == sign).count());
        let delimiter = delimiter.unwrap_or(b',');
        let mut reader = csv::ReaderBuilder::new();
        let mut reader = reader.has_headers(false).delimiter(delimiter).flexible(true).from_reader(line.as_bytes());
        if let Some(Ok(cells)) = reader.records().next()
            && let columns = Columns::of(&cells, declared)
            && declared.iter().all(|(_, title)| cells.iter().any(|cell| cell.trim() == title.trim()))
            && columns.value.is_some()
            && (columns.code.is_some() || columns.name.is_some())
        {
            return Some((number, at, delimiter, columns));
        }
        at += line.len();
    }
    None
}

impl Columns {
    fn of(cells: &csv::StringRecord, declared: &[(&'static str, String)]) -> Self {
        let find = |key: &str| match declared.iter().find(|(known, _)| *known == key) {
            Some((_, title)) => cells.iter().position(|cell| cell.trim() == title.trim()),
            None => {
                let known = TITLES.iter().find(|(known, _)| *known == key).map_or(&[][..], |(_, titles)| titles);
                // The first title of the list that is there: `datetime` comes before `time`.
                known.iter().find_map(|title| cells.iter().position(|cell| squeezed(cell) == **title))
            }
        };
        let date = cells.iter().position(|cell| squeezed(cell).contains("dat"));
        let (mut time, clock) = (find("time_column"), find("clock"));
        // `date` and `time` side by side: the first has the day.
        if let Some(date) = date.filter(|date| clock.is_some() && clock != Some(*date) && time == clock) {
            time = Some(date);
        }
        Self {
            code: find("code"),
            name: find("name"),
            value: find("value"),
            unit: find("unit"),
            time,
            time_unit: None,
            clock: clock.filter(|clock| Some(*clock) != time),
            lower_limit: find("lower_limit"),
            flag: find("flag"),
            person: find("person"),
            specimen: find("specimen"),
        }
    }
}

/// A title without case and signs.
fn squeezed(title: &str) -> String {
    title.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}
