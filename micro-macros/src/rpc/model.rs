//! A checked method: its signature and the keys of `#[micro::rpc]`.

use std::time::Duration;

use proc_macro2::{Ident, TokenStream};
use syn::ext::IdentExt;
use syn::{Attribute, LitStr, Type, Visibility};

use crate::diag::Mistakes;
use crate::function::{self, Function};
use crate::inject::{self, Parameter};
use crate::names;
use crate::rpc::http::Rule;
use crate::rpc::parse::Keys;
use crate::rpc::streams::{self, Replies};
use crate::signature;

/// Names of methods that every client has.
const RESERVED_METHODS: &[&str] = &[
    "new",
    "connect",
    "with_version",
    "with_label",
    "clone",
    "fmt",
];

/// One callable method.
pub(crate) struct Method {
    pub(crate) ident: Ident,
    pub(crate) visibility: Visibility,
    /// `#[cfg]` attributes, for the table's entry and the client's method.
    pub(crate) cfgs: Vec<Attribute>,
    /// Doc comments, `#[deprecated]` and `#[allow]`, for the client's method.
    pub(crate) forwarded: Vec<Attribute>,
    pub(crate) doc: String,
    pub(crate) wire: LitStr,
    pub(crate) timeout: Option<Duration>,
    pub(crate) idempotent: bool,
    pub(crate) safe: bool,
    pub(crate) limit: Option<usize>,
    pub(crate) http: Vec<Rule>,
    /// The parameters before the request, without `self`.
    pub(crate) parameters: Vec<Parameter>,
    /// The type of the request; `None` for an empty request.
    pub(crate) request: Option<Type>,
    pub(crate) result: Type,
    /// The stream of replies, if the result contains an `impl Stream`.
    pub(crate) replies: Option<Replies>,
}

impl Method {
    /// Checks a function. `None` if a mistake prevents further checks.
    pub(crate) fn new(function: &Function, keys: Keys, mistakes: &mut Mistakes) -> Option<Self> {
        let (sig, attributes) = (&function.signature, &function.attributes);
        let name = sig.ident.unraw().to_string();
        signature::check(sig, "a method", mistakes);
        let is_taken = is_taken(&sig.ident);
        if is_taken {
            let message = format!(
                "the client already has a method `{name}`; rename the function and keep its name \
                 on the wire with `name = \"{}\"`",
                names::pascal(&name)
            );
            mistakes.on(&sig.ident, message);
        }
        let mut parameters = inject::parameters(sig, mistakes);
        let request = take_request(&mut parameters);
        refuse_http(&keys, request.as_ref(), mistakes);
        let Some(result) = signature::output(sig) else {
            let message = "a method must return a `Result`; write `-> Result<Reply>`, or \
                           `-> Result<()>` for an empty reply";
            mistakes.on(&sig.ident, message);
            return None;
        };
        let replies = streams::replies(&result, mistakes).ok()?;
        let has_impl = signature::find(&sig.inputs, "impl").is_some();
        if is_taken || has_impl || !sig.generics.params.is_empty() {
            return None;
        }
        let wire = match keys.name {
            Some(name) => name,
            None => wire_name(&sig.ident, mistakes),
        };
        Some(Self {
            ident: sig.ident.clone(),
            visibility: function.visibility.clone(),
            cfgs: function::cfgs(attributes),
            forwarded: function::select(attributes, &["doc", "deprecated", "allow"])
                .cloned()
                .collect(),
            doc: function::doc(attributes),
            wire,
            timeout: keys.timeout,
            idempotent: keys.idempotent,
            safe: keys.safe,
            limit: keys.limit,
            http: keys.http,
            parameters,
            request,
            result,
            replies,
        })
    }

    /// Replaces `Self` in all types, for code outside of the `impl`.
    pub(crate) fn replace_self(&mut self, service: &TokenStream) {
        let replace = |ty: &mut Type| signature::replace_self(ty, service);
        replace(&mut self.result);
        if let Some(replies) = &mut self.replies {
            replace(&mut replies.item);
            replace(&mut replies.outcome);
        }
        self.request.iter_mut().for_each(replace);
        for parameter in &mut self.parameters {
            parameter.replace_self(service);
        }
    }

    /// Whether the method has `#[deprecated]`.
    pub(crate) fn is_deprecated(&self) -> bool {
        function::select(&self.forwarded, &["deprecated"])
            .next()
            .is_some()
    }

    /// Whether a `#[cfg]` can remove the method.
    fn is_conditional(&self) -> bool {
        !self.cfgs.is_empty()
    }
}

/// Whether every client has a method of this name.
pub(super) fn is_taken(ident: &Ident) -> bool {
    RESERVED_METHODS.contains(&&*ident.unraw().to_string())
}

/// Rejects `http` on a method with a stream of requests, which plain HTTP does not support.
fn refuse_http(keys: &Keys, request: Option<&Type>, mistakes: &mut Mistakes) {
    let streams = request.is_some_and(|request| streams::requests(request).is_some());
    if let Some(rule) = keys.http.first().filter(|_| streams) {
        let message = "plain HTTP does not support a stream of requests; remove `http` or take a \
                       single request";
        mistakes.at(rule.span, message);
    }
}

/// Removes the request from the parameters: the last one, unless it comes from the call itself.
fn take_request(parameters: &mut Vec<Parameter>) -> Option<Type> {
    let is_request = match parameters.last()? {
        Parameter::Borrowed(_) => false,
        Parameter::Owned(ty) => !is_of_call(ty),
    };
    if !is_request {
        return None;
    }
    match parameters.pop() {
        Some(Parameter::Owned(ty)) => Some(ty),
        _ => None,
    }
}

// The number of parameters of the client's method must be known during expansion, when types are
// not resolved yet. The types are therefore recognized by name.
pub(super) fn is_of_call(ty: &Type) -> bool {
    let Type::Path(path) = ty else { return false };
    let names: Vec<_> = path
        .path
        .segments
        .iter()
        .map(|part| part.ident.to_string())
        .collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    matches!(
        &names[..],
        ["Context" | "Caller"]
            | ["micro", "Context" | "Caller"]
            | ["micro", "context" | "prelude", "Context" | "Caller"]
    )
}

fn wire_name(ident: &Ident, mistakes: &mut Mistakes) -> LitStr {
    let name = LitStr::new(&names::pascal(&ident.unraw().to_string()), ident.span());
    names::check_method(&name, mistakes);
    name
}

/// Rejects two methods with the same name, unless both have a `#[cfg]`.
pub(crate) fn check_unique(methods: &[Method], mistakes: &mut Mistakes) {
    for (at, method) in methods.iter().enumerate() {
        let (name, conditional) = (method.wire.value(), method.is_conditional());
        let taken = methods[..at]
            .iter()
            .any(|other| other.wire.value() == name && !(conditional && other.is_conditional()));
        if taken {
            let message = format!(
                "two methods are named `{name}` on the wire; rename one of them with \
                 `name = \"…\"`"
            );
            mistakes.on(&method.wire, message);
        }
    }
}
