//! Pages of axum beside a service, on one port.
//!
//! ```text
//! $ MICRO_ADDRESS=127.0.0.1:8080 cargo run -q -p micro-examples --example 15_axum
//! ```
//!
//! and in another terminal:
//!
//! ```text
//! $ curl http://127.0.0.1:8080/
//! <h1>2 notes</h1>
//! $ curl -d 'buy tea' -H 'content-type: text/plain' http://127.0.0.1:8080/upload
//! stored as note 3
//! $ curl --json '{"id":3}' http://127.0.0.1:8080/notes.Notes/Get
//! {"id":3,"text":"buy tea"}
//! $ curl http://127.0.0.1:8080/admin/uptime
//! up, asked for /admin/uptime
//! $ curl http://127.0.0.1:8080/healthz
//! alive
//! ```

use std::sync::Mutex;

use axum::Extension;
use axum::http::StatusCode;
use axum::response::Html;
use axum::routing::{get, post};
use micro::client::Client;
use micro::prelude::*;
use micro::server::OriginalUri;

#[micro::message]
#[derive(Clone)]
struct Note {
    id: u32,
    text: String,
}

#[micro::message]
struct NoteId {
    id: u32,
}

#[micro::message]
struct Count {
    notes: u32,
}

#[micro::service]
struct Notes {
    #[micro(value = Mutex::new(vec!["call Ada".to_owned(), "write".to_owned()]))]
    notes: Mutex<Vec<String>>,
}

#[micro::service]
impl Notes {
    #[micro::rpc(idempotent)]
    async fn count(&self) -> Result<Count> {
        let notes = self.notes.lock().or_internal("the notes are in disorder")?;
        Ok(Count {
            notes: notes.len() as u32,
        })
    }

    #[micro::rpc(idempotent)]
    async fn get(&self, request: NoteId) -> Result<Note> {
        let notes = self.notes.lock().or_internal("the notes are in disorder")?;
        let text = notes.get((request.id as usize).wrapping_sub(1)).cloned();
        let text = text.ok_or_else(|| Error::not_found(format!("no note {}", request.id)))?;
        Ok(Note {
            id: request.id,
            text,
        })
    }

    #[micro::rpc]
    async fn add(&self, note: Note) -> Result<NoteId> {
        let mut notes = self.notes.lock().or_internal("the notes are in disorder")?;
        notes.push(note.text);
        Ok(NoteId {
            id: notes.len() as u32,
        })
    }
}

/// The app's client is in the extensions of each request. The call stays in this process.
async fn home(Extension(client): Extension<Client>) -> Result<Html<String>, StatusCode> {
    let count = NotesClient::new(client).count().await;
    let count = count.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    Ok(Html(format!("<h1>{} notes</h1>\n", count.notes)))
}

async fn upload(
    Extension(client): Extension<Client>,
    text: String,
) -> Result<String, (StatusCode, String)> {
    let added = NotesClient::new(client).add(Note { id: 0, text }).await;
    let added = added.map_err(|error| (StatusCode::BAD_REQUEST, error.to_string()))?;
    Ok(format!("stored as note {}\n", added.id))
}

/// A mounted router sees paths without the prefix.
async fn uptime(Extension(OriginalUri(uri)): Extension<OriginalUri>) -> String {
    format!("up, asked for {uri}\n")
}

fn main() {
    micro::run!(|app| {
        let pages = axum::Router::new()
            .route("/", get(home))
            .route("/upload", post(upload));
        let admin = axum::Router::new().route("/uptime", get(uptime));
        app.fallback(pages).mount("/admin", admin)
    })
}
