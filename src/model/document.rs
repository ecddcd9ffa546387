//! What a model file says, as a page to read: its purpose and limits, equations, and a table of parameters with sources.

use crate::diagnostic::{Diagnostics, Source};

use super::library::Library;
use super::parse::parse;
use super::syntax::{Statement, StatementKind};

impl Library {
    /// A page in Markdown about one file, without what it uses; `figure` is a link to a picture of its typical response.
    ///
    /// # Errors
    /// M2014 for a name that the library does not have, M1001 to M1004 for a file that is not written right.
    pub fn document(&self, name: &str, figure: Option<&str>) -> Result<String, Diagnostics> {
        let source = self.find(name)?.0;
        let mut found = Diagnostics::new();
        let Some(file) = parse(&source, &mut found) else { return Err(found) };
        if found.has_errors() {
            return Err(found);
        }
        let mut page = format!("## {}\n\n{}\n", file.name.text, file.about);
        for paragraph in remarks(&source) {
            page.push_str(&format!("\n{paragraph}\n"));
        }
        if let Some(figure) = figure {
            page.push_str(&format!("\n![{}: typical response]({figure})\n", file.name.text));
        }
        let statements: Vec<(&Statement, String)> = file.statements.iter().zip(definitions(&source)).collect();
        let equations: Vec<&str> = statements
            .iter()
            .filter(|(statement, text)| parameter(&statement.kind, text).is_none())
            .map(|(_, text)| text.as_str())
            .collect();
        if !equations.is_empty() {
            page.push_str(&format!("\n```\n{}\n```\n", equations.join("\n")));
        }
        let mut rows = String::new();
        for (statement, text) in &statements {
            let Some((name, unit, value)) = parameter(&statement.kind, text) else { continue };
            let cells = [&name, &unit, &value, &statement.about, statement.source.as_deref().unwrap_or("")];
            rows.push_str(&format!("| {} |\n", cells.map(|cell| cell.replace('|', "\\|")).join(" | ")));
        }
        if !rows.is_empty() {
            page.push_str(&format!(
                "\n| parameter | unit | value or prior | what it is | source |\n|---|---|---|---|---|\n{rows}"
            ));
        }
        Ok(page)
    }
}

/// Name, unit and what is said of the value of a parameter's statement, or nothing for another.
fn parameter(kind: &StatementKind, text: &str) -> Option<(String, String, String)> {
    let (name, unit) = match kind {
        StatementKind::Parameter { name, unit, .. } => (name.text.clone(), unit.text.clone()),
        StatementKind::Replace { target, .. } => (target.text.clone(), String::new()),
        _ => return None,
    };
    let at = text.find(['=', '~'])?;
    let value: Vec<&str> = text[at..].trim_start_matches(['=', '~']).split_whitespace().collect();
    Some((name, unit, format!("`{}`", value.join(" "))))
}

/// Paragraphs of the remarks before the first statement behind the head.
fn remarks(source: &Source) -> Vec<String> {
    let mut paragraphs: Vec<String> = Vec::new();
    let mut open = false;
    for line in source.text.lines().skip(1) {
        match line.strip_prefix('#') {
            Some(remark) => {
                let remark = remark.trim();
                match paragraphs.last_mut() {
                    // A list or a new paragraph where the line above was cut short would be lost in a flowing text.
                    Some(last) if open => last.push_str(&format!("\n{remark}")),
                    _ => paragraphs.push(remark.to_string()),
                }
                open = true;
            }
            None if line.starts_with(char::is_whitespace) || line.is_empty() => open = false,
            None => break,
        }
    }
    paragraphs
}

/// The text of every statement behind the head, without what it says of itself and its source.
fn definitions(source: &Source) -> Vec<String> {
    let mut statements: Vec<String> = Vec::new();
    for line in source.text.trim_start_matches('\u{feff}').lines() {
        let begins = line.starts_with(|c: char| !c.is_whitespace() && c != '#');
        let text = without_remarks(line);
        if begins {
            statements.push(text.trim_end().to_string());
        } else if let (Some(last), false) = (statements.last_mut(), text.trim().is_empty()) {
            last.push_str(&format!("\n  {}", text.trim()));
        }
    }
    statements.into_iter().skip(1).map(|text| text.trim_end().to_string()).collect()
}

/// A line without its sentences in quotes, the word `source` before one, and what follows a `#`.
fn without_remarks(line: &str) -> String {
    let mut kept = String::new();
    let mut quoted = false;
    for c in line.chars() {
        match c {
            '"' => {
                if !quoted {
                    let plain = kept.trim_end();
                    let plain = plain.strip_suffix("source").unwrap_or(plain);
                    kept.truncate(plain.len());
                }
                quoted = !quoted;
            }
            '#' if !quoted => break,
            _ if quoted => {}
            _ => kept.push(c),
        }
    }
    kept
}
