//! The embedded font, and how much room a text takes in it.

use std::sync::OnceLock;

use plotters::style::{FontDesc, FontFamily, FontStyle, register_font};

use super::scene::Weight;

/// Family as SVG viewers read it; the embedded font is registered under the same words, for PNG and for widths.
pub(super) const FAMILY: &str = "Inter, 'Helvetica Neue', Helvetica, Arial, sans-serif";

/// Height of a line by the embedded font's ascent and descent, in ems: how plotters measures the size of a font.
pub(super) const LINE_PER_EM: f64 = (2728.0 + 680.0) / 2816.0;

/// Registers the font once; false if it cannot be read.
pub(super) fn register() -> bool {
    static DONE: OnceLock<bool> = OnceLock::new();
    *DONE.get_or_init(|| {
        let regular = include_bytes!("fonts/Inter-Regular.otf");
        let bold = include_bytes!("fonts/Inter-SemiBold.otf");
        register_font(FAMILY, FontStyle::Normal, regular).is_ok()
            && register_font(FAMILY, FontStyle::Bold, bold).is_ok()
    })
}

/// The plotters font whose em is `size` pixels when drawn on a bitmap.
pub(super) fn font(size: f64, weight: Weight) -> FontDesc<'static> {
    let style = match weight {
        Weight::Regular => FontStyle::Normal,
        Weight::Bold => FontStyle::Bold,
    };
    FontDesc::new(FontFamily::Name(FAMILY), size * LINE_PER_EM, style)
}

/// Width of a text [px].
pub(super) fn width(text: &str, size: f64, weight: Weight) -> f64 {
    // plotters measures in whole pixels: measure large.
    const ZOOM: f64 = 64.0;
    let measured = register().then(|| font(size * ZOOM, weight).box_size(text).ok()).flatten();
    measured.map_or(0.6 * size * text.chars().count() as f64, |(width, _)| f64::from(width) / ZOOM)
}

/// The text if it fits, else its beginning and an ellipsis.
pub(super) fn elide(text: &str, room: f64, size: f64, weight: Weight) -> String {
    if width(text, size, weight) <= room {
        return text.to_string();
    }
    let mut kept: Vec<char> = text.chars().collect();
    while kept.pop().is_some() {
        let shorter = format!("{}…", kept.iter().collect::<String>().trim_end());
        if width(&shorter, size, weight) <= room {
            return shorter;
        }
    }
    String::new()
}

/// The text in lines that fit; a word that does not fit alone is cut, and so is what is past the last line allowed.
pub(super) fn wrap(text: &str, room: f64, size: f64, weight: Weight, lines: usize) -> Vec<String> {
    let mut wrapped: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match wrapped.last_mut() {
            Some(line) if width(&format!("{line} {word}"), size, weight) <= room => {
                line.push(' ');
                line.push_str(word);
            }
            _ => wrapped.push(word.to_string()),
        }
    }
    if wrapped.len() > lines {
        let rest = wrapped.split_off(lines.saturating_sub(1)).join(" ");
        wrapped.push(rest);
    }
    wrapped.iter().map(|line| elide(line, room, size, weight)).collect()
}

/// A UCUM unit as it is printed: `[iU]/h` as IU/h, `umol` as µmol, `mm[Hg]` as mmHg, `Cel` as °C.
pub(super) fn readable(unit: &str) -> String {
    let unit = unit.replace("[iU]", "IU").replace("[Hg]", "Hg").replace("[in_i]", "in").replace("[lb_av]", "lb");
    let mut readable = String::new();
    for part in unit.split_inclusive(|c: char| !c.is_alphabetic()) {
        let (word, rest) = part.split_at(part.find(|c: char| !c.is_alphabetic()).unwrap_or(part.len()));
        match (word, word.strip_prefix('u')) {
            ("Cel", _) => readable.push_str("°C"),
            (_, Some(unit @ ("g" | "mol" | "L" | "l" | "m" | "U" | "IU" | "s"))) => {
                readable.push('µ');
                readable.push_str(unit);
            }
            _ => readable.push_str(word),
        }
        readable.push_str(if rest == "." { "·" } else { rest });
    }
    readable
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_are_those_of_the_font() {
        // Advances of Inter Regular in units of 1/2816 em: H 2100, i 682 (from its hmtx table).
        assert!(register());
        let em = width("Hi", 100.0, Weight::Regular) - width("i", 100.0, Weight::Regular);
        assert!((em - width("H", 100.0, Weight::Regular)).abs() < 0.1);
        assert!(width("H", 100.0, Weight::Bold) > width("H", 100.0, Weight::Regular));
    }

    #[test]
    fn long_texts_are_cut_or_wrapped_into_their_room() {
        let long = "a very long name of a scenario that nobody would choose";
        let cut = elide(long, 100.0, 12.0, Weight::Regular);
        assert!(cut.ends_with('…') && width(&cut, 12.0, Weight::Regular) <= 100.0);
        assert_eq!(elide("short", 100.0, 12.0, Weight::Regular), "short");
        let lines = wrap(long, 150.0, 12.0, Weight::Regular, 2);
        assert_eq!(lines.len(), 2);
        assert!(lines.iter().all(|line| width(line, 12.0, Weight::Regular) <= 150.0));
    }

    #[test]
    fn units_are_printed_as_people_write_them() {
        for (ucum, printed) in [
            ("mg/dL", "mg/dL"),
            ("[iU]/h", "IU/h"),
            ("u[iU]/mL", "µIU/mL"),
            ("umol/L", "µmol/L"),
            ("mm[Hg]", "mmHg"),
            ("Cel", "°C"),
            ("mL/min/kg", "mL/min/kg"),
            ("dL.kg-1.min-1", "dL·kg-1·min-1"),
        ] {
            assert_eq!(readable(ucum), printed);
        }
    }
}
