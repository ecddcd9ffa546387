//! What is wrong in a user's file and what to write instead: codes, spans, labels, help.

mod findings;
mod nearest;
mod pages;
mod section;
mod source;

use std::fmt;

pub use findings::Findings;
pub use nearest::nearest;
pub use pages::{all_pages, explain};
pub use section::{Document, Section, Value, syntax};
pub use source::{Location, Source, Span};

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing; the command goes on.
    Warning,
    /// The command cannot give a right answer; it exits with 1.
    Error,
}

/// One finding about a user's file: a code, a place, what was found and what to write instead.
#[derive(Clone, Debug, PartialEq)]
pub struct Diagnostic {
    /// `M2006`: the letter is the stage, the page is shown by `homeostat explain M2006`.
    pub code: &'static str,
    pub severity: Severity,
    /// What is wrong, in one sentence without the place.
    pub message: String,
    /// Boxed, so that a result may carry a diagnostic.
    pub location: Option<Box<Location>>,
    /// A few words under the marked text.
    pub label: Option<String>,
    /// What to write instead.
    pub help: Option<String>,
}

impl Diagnostic {
    /// An error with no place yet.
    pub fn error(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, severity: Severity::Error, message: message.into(), location: None, label: None, help: None }
    }

    /// A warning with no place yet.
    pub fn warning(code: &'static str, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, message) }
    }

    /// Places the finding at a span of a source text.
    pub fn at(mut self, source: &Source, span: Span) -> Self {
        self.location = Some(Box::new(source.locate(span)));
        self
    }

    /// Places the finding in a file as a whole, or at a known line and column of it (both from 1).
    pub fn at_location(mut self, location: Location) -> Self {
        self.location = Some(Box::new(location));
        self
    }

    /// Says a few words under the marked text.
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// Says what to write instead.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds "did you mean" when a known name is near the unknown one; otherwise lists the known names.
    pub fn suggest<'a>(self, unknown: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        let known: Vec<&str> = known.into_iter().collect();
        match nearest(unknown, known.iter().copied()) {
            Some(name) => self.help(format!("did you mean `{name}`?")),
            None if known.is_empty() => self,
            None => {
                let mut listed = known.iter().take(12).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
                if known.len() > 12 {
                    listed.push_str(&format!(" and {} more", known.len() - 12));
                }
                self.help(format!("known here: {listed}"))
            }
        }
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        writeln!(f, "{kind}[{}]: {}", self.code, self.message)?;
        if let Some(location) = &self.location {
            location.render(f, self.label.as_deref())?;
        } else if let Some(label) = &self.label {
            writeln!(f, "  = {label}")?;
        }
        if let Some(help) = &self.help {
            writeln!(f, "  = help: {help}")?;
        }
        Ok(())
    }
}

/// All findings about the user's files, in the order found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Diagnostics(Vec<Diagnostic>);

impl Diagnostics {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.0.push(diagnostic);
    }

    pub fn extend(&mut self, other: Diagnostics) {
        self.0.extend(other.0);
    }

    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.0.iter()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn has_errors(&self) -> bool {
        self.0.iter().any(|d| d.severity == Severity::Error)
    }

    /// The value and the warnings when there is no error, else every finding.
    pub fn or_value<T>(self, value: T) -> Result<(T, Diagnostics), Diagnostics> {
        if self.has_errors() { Err(self) } else { Ok((value, self)) }
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(diagnostic: Diagnostic) -> Self {
        Self(vec![diagnostic])
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, diagnostic) in self.0.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{diagnostic}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostics {}
