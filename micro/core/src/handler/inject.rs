//! Injection: the values an app holds, and the traits that create fields and parameters from them.

use std::any::{Any, TypeId, type_name};
use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Arc, OnceLock};

use crate::context::{Caller, Context};
use crate::handler::call::BoxFuture;
use crate::handler::info::MethodInfo;
use micro_message::error::{Error, Result};
use micro_wake::sync::RwLock;

/// A service or handle as a type-erased value.
pub type Instance = Arc<dyn Any + Send + Sync>;

/// The values of one app, by type: handles, services, and values given to the builder.
///
/// Values are inserted while the app is assembled. Then the app [freezes](Self::freeze) the
/// resources: they do not change any more, and each call reads them without a lock.
#[derive(Clone, Default)]
pub struct Resources {
    values: Arc<Inner>,
    /// The service that is created or called with these resources.
    service: Option<TypeId>,
}

#[derive(Default)]
struct Inner {
    /// The values before the freeze. Empty after it.
    open: RwLock<Values>,
    frozen: OnceLock<Values>,
}

type Values = HashMap<TypeId, Entry, BuildHasherDefault<IdHasher>>;

struct Entry {
    value: Instance,
    name: &'static str,
}

/// A hasher that returns a [`TypeId`] unchanged, because it is already a hash.
#[derive(Default)]
struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    /// Fallback, in case the standard library hashes type ids in another way.
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0.rotate_left(5) ^ u64::from(byte)).wrapping_mul(0x517c_c1b7_2722_0a95);
        }
    }
}

impl Resources {
    /// Creates empty resources.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a value. Replaces a value of the same type.
    ///
    /// # Errors
    ///
    /// `FailedPrecondition` after [`freeze`](Self::freeze).
    pub fn insert<T: Send + Sync + 'static>(&self, value: impl Into<Arc<T>>) -> Result<()> {
        self.insert_any(TypeId::of::<T>(), type_name::<T>(), value.into())
    }

    /// Adds a type-erased value: a service created at link time.
    #[doc(hidden)]
    pub fn insert_any(&self, id: TypeId, name: &'static str, value: Instance) -> Result<()> {
        let mut open = self.values.open.write();
        if self.values.frozen.get().is_some() {
            return Err(Error::failed_precondition(format!(
                "the app is put together already and takes no `{name}`; give it to the builder \
                 with `provide`"
            )));
        }
        open.insert(id, Entry { value, name });
        Ok(())
    }

    /// Freezes the resources: no value can be added any more, and reading takes no lock.
    ///
    /// The builder of an app calls it at the end of `build`. A second call does nothing.
    pub fn freeze(&self) {
        let mut open = self.values.open.write();
        self.values
            .frozen
            .get_or_init(|| std::mem::take(&mut *open));
    }

    /// Returns the same resources, as they are injected into a service of this type.
    #[doc(hidden)]
    pub fn for_service(&self, service: TypeId) -> Self {
        Self {
            values: Arc::clone(&self.values),
            service: Some(service),
        }
    }

    /// Returns the type of the service into which these resources are injected; `None` outside of
    /// services. A handle that differs by service, such as its health, depends on it.
    pub fn service_type(&self) -> Option<TypeId> {
        self.service
    }

    /// Returns the value of a type.
    ///
    /// # Errors
    ///
    /// `FailedPrecondition` if the app does not hold such a value. The message lists the types it
    /// holds.
    pub fn get<T: Send + Sync + 'static>(&self) -> Result<Arc<T>> {
        self.read(|held| {
            let found = held
                .get(&TypeId::of::<T>())
                .map(|held| Arc::clone(&held.value));
            match found.map(Arc::downcast) {
                Some(Ok(value)) => Ok(value),
                _ => Err(missing(type_name::<T>(), held)),
            }
        })
    }

    fn read<T>(&self, look: impl FnOnce(&Values) -> T) -> T {
        if let Some(frozen) = self.values.frozen.get() {
            return look(frozen);
        }
        let open = self.values.open.read();
        // The resources may have been frozen while this thread waited for the lock.
        look(self.values.frozen.get().unwrap_or(&open))
    }
}

#[cold]
fn missing(wanted: &str, held: &Values) -> Error {
    let mut known: Vec<_> = held.values().map(|held| held.name).collect();
    known.sort_unstable();
    Error::failed_precondition(format!(
        "the app holds no `{wanted}`; it holds: `{}`",
        known.join("`, `")
    ))
}

impl fmt::Debug for Resources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.read(|held| {
            f.debug_set()
                .entries(held.values().map(|held| held.name))
                .finish()
        })
    }
}

/// A value that the app can create: a field of a service, or a parameter of a function.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be injected by the app",
    label = "not injectable",
    note = "put `#[micro(default)]` on a field that holds plain state",
    note = "implement `micro::FromApp` for `{Self}` to make it injectable"
)]
pub trait FromApp: Sized + Send + Sync + 'static {
    /// Creates the value from the app's resources.
    ///
    /// # Errors
    ///
    /// If something that the value needs is missing. The app does not start then.
    fn from_app(app: &Resources) -> Result<Self>;
}

impl FromApp for Resources {
    fn from_app(app: &Resources) -> Result<Self> {
        Ok(app.clone())
    }
}

/// A value given to the builder with `provide`, or a service of this app.
impl<T: Send + Sync + 'static> FromApp for Arc<T> {
    fn from_app(app: &Resources) -> Result<Self> {
        app.get::<T>()
    }
}

/// Everything a handler receives besides the request.
#[derive(Debug, Clone)]
pub struct Parts {
    pub(super) context: Context,
    method: Arc<MethodInfo>,
    resources: Resources,
    instance: Instance,
    /// Set by the subsystem that runs the handler.
    extension: Option<Instance>,
}

impl Parts {
    /// Creates the parts for one run of a handler.
    pub fn new(
        context: Context,
        method: Arc<MethodInfo>,
        resources: Resources,
        instance: Instance,
    ) -> Self {
        Self {
            context,
            method,
            resources,
            instance,
            extension: None,
        }
    }

    /// Sets the value that [`extension`](Self::extension) returns.
    pub fn with_extension<T: Send + Sync + 'static>(mut self, extension: T) -> Self {
        self.extension = Some(Arc::new(extension));
        self
    }

    /// Returns the context: deadline, metadata, caller and cancellation.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// Returns the method that is called.
    pub fn method(&self) -> &MethodInfo {
        &self.method
    }

    /// Returns the app's resources.
    pub fn resources(&self) -> &Resources {
        &self.resources
    }

    /// Returns the value that the subsystem adds to every call it runs. For a subscriber, this is
    /// the broker's delivery. `None` if the subsystem adds no value of this type.
    pub fn extension<T: Send + Sync + 'static>(&self) -> Option<&T> {
        self.extension.as_ref()?.downcast_ref()
    }

    /// Returns the service that is called, or another service of this app.
    ///
    /// # Errors
    ///
    /// `FailedPrecondition` if this app does not run the service.
    pub fn service<S: Send + Sync + 'static>(&self) -> Result<Arc<S>> {
        Arc::clone(&self.instance)
            .downcast()
            .or_else(|_| self.resources.get::<S>())
    }
}

/// A value that can be created from a call: a parameter of a method before the request.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a parameter here",
    label = "not a parameter",
    note = "the request must be the last parameter; the parameters before it can be `Context`, \
            `Caller`, `&Service` and types that the app can inject",
    note = "to send several values, put them into one message: \
            `struct HelloRequest {{ name: String, id: u64 }}`"
)]
pub trait FromCall: Sized {
    /// Creates the value from a call.
    ///
    /// # Errors
    ///
    /// The error becomes the response of the call.
    fn from_call(parts: &Parts) -> Result<Self>;
}

impl FromCall for Context {
    fn from_call(parts: &Parts) -> Result<Self> {
        Ok(parts.context().clone())
    }
}

impl FromCall for Caller {
    fn from_call(parts: &Parts) -> Result<Self> {
        Ok(parts.context().caller())
    }
}

// Created for each call, from resources that are frozen by then. Keeping one value per method would
// save the lookup, 4 ns of 16 including the clone of an `Arc`. But the value would have to be
// `Clone`, and all calls would share it. The bench `dispatch` measures two such parameters.
#[diagnostic::do_not_recommend]
impl<T: FromApp> FromCall for T {
    fn from_call(parts: &Parts) -> Result<Self> {
        T::from_app(parts.resources())
    }
}

/// An async function that creates a `T` from injected parameters: `init = path`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot create `{T}`",
    note = "`init` needs an `async fn(…) -> micro::Result<{T}>` whose parameters the app can \
            inject"
)]
pub trait Construct<T, Parameters>: Send + Sync + 'static {
    /// Injects the parameters and calls the function.
    fn construct<'a>(&'a self, app: &'a Resources) -> BoxFuture<'a, Result<T>>;
}

macro_rules! construct {
    ($($parameter:ident)*) => {
        impl<T, Function, Fut, $($parameter,)*> Construct<T, ($($parameter,)*)> for Function
        where
            Function: Fn($($parameter),*) -> Fut + Send + Sync + 'static,
            Fut: Future<Output = Result<T>> + Send,
            $($parameter: FromApp,)*
        {
            fn construct<'a>(&'a self, _app: &'a Resources) -> BoxFuture<'a, Result<T>> {
                Box::pin(async move { self($($parameter::from_app(_app)?),*).await })
            }
        }
    };
}

construct!();
construct!(A);
construct!(A B);
construct!(A B C);
construct!(A B C D);
construct!(A B C D E);
construct!(A B C D E F);
construct!(A B C D E F G);
construct!(A B C D E F G H);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frozen_resources_keep_what_they_hold_and_take_no_more() {
        let resources = Resources::new();
        let clone = resources.clone();
        resources.insert::<u32>(1).unwrap();
        resources.insert::<u32>(2).unwrap();
        assert_eq!(*clone.get::<u32>().unwrap(), 2);
        clone.freeze();
        clone.freeze();
        assert_eq!(*resources.get::<u32>().unwrap(), 2);
        let error = resources.insert::<u64>(3_u64).unwrap_err();
        assert!(error.message().contains("takes no `u64`"), "{error}");
        resources.insert::<u32>(4).unwrap_err();
        assert_eq!(*resources.get::<u32>().unwrap(), 2);
        let error = resources.get::<u64>().unwrap_err();
        assert!(error.message().ends_with("it holds: `u32`"), "{error}");
    }

    #[test]
    fn type_ids_hash_to_different_values() {
        use std::hash::BuildHasher;

        let hash = |id: TypeId| BuildHasherDefault::<IdHasher>::default().hash_one(id);
        let ids = [
            TypeId::of::<u8>(),
            TypeId::of::<u16>(),
            TypeId::of::<String>(),
        ];
        let mut hashes = ids.map(hash).to_vec();
        hashes.sort_unstable();
        hashes.dedup();
        assert_eq!(hashes.len(), ids.len());
    }
}
