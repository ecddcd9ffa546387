//! One record or workout of Apple Health: its times, unit and code.

use std::fmt::Write;

use jiff::Timestamp;
use jiff::tz::Offset;
use quick_xml::XmlVersion;
use quick_xml::events::BytesStart;

use super::super::super::intake::Intake;
use super::super::super::vocabulary::Role;
use super::super::{Item, Shape, Spot, Told, When};
use super::{EXPORT, SYSTEM, number};

/// Attributes as the file has them, in texts that are used again.
#[derive(Default)]
pub(super) struct Record {
    pub kind: String,
    unit: String,
    value: String,
    start: String,
    end: String,
    device: String,
    /// Metadata that decides the code.
    pub told: Vec<(String, String)>,
    line: usize,
    /// Units of the file and what they are in UCUM.
    units: Vec<(String, String)>,
}

impl Record {
    /// Takes a tag's attributes.
    pub(super) fn take(&mut self, tag: &BytesStart, line: usize) -> quick_xml::Result<()> {
        for text in [&mut self.unit, &mut self.value, &mut self.start, &mut self.end, &mut self.device] {
            text.clear();
        }
        self.kind.clear();
        self.told.clear();
        self.line = line;
        let whole = tag.name().0 == "Workout";
        if whole {
            self.kind.push_str("Workout");
        }
        for attribute in tag.attributes().with_checks(false) {
            let attribute = attribute?;
            let field = match attribute.key.0 {
                "type" if !whole => &mut self.kind,
                "unit" => &mut self.unit,
                "value" => &mut self.value,
                "startDate" => &mut self.start,
                "endDate" => &mut self.end,
                "sourceName" => &mut self.device,
                _ => continue,
            };
            field.clear();
            field.push_str(&attribute.normalized_value(XmlVersion::Implicit1_0)?);
        }
        Ok(())
    }

    /// Hands the record over.
    pub(super) fn tell(&mut self, intake: &mut Intake) {
        let spot = Spot::Line(self.line);
        let (start, end) = (moment(&self.start), moment(&self.end));
        let lasts = start.zip(end).map_or(0, |(start, end)| end.as_second() - start.as_second());
        let code = self.code(intake, lasts);
        let Some(role) = intake.named(SYSTEM, &code) else {
            // To be counted.
            return intake.item(&self.item(&code, Shape::Sample, Told::Unknown, When::Untold));
        };
        let Some(start) = start else {
            let message = format!("`startDate` is no time of the form 2026-01-05 08:15:00 +0100 (`{code}`)");
            return intake.wrong(spot, &message, EXPORT);
        };
        if end.is_none() || lasts < 0 {
            return intake.wrong(spot, &format!("`endDate` is no time at or after `startDate` (`{code}`)"), EXPORT);
        }
        let duration_h = lasts as f64 / 3600.0;
        let given = role == Some(Role::Exposure);
        let (mut shape, mut when) = (Shape::Sample, When::Instant(start));
        let told = if self.kind == "Workout" {
            shape = Shape::Rate { duration_h: Some(duration_h) };
            number(1.0, "1")
        } else if let Ok(value) = self.value.parse::<f64>() {
            if given {
                shape = Shape::Amount { duration_h };
            } else if lasts > 0 {
                // What holds for an interval as a whole stands in its middle.
                when = When::Instant(Timestamp::from_second(start.as_second() + lasts / 2).unwrap_or(start));
            }
            number(value, ucum(&mut self.units, &self.unit))
        } else if self.value.is_empty() {
            return intake.wrong(spot, &format!("a record has no `value` (`{code}`)"), EXPORT);
        } else {
            if given {
                shape = Shape::Rate { duration_h: Some(duration_h) };
            }
            // `HKCategoryValueSleepAnalysisAwake` of `HKCategoryTypeIdentifierSleepAnalysis`.
            Told::Word(ended(&self.kind, &self.value, "HKCategoryValue"))
        };
        intake.item(&Item {
            system: SYSTEM,
            code: &code,
            shape,
            told,
            when,
            device: Some(&*self.device).filter(|device| !device.is_empty()),
            limits: (None, None),
            spot,
        });
    }

    fn item<'i>(&'i self, code: &'i str, shape: Shape, told: Told<'i>, when: When) -> Item<'i> {
        let spot = Spot::Line(self.line);
        Item { system: SYSTEM, code, shape, told, when, device: None, limits: (None, None), spot }
    }

    /// The type, with what of the metadata, and of whether it lasts, the vocabulary distinguishes.
    fn code(&self, intake: &mut Intake, lasts: i64) -> String {
        let mut code = String::new();
        for (key, value) in &self.told {
            code.clear();
            let _ = write!(code, "{};{key}={value}", self.kind);
            if lasts == 0 {
                let at_once = format!("{code};at once");
                if intake.named(SYSTEM, &at_once).is_some() {
                    return at_once;
                }
            }
            if intake.named(SYSTEM, &code).is_some() {
                return code;
            }
        }
        self.kind.clone()
    }
}

/// The end of a value that repeats its type: `Male` of `…TypeIdentifierBiologicalSex`, `HKBiologicalSexMale`.
pub(super) fn ended<'v>(kind: &str, value: &'v str, start: &str) -> &'v str {
    let own = kind.split_once("Identifier").map_or(kind, |(_, own)| own);
    value.strip_prefix(start).and_then(|rest| rest.strip_prefix(own)).unwrap_or(value)
}

/// `2026-01-05 08:15:00 +0100`.
fn moment(text: &str) -> Option<Timestamp> {
    let bytes = text.as_bytes();
    let shape = b"0000-00-00 00:00:00 +0000";
    let fits = bytes.len() == shape.len()
        && bytes.iter().zip(shape).all(|(byte, like)| match like {
            b'0' => byte.is_ascii_digit(),
            b'+' => matches!(byte, b'+' | b'-'),
            _ => byte == like,
        });
    if !fits {
        return None;
    }
    let number =
        |from: usize, to: usize| bytes[from..to].iter().fold(0_i32, |all, byte| all * 10 + i32::from(byte - b'0'));
    let part = |from: usize| number(from, from + 2) as i8;
    let local =
        jiff::civil::DateTime::new(number(0, 4) as i16, part(5), part(8), part(11), part(14), part(17), 0).ok()?;
    let seconds = i32::from(part(21)) * 3600 + i32::from(part(23)) * 60;
    let offset = Offset::from_seconds(if bytes[20] == b'-' { -seconds } else { seconds }).ok()?;
    offset.to_timestamp(local).ok()
}

/// Units whose name is another in UCUM; a percentage is told as a fraction.
const UNITS: [(&str, &str); 20] = [
    ("count", "1"),
    ("%", "1"),
    ("hr", "h"),
    ("degC", "Cel"),
    ("degF", "[degF]"),
    ("mmHg", "mm[Hg]"),
    ("inHg", "[in_i'Hg]"),
    ("cmAq", "cm[H2O]"),
    ("atm", "atm"),
    ("IU", "[iU]"),
    ("Cal", "kcal"),
    ("mcg", "ug"),
    ("lb", "[lb_av]"),
    ("oz", "[oz_av]"),
    ("st", "[stone_av]"),
    ("in", "[in_i]"),
    ("ft", "[ft_i]"),
    ("yd", "[yd_i]"),
    ("mi", "[mi_i]"),
    ("fl_oz_us", "[foz_us]"),
];

/// A unit in UCUM: `mmol<180.1558800000541>/L` is mmol/L, `mL/min·kg` mL/min/kg.
fn ucum<'u>(known: &'u mut Vec<(String, String)>, text: &str) -> &'u str {
    let at = known.iter().position(|(written, _)| written == text).unwrap_or_else(|| {
        known.push((text.into(), translated(text)));
        known.len() - 1
    });
    &known[at].1
}

fn translated(text: &str) -> String {
    // A molar mass in angle brackets says what of; the vocabulary knows it.
    let mut bare = String::new();
    let mut depth = 0;
    for letter in text.chars() {
        match letter {
            '<' => depth += 1,
            '>' => depth -= 1,
            _ if depth == 0 => bare.push(letter),
            _ => {}
        }
    }
    let translate = |unit: &str| {
        let unit = unit.trim();
        UNITS.iter().find(|(own, _)| *own == unit).map_or(unit, |(_, ucum)| ucum).to_string()
    };
    let (over, under) = bare.split_once('/').map_or((&*bare, None), |(over, under)| (over, Some(under)));
    let over: Vec<String> = over.split(['·', '*', '.']).map(translate).collect();
    let mut all = over.join(".");
    for unit in under.into_iter().flat_map(|under| under.split(['·', '*', '/', '.'])) {
        all.push('/');
        all.push_str(&translate(unit));
    }
    match all.strip_prefix("1/") {
        Some(rest) => format!("/{rest}"),
        None => all,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_told_as_the_standard_has_them() {
        for (text, ucum) in [
            ("count/min", "/min"),
            ("mmol<180.1558800000541>/L", "mmol/L"),
            ("mL/min·kg", "mL/min/kg"),
            ("%", "1"),
            ("mmHg", "mm[Hg]"),
            ("kcal/hr·kg", "kcal/h/kg"),
            ("ms", "ms"),
            ("", ""),
        ] {
            assert_eq!(translated(text), ucum, "{text}");
        }
    }

    #[test]
    fn times_have_their_offset() {
        let hours = |text| moment(text).map(|moment| moment.as_second() as f64 / 3600.0);
        assert_eq!(hours("1970-01-02 00:30:00 +0130"), Some(23.0));
        assert_eq!(hours("1970-01-01 00:00:00 -0500"), Some(5.0));
        for wrong in ["1970-02-30 00:00:00 +0000", "1970-01-01T00:00:00+0000", "1970-01-01 00:00:00 +9900", "é", ""] {
            assert_eq!(hours(wrong), None, "{wrong}");
        }
    }
}
