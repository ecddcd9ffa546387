//! Model files to a checked, composed, compiled program; the stages are files in reading order.

mod composed;
mod graph;

pub use composed::{
    Assignment, Composed, Covariate, Delivery, ErrorFamily, Initial, Input, InputKind, Observation, Origin, Output,
    Parameter, ParameterValue, Receipt, State,
};
pub use graph::{Graph, Node, NodeId, Op, Symbol};
