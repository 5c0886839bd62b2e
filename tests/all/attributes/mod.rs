//! What the attributes make of services, without a network: tables, injection, dispatch.

mod served;
