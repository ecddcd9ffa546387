//! Tables of laboratory results: a row a result, with code or name, value, unit and time.

mod columns;
mod dates;
mod numbers;

use std::borrow::Cow;
use std::collections::{BTreeSet, HashSet};

use self::columns::{Columns, titles};
use self::dates::Order;
use self::numbers::Decimal;
use super::super::Censoring;
use super::super::intake::Intake;
use super::super::vocabulary::{Role, Term};
use super::lab::{comparator, several, unit_of, untimed};
use super::lab_units::ucum;
use super::{Format, Head, Input, Item, Shape, Spot, Told, When};

pub(super) const FORMAT: Format = Format {
    name: "lab_csv",
    about: "a table of laboratory results (CSV)",
    keys: &["code", "name", "value", "unit", "time_column", "lower_limit", "flag", "date_order", "decimal", "patient"],
    recognises,
    read,
};

/// Different names that are told apart where they are left out.
const TOLD_APART: usize = 1000;

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
    let wanted = intake.key(input.section, "patient");
    if !table.of_one_person(intake, wanted) {
        return;
    }
    let Some(decimal) = numbers::decide(intake, input, &table) else { return };
    let Some(order) = dates::decide(intake, input, &table) else { return };
    let mut left_out = HashSet::new();
    for (line, cells) in &table.rows {
        row(intake, &table.columns, *line, cells, decimal, order, &mut left_out);
    }
}

impl Table {
    /// Keeps the rows of the person that is asked for, or all where there is no other (P2060).
    fn of_one_person(&mut self, intake: &mut Intake, wanted: Option<&str>) -> bool {
        let Some(at) = self.columns.person else { return true };
        let of = |cells: &csv::StringRecord| cells.get(at).unwrap_or("").trim().to_string();
        let all: BTreeSet<String> = self.rows.iter().map(|(_, cells)| of(cells)).collect();
        let message = match wanted {
            Some(wanted) if all.contains(wanted) => {
                for (line, _) in self.rows.iter().filter(|(_, cells)| of(cells) != wanted) {
                    intake.leave_out("row", "it is of another person, or of none", Spot::Line(*line));
                }
                self.rows.retain(|(_, cells)| of(cells) == wanted);
                return true;
            }
            Some(wanted) => format!("the file holds no person `{wanted}`"),
            None if all.len() > 1 => format!("the file holds {} persons", all.len()),
            None => return true,
        };
        several(intake, &message, all.iter().map(String::as_str).collect());
        false
    }

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
    if let Some(specimen) = cell(columns.specimen).filter(|specimen| system != "loinc" && !is_blood(specimen)) {
        // A code is of a specimen, a name is not.
        return intake.leave_out(label, &format!("its specimen is `{specimen}`"), spot);
    }
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

/// Whether a specimen is blood or what is left of it.
fn is_blood(specimen: &str) -> bool {
    let lower = specimen.to_lowercase();
    ["serum", "plasma", "blood", "blut", "ser/plas", "edta"].iter().any(|word| lower.contains(word))
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
