//! What was collected at link time; the only place that knows which collector does it.
//!
//! `inventory` by default; `linkme` by the feature of that name.

use std::any::TypeId;

use crate::error::Result;
use crate::handler::call::BoxFuture;
use crate::handler::info::{Location, ServiceInfo};
use crate::handler::inject::{Instance, Resources};
use crate::handler::method::Method;
use crate::handler::service::Served;

/// Makes a type collectable at link time: `collector!(LinkedService, LINKED_SERVICES);`
/// gives it an associated function `linked()`. The type's method `key()` tells records apart.
macro_rules! collector {
    ($record:ident, $table:ident) => {
        #[cfg(not(feature = "linkme"))]
        ::inventory::collect!($record);

        #[cfg(feature = "linkme")]
        #[doc(hidden)]
        #[::linkme::distributed_slice]
        #[linkme(crate = ::linkme)]
        pub static $table: [$record];

        impl $record {
            /// All linked records of this type, sorted by key, each key once.
            pub(crate) fn linked() -> Vec<&'static Self> {
                #[cfg(not(feature = "linkme"))]
                let all = ::inventory::iter::<Self>.into_iter();
                #[cfg(feature = "linkme")]
                let all = $table.iter();
                // A crate that is linked twice (as a dependency of its own tests) counts once.
                let mut records: Vec<&'static Self> = all.collect();
                records.sort_by(|a, b| a.key().cmp(&b.key()));
                records.dedup_by(|a, b| a.key() == b.key());
                records
            }
        }
    };
}
pub(crate) use collector;

/// Submits a record to its table: `submit! { LINKED_WRAPS: LinkedWrap = LinkedWrap { … } }`.
///
/// Generated code and backend crates reach it as `micro::__private::submit!`.
#[doc(hidden)]
#[macro_export]
#[cfg(not(feature = "linkme"))]
macro_rules! __submit {
    ($table:ident: $record:ident = $value:expr) => {
        $crate::__private::inventory::submit! { $value }
    };
}

/// Submits a record to its table.
#[doc(hidden)]
#[macro_export]
#[cfg(feature = "linkme")]
macro_rules! __submit {
    ($table:ident: $record:ident = $value:expr) => {
        const _: () = {
            #[$crate::__private::linkme::distributed_slice($crate::__private::$table)]
            #[linkme(crate = $crate::__private::linkme)]
            static RECORD: $crate::__private::$record = $value;
        };
    };
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
collector!(LinkedService, LINKED_SERVICES);

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
collector!(LinkedMethods, LINKED_METHODS);

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
