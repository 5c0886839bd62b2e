//! Deprecations and comments of oneofs, in all forms of a service.

#![allow(deprecated, reason = "that is what it is about")]

use micro::prelude::*;
use micro::schema::Schema;

use super::round::{as_proto_says, compiled};

/// A way to pay, as its type says it.
#[micro::message(oneof)]
#[derive(Debug, Clone, PartialEq)]
enum Means {
    #[micro(tag = 2)]
    Card(String),
    #[micro(tag = 3)]
    Coins(u32),
}

#[micro::message(package = "marks")]
#[derive(Debug, Clone, PartialEq)]
struct Bill {
    #[micro(tag = 1)]
    name: String,
    /// How it is paid.
    #[micro(oneof)]
    means: Option<Means>,
}

#[micro::message(package = "marks")]
#[derive(Debug, Clone, PartialEq)]
struct Plain {
    #[micro(oneof)]
    means: Option<Means>,
}

/// Is not to be called any more.
#[micro::service(package = "marks")]
#[deprecated]
struct Old;

#[micro::service]
impl Old {
    #[micro::rpc]
    #[deprecated]
    async fn pay(&self, bill: Bill) -> Result<Bill> {
        Ok(bill)
    }

    #[deprecated]
    #[micro::rpc(idempotent)]
    async fn look(&self, bill: Bill) -> Result<Plain> {
        Ok(Plain { means: bill.means })
    }

    #[micro::rpc]
    async fn close(&self) -> Result<()> {
        Ok(())
    }
}

#[test]
fn marks_and_comments_travel_into_all_forms() {
    let schema = Schema::of_service::<Old>().unwrap();
    let services = schema.services();
    let service = services["marks.Old"];
    assert!(service.deprecated);
    let methods = service.methods.iter();
    let marked = methods.filter(|method| method.deprecated);
    let marked: Vec<_> = marked.map(|method| &*method.name).collect();
    assert_eq!(marked, ["Look", "Pay"]);
    let messages = schema.messages();
    assert_eq!(
        messages["marks.Bill"].oneof_docs["means"],
        "How it is paid."
    );
    let plain = &messages["marks.Plain"].oneof_docs["means"];
    assert_eq!(plain, "A way to pay, as its type says it.");
    assert_eq!(compiled(&schema), as_proto_says(&schema));
    assert_eq!(Schema::parse(&schema.text()).unwrap(), schema);
    let openapi = schema.openapi("Old", "1");
    assert!(openapi.contains("\"deprecated\": true"), "{openapi}");
}
