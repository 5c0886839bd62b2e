//! All names that the expansion of `#[micro::message]` may use. Not for direct use: it changes
//! without notice.

pub mod codec;
mod yielded;

pub use ::inventory;
#[cfg(feature = "linkme")]
pub use ::linkme;

pub use self::yielded::Yielded;
pub use crate::__submit as submit;
#[cfg(feature = "linkme")]
pub use crate::types::LINKED_MESSAGES;
pub use crate::types::LinkedMessage;

/// Submits a record to the table that collects its type at link time:
/// `submit! { [path::to::TABLE] path::to::Record = Record { … } }`.
///
/// `inventory` finds the table by the record's type; `linkme` needs the table's path.
#[doc(hidden)]
#[macro_export]
#[cfg(not(feature = "linkme"))]
macro_rules! __submit {
    ([$($table:tt)*] $record:ty = $value:expr) => {
        $crate::__private::inventory::submit! { $value }
    };
}

/// Submits a record to the table that collects its type at link time.
#[doc(hidden)]
#[macro_export]
#[cfg(feature = "linkme")]
macro_rules! __submit {
    ([$($table:tt)*] $record:ty = $value:expr) => {
        const _: () = {
            #[$crate::__private::linkme::distributed_slice($($table)*)]
            #[linkme(crate = $crate::__private::linkme)]
            static RECORD: $record = $value;
        };
    };
}
