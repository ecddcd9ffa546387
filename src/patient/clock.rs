//! Time in hours since the bundle's epoch, from time stamps as people write them.

use jiff::ZonedDateTime;
use jiff::civil::{Date, DateTime};

/// Time zero of a bundle.
#[derive(Clone, Default)]
pub(super) struct Clock {
    pub epoch: Option<ZonedDateTime>,
}

impl Clock {
    /// Hours since the epoch of a time stamp: with a zone or an offset as it says, without one in the epoch's zone.
    /// `None` if there is no epoch or the text is no time stamp.
    pub(super) fn hours(&self, text: &str) -> Option<f64> {
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
}

/// A time stamp that names its zone or offset.
pub(super) fn instant(text: &str) -> Option<ZonedDateTime> {
    let text = text.trim();
    text.parse::<ZonedDateTime>().ok().or_else(|| {
        let timestamp = text.parse::<jiff::Timestamp>().ok()?;
        Some(timestamp.to_zoned_datetime(jiff::tz::TimeZone::UTC))
    })
}

/// A date, with or without time of day, in no zone.
pub(super) fn local(text: &str) -> Option<DateTime> {
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
