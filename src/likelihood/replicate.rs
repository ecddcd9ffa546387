//! Readings as the model would have them: drawn with its error, and cut where the devices' limits are.

use crate::patient::{Censoring, Patient};
use crate::stats::Stream;

use super::matching::{Term, TermReading};
use super::posterior::Posterior;

/// What a device can tell, in the unit of its term.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Limits {
    pub lower: Option<f64>,
    pub upper: Option<f64>,
}

impl Limits {
    /// The limits that a bundle declares of the device of a term.
    pub fn of(patient: &Patient, term: &Term) -> Self {
        let mut of_name = patient.observations.iter().filter(|observed| observed.name == term.name);
        let Some(observed) = of_name.find(|observed| observed.device == term.device) else { return Self::default() };
        let convert = |limit: Option<f64>| limit.and_then(|limit| observed.unit.convert(limit, &term.unit));
        Self { lower: convert(observed.lower_limit), upper: convert(observed.upper_limit) }
    }

    /// A reading with another value, as the device would tell it: at or beyond a limit it is the limit, censored. A
    /// reading that was censored has its own limit, which may lie further in.
    pub fn tell(self, measured: TermReading, value: f64) -> TermReading {
        let own = |side| (measured.censoring == side).then_some(measured.value);
        let lower = own(Censoring::Below).or(self.lower).filter(|lower| value <= *lower);
        let upper = own(Censoring::Above).or(self.upper).filter(|upper| value >= *upper);
        let (value, censoring) = match (lower, upper) {
            (Some(lower), _) => (lower, Censoring::Below),
            (_, Some(upper)) => (upper, Censoring::Above),
            _ => (value, Censoring::None),
        };
        TermReading { value, censoring, ..measured }
    }
}

impl Posterior {
    /// Readings in place of the measured ones, `[term][reading]`, of somebody with these natural values of the calibrated
    /// parameters; `limits` are one a term. Why there are none, if the record cannot be simulated.
    pub fn simulate(
        &self,
        natural: &[f64],
        limits: &[Limits],
        stream: &mut Stream,
    ) -> Result<Vec<Vec<TermReading>>, String> {
        let mut found = self.predict(&mut self.lanes(), &[natural.to_vec()], std::slice::from_mut(stream));
        let predicted = match found.pop() {
            Some(Ok(predicted)) => predicted,
            Some(Err(failure)) => return Err(failure.to_string()),
            None => return Err("nobody was simulated".into()),
        };
        let mut all = Vec::with_capacity(self.terms.len());
        for ((term, drawn), limits) in self.terms.iter().zip(predicted.drawn).zip(limits) {
            if drawn.iter().any(|value| !value.is_finite()) {
                return Err(format!("a reading of `{}` is not a finite number", term.name));
            }
            all.push(term.readings.iter().zip(drawn).map(|(reading, value)| limits.tell(*reading, value)).collect());
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_tells_a_limit_where_the_value_is_beyond_it() {
        let limits = Limits { lower: Some(40.0), upper: Some(400.0) };
        let plain = TermReading { time: 1.0, value: 90.0, censoring: Censoring::None, sd: 0.0 };
        let told = |value| (limits.tell(plain, value).value, limits.tell(plain, value).censoring);
        assert_eq!(told(39.0), (40.0, Censoring::Below));
        assert_eq!(told(401.0), (400.0, Censoring::Above));
        assert_eq!(told(41.0), (41.0, Censoring::None));
        let bound = TermReading { value: 50.0, censoring: Censoring::Below, ..plain };
        assert_eq!(limits.tell(bound, 45.0), TermReading { value: 50.0, censoring: Censoring::Below, ..plain });
        assert_eq!(limits.tell(bound, 51.0).censoring, Censoring::None);
        assert_eq!(Limits::default().tell(plain, -3.0).value, -3.0);
    }
}
