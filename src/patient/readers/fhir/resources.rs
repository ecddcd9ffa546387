//! The resources of a file, one by one, each with its place: of a bundle, or a line each.

use std::io::{BufRead, Read};
use std::rc::Rc;

use serde_json::Value as Json;

use super::super::super::intake::Intake;
use super::super::{Input, Spot};

/// A line longer than this is no resource that anyone exports.
const LONGEST_LINE: u64 = 64 << 20;

/// Types of a bundle in which every resource stands once, as it is now.
const BUNDLES: [&str; 8] = [
    "transaction",
    "transaction-response",
    "batch",
    "batch-response",
    "searchset",
    "collection",
    "document",
    "message",
];

/// One resource with its place in the file.
pub(super) struct Resource<'a> {
    pub json: &'a Json,
    pub path: String,
    /// The address that a bundle gives it.
    pub url: Option<&'a str>,
}

impl Resource<'_> {
    pub(super) fn kind(&self) -> &str {
        self.json["resourceType"].as_str().unwrap_or("")
    }
}

/// A file that holds resources.
pub(super) enum Source<'i, 'd> {
    Whole(Rc<Json>),
    Lines(&'i Input<'i, 'd>),
}

impl<'i, 'd> Source<'i, 'd> {
    pub(super) fn open(intake: &mut Intake, input: &'i Input<'i, 'd>) -> Option<Self> {
        let lower = input.name.to_lowercase();
        if lower.ends_with(".ndjson") || lower.ends_with(".jsonl") || first_line_is_whole(intake, input)? {
            return Some(Self::Lines(input));
        }
        let json = intake.json(input)?;
        let kind = json["type"].as_str().unwrap_or("");
        if json["resourceType"] == "Bundle" && !BUNDLES.contains(&kind) {
            let message = format!("a bundle of type `{kind}` does not hold every resource once, as it is now");
            intake.wrong(Spot::Path("/type"), &message, "export a searchset, a collection or a transaction");
            return None;
        }
        Some(Self::Whole(json))
    }

    /// Hands out the resources in the order of the file; `tell` says whether mistakes of the file are to be reported.
    pub(super) fn each(&self, intake: &mut Intake, tell: bool, take: &mut dyn FnMut(&mut Intake, &Resource)) {
        match self {
            Self::Whole(json) if json["resourceType"] == "Bundle" => {
                for (at, entry) in json["entry"].as_array().into_iter().flatten().enumerate() {
                    let (json, path) = (&entry["resource"], format!("/entry/{at}/resource"));
                    if !json.is_null() {
                        take(intake, &Resource { json, path, url: entry["fullUrl"].as_str() });
                    }
                }
            }
            Self::Whole(json) => take(intake, &Resource { json, path: String::new(), url: None }),
            Self::Lines(input) => lines(intake, input, tell, take),
        }
    }
}

/// Whether the first line is a resource by itself, and no bundle.
fn first_line_is_whole(intake: &mut Intake, input: &Input) -> Option<bool> {
    let mut line = Vec::new();
    let stream = intake.stream(input)?;
    let read = stream.take(LONGEST_LINE).read_until(b'\n', &mut line);
    let json: Option<Json> = read.ok().and_then(|_| serde_json::from_slice(without_mark(&line)).ok());
    Some(json.is_some_and(|json| json["resourceType"].is_string() && json["resourceType"] != "Bundle"))
}

fn lines(intake: &mut Intake, input: &Input, tell: bool, take: &mut dyn FnMut(&mut Intake, &Resource)) {
    let Some(mut stream) = intake.stream(input) else { return };
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        let read = (&mut stream).take(LONGEST_LINE).read_until(b'\n', &mut line);
        let wrong = match read {
            Ok(0) => return,
            Ok(count) if count as u64 == LONGEST_LINE && !line.ends_with(b"\n") => Some("this line has no end".into()),
            Ok(_) => None,
            Err(error) => Some(format!("the rest cannot be read: {error}")),
        };
        if let Some(message) = wrong {
            if tell {
                intake.wrong(Spot::Line(number), &message, "export the file again");
            }
            return;
        }
        let text = without_mark(&line);
        if text.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        match serde_json::from_slice::<Json>(text) {
            Ok(json) => take(intake, &Resource { json: &json, path: format!("line {number}"), url: None }),
            Err(error) if tell => {
                let message = format!("this line is no JSON: {error}");
                let message = message.split(" at line ").next().unwrap_or("");
                intake.wrong(Spot::Line(number), message, "was the file cut short? export it again");
            }
            Err(_) => {}
        }
    }
}

fn without_mark(line: &[u8]) -> &[u8] {
    line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line)
}
