//! CORS for Connect, gRPC-Web and REST: which pages of other origins may call this server.
//!
//! Native gRPC needs no CORS because browsers cannot send it.

use http::header::{
    ACCEPT_LANGUAGE, ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS,
    ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS,
    ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, ALLOW,
    HOST, HeaderMap, HeaderName, HeaderValue, ORIGIN, USER_AGENT, VARY,
};
use http::request::Parts;

use micro_message::error::{Error, Result};

/// Time in seconds for which a browser may cache a preflight response. No browser caches it longer.
const MAX_AGE: HeaderValue = HeaderValue::from_static("7200");

/// Response headers that a page may read without `access-control-expose-headers`.
const SAFE_HEADERS: &[&str] = &[
    "cache-control",
    "content-language",
    "content-length",
    "content-type",
    "expires",
    "last-modified",
    "pragma",
];

/// The origins from which a browser may call this server.
///
/// Listed origins may send credentials (cookies, client certificates). `*` allows every page,
/// without credentials.
///
/// # Examples
///
/// ```
/// use micro::server::Cors;
///
/// let cors = Cors::parse("https://shop.example, http://localhost:3000").unwrap();
/// assert_ne!(cors, Cors::none());
/// assert!(Cors::parse("https://shop.example/").is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cors(Origins);

#[derive(Debug, Clone, PartialEq, Eq, Default)]
enum Origins {
    #[default]
    None,
    Any,
    Listed(Vec<String>),
}

impl Cors {
    /// Allows no page of another origin. This is the default.
    pub const fn none() -> Self {
        Self(Origins::None)
    }

    /// Allows every page, without credentials.
    pub const fn any() -> Self {
        Self(Origins::Any)
    }

    /// Parses a comma-separated list of origins. `*` allows all origins, an empty text none.
    ///
    /// # Errors
    ///
    /// `InvalidArgument`, naming every invalid origin and what is wrong with it.
    pub fn parse(text: &str) -> Result<Self> {
        let parts: Vec<&str> = text
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .collect();
        match parts[..] {
            [] => return Ok(Self::none()),
            ["*"] => return Ok(Self::any()),
            _ => {}
        }
        let (mut origins, mut wrong) = (Vec::new(), Vec::new());
        for part in parts {
            match origin(part) {
                Ok(origin) => origins.push(origin),
                Err(why) => wrong.push(format!("`{}` {why}", part.escape_debug())),
            }
        }
        if wrong.is_empty() {
            return Ok(Self(Origins::Listed(origins)));
        }
        Err(Error::invalid_argument(format!(
            "{}; write origins such as `https://shop.example`, with commas",
            wrong.join(", ")
        )))
    }

    /// Whether responses need no CORS headers.
    pub(super) fn is_none(&self) -> bool {
        self.0 == Origins::None
    }

    fn allows(&self, origin: &HeaderValue) -> bool {
        match &self.0 {
            Origins::None => false,
            Origins::Any => true,
            Origins::Listed(origins) => origins.iter().any(|known| origin == known.as_str()),
        }
    }

    /// Returns the headers of the response to a preflight request, which has no body; `None` when
    /// the request is not a preflight. `answer` holds the headers of the response to a plain
    /// `OPTIONS`.
    pub(super) fn preflight(&self, request: &HeaderMap, answer: &HeaderMap) -> Option<HeaderMap> {
        let method = request.get(ACCESS_CONTROL_REQUEST_METHOD)?;
        // Without `allow`, for example at an unknown path, the preflight allows the requested
        // method: a browser shows the error of the actual request only to a page whose preflight
        // succeeded.
        let methods = answer.get(ALLOW).unwrap_or(method).clone();
        let mut headers = HeaderMap::new();
        for name in [
            ACCESS_CONTROL_REQUEST_METHOD,
            ACCESS_CONTROL_REQUEST_HEADERS,
        ] {
            headers.append(VARY, name.into());
        }
        headers.insert(ALLOW, methods.clone());
        if request
            .get(ORIGIN)
            .is_some_and(|origin| self.allows(origin))
        {
            headers.insert(ACCESS_CONTROL_ALLOW_METHODS, methods);
            headers.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE);
            if let Some(wanted) = request.get(ACCESS_CONTROL_REQUEST_HEADERS) {
                headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
            }
        }
        Some(headers)
    }

    /// Adds the headers that allow the page at `origin` to read the response.
    pub(super) fn allow(&self, origin: Option<&HeaderValue>, response: &mut HeaderMap) {
        if let Origins::Listed(_) = self.0 {
            response.append(VARY, ORIGIN.into());
        }
        let allowed = match (&self.0, origin) {
            // Sent even without an `origin` header, because a cache may serve this response to all
            // clients.
            (Origins::Any, _) => HeaderValue::from_static("*"),
            (_, Some(origin)) if self.allows(origin) => origin.clone(),
            _ => return,
        };
        if let Some(exposed) = exposed(response) {
            response.insert(ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
        }
        response.insert(ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        if self.0 != Origins::Any {
            let yes = HeaderValue::from_static("true");
            response.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, yes);
        }
    }

    /// Refuses requests of pages of other origins that are not allowed.
    ///
    /// A browser sends forms, plain text and empty bodies across origins without a preflight.
    /// Requests that may change something must therefore come from an allowed origin, from this
    /// server's own pages, or from outside a page.
    ///
    /// # Errors
    ///
    /// `PermissionDenied`, naming the origin and the setting.
    #[cfg(feature = "rest")]
    pub(super) fn check(&self, head: &Parts) -> Result<()> {
        use http::Method;
        if matches!(head.method, Method::GET | Method::HEAD | Method::OPTIONS) {
            return Ok(());
        }
        self.check_any(head)
    }

    /// Refuses browser requests to a host name that is not known to belong to this server. This
    /// prevents DNS rebinding.
    ///
    /// The owner of a domain can make its name resolve to this server's address while one of the
    /// domain's pages is open. The browser then treats that page and this server as the same
    /// origin, so no other check here helps. A request with a browser's headers (`origin`,
    /// `sec-fetch-…`) must therefore be addressed to an IP address, to `localhost`, to one of
    /// `names` or to a host of a listed origin, or it must come from a page of a listed origin.
    ///
    /// A browser sends neither of these headers with a GET to the page's own origin without TLS. On
    /// the loopback interface, where hardly anyone uses other names, `accept-language` and
    /// `user-agent: Mozilla/…` therefore count as a browser's headers, too: browsers send them with
    /// every request, and a page cannot remove them.
    ///
    /// # Errors
    ///
    /// `PermissionDenied`, naming the host and the setting.
    pub(super) fn check_host(
        &self,
        headers: &HeaderMap,
        uri: &http::Uri,
        (names, is_loopback): (&[String], bool),
    ) -> Result<()> {
        let marked = |name: &HeaderName| *name == ORIGIN || name.as_str().starts_with("sec-fetch-");
        let is_browser = || {
            headers.contains_key(ACCEPT_LANGUAGE)
                || headers
                    .get(USER_AGENT)
                    .is_some_and(|agent| agent.as_bytes().starts_with(b"Mozilla/"))
        };
        // No page sent this request: the user typed the address or opened a bookmark.
        let typed = headers.get(ORIGIN).is_none()
            && headers
                .get("sec-fetch-site")
                .is_some_and(|site| site == "none");
        let marked = headers.keys().any(marked) || (is_loopback && is_browser());
        if typed || !marked {
            return Ok(());
        }
        let host = host(headers, uri).unwrap_or_default();
        let name = name_of(host);
        let listed = match &self.0 {
            Origins::None => false,
            Origins::Any => true,
            Origins::Listed(origins) => origins.iter().any(|origin| is_at(origin, name)),
        };
        let origin = headers.get(ORIGIN);
        if listed
            || is_address_or_localhost(name)
            || names.iter().any(|known| known.eq_ignore_ascii_case(name))
            || origin.is_some_and(|origin| self.allows(origin))
        {
            return Ok(());
        }
        Err(Error::permission_denied(format!(
            "a page may not call this server by the name `{}`; if that is its name, put it into \
             the setting `cors` as an origin, such as `https://{}`, or set `advertise`",
            host.escape_debug(),
            if name.is_empty() {
                "shop.example".into()
            } else {
                name.escape_debug().to_string()
            }
        )))
    }

    /// Like `check`, but for requests that may change something regardless of their HTTP method.
    ///
    /// # Errors
    ///
    /// `PermissionDenied`, naming the origin and the setting.
    pub(super) fn check_any(&self, head: &Parts) -> Result<()> {
        let origin = head.headers.get(ORIGIN);
        if origin.is_some_and(|origin| self.allows(origin)) {
            return Ok(());
        }
        let own = match (head.headers.get("sec-fetch-site"), origin) {
            (Some(site), _) => site == "same-origin" || site == "none",
            (None, None) => true,
            (None, Some(origin)) => is_own(origin, head),
        };
        if own {
            return Ok(());
        }
        let origin = origin.map_or_else(
            || "another site".into(),
            |origin| {
                let text = String::from_utf8_lossy(origin.as_bytes());
                format!("`{}`", text.escape_debug())
            },
        );
        Err(Error::permission_denied(format!(
            "a page of {origin} may not call this server; the setting `cors` allows it"
        )))
    }
}

/// Whether the request was sent to the host of the origin.
fn is_own(origin: &HeaderValue, head: &Parts) -> bool {
    let host = host(&head.headers, &head.uri);
    let origin = origin
        .to_str()
        .ok()
        .and_then(|origin| origin.split_once("://"));
    origin.map(|(_, origin)| origin) == host && host.is_some()
}

/// Returns the host that a request was sent to, with its port.
fn host<'a>(headers: &'a HeaderMap, uri: &'a http::Uri) -> Option<&'a str> {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    host.or_else(|| uri.authority().map(http::uri::Authority::as_str))
}

/// Removes the port from a host, and the trailing dot of a fully qualified name.
fn name_of(host: &str) -> &str {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    name.strip_suffix('.').unwrap_or(name)
}

/// Whether the host cannot be made to resolve to another machine. Browsers resolve every name under
/// `localhost` to the local machine.
fn is_address_or_localhost(name: &str) -> bool {
    let v6 = name
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'));
    let name = name.to_ascii_lowercase();
    name == "localhost"
        || name.ends_with(".localhost")
        || name.parse::<std::net::Ipv4Addr>().is_ok()
        || v6.is_some_and(|v6| v6.parse::<std::net::Ipv6Addr>().is_ok())
}

/// Whether a listed origin has the given host.
fn is_at(origin: &str, name: &str) -> bool {
    let host = origin.split_once("://").map(|(_, host)| name_of(host));
    host.is_some_and(|host| host.eq_ignore_ascii_case(name))
}

/// Returns the names of the response headers that a page may read only if they are listed in
/// `access-control-expose-headers`.
fn exposed(headers: &HeaderMap) -> Option<HeaderValue> {
    let named = |name: &&str| {
        let own = name.starts_with("access-control-") || matches!(*name, "vary" | "date");
        !own && !SAFE_HEADERS.contains(name)
    };
    let names: Vec<&str> = headers
        .keys()
        .map(HeaderName::as_str)
        .filter(named)
        .collect();
    if names.is_empty() {
        return None;
    }
    HeaderValue::from_str(&names.join(", ")).ok()
}

/// Normalizes an origin to the form that browsers send, or returns what is wrong with it.
fn origin(text: &str) -> Result<String, &'static str> {
    let text = text.to_ascii_lowercase();
    if text == "*" {
        return Err("stands for all and stands alone");
    }
    let Some((scheme, host)) = text.split_once("://") else {
        return Err("has no scheme");
    };
    let in_scheme = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    if !scheme.starts_with(|c: char| c.is_ascii_alphabetic()) || !scheme.bytes().all(in_scheme) {
        return Err("has no scheme");
    }
    if host.contains(['/', '?', '#']) {
        return Err("has a path; an origin ends with host or port");
    }
    if host.contains('*') {
        return Err("has a `*`; name each host, or allow all with `*` alone");
    }
    if host.contains('@') {
        return Err("has a user; an origin has none");
    }
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => (name, Some(port)),
        _ => (host, None),
    };
    let in_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    let address = name
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'));
    let good = match address {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !name.is_empty() && name.bytes().all(in_name),
    };
    if !good {
        return Err("has no host; names with other letters are written in punycode");
    }
    let port = port.map(|port| port.parse::<u16>().map_err(|_| "has a port that is none"));
    let usual = match scheme {
        "https" => 443,
        "http" => 80,
        _ => 0,
    };
    // Browsers omit the default port.
    Ok(match port.transpose()?.filter(|port| *port != usual) {
        Some(port) => format!("{scheme}://{name}:{port}"),
        None => format!("{scheme}://{name}"),
    })
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::*;

    #[test]
    fn browser_is_recognized_on_loopback_without_the_marks_of_a_page() {
        let check = |mark, host, is_loopback| {
            let head = head(Method::GET, &[("host", host), mark]);
            let names = ["node-1.example".to_owned()];
            Cors::none().check_host(&head.headers, &head.uri, (&names, is_loopback))
        };
        for mark in [
            ("accept-language", "*"),
            ("user-agent", "Mozilla/5.0 (X11)"),
        ] {
            check(mark, "evil.example:80", true).unwrap_err();
            check(mark, "evil.example:80", false).unwrap();
            for own in ["localhost:80", "127.0.0.1:80", "node-1.example"] {
                check(mark, own, true).unwrap();
            }
        }
        check(("user-agent", "curl/8.5.0"), "shop.internal", true).unwrap();
    }

    #[test]
    fn names_that_may_lead_here_by_trickery_are_refused_to_browsers() {
        let cors = Cors::parse("https://shop.example:8443").unwrap();
        let names = ["node-1.example".to_owned()];
        let check = |cors: &Cors, headers: &[(&'static str, &'static str)]| {
            let head = head(Method::POST, headers);
            cors.check_host(&head.headers, &head.uri, (&names, false))
        };
        let (host, origin) = ("host", "origin");
        for good in [
            "127.0.0.1:80",
            "[::1]:80",
            "localhost",
            "LOCALHOST.:80",
            "a.localhost:80",
            "Node-1.example:1",
            "shop.example",
        ] {
            check(&cors, &[(host, good), (origin, "http://any.example")]).unwrap();
        }
        for bad in [
            "evil.example",
            "evil.example:80",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "evil-shop.example",
            "xlocalhost",
            "",
        ] {
            for mark in [(origin, "http://evil.example"), ("sec-fetch-mode", "cors")] {
                let error = check(&cors, &[(host, bad), mark]).unwrap_err();
                assert!(error.message().contains(&format!("`{bad}`")), "{error}");
                assert!(error.message().contains("setting `cors`"), "{error}");
                check(&Cors::any(), &[(host, bad), mark]).unwrap();
            }
            check(&cors, &[(host, bad)]).expect("not from a browser");
            check(&cors, &[(host, bad), ("sec-fetch-site", "none")]).expect("no page");
            let listed = (origin, "https://shop.example:8443");
            check(&cors, &[(host, bad), listed]).expect("a page that may call");
        }
    }

    #[test]
    fn settings_are_read() {
        for (text, expected) in [
            ("", Cors::none()),
            (" , ", Cors::none()),
            (" * ", Cors::any()),
        ] {
            assert_eq!(Cors::parse(text).unwrap(), expected, "{text}");
        }
        let cors = Cors::parse("https://A.example:443, http://[::1]:80,app://x:443,").unwrap();
        let listed = ["https://a.example", "http://[::1]", "app://x:443"];
        assert_eq!(
            cors,
            Cors(Origins::Listed(listed.map(str::to_owned).to_vec()))
        );
    }

    #[test]
    fn every_wrong_origin_is_named() {
        let error = Cors::parse("https://a.example, b.example, https://c.example/, *").unwrap_err();
        assert_eq!(
            error.message(),
            "`b.example` has no scheme, `https://c.example/` has a path; an origin ends with host \
             or port, `*` stands for all and stands alone; write origins such as \
             `https://shop.example`, with commas"
        );
        for bad in [
            "https://",
            "https://*.example",
            "https://u@a.example",
            "https://a.example:x",
            "https://a.example:99999",
            "https://a b",
            "https://bücher.example",
            "https://[::x]",
            "null",
            "://a",
            "1s://a",
        ] {
            assert!(Cors::parse(bad).is_err(), "{bad}");
        }
    }

    fn head(method: Method, headers: &[(&'static str, &'static str)]) -> Parts {
        let mut request = http::Request::new(());
        *request.method_mut() = method;
        for (name, value) in headers {
            request
                .headers_mut()
                .insert(*name, HeaderValue::from_static(value));
        }
        request.into_parts().0
    }

    #[test]
    fn pages_of_other_sites_cannot_change_anything_unless_they_are_allowed() {
        let cors = Cors::parse("https://a.example").unwrap();
        let (host, origin, site) = ("host", "origin", "sec-fetch-site");
        for (headers, good) in [
            (&[][..], true),
            (&[(site, "none")], true),
            (
                &[(origin, "https://evil.example"), (site, "same-origin")],
                true,
            ),
            (&[(host, "x:80"), (origin, "http://x:80")], true),
            (&[(origin, "https://a.example"), (site, "cross-site")], true),
            (&[(origin, "https://evil.example"), (host, "x")], false),
            (
                &[(origin, "https://evil.example"), (site, "cross-site")],
                false,
            ),
            (
                &[(origin, "https://b.a.example"), (site, "same-site")],
                false,
            ),
            (&[(host, "x:80"), (origin, "http://x:81")], false),
            (&[(origin, "null"), (host, "null")], false),
            (&[(origin, "https://evil.example")], false),
            (&[(site, "cross-site")], false),
        ] {
            let checked = cors.check(&head(Method::POST, headers));
            assert_eq!(checked.is_ok(), good, "{headers:?}");
            assert!(cors.check(&head(Method::GET, headers)).is_ok());
            assert!(Cors::any().check(&head(Method::POST, headers)).is_ok() || headers.len() == 1);
        }
        let error = cors.check(&head(Method::PUT, &[(origin, "https://evil.example")]));
        assert_eq!(
            error.unwrap_err().message(),
            "a page of `https://evil.example` may not call this server; the setting `cors` allows \
             it"
        );
    }
}
