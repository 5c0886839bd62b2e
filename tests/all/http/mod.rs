//! Plain HTTP by `google.api.http`: properties of every template, path, query and body.

mod properties;

use bytes::Bytes;
use micro::codec::{Message, Types};
use micro::schema::http::{Binding, HttpRule, Media, Template};
use proptest::prelude::*;

use self::properties::Request;

fn encoded(text: &str) -> String {
    let bytes = text.bytes().map(|byte| format!("%{byte:02x}"));
    bytes.collect::<Vec<_>>().concat()
}

const TEMPLATE: &str = "(/(a|b|%61|\\*|\\{x\\}|\\{y=a/\\*\\}|\\{z=\\*\\*\\})){1,4}(:a|:b)?";

const QUERY: &str = "((id|name|texts|part\\.name|part\\.inner\\.name|labels\\[a\\]|color|ttl|ratio|\
                     exact|x)=[0-9a-z%.+]{0,4}&?){0,3}";

const OBJECT: &str = "\\{(\"(id|name|part|texts|color)\":\
                      (1|\"a\"|null|\\{\\}|\\{\"name\":\"b\"\\}|\\[\\]),?){0,3}\\}[},a]?";

proptest! {
    #[test]
    fn any_text_is_a_template_or_names_its_mistake(text in "/?[a-c{}*=./:%2F?é]{0,20}") {
        properties::template(&text);
        if let Err(error) = Template::parse(&text) {
            prop_assert!(error.message().contains("(at character "), "{error}");
        }
    }

    #[test]
    fn any_path_is_found_in_a_tree_just_when_a_template_matches(
        templates in prop::collection::vec(TEMPLATE, 0..8),
        path in "(/(a|b|c|%61|%6|a:a)?){0,5}(:a|:b|:c|:)?",
    ) {
        let templates: Vec<&str> = templates.iter().map(String::as_str).collect();
        properties::lookup(&templates, &path);
    }

    #[test]
    fn any_request_is_refused_or_becomes_one_document(
        path in "/[0-9]{1,3}(/[a-c%2F.]{0,6}){0,2}(:set)?",
        query in QUERY,
        body in prop_oneof![
            "[{}\\[\\]\",:a-z0-9 ]{0,20}",
            OBJECT,
        ],
    ) {
        properties::binding(&path, &query, body.as_bytes());
    }

    #[test]
    fn any_text_comes_through_path_form_and_query(
        name in any::<String>(), text in any::<String>(), key in "[^\\[\\]]*",
    ) {
        prop_assume!(!matches!(name.as_str(), "" | "." | ".."));
        let mut types = Types::default();
        let request = Request::describe(&mut types);
        let path = format!("/7/{}", encoded(&name));
        let pairs = format!("texts={}&labels[{}]=1", encoded(&text), encoded(&key));
        let form = Some((Media::Form, Bytes::from(pairs.clone())));
        for (rule, query, body) in [
            (HttpRule::new("GET", "/{id}/{part.name}"), &*pairs, None),
            (HttpRule::new("POST", "/{id}/{part.name}").body("*"), "", form),
        ] {
            let binding = Binding::new(&rule, &types, (&request, &request)).unwrap();
            let document = binding.request(&types, (&path, query), body, 1 << 20).unwrap();
            let read = Request::decode_json(&document, 1 << 20).unwrap();
            prop_assert_eq!((read.id, &read.part.name), (7, &name));
            prop_assert_eq!(read.texts, [text.as_str()]);
            prop_assert_eq!(read.labels.get(&key), Some(&1));
        }
    }
}
