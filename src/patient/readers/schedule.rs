//! The rate that a pump gave: its daily schedules, switches between them, and temporary rates on top.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde_json::Value as Json;

use super::super::Censoring;
use super::super::intake::Intake;
use super::nightscout::numeric;
use super::{Input, Item, Shape, Spot, Told, When};

/// Temporary rates that leave no longer gap than this [s] are the whole record: an automatic pump renews them.
const RENEWED: i64 = 600;
/// Longest record [s] for which a schedule is laid out: twenty years.
const LONGEST: i64 = 20 * 366 * 86_400;

/// A temporary rate, as its record tells it.
pub(super) struct Temporary {
    from: Timestamp,
    seconds: i64,
    rate: Option<Rate>,
    index: usize,
}

#[derive(Clone, Copy)]
enum Rate {
    Absolute(f64),
    /// Change of the scheduled rate [%].
    Change(f64),
}

impl Temporary {
    pub(super) fn of(record: &Json, from: Timestamp, index: usize) -> Self {
        let number = |key: &str| record.get(key).and_then(numeric);
        let minutes = number("duration").unwrap_or(0.0).clamp(0.0, 1e6);
        let absolute = number("absolute").or_else(|| number("rate")).filter(|rate| *rate >= 0.0).map(Rate::Absolute);
        let rate = absolute.or_else(|| number("percent").filter(|change| *change >= -100.0).map(Rate::Change));
        Self { from, seconds: (minutes * 60.0) as i64, rate, index }
    }

    fn until(&self) -> i64 {
        self.from.as_second() + self.seconds
    }
}

/// A daily schedule: seconds of the local day, with the rate from then on.
#[derive(Clone)]
struct Daily {
    zone: TimeZone,
    rates: Vec<(i64, f64)>,
}

impl Daily {
    fn of(profile: &Json) -> Option<Self> {
        let zone = profile.get("timezone").and_then(Json::as_str).unwrap_or("UTC");
        let zone = TimeZone::get(zone).ok()?;
        let mut rates = Vec::new();
        for entry in profile.get("basal")?.as_array()? {
            let seconds = entry.get("timeAsSeconds").and_then(numeric).or_else(|| {
                let (hours, minutes) = entry.get("time")?.as_str()?.split_once(':')?;
                Some(hours.parse::<f64>().ok()? * 3600.0 + minutes.get(..2)?.parse::<f64>().ok()? * 60.0)
            })?;
            let rate = numeric(entry.get("value")?).filter(|rate| *rate >= 0.0)?;
            rates.push((seconds.clamp(0.0, 86_400.0) as i64, rate));
        }
        rates.sort_by_key(|(seconds, _)| *seconds);
        (!rates.is_empty()).then_some(Self { zone, rates })
    }

    fn rate(&self, second: i64) -> Option<f64> {
        let time = Timestamp::from_second(second).ok()?.to_zoned_datetime(self.zone.clone()).time();
        let of_day = i64::from(time.hour()) * 3600 + i64::from(time.minute()) * 60 + i64::from(time.second());
        let before = self.rates.iter().rev().find(|(from, _)| *from <= of_day);
        before.or(self.rates.last()).map(|(_, rate)| *rate)
    }

    /// The seconds at which the schedule changes, between two moments.
    fn changes(&self, from: i64, to: i64) -> Vec<i64> {
        let Ok(first) = Timestamp::from_second(from) else { return Vec::new() };
        let mut day = first.to_zoned_datetime(self.zone.clone()).date();
        let mut changes = Vec::new();
        while let Ok(start) = self.zone.to_timestamp(day.to_datetime(jiff::civil::Time::midnight())) {
            if start.as_second() > to {
                break;
            }
            for (seconds, _) in &self.rates {
                let clock = jiff::civil::Time::midnight().wrapping_add(seconds.seconds());
                if let Ok(at) = self.zone.to_timestamp(day.to_datetime(clock)) {
                    changes.push(at.as_second());
                }
            }
            let Ok(next) = day.tomorrow() else { break };
            day = next;
        }
        changes.retain(|at| (from..=to).contains(at));
        changes
    }
}

/// A schedule with the time from which it holds, for ever or until a time.
struct Switch {
    from: i64,
    until: Option<i64>,
    daily: Daily,
    /// Of the schedule's rates [1].
    share: f64,
}

/// Lays out the rate over the record and hands it over; P2046 where temporary rates stand alone.
pub(super) fn rates(
    intake: &mut Intake,
    input: &Input,
    list: &[Json],
    mut temporary: Vec<Temporary>,
    switched: &[(Timestamp, usize)],
    last: Option<Timestamp>,
) {
    temporary.sort_by_key(|one| one.from);
    temporary.dedup_by_key(|one| one.from);
    let profiles = profiles(intake, input);
    if profiles.is_none() && input.section.get("profile").is_some() {
        return;
    }
    let switches = switches(intake, list, switched, profiles.as_deref().unwrap_or(&[]));
    let Some(last) = last else { return };
    let last = temporary.iter().map(Temporary::until).fold(last.as_second(), i64::max);
    let first = switches.iter().map(|switch| switch.from).min();
    if first.is_none() && temporary.is_empty() {
        return;
    }
    let whole = temporary.windows(2).all(|pair| pair[1].from.as_second() - pair[0].until() <= RENEWED);
    let absolute = temporary.iter().all(|one| matches!(one.rate, Some(Rate::Absolute(_))));
    if first.is_none() && !(whole && absolute) {
        let path = format!("/{}", temporary[0].index);
        intake.doubtful(
            "P2046",
            Spot::Path(&path),
            "temporary rates are told, but not the schedule between them: they are left out",
            "export the profiles, too, and name their file: profile = \"profiles.json\"",
        );
        for one in &temporary {
            let path = format!("/{}", one.index);
            intake.leave_out("temporary rate", "the schedule around it is not known", Spot::Path(&path));
        }
        return;
    }
    let begin = intake.reader.clock.epoch.as_ref().map(|epoch| epoch.timestamp().as_second());
    let begin = begin.map(|epoch| epoch + (intake.reader.start_h * 3600.0) as i64);
    let start = first.or(temporary.first().map(|one| one.from.as_second())).unwrap_or(last);
    let start = start.max(begin.unwrap_or(start));
    if last - start > LONGEST {
        let help = "is a date wrong? Delete the record";
        return intake.wrong(Spot::Whole, "its treatments span more than twenty years", help);
    }
    let mut points: BTreeMap<i64, usize> = BTreeMap::new();
    let mut point = |at: i64, index: usize| {
        if (start..=last).contains(&at) {
            points.entry(at).or_insert(index);
        }
    };
    point(start, 0);
    for one in &temporary {
        point(one.from.as_second(), one.index);
        point(one.until(), one.index);
    }
    for switch in &switches {
        let until = switch.until.unwrap_or(last).min(last);
        point(switch.from, 0);
        point(until, 0);
        switch.daily.changes(switch.from.max(start), until).into_iter().for_each(|at| point(at, 0));
    }
    let mut held = None;
    for (at, index) in points {
        let active = switches.iter().filter(|switch| switch.from <= at && switch.until.is_none_or(|until| at < until));
        let base =
            active.max_by_key(|switch| switch.from).and_then(|switch| Some(switch.daily.rate(at)? * switch.share));
        let running =
            temporary.partition_point(|one| one.from.as_second() <= at).checked_sub(1).map(|at| &temporary[at]);
        let rate = match running.filter(|one| at < one.until()).and_then(|one| one.rate) {
            Some(Rate::Absolute(rate)) => Some(rate),
            Some(Rate::Change(percent)) => base.map(|base| base * (100.0 + percent) / 100.0),
            None => base,
        };
        let (Some(rate), Ok(instant)) = (rate, Timestamp::from_second(at)) else { continue };
        if held == Some(rate) {
            continue;
        }
        held = Some(rate);
        let path = format!("/{index}");
        intake.item(&Item {
            system: "nightscout",
            code: "basal",
            shape: Shape::Rate { duration_h: None },
            told: Told::Number { value: rate, unit: "[iU]/h", censoring: Censoring::None, sd: None },
            when: When::Instant(instant),
            device: None,
            limits: (None, None),
            spot: Spot::Path(&path),
        });
    }
}

/// The profiles that the bundle names, oldest first; `None` where it names none or they cannot be read.
fn profiles(intake: &mut Intake, input: &Input) -> Option<Vec<Json>> {
    let (name, span) = input.section.text("profile", &mut intake.reader.findings)?;
    let file = intake.reader.file(name, input.section.place(span))?;
    let json = intake.reader.json_of_source(&file)?;
    let mut list = match &*json {
        Json::Array(list) => list.clone(),
        other => vec![other.clone()],
    };
    list.retain(|profile| profile.get("store").is_some());
    list.sort_by_key(started);
    if list.is_empty() {
        intake.wrong(Spot::Whole, &format!("`{name}` holds no profile"), "export the profiles of Nightscout as JSON");
        return None;
    }
    Some(list)
}

fn started(profile: &Json) -> Option<i64> {
    Some(profile.get("startDate")?.as_str()?.parse::<Timestamp>().ok()?.as_second())
}

/// The schedules in the order of time: each profile's own, and what treatments switch to.
fn switches(intake: &mut Intake, list: &[Json], switched: &[(Timestamp, usize)], profiles: &[Json]) -> Vec<Switch> {
    let mut switches = Vec::new();
    for profile in profiles {
        let name = profile.get("defaultProfile").and_then(Json::as_str).unwrap_or("");
        let daily = profile.get("store").and_then(|store| store.get(name)).and_then(Daily::of);
        match (daily, started(profile)) {
            (Some(daily), Some(from)) => switches.push(Switch { from, until: None, daily, share: 1.0 }),
            _ => {
                let message = format!("the profile `{name}` has no start, no time zone that is known, or no rates");
                intake.wrong(Spot::Whole, &message, "export the profiles of Nightscout as JSON, unchanged");
            }
        }
    }
    for (at, index) in switched {
        let path = format!("/{index}");
        let record = &list[*index];
        let name = record.get("profile").and_then(Json::as_str).unwrap_or("");
        let from = at.as_second();
        let own = record.get("profileJson").and_then(Json::as_str).and_then(|text| serde_json::from_str(text).ok());
        let stored = profiles.iter().rev().filter(|profile| started(profile).is_some_and(|started| started <= from));
        let stored = stored.filter_map(|profile| profile.get("store")?.get(name)).find_map(Daily::of);
        let Some(daily) = own.as_ref().and_then(Daily::of).or(stored) else {
            let why = "a switch to a schedule that no profile in `profile` has";
            intake.leave_out(if name.is_empty() { "profile" } else { name }, why, Spot::Path(&path));
            continue;
        };
        let number = |key: &str| record.get(key).and_then(numeric);
        if number("timeshift").is_some_and(|hours| hours != 0.0) {
            intake.leave_out(name, "a switch that shifts a schedule by hours", Spot::Path(&path));
            continue;
        }
        let minutes = number("duration").filter(|minutes| *minutes > 0.0);
        let until = minutes.map(|minutes| from.saturating_add((minutes * 60.0) as i64));
        let share = number("percentage").filter(|percent| *percent > 0.0).unwrap_or(100.0) / 100.0;
        switches.push(Switch { from, until, daily, share });
    }
    switches.sort_by_key(|switch| switch.from);
    switches
}
