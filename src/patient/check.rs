//! Checks on values and times: plausible range and likely unit, order, duplicates, signs, the record's start.

use std::collections::HashMap;

use super::files::Place;
use super::load::Reader;
use super::vocabulary::{Conversion, Term};
use super::{Censoring, ExposureKind};
use crate::diagnostic::Diagnostic;
use crate::units::Unit;

/// Values by the keys of their times, with their places.
pub(super) type Seen = HashMap<u64, (f64, Place)>;

/// One reading or event with its places, before it becomes plain data.
#[derive(Clone)]
pub(super) struct Row {
    pub time_h: f64,
    pub value: f64,
    pub duration_h: f64,
    pub censoring: Censoring,
    pub time_place: Place,
    pub place: Place,
}

impl Reader<'_> {
    /// Refuses values beyond the plausible range; where their median would be plausible in another unit that people
    /// use, one finding (P2020) says so, otherwise each value has its own (P2019).
    pub(super) fn check_range(
        &mut self,
        term: &Term,
        declared: &Unit,
        conversion: &Conversion,
        values: &[(f64, &Place)],
    ) {
        let Some((low, high)) = term.range else { return };
        // A value at the edge may leave the range by rounding when it is converted.
        let slack = 1e-9 * (high - low);
        let plausible = |value: f64| value >= low - slack && value <= high + slack;
        let Some((_, first)) = values.iter().find(|(value, _)| !plausible(*value)) else { return };
        let mut sorted: Vec<f64> = values.iter().map(|(value, _)| *value).collect();
        sorted.sort_by(f64::total_cmp);
        let median = sorted[sorted.len() / 2];
        let written = conversion.undo(median);
        let likely = term.also.iter().chain([&term.unit]).filter(|unit| *unit != declared && !plausible(median));
        let likely = likely.filter_map(|unit| Some((unit, term.conversion(unit)?.apply(written))));
        if let Some((unit, meant)) = likely.into_iter().find(|(_, meant)| plausible(*meant)) {
            let these = if values.len() == 1 { "this looks" } else { "these look" };
            let middle = if values.len() == 1 { "" } else { "the median, " };
            let finding = Diagnostic::error("P2020", format!("`{}`: {these} like {unit}, not {declared}", term.name))
                .at_location(first.location())
                .label(format!("{middle}{}, would be {} {}", digits(written), digits(meant), term.unit))
                .help(format!("if they are in {unit}, write [{unit}] instead of [{declared}] in patient.toml"));
            self.findings.push(finding);
            return;
        }
        let (from, to) = (digits(conversion.undo(low)), digits(conversion.undo(high)));
        let scales = term.other_scale.iter().map(|(unit, name)| format!("in {unit} it is `{name}`; "));
        let help = format!("{}correct it, or leave the cell empty if it is an artefact", scales.collect::<String>());
        for (value, place) in values.iter().filter(|(value, _)| !plausible(*value)) {
            self.findings.row("P2019", place.path(), || {
                let value = digits(conversion.undo(*value));
                Diagnostic::error("P2019", format!("{value} {declared} is no plausible `{}`", term.name))
                    .at_location(place.location())
                    .label(format!("plausible is {from} to {to} {declared}"))
                    .help(help.clone())
            });
        }
    }

    /// P2021: nothing may come before the start of the record.
    pub(super) fn check_start(&mut self, rows: &[Row]) {
        let start = self.start_h;
        let earliest = rows.iter().map(|row| row.time_h).fold(f64::INFINITY, f64::min);
        for row in rows.iter().filter(|row| row.time_h < start) {
            self.findings.row("P2021", row.time_place.path(), || {
                let message =
                    format!("{} h is before the start of the record ({} h)", digits(row.time_h), digits(start));
                Diagnostic::error("P2021", message)
                    .at_location(row.time_place.location())
                    .help(format!("if the time is right, write start = \"{} h\" in patient.toml", earliest.floor()))
            });
        }
    }

    /// P2017: times must not go back; one finding for a file.
    pub(super) fn check_order(&mut self, rows: &[Row]) {
        let mut back = rows.windows(2).filter(|pair| pair[1].time_h < pair[0].time_h);
        let Some([before, after]) = back.next() else { return };
        let more = back.count();
        let finding = Diagnostic::error(
            "P2017",
            format!("times go back: {} h comes after {} h", digits(after.time_h), digits(before.time_h)),
        );
        let finding = finding.at_location(after.time_place.location());
        let finding = if more > 0 { finding.label(format!("and {more} times more below")) } else { finding };
        self.findings.push(finding.help("sort the rows by time; is a row doubled, or a clock or time zone changed?"));
    }

    /// P2016: two readings of one name and device at one time; `seen` holds those of earlier entries.
    pub(super) fn check_doubled_readings(&mut self, rows: &[Row], seen: &mut Seen) {
        for row in rows {
            let key = time_key(row.time_h);
            let Some((value, place)) = seen.get(&key) else {
                seen.insert(key, (row.value, row.place.clone()));
                continue;
            };
            self.findings.row("P2016", row.time_place.path(), || {
                let what = if *value == row.value {
                    "this reading stands twice".to_string()
                } else {
                    format!("two readings at {} h: {} and {}", digits(row.time_h), digits(*value), digits(row.value))
                };
                Diagnostic::error("P2016", what)
                    .at_location(row.time_place.location())
                    .label(format!("the other one is at {}", place.origin()))
                    .help("delete one; if two devices measured, declare two observations with `device`")
            });
        }
    }

    /// P2016: an event that stands twice is warned of, for two equal doses may be true; a rate that holds or a series
    /// can have only one value at a time. `earlier` holds the events of earlier entries of the name.
    pub(super) fn check_doubled_events(&mut self, kind: ExposureKind, rows: &[Row], earlier: &[Row]) {
        let single = matches!(kind, ExposureKind::Held | ExposureKind::Series);
        let mut seen: HashMap<u64, Vec<&Row>> = HashMap::new();
        earlier.iter().for_each(|row| seen.entry(time_key(row.time_h)).or_default().push(row));
        for second in rows {
            let known = seen.entry(time_key(second.time_h)).or_default();
            let same = |first: &&&Row| first.value == second.value && first.duration_h == second.duration_h;
            let first = known.iter().find(|first| single || same(first)).copied();
            known.push(second);
            let Some(first) = first else { continue };
            self.findings.row("P2016", second.time_place.path(), || {
                let hours = digits(second.time_h);
                let finding = if single {
                    Diagnostic::error("P2016", format!("two values at {hours} h"))
                        .help("delete one: a value holds until the next, so there can be only one at a time")
                } else {
                    Diagnostic::warning("P2016", format!("the same event stands twice at {hours} h"))
                        .help("both are taken; delete one if it was given once")
                };
                finding
                    .at_location(second.time_place.location())
                    .label(format!("the other one is at {}", first.place.origin()))
            });
        }
    }

    /// P2027: a rate that holds, or a series, says nothing of the time before its first value.
    pub(super) fn check_first(&mut self, name: &str, kind: ExposureKind, rows: &[Row]) {
        let first = rows.iter().min_by(|a, b| a.time_h.total_cmp(&b.time_h));
        let Some(first) = first.filter(|first| first.time_h > self.start_h) else { return };
        let before = match kind {
            ExposureKind::Held => "no rate",
            ExposureKind::Series => "the first value",
            ExposureKind::Bolus | ExposureKind::Rate => return,
        };
        let (from, to) = (digits(self.start_h), digits(first.time_h));
        let message = format!("`{name}` says nothing from {from} h to {to} h: {before} is taken");
        self.findings.push(
            Diagnostic::warning("P2027", message)
                .at_location(first.time_place.location())
                .help(format!("add what held before, or write start = \"{to} h\" in patient.toml")),
        );
    }

    /// P2018: amounts, rates and durations are not negative.
    pub(super) fn check_sign(&mut self, what: &str, value: f64, place: &Place) -> bool {
        if value < 0.0 {
            self.findings.row("P2018", place.path(), || {
                Diagnostic::error("P2018", format!("the {what} is negative"))
                    .at_location(place.location())
                    .help("write how much was given, and for how long, as positive numbers")
            });
        }
        value >= 0.0
    }
}

/// Equal times have equal keys; both zeros are one time.
fn time_key(time_h: f64) -> u64 {
    (time_h + 0.0).to_bits()
}

/// A number in at most six significant digits.
pub(super) fn digits(value: f64) -> String {
    if value == 0.0 {
        return "0".into();
    }
    if !value.is_finite() {
        return format!("{value}");
    }
    let whole_digits = value.abs().log10().floor() as i32 + 1;
    if !(-3..=15).contains(&whole_digits) {
        return format!("{value:.5e}");
    }
    let decimals = usize::try_from(6 - whole_digits).unwrap_or(0);
    let text = format!("{value:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_string() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_shown_short() {
        for (value, text) in [
            (7.694444444444, "7.69444"),
            (138.6, "138.6"),
            (0.1 + 0.2, "0.3"),
            (-0.0, "0"),
            (1440.0, "1440"),
            (1234567.8, "1234568"),
            (1e-9, "1.00000e-9"),
        ] {
            assert_eq!(digits(value), text);
        }
    }
}
