//! Config: layered values that keep track of their source.
//!
//! This module does not read the environment. `app` adds it as one layer.
//!
//! # Examples
//!
//! ```
//! use std::time::Duration;
//!
//! use micro::config::{Layers, Origin};
//!
//! let mut layers = Layers::new();
//! layers.set("shop.pause", "1s", Origin::Default);
//! layers.toml("[shop]\npause = \"250ms\"", "shop.toml")?;
//!
//! let (pause, origin) = layers.get::<Duration>("shop.pause")?.expect("it is set");
//! assert_eq!(pause, Duration::from_millis(250));
//! assert_eq!(origin, Origin::File("shop.toml".into()));
//! # Ok::<(), micro::Error>(())
//! ```

mod layers;
mod value;

pub use self::layers::{Layers, Origin};
pub use self::value::{FromText, duration_text};
