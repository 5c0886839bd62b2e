//! Every shape of struct: tuple, unit, private, raw names, in bodies of functions.

#![deny(warnings)]

use micro::handler::Service;
use micro::prelude::*;

#[micro::message]
struct Hello {
    name: String,
}

#[micro::service]
struct Unit;

#[micro::service]
impl Unit {
    #[micro::rpc]
    async fn hello(&self, request: Hello) -> Result<Hello> {
        Ok(request)
    }
}

#[micro::service]
struct Tuple(#[micro(default)] u64, UnitClient, #[micro(value = 7)] u8);

#[micro::service]
impl Tuple {
    #[micro::rpc]
    async fn hello(&self, request: Hello) -> Result<Hello> {
        assert_eq!((self.0, self.2), (0, 7));
        self.1.hello(request).await
    }
}

#[allow(non_camel_case_types)]
#[micro::service(name = "raw", package = "")]
struct r#type {}

#[micro::service]
impl r#type {
    #[micro::rpc]
    async fn r#match(&self, r#fn: Hello) -> Result<Hello> {
        Ok(r#fn)
    }
}

mod inner {
    use super::Hello;
    use micro::Result;

    #[micro::service(init = Self_::make)]
    pub(super) struct Made {
        word: String,
    }

    use Made as Self_;

    impl Made {
        async fn make(unit: super::UnitClient) -> Result<Made> {
            let _ = unit;
            Ok(Made { word: "made".into() })
        }
    }

    #[micro::service]
    impl Made {
        #[micro::rpc]
        pub(super) async fn hello(&self, _: Hello) -> Result<Hello> {
            Ok(Hello { name: self.word.clone() })
        }
    }
}

#[micro::rpc(service = inner::Made)]
async fn elsewhere(made: &inner::Made, Hello { name }: Hello) -> Result<Hello> {
    made.hello(Hello { name }).await
}

fn main() {
    #[micro::service]
    struct Local;

    #[micro::service]
    impl Local {
        #[micro::rpc]
        async fn hello(&self, request: Hello) -> Result<Hello> {
            Ok(request)
        }
    }

    assert_eq!(LocalClient::INFO.wire, "local.Local");
    assert_eq!(typeClient::INFO.wire, "type");
    for (served, methods) in [
        (Unit::served(), 1),
        (Tuple::served(), 1),
        (r#type::served(), 1),
        (inner::Made::served(), 2),
        (Local::served(), 1),
    ] {
        assert_eq!(served.len(), 1);
        assert_eq!(served[0].iter().count(), methods);
    }
    let _ = inner::MadeClient::elsewhere;
}
