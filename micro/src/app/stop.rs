//! `Stop`: stops the app from within.

use tokio_util::sync::CancellationToken;

use crate::error::Result;
use crate::handler::{FromApp, Resources};

/// Stops the app gracefully, as SIGTERM does: `stop.now()`.
///
/// Injectable and cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Stop(CancellationToken);

impl Stop {
    /// Asks the app to stop. The app finishes calls and events in progress. A second call has no
    /// effect.
    pub fn now(&self) {
        self.0.cancel();
    }

    /// Completes when the app has been asked to stop.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn requested(&self) {
        self.0.cancelled().await;
    }
}

impl FromApp for Stop {
    fn from_app(app: &Resources) -> Result<Self> {
        Ok((*app.get::<Self>()?).clone())
    }
}
