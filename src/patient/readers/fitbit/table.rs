//! The tables of Google's newer export: a time with its offset, a value, and who measured.

use jiff::Timestamp;

use super::super::super::intake::Intake;
use super::super::{Input, Shape, Spot, When};
use super::{MEND, Row, item, number_of};

/// What a file of a kind that the person has none of holds instead of a table.
const NOTHING: &str = "no data";

pub(super) fn read(intake: &mut Intake, input: &Input, row: &Row) {
    let Some(file) = intake.stream(input) else { return };
    let mut table = csv::ReaderBuilder::new().flexible(true).has_headers(true).from_reader(file);
    let titles: Vec<String> = match table.headers() {
        Ok(titles) => titles.iter().map(|title| title.trim_start_matches('\u{feff}').trim().to_string()).collect(),
        Err(error) => return intake.wrong(Spot::Line(1), &format!("this is no table: {error}"), MEND),
    };
    if titles == [NOTHING] {
        return intake.leave_out(row.code, "the export has none", Spot::Whole);
    }
    let at = |wanted: &str| titles.iter().position(|title| title.starts_with(wanted));
    let (Some(time), Some(value)) = (at("timestamp"), at(row.column)) else {
        let message = format!("the table has no columns `timestamp` and `{}`", row.column);
        return intake.wrong(Spot::Line(1), &message, "is it the file that Google exported, unchanged?");
    };
    let source = at("data source");
    let mut cells = csv::StringRecord::new();
    loop {
        let line = table.position().line() as usize;
        let spot = Spot::Line(line);
        match table.read_record(&mut cells) {
            Ok(false) => return,
            Ok(true) => {}
            Err(error) => {
                intake.wrong(spot, &format!("the row cannot be read: {error}"), MEND);
                if error.is_io_error() {
                    return;
                }
                continue;
            }
        }
        let cell = |index: usize| cells.get(index).unwrap_or("").trim();
        let Ok(when) = cell(time).parse::<Timestamp>() else {
            intake.wrong(spot, "`timestamp` is no time of the form 2026-01-31T08:15:00Z", MEND);
            continue;
        };
        if cell(value).is_empty() {
            intake.leave_out(row.code, "the cell is empty", spot);
            continue;
        }
        let Some(number) = cell(value).parse().ok().filter(|number: &f64| number.is_finite()) else {
            intake.wrong(spot, &format!("`{}` is no number", titles[value]), MEND);
            continue;
        };
        let shape = match row.kind {
            "minute" => Shape::Amount { duration_h: 1.0 / 60.0 },
            _ => Shape::Sample,
        };
        let device = source.map(cell).filter(|device| !device.is_empty());
        intake.item(&item(row, shape, number_of(number, row.unit), When::Instant(when), device, spot));
    }
}
