//! Path, query and body, and the fields that they fill.

use super::*;

#[test]
fn queries_fill_the_fields_that_the_path_does_not() {
    let list = bind("GET", "/v1/{id}/items", "");
    let request = list
        .request(
            "/v1/18446744073709551615/items?page_size=20&item.name=a%20b+c&item.madeOf.price=1.5\
             &tags=x&tags=&tags=%26&colors=COLOR_RED&colors=2&numbers=-9223372036854775808\
             &labels[a]=1&labels%5Bb.c%5D=2&exact=true&ttl=1.5s&token=_-8&text&&",
            None,
        )
        .unwrap();
    let made_of = Some(Box::new(Item {
        price: 1.5,
        ..Item::default()
    }));
    let expected = Request {
        id: u64::MAX,
        page_size: Some(20),
        item: Item {
            name: "a b c".into(),
            made_of,
            ..Item::default()
        },
        tags: vec!["x".into(), String::new(), "&".into()],
        colors: vec![Color::Red, Color::Blue],
        numbers: vec![i64::MIN],
        labels: BTreeMap::from([("a".into(), 1), ("b.c".into(), 2)]),
        exact: true,
        ttl: Duration::from_millis(1500),
        token: vec![0xff, 0xef],
        text: String::new(),
    };
    assert_eq!(request, expected);
    assert_eq!(
        list.request("/v1/1/items?pageSize=3", None)
            .unwrap()
            .page_size,
        Some(3)
    );
}

#[test]
fn errors_name_the_parameter_and_the_remedy() {
    let list = bind("GET", "/v1/{id}/items", "");
    for (query, expected) in [
        (
            "size=1",
            "no parameter `size`; known: `page_size`, `item.name`, `item.title`",
        ),
        ("item.x=1", "no parameter `item.x`; known: `page_size`"),
        ("page_size.x=1", "no parameter `page_size.x`"),
        (
            "id=1",
            "parameter `id`: `GET /v1/{id}/items` takes it from the path",
        ),
        (
            "page_size=1&page_size=2",
            "parameter `page_size`: it is given twice",
        ),
        (
            "pageSize=1&page_size=2",
            "parameter `page_size`: it is given twice",
        ),
        (
            "page_size=ten",
            "parameter `page_size`: `ten` is not a whole 32-bit number",
        ),
        (
            "page_size=",
            "parameter `page_size`: `` is not a whole 32-bit number",
        ),
        ("exact=1", "parameter `exact`: `1` is not `true` or `false`"),
        (
            "item=x",
            "parameter `item`: it is a message; give its fields, as `name.field`",
        ),
        (
            "item.parts=x",
            "parameter `item.parts`: lists of messages need a request body",
        ),
        (
            "item.parts.name=x",
            "parameter `item.parts.name`: lists of messages",
        ),
        (
            "labels=1",
            "parameter `labels`: it is a map; give its entries as `name[key]=value`",
        ),
        (
            "labels[a]=1&labels[a]=2",
            "parameter `labels[a]`: it is given twice",
        ),
        ("tags[0]=a", "parameter `tags[0]`: it is not a map"),
        ("text[0]=a", "parameter `text[0]`: it is not a map"),
        ("text=%ff", "parameter `text`: it is not UTF-8"),
        ("%zz=1", "parameter `%zz`: `%` needs two hexadecimal digits"),
        ("=1", "no parameter ``"),
        (".=1", "no parameter `.`"),
        ("item..name=1", "no parameter `item..name`"),
        ("[=1", "no parameter `[`"),
        ("]=1", "no parameter `]`"),
        ("%1b[31m=1", "no parameter `\\u{1b}[31m`"),
        (
            "item.color=GREEN",
            "known: COLOR_UNKNOWN, COLOR_RED, COLOR_BLUE",
        ),
        ("item.color=99999", "99999 is not a value of `shop.Color`"),
        ("ttl=soon", "`ttl`"),
        ("token=*", "not base64"),
    ] {
        let message = list.refusal(&format!("/v1/1/items?{query}"), None);
        assert!(message.contains(expected), "{query}: {message}");
    }
}

#[test]
fn errors_in_paths_name_the_variable() {
    let get = bind("GET", "/v1/{id}/{item.name=a/*}", "");
    for (path, expected) in [
        (
            "/v1/x/a/b",
            "`id` in the path: `x` is not an unsigned whole number",
        ),
        ("/v1/1/a/%ff", "`item.name` in the path: it is not UTF-8"),
        ("/v1/1/a/..", "`..` cannot be a value in a path"),
        ("/v1/1/a/%2e%2E", "`%2e%2E` cannot be a value in a path"),
        ("/v1/./a/b", "`.` cannot be a value in a path"),
    ] {
        let message = get.refusal(path, None);
        assert!(message.starts_with(expected), "{path}: {message}");
    }
    let request = get.request("/v1/1/a/%00%2F..%2f...", None).unwrap();
    assert_eq!(request.item.name, "a/\0%2F..%2f...");
}

#[test]
fn whole_bodies_are_passed_unchanged_and_the_path_wins() {
    let create = bind("POST", "/v1/items", "*");
    let body = r#" { "id": "7", "text": "x" } "#;
    let document = create
        .document("/v1/items", Some((Media::Json, body)))
        .unwrap();
    assert_eq!(document, body);
    assert_eq!(
        create.request("/v1/items", None).unwrap(),
        Request::default()
    );
    let message = create.refusal("/v1/items?text=x", Some((Media::Json, "{}")));
    let expected = "parameter `text`: `POST /v1/items` takes it from the body";
    assert_eq!(message, expected);

    let update = bind("PUT", "/v1/{id}/{item.name}", "*");
    for (body, title) in [
        (r#"{"id": 8, "item": {"name": "other", "title": "t"}}"#, "t"),
        (
            r#"{"item": {"title": "t", "name": ["not", {"even": "text"}]}}"#,
            "t",
        ),
        (r#"{"item": null}"#, ""),
        (r#"{"id": null, "item": {}}"#, ""),
        ("{}", ""),
        ("null", ""),
    ] {
        let request = update
            .request("/v1/7/a%22b", Some((Media::Json, body)))
            .unwrap();
        let Request { id, item, .. } = request;
        assert_eq!(
            (id, &*item.name, &*item.title),
            (7, "a\"b", title),
            "{body}"
        );
    }
    for body in [
        "",
        "[]",
        "7",
        "{",
        "{} {}",
        r#"{"item": 7}"#,
        r#"{"item": {}, "item": {}}"#,
    ] {
        let message = update.refusal("/v1/7/a", Some((Media::Json, body)));
        assert!(
            message.starts_with("cannot read the body as JSON: "),
            "{body}: {message}"
        );
    }
}

#[test]
fn a_body_of_one_field_cannot_fill_other_fields() {
    let create = bind("POST", "/v1/{id}/items", "item");
    let body = r#"{"title": "t", "parts": [{"name": "p"}]}"#;
    let request = create
        .request("/v1/7/items?text=x", Some((Media::Json, body)))
        .unwrap();
    assert_eq!(
        (request.id, &*request.text, &*request.item.title),
        (7, "x", "t")
    );
    assert_eq!(request.item.parts[0].name, "p");
    for body in [r#"{}, "id": 8"#, "{}}", "", "{", "\u{feff}{}"] {
        let message = create.refusal("/v1/7/items", Some((Media::Json, body)));
        assert!(
            message.starts_with("cannot read the body as JSON: "),
            "{body}: {message}"
        );
    }
    for query in ["item.title=x", "item.madeOf.name=x"] {
        let message = create.refusal(&format!("/v1/7/items?{query}"), None);
        assert!(
            message.contains("takes it from the body"),
            "{query}: {message}"
        );
    }
    assert_eq!(
        create.request("/v1/7/items", None).unwrap().item,
        Item::default()
    );

    let update = bind("PATCH", "/v1/{item.name=shelves/*}", "item");
    let body = Some((Media::Json, r#"{"title": "t", "name": "other"}"#));
    let item = update
        .request("/v1/shelves/1?exact=true", body)
        .unwrap()
        .item;
    assert_eq!((&*item.name, &*item.title), ("shelves/1", "t"));
    assert_eq!(
        update.request("/v1/shelves/1", None).unwrap().item.name,
        "shelves/1"
    );
}

#[test]
fn bodies_can_be_forms_texts_and_bytes() {
    let create = bind("POST", "/v1/{id}", "*");
    assert_eq!(create.binding.media(), [Media::Json, Media::Form]);
    let form = Some((Media::Form, "text=a+b&item.title=t&tags=1&tags=2"));
    let request = create.request("/v1/7", form).unwrap();
    assert_eq!(
        (&*request.text, &*request.item.title, request.tags.len()),
        ("a b", "t", 2)
    );
    let message = create.refusal("/v1/7", Some((Media::Form, "id=8")));
    assert!(message.contains("takes it from the path"), "{message}");

    let upload = bind("PUT", "/v1/{id}/token", "token");
    assert_eq!(upload.binding.media(), [Media::Json, Media::Bytes]);
    let request = upload.request("/v1/7/token?exact=true", Some((Media::Bytes, "\0\"é")));
    assert_eq!(request.unwrap().token, "\0\"é".as_bytes());
    let request = upload.request("/v1/7/token", Some((Media::Json, "\"AAE=\"")));
    assert_eq!(request.unwrap().token, [0, 1]);

    let write = bind("PUT", "/v1/{id}/text", "text");
    assert_eq!(write.binding.media(), [Media::Json, Media::Text]);
    let request = write.request("/v1/7/text", Some((Media::Text, "a\"\\\n\0")));
    assert_eq!(request.unwrap().text, "a\"\\\n\0");
    let listed = bind("PUT", "/v1/{id}/tags", "tags");
    assert_eq!(listed.binding.media(), [Media::Json]);
    let request = listed.request("/v1/7/tags", Some((Media::Json, r#"["a", "b"]"#)));
    assert_eq!(request.unwrap().tags, ["a", "b"]);
    let none = bind("DELETE", "/v1/{id}", "");
    assert!(
        none.refusal("/v1/7", Some((Media::Json, "{}")))
            .contains("takes no body")
    );
}

#[test]
fn errors_for_unknown_form_fields_list_the_known_ones() {
    let whole = bind("POST", "/v1/{id}", "*");
    let refusal = whole.refusal("/v1/7", Some((Media::Form, "text=n&nope=8")));
    assert!(
        refusal.contains("no parameter `nope`; known: `page_size`, "),
        "{refusal}"
    );
    assert!(
        refusal.contains("`item.made_of.") && !refusal.contains("`id`"),
        "{refusal}"
    );
    let json = whole.refusal("/v1/7", Some((Media::Form, r#"{"text": "a=b"}"#)));
    assert!(
        json.contains("add `-H 'content-type: application/json'`"),
        "{json}"
    );
    let query = whole.refusal("/v1/7?nope=8", None);
    assert!(query.contains("`POST /v1/{id}` takes none"), "{query}");
}
