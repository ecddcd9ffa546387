//! What is kept of a DICOM data set, and how its values are read.

/// Elements of a data set, in order.
#[derive(Default)]
pub(super) struct Data(Vec<(u32, Value)>);

pub(super) enum Value {
    Bytes(Vec<u8>),
    Items(Vec<Data>),
    /// Where in the file.
    Away(u64, u64),
    /// Where in the file, in parts: place and length of each.
    Parts(Vec<(u64, u64)>),
}

impl Data {
    pub(super) fn push(&mut self, tag: u32, value: Value) {
        self.0.push((tag, value));
    }

    fn value(&self, tag: u32) -> Option<&Value> {
        self.0.iter().find(|(known, _)| *known == tag).map(|(_, value)| value)
    }

    pub(super) fn has(&self, tag: u32) -> bool {
        self.value(tag).is_some()
    }

    pub(super) fn items(&self, tag: u32) -> &[Data] {
        match self.value(tag) {
            Some(Value::Items(items)) => items,
            _ => &[],
        }
    }

    pub(super) fn text(&self, tag: u32) -> Option<String> {
        match self.value(tag)? {
            Value::Bytes(bytes) => {
                let text = String::from_utf8_lossy(bytes);
                Some(text.trim_matches(|letter: char| letter == '\0' || letter.is_whitespace()).to_string())
            }
            _ => None,
        }
    }

    /// Decimal numbers, as texts.
    pub(super) fn decimals(&self, tag: u32) -> Vec<f64> {
        let text = self.text(tag).unwrap_or_default();
        text.split('\\')
            .filter_map(|number| number.trim().parse().ok())
            .filter(|number: &f64| number.is_finite())
            .collect()
    }

    pub(super) fn short(&self, tag: u32) -> Option<u16> {
        match self.value(tag)? {
            Value::Bytes(bytes) => Some(u16::from_le_bytes([*bytes.first()?, *bytes.get(1)?])),
            _ => None,
        }
    }

    /// Where pixels begin, and how many bytes they have.
    pub(super) fn away(&self, tag: u32) -> Option<(u64, u64)> {
        match self.value(tag)? {
            Value::Away(at, length) => Some((*at, *length)),
            _ => None,
        }
    }

    /// Places and lengths of the parts in which pixels come, where they are compressed.
    pub(super) fn parts(&self, tag: u32) -> Option<&[(u64, u64)]> {
        match self.value(tag)? {
            Value::Parts(parts) => Some(parts),
            _ => None,
        }
    }
}
