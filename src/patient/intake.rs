//! Takes in what readers of file formats tell, item by item: code to name, unit to unit, time to hours; keeps what is
//! needed and counts the rest.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

use serde_json::Value as Json;

use super::files::TextFile;
use super::load::Reader;
use super::measure::{Line, Measure};
use super::named::Known;
use super::readers::{Input, Item, Shape, Spot, Told, When};
use super::section::Section;
use super::vocabulary::{Conversion, Role, Term};
use super::warmup::Warmup;
use super::{Censoring, Genotype, Origin};
use crate::diagnostic::{Diagnostic, Location};
use crate::units::{Stamp, Unit};

/// The system of codes that are names themselves, as the bundle gives them.
pub(super) const NAMED: &str = "bundle";
/// Most names and devices of one bundle: more are no names.
pub(super) const MOST: usize = 1000;

/// What is gathered from all `[[source]]` entries of a bundle, and the entry that is being read.
pub(super) struct Intake<'r, 'v> {
    pub(super) reader: &'r mut Reader<'v>,
    pub(super) now: Entry,
    /// In the order in which names first came.
    pub(super) gathered: Vec<Gathered<'v>>,
    pub(super) genotypes: Vec<Genotype>,
    /// JSON pointers and the like of what was kept.
    pub(super) paths: Vec<Arc<str>>,
    /// Files whose entry says when a device was not worn, as `Entry::nonwear`.
    pub(super) nonwear: HashMap<Arc<str>, (f64, usize)>,
    /// Codes of the doubts that are told once.
    doubted: HashSet<&'static str>,
    pub(super) codes: HashMap<(&'static str, String), Known<'v>>,
    pub(super) units: HashMap<(String, String, Kind), Option<Measure>>,
}

/// The file that is being read and what its `[[source]]` says.
#[derive(Clone, Default)]
pub(super) struct Entry {
    pub file: Arc<str>,
    /// As the user sees it.
    pub path: String,
    /// Said to be of this device, whatever the file says.
    pub device: Option<String>,
    /// The device where neither the entry nor the file names one.
    pub format: &'static str,
    /// Codes and names that the bundle reads as another name.
    pub renamed: BTreeMap<String, String>,
    pub ignored: HashSet<String>,
    /// Of a name or code, or of all, what this device says alone is taken.
    pub only: Vec<(Option<String>, String)>,
    /// From how many hours without movement and pulse on the device was not worn; which entry says so.
    pub nonwear: Option<(f64, usize)>,
    pub from_h: Option<f64>,
    pub to_h: Option<f64>,
    /// When items without a time were measured.
    pub time_h: Option<f64>,
}

/// What the numbers of an item are, as far as it decides what they can be added to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Kind {
    Covariate,
    Reading,
    Series,
    Amount,
    Rate,
    Held,
}

/// All items of one name, device and kind.
pub(super) struct Gathered<'v> {
    pub name: Arc<str>,
    pub term: Option<&'v Term>,
    pub kind: Kind,
    pub device: Option<String>,
    pub unit: Unit,
    /// The units in which the files give the values.
    pub declared: Vec<String>,
    pub conversion: Conversion,
    pub limits: (Option<f64>, Option<f64>),
    pub files: Vec<(Arc<str>, String)>,
    /// Who said so, of amounts and rates, too.
    pub devices: Vec<String>,
    pub(super) numbers: HashMap<String, u16>,
    pub kept: Vec<Kept>,
    pub warmup: Option<Warmup>,
}

/// One item, small: there may be millions.
#[derive(Clone, Copy)]
pub(super) struct Kept {
    pub time_h: f64,
    /// In the stored unit; NaN where an amount is not known.
    pub value: f64,
    pub duration_h: f32,
    /// Of the measurement, in the stored unit; NaN where it is not told.
    pub sd: f32,
    pub censoring: Censoring,
    /// Index into `Gathered::devices`.
    pub device: u16,
    /// Index into `Gathered::files`.
    pub file: u32,
    pub at: At,
}

/// A spot, small.
#[derive(Clone, Copy)]
pub(super) enum At {
    Whole,
    Line(u32),
    /// Index into `Intake::paths`.
    Path(u32),
}

impl<'r, 'v> Intake<'r, 'v> {
    pub(super) fn new(reader: &'r mut Reader<'v>) -> Self {
        let (now, gathered, genotypes, paths) = (Entry::default(), Vec::new(), Vec::new(), Vec::new());
        let (nonwear, codes, units) = (HashMap::new(), HashMap::new(), HashMap::new());
        let doubted = HashSet::new();
        Self { reader, now, gathered, genotypes, paths, nonwear, doubted, codes, units }
    }

    /// Begins another entry; codes may mean something else in it.
    pub(super) fn begin(&mut self, entry: Entry) {
        if let Some(nonwear) = entry.nonwear {
            self.nonwear.insert(entry.file.clone(), nonwear);
        }
        self.now = entry;
        self.codes.clear();
    }

    /// Takes one item in, or counts it as left out, or reports what is wrong with its unit (U1001, U1002, P2025).
    pub(super) fn item(&mut self, item: &Item) {
        let (mut name, mut term, renamed) = match self.known(item.system, item.code) {
            Known::Name(name, term, renamed) => (name, term, renamed),
            Known::Ignored(why) => return self.leave_out(item.code, &why, item.spot),
        };
        if !self.chosen(&name, item.code, item.device) {
            return self.leave_out(&name, "`only` takes another device", item.spot);
        }
        let mut line = None;
        if let (Some(own), Told::Number { unit, .. }) = (term, item.told)
            && let Some(found) = Line::of(self.reader.vocabulary, own, unit, renamed)
        {
            (name, term, line) = (found.to.name.as_str().into(), Some(found.to), Some(found));
        }
        let Some(time_h) = self.hours(&name, item) else { return };
        // What holds of the person all the time is not cut off by a window.
        let lasting = item.shape == Shape::Fact && (item.when == When::Untold || matches!(item.told, Told::Born(_)));
        if let Some(why) = self.outside(time_h).filter(|_| !lasting) {
            return self.leave_out(&name, why, item.spot);
        }
        let of_others = self.unit_of_others(&name, term, item);
        let (number, unit, censoring, sd) = match item.told {
            Told::Number { value, unit, censoring, sd } if value.is_finite() => (value, unit, censoring, sd),
            Told::Number { .. } => return self.leave_out(&name, "its value is no finite number", item.spot),
            Told::Word(word) => return self.word(&name, term, word, time_h, item),
            Told::Born(date) => match self.years(date, time_h) {
                Some(years) => (years, "a", Censoring::None, None),
                None => return self.leave_out(&name, "an age needs an epoch in patient.toml", item.spot),
            },
            Told::Unknown => (f64::NAN, of_others.as_str(), Censoring::None, None),
        };
        let kind = kind_of(item.shape, term);
        let Some(measure) = self.measure(&name, term, line, unit, kind, item.spot) else { return };
        let duration_h = match item.shape {
            Shape::Amount { duration_h } => duration_h,
            Shape::Rate { duration_h } => duration_h.unwrap_or(0.0),
            Shape::Fact | Shape::Sample => 0.0,
        };
        if measure.by_duration != 0 && duration_h <= 0.0 {
            return self.leave_out(&name, "it lasts no time", item.spot);
        }
        let convert = |number: f64| measure.conversion.apply(number * duration_h.powi(measure.by_duration));
        let value = convert(number);
        // Not of an affine scale's zero.
        let sd = sd.map_or(f64::NAN, |sd| (convert(number + sd) - value).abs());
        let limits = (item.limits.0.map(convert), item.limits.1.map(convert));
        // What is counted over an interval was measured at its end.
        let time_h = if measure.kind == Kind::Reading { time_h + duration_h } else { time_h };
        let kept = Kept {
            time_h,
            value,
            duration_h: duration_h as f32,
            sd: sd as f32,
            censoring,
            device: 0,
            file: 0,
            at: self.at(item.spot),
        };
        self.keep(name, term, &measure, unit, item.device, limits, kept);
    }

    /// Reports a mistake in the file that is being read (P2033); at most a few are told in full.
    pub(super) fn wrong(&mut self, spot: Spot, message: &str, help: &str) {
        self.wrong_as("P2033", spot, message, help);
    }

    /// Reports a mistake with a code of its own.
    pub(super) fn wrong_as(&mut self, code: &'static str, spot: Spot, message: &str, help: &str) {
        self.tell(Diagnostic::error(code, message).help(help.to_string()), spot);
    }

    /// Warns of something in the file that is being read.
    pub(super) fn doubtful(&mut self, code: &'static str, spot: Spot, message: &str, help: &str) {
        self.tell(Diagnostic::warning(code, message).help(help.to_string()), spot);
    }

    /// A finding with its place; at most a few of one code a file are told in full.
    fn tell(&mut self, finding: Diagnostic, spot: Spot) {
        let location = self.location(spot);
        self.reader.findings.row(finding.code, &self.now.path, || finding.at_location(location));
    }

    /// Warns of what holds for all files of a kind, at the first.
    pub(super) fn doubtful_once(&mut self, code: &'static str, spot: Spot, message: &str, help: &str) {
        if self.doubted.insert(code) {
            self.doubtful(code, spot, message, help);
        }
    }

    /// Counts one thing that is not taken.
    pub(super) fn leave_out(&mut self, what: &str, why: &str, spot: Spot) {
        let (line, path) = match spot {
            Spot::Whole => (None, None),
            Spot::Line(line) => (Some(line), None),
            Spot::Path(path) => (None, Some(path.into())),
        };
        let file = self.now.file.clone();
        self.reader.leave_out(what, why, Origin { file, line, path });
    }

    /// The file's whole text, in whichever encoding; P2002 where it cannot be read.
    pub(super) fn text(&mut self, input: &Input) -> Option<Rc<TextFile>> {
        match self.reader.files.export(&input.name) {
            Ok(file) => Some(file),
            Err(finding) => {
                self.reader.findings.push(finding.at_location(Location::file(&*self.now.path)));
                None
            }
        }
    }

    /// The file as JSON; P2002, P2008.
    pub(super) fn json(&mut self, input: &Input) -> Option<Rc<Json>> {
        let file = self.text(input)?;
        self.reader.json_of_source(&file)
    }

    /// The file's bytes as a stream, for files that may be larger than memory, or no text; P2002.
    pub(super) fn stream(&mut self, input: &Input) -> Option<std::io::BufReader<std::fs::File>> {
        match self.reader.files.stream(&input.name) {
            Ok(file) => Some(file),
            Err(finding) => {
                self.reader.findings.push(finding.at_location(Location::file(&*self.now.path)));
                None
            }
        }
    }

    /// The text of a key that only this format has.
    pub(super) fn key<'d>(&mut self, section: &Section<'d>, key: &str) -> Option<&'d str> {
        section.text(key, &mut self.reader.findings).map(|(text, _)| text)
    }

    /// Does something with another file of the bundle that belongs to the one being read; findings are of that file.
    pub(super) fn of_file<T>(&mut self, name: &str, act: impl FnOnce(&mut Self) -> T) -> T {
        let path = self.reader.files.path(name);
        let mine = (std::mem::replace(&mut self.now.file, name.into()), std::mem::replace(&mut self.now.path, path));
        let done = act(self);
        (self.now.file, self.now.path) = mine;
        done
    }

    /// Whether a code has a name here, as the bundle or else the vocabulary has it.
    pub(super) fn knows(&mut self, system: &'static str, code: &str) -> bool {
        matches!(self.known(system, code), Known::Name(..))
    }

    /// A spot of the file that is being read, for findings.
    pub(super) fn location(&self, spot: Spot) -> Location {
        match spot {
            Spot::Whole => Location::file(&*self.now.path),
            Spot::Line(line) => Location::line(&*self.now.path, line, None),
            Spot::Path(path) => Location::file(format!("{}#{path}", self.now.path)),
        }
    }

    /// Hours since the epoch; `None` where the time cannot be had, which is told.
    fn hours(&mut self, name: &str, item: &Item) -> Option<f64> {
        let clock = &self.reader.clock;
        let stamp = match item.when {
            When::Hours(hours) => return Some(hours),
            When::Untold => return Some(self.now.time_h.unwrap_or(self.reader.start_h)),
            _ if item.shape == Shape::Fact && clock.epoch.is_none() => return Some(self.reader.start_h),
            When::Instant(instant) => clock.hours_of(instant).map(Stamp::At),
            When::Local(local) => clock.local(local),
        };
        let text = match item.when {
            When::Instant(instant) => instant.to_string(),
            When::Local(local) => local.to_string(),
            When::Hours(_) | When::Untold => String::new(),
        };
        let Some(stamp) = stamp else {
            if !self.reader.epoch_told {
                self.reader.epoch_told = true;
                self.wrong_as(
                    "P2015",
                    item.spot,
                    "time stamps need an epoch",
                    &format!(
                        "add epoch = \"{}\" to patient.toml, with the zone in which the person lives",
                        "2024-01-01T00:00:00+01:00[Europe/Berlin]"
                    ),
                );
            }
            return None;
        };
        if let Stamp::Skipped | Stamp::Repeated(_) = stamp
            && let Some(doubt) = self.reader.clock.doubt(&text, stamp)
        {
            let (code, location, path) = (doubt.code, self.location(item.spot), self.now.path.clone());
            // One reading in the hour that a clock change skips is no reason to refuse the rest.
            let doubt = Diagnostic { severity: crate::diagnostic::Severity::Warning, ..doubt };
            self.reader.findings.row(code, &path, || doubt.at_location(location));
        }
        if stamp == Stamp::Skipped {
            self.leave_out(name, "no clock ever showed its time", item.spot);
        }
        stamp.hours()
    }

    fn outside(&self, time_h: f64) -> Option<&'static str> {
        if self.now.from_h.is_some_and(|from| time_h < from) {
            Some("before the `from` of its source")
        } else if self.now.to_h.is_some_and(|to| time_h > to) {
            Some("after the `to` of its source")
        } else {
            None
        }
    }

    /// Whole and part years between a birth and a time.
    fn years(&self, born: jiff::civil::Date, time_h: f64) -> Option<f64> {
        let epoch = self.reader.clock.epoch.as_ref()?;
        let days = epoch.date().since(born).ok()?.get_days();
        Some((f64::from(days) + time_h / 24.0) / 365.25)
    }

    fn word(&mut self, name: &Arc<str>, term: Option<&'v Term>, word: &str, time_h: f64, item: &Item) {
        let categories = term.map(|term| &term.categories).filter(|categories| !categories.is_empty());
        let lower = word.to_lowercase();
        let lower = term.and_then(|term| term.answers.get(&lower)).unwrap_or(&lower);
        let Some(value) = categories.and_then(|categories| categories.get(lower)) else {
            return self.leave_out(name, &format!("`{word}` is none of its categories"), item.spot);
        };
        let Some(conversion) = Conversion::new(&Unit::one(), &Unit::one(), None) else { return };
        let kind = if item.shape == Shape::Fact { Kind::Covariate } else { kind_of(item.shape, term) };
        let measure = Measure { kind, unit: Unit::one(), conversion, by_duration: 0 };
        let (value, at) = (*value, self.at(item.spot));
        let duration_h = match item.shape {
            Shape::Amount { duration_h } | Shape::Rate { duration_h: Some(duration_h) } => duration_h as f32,
            _ => 0.0,
        };
        let (sd, censoring) = (f32::NAN, Censoring::None);
        let kept = Kept { time_h, value, duration_h, sd, censoring, device: 0, file: 0, at };
        self.keep(name.clone(), term, &measure, "", item.device, (None, None), kept);
    }

    #[allow(clippy::too_many_arguments)]
    fn keep(
        &mut self,
        name: Arc<str>,
        term: Option<&'v Term>,
        measure: &Measure,
        declared: &str,
        device: Option<&str>,
        limits: (Option<f64>, Option<f64>),
        mut kept: Kept,
    ) {
        let kind = measure.kind;
        let format = Some(self.now.format).filter(|name| !name.is_empty());
        // Amounts of two devices must not be added up, whatever the entry calls them.
        let said_by = device.or(self.now.device.as_deref()).or(format);
        let device = self.now.device.as_deref().or(said_by).filter(|_| kind == Kind::Reading);
        let same = |known: &Gathered| known.name == name && known.kind == kind && known.device.as_deref() == device;
        // What comes is mostly of the names that came last.
        let at = self.gathered.iter().rposition(same);
        if at.is_none() && self.gathered.len() >= MOST {
            let why = format!("there are more than {MOST} names and devices already");
            return self.reader.leave_out(&name, &why, Origin { file: self.now.file.clone(), line: None, path: None });
        }
        let at = at.unwrap_or_else(|| {
            self.gathered.push(Gathered::new(name, term, measure, device));
            self.gathered.len() - 1
        });
        let gathered = &mut self.gathered[at];
        if !gathered.declared.iter().any(|known| known == declared) {
            gathered.declared.push(declared.into());
        }
        if gathered.files.last().is_none_or(|(file, _)| *file != self.now.file) {
            gathered.files.push((self.now.file.clone(), self.now.path.clone()));
        }
        gathered.limits = (gathered.limits.0.or(limits.0), gathered.limits.1.or(limits.1));
        kept.file = gathered.files.len() as u32 - 1;
        match gathered.number(said_by.unwrap_or("")) {
            Some(device) => gathered.kept.push(Kept { device, ..kept }),
            None => {
                let why = format!("there are more than {MOST} devices of it already");
                let origin = Origin { file: self.now.file.clone(), line: None, path: None };
                self.reader.leave_out(&gathered.name, &why, origin);
            }
        }
    }

    fn at(&mut self, spot: Spot) -> At {
        match spot {
            Spot::Whole => At::Whole,
            Spot::Line(line) => At::Line(u32::try_from(line).unwrap_or(u32::MAX)),
            Spot::Path(path) => {
                self.paths.push(path.into());
                At::Path(self.paths.len() as u32 - 1)
            }
        }
    }
}

/// What an item of a shape is for a name: the vocabulary's role decides, else the shape.
pub(super) fn kind_of(shape: Shape, term: Option<&Term>) -> Kind {
    let role = term.and_then(|term| term.role).unwrap_or(match shape {
        Shape::Fact => Role::Covariate,
        Shape::Sample => Role::Observation,
        Shape::Amount { .. } | Shape::Rate { .. } => Role::Exposure,
    });
    match (role, shape) {
        (Role::Covariate, _) => Kind::Covariate,
        (Role::Observation, _) => Kind::Reading,
        (Role::Exposure, Shape::Amount { .. }) => Kind::Amount,
        (Role::Exposure, Shape::Rate { duration_h: Some(_) }) => Kind::Rate,
        (Role::Exposure, Shape::Rate { duration_h: None }) => Kind::Held,
        (Role::Exposure, Shape::Fact | Shape::Sample) => Kind::Series,
    }
}
