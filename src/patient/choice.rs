//! Which rows of a declared table count: `where` conditions on columns, and `missing` words for "nothing was measured".

use std::rc::Rc;

use super::columns::is_missing;
use super::load::Reader;
use super::section::Section;
use super::table::Table;
use crate::diagnostic::Diagnostic;

/// What an entry says of the rows of its table.
#[derive(Default)]
pub(super) struct Choice {
    /// Columns with what their cells must be, and the condition as it is written.
    conditions: Vec<(usize, Test, String)>,
    missing: Vec<String>,
}

/// A condition on a cell.
#[derive(Clone, Debug, PartialEq)]
enum Test {
    Number(Order, f64),
    Is(String),
    IsNot(String),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Order {
    Above,
    AtLeast,
    Below,
    AtMost,
}

impl Choice {
    /// Whether a cell says that nothing was measured, in the words of the entry.
    pub(super) fn is_missing(&self, cell: &str) -> bool {
        self.missing.iter().any(|word| same(word, cell))
    }
}

impl Reader<'_> {
    /// The `where` and `missing` keys of an entry that reads a table; `None` where they cannot be read (P2006, P2007,
    /// P2080).
    pub(super) fn choice(&mut self, section: &Section, table: &Table) -> Option<Choice> {
        let mut choice = Choice::default();
        if let Some(value) = section.get("missing") {
            let texts = value.get.as_array().map(|list| list.iter().map(|item| item.get_ref().as_str()).collect());
            match texts.and_then(|texts: Vec<Option<&str>>| texts.into_iter().collect::<Option<Vec<_>>>()) {
                Some(texts) => choice.missing = texts.into_iter().map(|text| text.trim().to_string()).collect(),
                None => {
                    self.findings.push(section.wrong_kind(&value, "a list of texts, as in [\"0\", \"-1\"]"));
                    return None;
                }
            }
        }
        let Some(value) = section.get("where") else { return Some(choice) };
        let Some(conditions) = value.get.as_table() else {
            self.findings.push(section.wrong_kind(&value, "a table of columns, as in { quality = \">= 0.8\" }"));
            return None;
        };
        let inner = Section::new(&section.file, conditions, value.span, "the conditions");
        for pair in inner.values() {
            let Some(text) = pair.get.as_str() else {
                self.findings.push(inner.wrong_kind(&pair, "a condition, as in \">= 0.8\""));
                return None;
            };
            let column = self.column_of(&inner, &pair.key, pair.key_span, table)?;
            let Some(test) = test(text) else {
                let finding = Diagnostic::error("P2080", format!("`{text}` is no condition on a cell"));
                let finding = finding.at(&inner.file.source, pair.span);
                self.findings
                    .push(finding.help("write \">= 0.8\", \"> 0\", \"<= 5\", \"< 3\", \"= good\" or \"!= bad\""));
                return None;
            };
            choice.conditions.push((column.index, test, format!("`{}` is not {}", pair.key, text.trim())));
        }
        Some(choice)
    }

    /// Whether a row fulfils every condition; one that does not is left out.
    pub(super) fn chosen(&mut self, choice: &Choice, name: &str, table: &Rc<Table>, row: usize) -> bool {
        let failed = choice.conditions.iter().find(|(column, test, _)| !fulfils(test, table.cell(row, *column)));
        if let Some((column, _, why)) = failed {
            self.leave_out(name, why, Self::cell_place(table, row, *column).origin());
        }
        failed.is_none()
    }

    /// Whether a cell says, in the words of the entry, that nothing was measured; it is left out then.
    pub(super) fn told_missing(
        &mut self,
        choice: &Choice,
        name: &str,
        table: &Rc<Table>,
        row: usize,
        column: usize,
    ) -> bool {
        let cell = table.cell(row, column);
        let missing = choice.is_missing(cell);
        if missing {
            let why = format!("`{cell}` is declared to mean that nothing was measured");
            self.leave_out(name, &why, Self::cell_place(table, row, column).origin());
        }
        missing
    }
}

/// Equal as texts, or as numbers: `0` is `0.0`.
fn same(word: &str, cell: &str) -> bool {
    let numbers = word.parse::<f64>().ok().zip(cell.parse::<f64>().ok());
    word.eq_ignore_ascii_case(cell) || numbers.is_some_and(|(word, cell)| word == cell)
}

fn test(text: &str) -> Option<Test> {
    let text = text.trim();
    let orders = [(">=", Order::AtLeast), ("<=", Order::AtMost), (">", Order::Above), ("<", Order::Below)];
    for (sign, order) in orders {
        if let Some(number) = text.strip_prefix(sign) {
            let number = number.trim().parse::<f64>().ok().filter(|number| number.is_finite())?;
            return Some(Test::Number(order, number));
        }
    }
    let (word, test): (&str, fn(String) -> Test) = match text.strip_prefix("!=") {
        Some(word) => (word, Test::IsNot),
        None => (text.strip_prefix('=')?, Test::Is),
    };
    let word = word.trim_start_matches('=').trim();
    (!word.is_empty()).then(|| test(word.into()))
}

fn fulfils(test: &Test, cell: &str) -> bool {
    match test {
        Test::Is(word) => same(word, cell),
        Test::IsNot(word) => !same(word, cell),
        Test::Number(..) if is_missing(cell) => false,
        Test::Number(order, limit) => cell.parse::<f64>().is_ok_and(|number| match order {
            Order::Above => number > *limit,
            Order::AtLeast => number >= *limit,
            Order::Below => number < *limit,
            Order::AtMost => number <= *limit,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_read_and_tried() {
        for (text, cell, holds) in [
            (">= 0.8", "0.8", true),
            (">0.8", "0.8", false),
            ("< 3", "2.9", true),
            ("<= 3", "3", true),
            (">= 0", "", false),
            (">= 0", "NA", false),
            (">= 0", "good", false),
            ("= good", "Good", true),
            ("== 1", "1.0", true),
            ("!= bad", "good", true),
            ("!= bad", "bad", false),
        ] {
            assert_eq!(fulfils(&test(text).unwrap(), cell), holds, "{text} {cell}");
        }
        for text in ["0.8", ">= good", ">=", "=", ">= NaN", ""] {
            assert_eq!(test(text), None, "{text}");
        }
        assert!(Choice { missing: vec!["0".into()], ..Choice::default() }.is_missing("0.00"));
    }
}
