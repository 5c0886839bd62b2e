//! Rules and their methods, responses, and malicious input.

use super::*;

#[test]
fn parameters_are_listed_to_a_certain_depth() {
    let names = |bound: &Bound| -> Vec<String> {
        let parameters = bound.binding.parameters(&bound.types);
        parameters
            .into_iter()
            .map(|parameter| parameter.name)
            .collect()
    };
    let all = names(&bind("GET", "/v1/{id}", ""));
    for name in [
        "page_size",
        "item.name",
        "item.made_of.made_of.color",
        "labels",
        "ttl",
    ] {
        assert!(all.iter().any(|known| known == name), "{name}: {all:?}");
    }
    assert!(
        !all.iter()
            .any(|known| known == "id" || known.contains("parts")),
        "{all:?}"
    );
    assert_eq!(names(&bind("POST", "/v1/{id}", "*")), [""; 0]);
    let beside = names(&bind("POST", "/v1/{id}", "item"));
    assert!(
        !beside.iter().any(|known| known.starts_with("item")),
        "{beside:?}"
    );
}

#[test]
fn rules_that_do_not_fit_their_method_are_rejected_with_all_errors() {
    let rule = HttpRule::new;
    for (rule, expected) in [
        (
            rule("GET", "v1"),
            &["`v1` is not a path template: it must begin with `/`"] as &[&str],
        ),
        (rule("get", "/v1"), &["`get` is not an HTTP method"]),
        (rule("OPTIONS", "/v1"), &["`OPTIONS` is reserved by HTTP"]),
        (
            rule("GET", "/v1").body("*"),
            &["`GET` has no body; leave `body` out"],
        ),
        (
            rule("GET", "/{nope}"),
            &["`{nope}` cannot be filled: `shop.Request` has no such field"],
        ),
        (
            rule("GET", "/{pageSizes}"),
            &["known: `id`, `page_size`, `item`"],
        ),
        (
            rule("GET", "/{item}"),
            &["`{item}` cannot be filled: it is a message"],
        ),
        (rule("GET", "/{item.parts}"), &["lists of messages"]),
        (
            rule("GET", "/{tags}"),
            &["it has many values; a variable has one"],
        ),
        (
            rule("GET", "/{labels}"),
            &["it has many values; a variable has one"],
        ),
        (rule("GET", "/{tags.x}"), &["has no such field"]),
        (
            rule("POST", "/").body("x"),
            &["a segment is empty", "`body` names `x`"],
        ),
        (
            rule("POST", "/{text}").body("text"),
            &["`text` comes from the path `/{text}` and from the body"],
        ),
        (
            rule("POST", "/v1").body("item.name"),
            &["`body` names `item.name`"],
        ),
        (
            rule("P", "/{a}/{b}").body("c").response_body("d"),
            &[
                "`{a}`",
                "`{b}`",
                "`body` names `c`",
                "`response_body` names `d`, but `shop.Item`",
            ],
        ),
    ] {
        let problems = try_bind(&rule).err().unwrap_or_else(|| panic!("{rule}"));
        assert_eq!(problems.len(), expected.len(), "{rule}: {problems:?}");
        for (problem, expected) in problems.iter().zip(expected) {
            assert!(problem.contains(expected), "{rule}: {problem}");
        }
    }
}

#[test]
fn a_response_body_is_the_field_or_its_default() {
    let part = |name: &'static str, reply: &str| {
        let rule = HttpRule::new("GET", "/v1").response_body(name);
        let bound = try_bind(&rule).ok().unwrap();
        bound
            .binding
            .response(&bound.types, reply.as_bytes())
            .map(Into::<String>::into)
    };
    for (name, reply, expected) in [
        (
            "parts",
            r#"{"name":"a","parts":[{"name":"b"}]}"#,
            r#"[{"name":"b"}]"#,
        ),
        ("made_of", r#"{"madeOf":{"name":"b"}}"#, r#"{"name":"b"}"#),
        ("name", "{}", "\"\""),
        ("price", "{}", "0"),
        ("color", "{}", "\"COLOR_UNKNOWN\""),
        ("parts", "{}", "[]"),
        ("made_of", "{}", "null"),
        ("note", "{}", "null"),
        ("", r#"{"name":"a"}"#, r#"{"name":"a"}"#),
    ] {
        assert_eq!(part(name, reply).unwrap(), expected, "{name} {reply}");
    }
    assert!(part("name", "[]").is_err());
}

#[test]
fn malicious_queries_use_time_and_memory_in_proportion_to_their_length() {
    let list = bind("GET", "/v1/{id}", "");
    let many = vec!["tags=x"; 10_000].join("&");
    assert_eq!(
        list.request(&format!("/v1/1?{many}"), None)
            .unwrap()
            .tags
            .len(),
        10_000
    );
    let many: Vec<_> = (0..10_000)
        .map(|index| format!("labels[{index}]=1"))
        .collect();
    let request = list.request(&format!("/v1/1?{}", many.join("&")), None);
    assert_eq!(request.unwrap().labels.len(), 10_000);
    let deep = format!("/v1/1?item.{}name=x", "made_of.".repeat(29));
    assert!(list.request(&deep, None).is_ok());
    for (query, expected) in [
        (
            format!("item.{}name=x", "made_of.".repeat(10_000)),
            "deeper than 32 messages",
        ),
        (format!("{}=x", ".".repeat(50_000)), "no parameter"),
        (format!("labels{}=1", "[".repeat(50_000)), "no parameter"),
        (
            format!("page_size={}", "9".repeat(50_000)),
            "is not a whole 32-bit number",
        ),
        (
            format!("item.price=1e{}", "9".repeat(50_000)),
            "is not a number",
        ),
        ("&".repeat(50_000) + "x", "no parameter `x`"),
    ] {
        let message = list.refusal(&format!("/v1/1?{query}"), None);
        assert!(
            message.contains(expected) && message.len() < 1000,
            "{message}"
        );
    }
    let create = bind("PUT", "/v1/{id}", "*");
    let deep = format!(r#"{{"text":{}"#, "[".repeat(100_000));
    create.refusal("/v1/1", Some((Media::Json, &deep)));
}

#[test]
fn entries_are_charged_while_they_are_collected() {
    let whole = bind("POST", "/v1/{id}", "*");
    let gathered = |form: String, memory: usize| {
        let body = Some((Media::Form, Bytes::from(form)));
        whole
            .binding
            .request(&whole.types, ("/v1/7", ""), body, memory)
    };
    let map = |count: usize| {
        let entries = (0..count).map(|at| format!("labels[{at}]=1&"));
        entries.collect::<String>()
    };
    let list = |count: usize| "tags=&".repeat(count);
    for (form, memory) in [(map(300_000), 16 << 20), (list(600_000), 16 << 20)] {
        let error = gathered(form, memory).unwrap_err();
        let told = "the parameters so far need more memory than allowed";
        assert!(error.message().ends_with(told), "{error}");
    }
    for form in [map(1000), list(1000)] {
        gathered(form, 1 << 20).unwrap();
    }
}
