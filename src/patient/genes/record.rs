//! What a record of a VCF says of a position of a gene, however it writes the change: with other bases around, over
//! several bases, or in several records.

use super::call::{Call, Phase, Slot};
use super::{Position, Slot::*};

/// A change with what it leaves as it was trimmed off.
struct Change<'b> {
    at: u64,
    from: &'b [u8],
    to: &'b [u8],
}

impl<'b> Change<'b> {
    fn new(mut at: u64, mut from: &'b [u8], mut to: &'b [u8]) -> Self {
        while let ([.., a], [.., b]) = (from, to)
            && a.eq_ignore_ascii_case(b)
        {
            (from, to) = (&from[..from.len() - 1], &to[..to.len() - 1]);
        }
        while let ([a, ..], [b, ..]) = (from, to)
            && a.eq_ignore_ascii_case(b)
        {
            (at, from, to) = (at + 1, &from[1..], &to[1..]);
        }
        Self { at, from, to }
    }

    fn same(&self, other: &Change) -> bool {
        self.at == other.at && self.from.eq_ignore_ascii_case(other.from) && self.to.eq_ignore_ascii_case(other.to)
    }

    fn end(&self) -> u64 {
        self.at + self.from.len() as u64
    }

    /// Whether both change one base, or insert at one place, or one inserts inside of what the other changes.
    fn touches(&self, other: &Change) -> bool {
        match (self.from.is_empty(), other.from.is_empty()) {
            (true, true) => self.at == other.at,
            (true, false) => other.at < self.at && self.at < other.end(),
            (false, true) => self.at < other.at && other.at < self.end(),
            (false, false) => self.at < other.end() && other.at < self.end(),
        }
    }
}

/// Which of a position's bases an allele of a record has, of which the reference's bases begin at `at`.
pub(in crate::patient) fn option(position: &Position, at: u64, reference: &[u8], allele: &[u8]) -> Slot {
    if allele.is_empty() || allele == b"." {
        return Unknown;
    }
    if !allele.iter().all(u8::is_ascii_alphabetic) {
        return Other;
    }
    let change = Change::new(at, reference, allele);
    let own = position.bases[0].as_bytes();
    let known = || position.bases[1..].iter().map(|base| Change::new(position.at, own, base.as_bytes()));
    if let Some(found) = known().position(|known| known.same(&change)) {
        return Base(found + 1);
    }
    if !known().any(|known| known.touches(&change)) {
        return Base(0);
    }
    // Several bases exchanged at once, of which this position is one.
    let single =
        own.len() == 1 && change.from.len() == change.to.len() && (change.at..change.end()).contains(&position.at);
    if single {
        let base = change.to[(position.at - change.at) as usize];
        let found = position.bases.iter().position(|known| known.as_bytes().eq_ignore_ascii_case(&[base]));
        return found.map_or(Other, Base);
    }
    Other
}

/// What two records say of one position together; `None` where they contradict each other.
pub(in crate::patient) fn merged(old: Call, new: Call) -> Option<Call> {
    let changed = |call: Call| call.slots.into_iter().filter(|slot| !matches!(slot, Base(0) | Unknown));
    let same = changed(old).eq(changed(new)) || changed(old).eq(changed(new).collect::<Vec<_>>().into_iter().rev());
    if changed(new).count() == 0 || (same && old.told()) {
        return Some(if old.told() { old } else { new });
    }
    if changed(old).count() == 0 {
        return Some(new);
    }
    if let (Phase::Block(a), Phase::Block(b)) = (old.phase, new.phase)
        && a == b
    {
        let slots = [0, 1].map(|at| match (old.slots[at], new.slots[at]) {
            (Base(0) | Unknown, slot) | (slot, Base(0) | Unknown) => Some(slot),
            _ => None,
        });
        return Some(Call { slots: [slots[0]?, slots[1]?], phase: old.phase });
    }
    let all: Vec<Slot> = changed(old).chain(changed(new)).collect();
    let [first, second] = all.as_slice() else { return None };
    Some(Call { slots: [*first, *second], phase: Phase::Unknown })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn position(at: u64, bases: &[&str]) -> Position {
        Position { chromosome: 0, at, rsid: String::new(), bases: bases.iter().map(ToString::to_string).collect() }
    }

    #[test]
    fn a_change_is_known_however_it_is_written() {
        let single = position(100, &["C", "T", "A"]);
        assert_eq!(option(&single, 100, b"C", b"T"), Base(1));
        assert_eq!(option(&single, 100, b"c", b"a"), Base(2));
        assert_eq!(option(&single, 100, b"C", b"G"), Other);
        assert_eq!(option(&single, 99, b"ACG", b"ATG"), Base(1));
        assert_eq!(option(&single, 99, b"AC", b"GT"), Base(1));
        assert_eq!(option(&single, 99, b"AC", b"GC"), Base(0));
        assert_eq!(option(&single, 99, b"AC", b"A"), Other);
        assert_eq!(option(&single, 100, b"C", b"CT"), Base(0));
        assert_eq!(option(&single, 100, b"C", b"*"), Other);
        assert_eq!(option(&single, 100, b"C", b"<DEL>"), Other);
        let repeat = position(233, &["CAT", "C", "CATAT", "CATATAT"]);
        assert_eq!(option(&repeat, 233, b"CAT", b"C"), Base(1));
        assert_eq!(option(&repeat, 233, b"C", b"CAT"), Base(2));
        assert_eq!(option(&repeat, 233, b"CATAT", b"CATATATAT"), Base(3));
        assert_eq!(option(&repeat, 233, b"CAT", b"CATATATAT"), Other);
        let inserted = position(770, &["T", "TA"]);
        assert_eq!(option(&inserted, 770, b"T", b"TA"), Base(1));
        assert_eq!(option(&inserted, 770, b"T", b"G"), Base(0));
    }

    #[test]
    fn records_of_one_position_are_joined() {
        let call = |a, b, phase| Call { slots: [a, b], phase };
        let free = Phase::Unknown;
        let (t, a) = (call(Base(0), Base(1), free), call(Base(2), Base(0), free));
        assert_eq!(merged(t, a), Some(call(Base(1), Base(2), free)));
        assert_eq!(merged(t, t), Some(t));
        assert_eq!(merged(Call::REFERENCE, t), Some(t));
        assert_eq!(merged(t, Call::REFERENCE), Some(t));
        assert_eq!(merged(call(Base(1), Base(1), free), a), None);
        let block = Phase::Block(7);
        assert_eq!(merged(call(Base(0), Base(1), block), call(Base(0), Base(2), block)), None);
    }
}
