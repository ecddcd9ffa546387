//! Axes of numbers: round ticks, readable labels, and the way from a value to a pixel.

/// How values become heights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scale {
    #[default]
    Linear,
    /// Decades are equally high; values at or below zero have no place.
    Log,
}

/// An axis between two values with its ticks.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Axis {
    pub scale: Scale,
    pub low: f64,
    pub high: f64,
    /// Where ticks stand, with their labels.
    pub ticks: Vec<(f64, String)>,
    /// What the labels are multiplied by, for the title: ` ×10⁻⁶`.
    pub factor: Option<String>,
}

impl Axis {
    /// An axis that holds all finite values, widened to round numbers, with about `wanted` ticks.
    pub(super) fn around(values: impl IntoIterator<Item = f64>, scale: Scale, wanted: usize) -> Self {
        let known = |value: &f64| value.is_finite() && (scale == Scale::Linear || *value > 0.0);
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values.into_iter().filter(known) {
            low = low.min(value);
            high = high.max(value);
        }
        if low > high {
            (low, high) = if scale == Scale::Log { (0.1, 1.0) } else { (0.0, 1.0) };
        }
        match scale {
            Scale::Linear => Self::linear_around(low, high, wanted),
            Scale::Log => Self::log(low, high, wanted),
        }
    }

    fn linear_around(mut low: f64, mut high: f64, wanted: usize) -> Self {
        // A range below the rounding of its values is a single value.
        if high - low <= 1e-9 * low.abs().max(high.abs()) {
            let around = if low == 0.0 { 0.5 } else { 0.1 * low.abs() };
            (low, high) = (low - around, high + around);
        } else if low >= 0.0 && low < 0.4 * high {
            low = 0.0;
        } else if high <= 0.0 && high > 0.4 * low {
            high = 0.0;
        }
        let step = round_step((high - low) / wanted.max(1) as f64);
        // Room above the highest value, so that it does not touch the frame.
        let margin = 0.03 * (high - low);
        // Up to the next tick where it is near, so that most axes begin and end with a label.
        let widened = |value: f64, side: f64| match value + side * margin {
            _ if value == 0.0 => 0.0,
            end => {
                let tick = if side > 0.0 { (end / step).ceil() * step } else { (end / step).floor() * step };
                if (tick - end).abs() < 0.35 * step { tick } else { end }
            }
        };
        let (low, high) = (widened(low, -1.0), widened(high, 1.0));
        Self::stepped(low, high, step)
    }

    /// An axis exactly between two values.
    pub(super) fn linear(low: f64, high: f64, wanted: usize) -> Self {
        Self::stepped(low, high, round_step((high - low) / wanted.max(1) as f64))
    }

    fn stepped(low: f64, high: f64, step: f64) -> Self {
        let first = (low / step - 1e-6).ceil() as i64;
        let last = (high / step + 1e-6).floor() as i64;
        let values: Vec<f64> = (first..=last).map(|number| number as f64 * step).collect();
        let (labels, factor) = labels(&values, step);
        Self { scale: Scale::Linear, low, high, ticks: values.into_iter().zip(labels).collect(), factor }
    }

    fn log(low: f64, high: f64, wanted: usize) -> Self {
        let (mut low, mut high) = (low / 1.1, high * 1.1);
        let mut decades = high.log10() - low.log10();
        if decades < 0.8 {
            // Less than a decade: there would be no two round ticks.
            let middle = 0.5 * (high.log10() + low.log10());
            (low, high, decades) = (10_f64.powf(middle - 0.4), 10_f64.powf(middle + 0.4), 0.8);
        }
        let mantissas: &[f64] = if decades * 3.0 <= wanted as f64 + 2.0 { &[1.0, 2.0, 5.0] } else { &[1.0] };
        let every = (decades / wanted.max(1) as f64).ceil().max(1.0) as i32;
        let mut ticks = Vec::new();
        for power in (low.log10().floor() as i32)..=(high.log10().ceil() as i32) {
            if mantissas.len() == 1 && power.rem_euclid(every) != 0 {
                continue;
            }
            for mantissa in mantissas {
                // Parsed, not multiplied: 3 × 0.1 is not 0.3.
                let value = format!("{mantissa}e{power}").parse().unwrap_or(f64::NAN);
                if value >= low && value <= high {
                    ticks.push((value, number(value, 3)));
                }
            }
        }
        Self { scale: Scale::Log, low, high, ticks, factor: None }
    }

    /// The unit of the labels: the quantity's, with the factor before it if there is one.
    pub(super) fn labelled(&self, unit: &str) -> String {
        match &self.factor {
            Some(factor) if unit == "1" || unit.is_empty() => factor.clone(),
            Some(factor) => format!("{factor} {unit}"),
            None => unit.to_string(),
        }
    }

    /// Where a value is between low (0) and high (1); NaN if it has no place.
    pub(super) fn place(&self, value: f64) -> f64 {
        match self.scale {
            Scale::Linear => (value - self.low) / (self.high - self.low),
            Scale::Log if value > 0.0 => (value / self.low).ln() / (self.high / self.low).ln(),
            Scale::Log => f64::NAN,
        }
    }
}

/// The least of 1, 2, 2.5 and 5 times a power of ten that is not below `least`.
fn round_step(least: f64) -> f64 {
    if !(least > 0.0 && least.is_finite()) {
        return 1.0;
    }
    let power = least.log10().floor() as i32;
    for mantissa in [1.0, 2.0, 2.5, 5.0] {
        let step: f64 = format!("{mantissa}e{power}").parse().unwrap_or(least);
        if step >= least * (1.0 - 1e-9) {
            return step;
        }
    }
    format!("1e{}", power + 1).parse().unwrap_or(least)
}

/// Labels of multiples of a step, all with as many decimals as the step needs, and a common factor if they are unwieldy.
fn labels(values: &[f64], step: f64) -> (Vec<String>, Option<String>) {
    let largest = values.iter().fold(0.0_f64, |largest, value| largest.max(value.abs()));
    let power = if largest >= 1e5 || (largest > 0.0 && largest < 1e-2) { largest.log10().floor() as i32 } else { 0 };
    let unit = 10_f64.powi(power);
    let decimals = decimals(step / unit);
    let labels = values.iter().map(|value| fixed(value / unit, decimals)).collect();
    (labels, (power != 0).then(|| format!("×10{}", superscript(power))))
}

/// Decimals that write a step exactly.
fn decimals(step: f64) -> usize {
    (0..12)
        .find(|digits| {
            let scaled = step * 10_f64.powi(*digits as i32);
            (scaled - scaled.round()).abs() < 1e-6 * scaled.abs()
        })
        .unwrap_or(12)
}

/// A number with a fixed count of decimals and a true minus sign.
pub(super) fn fixed(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    match text.strip_prefix('-') {
        Some(zero) if zero.chars().all(|c| c == '0' || c == '.') => zero.to_string(),
        Some(rest) => format!("−{rest}"),
        None => text,
    }
}

/// A number to some significant digits, as people write it: 0.00123, 1230, 1.23×10⁻⁷.
pub(super) fn number(value: f64, digits: usize) -> String {
    if !value.is_finite() {
        return "–".into();
    }
    if value == 0.0 {
        return "0".into();
    }
    // The exponent after rounding: 9.996 to three digits is 10.0.
    let scientific = format!("{value:.*e}", digits.saturating_sub(1));
    let (mantissa, power) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let power: i32 = power.parse().unwrap_or(0);
    if (-4..6).contains(&power) {
        let decimals = (digits as i32 - 1 - power).max(0) as usize;
        let text = fixed(value, decimals);
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_string() } else { text }
    } else {
        let mantissa =
            if mantissa.contains('.') { mantissa.trim_end_matches('0').trim_end_matches('.') } else { mantissa };
        format!("{}×10{}", mantissa.replace('-', "−"), superscript(power))
    }
}

fn superscript(power: i32) -> String {
    power
        .to_string()
        .chars()
        .map(|c| match c {
            '-' => '⁻',
            '1' => '¹',
            '2' => '²',
            '3' => '³',
            other => other.to_digit(10).and_then(|digit| char::from_u32(0x2070 + digit)).unwrap_or(other),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels_of(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|(_, label)| label.as_str()).collect()
    }

    #[test]
    fn ticks_are_round_and_hold_the_values() {
        assert_eq!(labels_of(&Axis::around([62.0, 241.0], Scale::Linear, 5)), ["0", "50", "100", "150", "200", "250"]);
        assert_eq!(labels_of(&Axis::linear(0.0, 0.5, 5)), ["0.0", "0.1", "0.2", "0.3", "0.4", "0.5"]);
        let narrow = Axis::around([100.0, 101.0], Scale::Linear, 4);
        assert!(narrow.low < 100.0 && narrow.high > 101.0 && narrow.low > 98.0);
        let tiny = Axis::around([1e-6, 4e-6], Scale::Linear, 4);
        assert_eq!(tiny.factor.as_deref(), Some("×10⁻⁶"));
        assert_eq!(labels_of(&tiny)[..2], ["0", "1"]);
        let negative = Axis::around([-3.0, 1.0], Scale::Linear, 4);
        assert!(labels_of(&negative).contains(&"−2") && labels_of(&negative).contains(&"0"));
    }

    #[test]
    fn nothing_one_value_and_no_number_still_make_an_axis() {
        for values in [vec![], vec![5.0], vec![0.0, 0.0], vec![f64::NAN], vec![1e300, -1e300], vec![f64::INFINITY, 2.0]]
        {
            for scale in [Scale::Linear, Scale::Log] {
                let axis = Axis::around(values.clone(), scale, 5);
                assert!(axis.low < axis.high && !axis.ticks.is_empty() && axis.ticks.len() < 40, "{values:?} {axis:?}");
            }
        }
    }

    #[test]
    fn decades_have_ticks_at_round_numbers() {
        let axis = Axis::around([0.02, 300.0], Scale::Log, 6);
        assert_eq!(labels_of(&axis), ["0.1", "1", "10", "100"]);
        assert!((axis.place((axis.low * axis.high).sqrt()) - 0.5).abs() < 1e-12);
        assert!(axis.place(0.0).is_nan() && axis.place(-1.0).is_nan());
        assert!(labels_of(&Axis::around([2.0, 30.0], Scale::Log, 6)).contains(&"5"));
    }

    #[test]
    fn numbers_are_written_as_people_write_them() {
        for (value, text) in [
            (0.1 + 0.2, "0.3"),
            (123.456, "123"),
            (0.001234, "0.00123"),
            (-12.34, "−12.3"),
            (1.2e-7, "1.2×10⁻⁷"),
            (4.0e12, "4×10¹²"),
            (9.996, "10"),
            (100.0, "100"),
            (f64::NAN, "–"),
            (0.0, "0"),
        ] {
            assert_eq!(number(value, 3), text);
        }
        assert_eq!(fixed(-0.001, 1), "0.0");
    }
}
