//! Doses of event tables: at once or infused, repeated, and those that led to a steady state.

use csv::StringRecord;

use super::super::Censoring;
use super::super::intake::Intake;
use super::nonmem::{Table, missing};
use super::{Shape, Spot, Told, When};

/// Most doses that one row may stand for.
const MOST_DOSES: f64 = 10_000.0;

/// A dose of one row, before it is repeated.
struct Dose<'t> {
    name: &'t str,
    amount: f64,
    unit: &'t str,
    time: Time,
    line: usize,
}

#[derive(Clone, Copy)]
pub(super) enum Time {
    Hours(f64),
    Local(jiff::civil::DateTime),
}

impl Time {
    pub(super) fn when(self, later_h: f64) -> When {
        match self {
            Time::Hours(hours) => When::Hours(hours + later_h),
            Time::Local(local) => {
                let later = jiff::SignedDuration::try_from_secs_f64(later_h * 3600.0).unwrap_or_default();
                When::Local(local.checked_add(later).unwrap_or(local))
            }
        }
    }
}

impl Table {
    pub(super) fn dose(
        &mut self,
        intake: &mut Intake,
        row: &StringRecord,
        amount: f64,
        time: Time,
        cmt: Option<f64>,
        line: usize,
    ) {
        let column = ["ADM", "CMT"].into_iter().find(|column| self.has(column));
        let own = cmt.map(|cmt| cmt.to_string()).unwrap_or_default();
        let label = column.map(|column| self.cell(row, column)).filter(|cell| !missing(cell)).unwrap_or(&own);
        let Some(name) = self.keys.dose.get(label).map(String::from) else {
            let what = format!("{} {label}", column.unwrap_or("AMT"));
            return intake.leave_out(&what, "`dose` has no name for it", Spot::Line(line));
        };
        let rate = self.number(intake, row, "RATE", line).unwrap_or(0.0);
        let told = self.number(intake, row, "TINF", line).unwrap_or(0.0) * self.time_h;
        let duration_h = match rate {
            -1.0 | -2.0 => {
                let help = "such a rate or duration is a parameter of a model: write the one that was given";
                return Self::inexpressible(
                    intake,
                    line,
                    &format!("RATE {rate}: how fast it was given is not told"),
                    help,
                );
            }
            rate if rate < 0.0 || amount < 0.0 || told < 0.0 => {
                return intake.wrong(Spot::Line(line), "an amount, rate or duration is negative", "mend it");
            }
            rate if rate > 0.0 && amount == 0.0 => {
                let help = "write how much was given: AMT is the rate times its duration";
                return Self::inexpressible(intake, line, "a rate without an amount never ends", help);
            }
            rate if rate > 0.0 => amount / rate * self.time_h,
            _ => told,
        };
        let Some(unit) = self.unit_of(intake, "AMT", label, line).map(String::from) else { return };
        let every_h = self.number(intake, row, "II", line).unwrap_or(0.0) * self.time_h;
        let more = self.number(intake, row, "ADDL", line).unwrap_or(0.0).max(0.0).floor();
        let steady = self.number(intake, row, "SS", line).unwrap_or(0.0);
        if (more > 0.0 || steady != 0.0) && !(every_h > 0.0 && every_h.is_finite()) {
            return intake.wrong(
                Spot::Line(line),
                "ADDL or SS without an interval in II",
                "write the interval between doses",
            );
        }
        if more > MOST_DOSES {
            return intake.wrong(Spot::Line(line), "ADDL is more than 10000", "is it another column's number?");
        }
        let dose = Dose { name: &name, amount, unit: &unit, time, line };
        let before = if steady == 0.0 { 0.0 } else { self.steady(intake, &dose, steady, every_h) };
        self.doses += 1;
        let first = -before as i64;
        for at in first..=more as i64 {
            let told = Told::Number { value: amount, unit: dose.unit, censoring: Censoring::None, sd: None };
            let when = dose.time.when(at as f64 * every_h);
            Self::give(intake, dose.name, Shape::Amount { duration_h }, told, when, None, line);
        }
    }

    /// How many doses came before one at steady state: as many as the record has room for. A reader knows no model that
    /// would say when it is reached (P2084, or P2082 where there is no room).
    fn steady(&self, intake: &mut Intake, dose: &Dose, steady: f64, every_h: f64) -> f64 {
        let now_h = match dose.time {
            Time::Hours(hours) => Some(hours),
            Time::Local(local) => intake.reader.clock.local(local).and_then(|stamp| stamp.hours()),
        };
        let start_h = intake.reader.start_h;
        let room = now_h.map_or(0.0, |now_h| ((now_h - start_h + 1e-9) / every_h).floor()).clamp(0.0, MOST_DOSES);
        let earlier = now_h.map_or(0.0, |now_h| now_h - 10.0 * every_h);
        let help = format!(
            "write start = \"{} h\" in patient.toml for ten doses before it, or as early as it takes",
            earlier.floor()
        );
        if steady != 1.0 || self.doses > 0 || room == 0.0 {
            let message = match steady {
                1.0 if room == 0.0 => "SS 1: there is no room before this dose for those that lead to steady state",
                1.0 => "SS 1 after other doses: it would undo them",
                _ => "only SS 1 is read: doses on top of a steady state are not",
            };
            Self::inexpressible(intake, dose.line, message, &help);
            return 0.0;
        }
        let message = format!("steady state is made of {room} doses of {} {} before this one", dose.amount, dose.unit);
        intake.doubtful("P2084", Spot::Line(dose.line), &message, &format!("is that enough for it? If not, {help}"));
        room
    }
}
