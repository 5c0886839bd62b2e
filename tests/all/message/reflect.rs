//! prost-reflect reads the descriptors, bytes and JSON.

use bytes::Bytes;
use micro::codec::Message;
use micro::schema::descriptor::FileDescriptorSet;
use micro::schema::{MethodDescriptor, ServiceDescriptor, Types};
use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage, SerializeOptions};
use serde_json::Value;

use super::model::{self, Level, Shape, Status, Torture};

const MEMORY: usize = 1 << 20;

fn pool(types: &Types) -> DescriptorPool {
    let mut bytes = Vec::new();
    FileDescriptorSet {
        file: micro::schema::files(types).unwrap(),
    }
    .encode(&mut bytes);
    DescriptorPool::decode(bytes.as_slice()).unwrap()
}

fn torture() -> (DescriptorPool, prost_reflect::MessageDescriptor) {
    let mut types = Types::default();
    let name = Torture::describe(&mut types);
    assert_eq!(types.conflicts(), []);
    let pool = pool(&types);
    let descriptor = pool.get_message_by_name(&name).unwrap();
    (pool, descriptor)
}

#[test]
fn descriptors_are_accepted_and_say_what_we_mean() {
    let (pool, message) = torture();
    let field = |name: &str| message.get_field_by_name(name).unwrap();
    assert!(field("by_name").is_map() && field("numbers").is_packed());
    assert!(field("maybe_int").supports_presence() && !field("int").supports_presence());
    assert_eq!(field("type").number(), 49);
    assert_eq!(
        field("page").kind().as_message().unwrap().full_name(),
        "torture.Page_Item"
    );
    let level = pool.get_enum_by_name("torture.Level").unwrap();
    assert_eq!(level.get_value(0).unwrap().name(), "LEVEL_UNSPECIFIED");
    let shape = pool.get_message_by_name("torture.Shape").unwrap();
    let oneof = shape.oneofs().next().unwrap();
    assert_eq!((oneof.name(), oneof.fields().len()), ("kind", 5));
    assert!(pool.get_message_by_name("torture.Shape.Rect").is_some());
    let comments: Vec<_> = pool
        .files()
        .filter_map(|file| file.file_descriptor_proto().source_code_info.clone())
        .flat_map(|info| info.location)
        .map(|location| location.leading_comments().to_owned())
        .collect();
    assert!(
        comments.contains(&" Everything a field can be.\n".to_owned()),
        "{comments:?}"
    );
    assert!(comments.contains(&" Text.\n".to_owned()), "{comments:?}");
}

#[test]
fn our_bytes_survive_a_trip_through_it() {
    let (_, descriptor) = torture();
    for message in [model::full(), model::sparse()] {
        let mut bytes = Vec::new();
        message.encode(&mut bytes);
        let theirs = DynamicMessage::decode(descriptor.clone(), bytes.as_slice()).unwrap();
        assert_eq!(theirs.unknown_fields().count(), 0);
        let back: Bytes = theirs.encode_to_vec().into();
        assert_eq!(Torture::decode(&back, MEMORY).unwrap(), message);
    }
}

#[test]
fn our_json_is_its_canonical_json() {
    let (_, descriptor) = torture();
    for message in [model::full(), model::sparse()] {
        let (mut bytes, mut json) = (Vec::new(), Vec::new());
        message.encode(&mut bytes);
        message.encode_json(&mut json).unwrap();
        let theirs = DynamicMessage::decode(descriptor.clone(), bytes.as_slice()).unwrap();
        let options = SerializeOptions::new();
        let mut canonical = Vec::new();
        let mut serializer = serde_json::Serializer::new(&mut canonical);
        theirs
            .serialize_with_options(&mut serializer, &options)
            .unwrap();
        let ours: Value = serde_json::from_slice(&json).unwrap();
        let canonical: Value = serde_json::from_slice(&canonical).unwrap();
        assert_eq!(ours, canonical);
        let mut deserializer = serde_json::Deserializer::from_slice(&json);
        let read = DynamicMessage::deserialize(descriptor.clone(), &mut deserializer).unwrap();
        assert_eq!(read, theirs);
    }
}

mod there {
    #[micro::message(package = "there")]
    pub(super) struct Uses {
        pub(super) leaf: super::Leaf,
    }
    #[micro::message(package = "there")]
    pub(super) struct Plain {}
}
#[micro::message(package = "here")]
struct Leaf {
    plain: there::Plain,
    level: Level,
    status: Option<Status>,
}

#[test]
fn services_and_packages_that_need_each_other_are_accepted() {
    let mut types = Types::default();
    let input = there::Uses::describe(&mut types);
    let output = <()>::describe(&mut types);
    let method = MethodDescriptor {
        name: "Do".to_owned(),
        input,
        output,
        client_streaming: false,
        server_streaming: true,
        doc: "Does it.".to_owned(),
        deprecated: true,
        idempotent: true,
        safe: false,
    };
    types.service(ServiceDescriptor {
        package: "here".to_owned(),
        name: "Doer".to_owned(),
        methods: vec![method],
        ..ServiceDescriptor::default()
    });
    let pool = pool(&types);
    let service = pool.get_service_by_name("here.Doer").unwrap();
    let method = service.methods().next().unwrap();
    assert!(method.is_server_streaming() && !method.is_client_streaming());
    assert_eq!(method.output().full_name(), "google.protobuf.Empty");
    let options = method.method_descriptor_proto().options.clone().unwrap();
    assert_eq!(options.deprecated, Some(true));
    let names: Vec<_> = pool.files().map(|file| file.name().to_owned()).collect();
    assert!(names.contains(&"here.Doer.proto".to_owned()), "{names:?}");
    assert!(names.contains(&"torture.proto".to_owned()), "{names:?}");
}

#[test]
fn one_name_for_two_types_is_reported() {
    mod other {
        #[micro::message(package = "torture")]
        pub(super) struct Item {}
    }
    let mut types = Types::default();
    Torture::describe(&mut types);
    other::Item::describe(&mut types);
    let [conflict] = types.conflicts() else {
        panic!("{:?}", types.conflicts())
    };
    assert_eq!(conflict.name, "torture.Item");
    assert!(conflict.to_string().contains("model::Item"), "{conflict}");
}

#[test]
fn messages_of_two_packages_that_contain_each_other_are_refused() {
    #[micro::message(package = "one")]
    struct One {
        two: Option<Box<Two>>,
    }
    #[micro::message(package = "two")]
    struct Two {
        one: Option<Box<One>>,
    }
    let mut types = Types::default();
    One::describe(&mut types);
    let error = micro::schema::files(&types).unwrap_err();
    assert!(
        error
            .message()
            .contains("`one.One` and `two.Two` contain each other"),
        "{error}"
    );
}

#[test]
fn what_others_leave_out_is_absent() {
    let (_, descriptor) = torture();
    let mut theirs = DynamicMessage::new(descriptor.clone());
    let shape = descriptor.get_field_by_name("shape").unwrap();
    let shape_type = shape.kind().as_message().unwrap().clone();
    let mut circle = DynamicMessage::new(shape_type);
    circle.set_field_by_name("circle", prost_reflect::Value::F64(9.0));
    theirs.set_field(&shape, prost_reflect::Value::Message(circle));
    let read = Torture::decode(&theirs.encode_to_vec().into(), MEMORY).unwrap();
    let expected = Torture {
        shape: Shape::Circle(9.0),
        ..model::sparse()
    };
    assert_eq!(read, expected);
}
