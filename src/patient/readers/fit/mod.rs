//! FIT files of Garmin, Wahoo and others: what is measured on the way, by day, on scales and between heart beats.

mod decode;

use std::collections::HashMap;
use std::io::Read;

use jiff::Timestamp;

use super::super::Censoring;
use super::super::intake::Intake;
use super::{Format, Head, Input, Item, Shape, Spot, Told, When};
use decode::{Decoder, Field, Message, Next, later};

pub(super) const FORMAT: Format =
    Format { name: "fit", about: "FIT of Garmin, Wahoo and others (*.fit)", keys: &[], recognises, read };

/// Fields that are read, by message and field number of the FIT profile.
const TABLE: &str = include_str!("../../../../models/fit.csv");

/// 1989-12-31 00:00 UTC, from which FIT counts seconds.
const EPOCH: i64 = 631_065_600;
/// Times below are those of a clock that was never set.
const UNSET: u32 = 0x1000_0000;
/// Files of a day or a ride have some megabytes.
const LARGEST: u64 = 1 << 25;
/// Numbers of messages and fields with a meaning for others.
const FILE_ID: u16 = 0;
const SESSION_START: u8 = 2;
const SESSION_ELAPSED: u8 = 7;
const MONITORING: u16 = 55;
const MONITORING_INFO: u16 = 103;
/// Fields that tell what the person does: cycles, cycles as 16 bits, the activity and the same with its intensity.
const ACTIVITY: [u8; 4] = [3, 9, 5, 24];
/// Activity types whose cycles are steps: running, walking.
const STEPPING: [u8; 2] = [1, 6];

fn recognises(head: &Head) -> bool {
    head.bytes.get(8..12) == Some(b".FIT")
}

/// A row of the table.
struct Row {
    message: &'static str,
    number: u16,
    field: u8,
    code: &'static str,
    kind: &'static str,
    /// In UCUM; of a word, the words from 0 on.
    unit: &'static str,
    scale: f64,
}

fn rows() -> Vec<Row> {
    let row = |line: &'static str| {
        let cells: Vec<&str> = line.split(',').collect();
        let [message, number, field, code, kind, unit, scale] = cells[..] else { return None };
        let (number, field, scale) = (number.parse().ok()?, field.parse().ok()?, scale.parse().ok()?);
        Some(Row { message, number, field, code, kind, unit, scale })
    };
    TABLE.lines().filter_map(row).collect()
}

fn read(intake: &mut Intake, input: &Input) {
    let Some(file) = intake.stream(input) else { return };
    let mut bytes = Vec::new();
    if let Err(error) = file.take(LARGEST).read_to_end(&mut bytes) {
        intake.wrong(Spot::Whole, &format!("it cannot be read: {error}"), COPY);
        return;
    }
    if bytes.len() as u64 == LARGEST {
        intake.wrong(Spot::Whole, "it is larger than any FIT file", COPY);
    }
    let mut decoder = Decoder::new(&bytes);
    let mut told = Teller { rows: rows(), ..Teller::default() };
    while let Some(next) = decoder.next() {
        match next {
            Next::Message(message) => told.message(intake, &message, &mut decoder.time),
            Next::Wrong { at, what } => {
                let place = format!("byte {at}");
                intake.wrong(Spot::Path(&place), &format!("{what}, at byte {at}"), COPY);
            }
            Next::Checksum { at } => {
                let place = format!("byte {at}");
                let message = "the checksum does not fit the bytes before it";
                intake.wrong_as("P2042", Spot::Path(&place), message, COPY);
            }
        }
    }
}

const COPY: &str = "copy the file from the device again; what could be read of it is shown";

/// Turns messages into items, with what earlier messages said.
#[derive(Default)]
struct Teller {
    rows: Vec<Row>,
    /// Steps so far, by type of activity.
    counted: HashMap<u8, f64>,
    /// Whether counting began with nothing, at midnight.
    from_midnight: bool,
    /// Times of the last message of monitoring and of the one before it.
    monitored: Option<u32>,
    before: Option<u32>,
    /// The time of the last beat [s].
    beat: Option<f64>,
    /// Who wrote the file: numbers of the maker, the product and the piece.
    device: Option<String>,
}

impl Teller {
    fn message(&mut self, intake: &mut Intake, message: &Message, last: &mut Option<u32>) {
        let place = format!("message {}", message.count);
        let spot = Spot::Path(&place);
        let mut time = message.number_of(253).map(|time| time as u32).or(message.time);
        if message.number == FILE_ID {
            let [maker, product, piece] = [1, 2, 3].map(|field| message.number_of(field).unwrap_or(0.0));
            self.device = Some(format!("maker {maker}, product {product}, serial number {piece}"));
            return;
        }
        if message.number == MONITORING {
            if let Some((low, base)) = message.number_of(26).zip(*last) {
                time = Some(later(base, low as u32, 0xffff));
                *last = time;
            }
            // A pulse between two counts does not end the time in which was counted.
            if ACTIVITY.iter().any(|field| message.number_of(*field).is_some()) {
                self.monitored_at(time);
            }
        }
        if message.number == MONITORING_INFO {
            self.from_midnight = message.number_of(0).is_some_and(|local| local % 86400.0 == 0.0);
            self.counted.clear();
            self.monitored_at(time);
        }
        let rows = std::mem::take(&mut self.rows);
        let Some(name) = rows.iter().find(|row| row.number == message.number).map(|row| row.message) else {
            self.rows = rows;
            return intake.leave_out(&format!("message {}", message.number), "nothing of it is read", spot);
        };
        for (number, field) in &message.fields {
            match rows.iter().find(|row| row.number == message.number && row.field == *number) {
                Some(row) => self.field(intake, message, row, field, time, *last, spot),
                None if *number == 253 => {}
                None => intake.leave_out(&format!("{name}, field {number}"), "it is not read", spot),
            }
        }
        for (described, value) in &message.developer {
            let code = format!("{name}.{}", described.name);
            match time.and_then(moment) {
                Some(when) => {
                    let told = number(*value, &described.unit);
                    self.tell(intake, item(&code, Shape::Sample, told, When::Instant(when), spot));
                }
                None => intake.leave_out(&code, NO_TIME, spot),
            }
        }
        self.rows = rows;
    }

    fn tell(&self, intake: &mut Intake, item: Item) {
        intake.item(&Item { device: self.device.as_deref(), ..item });
    }

    fn monitored_at(&mut self, time: Option<u32>) {
        if time > self.monitored {
            self.before = self.monitored;
            self.monitored = time;
        }
    }

    #[allow(clippy::too_many_arguments)]
    fn field(
        &mut self,
        intake: &mut Intake,
        message: &Message,
        row: &Row,
        field: &Field,
        time: Option<u32>,
        last: Option<u32>,
        spot: Spot,
    ) {
        let Field::Numbers(numbers) = field else { return };
        let value = numbers[0] / row.scale;
        match row.kind {
            "fact" => self.tell(intake, item(row.code, Shape::Fact, number(value, row.unit), When::Untold, spot)),
            "word" => {
                let word = row.unit.split('|').nth(numbers[0] as usize).unwrap_or("unknown");
                self.tell(intake, item(row.code, Shape::Fact, Told::Word(word), When::Untold, spot));
            }
            "statistic" => intake.leave_out(row.code, "it is a statistic, no reading", spot),
            "beats" => self.beats(intake, row, numbers, last, spot),
            "counter" => self.counter(intake, message, row, value, time, spot),
            "total" | "lasting" => {
                let start = message.number_of(SESSION_START).map(|start| start as u32).and_then(moment);
                // In thousandths of a second.
                let lasts = message.number_of(SESSION_ELAPSED).map(|elapsed| elapsed / 3.6e6);
                let Some((start, duration_h)) = start.zip(lasts) else {
                    return intake.leave_out(row.code, NO_TIME, spot);
                };
                let (shape, value) = match row.kind {
                    "total" => (Shape::Amount { duration_h }, value),
                    _ => (Shape::Rate { duration_h: Some(duration_h) }, 1.0),
                };
                self.tell(intake, item(row.code, shape, number(value, row.unit), When::Instant(start), spot));
            }
            _ => match time.and_then(moment) {
                Some(when) => {
                    self.tell(
                        intake,
                        item(row.code, Shape::Sample, number(value, row.unit), When::Instant(when), spot),
                    );
                }
                None => intake.leave_out(row.code, NO_TIME, spot),
            },
        }
    }

    /// Intervals between beats: they follow each other from the last time that was told.
    fn beats(&mut self, intake: &mut Intake, row: &Row, numbers: &[f64], last: Option<u32>, spot: Spot) {
        let Some(base) = last.filter(|last| *last >= UNSET).map(f64::from) else {
            return intake.leave_out(row.code, NO_TIME, spot);
        };
        // Where beats were lost their sum falls behind.
        let mut at = self.beat.filter(|beat| (beat - base).abs() <= LOST_S).unwrap_or(base);
        for value in numbers.iter().map(|value| value / row.scale).filter(|value| !value.is_nan()) {
            at += value / 1000.0;
            let whole = at.floor();
            // An interval may be any number of the file's, so that their sum may be beyond every time.
            match Timestamp::new(EPOCH.saturating_add(whole as i64), ((at - whole) * 1e9) as i32) {
                Ok(when) => {
                    self.tell(
                        intake,
                        item(row.code, Shape::Sample, number(value, row.unit), When::Instant(when), spot),
                    );
                }
                Err(_) => intake.leave_out(row.code, NO_TIME, spot),
            }
        }
        self.beat = Some(at);
    }

    /// A number that grows from midnight on, by type of activity: what was added since the last message.
    fn counter(
        &mut self,
        intake: &mut Intake,
        message: &Message,
        row: &Row,
        value: f64,
        time: Option<u32>,
        spot: Spot,
    ) {
        let kind = message.number_of(5).or_else(|| message.number_of(24).map(|both| f64::from(both as u8 & 31)));
        let kind = kind.map_or(0, |kind| kind as u8);
        if !STEPPING.contains(&kind) {
            return intake.leave_out(row.code, "cycles of an activity that is none on foot", spot);
        }
        let known = self.counted.insert(kind, value).or(self.from_midnight.then_some(0.0));
        let Some(known) = known else {
            return intake.leave_out(row.code, "a counter's first value: since when is not told", spot);
        };
        // At midnight it begins again.
        let added = if value >= known { value - known } else { value };
        let Some((begin, end)) = self.before.zip(time).filter(|(begin, end)| begin < end) else {
            return intake.leave_out(row.code, NO_TIME, spot);
        };
        let Some(when) = moment(begin) else { return intake.leave_out(row.code, NO_TIME, spot) };
        let shape = Shape::Amount { duration_h: f64::from(end - begin) / 3600.0 };
        self.tell(intake, item(row.code, shape, number(added, row.unit), When::Instant(when), spot));
    }
}

/// Beats whose sum is further from the clock [s] begin anew at the clock's time.
const LOST_S: f64 = 10.0;
const NO_TIME: &str = "its message has no time, or one of a clock that was not set";

fn moment(time: u32) -> Option<Timestamp> {
    (time >= UNSET).then(|| Timestamp::from_second(EPOCH + i64::from(time)).ok())?
}

fn number(value: f64, unit: &str) -> Told<'_> {
    Told::Number { value, unit, censoring: Censoring::None, sd: None }
}

fn item<'i>(code: &'i str, shape: Shape, told: Told<'i>, when: When, spot: Spot<'i>) -> Item<'i> {
    Item { system: "fit", code, shape, told, when, device: None, limits: (None, None), spot }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_table_is_read() {
        assert_eq!(rows().len(), TABLE.lines().count() - 1);
    }

    #[test]
    fn low_bits_of_a_time_are_completed() {
        assert_eq!(later(0x0001_fff0, 0x0005, 0xffff), 0x0002_0005);
        assert_eq!(later(64 + 30, 1, 31), 96 + 1);
        assert_eq!(later(64, 0, 31), 64);
    }
}
