//! `Stop`: ends the app from the inside.

use tokio_util::sync::CancellationToken;

use crate::error::Result;
use crate::handler::{FromApp, Resources};

/// Ends the app in order, as SIGTERM does: `stop.now()`.
///
/// Injectable; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Stop(CancellationToken);

impl Stop {
    /// Asks the app to stop. It finishes what runs; a second call changes nothing.
    pub fn now(&self) {
        self.0.cancel();
    }

    /// Resolves once the app has been asked to stop.
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
