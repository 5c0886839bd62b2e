//! Calls to services of this process: directly, the value itself passed on.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use crate::client::core::Core;
use crate::client::options::Options;
use crate::context::{Caller, Context};
use crate::error::Result;
use crate::handler::{Call, Reply, Route, Router};

/// The router of this process, when it answers such a call.
pub(super) fn router(core: &Core, call: &Call, options: &Options) -> Option<Arc<Router>> {
    if options.remote || options.address.is_some() {
        return None;
    }
    let local = core.local.read().unwrap_or_else(PoisonError::into_inner);
    let router = local.as_ref()?;
    let route = router.get(&call.method().path)?;
    let fits = options.filter.is_empty() || {
        let pairs = route.service.metadata.iter();
        let own: BTreeMap<_, _> = pairs.map(|&(k, v)| (k.to_owned(), v.to_owned())).collect();
        options.filter.fits_parts(route.service.version, &own)
    };
    fits.then(|| Arc::clone(router))
}

/// Runs a call as its handler's protocol would.
pub(super) async fn run(route: &Route, call: Call) -> Result<Reply> {
    let (context, _, body) = call.into_parts();
    // A context of its own: a wrap may run the call again after this one is over.
    let mut own = Context::new()
        .with_metadata(context.metadata().clone())
        .with_caller(Caller::new(None, "local"));
    if let Some(deadline) = context.deadline() {
        own = own.with_deadline(deadline);
    }
    route
        .run(Call::new(own, Arc::clone(&route.method), body))
        .await
}
