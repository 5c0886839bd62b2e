//! What the attributes make of services, without a network: tables, injection, dispatch, apps.

mod app;
mod served;
