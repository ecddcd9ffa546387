//! Cuts a record to a window of time.

use super::{Exposure, ExposureEvent, ExposureKind, LeftOut, Observation, Origin, Patient};

impl Patient {
    /// The same person with the readings and events of `[from_h, to_h]` only; times keep their zero.
    ///
    /// A delivery that runs across an edge is cut: what is given inside the window stays. A rate that holds goes on: the
    /// last one before the window begins at `from_h`. Of a series, one sample on either side of the window stays, so that
    /// it can be interpolated up to the edges. What was dropped is in `left_out`.
    pub fn window(&self, from_h: f64, to_h: f64) -> Patient {
        let mut left_out = self.left_out.clone();
        let why = format!("outside the window from {from_h} h to {to_h} h");
        let mut drop = |what: &str, dropped: Vec<Origin>| {
            let count = dropped.len();
            if let Some(origin) = dropped.into_iter().next() {
                left_out.push(LeftOut { what: what.into(), why: why.clone(), count, origin });
            }
        };
        let exposures = self.exposures.iter().map(|exposure| {
            let (events, dropped) = exposure.window(from_h, to_h);
            drop(&exposure.name, dropped);
            let inside = |event: &ExposureEvent| event.time_h >= from_h && event.time_h <= to_h;
            let (unknown, dropped): (Vec<_>, Vec<_>) = exposure.unknown.iter().cloned().partition(inside);
            drop(&exposure.name, dropped.into_iter().map(|event| event.origin).collect());
            Exposure { events, unknown, ..exposure.clone() }
        });
        let exposures = exposures.collect();
        let observations = self.observations.iter().map(|observation| {
            let inside = |time_h: f64| time_h >= from_h && time_h <= to_h;
            let (readings, dropped): (Vec<_>, Vec<_>) =
                observation.readings.iter().cloned().partition(|reading| inside(reading.time_h));
            drop(&observation.name, dropped.into_iter().map(|reading| reading.origin).collect());
            Observation { readings, ..observation.clone() }
        });
        let observations = observations.collect();
        Patient { exposures, observations, left_out, start_h: from_h, ..self.clone() }
    }
}

impl Exposure {
    /// The events of a window, and where those stand that are not in it.
    fn window(&self, from_h: f64, to_h: f64) -> (Vec<ExposureEvent>, Vec<Origin>) {
        let events = &self.events;
        let last_before = events.iter().rposition(|event| event.time_h <= from_h);
        let first_after = events.iter().position(|event| event.time_h >= to_h);
        let mut kept = Vec::new();
        let mut dropped = Vec::new();
        for (index, event) in events.iter().enumerate() {
            let inside = event.time_h >= from_h && event.time_h <= to_h;
            let cut = match self.kind {
                ExposureKind::Held if last_before == Some(index) => {
                    (from_h <= to_h).then(|| ExposureEvent { time_h: from_h, ..event.clone() })
                }
                ExposureKind::Series if last_before == Some(index) || first_after == Some(index) => Some(event.clone()),
                ExposureKind::Bolus | ExposureKind::Rate if event.duration_h > 0.0 => {
                    event.cut(self.kind, from_h, to_h)
                }
                _ => inside.then(|| event.clone()),
            };
            match cut {
                Some(event) => kept.push(event),
                None => dropped.push(event.origin.clone()),
            }
        }
        (kept, dropped)
    }
}

impl ExposureEvent {
    /// The part of a delivery that is given inside a window.
    fn cut(&self, kind: ExposureKind, from_h: f64, to_h: f64) -> Option<ExposureEvent> {
        let begin = self.time_h.max(from_h);
        let end = (self.time_h + self.duration_h).min(to_h);
        if end <= begin {
            return None;
        }
        if begin == self.time_h && end == self.time_h + self.duration_h {
            return Some(self.clone());
        }
        let share = (end - begin) / self.duration_h;
        let value = if kind == ExposureKind::Bolus { self.value * share } else { self.value };
        Some(ExposureEvent { time_h: begin, value, duration_h: end - begin, origin: self.origin.clone() })
    }
}
