//! Services and methods collected at link time. This is the only module that depends on the
//! collecting crate.
//!
//! The crate is `inventory` by default, and `linkme` with the feature of that name.

use std::any::TypeId;

use crate::handler::call::BoxFuture;
use crate::handler::info::{Location, ServiceInfo};
use crate::handler::inject::{Instance, Resources};
use crate::handler::method::Method;
use crate::handler::service::Served;
use micro_message::error::Result;
use micro_message::internal::sort_by_key;

/// Declares a link-time table: `__table!(LinkedService, LINKED_SERVICES);`.
#[doc(hidden)]
#[macro_export]
#[cfg(not(feature = "linkme"))]
macro_rules! __table {
    ($record:ident, $table:ident) => {
        $crate::__private::inventory::collect!($record);
    };
}

/// Declares a link-time table.
#[doc(hidden)]
#[macro_export]
#[cfg(feature = "linkme")]
macro_rules! __table {
    ($record:ident, $table:ident) => {
        #[doc(hidden)]
        #[$crate::__private::linkme::distributed_slice]
        #[linkme(crate = $crate::__private::linkme)]
        pub static $table: [$record];
    };
}

/// Returns the records of a table, in no particular order: `__linked!(LinkedService,
/// LINKED_SERVICES)`.
#[doc(hidden)]
#[macro_export]
#[cfg(not(feature = "linkme"))]
macro_rules! __linked {
    ($record:ident, $table:ident) => {
        $crate::__private::inventory::iter::<$record>
            .into_iter()
            .collect()
    };
}

/// Returns the records of a table.
#[doc(hidden)]
#[macro_export]
#[cfg(feature = "linkme")]
macro_rules! __linked {
    ($record:ident, $table:ident) => {
        $table.iter().collect()
    };
}

/// Declares a link-time table for a type and gives the type an associated function `linked()`:
/// `__collector!(LinkedService, LINKED_SERVICES);`. The type's method `key()` identifies records.
#[doc(hidden)]
#[macro_export]
macro_rules! __collector {
    ($record:ident, $table:ident) => {
        $crate::__table!($record, $table);

        impl $record {
            /// Returns all linked records of this type, sorted by key, without duplicates.
            #[doc(hidden)]
            pub fn linked() -> ::std::vec::Vec<&'static Self> {
                let all: ::std::vec::Vec<&'static Self> = $crate::__linked!($record, $table);
                $crate::internal::sorted_by_key(all, Self::key)
            }
        }
    };
}

/// Sorts records by key and removes duplicates. A crate that is linked twice (for example as a
/// dependency of its own tests) counts once.
pub fn sorted_by_key<T: 'static, K: Ord>(
    mut records: Vec<&'static T>,
    key: fn(&'static T) -> K,
) -> Vec<&'static T> {
    sort_by_key(&mut records, |record| key(record));
    records.dedup_by_key(|record| key(record));
    records
}

/// A service found at link time.
#[derive(Debug)]
pub struct LinkedService {
    /// The service's names, version and metadata.
    pub info: ServiceInfo,
    /// Returns the id of the service's type.
    pub type_id: fn() -> TypeId,
    /// Creates the instance.
    pub build: for<'a> fn(&'a Resources) -> BoxFuture<'a, Result<Instance>>,
    /// Returns the services that the type serves.
    pub served: fn() -> Vec<Served>,
    /// Source location of the definition.
    pub location: Location,
}
crate::__collector!(LinkedService, LINKED_SERVICES);

impl LinkedService {
    fn key(&self) -> impl Ord {
        (self.location, self.info.wire)
    }
}

/// Methods of a service, found at link time. They come from an `impl` block or a free function.
#[derive(Debug)]
pub struct LinkedMethods {
    /// Returns the id of the type that has the methods.
    pub type_id: fn() -> TypeId,
    /// The contract that the methods implement. `None` for the type's own methods.
    pub contract: Option<ServiceInfo>,
    /// Returns the methods.
    pub methods: fn() -> Vec<Method>,
    /// Source location of the definition.
    pub location: Location,
}
crate::__collector!(LinkedMethods, LINKED_METHODS);

impl LinkedMethods {
    // No two records are duplicates: if a crate is linked twice, each copy of a type has its own
    // records.
    fn key(&self) -> impl Ord {
        (self.location, std::ptr::from_ref(self))
    }
}

/// Returns the services of a type that are linked: its own methods under `own`, and its contracts.
pub fn served<S: 'static>(own: ServiceInfo) -> Vec<Served> {
    let mut all = vec![Served::new(own)];
    for record in LinkedMethods::linked() {
        if (record.type_id)() != TypeId::of::<S>() {
            continue;
        }
        match record.contract {
            None => all[0].methods.extend((record.methods)()),
            Some(contract) => {
                let info = ServiceInfo {
                    version: own.version,
                    metadata: own.metadata,
                    ..contract
                };
                all.push(Served {
                    info,
                    methods: (record.methods)(),
                });
            }
        }
    }
    all.retain(|served| !served.methods.is_empty());
    all
}
