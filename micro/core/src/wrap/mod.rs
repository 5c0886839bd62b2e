//! Wraps: code around calls and events (middleware), and the chain that runs them.
//!
//! # Examples
//!
//! The attribute `#[micro::wrap]` turns an async function into a wrap. A wrap with settings is a
//! type that implements [`Wrap`]:
//!
//! ```
//! use std::time::Duration;
//!
//! use micro::prelude::*;
//! use micro::testing::TestApp;
//! use micro::wrap::Wrap;
//!
//! /// Refuses calls that bring less time than this.
//! struct AtLeast(Duration);
//!
//! impl Wrap for AtLeast {
//!     async fn wrap<'a>(&'a self, call: Call, next: Next<'a>) -> Result<Response> {
//!         match call.context().remaining() {
//!             Some(left) if left < self.0 => Err(Error::deadline_exceeded("there is too little time")),
//!             _ => next.run(call).await,
//!         }
//!     }
//! }
//!
//! #[micro::service]
//! struct Bell;
//!
//! #[micro::service]
//! impl Bell {
//!     #[micro::rpc]
//!     async fn ring(&self) -> Result<()> {
//!         Ok(())
//!     }
//! }
//!
//! #[tokio::main]
//! async fn main() -> Result<()> {
//!     let app = TestApp::builder()
//!         .service(Bell)
//!         .wrap("at_least", AtLeast(Duration::from_secs(10)))
//!         .start()
//!         .await?;
//!     let bell = BellClient::new(app.client());
//!     bell.ring().await?; // The default timeout is 30 s.
//!     let error = bell.ring().timeout(secs(1)).await.unwrap_err();
//!     assert_eq!(error.kind(), ErrorKind::DeadlineExceeded);
//!     app.stop().await;
//!     Ok(())
//! }
//! ```

mod chain;
mod linked;
mod log;
mod recover;
mod trace;

pub use self::chain::{Chain, Next, Wrap};
pub use self::linked::{LinkedWrap, On, ScopedWrap};
pub use self::log::Log;
pub use self::recover::Recover;
pub use self::trace::Trace;
pub(crate) use self::trace::trace_id;

#[doc(hidden)]
pub use self::linked::same_name;

#[cfg(feature = "linkme")]
#[doc(hidden)]
pub use self::linked::LINKED_WRAPS;
