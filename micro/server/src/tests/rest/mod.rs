//! A small shop over plain HTTP, called with the bytes that curl would send.

mod calls;
mod cors;
mod hostile;
mod media;
mod routes;
mod streams;

use super::*;
use micro_core::handler::{Sender, Streaming};
use micro_schema::http::HttpRule;

#[micro::message(package = "shop")]
#[derive(Debug, Clone, Default)]
struct Item {
    name: String,
    title: String,
    count: u32,
    photo: Vec<u8>,
}

#[micro::message(package = "shop")]
#[derive(Debug, Clone, Default)]
struct ListRequest {
    shelf: String,
    page_size: Option<u32>,
    tags: Vec<String>,
}

#[micro::message(package = "shop")]
#[derive(Debug, Clone, Default)]
struct ListReply {
    items: Vec<Item>,
    seen: String,
}

#[micro::message(package = "shop")]
#[derive(Debug, Clone, Default)]
struct CreateRequest {
    shelf: String,
    item: Item,
    note: String,
}

#[micro::message(package = "shop")]
#[derive(Debug, Clone, Default)]
struct NameRequest {
    name: String,
}

const LIST: &[HttpRule] = &[
    HttpRule::new("GET", "/v1/{shelf}/items"),
    HttpRule::new("POST", "/v1/{shelf}/items:search").body("*"),
];
const GET: &[HttpRule] = &[HttpRule::new("GET", "/v1/{name=shelves/*/items/**}")];
const CREATE: &[HttpRule] = &[HttpRule::new("POST", "/v1/{shelf}/items").body("item")];
const DELETE: &[HttpRule] = &[HttpRule::new("DELETE", "/v1/items/{name}")];
const TITLE: &[HttpRule] = &[
    HttpRule::new("GET", "/v1/items/{item.name}/title").response_body("title"),
    HttpRule::new("PUT", "/v1/items/{item.name}/title")
        .body("note")
        .response_body("title"),
];
const PHOTO: &[HttpRule] = &[HttpRule::new("PUT", "/v1/photos/{name}")
    .body("photo")
    .response_body("photo")];
const FAIL: &[HttpRule] = &[HttpRule::new("GET", "/v1/fail/{name}")];
const WAIT: &[HttpRule] = &[HttpRule::new("POST", "/v1/wait/{name}")];
const WATCH: &[HttpRule] = &[HttpRule::new("GET", "/v1/watch/{name}")];
const DOWNLOAD: &[HttpRule] = &[HttpRule::new("GET", "/{name=**}")];

fn methods() -> Vec<Method> {
    vec![
        Method::unary("List", list).http(LIST),
        Method::unary("Get", |_: Arc<Test>, _, NameRequest { name }| async {
            Ok(Item {
                name,
                ..Item::default()
            })
        })
        .http(GET),
        Method::unary(
            "Create",
            |_: Arc<Test>, _, CreateRequest { shelf, item, .. }| async move {
                let name = format!("{shelf}/{}", item.name);
                Ok(Item { name, ..item })
            },
        )
        .http(CREATE),
        Method::unary("Delete", |_: Arc<Test>, _, _: NameRequest| async { Ok(()) }).http(DELETE),
        Method::unary(
            "Title",
            |_: Arc<Test>, _, CreateRequest { item, note, .. }| async move {
                let title = format!("{} {note}", item.name);
                Ok(Item { title, ..item })
            },
        )
        .http(TITLE),
        Method::unary("Photo", |_: Arc<Test>, _, item: Item| async { Ok(item) }).http(PHOTO),
        Method::unary(
            "Fail",
            |_: Arc<Test>, context: Context, NameRequest { name }| async move {
                context.set_response_metadata("hint", "later")?;
                let kind = micro_message::error::ErrorKind::from_name(&name).unwrap();
                let detail = Detail::new("test.Text", [0x0a, 1, b'x']);
                Err::<(), _>(Error::new(kind, "no „x“").with_detail(detail))
            },
        )
        .http(FAIL),
        Method::unary(
            "Wait",
            |test: Arc<Test>, _, NameRequest { name }| async move {
                let _counted = Counted(Arc::clone(&test));
                test.started.fetch_add(1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(name.parse().unwrap())).await;
                Ok(())
            },
        )
        .http(WAIT),
        Method::server_stream("Watch", watch).http(WATCH),
        Method::unary("Download", |_: Arc<Test>, _, name: NameRequest| async {
            Ok(name)
        })
        .http(DOWNLOAD),
    ]
}

async fn list(_: Arc<Test>, context: Context, request: ListRequest) -> Result<ListReply> {
    context.set_response_metadata("answer", "42")?;
    let tenant = context.metadata().get("tenant").unwrap_or("-");
    let protocol = context.caller().protocol;
    let seen = format!(
        "{} {:?} {:?} {tenant} {protocol}",
        request.shelf, request.page_size, request.tags
    );
    let item = Item {
        name: "a".into(),
        ..Item::default()
    };
    Ok(ListReply {
        items: vec![item],
        seen,
    })
}

/// `3`: three items. `3!`: three items, then an error. `forever`: one item, then nothing.
async fn watch(parts: handler::Parts, request: NameRequest) -> Result<Streaming<Item>> {
    let test = parts.service::<Test>()?;
    if request.name == "none" {
        return Err(Error::not_found("nothing to watch"));
    }
    Ok(Streaming::make(move |out: Sender<Item>| async move {
        let _counted = Counted(Arc::clone(&test));
        test.started.fetch_add(1, Ordering::SeqCst);
        let end: u32 = request.name.trim_end_matches('!').parse().unwrap_or(1);
        for count in 1..=end {
            out.send(Item {
                count,
                ..Item::default()
            })
            .await?;
        }
        match request.name.as_str() {
            "forever" => std::future::pending().await,
            name if name.ends_with('!') => Err(Error::data_loss("no more")),
            _ => Ok(()),
        }
    }))
}

async fn shop() -> Served {
    Served::of(methods(), |_| {}).await
}

/// A response over HTTP/1.
#[derive(Debug)]
struct Plain {
    status: u16,
    head: String,
    body: String,
}

impl Plain {
    fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines();
        lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    fn message(&self) -> String {
        self.json()["message"].as_str().unwrap().to_owned()
    }
}

impl Served {
    /// Sends a request. `line` is the method and the target; each line of `headers` ends in CRLF.
    async fn http(&self, line: &str, headers: &str, body: &str) -> Plain {
        let length = if body.is_empty() {
            String::new()
        } else {
            format!("content-length: {}\r\n", body.len())
        };
        let request = format!(
            "{line} HTTP/1.1\r\nhost: shop:80\r\nconnection: close\r\n{length}{headers}\r\n{body}"
        );
        let response = self.raw(request.as_bytes()).await;
        let (head, body) = response.split_once("\r\n\r\n").unwrap_or((&response, ""));
        let status = head
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        Plain {
            status: status.unwrap_or(0),
            head: head.to_owned(),
            body: body.to_owned(),
        }
    }

    async fn get(&self, target: &str) -> Plain {
        self.http(&format!("GET {target}"), "", "").await
    }
}

const JSON: &str = "content-type: application/json\r\n";
