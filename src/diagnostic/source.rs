//! Source texts, byte spans in them, and the lines and columns a person sees.

use std::fmt;
use std::sync::Arc;

/// A half-open range of bytes in a source text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Span {
    pub start: usize,
    pub end: usize,
}

impl Span {
    pub fn new(start: usize, end: usize) -> Self {
        Self { start, end: end.max(start) }
    }

    /// The smallest span that holds both.
    pub fn to(self, other: Span) -> Self {
        Self { start: self.start.min(other.start), end: self.end.max(other.end) }
    }
}

/// A named text, cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The path as the user gave it, or the name of an embedded file.
    pub name: Arc<str>,
    pub text: Arc<str>,
}

impl Source {
    pub fn new(name: impl AsRef<str>, text: impl AsRef<str>) -> Self {
        Self { name: name.as_ref().into(), text: text.as_ref().into() }
    }

    /// The line and column (from 1, columns in characters) of a span's start, with the line itself.
    pub fn locate(&self, span: Span) -> Location {
        let start = floor_char_boundary(&self.text, span.start);
        let end = floor_char_boundary(&self.text, span.end).max(start);
        let line_start = self.text[..start].rfind('\n').map_or(0, |at| at + 1);
        let line_end = self.text[start..].find('\n').map_or(self.text.len(), |at| start + at);
        let marked_end = end.clamp(start, line_end.max(start));
        Location {
            file: self.name.to_string(),
            line: Some(self.text[..start].matches('\n').count() + 1),
            column: Some(self.text[line_start..start].chars().count() + 1),
            width: self.text[start..marked_end].chars().count().max(1),
            text: Some(self.text[line_start..line_end].trim_end_matches('\r').to_string()),
        }
    }
}

fn floor_char_boundary(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// A place in a file, as a person finds it; lines and columns count from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    pub file: String,
    pub line: Option<usize>,
    pub column: Option<usize>,
    /// How many characters are marked.
    pub width: usize,
    /// The line itself, if known.
    pub text: Option<String>,
}

impl Location {
    /// A file as a whole.
    pub fn file(file: impl Into<String>) -> Self {
        Self { file: file.into(), line: None, column: None, width: 1, text: None }
    }

    /// A line of a file, with its text if known.
    pub fn line(file: impl Into<String>, line: usize, text: Option<String>) -> Self {
        Self { line: Some(line), text, ..Self::file(file) }
    }

    /// Marks a column (from 1) and a width in characters on a line.
    pub fn column(mut self, column: usize, width: usize) -> Self {
        self.column = Some(column);
        self.width = width.max(1);
        self
    }

    pub(super) fn render(&self, f: &mut fmt::Formatter<'_>, label: Option<&str>) -> fmt::Result {
        writeln!(f, "  --> {self}")?;
        let Some((line, text)) = self.line.zip(self.text.as_deref()) else {
            return match label {
                Some(label) => writeln!(f, "  = {label}"),
                None => Ok(()),
            };
        };
        let gutter = line.to_string().len();
        writeln!(f, "{:gutter$} |", "")?;
        let Shown { text, column, width } = self.shown(text);
        writeln!(f, "{line} | {text}")?;
        // Tabs are kept so that the marks stay under the text they mark.
        let indent: String = text.chars().take(column - 1).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
        let marks = "^".repeat(width);
        writeln!(f, "{:gutter$} | {indent}{marks}{}{}", "", if label.is_some() { " " } else { "" }, label.unwrap_or(""))
    }

    /// What of a line is shown: all of it, or where it is long what is around the mark. Signs that would control a terminal are not.
    fn shown(&self, text: &str) -> Shown {
        let plain = |letter: char| if letter.is_control() && letter != '\t' { '\u{fffd}' } else { letter };
        let all = text.chars().count();
        let (column, width) = match self.column {
            Some(column) => (column.min(all + 1), self.width),
            None => (1, all.max(1)),
        };
        if all <= LONGEST {
            return Shown { text: text.chars().map(plain).collect(), column, width };
        }
        let from = (column - 1).saturating_sub(BEFORE);
        let cut: String = text.chars().skip(from).take(LONGEST).map(plain).collect();
        let (head, tail) = (if from > 0 { "…" } else { "" }, if from + LONGEST < all { "…" } else { "" });
        let column = column - from + head.chars().count();
        let width = width.min(LONGEST + head.chars().count() + 1 - column).max(1);
        Shown { text: format!("{head}{cut}{tail}"), column, width }
    }
}

/// So many characters of a line are shown at most, and so many of them before the mark.
const LONGEST: usize = 160;
const BEFORE: usize = 60;

/// A line as shown, with its mark.
struct Shown {
    text: String,
    column: usize,
    width: usize,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
            if let Some(column) = self.column {
                write!(f, ":{column}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_is_shown_around_its_mark() {
        let text = format!("{}wrong{}", "a".repeat(1000), "b".repeat(1000));
        let shown = |from: usize, to: usize| {
            let shown = Source::new("x", &text).locate(Span::new(from, to)).shown(&text);
            let marked: String = shown.text.chars().skip(shown.column - 1).take(shown.width).collect();
            (shown.text.chars().count(), marked)
        };
        assert_eq!(shown(1000, 1005), (162, "wrong".to_string()));
        assert_eq!(shown(0, 3), (161, "aaa".to_string()));
        assert_eq!(shown(2003, 2005), (63, "bb".into()));
        // A mark without an end ends with what is shown.
        assert_eq!(shown(0, 2005), (161, "a".repeat(160)));
        assert_eq!(shown(2005, 2005), (61, String::new()));
    }

    #[test]
    fn a_line_cannot_speak_to_the_terminal() {
        let location = Location::line("x", 1, Some("a\u{1b}[2Jb".into())).column(2, 1);
        assert_eq!(location.shown("a\u{1b}[2Jb").text, "a\u{fffd}[2Jb");
    }
}
