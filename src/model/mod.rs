//! Model files to a checked, composed, compiled program; the stages are files in reading order.

mod compose;
mod composed;
mod document;
mod evaluate;
mod expression;
mod function;
mod graph;
mod lanes;
mod library;
mod lower;
mod observe;
mod parse;
mod phase;
mod prior;
mod program;
mod scope;
mod support;
mod syntax;
mod tape;
mod token;
mod whole;

pub use composed::{
    Assignment, Composed, Covariate, Delivery, ErrorFamily, Initial, Input, InputKind, Observation, Origin, Output,
    Parameter, ParameterValue, Receipt, State,
};
pub use graph::{Graph, Node, NodeId, Op, Symbol};
pub use lanes::Block;
pub(crate) use lanes::{TimesPlus, Vector, exp, ln, pow as power, times_plus};
pub use library::Library;
pub(crate) use program::{Jump, first};
pub use program::{Program, Results};
pub(crate) use support::Support;
pub use tape::Reading;
pub(crate) use tape::{Tape, registers};
