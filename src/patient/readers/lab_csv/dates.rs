//! Dates of a laboratory's table: year first, or day and month in the order that the whole file decides.

use jiff::civil::{Date, Time};

use super::super::super::intake::Intake;
use super::super::lab::midnight;
use super::super::{Input, Spot, When};

use super::numbers::undecided;
use super::table::Table;
use crate::units;

/// Which of the first two numbers of a date is the day.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Order {
    DayFirst,
    MonthFirst,
}

impl Order {
    /// A stamp with the year first, or in this order; a date alone is its midnight, with a warning (P2026).
    pub(super) fn read(self, intake: &mut Intake, stamp: &str, spot: Spot) -> Option<When> {
        if let Some(zoned) = units::instant(stamp) {
            return Some(When::Instant(zoned.timestamp()));
        }
        let (local, clock) = match units::local(stamp) {
            Some(local) => (local, stamp.contains(':')),
            None => {
                let ([a, b, year], rest) = parts(stamp)?;
                let (day, month) = if self == Order::DayFirst { (a, b) } else { (b, a) };
                let date = Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()?;
                let time = if rest.is_empty() { Time::midnight() } else { time(rest)? };
                (date.to_datetime(time), !rest.is_empty())
            }
        };
        if !clock {
            midnight(intake, stamp, spot);
        }
        Some(When::Local(local))
    }
}

/// The order of day and month, as the dates of the whole file have it, or the bundle (P2065).
pub(super) fn decide(intake: &mut Intake, input: &Input, table: &Table) -> Option<Order> {
    match intake.key(input.section, "date_order") {
        Some("dmy") => return Some(Order::DayFirst),
        Some("mdy") => return Some(Order::MonthFirst),
        Some(_) => return undecided(intake, Spot::Whole, "`date_order` is \"dmy\" or \"mdy\"", "date_order = \"dmy\""),
        None => {}
    }
    // The first date that only the one order fits, that only the other fits, and that both fit as two days.
    let (mut day_first, mut month_first, mut either) = (None, None, None);
    for (line, cell) in table.column(table.columns.time) {
        let first = match parts(&cell).map(|([a, b, _], _)| (a, b)) {
            Some((a, _)) if a > 12 => &mut day_first,
            Some((_, b)) if b > 12 => &mut month_first,
            Some((a, b)) if a != b => &mut either,
            _ => continue,
        };
        first.get_or_insert((line, cell));
    }
    match (day_first, month_first, either) {
        (Some((line, day)), Some((other, month)), _) => {
            let message = format!("`{day}` (line {line}) has the day first, `{month}` the month");
            undecided(intake, Spot::Line(other), &message, "date_order = \"dmy\"")
        }
        (None, Some(_), _) => Some(Order::MonthFirst),
        (None, None, Some((line, date))) => {
            let message = format!("`{date}` may be two days, and no other date tells which number is the day");
            undecided(intake, Spot::Line(line), &message, "date_order = \"dmy\" or \"mdy\"")
        }
        _ => Some(Order::DayFirst),
    }
}

/// Two numbers and a year of four digits, with one sign between them, and what comes after.
fn parts(stamp: &str) -> Option<([i16; 3], &str)> {
    let (date, rest) = stamp.trim().split_once([' ', 'T', ',']).unwrap_or((stamp.trim(), ""));
    let sign = date.chars().find(|letter| !letter.is_ascii_digit()).filter(|sign| "./-".contains(*sign))?;
    let mut parts = date.split(sign);
    let mut next = |most: usize, least: usize| {
        let part = parts.next().filter(|part| (least..=most).contains(&part.len()))?;
        part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse::<i16>().ok())?
    };
    let found = [next(2, 1)?, next(2, 1)?, next(4, 4)?];
    parts.next().is_none().then_some((found, rest.trim()))
}

/// A time of day, with or without seconds, of twelve hours or of twenty-four.
fn time(text: &str) -> Option<Time> {
    let upper = text.trim().to_uppercase();
    let (clock, half) = match upper.strip_suffix("AM").or(upper.strip_suffix("PM")) {
        Some(clock) => (clock.trim(), Some(upper.ends_with("PM"))),
        None => (upper.trim(), None),
    };
    let mut parts = clock.split(':').map(|part| part.parse::<i8>().ok());
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next().unwrap_or(Some(0))?);
    let hour = match half {
        None => hour,
        Some(afternoon) if (1..=12).contains(&hour) => hour % 12 + if afternoon { 12 } else { 0 },
        Some(_) => return None,
    };
    if parts.next().is_some() { None } else { Time::new(hour, minute, second, 0).ok() }
}
