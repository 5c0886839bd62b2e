//! What the attributes generate for services, without a network: tables, injection, dispatch, apps.

mod app;
mod served;
