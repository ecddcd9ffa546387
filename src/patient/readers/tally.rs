//! Counts the voxels of labels slice by slice: how many, how many at the surface, cut off or not, and what a second image
//! has inside.

use std::collections::HashMap;

/// More labels than any table has: an image of intensities.
const LABELS: usize = 20_000;
/// Most values that are kept for medians.
const KEPT: usize = 1 << 26;

/// A label that was found.
#[derive(Clone, Debug, Default)]
pub(super) struct Region {
    pub number: i64,
    /// In voxels; not whole where voxels belong to it in part.
    pub size: f64,
    /// Voxels with a neighbour (of six) that is not of the label.
    pub surface: u64,
    /// Touches the border of the image.
    pub cut: bool,
    pub inside: Vec<Inside>,
}

/// Values of a second image to be taken of a label.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    /// Index of the measure.
    pub measure: usize,
    pub least: f64,
    pub greatest: f64,
    /// Without voxels of the surface.
    pub erode: bool,
    /// All values, for a median.
    pub keep: bool,
}

/// What was taken.
#[derive(Clone, Debug)]
pub(super) struct Inside {
    pub wanted: Wanted,
    pub count: u64,
    pub sum: f64,
    pub values: Vec<f32>,
    /// There were more values than are kept.
    pub spilt: bool,
}

impl Inside {
    /// Adds what was taken of another label.
    pub(super) fn add(&mut self, other: &Inside) {
        self.count += other.count;
        self.sum += other.sum;
        self.values.extend(&other.values);
        self.spilt |= other.spilt;
    }
}

/// One slice: for each voxel 0 or the place of its region plus one, and its value where there is a second image.
#[derive(Default)]
struct Slice {
    labels: Vec<u32>,
    values: Vec<f64>,
}

/// The count under way.
pub(super) struct Tally<'w> {
    width: usize,
    /// The first and the last slice are the border of the image, too.
    closed: bool,
    wanted: &'w dyn Fn(i64) -> Vec<Wanted>,
    places: HashMap<i64, u32>,
    last: (i64, u32),
    pub regions: Vec<Region>,
    before: Option<Slice>,
    now: Option<Slice>,
    spare: Slice,
    kept: usize,
}

impl<'w> Tally<'w> {
    pub(super) fn new(width: usize, closed: bool, wanted: &'w dyn Fn(i64) -> Vec<Wanted>) -> Self {
        let places = HashMap::from([(0, 0)]);
        let (regions, spare) = (Vec::new(), Slice::default());
        Self { width, closed, wanted, places, last: (0, 0), regions, before: None, now: None, spare, kept: 0 }
    }

    /// Adds a voxel of the next slice; `false` where there are more labels than a label map has.
    pub(super) fn label(&mut self, number: i64) -> bool {
        if number != self.last.0 {
            let place = match self.places.get(&number) {
                Some(place) => *place,
                None if self.regions.len() >= LABELS => return false,
                None => {
                    let inside = (self.wanted)(number).into_iter();
                    let inside =
                        inside.map(|wanted| Inside { wanted, count: 0, sum: 0.0, values: Vec::new(), spilt: false });
                    self.regions.push(Region { number, inside: inside.collect(), ..Region::default() });
                    let place = self.regions.len() as u32;
                    self.places.insert(number, place);
                    place
                }
            };
            self.last = (number, place);
        }
        self.spare.labels.push(self.last.1);
        true
    }

    /// Adds the second image's value of a voxel of the next slice.
    pub(super) fn value(&mut self, value: f64) {
        self.spare.values.push(value);
    }

    /// The next slice is whole.
    pub(super) fn slice(&mut self) {
        let next = std::mem::take(&mut self.spare);
        if let Some(now) = self.now.take() {
            self.count(&now, Some(&next));
            self.recycle(now);
        }
        self.now = Some(next);
    }

    /// The slice that was before is not needed any more, but its memory is.
    fn recycle(&mut self, now: Slice) {
        if let Some(mut old) = self.before.replace(now) {
            old.labels.clear();
            old.values.clear();
            self.spare = old;
        }
    }

    /// No slice follows.
    pub(super) fn end(mut self) -> Vec<Region> {
        if let Some(now) = self.now.take() {
            self.count(&now, None);
        }
        self.regions
    }

    fn count(&mut self, now: &Slice, next: Option<&Slice>) {
        let (width, all) = (self.width, now.labels.len());
        let before = self.before.take();
        let end = self.closed && (before.is_none() || next.is_none());
        let beside =
            |slice: Option<&Slice>, at: usize| slice.and_then(|slice| slice.labels.get(at)).copied().unwrap_or(0);
        for (at, label) in now.labels.iter().copied().enumerate().filter(|(_, label)| *label != 0) {
            let column = at % width;
            let border = column == 0 || column + 1 == width || at < width || at + width >= all;
            let surface = border
                || now.labels[at - 1] != label
                || now.labels[at + 1] != label
                || now.labels[at - width] != label
                || now.labels[at + width] != label
                || beside(before.as_ref(), at) != label
                || beside(next, at) != label;
            let region = &mut self.regions[label as usize - 1];
            region.size += 1.0;
            region.surface += u64::from(surface);
            region.cut |= border || end;
            let Some(value) = now.values.get(at).filter(|value| value.is_finite()) else { continue };
            for inside in &mut region.inside {
                let wanted = &inside.wanted;
                if (wanted.erode && surface) || *value < wanted.least || *value > wanted.greatest {
                    continue;
                }
                inside.count += 1;
                inside.sum += value;
                if wanted.keep && self.kept < KEPT {
                    self.kept += 1;
                    inside.values.push(*value as f32);
                } else {
                    inside.spilt |= wanted.keep;
                }
            }
        }
        self.before = before;
    }
}
