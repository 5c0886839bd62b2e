//! Whole apps in memory: injection, wraps, hooks, contracts, tests with attributes.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use micro::prelude::*;
use micro::testing::TestApp;

#[micro::message]
#[derive(Debug, PartialEq)]
struct Word {
    word: String,
}

fn word(word: impl Into<String>) -> Word {
    Word { word: word.into() }
}

/// What callers of the dictionary know.
#[micro::service(name = "attributes-dictionary", package = "attributes.v1")]
trait Dictionary {
    /// Explains a word.
    #[micro::rpc(idempotent)]
    async fn explain(&self, context: Context, request: Word) -> Result<Word>;

    /// Doubles a word.
    #[micro::rpc]
    async fn double(&self, request: Word) -> Result<Word> {
        Ok(word(request.word.repeat(2)))
    }
}

#[micro::service]
struct Pocket {
    #[micro(default)]
    asked: AtomicU32,
}

#[micro::service]
impl Dictionary for Pocket {
    async fn explain(&self, context: Context, request: Word) -> Result<Word> {
        let count = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
        let mark = context.metadata().get("x-mark").unwrap_or("none");
        Ok(word(format!("{}: {count}, {mark}", request.word)))
    }
}

#[micro::service(name = "attributes-reader", init = Reader::open)]
struct Reader {
    dictionary: DictionaryClient,
    greeting: String,
}

impl Reader {
    async fn open(dictionary: DictionaryClient) -> Result<Self> {
        tokio::task::yield_now().await;
        let greeting = "read".to_owned();
        Ok(Self {
            dictionary,
            greeting,
        })
    }
}

#[micro::service]
impl Reader {
    #[micro::rpc]
    async fn read(&self, request: Word) -> Result<Word> {
        let explained = self.dictionary.explain(request).await?;
        Ok(word(format!("{} {}", self.greeting, explained.word)))
    }

    /// Asks another service of this app itself, not its client.
    #[micro::rpc]
    async fn asked(&self, pocket: &Pocket) -> Result<Word> {
        Ok(word(pocket.asked.load(Ordering::SeqCst).to_string()))
    }

    #[micro::rpc]
    async fn fail(&self) -> Result<()> {
        Err(Error::failed_precondition("closed"))
    }
}

static RAN: Mutex<Vec<&'static str>> = Mutex::new(Vec::new());

#[micro::wrap(service = "attributes-dictionary", method = "explain")]
async fn mark(_pocket: &Pocket, mut call: Call, next: Next<'_>) -> Result<Response> {
    call.metadata_mut().insert("x-mark", "marked")?;
    next.run(call).await
}

#[micro::wrap(order = -1, service = "attributes-reader", method = "Fail")]
async fn answer_early(_call: Call, _next: Next<'_>) -> Result<Response> {
    Ok(Response::new(()))
}

#[micro::on(start)]
async fn begin(_reader: &Reader, _client: ReaderClient) -> Result<()> {
    RAN.lock().unwrap().push("start");
    Ok(())
}

#[micro::on(stop)]
async fn end() {
    RAN.lock().unwrap().push("stop");
}

#[micro::test(services = [Pocket, Reader])]
async fn services_are_made_and_call_each_other(
    reader: ReaderClient,
    dictionary: DictionaryClient,
) -> Result<()> {
    assert_eq!(reader.read(word("tea")).await?, word("read tea: 1, none"));
    assert_eq!(reader.asked().await?, word("1"));
    assert_eq!(dictionary.double(word("tea")).await?, word("teatea"));
    assert_eq!(reader.fail().await.unwrap_err().to_string(), "closed");
    Ok(())
}

#[micro::test(linked)]
async fn linked_wraps_surround_what_their_filters_name(reader: ReaderClient, pocket: &Pocket) {
    let read = reader.read(word("tea")).await.unwrap();
    assert_eq!(read, word("read tea: 1, marked"));
    assert_eq!(pocket.asked.load(Ordering::SeqCst), 1);
    reader.fail().await.unwrap();
}

#[tokio::test]
async fn linked_hooks_run_at_their_moments() {
    // Other tests of this binary run the same hooks, so count only what this app adds.
    let count = |name| {
        RAN.lock()
            .unwrap()
            .iter()
            .filter(|ran| **ran == name)
            .count()
    };
    let app = TestApp::builder().linked().start().await.unwrap();
    assert!(count("start") >= 1);
    let before = count("stop");
    app.stop().await;
    assert!(count("stop") > before);
}

#[micro::test(services = [Pocket])]
async fn apps_do_not_know_of_each_other(dictionary: DictionaryClient) -> Result<()> {
    assert_eq!(dictionary.explain(word("a")).await?, word("a: 1, none"));
    Ok(())
}

#[micro::test(services = [Pocket])]
#[should_panic(expected = "out of words")]
async fn an_error_fails_the_test() -> Result<()> {
    Err(Error::resource_exhausted("out of words"))
}

#[test]
fn a_contract_knows_its_names() {
    assert_eq!(DictionaryClient::INFO.name, "attributes-dictionary");
    assert_eq!(DictionaryClient::INFO.wire, "attributes.v1.Dictionary");
    assert_eq!(
        DictionaryClient::INFO.doc,
        "What callers of the dictionary know."
    );
}
