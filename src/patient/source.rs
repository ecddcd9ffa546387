//! The `[[source]]` entries of a bundle: which files, of which format, and what of them is taken.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use super::intake::{Entry, Intake};
use super::load::Reader;
use super::readers::{FORMATS, Format, Head, Input};
use super::section::Section;
use crate::diagnostic::{Diagnostic, Location, nearest};

/// Keys that a source of any format may have.
const KEYS: [&str; 10] = ["file", "format", "device", "only", "as", "ignore", "from", "to", "time", "nonwear"];

impl<'v> Reader<'v> {
    /// Reads the files of all sources, in the order written.
    pub(super) fn sources<'r>(&'r mut self, sections: &[Section]) -> Intake<'r, 'v> {
        let mut intake = Intake::new(self);
        for (number, section) in sections.iter().enumerate() {
            let Some((pattern, span)) = section.required("file", "file = \"export.csv\"", &mut intake.reader.findings)
            else {
                continue;
            };
            let format = match section.text("format", &mut intake.reader.findings) {
                Some((name, span)) => match FORMATS.iter().find(|format| format.name == name) {
                    Some(format) => Some(format),
                    None => {
                        let finding = Diagnostic::error("P2032", format!("`{name}` is no format of files"));
                        let finding = finding.at(&section.file.source, span);
                        intake.reader.findings.push(finding.help(known_formats(name)));
                        continue;
                    }
                },
                None => None,
            };
            let names = match intake.reader.files.matching(pattern) {
                Ok(names) => names,
                Err(finding) => {
                    intake.reader.findings.push(finding.at(&section.file.source, span));
                    continue;
                }
            };
            // Keys, and times and names in them, are judged once, not once a file.
            let entry = intake.entry(section, number);
            for (at, name) in names.into_iter().enumerate() {
                let first = at == 0;
                let place = || section.file.source.locate(span);
                let Some(format) = format.or_else(|| intake.recognised(&name, place())) else { continue };
                if first {
                    let known: Vec<&str> = KEYS.iter().chain(format.keys).copied().collect();
                    section.only(&known, &mut intake.reader.findings);
                }
                let path = intake.reader.files.path(&name);
                let name: Arc<str> = name.as_str().into();
                let told = Entry { file: name.clone(), path: path.clone(), format: format.name, ..entry.clone() };
                intake.begin(told);
                (format.read)(&mut intake, &Input { name, path: path.into(), section });
            }
        }
        intake
    }
}

impl Intake<'_, '_> {
    /// What a section says of everything in its files.
    fn entry(&mut self, section: &Section, number: usize) -> Entry {
        let device = section.text("device", &mut self.reader.findings).map(|(device, _)| device.to_string());
        let time =
            |key: &'static str, intake: &mut Self| section.get(key).and_then(|_| intake.reader.moment(section, key));
        let (from_h, to_h, time_h) = (time("from", self), time("to", self), time("time", self));
        let mut renamed = BTreeMap::new();
        if let Some(value) = section.get("as") {
            match value.get.as_table() {
                Some(table) => {
                    let inner = Section::new(&section.file, table, value.span, "the names");
                    for pair in inner.values() {
                        match pair.get.as_str() {
                            Some(name) => {
                                self.reader.term(name, inner.place(pair.span));
                                renamed.insert(pair.key.clone(), name.to_string());
                            }
                            None => self.reader.findings.push(inner.wrong_kind(&pair, "a name in quotation marks")),
                        }
                    }
                }
                None => {
                    let expected = "a table of codes and names, as in { \"8480-6\" = \"systolic_pressure\" }";
                    self.reader.findings.push(section.wrong_kind(&value, expected));
                }
            }
        }
        let mut ignored = HashSet::new();
        if let Some(value) = section.get("ignore") {
            let texts = value.get.as_array().map(|list| list.iter().map(|item| item.get_ref().as_str()).collect());
            match texts.and_then(|texts: Vec<Option<&str>>| texts.into_iter().collect::<Option<Vec<_>>>()) {
                Some(texts) => ignored.extend(texts.into_iter().map(String::from)),
                None => self.reader.findings.push(section.wrong_kind(&value, "a list of names or codes")),
            }
        }
        let only = self.only(section);
        let nonwear = self.nonwear(section).map(|hours| (hours, number));
        Entry { device, renamed, ignored, only, nonwear, from_h, to_h, time_h, ..Entry::default() }
    }

    /// The format that a file looks like (P2032 if none).
    fn recognised(&mut self, name: &str, place: Location) -> Option<&'static Format> {
        let bytes = match self.reader.files.head(name) {
            Ok(bytes) => bytes,
            Err(finding) => {
                self.reader.findings.push(finding.at_location(place));
                return None;
            }
        };
        let head = Head { name: name.to_lowercase(), bytes };
        let format = FORMATS.iter().find(|format| (format.recognises)(&head));
        if format.is_none() {
            let finding = Diagnostic::error("P2032", format!("`{name}` looks like no format that is known"));
            self.reader.findings.push(finding.at_location(place).help(known_formats("")));
        }
        format
    }
}

/// The nearest name, else all of them.
fn known_formats(name: &str) -> String {
    let names = FORMATS.iter().map(|format| format.name);
    if let Some(near) = nearest(name, names) {
        return format!("did you mean `{near}`?");
    }
    let formats: Vec<String> = FORMATS.iter().map(|format| format!("{} ({})", format.name, format.about)).collect();
    format!("write format = one of: {}", formats.join("; "))
}
