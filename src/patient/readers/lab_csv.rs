//! Tables of laboratory results: a row a result, with code or name, value, unit and time.

mod dates;
mod numbers;

use std::borrow::Cow;
use std::collections::HashSet;

use self::dates::Order;
use self::numbers::Decimal;
use super::super::Censoring;
use super::super::intake::Intake;
use super::super::vocabulary::{Role, Term};
use super::lab::{comparator, unit_of, untimed};
use super::lab_units::ucum;
use super::{Format, Head, Input, Item, Shape, Spot, Told, When};

pub(super) const FORMAT: Format = Format {
    name: "lab_csv",
    about: "a table of laboratory results (CSV)",
    keys: &["code", "name", "value", "unit", "time_column", "lower_limit", "flag", "date_order", "decimal"],
    recognises,
    read,
};

/// How the columns are called that a laboratory's table has, in lower case and without signs.
const TITLES: [(&str, &[&str]); 8] = [
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
    ("clock", &["time", "collectiontime", "uhrzeit", "clock", "zeit"]),
];

/// Lines before the titles that a laboratory may print.
const PREAMBLE: usize = 40;

/// Different names that are told apart where they are left out.
const TOLD_APART: usize = 1000;

/// Where each column stands.
#[derive(Default)]
struct Columns {
    code: Option<usize>,
    name: Option<usize>,
    value: Option<usize>,
    unit: Option<usize>,
    time: Option<usize>,
    /// Time of day, where the date has a column of its own.
    clock: Option<usize>,
    lower_limit: Option<usize>,
    flag: Option<usize>,
}

/// A table with its columns found.
struct Table {
    columns: Columns,
    /// Line number and cells of each row.
    rows: Vec<(usize, csv::StringRecord)>,
}

fn recognises(head: &Head) -> bool {
    let named = [".csv", ".tsv", ".txt"].iter().any(|end| head.name.ends_with(end));
    let whole = numbers::text(&head.bytes);
    named && whole.is_some_and(|text| titles(&text, &[]).is_some_and(|(.., columns)| columns.unit.is_some()))
}

/// The line of the titles (its number from 0 and its byte), its delimiter, and the columns found in it.
fn titles(text: &str, declared: &[(&'static str, String)]) -> Option<(usize, usize, u8, Columns)> {
    let mut at = 0;
    for (number, line) in text.split_inclusive('\n').take(PREAMBLE).enumerate() {
        let delimiter =
            [b';', b'\t', b','].into_iter().max_by_key(|sign| line.bytes().filter(|byte| byte == sign).count());
        let delimiter = delimiter.unwrap_or(b',');
        let mut reader = csv::ReaderBuilder::new();
        let mut reader = reader.has_headers(false).delimiter(delimiter).flexible(true).from_reader(line.as_bytes());
        if let Some(Ok(cells)) = reader.records().next()
            && let columns = Columns::of(&cells, declared)
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
            clock: clock.filter(|clock| Some(*clock) != time),
            lower_limit: find("lower_limit"),
            flag: find("flag"),
        }
    }
}

/// A title without case and signs.
fn squeezed(title: &str) -> String {
    title.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

fn read(intake: &mut Intake, input: &Input) {
    let mut declared = Vec::new();
    for key in ["code", "name", "value", "unit", "time_column", "lower_limit", "flag"] {
        if let Some(title) = intake.key(input.section, key) {
            declared.push((key, title.to_string()));
        }
    }
    let Some(text) = numbers::whole_text(intake, input) else { return };
    let Some((line, at, delimiter, columns)) = titles(&text, &declared) else {
        let message = "no line of the first ones has the titles of a value and of a code or name";
        intake.wrong(
            Spot::Line(1),
            message,
            "name the columns: name = \"…\", value = \"…\", unit = \"…\", time_column = \"…\"",
        );
        return;
    };
    let mut table = Table { columns, rows: Vec::new() };
    let mut reader = csv::ReaderBuilder::new();
    let mut reader = reader.delimiter(delimiter).flexible(true).from_reader(&text.as_bytes()[at..]);
    let width = reader.headers().map_or(0, csv::StringRecord::len);
    let (mut counted, mut number) = (0, line + 1);
    for record in reader.into_records() {
        match record {
            Ok(cells) => {
                // The csv crate is a line short where lines end with two signs.
                let begins = cells.position().map_or(0, |position| position.byte() as usize);
                let bytes = &text.as_bytes()[at..];
                let begins = begins + bytes.iter().skip(begins).take_while(|byte| b"\r\n".contains(byte)).count();
                number += bytes.get(counted..begins).unwrap_or_default().iter().filter(|byte| **byte == b'\n').count();
                counted = begins;
                if cells.iter().all(|cell| cell.trim().is_empty()) {
                    continue;
                }
                if cells.len() != width {
                    let message = format!("the row has {} cells, and the titles are {width}", cells.len());
                    intake.wrong(Spot::Line(number), &message, "was the file cut short? export it again");
                    continue;
                }
                table.rows.push((number, cells));
            }
            Err(error) => intake.wrong(Spot::Whole, &format!("the table cannot be read: {error}"), "export it again"),
        }
    }
    let Some(decimal) = numbers::decide(intake, input, &table) else { return };
    let Some(order) = dates::decide(intake, input, &table) else { return };
    let mut left_out = HashSet::new();
    for (line, cells) in &table.rows {
        row(intake, &table.columns, *line, cells, decimal, order, &mut left_out);
    }
}

impl Table {
    /// The filled cells of a column with their lines.
    fn column(&self, at: Option<usize>) -> impl Iterator<Item = (usize, &str)> {
        self.rows
            .iter()
            .filter_map(move |(line, cells)| Some((*line, cells.get(at?)?.trim())).filter(|(_, cell)| !cell.is_empty()))
    }
}

fn row(
    intake: &mut Intake,
    columns: &Columns,
    line: usize,
    cells: &csv::StringRecord,
    decimal: Decimal,
    order: Order,
    left_out: &mut HashSet<String>,
) {
    let spot = Spot::Line(line);
    let cell = |at: Option<usize>| at.and_then(|at| cells.get(at)).map(str::trim).filter(|cell| !cell.is_empty());
    let (code, name) = (cell(columns.code), cell(columns.name));
    let Some((system, code, term)) = named(intake, code, name) else {
        let what = name.or(code).unwrap_or("a row without a name");
        let what = if left_out.contains(what) || left_out.len() < TOLD_APART { what } else { "others" };
        left_out.insert(what.into());
        return intake.leave_out(what, "the vocabulary has no name for it", spot);
    };
    let label = term.map_or(&*code, |term| term.name.as_str());
    let Some(value) = cell(columns.value) else { return intake.leave_out(label, "its value is empty", spot) };
    let fact = term.is_some_and(|term| term.role == Some(Role::Covariate));
    let shape = if fact { Shape::Fact } else { Shape::Sample };
    let item = |told, when, limits| Item { system, code: &code, shape, told, when, device: None, limits, spot };
    if term.is_some_and(|term| !term.categories.is_empty()) {
        let Some(when) = when(intake, columns, cells, order, spot) else { return };
        return intake.item(&item(Told::Word(value), when, (None, None)));
    }
    let digits = value.trim_start_matches(['<', '>', '=', '≤', '≥', ' ']);
    let sign = value[..value.len() - digits.len()].trim();
    let sign = if sign.is_empty() { cell(columns.flag).unwrap_or("") } else { sign };
    let Some(mut number) = decimal.number(digits) else {
        let text: String = value.chars().take(40).collect();
        return intake.leave_out(label, &format!("its value is no number: {text}"), spot);
    };
    // Other flags say whether a value is usual, not whether it is a bound.
    let mut censoring = comparator(sign).unwrap_or(Censoring::None);
    let limit =
        cell(columns.lower_limit).and_then(|limit| decimal.number(limit.trim_start_matches(['<', '=', '≤', ' '])));
    if let Some(limit) = limit.filter(|limit| number <= *limit && censoring != Censoring::Above) {
        (number, censoring) = (limit, Censoring::Below);
    }
    let Some(unit) = unit_of(intake, term, cell(columns.unit), spot) else { return };
    let Some(when) = when(intake, columns, cells, order, spot) else { return };
    let told = Told::Number { value: number, unit: &ucum(unit, term), censoring, sd: None };
    intake.item(&item(told, when, (limit, None)));
}

/// The name of a row: by its LOINC code, by what laboratories call it, or by the vocabulary's own name.
fn named<'c, 'v>(
    intake: &mut Intake<'_, 'v>,
    code: Option<&'c str>,
    name: Option<&'c str>,
) -> Option<(&'static str, Cow<'c, str>, Option<&'v Term>)> {
    let mut ignored = None;
    for text in [code, name].into_iter().flatten() {
        let lower = text.to_lowercase();
        let snake = lower.replace([' ', '-'], "_");
        for (system, code) in [("loinc", Cow::Borrowed(text)), ("lab", Cow::Owned(lower)), ("name", Cow::Owned(snake))]
        {
            match intake.named(system, &code) {
                Ok(term) => return Some((system, code, term)),
                // What the bundle ignores has a name.
                Err(why) if !why.starts_with("the vocabulary") => ignored = ignored.or(Some((system, code, None))),
                Err(_) => {}
            }
        }
    }
    ignored
}

fn when(intake: &mut Intake, columns: &Columns, cells: &csv::StringRecord, order: Order, spot: Spot) -> Option<When> {
    let cell = |at: Option<usize>| at.and_then(|at| cells.get(at)).map(str::trim).filter(|cell| !cell.is_empty());
    let date = cell(columns.time);
    let stamp = match (date, cell(columns.clock)) {
        (Some(date), Some(clock)) => Some(Cow::Owned(format!("{date} {clock}"))),
        (date, _) => date.map(Cow::Borrowed),
    };
    match stamp.as_deref().and_then(|stamp| order.read(intake, stamp, spot)) {
        Some(when) => Some(when),
        None if stamp.is_none() && intake.now.time_h.is_some() => Some(When::Untold),
        None => {
            untimed(intake, spot, stamp.as_deref());
            None
        }
    }
}
