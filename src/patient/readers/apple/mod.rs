//! Apple Health's `export.xml`: records, workouts and the person, read as a stream.

mod record;
mod stream;
mod zip;

use std::io::{BufRead, Read};

use quick_xml::Reader;
use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};

use super::super::Censoring;
use super::super::intake::Intake;
use super::{Format, Head, Input, Item, Shape, Spot, Told, When};
use record::{Record, ended};
use stream::Watched;

pub(super) const FORMAT: Format = Format {
    name: "apple_health",
    about: "Apple Health's export.zip, or the export.xml in it",
    keys: &[],
    recognises,
    read,
};

/// The folder in the archive.
const FOLDER: &[u8] = b"apple_health_export/";
const SYSTEM: &str = "apple_health";
/// Real exports have four levels.
const DEEPEST: usize = 64;
/// After so many mistakes of its syntax the rest of a file is not read.
const MISTAKES: usize = 20;

fn recognises(head: &Head) -> bool {
    if head.name.ends_with(".zip") && head.bytes.starts_with(zip::LOCAL) {
        return head.bytes.windows(FOLDER.len()).any(|bytes| bytes == FOLDER);
    }
    let text = head.text();
    text.trim_start().starts_with('<') && (text.contains("<HealthData") || text.contains("<!DOCTYPE HealthData"))
}

fn read(intake: &mut Intake, input: &Input) {
    let Some(mut file) = intake.stream(input) else { return };
    let mut checked = None;
    let source: Box<dyn Read> = if file.fill_buf().is_ok_and(|bytes| bytes.starts_with(zip::LOCAL)) {
        match zip::largest_xml(file) {
            Ok((text, check)) => {
                checked = Some(check);
                text
            }
            Err(what) => return intake.wrong(Spot::Whole, &what, EXPORT),
        }
    } else {
        Box::new(file)
    };
    read_xml(intake, Watched::new(source));
    if checked.is_some_and(|check| !check.fits()) {
        intake.wrong(Spot::Whole, "the checksum of the text in the archive does not fit it", EXPORT);
    }
}

fn read_xml(intake: &mut Intake, text: Watched) {
    let mut xml = Reader::from_reader(text);
    let mut records = Records::new(intake);
    let (mut buffer, mut open, mut mistakes) = (Vec::new(), Vec::<bool>::new(), 0);
    let mut before = 0;
    loop {
        buffer.clear();
        xml.get_mut().mark();
        let event = xml.read_event_into(&mut buffer);
        let line = xml.get_ref().line;
        match event {
            Ok(Event::Start(tag)) => {
                let within = open.last().copied().unwrap_or(true);
                if open.len() == 1 {
                    records.begin(intake, &tag, line, false);
                } else if within {
                    records.inside(&tag);
                }
                // What lies in a correlation stands by itself in the file, too.
                open.push(open.is_empty() || tag.name().0 == "Record" || tag.name().0 == "Workout");
                if open.len() > DEEPEST {
                    intake.wrong(Spot::Line(line), "elements lie too deep in each other", EXPORT);
                    return;
                }
            }
            Ok(Event::Empty(tag)) if open.len() == 1 => records.begin(intake, &tag, line, true),
            Ok(Event::Empty(tag)) if open.last() == Some(&true) => records.inside(&tag),
            Ok(Event::End(_)) => {
                open.pop();
                if open.len() == 1 {
                    records.end(intake);
                }
            }
            Ok(Event::Eof) => {
                records.end(intake);
                if !open.is_empty() || !records.any {
                    let message = if records.any || !open.is_empty() {
                        format!("the file ends before `HealthData` does, at byte {}", xml.buffer_position())
                    } else {
                        "there is no `HealthData` in the file".into()
                    };
                    intake.wrong(Spot::Line(line), &message, EXPORT);
                }
                return;
            }
            Ok(_) => {}
            Err(error) => {
                let at = xml.buffer_position();
                intake.wrong(Spot::Line(line), &format!("at byte {at}: {error}"), EXPORT);
                mistakes += 1;
                if mistakes == MISTAKES || at == before || xml.get_ref().stuck() {
                    records.end(intake);
                    return;
                }
                before = at;
            }
        }
    }
}

const EXPORT: &str = "was it copied whole? Export it again: Health, your picture, Export All Health Data";

/// The elements right below the top, one at a time.
struct Records {
    now: Record,
    /// A record that waits for its end, as its metadata may decide its code.
    waiting: bool,
    /// Types whose code in the vocabulary names metadata, with the key.
    qualified: Vec<(String, String)>,
    any: bool,
}

impl Records {
    fn new(intake: &Intake) -> Self {
        let parts = |code: &str| {
            let (kind, rest) = code.split_once(';')?;
            Some((kind.to_string(), rest.split_once('=')?.0.to_string()))
        };
        let mut qualified: Vec<(String, String)> = intake.codes_of(SYSTEM).filter_map(parts).collect();
        qualified.sort();
        qualified.dedup();
        Self { now: Record::default(), waiting: false, qualified, any: false }
    }

    /// An element right below the top begins.
    fn begin(&mut self, intake: &mut Intake, tag: &BytesStart, line: usize, empty: bool) {
        self.any = true;
        let name = tag.name().0;
        match name {
            "Record" | "Workout" => {
                if let Err(error) = self.now.take(tag, line) {
                    intake.wrong(Spot::Line(line), &error.to_string(), EXPORT);
                    return;
                }
                self.waiting = true;
                if empty || !self.qualified.iter().any(|(kind, _)| *kind == self.now.kind) {
                    self.end(intake);
                }
            }
            "Me" => me(intake, tag, line),
            "ExportDate" => {}
            "Correlation" => intake.leave_out(name, "its records stand by themselves", Spot::Line(line)),
            _ => intake.leave_out(name, "nothing of it is read", Spot::Line(line)),
        }
    }

    /// Metadata inside a record that waits.
    fn inside(&mut self, tag: &BytesStart) {
        if !self.waiting || tag.name().0 != "MetadataEntry" {
            return;
        }
        let text = |key: &str| {
            let attribute = tag.try_get_attribute(key).ok()??;
            Some(attribute.normalized_value(XmlVersion::Implicit1_0).ok()?.into_owned())
        };
        let (Some(key), Some(value)) = (text("key"), text("value")) else { return };
        if self.qualified.iter().any(|(kind, known)| *kind == self.now.kind && *known == key) {
            self.now.told.push((key, value));
        }
    }

    /// The record that waits is whole.
    fn end(&mut self, intake: &mut Intake) {
        if std::mem::take(&mut self.waiting) {
            self.now.tell(intake);
        }
    }
}

/// What is known of the person: attributes whose names are codes.
fn me(intake: &mut Intake, tag: &BytesStart, line: usize) {
    for attribute in tag.attributes().with_checks(false).flatten() {
        let Ok(value) = attribute.normalized_value(XmlVersion::Implicit1_0) else { continue };
        let code = attribute.key.0;
        let told = match value.parse::<jiff::civil::Date>() {
            Ok(date) => Told::Born(date),
            // `HKBiologicalSexMale` of `HKCharacteristicTypeIdentifierBiologicalSex`.
            Err(_) => Told::Word(ended(code, &value, "HK")),
        };
        intake.item(&Item {
            system: SYSTEM,
            code,
            shape: Shape::Fact,
            told,
            when: When::Untold,
            device: None,
            limits: (None, None),
            spot: Spot::Line(line),
        });
    }
}

/// A number in a unit of the table.
fn number(value: f64, unit: &str) -> Told<'_> {
    Told::Number { value, unit, censoring: Censoring::None, sd: None }
}
