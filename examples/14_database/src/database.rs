//! A small pool for SQLite. A crate such as `sqlx` or `deadpool` has one that is ready.

use std::path::Path;
use std::sync::{Arc, Mutex};

use micro::prelude::*;
use rusqlite::Connection;

/// A database. Clones share it.
#[derive(Clone)]
pub struct Database(Arc<Mutex<Connection>>);

impl Database {
    /// Opens the file, and creates the table if the file is new.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref().to_owned();
        let text = format!("cannot open the database `{}`", path.display());
        blocking(move || {
            let connection = Connection::open(path)?;
            connection.execute_batch(
                "CREATE TABLE IF NOT EXISTS products (id INTEGER PRIMARY KEY, name TEXT NOT NULL)",
            )?;
            Ok::<_, rusqlite::Error>(Database(Arc::new(Mutex::new(connection))))
        })
        .await
        .or_error(ErrorKind::Unavailable, text)
    }

    /// Runs queries on a thread that may block.
    ///
    /// # Errors
    ///
    /// `Internal`, with SQLite's error as the source.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T> {
        let connection = Arc::clone(&self.0);
        blocking(move || {
            let connection = connection.lock().or_internal("a query has panicked")?;
            work(&connection).or_internal("the query failed")
        })
        .await
    }
}

/// Runs blocking work. A panic resumes in the caller.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(lost) => std::panic::resume_unwind(lost.into_panic()),
    }
}
