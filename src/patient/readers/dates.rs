//! Dates whose order of day and month is not said: decided from all of a file, or not at all.

use jiff::civil::DateTime;

use super::super::intake::Intake;
use super::{Input, Spot};

/// In which order a date's three numbers stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Ymd,
    Dmy,
    Mdy,
}

/// Why no order could be decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doubt {
    /// Both orders are possible.
    Either,
    /// Neither: the date of this index contradicts an earlier one.
    Neither(usize),
}

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;
/// Time [s] over which neighbouring records of one export hardly leap, where the order is right.
const LEAP: i64 = 10 * DAY;

impl Order {
    pub(super) fn named(name: &str) -> Option<Self> {
        match name {
            "ymd" => Some(Self::Ymd),
            "dmy" => Some(Self::Dmy),
            "mdy" => Some(Self::Mdy),
            _ => None,
        }
    }

    /// A time stamp in this order, with `-`, `/` or `.` in the date, and twelve or twenty-four hours.
    pub(super) fn stamp(self, text: &str) -> Option<DateTime> {
        self.of(Parts::of(text)?)
    }

    fn of(self, parts: Parts) -> Option<DateTime> {
        let [a, b, c] = parts.date;
        let (year, month, day) = match self {
            _ if parts.year_first => (a, b, c),
            Self::Ymd => return None,
            Self::Dmy => (c, b, a),
            Self::Mdy => (c, a, b),
        };
        let year = if year < 100 { year + 2000 } else { year };
        let [hour, minute, second] = parts.time;
        DateTime::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?, hour, minute, second, 0).ok()
    }

    /// The order of the dates of a file, in the order in which they stand; `made` is when the file was written, in the
    /// same order of day and month.
    fn decide(stamps: &[Parts], made: Option<Parts>) -> Result<Self, Doubt> {
        let (mut first_is_day, mut second_is_day) = (false, false);
        let mut open = false;
        for (at, parts) in stamps.iter().chain(made.iter()).enumerate() {
            if parts.year_first {
                continue;
            }
            open = true;
            first_is_day |= parts.date[0] > 12;
            second_is_day |= parts.date[1] > 12;
            if first_is_day && second_is_day {
                return Err(Doubt::Neither(at));
            }
        }
        match (first_is_day, second_is_day) {
            (true, _) => return Ok(Self::Dmy),
            (_, true) => return Ok(Self::Mdy),
            _ if !open => return Ok(Self::Ymd),
            _ => {}
        }
        // No number is above 12. Records follow each other within days in the right order, and leap by months in the
        // wrong one; and none is later than the file.
        let times = |order: Self| stamps.iter().map(|parts| order.of(*parts).map(seconds)).collect::<Option<Vec<_>>>();
        let (Some(dmy), Some(mdy)) = (times(Self::Dmy), times(Self::Mdy)) else { return Err(Doubt::Either) };
        // The file's own time may be of another zone.
        let made = |order: Self| made.and_then(|parts| order.of(parts)).map(|made| seconds(made) + DAY);
        let late = |times: &[i64], made: Option<i64>| made.is_some_and(|made| times.iter().any(|time| *time > made));
        match (late(&dmy, made(Self::Dmy)), late(&mdy, made(Self::Mdy))) {
            (false, true) => Ok(Self::Dmy),
            (true, false) => Ok(Self::Mdy),
            _ if follows(&dmy, &mdy) => Ok(Self::Dmy),
            _ if follows(&mdy, &dmy) => Ok(Self::Mdy),
            _ => Err(Doubt::Either),
        }
    }
}

/// Whether times follow each other as records of one export do, and the same records in the other order do not: those
/// leap several times, or once where these go on within the hour.
fn follows(times: &[i64], other: &[i64]) -> bool {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    if sorted.windows(2).any(|pair| pair[1] - pair[0] > LEAP) {
        return false;
    }
    let mut both: Vec<(i64, i64)> = other.iter().copied().zip(times.iter().copied()).collect();
    both.sort_unstable();
    let leaps: Vec<i64> =
        both.windows(2).filter(|pair| pair[1].0 - pair[0].0 > LEAP).map(|pair| (pair[1].1 - pair[0].1).abs()).collect();
    leaps.len() > 1 || leaps.first().is_some_and(|step| *step <= HOUR)
}

fn seconds(stamp: DateTime) -> i64 {
    jiff::tz::TimeZone::UTC.to_timestamp(stamp).map_or(0, jiff::Timestamp::as_second)
}

/// The numbers of a time stamp, small: a file may hold millions.
#[derive(Clone, Copy)]
pub(super) struct Parts {
    date: [i16; 3],
    year_first: bool,
    time: [i8; 3],
}

impl Parts {
    pub(super) fn of(text: &str) -> Option<Self> {
        let text = text.trim();
        let end = text.find(|letter: char| !(letter.is_ascii_digit() || "-/.".contains(letter))).unwrap_or(text.len());
        let (date, rest) = text.split_at(end);
        let numbers: Vec<&str> = date.split(['-', '/', '.']).filter(|part| !part.is_empty()).collect();
        let [a, b, c] = numbers.as_slice() else { return None };
        let date = [a.parse().ok()?, b.parse().ok()?, c.parse().ok()?];
        let clock = rest.trim_start_matches(|letter: char| letter.is_whitespace() || letter == 'T' || letter == ',');
        let end = clock.find(|letter: char| !(letter.is_ascii_digit() || ":.".contains(letter))).unwrap_or(clock.len());
        let (clock, half) = clock.split_at(end);
        let mut time = [0_i8; 3];
        for (at, part) in clock.split(':').enumerate() {
            let whole = part.split('.').next().unwrap_or("");
            *time.get_mut(at)? = if clock.is_empty() { 0 } else { whole.parse().ok()? };
        }
        let half: String =
            half.chars().filter(|letter| letter.is_ascii_alphabetic()).collect::<String>().to_lowercase();
        match (half.as_str(), time[0]) {
            ("am" | "amutc", 12) => time[0] = 0,
            ("pm" | "pmutc", 1..=11) => time[0] += 12,
            ("" | "utc" | "am" | "pm" | "amutc" | "pmutc", _) => {}
            _ => return None,
        }
        Some(Self { date, year_first: a.len() == 4, time })
    }
}

/// The time stamps of a table with their lines, to decide their order.
#[derive(Default)]
pub(super) struct Stamps {
    first: Option<String>,
    parts: Vec<Parts>,
    lines: Vec<u32>,
}

impl Stamps {
    /// Adds a time stamp; what is none is told when it is read.
    pub(super) fn add(&mut self, text: &str, line: usize) {
        if let Some(parts) = Parts::of(text) {
            self.first.get_or_insert_with(|| text.to_string());
            self.parts.push(parts);
            self.lines.push(u32::try_from(line).unwrap_or(u32::MAX));
        }
    }

    /// The order of day and month: as the bundle says, else as the whole file shows (P2045 where it does not). `made` is
    /// when the file was written.
    pub(super) fn order(&self, intake: &mut Intake, input: &Input, made: Option<&str>) -> Option<Order> {
        if let Some(value) = input.section.get("date_order") {
            let order = value.get.as_str().and_then(Order::named);
            if order.is_none() {
                let finding = input.section.wrong_kind(&value, "\"dmy\", \"mdy\" or \"ymd\"");
                intake.reader.findings.push(finding);
            }
            return order;
        }
        let line = |at: usize| Spot::Line(self.lines.get(at).map_or(1, |line| *line as usize));
        match Order::decide(&self.parts, made.and_then(Parts::of)) {
            Ok(order) => Some(order),
            Err(Doubt::Either) => {
                let example = self.first.as_deref().unwrap_or("");
                let message = format!("`{example}`: is the day or the month first? Nothing in the file tells");
                let help = "write date_order = \"dmy\" (day first) or \"mdy\" (month first) in its [[source]]";
                intake.wrong_as("P2045", line(0), &message, help);
                None
            }
            Err(Doubt::Neither(at)) => {
                let message = "some dates have the day first, others the month";
                let help = "was the file put together from two? Give each a [[source]] of its own";
                intake.wrong(line(at), message, help);
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_are_read_in_each_order() {
        let at = |text: &str| text.parse::<DateTime>().unwrap();
        for (order, text, meant) in [
            (Order::Dmy, "05-01-2026 00:15", "2026-01-05T00:15:00"),
            (Order::Mdy, "01-05-2026 12:15 AM", "2026-01-05T00:15:00"),
            (Order::Mdy, "1/5/26 1:05 PM", "2026-01-05T13:05:00"),
            (Order::Dmy, "05.01.2026 23:59:58", "2026-01-05T23:59:58"),
            (Order::Dmy, "2026/01/05 08:00", "2026-01-05T08:00:00"),
            (Order::Ymd, "2026-01-05T08:00:01", "2026-01-05T08:00:01"),
        ] {
            assert_eq!(order.stamp(text), Some(at(meant)), "{text}");
        }
        for text in ["", "31-31-2026 00:00", "05-01-2026 25:00", "5-1", "05-01-2026 08:00 Z", "99999-1-1 00:00"] {
            assert_eq!(Order::Dmy.stamp(text), None, "{text}");
        }
    }

    #[test]
    fn an_order_is_decided_from_all_dates_or_not_at_all() {
        let decide = |stamps: &[&str], made: Option<&str>| {
            let parts: Vec<Parts> = stamps.iter().filter_map(|text| Parts::of(text)).collect();
            Order::decide(&parts, made.and_then(Parts::of))
        };
        assert_eq!(decide(&["05-01-2026 00:00", "13-01-2026 00:00"], None), Ok(Order::Dmy));
        assert_eq!(decide(&["05-01-2026 00:00", "05-13-2026 00:00"], None), Ok(Order::Mdy));
        assert_eq!(decide(&["05-01-2026 00:00", "06-01-2026 00:00", "07-01-2026 00:00"], None), Ok(Order::Dmy));
        assert_eq!(decide(&["01-05-2026 00:00", "01-06-2026 00:00", "01-07-2026 00:00"], None), Ok(Order::Mdy));
        assert_eq!(decide(&["05-01-2026 00:00", "05-01-2026 08:00"], None), Err(Doubt::Either));
        assert_eq!(decide(&["05-01-2026 23:45", "06-01-2026 00:00"], None), Ok(Order::Dmy));
        // The fifth of January and of February, or two days in May.
        assert_eq!(decide(&["05-01-2026 08:00", "05-02-2026 08:00"], None), Err(Doubt::Either));
        assert_eq!(decide(&["05-01-2026 00:00"], Some("14-01-2026 10:00 UTC")), Ok(Order::Dmy));
        // The fifth of January would be read as the first of May, after the file was made.
        assert_eq!(decide(&["05-01-2026 00:00"], Some("02-03-2026 10:00 UTC")), Ok(Order::Dmy));
        assert_eq!(decide(&["13-01-2026 00:00", "01-13-2026 00:00"], None), Err(Doubt::Neither(1)));
        assert_eq!(decide(&["2026-01-05 00:00"], None), Ok(Order::Ymd));
    }
}
