//! FIT's binary messages: headers, definitions, fields and checksums; numbers without meaning.

use std::collections::HashMap;

/// A data message.
#[derive(Debug)]
pub(super) struct Message {
    /// Its number in the format's global list.
    pub number: u16,
    /// From 1, over the whole file.
    pub count: usize,
    /// The time of a compressed header; else the message may have one as a field.
    pub time: Option<u32>,
    /// Field numbers and values as they stand, without what is told as invalid.
    pub fields: Vec<(u8, Field)>,
    pub developer: Vec<(Described, f64)>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Field {
    /// One number or several; an invalid one among several is NaN.
    Numbers(Vec<f64>),
    Text(String),
}

/// A field of a maker of apps, as the file itself describes it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Described {
    pub name: String,
    pub unit: String,
    base: u8,
}

impl Message {
    /// The one number of a field.
    pub(super) fn number_of(&self, field: u8) -> Option<f64> {
        match self.fields.iter().find(|(number, _)| *number == field) {
            Some((_, Field::Numbers(numbers))) => numbers.first().copied().filter(|number| !number.is_nan()),
            _ => None,
        }
    }

    fn text_of(&self, field: u8) -> Option<&str> {
        match self.fields.iter().find(|(number, _)| *number == field) {
            Some((_, Field::Text(text))) => Some(text),
            _ => None,
        }
    }
}

/// What comes next in a file.
#[derive(Debug)]
pub(super) enum Next {
    Message(Message),
    /// Something is wrong at a byte; where it can, reading goes on.
    Wrong {
        at: usize,
        what: String,
    },
    /// The sum over the bytes is not the one that stands at the end.
    Checksum {
        at: usize,
    },
}

#[derive(Clone)]
struct Definition {
    big_endian: bool,
    number: u16,
    /// Number, size, base type.
    fields: Vec<(u8, u8, u8)>,
    /// Number, size, index of the developer.
    developer: Vec<(u8, u8, u8)>,
}

/// A file of one or several FIT files in a row.
pub(super) struct Decoder<'b> {
    bytes: &'b [u8],
    at: usize,
    /// Where the file in hand begins, and where its messages end.
    file: Option<(usize, usize)>,
    definitions: HashMap<u8, Definition>,
    described: HashMap<(u8, u8), Described>,
    /// The last time that was told.
    pub time: Option<u32>,
    count: usize,
}

impl<'b> Decoder<'b> {
    pub(super) fn new(bytes: &'b [u8]) -> Self {
        let (definitions, described) = (HashMap::new(), HashMap::new());
        Self { bytes, at: 0, file: None, definitions, described, time: None, count: 0 }
    }

    /// The next message or mistake; `None` at the end.
    pub(super) fn next(&mut self) -> Option<Next> {
        loop {
            let Some((begin, end)) = self.file else {
                if self.at >= self.bytes.len() {
                    return None;
                }
                match self.header() {
                    Ok(()) => continue,
                    Err(what) => return Some(self.give_up(what)),
                }
            };
            if self.at >= end {
                self.file = None;
                let at = self.at;
                let Some(told) = self.bytes.get(at..at + 2) else {
                    return Some(self.give_up("the file ends before its checksum".into()));
                };
                self.at += 2;
                let told = u16::from_le_bytes([told[0], told[1]]);
                if told != 0 && told != checksum(&self.bytes[begin..at]) {
                    return Some(Next::Checksum { at });
                }
                continue;
            }
            match self.message(end) {
                Ok(Some(message)) => return Some(Next::Message(message)),
                Ok(None) => {}
                Err(what) => return Some(self.give_up(what)),
            }
        }
    }

    /// What follows cannot be told apart any more.
    fn give_up(&mut self, what: String) -> Next {
        let at = self.at.min(self.bytes.len());
        self.at = self.bytes.len();
        self.file = None;
        Next::Wrong { at, what }
    }

    fn header(&mut self) -> Result<(), String> {
        let rest = &self.bytes[self.at..];
        let size = usize::from(rest[0]);
        if size < 12 || rest.len() < size || &rest[8..12] != b".FIT" {
            return Err("this is no header of a FIT file".into());
        }
        let length = u32::from_le_bytes([rest[4], rest[5], rest[6], rest[7]]) as usize;
        let begin = self.at;
        self.at += size;
        // A recording that was not closed has no length: its messages go on to the end.
        let end = if length == 0 { self.bytes.len() } else { self.at.saturating_add(length) };
        self.file = Some((begin, end));
        self.definitions.clear();
        self.described.clear();
        self.time = None;
        Ok(())
    }

    fn take(&mut self, count: usize, end: usize) -> Result<&'b [u8], String> {
        let until = self.at.saturating_add(count);
        let bytes = self.bytes;
        match bytes.get(self.at..until) {
            Some(taken) if until <= end => {
                self.at = until;
                Ok(taken)
            }
            Some(_) => Err("a message is longer than the file says".into()),
            None => Err("the file ends within a message".into()),
        }
    }

    /// A definition is kept, a message of data returned.
    fn message(&mut self, end: usize) -> Result<Option<Message>, String> {
        let header = self.take(1, end)?[0];
        let compressed = header & 0x80 != 0;
        if !compressed && header & 0x40 != 0 {
            self.define(header, end)?;
            return Ok(None);
        }
        let local = if compressed { (header >> 5) & 3 } else { header & 15 };
        let Some(definition) = self.definitions.get(&local).cloned() else {
            self.at -= 1;
            return Err(format!("a message of kind {local} comes before its definition"));
        };
        self.count += 1;
        let mut message = Message {
            number: definition.number,
            count: self.count,
            time: None,
            fields: Vec::new(),
            developer: Vec::new(),
        };
        for &(number, size, base) in &definition.fields {
            let bytes = self.take(usize::from(size), end)?;
            if let Some(field) = field(bytes, base, definition.big_endian) {
                message.fields.push((number, field));
            }
        }
        for &(number, size, developer) in &definition.developer {
            let bytes = self.take(usize::from(size), end)?;
            let Some(described) = self.described.get(&(developer, number)) else { continue };
            if let Some(Field::Numbers(numbers)) = field(bytes, described.base, definition.big_endian)
                && let Some(value) = numbers.first().filter(|value| !value.is_nan())
            {
                message.developer.push((described.clone(), *value));
            }
        }
        if let Some(time) = message.number_of(253) {
            self.time = Some(time as u32);
        }
        if let Some(time) = self.time.filter(|_| compressed) {
            // Five bits, to be completed from the last time.
            let time = later(time, u32::from(header & 31), 31);
            (self.time, message.time) = (Some(time), Some(time));
        }
        self.describe(&message);
        Ok(Some(message))
    }

    fn define(&mut self, header: u8, end: usize) -> Result<(), String> {
        let fixed = self.take(5, end)?;
        let big_endian = fixed[1] == 1;
        let number = [fixed[2], fixed[3]];
        let number = if big_endian { u16::from_be_bytes(number) } else { u16::from_le_bytes(number) };
        let triples = |bytes: &[u8]| bytes.chunks_exact(3).map(|three| (three[0], three[1], three[2])).collect();
        let fields = triples(self.take(3 * usize::from(fixed[4]), end)?);
        let mut developer = Vec::new();
        if header & 0x20 != 0 {
            let count = self.take(1, end)?[0];
            developer = triples(self.take(3 * usize::from(count), end)?);
        }
        self.definitions.insert(header & 15, Definition { big_endian, number, fields, developer });
        Ok(())
    }

    /// Keeps what a `field_description` message says of a developer's field.
    fn describe(&mut self, message: &Message) {
        if message.number != 206 {
            return;
        }
        let [developer, number, base] = [0, 1, 2].map(|field| message.number_of(field));
        if let (Some(developer), Some(number), Some(base), Some(name)) = (developer, number, base, message.text_of(3)) {
            let unit = message.text_of(8).unwrap_or_default().to_string();
            let described = Described { name: name.into(), unit, base: base as u8 };
            self.described.insert((developer as u8, number as u8), described);
        }
    }
}

/// The first time from `time` on whose low bits are these.
pub(super) fn later(time: u32, low: u32, mask: u32) -> u32 {
    time.wrapping_add(low.wrapping_sub(time) & mask)
}

/// A field's values; `None` where none is valid.
fn field(bytes: &[u8], base: u8, big_endian: bool) -> Option<Field> {
    // Bits 5 and 6 are reserved.
    let base = base & 0x9f;
    if base == 0x07 {
        let text = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
        return Some(Field::Text(String::from_utf8_lossy(text).into_owned())).filter(|_| !text.is_empty());
    }
    let size = match base {
        0x83 | 0x84 | 0x8b => 2,
        0x85 | 0x86 | 0x88 | 0x8c => 4,
        0x89 | 0x8e | 0x8f | 0x90 => 8,
        _ => 1,
    };
    if !bytes.len().is_multiple_of(size) {
        return None;
    }
    let numbers: Vec<f64> = bytes.chunks_exact(size).map(|chunk| value(chunk, base, big_endian)).collect();
    numbers.iter().any(|number| !number.is_nan()).then_some(Field::Numbers(numbers))
}

/// A number, NaN where it is the type's word for invalid.
fn value(chunk: &[u8], base: u8, big_endian: bool) -> f64 {
    let bits = (0..chunk.len()).fold(0_u64, |all, at| {
        let byte = if big_endian { chunk[at] } else { chunk[chunk.len() - 1 - at] };
        all << 8 | u64::from(byte)
    });
    let width = 8 * chunk.len() as u32;
    let most = u64::MAX >> (64 - width);
    let signed = || (bits << (64 - width)) as i64 >> (64 - width);
    match base {
        0x01 | 0x83 | 0x85 | 0x8e if bits != most >> 1 => signed() as f64,
        0x88 => f64::from(f32::from_bits(bits as u32)),
        0x89 => f64::from_bits(bits),
        0x0a | 0x8b | 0x8c | 0x90 if bits != 0 => bits as f64,
        0x00 | 0x02 | 0x84 | 0x86 | 0x0d | 0x8f if bits != most => bits as f64,
        _ => f64::NAN,
    }
}

/// The format's CRC of 16 bits (polynomial 0x8005, reflected).
pub(super) fn checksum(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |sum, byte| {
        (0..8).fold(sum ^ u16::from(*byte), |sum, _| if sum & 1 == 1 { sum >> 1 ^ 0xa001 } else { sum >> 1 })
    })
}
