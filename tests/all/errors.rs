//! Typed errors: the caller matches on the enum that the service returned.

use micro::handler::{Method, Resources, Route, Service};
use micro::prelude::*;
use micro::schema::Types;
use micro::testing::TestApp;

#[micro::message(package = "errors")]
#[derive(Debug, PartialEq)]
struct Cart {
    id: u64,
}

/// What goes wrong with carts.
#[micro::error(package = "errors")]
enum CartError {
    /// There never was one.
    #[micro(not_found, "no cart `{id}`")]
    NoCart { id: u64 },
    #[micro(failed_precondition, "only {0} pieces of `{1}` are left")]
    SoldOut(u32, String),
    #[micro(aborted, "{0:?} changed")]
    Changed(Cart),
    #[micro(unavailable, "the shop is closed")]
    Closed,
    #[micro(other)]
    Other(Error),
}

/// The same error in an older program.
#[micro::error(package = "errors", name = "CartError")]
#[derive(PartialEq)]
enum OldError {
    #[micro(not_found, "there is no cart {id}")]
    NoCart { id: u64 },
}

#[micro::service(name = "errors-carts")]
struct Carts;

#[micro::service]
impl Carts {
    #[micro::rpc]
    async fn take(&self, request: Cart) -> Result<Cart, CartError> {
        match request.id {
            0 => Err(CartError::NoCart { id: 0 }),
            1 => Err(CartError::SoldOut(3, "tea".into())),
            2 => Err(CartError::Changed(request)),
            3 => Err(CartError::Closed),
            4 => Err(Error::data_loss("gone"))?,
            _ => Ok(request),
        }
    }

    /// Fails when it opens and when it ends.
    #[micro::rpc]
    async fn watch(
        &self,
        request: Cart,
    ) -> Result<impl Stream<Item = Result<Cart, CartError>>, CartError> {
        if request.id == 0 {
            return Err(CartError::NoCart { id: 0 });
        }
        let (out, stream) = Streaming::channel(2);
        out.send(Cart { id: 1 }).await?;
        out.fail(CartError::SoldOut(1, "tea".into()).into()).await?;
        Ok(Own(stream))
    }

    /// `?` converts any error.
    #[micro::rpc]
    async fn plain(&self, client: CartsClient, request: Cart) -> Result<Cart> {
        Ok(client.take(request).await?)
    }

    /// An enum without a variant for other errors.
    #[micro::rpc]
    async fn strict(&self) -> Result<(), OldError> {
        Err(OldError::NoCart { id: 7 })
    }
}

/// A stream whose errors are the enum.
struct Own(Streaming<Cart>);

impl Stream for Own {
    type Item = Result<Cart, CartError>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        let next = std::pin::Pin::new(&mut self.0).poll_next(cx);
        next.map(|next| next.map(|next| next.map_err(CartError::from)))
    }
}

#[micro::test(services = [Carts])]
async fn the_caller_matches_on_the_services_enum(carts: CartsClient) -> Result<()> {
    let take = async |id| carts.take(Cart { id }).await;
    assert!(matches!(take(0).await, Err(CartError::NoCart { id: 0 })));
    let Err(CartError::SoldOut(3, name)) = take(1).await else {
        panic!("not sold out");
    };
    assert_eq!(name, "tea");
    assert!(matches!(
        take(2).await,
        Err(CartError::Changed(Cart { id: 2 }))
    ));
    assert!(matches!(take(3).await, Err(CartError::Closed)));
    let Err(CartError::Other(other)) = take(4).await else {
        panic!("not another");
    };
    assert_eq!(other.kind(), ErrorKind::DataLoss);
    assert_eq!(take(5).await.unwrap(), Cart { id: 5 });
    Ok(())
}

#[micro::test(services = [Carts])]
async fn any_error_of_micro_gives_the_enum_back(carts: CartsClient) -> Result<()> {
    let error = carts.plain(Cart { id: 1 }).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::FailedPrecondition);
    assert_eq!(error.to_string(), "only 3 pieces of `tea` are left");
    let error = error.downcast::<OldError>().unwrap_err();
    assert!(matches!(error.typed(), Some(CartError::SoldOut(3, _))));
    let error = carts.strict().await.unwrap_err();
    assert_eq!(
        error.downcast::<OldError>().unwrap(),
        OldError::NoCart { id: 7 }
    );
    Ok(())
}

#[micro::test(services = [Carts])]
async fn errors_travel_in_streams(carts: CartsClient) -> Result<()> {
    let opened = carts.watch(Cart { id: 0 }).await;
    assert!(matches!(opened, Err(CartError::NoCart { id: 0 })));
    let mut stream = carts.watch(Cart { id: 1 }).await?;
    assert_eq!(stream.next().await.unwrap()?, Cart { id: 1 });
    let error = stream.next().await.unwrap().unwrap_err();
    assert!(matches!(error.downcast(), Ok(CartError::SoldOut(1, _))));
    assert!(stream.next().await.is_none());
    Ok(())
}

#[test]
fn a_variant_of_a_newer_service_is_kind_and_text() {
    let error = Error::from(CartError::Closed);
    let error = error.downcast::<OldError>().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(error.to_string(), "the shop is closed");
    let mangled =
        Error::aborted("x").with_detail(micro::error::Detail::new("errors.CartError", [7]));
    assert_eq!(
        mangled.downcast::<CartError>().unwrap_err().to_string(),
        "x"
    );
    let same = Error::from(CartError::NoCart { id: 1 });
    assert_eq!(
        same.downcast::<OldError>().unwrap(),
        OldError::NoCart { id: 1 }
    );
}

#[test]
fn details_are_readable_where_they_are_made() {
    let error = Error::from(CartError::SoldOut(1, "tea".into()));
    let [detail] = error.details() else {
        panic!("{error:?}")
    };
    assert_eq!(
        detail.json().unwrap(),
        r#"{"soldOut":{"value1":1,"value2":"tea"}}"#
    );
    let closed = Error::from(CartError::Closed);
    assert_eq!(closed.details()[0].json().unwrap(), r#"{"closed":{}}"#);
    assert_eq!(micro::error::Detail::new("a.B", [1]).json(), None);
}

#[test]
fn the_schema_names_the_errors_of_each_method() {
    let mut types = Types::default();
    let served = Carts::served();
    let describe = |name: &str, types: &mut Types| {
        let is_it = |method: &&Method| format!("{method:?}").contains(name);
        let method = served[0].iter().find(is_it).unwrap();
        let instance = std::sync::Arc::new(Carts);
        let route = Route::new(*served[0].info(), method, instance, Resources::new());
        route.describe_error(types)
    };
    assert_eq!(
        describe("\"Take\"", &mut types).unwrap(),
        "errors.CartError"
    );
    assert_eq!(
        describe("\"Watch\"", &mut types).unwrap(),
        "errors.CartError"
    );
    assert_eq!(describe("\"Plain\"", &mut types), None);
    let message = &types.messages()["errors.CartError"];
    assert_eq!(message.doc, "What goes wrong with carts.");
    let names: Vec<_> = message.fields.iter().map(|field| &*field.name).collect();
    assert_eq!(names, ["no_cart", "sold_out", "changed", "closed"]);
    assert_eq!(message.fields[0].doc, "There never was one.");
}

#[tokio::test]
async fn an_app_that_stops_is_another_error() {
    let app = TestApp::builder().service(Carts).start().await.unwrap();
    let client = CartsClient::new(app.client());
    app.stop().await;
    let error = client.take(Cart { id: 9 }).await.unwrap_err();
    assert!(matches!(error, CartError::Other(_)), "{error:?}");
}
