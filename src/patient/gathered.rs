//! Makes covariates, exposures and observations of what an intake gathered: order, doubles, plausible range, start.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

use super::check::digits;
use super::files::Place;
use super::intake::{At, Gathered, Intake, Kept, Kind, MOST};
use super::measure::Measure;
use super::vocabulary::Term;
use super::{Covariate, Exposure, ExposureEvent, ExposureKind, Genotype, Observation, Origin, Reading};
use crate::diagnostic::{Diagnostic, Location};

/// From how many readings on their order in the file tells of a clock.
const MANY: usize = 50;

impl<'v> Gathered<'v> {
    pub(super) fn new(name: Arc<str>, term: Option<&'v Term>, measure: &Measure, device: Option<&str>) -> Self {
        Self {
            name,
            term,
            kind: measure.kind,
            device: device.map(Into::into),
            unit: measure.unit.clone(),
            declared: Vec::new(),
            conversion: measure.conversion.clone(),
            limits: (None, None),
            files: Vec::new(),
            devices: Vec::new(),
            numbers: HashMap::new(),
            kept: Vec::new(),
            warmup: None,
        }
    }

    /// The number of a device among those that said something; `None` where there are more than devices can be.
    pub(super) fn number(&mut self, device: &str) -> Option<u16> {
        let last = self.kept.last().map(|kept| kept.device);
        if let Some(last) = last.filter(|last| self.devices[usize::from(*last)] == device) {
            return Some(last);
        }
        if let Some(known) = self.numbers.get(device) {
            return Some(*known);
        }
        let number = u16::try_from(self.devices.len()).ok().filter(|number| usize::from(*number) < MOST)?;
        self.devices.push(device.into());
        self.numbers.insert(device.into(), number);
        Some(number)
    }
}

impl Intake<'_, '_> {
    /// Adds everything gathered to what `patient.toml` gives in place; that comes first where both give a covariate.
    pub(super) fn assemble(
        mut self,
        covariates: &mut Vec<Covariate>,
        exposures: &mut Vec<Exposure>,
        observations: &mut Vec<Observation>,
    ) -> Vec<Genotype> {
        self.leave_out_unworn();
        for mut group in std::mem::take(&mut self.gathered) {
            if group.kind == Kind::Covariate {
                self.plausible(&mut group);
                self.add_covariate(group, covariates);
                continue;
            }
            self.in_order(&mut group);
            self.once(&mut group);
            self.warmed_up(&mut group);
            self.plausible(&mut group);
            self.begun(&mut group);
            self.counted_once(&group);
            if group.kept.is_empty() {
                continue;
            }
            match group.kind {
                Kind::Reading => self.add_observation(group, observations),
                _ => self.add_exposure(group, exposures),
            }
        }
        self.genotypes
    }

    /// P2031: where times go back, a clock may have been set; readings are sorted.
    fn in_order(&mut self, group: &mut Gathered) {
        let pairs = group.kept.windows(2).filter(|pair| pair[0].file == pair[1].file);
        let back = pairs.clone().filter(|pair| pair[1].time_h < pair[0].time_h).count();
        let newest_first = back > 0 && pairs.clone().all(|pair| pair[1].time_h <= pair[0].time_h);
        let first = pairs.filter(|pair| pair[1].time_h < pair[0].time_h).map(|pair| pair[1]).next();
        if let Some(first) = first.filter(|_| !newest_first && group.kept.len() >= MANY && group.kind == Kind::Reading)
        {
            let message = format!("`{}`: times go back {back} times in {} values", group.name, group.kept.len());
            let help = "they are sorted; if a clock or time zone was changed, the times around it may be wrong";
            let finding = Diagnostic::warning("P2031", message).at_location(self.place(group, &first));
            self.reader.findings.push(finding.help(help));
        }
        group.kept.sort_by(|a, b| a.time_h.total_cmp(&b.time_h));
    }

    /// Leaves out what stands twice, and of two values at one time the second (P2030).
    fn once(&mut self, group: &mut Gathered) {
        let mut kept: Vec<Kept> = Vec::with_capacity(group.kept.len());
        let (mut doubled, mut against) = (0, 0);
        let mut example: Option<(Kept, Kept)> = None;
        let mut first_double: Option<Kept> = None;
        let adds_up = matches!(group.kind, Kind::Amount | Kind::Rate);
        // Of the amounts at one time, which may be many.
        let mut amounts: HashSet<(u64, u32)> = HashSet::new();
        for one in &group.kept {
            let other = kept.last().copied().filter(|known| known.time_h == one.time_h);
            let key = (one.value.to_bits(), one.duration_h.to_bits());
            let same = |known: &Kept| (known.value.to_bits(), known.duration_h.to_bits()) == key;
            if adds_up && other.is_none() {
                amounts = HashSet::new();
            }
            let double = if adds_up { !amounts.insert(key) } else { other.as_ref().is_some_and(same) };
            if double {
                doubled += 1;
                first_double.get_or_insert(*one);
            } else if let Some(other) = other.filter(|_| !adds_up) {
                against += 1;
                example.get_or_insert((other, *one));
            } else {
                kept.push(*one);
            }
        }
        if let Some((first, second)) = example {
            let unit = group.unit.text();
            let values = format!("{} and {} {unit}", digits(first.value), digits(second.value));
            let times = if against == 1 { "once" } else { "at several times" };
            let message =
                format!("`{}` has two values at one time {times}: {values} at {} h", group.name, digits(first.time_h));
            let finding = Diagnostic::warning("P2030", message).at_location(self.place(group, &second));
            self.reader.findings.push(
                finding.help("the first is taken; if two devices measured, give each its own source with `device`"),
            );
            let origin = self.origin(group, &second);
            for _ in 0..against {
                self.reader.leave_out(&group.name, "another value has the same time", origin.clone());
            }
        }
        if let Some(first) = first_double {
            let origin = self.origin(group, &first);
            for _ in 0..doubled {
                self.reader.leave_out(&group.name, "it stands twice", origin.clone());
            }
        }
        group.kept = kept;
    }

    /// Leaves out what cannot be true (P2019); where the middle of all would be plausible in another unit, refuses (P2020).
    fn plausible(&mut self, group: &mut Gathered) {
        let Some(term) = group.term else { return };
        let Some((low, high)) = term.range else { return };
        let slack = 1e-9 * (high - low);
        let plausible = |value: f64| value.is_nan() || (value >= low - slack && value <= high + slack);
        let Some(first) = group.kept.iter().find(|kept| !plausible(kept.value)).copied() else { return };
        let mut sorted: Vec<f64> = group.kept.iter().map(|kept| kept.value).filter(|value| !value.is_nan()).collect();
        sorted.sort_by(f64::total_cmp);
        let median = sorted[sorted.len() / 2];
        let written = group.conversion.undo(median);
        let declared = group.declared.join(", ");
        let likely = term.also.iter().chain([&term.unit]).filter(|unit| unit.text() != declared && !plausible(median));
        let likely = likely.filter_map(|unit| Some((unit, term.conversion(unit)?.apply(written))));
        if let Some((unit, meant)) = likely.into_iter().find(|(_, meant)| plausible(*meant)) {
            let message = format!("`{}`: these look like {unit}, not {declared}", group.name);
            let finding = Diagnostic::error("P2020", message)
                .at_location(self.place(group, &first))
                .label(format!("the middle one, {}, would be {} {}", digits(written), digits(meant), term.unit))
                .help(format!("is the file as it was exported? Leave them out with ignore = [\"{}\"]", group.name));
            self.reader.findings.push(finding);
            return;
        }
        let (from, to, unit) = (digits(low), digits(high), term.unit.text().to_string());
        let why = format!("not plausible ({from} to {to} {unit})");
        for one in group.kept.iter().filter(|kept| !plausible(kept.value)) {
            let path = group.files[one.file as usize].1.clone();
            let location = self.place(group, one);
            self.reader.findings.row("P2019", &path, || {
                Diagnostic::warning("P2019", format!("{} {unit} is no plausible `{}`", digits(one.value), group.name))
                    .at_location(location)
                    .label(format!("plausible is {from} to {to} {unit}"))
                    .help("it is left out")
            });
            let origin = self.origin(group, one);
            self.reader.leave_out(&group.name, &why, origin);
        }
        group.kept.retain(|kept| plausible(kept.value));
    }

    /// Leaves out what was before the start of the record.
    fn begun(&mut self, group: &mut Gathered) {
        let start = self.reader.start_h;
        let early = group.kept.partition_point(|kept| kept.time_h < start);
        for one in &group.kept[..early] {
            let origin = self.origin(group, one);
            self.reader.leave_out(&group.name, "before the start of the record", origin);
        }
        group.kept.drain(..early);
    }

    /// Takes the last value at or before the start, else the first after it.
    fn add_covariate(&mut self, group: Gathered, covariates: &mut Vec<Covariate>) {
        let start = self.reader.start_h;
        let before = group.kept.iter().filter(|kept| kept.time_h <= start);
        let last = before.max_by(|a, b| a.time_h.total_cmp(&b.time_h));
        let after = group.kept.iter().min_by(|a, b| a.time_h.total_cmp(&b.time_h));
        let Some(taken) = last.or(after).copied() else { return };
        let declared = covariates.iter().any(|known| *known.name == *group.name);
        let others = group.kept.len() - usize::from(!declared);
        if others > 0 {
            let origin = self.origin(&group, &group.kept[0]);
            let why = if declared { "it has a value already" } else { "the value nearest to the start is taken" };
            for _ in 0..others {
                self.reader.leave_out(&group.name, why, origin.clone());
            }
        }
        if declared {
            return;
        }
        let categories = group.term.map(|term| &term.categories).filter(|categories| !categories.is_empty());
        let category = categories
            .and_then(|words| words.iter().find(|(_, value)| **value == taken.value).map(|(word, _)| word.clone()));
        covariates.push(Covariate {
            name: group.name.to_string(),
            value: taken.value,
            category,
            declared: if categories.is_some() { String::new() } else { group.declared.join(", ") },
            origin: self.origin(&group, &taken),
            unit: group.unit,
        });
    }

    fn add_observation(&mut self, group: Gathered, observations: &mut Vec<Observation>) {
        let same = |known: &&Observation| *known.name == *group.name && known.device == group.device;
        if observations.iter().any(|known| same(&known)) {
            return self.twice(&group);
        }
        let readings = group.kept.iter().map(|kept| Reading {
            time_h: kept.time_h,
            value: kept.value,
            censoring: kept.censoring,
            sd: (!kept.sd.is_nan()).then_some(f64::from(kept.sd)),
            origin: self.origin(&group, kept),
        });
        let readings = readings.collect();
        observations.push(Observation {
            name: group.name.to_string(),
            device: group.device,
            unit: group.unit,
            lower_limit: group.limits.0,
            upper_limit: group.limits.1,
            readings,
            declared: group.declared.join(", "),
        });
    }

    fn add_exposure(&mut self, group: Gathered, exposures: &mut Vec<Exposure>) {
        let kind = match group.kind {
            Kind::Amount => ExposureKind::Bolus,
            Kind::Rate => ExposureKind::Rate,
            Kind::Held => ExposureKind::Held,
            Kind::Series | Kind::Reading | Kind::Covariate => ExposureKind::Series,
        };
        let event = |kept: &Kept| ExposureEvent {
            time_h: kept.time_h,
            value: kept.value,
            duration_h: f64::from(kept.duration_h),
            origin: self.origin(&group, kept),
        };
        let (unknown, events): (Vec<_>, Vec<_>) = group.kept.iter().map(event).partition(|event| event.value.is_nan());
        if let Some(negative) = group.kept.iter().find(|kept| kept.value < 0.0 && kind != ExposureKind::Series) {
            let finding = Diagnostic::error("P2018", format!("an amount or rate of `{}` is negative", group.name));
            self.reader.findings.push(finding.at_location(self.place(&group, negative)));
        }
        match exposures.iter_mut().find(|known| *known.name == *group.name) {
            None => exposures.push(Exposure {
                name: group.name.to_string(),
                kind,
                unit: group.unit,
                events,
                unknown,
                usual: group.term.and_then(|term| term.usual),
                declared: group.declared.join(", "),
            }),
            Some(known) => {
                let adds_up = matches!(kind, ExposureKind::Bolus | ExposureKind::Rate);
                let nothing_known = group.term.is_none() && events.is_empty();
                if known.kind != kind || !(known.unit == group.unit || nothing_known) || !adds_up {
                    return self.twice(&group);
                }
                known.events.extend(events);
                known.unknown.extend(unknown);
                known.events.sort_by(|a, b| a.time_h.total_cmp(&b.time_h));
                known.unknown.sort_by(|a, b| a.time_h.total_cmp(&b.time_h));
            }
        }
    }

    /// P2024: a name is given in two ways that cannot be joined.
    fn twice(&mut self, group: &Gathered) {
        let message = format!("`{}` is given more than once, in ways that cannot be joined", group.name);
        let finding = Diagnostic::error("P2024", message).at_location(self.place(group, &group.kept[0]));
        let name = &group.name;
        self.reader
            .findings
            .push(finding.help(format!(
                "tell devices apart by `device`, or leave one out: ignore = [\"{name}\"] in its source"
            )));
    }

    pub(super) fn origin(&self, group: &Gathered, kept: &Kept) -> Origin {
        let file = group.files[kept.file as usize].0.clone();
        let (line, path) = match kept.at {
            At::Whole => (None, None),
            At::Line(line) => (Some(line as usize), None),
            At::Path(path) => (None, self.paths.get(path as usize).cloned()),
        };
        Origin { file, line, path }
    }

    pub(super) fn place(&self, group: &Gathered, kept: &Kept) -> Location {
        let path: Rc<str> = group.files[kept.file as usize].1.as_str().into();
        Place::Spot { path, origin: self.origin(group, kept) }.location()
    }
}
