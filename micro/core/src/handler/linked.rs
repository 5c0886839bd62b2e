//! What was collected at link time; the only place that knows which collector does it.
//!
//! `inventory` by default; `linkme` by the feature of that name.

use std::any::TypeId;

use crate::handler::call::BoxFuture;
use crate::handler::info::{Location, ServiceInfo};
use crate::handler::inject::{Instance, Resources};
use crate::handler::method::Method;
use crate::handler::service::Served;
use micro_message::error::Result;
use micro_message::internal::sort_by_key;

/// Makes a table at link time: `__table!(LinkedService, LINKED_SERVICES);`.
#[doc(hidden)]
#[macro_export]
#[cfg(not(feature = "linkme"))]
macro_rules! __table {
    ($record:ident, $table:ident) => {
        $crate::__private::inventory::collect!($record);
    };
}

/// Makes a table at link time.
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

/// What a table holds, in no particular order: `__linked!(LinkedService, LINKED_SERVICES)`.
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

/// What a table holds.
#[doc(hidden)]
#[macro_export]
#[cfg(feature = "linkme")]
macro_rules! __linked {
    ($record:ident, $table:ident) => {
        $table.iter().collect()
    };
}

/// Makes a type collectable at link time: `__collector!(LinkedService, LINKED_SERVICES);`
/// gives it an associated function `linked()`. The type's method `key()` tells records apart.
#[doc(hidden)]
#[macro_export]
macro_rules! __collector {
    ($record:ident, $table:ident) => {
        $crate::__table!($record, $table);

        impl $record {
            /// All linked records of this type, sorted by key, each key once.
            #[doc(hidden)]
            pub fn linked() -> ::std::vec::Vec<&'static Self> {
                let all: ::std::vec::Vec<&'static Self> = $crate::__linked!($record, $table);
                $crate::internal::sorted_by_key(all, Self::key)
            }
        }
    };
}

/// Records in the order of their keys, each key once: a crate that is linked twice (as a
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
    /// Its names.
    pub info: ServiceInfo,
    /// The type.
    pub type_id: fn() -> TypeId,
    /// Makes the instance.
    pub build: for<'a> fn(&'a Resources) -> BoxFuture<'a, Result<Instance>>,
    /// What it serves.
    pub served: fn() -> Vec<Served>,
    /// Where it is defined.
    pub location: Location,
}
crate::__collector!(LinkedService, LINKED_SERVICES);

impl LinkedService {
    fn key(&self) -> impl Ord {
        (self.location, self.info.wire)
    }
}

/// Methods of a service found at link time: of an `impl` block or a free function.
#[derive(Debug)]
pub struct LinkedMethods {
    /// The type whose methods they are.
    pub type_id: fn() -> TypeId,
    /// The contract that they implement; none for the type's own methods.
    pub contract: Option<ServiceInfo>,
    /// The methods.
    pub methods: fn() -> Vec<Method>,
    /// Where they are defined.
    pub location: Location,
}
crate::__collector!(LinkedMethods, LINKED_METHODS);

impl LinkedMethods {
    // Each record counts: of a crate that is linked twice, each copy of a type has its own.
    fn key(&self) -> impl Ord {
        (self.location, std::ptr::from_ref(self))
    }
}

/// What a type serves according to what is linked: its own methods under `own`, and its contracts.
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
