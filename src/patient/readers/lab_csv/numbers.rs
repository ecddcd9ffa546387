//! Text and numbers of a laboratory's table: encoding, and the sign of the decimals, which the whole file decides.

use std::io::Read;

use super::super::super::intake::Intake;
use super::super::{Input, Spot};
use super::table::Table;

/// The sign before the decimals; the other one groups thousands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Decimal {
    Point,
    Comma,
}

/// A table larger than this is not of one person.
const LARGEST: u64 = 512 << 20;

impl Decimal {
    pub(super) fn number(self, text: &str) -> Option<f64> {
        let text = text.trim();
        let plain = match self {
            Decimal::Point => ungrouped(text, ',')?,
            Decimal::Comma => ungrouped(text, '.')?.replace(',', "."),
        };
        plain.parse().ok().filter(|number: &f64| number.is_finite())
    }
}

/// Without the sign between groups of three digits; `None` where it stands elsewhere.
fn ungrouped(text: &str, sign: char) -> Option<String> {
    let (whole, rest) = text.split_once(['.', ',']).map_or((text, ""), |_| {
        let last = text.rfind(['.', ',']).unwrap_or(text.len());
        if text[last..].starts_with(sign) { (text, "") } else { text.split_at(last) }
    });
    let mut groups = whole.trim_start_matches(['-', '+']).split(sign);
    let first = groups.next()?.len();
    let (mut several, mut right) = (false, true);
    for group in groups {
        several = true;
        right &= group.len() == 3 && group.bytes().all(|byte| byte.is_ascii_digit());
    }
    (!several || (right && (1..=3).contains(&first))).then(|| format!("{}{rest}", whole.replace(sign, "")))
}

/// The sign of the decimals, as the values of the whole file have it, or the bundle (P2065).
pub(super) fn decide(intake: &mut Intake, input: &Input, table: &Table) -> Option<Decimal> {
    match intake.key(input.section, "decimal") {
        Some(",") => return Some(Decimal::Comma),
        Some(".") => return Some(Decimal::Point),
        Some(_) => return undecided(intake, Spot::Whole, "`decimal` is \".\" or \",\"", "decimal = \",\""),
        None => {}
    }
    let numeric = |cell: &str| {
        cell.bytes().all(|byte| byte.is_ascii_digit() || b".,-+".contains(&byte)) && cell.contains(['.', ','])
    };
    // The first cells that only the one or only the other reading fits, and the first that both fit in two ways.
    let (mut point, mut comma, mut either) = (None, None, None);
    for at in [table.columns.value, table.columns.lower_limit] {
        for (line, cell) in table.column(at) {
            let cell = cell.trim_start_matches(['<', '>', '=', '≤', '≥', ' ']);
            let first = match (Decimal::Point.number(cell).is_some(), Decimal::Comma.number(cell).is_some()) {
                _ if !numeric(cell) => continue,
                (true, false) => &mut point,
                (false, true) => &mut comma,
                _ if cell.contains(',') => &mut either,
                _ => continue,
            };
            first.get_or_insert_with(|| (line, cell.to_string()));
        }
    }
    match (point, comma, either) {
        (Some((line, point)), Some((other, comma)), _) => {
            let message = format!("decimals have a point (`{point}`, line {line}) and a comma (`{comma}`)");
            undecided(intake, Spot::Line(other), &message, "decimal = \",\"")
        }
        (None, Some(_), _) => Some(Decimal::Comma),
        // 1,234 may be a thousand or one.
        (None, None, Some((line, cell))) => {
            let message = format!("`{cell}` may be thousands or decimals, and no other value tells which");
            undecided(intake, Spot::Line(line), &message, "decimal = \",\"")
        }
        _ => Some(Decimal::Point),
    }
}

/// P2065: the file as a whole does not say how it is to be read.
pub(super) fn undecided<T>(intake: &mut Intake, spot: Spot, message: &str, example: &str) -> Option<T> {
    intake.wrong_as("P2065", spot, message, &format!("write how it is meant in its source: {example}"));
    None
}

/// The whole file as text: UTF-8, or UTF-16 with its mark.
pub(super) fn whole_text(intake: &mut Intake, input: &Input) -> Option<String> {
    let mut bytes = Vec::new();
    let read = intake.stream(input)?.take(LARGEST + 1).read_to_end(&mut bytes);
    let wrong = match read {
        Ok(_) if bytes.len() as u64 > LARGEST => "the table is larger than one of a person can be".into(),
        Ok(_) => match text(&bytes) {
            // Files of the old Macintosh end their lines so.
            Some(text) if !text.contains('\n') => return Some(text.replace('\r', "\n")),
            Some(text) => return Some(text),
            None => "this is neither UTF-8 nor UTF-16 text".into(),
        },
        Err(error) => format!("the file cannot be read: {error}"),
    };
    intake.wrong(Spot::Whole, &wrong, "save it as UTF-8; in a spreadsheet program choose \"CSV UTF-8\"");
    None
}

/// Bytes as text; a letter that is cut off at the end is dropped.
pub(super) fn text(bytes: &[u8]) -> Option<String> {
    let wide = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let units = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
        String::from_utf16(&units.collect::<Vec<u16>>()).ok()
    };
    match bytes {
        [0xff, 0xfe, rest @ ..] => wide(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => wide(rest, u16::from_be_bytes),
        _ => {
            let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
            match std::str::from_utf8(bytes) {
                Ok(text) => Some(text.into()),
                Err(error) if error.error_len().is_none() => {
                    std::str::from_utf8(&bytes[..error.valid_up_to()]).ok().map(String::from)
                }
                Err(_) => None,
            }
        }
    }
}
