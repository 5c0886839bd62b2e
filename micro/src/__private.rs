//! Every name that generated code may use. Not for people: it changes without notice.

pub mod codec;

#[doc(hidden)]
pub use ::inventory;
#[cfg(feature = "linkme")]
#[doc(hidden)]
pub use ::linkme;

pub use crate::__submit as submit;
pub use crate::app::{LinkedHook, Moment};
pub use crate::handler::{LinkedMethods, LinkedService};
pub use crate::wrap::LinkedWrap;
#[cfg(feature = "linkme")]
pub use crate::{
    app::LINKED_HOOKS,
    handler::{LINKED_METHODS, LINKED_SERVICES},
    wrap::LINKED_WRAPS,
};
