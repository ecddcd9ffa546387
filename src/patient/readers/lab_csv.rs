//! Tables of laboratory results: a row a result, with code or name, value, unit and time.

mod columns;
mod dates;
mod numbers;
mod table;

use std::borrow::Cow;
use std::collections::HashSet;

use self::columns::{Columns, titles};
use self::dates::Order;
use self::numbers::Decimal;
use self::table::Table;
use super::super::Censoring;
use super::super::intake::Intake;
use super::super::vocabulary::{Role, Term};
use super::lab::{comparator, unit_of, untimed};
use super::lab_units::ucum;
use super::{Format, Head, Input, Item, Shape, Spot, Told, When};
use crate::units::Unit;

pub(super) const FORMAT: Format = Format {
    name: "lab_csv",
    about: "a table of laboratory results (CSV)",
    keys: &["code", "name", "value", "unit", "time_column", "lower_limit", "flag", "date_order", "decimal", "patient"],
    recognises,
    read,
};

/// Different names that are told apart where they are left out.
const TOLD_APART: usize = 1000;

fn recognises(head: &Head) -> bool {
    let named = [".csv", ".tsv", ".txt"].iter().any(|end| head.name.ends_with(end));
    let text = numbers::text(&head.bytes);
    named && text.is_some_and(|text| titles(&text, &[]).is_some_and(|(.., columns)| columns.unit.is_some()))
}

fn read(intake: &mut Intake, input: &Input) {
    let mut declared = Vec::new();
    for key in ["code", "name", "value", "unit", "time_column", "lower_limit", "flag"] {
        if let Some(title) = intake.key(input.section, key) {
            declared.push((key, title.to_string()));
        }
    }
    let mut time_unit = None;
    // `minute [min]` is a column of numbers.
    if let Some((_, title)) = declared.iter_mut().find(|(key, _)| *key == "time_column")
        && let Some((name, unit)) = title.strip_suffix(']').and_then(|title| title.rsplit_once('['))
    {
        match Unit::parse(unit).ok().filter(Unit::is_time) {
            Some(unit) => time_unit = Some(unit),
            None => {
                return intake.wrong(
                    Spot::Whole,
                    &format!("`{unit}` is no unit of time"),
                    "time_column = \"minute [min]\"",
                );
            }
        }
        *title = name.trim().into();
    }
    let Some(text) = numbers::whole_text(intake, input) else { return };
    let Some(mut table) = Table::new(text, &declared) else {
        let message = "no line of the first ones has the titles of a value and of a code or name";
        intake.wrong(
            Spot::Line(1),
            message,
            "name the columns: name = \"…\", value = \"…\", unit = \"…\", time_column = \"…\"",
        );
        return;
    };
    table.columns.time_unit = time_unit;
    let wanted = intake.key(input.section, "patient");
    if !table.check(intake, wanted) {
        return;
    }
    let Some(decimal) = numbers::decide(intake, input, &table) else { return };
    let Some(order) = dates::decide(intake, input, &table) else { return };
    let mut left_out = HashSet::new();
    for (line, cells) in table.rows() {
        row(intake, &table.columns, line, &cells, decimal, order, &mut left_out);
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
        let what = match (name, code) {
            (Some(name), Some(code)) => format!("{name} ({code})"),
            (name, code) => name.or(code).unwrap_or("a row without a name").into(),
        };
        let known = left_out.contains(&what) || left_out.len() < TOLD_APART;
        let what = if known { what } else { "others".into() };
        intake.leave_out(&what, "the vocabulary has no name for it", spot);
        left_out.insert(what);
        return;
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
    // A code that the vocabulary lacks is of something else than its name alone would say: of urine, say.
    let name = name.filter(|_| !code.is_some_and(is_loinc));
    for text in [code, name].into_iter().flatten() {
        let lower = text.to_lowercase();
        let snake = lower.replace([' ', '-'], "_");
        for (system, code) in [("loinc", Cow::Borrowed(text)), ("lab", Cow::Owned(lower)), ("name", Cow::Owned(snake))]
        {
            match intake.term_of(system, &code) {
                Ok(term) => return Some((system, code, term)),
                // What the bundle ignores has a name.
                Err(why) if !why.starts_with("the vocabulary") => ignored = ignored.or(Some((system, code, None))),
                Err(_) => {}
            }
        }
    }
    ignored
}

/// Whether a code has the form of LOINC's: digits, and one that checks them.
fn is_loinc(code: &str) -> bool {
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    code.split_once('-').is_some_and(|(number, check)| {
        (1..=7).contains(&number.len()) && digits(number) && check.len() == 1 && digits(check)
    })
}

fn when(intake: &mut Intake, columns: &Columns, cells: &csv::StringRecord, order: Order, spot: Spot) -> Option<When> {
    let cell = |at: Option<usize>| at.and_then(|at| cells.get(at)).map(str::trim).filter(|cell| !cell.is_empty());
    let date = cell(columns.time);
    let stamp = match (date, cell(columns.clock)) {
        (Some(date), Some(clock)) => Some(Cow::Owned(format!("{date} {clock}"))),
        (date, _) => date.map(Cow::Borrowed),
    };
    let read = match &columns.time_unit {
        Some(unit) => {
            let number = stamp.as_deref().and_then(|stamp| Decimal::Point.number(stamp));
            number.and_then(|number| unit.convert(number, &intake.reader.hour)).map(When::Hours)
        }
        None => stamp.as_deref().and_then(|stamp| order.read(intake, stamp, spot)),
    };
    match read {
        Some(when) => Some(when),
        None if stamp.is_none() && intake.now.time_h.is_some() => Some(When::Untold),
        None => {
            untimed(intake, spot, stamp.as_deref());
            None
        }
    }
}
