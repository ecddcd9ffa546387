//! Time in hours since the epoch, from quantities and time stamps as people write them.

use jiff::civil::{Date, DateTime};
use jiff::fmt::temporal::Pieces;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Timestamp, ZonedDateTime};
use thiserror::Error;

use crate::diagnostic::Diagnostic;

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
    /// A local time that a clock change skips.
    #[error("no clock showed `{text}`")]
    Skipped { text: String },
    #[error("`{unit}` is not a unit of time")]
    Dimension { unit: Unit },
    #[error(transparent)]
    Quantity(#[from] UnitError),
}

/// What a time stamp says [h since the epoch].
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Stamp {
    At(f64),
    /// A date alone: its midnight.
    Midnight(f64),
    /// A local time in the hour that a clock change repeats: the first of the two.
    Repeated(f64),
    /// A local time that a clock change skips: no clock ever showed it.
    Skipped,
}

impl Stamp {
    /// `None` where there is no such time.
    pub fn hours(self) -> Option<f64> {
        match self {
            Stamp::At(hours) | Stamp::Midnight(hours) | Stamp::Repeated(hours) => Some(hours),
            Stamp::Skipped => None,
        }
    }
}

impl Clock {
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
        match self.stamp(text) {
            Some(stamp) => stamp.hours().ok_or_else(|| TimeError::Skipped { text: text.into() }),
            None if begins_a_date && self.epoch.is_none() => Err(TimeError::NoEpoch),
            None if begins_a_date => Err(TimeError::Stamp { text: text.into() }),
            None => Err(error.into()),
        }
    }

    /// A time stamp: with a zone or an offset as it says, without one in the epoch's zone. `None` if there is no epoch
    /// or the text is no time stamp.
    pub fn stamp(&self, text: &str) -> Option<Stamp> {
        if let Some(zoned) = instant(text) {
            return Some(Stamp::At(self.hours_of(zoned.timestamp())?));
        }
        let stamp = self.local(local(text)?)?;
        match stamp {
            Stamp::At(hours) if Pieces::parse(text.trim()).ok()?.time().is_none() => Some(Stamp::Midnight(hours)),
            _ => Some(stamp),
        }
    }

    /// Hours since the epoch of a moment; `None` if there is no epoch.
    pub fn hours_of(&self, instant: Timestamp) -> Option<f64> {
        let passed = instant.duration_since(self.epoch.as_ref()?.timestamp());
        // Whole seconds first, so that round times stay round.
        Some(passed.as_secs() as f64 / 3600.0 + f64::from(passed.subsec_nanos()) / 3.6e12)
    }

    /// A local time, in the epoch's zone; `None` if there is no epoch.
    pub fn local(&self, local: DateTime) -> Option<Stamp> {
        let ambiguous = self.epoch.as_ref()?.time_zone().to_ambiguous_timestamp(local);
        let offset = ambiguous.offset();
        let hours = self.hours_of(ambiguous.earlier().ok()?)?;
        Some(match offset {
            AmbiguousOffset::Gap { .. } => Stamp::Skipped,
            AmbiguousOffset::Fold { .. } => Stamp::Repeated(hours),
            AmbiguousOffset::Unambiguous { .. } => Stamp::At(hours),
        })
    }

    /// P2026: what is doubtful about a time stamp that was read (no place yet).
    pub fn doubt(&self, text: &str, stamp: Stamp) -> Option<Diagnostic> {
        let zone = self.epoch.as_ref().and_then(|epoch| epoch.time_zone().iana_name()).unwrap_or("its zone");
        let text = text.trim();
        Some(match stamp {
            Stamp::At(_) => return None,
            Stamp::Midnight(_) => {
                Diagnostic::warning("P2026", format!("`{text}` has no time of day: midnight is taken"))
                    .help("write the time of day, if it matters to the model when this was")
            }
            Stamp::Repeated(_) => {
                Diagnostic::warning("P2026", format!("the clocks of {zone} showed `{text}` twice: the first is taken"))
                    .help("write the offset, as in 2024-10-27T02:30:00+01:00")
            }
            Stamp::Skipped => {
                Diagnostic::error("P2026", format!("the clocks of {zone} never showed `{text}`: it was skipped"))
                    .help("was the device's clock not set to summer time? Then write the offset of the zone it kept")
            }
        })
    }
}

/// A time stamp that names its zone or offset; one with an offset alone stays in that offset.
pub fn instant(text: &str) -> Option<ZonedDateTime> {
    let text = text.trim();
    text.parse::<ZonedDateTime>().ok().or_else(|| {
        let timestamp = text.parse::<Timestamp>().ok()?;
        let pieces = Pieces::parse(text).ok()?;
        // A zone in brackets that was not taken above contradicts the offset.
        let zone = pieces.time_zone_annotation().is_none().then(|| pieces.to_numeric_offset())??;
        Some(timestamp.to_zoned_datetime(TimeZone::fixed(zone)))
    })
}

/// The local time of a stamp whose offset its zone does not have then, as the zone has it; `None` of any other text.
pub fn in_its_zone(text: &str) -> Option<ZonedDateTime> {
    let pieces = Pieces::parse(text.trim()).ok()?;
    let zone = pieces.to_time_zone().ok()??;
    pieces.offset()?;
    pieces.date().to_datetime(pieces.time()?).to_zoned_datetime(zone).ok()
}

/// A date, with or without time of day, in no zone.
pub fn local(text: &str) -> Option<DateTime> {
    let text = text.trim();
    let pieces = Pieces::parse(text).ok()?;
    // The civil parser would drop an offset or a zone that `instant` refused.
    if pieces.offset().is_some() || pieces.time_zone_annotation().is_some() {
        return None;
    }
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
            ("2024-03-31T03:00:00+01:00[Europe/Berlin]", None),
            ("31.03.2024 03:00", None),
            ("2024-03-31 08:15 PM", None),
            ("yesterday", None),
            ("12.5", None),
        ] {
            let found = clock.stamp(text).and_then(Stamp::hours);
            assert!(
                found.zip(hours).map_or(found == hours, |(found, hours): (f64, f64)| (found - hours).abs() < 1e-12),
                "{text}: {found:?}"
            );
        }
        assert_eq!(Clock::default().stamp("2024-03-31"), None);
        assert_eq!(clock.stamp("2024-03-31 02:30"), Some(Stamp::Skipped));
        assert_eq!(clock.stamp("2024-04-01"), Some(Stamp::Midnight(23.0)));
        assert_eq!(clock.stamp("2024-03-30T00:00"), Some(Stamp::At(-24.0)));
        let autumn = Clock { epoch: "2024-10-27T00:00:00+02:00[Europe/Berlin]".parse().ok() };
        assert_eq!(autumn.stamp("2024-10-27 02:30"), Some(Stamp::Repeated(2.5)));
        assert_eq!(autumn.stamp("2024-10-27T02:30:00+01:00"), Some(Stamp::At(3.5)));
    }

    #[test]
    fn an_offset_alone_is_the_zone_of_local_times() {
        let clock = Clock { epoch: instant("2024-01-01T00:00:00+01:00") };
        assert_eq!(clock.stamp("2024-01-01 08:00"), Some(Stamp::At(8.0)));
        let utc = Clock { epoch: instant("2024-01-01T00:00:00Z") };
        assert_eq!(utc.stamp("2024-01-01 08:00"), Some(Stamp::At(8.0)));
    }
}
