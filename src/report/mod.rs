//! Figures and tables of twins and scenarios; computes nothing.

mod axis;
mod clock;
mod density;
mod effects;
mod fan;
mod figure;
mod frame;
mod of_twin;
mod paint;
mod ranks;
mod ribbon;
mod scene;
mod strip;
mod style;
mod text;
mod trace;

pub use axis::Scale;
pub use density::{ParameterChart, ParameterPanel, parameter_chart};
pub use effects::{Effect, EffectChart, EffectPanel, effect_chart};
pub use fan::{FanChart, Panel, Readings, Ribbon, fan_chart};
pub use figure::{Figure, Format, SaveError, UnknownFormat};
pub use frame::Frame;
pub use of_twin::{clock_of, effects_of, fan_of, frame, observed_outputs, parameters_of, traces_of};
pub use paint::DrawError;
pub use ranks::{RankChart, RankPanel, rank_chart, ranks_of};
pub use strip::{Event, Strip};
pub use trace::{TraceChart, TracePanel, trace_chart};
