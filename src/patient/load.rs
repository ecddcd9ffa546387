//! Loads a bundle: `patient.toml`, then every entry it declares; all findings at once.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use serde_json::Value as Json;
use toml::de::DeValue;

use super::check::Row;
use super::files::{Files, Place, TextFile, listed};
use super::section::Section;
use super::table::Table;
use super::vocabulary::{Conversion, Term, misfit};
use super::{LeftOut, Origin, Patient, Vocabulary};
use crate::diagnostic::{Diagnostic, Diagnostics, Document, Findings, Location, Severity, nearest};
use crate::units::{self, Clock, TimeError, Unit, mismatch, unreadable};

const MANIFEST: &str = "patient.toml";
/// So many kinds of things left out are told by name.
const MANY: usize = 500;
const OTHERS: &str = "others";
const KEYS: [&str; 12] = [
    "name",
    "about",
    "model",
    "epoch",
    "start",
    "covariates",
    "exposure",
    "observation",
    "source",
    "device",
    "tested",
    "summary",
];

/// What is known while a bundle is being read.
pub(super) struct Reader<'v> {
    pub vocabulary: &'v Vocabulary,
    pub files: Files,
    pub findings: Findings,
    pub clock: Clock,
    epoch_written: bool,
    pub start_h: f64,
    pub hour: Unit,
    pub tables: HashMap<Arc<str>, Option<Rc<Table>>>,
    pub parsed: HashMap<Arc<str>, Option<Rc<Json>>>,
    /// Columns and JSON keys that an entry declares; the others are left out, and said to be.
    pub used_columns: HashSet<(Arc<str>, usize)>,
    pub used_keys: HashSet<(Arc<str>, String)>,
    left_out: Vec<LeftOut>,
    places: BTreeMap<String, Location>,
    unknown_names: HashSet<String>,
    /// Whether it was said already that time stamps need an epoch.
    pub epoch_told: bool,
}

impl Patient {
    /// Reads the bundle in a folder, with the vocabulary that comes with the program.
    ///
    /// Returns the patient and the warnings, or, where anything is wrong, all findings (P2001 to P2028, U1001 to U1003).
    pub fn load(folder: &Path) -> Result<(Patient, Diagnostics), Diagnostics> {
        Self::load_with(folder, Vocabulary::embedded()?)
    }

    /// Reads the bundle in a folder, with a vocabulary of the caller's.
    pub fn load_with(folder: &Path, vocabulary: &Vocabulary) -> Result<(Patient, Diagnostics), Diagnostics> {
        let (patient, found) = Self::parse(folder, vocabulary)?;
        if found.has_errors() { Err(found) } else { Ok((patient, found)) }
    }

    /// Reads what can be read of the bundle in a folder, to be shown: where there are errors, what is there of the
    /// patient is not whole.
    pub fn read(folder: &Path) -> (Option<Patient>, Diagnostics) {
        match Vocabulary::embedded().and_then(|vocabulary| Self::parse(folder, vocabulary)) {
            Ok((patient, found)) => (Some(patient), found),
            Err(found) => (None, found),
        }
    }

    /// All findings beside the patient; none where there is no manifest to read.
    fn parse(folder: &Path, vocabulary: &Vocabulary) -> Result<(Patient, Diagnostics), Diagnostics> {
        let hour = Unit::parse("h").map_err(|error| unreadable(&error))?;
        let mut reader = Reader {
            vocabulary,
            files: Files::new(folder),
            findings: Findings::default(),
            clock: Clock::default(),
            epoch_written: false,
            start_h: 0.0,
            hour,
            tables: HashMap::new(),
            parsed: HashMap::new(),
            used_columns: HashSet::new(),
            used_keys: HashSet::new(),
            left_out: Vec::new(),
            places: BTreeMap::new(),
            unknown_names: HashSet::new(),
            epoch_told: false,
        };
        if !folder.join(MANIFEST).is_file() {
            return Err(no_bundle(folder).into());
        }
        let file = reader
            .files
            .text(MANIFEST)
            .map_err(|finding| finding.at_location(Location::file(folder.join(MANIFEST).to_string_lossy())))?;
        let text = file.source.text.clone();
        let table = file.parse(&text)?;
        let patient = reader.patient(&file.top(&table, "patient.toml"), folder);
        Ok((patient, reader.findings.finish()))
    }
}

impl<'v> Reader<'v> {
    fn patient(&mut self, top: &Section, folder: &Path) -> Patient {
        top.only(&KEYS, &mut self.findings);
        let folder_name = || {
            let whole = std::path::absolute(folder).unwrap_or_else(|_| folder.into());
            whole.file_name().map_or_else(|| "unnamed".into(), |name| name.to_string_lossy().into_owned())
        };
        let name = top.text("name", &mut self.findings).map_or_else(folder_name, |(name, _)| name.to_string());
        let about = top.text("about", &mut self.findings).map_or_else(String::new, |(about, _)| about.to_string());
        let model = top.text("model", &mut self.findings).map(|(model, _)| model.to_string());
        self.places.insert("patient.toml".into(), top.file.source.locate(top.span()));
        for key in ["model", "covariates"] {
            if let Some(value) = top.get(key) {
                self.places.insert(key.into(), top.file.source.locate(value.span));
            }
        }
        self.clock.epoch = self.epoch(top);
        self.start_h = top.get("start").map_or(Some(0.0), |_| self.moment(top, "start")).unwrap_or(0.0);
        let mut covariates = match top.get("covariates").map(|value| (value.get.as_table(), value)) {
            Some((Some(table), value)) => {
                self.covariates(&Section::new(&top.file, table, value.span, "the covariates"))
            }
            Some((None, value)) => {
                self.findings.push(top.wrong_kind(&value, "a table, [covariates]"));
                Vec::new()
            }
            None => Vec::new(),
        };
        let sections = top.sections("exposure", "this exposure", &mut self.findings);
        let mut exposures = self.exposures(&sections);
        let sections = top.sections("observation", "this observation", &mut self.findings);
        let mut observations = self.observations(&sections);
        let sections = top.sections("source", "this source", &mut self.findings);
        let intake = self.sources(&sections);
        let genotypes = intake.assemble(&mut covariates, &mut exposures, &mut observations);
        self.leave_out_empty(&mut exposures);
        let sections = top.sections("device", "this device", &mut self.findings);
        let devices = self.devices(&sections);
        let sections = top.sections("tested", "this entry", &mut self.findings);
        let tested = self.tested(&sections);
        let sections = top.sections("summary", "this summary", &mut self.findings);
        let summaries = self.summaries(&sections, &observations);
        self.account_for_unread();
        let patient = Patient {
            name,
            about,
            model,
            epoch: self.clock.epoch.clone(),
            start_h: self.start_h,
            covariates,
            exposures,
            observations,
            devices,
            tested,
            genotypes,
            summaries,
            variations: self.vocabulary.variations(),
            left_out: std::mem::take(&mut self.left_out),
            places: std::mem::take(&mut self.places),
            hash: self.files.hash(),
        };
        for finding in patient.check_summaries().err().iter().flat_map(Diagnostics::iter) {
            self.findings.push(finding.clone());
        }
        self.check_whole(&patient, top);
        patient
    }

    fn epoch(&mut self, top: &Section) -> Option<jiff::ZonedDateTime> {
        let value = top.get("epoch")?;
        self.epoch_written = true;
        let text = match value.get {
            DeValue::String(text) => text.to_string(),
            DeValue::Datetime(datetime) => datetime.to_string(),
            _ => {
                self.findings.push(top.wrong_kind(&value, "a time stamp, as in \"2024-01-01T00:00:00+00:00[UTC]\""));
                return None;
            }
        };
        let epoch = units::instant(&text);
        if epoch.is_none() {
            // What follows from it is not told again.
            self.epoch_told = true;
            let finding = Diagnostic::error("P2015", format!("`{text}` is not a time stamp with a time zone"));
            let help = match (units::in_its_zone(&text), units::local(&text)) {
                (Some(meant), _) => {
                    format!("the offset is not the zone's at that time: epoch = \"{meant}\"")
                }
                (None, local) => {
                    let example = local.map(|local| format!("{local}+00:00[UTC]"));
                    let example = example.unwrap_or_else(|| "2024-01-01T00:00:00+01:00[Europe/Berlin]".into());
                    format!("write the date, the time and the zone: epoch = \"{example}\"")
                }
            };
            self.findings.push(finding.at(&top.file.source, value.span).help(help));
        }
        epoch
    }

    /// The term of a name; a name that the vocabulary lacks is legal and warned of once (P2009).
    pub(super) fn term(&mut self, name: &str, place: Place) -> Option<&'v Term> {
        self.places.entry(name.into()).or_insert_with(|| place.location());
        let term = self.vocabulary.term(name);
        if term.is_none() && self.unknown_names.insert(name.into()) {
            let near = nearest(name, self.vocabulary.terms().map(|term| term.name.as_str()));
            let finding = Diagnostic::warning("P2009", format!("`{name}` is not in the vocabulary"));
            self.findings.push(finding.at_location(place.location()).help(match near {
                Some(near) => format!("did you mean `{near}`? Else it is read as declared, with no check of its range"),
                None => "it is read in the unit declared, with no check of its range".into(),
            }));
        }
        term
    }

    /// The unit in which values of a declared unit are stored, and how to get there (U1002, P2025).
    pub(super) fn stored(&mut self, term: Option<&Term>, declared: &Unit, place: &Place) -> Option<(Unit, Conversion)> {
        let Some(term) = term else { return Some((declared.clone(), Conversion::new(declared, declared, None)?)) };
        let conversion = term.conversion(declared);
        if conversion.is_none() {
            self.findings.push(misfit(term, declared).at_location(place.location()));
        }
        Some((term.unit.clone(), conversion?))
    }

    /// A time: a quantity since the epoch, or a time stamp.
    pub(super) fn moment(&mut self, section: &Section, key: &'static str) -> Option<f64> {
        let value = section.get(key)?;
        let text = match value.get {
            DeValue::String(text) => text.to_string(),
            DeValue::Datetime(datetime) => datetime.to_string(),
            _ => {
                self.findings.push(section.wrong_kind(&value, "a time, as in \"90 min\""));
                return None;
            }
        };
        if let Some(doubt) = self.clock.stamp(&text).and_then(|stamp| self.clock.doubt(&text, stamp)) {
            self.findings.push(doubt.at(&section.file.source, value.span));
        }
        let finding = match self.clock.read(&text) {
            Ok(hours) => return Some(hours),
            Err(TimeError::Dimension { unit }) => mismatch(&unit, &self.hour),
            Err(TimeError::Skipped { .. }) => return None,
            Err(TimeError::NoEpoch) if self.epoch_written => return None,
            Err(TimeError::NoEpoch) => no_epoch(),
            Err(TimeError::Quantity(error)) => unreadable(&error),
            Err(error @ TimeError::Stamp { .. }) => Diagnostic::error("P2015", error.to_string()),
        };
        self.findings.push(finding.at(&section.file.source, value.span));
        None
    }

    /// Counts one more thing of `what` that is left out because of `why`.
    pub(super) fn leave_out(&mut self, what: &str, why: &str, origin: Origin) {
        let known = |what: &str, all: &[LeftOut]| all.iter().position(|known| known.what == what && known.why == why);
        // A file in which every row has another name is no export: its names are counted together.
        let full = self.left_out.len() >= MANY;
        let at = known(what, &self.left_out).or_else(|| known(OTHERS, &self.left_out).filter(|_| full));
        match at.or((self.left_out.len() >= 2 * MANY).then(|| self.left_out.len() - 1)) {
            Some(at) => self.left_out[at].count += 1,
            None => {
                let what = if full { OTHERS } else { what };
                self.left_out.push(LeftOut { what: what.into(), why: why.into(), count: 1, origin });
            }
        }
    }

    /// Says which files, columns and JSON keys of the bundle no entry declares.
    fn account_for_unread(&mut self) {
        for name in self.files.unread() {
            let origin = Origin { file: name.as_str().into(), line: None, path: None };
            self.leave_out(&name, "no entry of patient.toml names this file", origin);
        }
        let mut unused: BTreeMap<Arc<str>, (&str, Vec<String>)> = BTreeMap::new();
        for (file, table) in self.tables.iter().filter_map(|(file, table)| Some((file, table.as_ref()?))) {
            let names = table.columns().enumerate().filter(|(at, _)| !self.used_columns.contains(&(file.clone(), *at)));
            let names: Vec<String> = names.map(|(_, name)| name.to_string()).collect();
            unused.insert(file.clone(), ("column", names));
        }
        for (file, json) in self.parsed.iter().filter_map(|(file, json)| Some((file, json.as_ref()?))) {
            let names = json.as_object().into_iter().flatten().map(|(key, _)| key.clone());
            let names: Vec<String> =
                names.filter(|key| !self.used_keys.contains(&(file.clone(), key.clone()))).collect();
            unused.insert(file.clone(), ("key", names));
        }
        for (file, (noun, names)) in unused.into_iter().filter(|(_, (_, names))| !names.is_empty()) {
            let plural = if names.len() == 1 { "" } else { "s" };
            let why = format!("{noun}{plural} {}: not declared", listed(&names));
            let origin = Origin { file: file.clone(), line: None, path: None };
            self.left_out.push(LeftOut { what: file.to_string(), why, count: names.len(), origin });
        }
    }

    /// Checks that need everything: whether anything was observed, and what happens after the last observation.
    fn check_whole(&mut self, patient: &Patient, top: &Section) {
        let Some(end) = patient.end_h() else {
            // Where readings were refused, their errors say so.
            if self.findings.errors() == 0 {
                let finding = Diagnostic::warning("P2023", "the bundle holds no observations");
                let finding = finding.at(&top.file.source, top.span());
                self.findings
                    .push(finding.help("add [[observation]] entries; without any, a twin is the population's"));
            }
            return;
        };
        for exposure in &patient.exposures {
            let late = exposure.events.iter().filter(|event| event.time_h > end);
            let count = late.clone().count();
            let Some(first) = late.min_by(|a, b| a.time_h.total_cmp(&b.time_h)) else { continue };
            let verb = if count == 1 { "comes" } else { "come" };
            let message = format!("{count} of `{}` {verb} after the last observation ({end} h)", exposure.name);
            let finding = Diagnostic {
                severity: Severity::Warning,
                ..Diagnostic::error("P2022", message).help("nothing measured can tell what it did; is the time right?")
            };
            let path = self.files.path(&first.origin.file);
            let line = first.origin.line.unwrap_or(1);
            self.findings.push(finding.at_location(Location::line(path, line, None)));
        }
    }

    /// The table, time column and its hours' check for an entry that reads a file.
    pub(super) fn timed_table(&mut self, section: &Section) -> Option<(Rc<Table>, super::columns::Column)> {
        let (name, span) = section.text("file", &mut self.findings)?;
        let has_time = section.required("time", "time = \"COLUMN [min]\"", &mut self.findings);
        let file: Rc<TextFile> = self.file(name, section.place(span))?;
        let table = self.table(&file)?;
        let (text, span) = has_time?;
        let time = self.column_of(section, text, span, &table)?;
        let finding = match &time.unit {
            Some(unit) if !unit.is_time() => mismatch(unit, &self.hour),
            // An epoch that was refused has its own finding.
            None if self.clock.epoch.is_none() && self.epoch_written => return None,
            None if self.clock.epoch.is_none() => no_epoch(),
            _ => return Some((table, time)),
        };
        self.findings.push(finding.at(&section.file.source, span));
        None
    }

    /// The time of a table's row; a row without one is left out.
    pub(super) fn row_time(
        &mut self,
        name: &str,
        table: &Rc<Table>,
        row: usize,
        time: &super::columns::Column,
    ) -> Option<f64> {
        let hour = self.hour.clone();
        match self.time(table, row, time, &hour) {
            super::columns::Cell::Number(hours, _) => Some(hours),
            super::columns::Cell::Empty => {
                self.leave_out(
                    name,
                    "the cell of its time is empty",
                    Self::cell_place(table, row, time.index).origin(),
                );
                None
            }
            _ => None,
        }
    }

    /// Checks that hold for the rows of every entry: none before the start, times in order.
    pub(super) fn check_times(&mut self, rows: &[Row]) {
        self.check_start(rows);
        self.check_order(rows);
    }
}

fn no_epoch() -> Diagnostic {
    Diagnostic::error("P2015", "a time stamp needs an epoch, and numbers need a unit").help(
        "add epoch = \"2024-01-01T00:00:00+00:00[UTC]\" to patient.toml; for a column of numbers write \"COLUMN [min]\"",
    )
}

/// P2001: says what there is instead of a bundle.
fn no_bundle(folder: &Path) -> Diagnostic {
    let shown = folder.to_string_lossy().into_owned();
    let bundles_in = |folder: &Path| {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let mut names: Vec<String> = entries
            .filter(|entry| entry.path().join(MANIFEST).is_file())
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    };
    if folder.is_file() {
        let finding = Diagnostic::error("P2001", format!("`{shown}` is a file; a bundle is a folder"));
        return finding.help(format!("name the folder that holds `{MANIFEST}`"));
    }
    if folder.is_dir() {
        let finding = Diagnostic::error("P2001", format!("the folder `{shown}` holds no `{MANIFEST}`"));
        let inner = bundles_in(folder);
        if !inner.is_empty() {
            return finding.help(format!("bundles in it: {}", listed(&inner)));
        }
        return finding.help("write one: name what the files are; `homeostat explain P2001` shows the smallest");
    }
    let finding = Diagnostic::error("P2001", format!("there is no folder `{shown}`"));
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let beside = bundles_in(parent);
    let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    match nearest(&name, beside.iter().map(String::as_str)) {
        Some(near) => finding.help(format!("did you mean `{}`?", parent.join(near).display())),
        None if beside.is_empty() => finding.help(format!("`{}` holds no bundles", parent.display())),
        None => finding.help(format!("bundles in `{}`: {}", parent.display(), listed(&beside))),
    }
}
