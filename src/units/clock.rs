//! Time in hours since the epoch, from quantities and time stamps as people write them.

use jiff::ZonedDateTime;
use jiff::civil::{Date, DateTime};
use thiserror::Error;

use super::{Quantity, Unit, UnitError};

/// Time zero of a record.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Clock {
    /// `None` where times are only relative.
    pub epoch: Option<ZonedDateTime>,
}

/// Why a text is not a time.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum TimeError {
    #[error("a time stamp needs an epoch")]
    NoEpoch,
    #[error("`{text}` is not a time stamp")]
    Stamp { text: String },
    #[error("`{unit}` is not a unit of time")]
    Dimension { unit: Unit },
    #[error(transparent)]
    Quantity(#[from] UnitError),
}

impl Clock {
    /// Hours since the epoch of a time stamp: with a zone or an offset as it says, without one in the epoch's zone.
    /// `None` if there is no epoch or the text is no time stamp.
    pub fn hours(&self, text: &str) -> Option<f64> {
        let epoch = self.epoch.as_ref()?;
        let instant = match instant(text) {
            Some(zoned) => zoned.timestamp(),
            // In the hour that a clock change repeats, the first of the two is taken.
            None => local(text)?.to_zoned_datetime(epoch.time_zone().clone()).ok()?.timestamp(),
        };
        let passed = instant.duration_since(epoch.timestamp());
        // Whole seconds first, so that round times stay round.
        Some(passed.as_secs() as f64 / 3600.0 + f64::from(passed.subsec_nanos()) / 3.6e12)
    }

    /// Hours since the epoch of a quantity of time (`90 min`) or of a time stamp.
    pub fn read(&self, text: &str) -> Result<f64, TimeError> {
        let error = match Quantity::parse(text) {
            Ok(time) => {
                let hour = Unit::parse("h")?;
                return time.unit.convert(time.value, &hour).ok_or(TimeError::Dimension { unit: time.unit });
            }
            Err(error) => error,
        };
        let begins_a_date = text.get(..5).is_some_and(|start| start.ends_with('-'));
        match self.hours(text) {
            Some(hours) => Ok(hours),
            None if begins_a_date && self.epoch.is_none() => Err(TimeError::NoEpoch),
            None if begins_a_date => Err(TimeError::Stamp { text: text.into() }),
            None => Err(error.into()),
        }
    }
}

/// A time stamp that names its zone or offset.
pub fn instant(text: &str) -> Option<ZonedDateTime> {
    let text = text.trim();
    text.parse::<ZonedDateTime>().ok().or_else(|| {
        let timestamp = text.parse::<jiff::Timestamp>().ok()?;
        Some(timestamp.to_zoned_datetime(jiff::tz::TimeZone::UTC))
    })
}

/// A date, with or without time of day, in no zone.
pub fn local(text: &str) -> Option<DateTime> {
    let text = text.trim();
    text.parse::<DateTime>().ok().or_else(|| Some(text.parse::<Date>().ok()?.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_become_hours_across_zones_and_clock_changes() {
        // Central Europe left winter time on 2024-03-31 at 02:00.
        let clock = Clock { epoch: "2024-03-31T00:00:00+01:00[Europe/Berlin]".parse().ok() };
        for (text, hours) in [
            ("2024-03-31T00:30", Some(0.5)),
            ("2024-03-31 01:59:30", Some(1.0 + 59.5 / 60.0)),
            ("2024-03-31 03:00", Some(2.0)),
            ("2024-03-31T03:00:00+02:00", Some(2.0)),
            ("2024-03-31T00:00:00Z", Some(1.0)),
            ("2024-03-30", Some(-24.0)),
            ("yesterday", None),
            ("12.5", None),
        ] {
            let found = clock.hours(text);
            assert!(
                found.zip(hours).map_or(found == hours, |(found, hours): (f64, f64)| (found - hours).abs() < 1e-12),
                "{text}: {found:?}"
            );
        }
        assert_eq!(Clock::default().hours("2024-03-31"), None);
    }
}
