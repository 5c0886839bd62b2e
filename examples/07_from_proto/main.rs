//! Services described by a `.proto` file. Prints
//!
//! ```text
//! shop.Payment is Serving
//! paid for tea; in the till: 250
//! paid for cake; in the till: 1000
//! shop.Payment is NotServing
//! unavailable: the till is full, come back tomorrow
//! not_found: no service `shop.Bakery`; known: `shop.Payment`
//! ```
//!
//! `build.rs` calls `micro_build::compile("07_from_proto/shop.proto")`, which needs no protobuf
//! compiler. Each service becomes a trait to implement and a client to call. Messages are plain
//! structs, a oneof is an enum with data, and an enum keeps numbers without a name.

use micro::prelude::*;
use tokio::sync::watch;

mod shop {
    micro::include_proto!("shop");
}

use shop::health_check_response::ServingStatus;
use shop::pay_request::{Card, Method};
use shop::{
    HealthCheckRequest, HealthCheckResponse, HealthClient, PayReply, PayRequest, PaymentClient,
};

const FULL: u32 = 1000;

/// One struct may implement several contracts.
#[micro::service]
struct Shop {
    #[micro(value = watch::Sender::new(0))]
    till: watch::Sender<u32>,
}

#[micro::service]
impl shop::Payment for Shop {
    async fn pay(&self, request: PayRequest) -> Result<PayReply> {
        let cents = match request.method {
            Some(Method::Cash(cents)) => cents,
            Some(Method::Card(card)) => card.cents,
            None => return Err(Error::invalid_argument("say how: `cash` or `card`")),
        };
        if *self.till.borrow() >= FULL {
            return Err(Error::unavailable("the till is full, come back tomorrow"));
        }
        self.till.send_modify(|till| *till += cents);
        let till = *self.till.borrow();
        Ok(PayReply { till })
    }
}

#[micro::service]
impl shop::Health for Shop {
    async fn check(&self, request: HealthCheckRequest) -> Result<HealthCheckResponse> {
        match status(&request.service, *self.till.borrow()) {
            ServingStatus::ServiceUnknown => Err(Error::not_found(format!(
                "no service `{}`; known: `shop.Payment`",
                request.service
            ))),
            status => Ok(HealthCheckResponse { status }),
        }
    }

    async fn watch(&self, request: HealthCheckRequest) -> Result<Streaming<HealthCheckResponse>> {
        let mut till = self.till.subscribe();
        Ok(Streaming::make(move |out| async move {
            let mut last = None;
            loop {
                let status = status(&request.service, *till.borrow_and_update());
                if last.replace(status) != Some(status) {
                    out.send(HealthCheckResponse { status }).await?;
                }
                if till.changed().await.is_err() {
                    return Ok(()); // The shop was dropped.
                }
            }
        }))
    }
}

fn status(service: &str, till: u32) -> ServingStatus {
    match service {
        "" | "shop.Payment" if till < FULL => ServingStatus::Serving,
        "" | "shop.Payment" => ServingStatus::NotServing,
        _ => ServingStatus::ServiceUnknown,
    }
}

#[micro::on(ready)]
async fn call(health: HealthClient, payment: PaymentClient, stop: Stop) -> Result<()> {
    let service = "shop.Payment".to_owned();
    let mut watched = health
        .watch(HealthCheckRequest { service })
        .remote()
        .await?;
    let tea = PayRequest {
        order: "tea".to_owned(),
        method: Some(Method::Cash(250)),
    };
    let cake = PayRequest {
        order: "cake".to_owned(),
        method: Some(Method::Card(Card {
            number: "4111".to_owned(),
            cents: 750,
        })),
    };
    if let Some(health) = watched.next().await {
        println!("shop.Payment is {:?}", health?.status);
    }
    for request in [tea.clone(), cake] {
        let order = request.order.clone();
        let reply = payment.pay(request).remote().await?;
        println!("paid for {order}; in the till: {}", reply.till);
    }
    if let Some(health) = watched.next().await {
        println!("shop.Payment is {:?}", health?.status);
    }
    if let Err(error) = payment.pay(tea).remote().await {
        println!("{}: {error}", error.kind());
    }
    let service = "shop.Bakery".to_owned();
    if let Err(error) = health.check(HealthCheckRequest { service }).remote().await {
        println!("{}: {error}", error.kind());
    }
    stop.now();
    Ok(())
}

fn main() {
    micro::run!()
}
