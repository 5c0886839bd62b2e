//! Two programs that find each other, written without attributes because the service's name is an
//! argument: `found serve NAME` and `found call NAME`. They print when they are up and when the
//! response arrived, in microseconds of the machine's clock.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use micro::handler::{Method, MethodInfo, Served, Service, ServiceInfo};
use micro::prelude::*;
use micro_tests::{Answer, Ask, answer};

struct Named;

impl Service for Named {
    fn served() -> Vec<Served> {
        let name: &'static str = argument(2).leak();
        let hello = Method::unary("Hello", |_: Arc<Self>, _: Context, ask: Ask| async {
            Ok(answer(ask).await)
        });
        vec![Served::new(ServiceInfo::new(name, "greeter.Greeter")).method(hello)]
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let mut builder = App::builder().environment();
    if argument(1) == "serve" {
        builder = builder.service(Named);
    }
    let mut running = builder.build().await?.start().await?;
    println!("up {}", now());
    if argument(1) == "serve" {
        return running.wait().await;
    }
    let hello = Arc::new(MethodInfo::new(argument(2), "/greeter.Greeter/Hello").idempotent());
    let ask = Ask::default();
    let call = running.client().call::<Answer>(&hello, ask);
    let answer = call.timeout(Duration::from_secs(20)).await?;
    println!("answered {} by {}", now(), answer.process);
    running.stop().await;
    Ok(())
}

fn argument(number: usize) -> String {
    let argument = std::env::args().nth(number);
    argument.expect("found serve|call NAME")
}

fn now() -> u128 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.expect("it is after 1970").as_micros()
}
