//! Cuts the text of a model file into statements of tokens.

use crate::diagnostic::{Diagnostic, Diagnostics, Source, Span};

/// A token with its place.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token {
    pub kind: TokenKind,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum TokenKind {
    /// A name, qualified or not: `ka`, `sensor.gain`.
    Name(String),
    Number(f64),
    /// `30%`, as 30.
    Percent(f64),
    /// A sentence in quotes.
    Text(String),
    /// `[mg/L]`, without the outer brackets.
    Unit(String),
    Symbol(&'static str),
}

/// Two characters before one, so that `<=` is not read as `<`.
const SYMBOLS: [&str; 15] = ["<=", ">=", "==", "(", ")", ",", "=", "~", "+", "-", "*", "/", "^", "<", ">"];

/// The statements of a text: a line that begins with white space goes on with the one above.
pub(super) fn statements(source: &Source, found: &mut Diagnostics) -> Vec<Vec<Token>> {
    let mut statements: Vec<Vec<Token>> = Vec::new();
    let mut at = 0;
    for line in source.text.split_inclusive('\n') {
        let (from, to) = (at, at + line.trim_end_matches(['\n', '\r']).len());
        at += line.len();
        let begins = line.starts_with(|c: char| !c.is_whitespace() && c != '#');
        let tokens = Line { source, at: from, end: to, found }.tokens();
        match statements.last_mut() {
            Some(statement) if !begins => statement.extend(tokens),
            _ if tokens.is_empty() => {}
            _ => statements.push(tokens),
        }
    }
    statements.retain(|statement| !statement.is_empty());
    statements
}

struct Line<'a> {
    source: &'a Source,
    at: usize,
    end: usize,
    found: &'a mut Diagnostics,
}

impl Line<'_> {
    fn rest(&self) -> &str {
        &self.source.text[self.at..self.end]
    }

    fn tokens(mut self) -> Vec<Token> {
        let mut tokens = Vec::new();
        // A byte order mark is no part of the text.
        if self.rest().starts_with('\u{feff}') {
            self.at += '\u{feff}'.len_utf8();
        }
        while let Some(first) = self.rest().chars().next() {
            let start = self.at;
            if first == '#' {
                break;
            }
            if first.is_whitespace() {
                self.at += first.len_utf8();
                continue;
            }
            if let Some(kind) = self.token(first) {
                tokens.push(Token { kind, span: Span::new(start, self.at) });
            }
        }
        tokens
    }

    fn token(&mut self, first: char) -> Option<TokenKind> {
        let start = self.at;
        if first.is_alphabetic() || first == '_' {
            return Some(TokenKind::Name(self.name()));
        }
        let digit_follows = self.rest().chars().nth(1).is_some_and(|next| next.is_ascii_digit());
        if first.is_ascii_digit() || (first == '.' && digit_follows) {
            return self.number();
        }
        match first {
            '"' => return self.quoted(),
            '[' => return self.unit(),
            _ => {}
        }
        if let Some(symbol) = SYMBOLS.iter().find(|symbol| self.rest().starts_with(**symbol)) {
            self.at += symbol.len();
            return Some(TokenKind::Symbol(symbol));
        }
        if first == ':' {
            self.at += 1;
            return Some(TokenKind::Symbol(":"));
        }
        self.at += first.len_utf8();
        self.report(start, "M1001", format!("`{first}` has no meaning here"), "remove it; `#` begins a comment");
        None
    }

    fn name(&mut self) -> String {
        let start = self.at;
        loop {
            let part = self.rest().find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(self.rest().len());
            self.at += part;
            let mut next = self.rest().chars();
            let qualified = next.next() == Some('.') && next.next().is_some_and(|c| c.is_alphabetic() || c == '_');
            if !qualified {
                return self.source.text[start..self.at].to_string();
            }
            self.at += 1;
        }
    }

    fn number(&mut self) -> Option<TokenKind> {
        let start = self.at;
        let bytes = self.rest().as_bytes();
        let mut length = bytes.iter().take_while(|b| b.is_ascii_digit() || **b == b'.').count();
        if bytes.get(length).is_some_and(|b| b.eq_ignore_ascii_case(&b'e')) {
            let sign = usize::from(matches!(bytes.get(length + 1), Some(b'+' | b'-')));
            let digits =
                bytes[(length + 1 + sign).min(bytes.len())..].iter().take_while(|b| b.is_ascii_digit()).count();
            if digits > 0 {
                length += 1 + sign + digits;
            }
        }
        self.at += length;
        let text = &self.source.text[start..self.at];
        let Some(value) = text.parse::<f64>().ok().filter(|value| value.is_finite()) else {
            let message = format!("`{text}` is not a number");
            self.report(start, "M1001", message, "write it as 0.05 or 5e-2");
            // Some number stands there: what follows need not be refused as well.
            return Some(TokenKind::Number(1.0));
        };
        if self.rest().starts_with('%') {
            self.at += 1;
            return Some(TokenKind::Percent(value));
        }
        Some(TokenKind::Number(value))
    }

    fn quoted(&mut self) -> Option<TokenKind> {
        let start = self.at;
        match self.rest()[1..].find('"') {
            Some(length) => {
                let text = self.rest()[1..=length].to_string();
                self.at += length + 2;
                Some(TokenKind::Text(text))
            }
            None => {
                self.at = self.end;
                self.report(start, "M1003", "a quote is not closed on its line".into(), "end the sentence with `\"`");
                None
            }
        }
    }

    /// Brackets may be nested: `[[iU]/h]`.
    fn unit(&mut self) -> Option<TokenKind> {
        let start = self.at;
        let mut depth = 0;
        for (offset, c) in self.rest().char_indices() {
            depth += match c {
                '[' => 1,
                ']' => -1,
                _ => 0,
            };
            if depth == 0 {
                let text = self.rest()[1..offset].trim().to_string();
                self.at += offset + 1;
                return Some(TokenKind::Unit(text));
            }
        }
        self.at = self.end;
        self.report(start, "M1003", "a `[` is not closed on its line".into(), "end the unit with `]`, as in `[mg/L]`");
        None
    }

    fn report(&mut self, start: usize, code: &'static str, message: String, help: &str) {
        let diagnostic = Diagnostic::error(code, message).at(self.source, Span::new(start, self.at)).help(help);
        self.found.push(diagnostic);
    }
}
