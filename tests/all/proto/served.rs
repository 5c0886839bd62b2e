//! Generated contracts, implemented and called.

use std::fs;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use micro::prelude::*;
use micro::schema::Schema;
use micro::testing::TestApp;
use micro::types::{Int32Value, StringValue};
use micro_tests::World;
use prost_reflect::{DescriptorPool, MethodDescriptor};

use super::POOL;
use super::generated::awkward::v1 as proto;
use super::generated::awkward::v1::tree::Branch;
use super::generated::awkward::v1::{Color, Contract, Kinds, Scalars};

#[micro::service]
struct Served;

#[micro::service]
impl Kinds for Served {
    async fn unary(&self, request: Scalars) -> Result<Scalars> {
        Ok(request)
    }

    async fn server(&self, request: Int32Value) -> Result<Streaming<Scalars>> {
        Ok(Streaming::make(move |out| async move {
            for int32 in 0..request.0 {
                let scalars = Scalars {
                    int32,
                    ..Scalars::default()
                };
                out.send(scalars).await?;
            }
            Ok(())
        }))
    }

    async fn client(&self, mut input: Streaming<Scalars>) -> Result<StringValue> {
        let mut text = String::new();
        while let Some(scalars) = input.next().await {
            text.push_str(&scalars?.string);
        }
        Ok(text.into())
    }

    async fn both(&self, input: Streaming<Branch>) -> Result<Streaming<Branch>> {
        Ok(input)
    }

    async fn silence(&self, mut input: Streaming<()>) -> Result<()> {
        while input.next().await.transpose()?.is_some() {}
        Ok(())
    }

    async fn later(&self, request: SystemTime) -> Result<Duration> {
        let since = request.duration_since(UNIX_EPOCH);
        since.map_err(|_| Error::invalid_argument("before the epoch"))
    }
}

#[micro::service]
impl Contract for Served {
    async fn new_(&self, _: proto::Nothing) -> Result<proto::Result> {
        Ok(proto::Result::default())
    }

    async fn connect_(&self, request: proto::Context) -> Result<proto::String> {
        Ok(proto::String {
            value: request.name,
            maybe: None,
        })
    }

    async fn r#type(&self) -> Result<()> {
        Ok(())
    }

    async fn get_it(&self, request: proto::Option) -> Result<proto::Vec> {
        Ok(proto::Vec {
            items: vec![request.string],
            raw: Vec::new(),
        })
    }

    async fn get_it_(&self, _: proto::Streaming_) -> Result<proto::Box> {
        Ok(proto::Box::default())
    }

    async fn self_(&self, _: proto::Self_) -> Result<proto::LowerCase> {
        Ok(proto::LowerCase { value: 7 })
    }
}

async fn app() -> TestApp {
    let builder = TestApp::builder().linked_service::<Served>();
    builder.start().await.unwrap()
}

#[tokio::test]
async fn all_four_kinds_are_called() -> Result<()> {
    let app = app().await;
    let client = proto::KindsClient::new(app.client());
    let scalars = Scalars {
        sint64: i64::MIN,
        color: Color::Unrecognized(-5),
        string: "a".to_owned(),
        ..Scalars::default()
    };
    assert_eq!(client.unary(scalars.clone()).await?, scalars);
    let mut stream = client.server(3.into()).await?;
    let mut numbers = Vec::new();
    while let Some(next) = stream.next().await {
        numbers.push(next?.int32);
    }
    assert_eq!(numbers, [0, 1, 2]);

    let (out, input) = Streaming::channel(4);
    out.send(scalars.clone()).await?;
    out.send(scalars).await?;
    drop(out);
    assert_eq!(client.client(input).await?.0, "aa");

    let (out, input) = Streaming::channel(1);
    let mut stream = client.both(input).await?;
    for _ in 0..2 {
        out.send(Branch::default()).await?;
        assert_eq!(stream.next().await.transpose()?, Some(Branch::default()));
    }
    drop(out);
    assert!(stream.next().await.is_none());

    let (out, input) = Streaming::channel(1);
    out.send(()).await?;
    drop(out);
    client.silence(input).await?;
    let later = UNIX_EPOCH + Duration::from_millis(1500);
    assert_eq!(client.later(later).await?, Duration::from_millis(1500));
    app.stop().await;
    Ok(())
}

#[tokio::test]
#[expect(deprecated, reason = "a method of the contract is")]
async fn methods_of_any_name_are_called() -> Result<()> {
    let app = app().await;
    let client = proto::ContractClient::new(app.client());
    client.new_(proto::Nothing {}).await?;
    let name = "n".to_owned();
    let reply = client.connect_(proto::Context { name }).await?;
    assert_eq!(reply.value, "n");
    client.r#type().await?;
    let string = "s".to_owned();
    assert_eq!(client.get_it(proto::Option { string }).await?.items, ["s"]);
    client.get_it_(proto::Streaming_::default()).await?;
    assert_eq!(client.self_(proto::Self_::default()).await?.value, 7);
    app.stop().await;
    Ok(())
}

#[test]
fn the_file_made_from_what_is_served_says_what_the_first_one_said() {
    let schema = Schema::of_service::<Served>().unwrap();
    let folder = World::new();
    let mut names = Vec::new();
    for (name, text) in schema.proto().unwrap() {
        let path = folder.root().join(&name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        names.push(name);
    }
    let mut compiler = protox::Compiler::new([folder.root()]).unwrap();
    compiler.include_imports(true).open_files(names).unwrap();
    let ours = compiler.descriptor_pool();
    for name in ["awkward.v1.Kinds", "awkward.v1.Contract"] {
        let methods = |pool: &DescriptorPool| -> Vec<String> {
            let service = pool.get_service_by_name(name).unwrap();
            let mut methods: Vec<_> = service.methods().map(|it| method(&it)).collect();
            methods.sort();
            methods
        };
        assert_eq!(methods(&ours), methods(&POOL));
    }
}

fn method(method: &MethodDescriptor) -> String {
    let options = method.method_descriptor_proto().options.as_ref();
    format!(
        "{} {} {} {} {} idempotent {} deprecated {}",
        method.full_name(),
        method.input().full_name(),
        method.is_client_streaming(),
        method.output().full_name(),
        method.is_server_streaming(),
        options.is_some_and(|it| it.idempotency_level.is_some_and(|level| level > 0)),
        options.is_some_and(|it| it.deprecated == Some(true)),
    )
}
