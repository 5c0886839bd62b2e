//! Config: layered values, each of which knows where it came from.
//!
//! Does not read the environment; `app` hands it over as one layer.

mod layers;
mod value;

pub use self::layers::{Layers, Origin};
pub use self::value::{FromText, duration_text};
