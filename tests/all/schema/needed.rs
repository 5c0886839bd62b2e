//! Required fields: the schema's `required` matches what decoders require, and a change is found
//! that makes them refuse old messages.

use micro::codec::Message;
use micro::schema::check::Affected;
use micro::schema::{Report, Schema};

const MEMORY: usize = 1 << 16;

/// An enum with data.
#[micro::message(package = "needed")]
#[derive(Debug, Clone, PartialEq)]
enum Shape {
    A(f64),
    B(f64),
}

/// An enum without a variant for zero.
#[micro::message(package = "needed")]
#[derive(Debug, Clone, Copy, PartialEq)]
enum Unit {
    Metre = 1,
    Mile = 2,
}

#[micro::message(package = "needed")]
#[derive(Debug, Clone, Copy, Default, PartialEq)]
enum Open {
    #[default]
    None,
    #[micro(other)]
    Other(i32),
}

/// The same message in several builds.
macro_rules! versions {
    ($($module:ident { $($field:tt)* })*) => { $(
        mod $module {
            #[allow(unused_imports, reason = "not all of them are in each version")]
            use super::{Open, Shape, Unit};

            #[micro::message(package = "needed", name = "Thing")]
            #[derive(Debug, Clone, PartialEq)]
            pub(super) struct Thing { pub(super) name: String, $($field)* }
        }
    )* };
}

versions! {
    plain {}
    optional { pub(super) shape: Option<Shape> }
    shaped { pub(super) shape: Shape }
    boxed { pub(super) shape: Box<Shape> }
    measured { pub(super) unit: Unit }
    maybe_measured { pub(super) unit: Option<Unit> }
    open { pub(super) open: Open, pub(super) units: Vec<Unit> }
}

/// Whether a decoder accepts a message without the fields that the version adds. The answer is the
/// same for bytes and JSON.
fn takes_less<M: Message>() -> bool {
    let bytes = M::decode(&Vec::new().into(), MEMORY).is_ok();
    assert_eq!(bytes, M::decode_json(b"{}", MEMORY).is_ok());
    bytes
}

fn schema<M: Message>() -> Schema {
    // As if it were committed and read again.
    let schema = Schema::default().with::<M>().unwrap();
    Schema::parse(&schema.text()).unwrap()
}

fn check<Old: Message, New: Message>() -> Report {
    Schema::check(&schema::<Old>(), &schema::<New>())
}

#[test]
fn a_field_is_required_if_its_readers_refuse_a_message_without_it() {
    fn is_true_of<M: Message>() {
        let schema = schema::<M>();
        let messages = schema.messages();
        let fields = &messages["needed.Thing"].fields;
        let required = fields.iter().any(|field| field.required);
        assert_eq!(!required, takes_less::<M>(), "{}", schema.text());
    }
    is_true_of::<plain::Thing>();
    is_true_of::<optional::Thing>();
    is_true_of::<shaped::Thing>();
    is_true_of::<boxed::Thing>();
    is_true_of::<measured::Thing>();
    is_true_of::<maybe_measured::Thing>();
    is_true_of::<open::Thing>();
    assert!(!takes_less::<boxed::Thing>() && !takes_less::<measured::Thing>());
}

#[test]
fn what_is_asked_for_harms_whoever_does_not_send_it() {
    for (report, place) in [
        (check::<plain::Thing, shaped::Thing>(), "needed.Thing.shape"),
        (check::<plain::Thing, boxed::Thing>(), "needed.Thing.shape"),
        (
            check::<optional::Thing, shaped::Thing>(),
            "needed.Thing.shape",
        ),
        (
            check::<plain::Thing, measured::Thing>(),
            "needed.Thing.unit",
        ),
        (
            check::<maybe_measured::Thing, measured::Thing>(),
            "needed.Thing.unit",
        ),
    ] {
        let [finding] = report.findings() else {
            panic!("{report}")
        };
        assert_eq!(finding.place, place);
        for whom in [Affected::OldCallers, Affected::StoredData, Affected::Json] {
            assert!(finding.breaks(whom), "{report}");
        }
    }
    for report in [
        check::<plain::Thing, optional::Thing>(),
        check::<plain::Thing, maybe_measured::Thing>(),
        check::<plain::Thing, open::Thing>(),
        check::<shaped::Thing, optional::Thing>(),
        check::<measured::Thing, maybe_measured::Thing>(),
    ] {
        assert!(report.is_compatible(), "{report}");
    }
}

#[test]
fn enums_and_choices_say_what_they_are() {
    let (shaped, open) = (schema::<shaped::Thing>(), schema::<open::Thing>());
    assert!(shaped.messages()["needed.Shape"].choice);
    assert!(!shaped.messages()["needed.Thing"].choice);
    let enums = open.enums();
    let (open, unit) = (enums["needed.Open"], enums["needed.Unit"]);
    assert!(open.catch_all && !unit.catch_all);
    assert!(unit.values[0].placeholder && !open.values[0].placeholder);
}
