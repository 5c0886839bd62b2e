//! Typed errors: the caller matches on the error that the service returned. Prints
//!
//! ```text
//! 2 × tea
//! there are but 3 of `tea`
//! no product is called `coffee`, says the service (not_found)
//! the order failed: only 3 of `tea` are left
//! ```

use micro::prelude::*;

#[micro::message]
struct Order {
    name: String,
    count: u32,
}

/// Errors of orders. The caller receives the whole error: variant, fields, kind and text.
#[micro::error]
enum OrderError {
    #[micro(not_found, "no product is called `{name}`")]
    NoProduct { name: String },
    #[micro(failed_precondition, "only {0} of `{1}` are left")]
    SoldOut(u32, String),
    /// All other errors, such as an exceeded deadline.
    #[micro(other)]
    Other(Error),
}

#[micro::service]
struct Shop;

#[micro::service]
impl Shop {
    #[micro::rpc]
    async fn order(&self, order: Order) -> Result<Order, OrderError> {
        if order.name != "tea" {
            return Err(OrderError::NoProduct { name: order.name });
        }
        if order.count > 3 {
            return Err(OrderError::SoldOut(3, order.name));
        }
        Ok(order)
    }
}

#[micro::service]
struct Waiter {
    shop: ShopClient,
}

#[micro::service]
impl Waiter {
    /// `?` converts any error. The original error is kept.
    #[micro::rpc]
    async fn serve(&self, order: Order) -> Result<Order> {
        let order = self.shop.order(order).remote().await?;
        Ok(order)
    }
}

fn order(name: &str, count: u32) -> Order {
    Order {
        name: name.into(),
        count,
    }
}

#[micro::on(ready)]
async fn call(shop: ShopClient, waiter: WaiterClient, stop: Stop) -> Result<()> {
    for wanted in [order("tea", 2), order("tea", 7), order("coffee", 1)] {
        match shop.order(wanted).remote().await {
            Ok(order) => println!("{} × {}", order.count, order.name),
            Err(OrderError::SoldOut(left, name)) => println!("there are but {left} of `{name}`"),
            Err(error) => {
                let text = error.to_string();
                let kind = Error::from(error).kind();
                println!("{text}, says the service ({kind})");
            }
        }
    }
    let Err(error) = waiter.serve(order("tea", 4)).remote().await else {
        return Err(Error::internal("it is sold out"));
    };
    match error.downcast::<OrderError>() {
        Ok(error) => println!("the order failed: {error}"),
        Err(error) => println!("something else failed: {error}"),
    }
    stop.now();
    Ok(())
}

fn main() {
    micro::run!()
}
